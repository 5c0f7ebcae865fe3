// threads, thrdscan: what a thread's members mean in builds that keep them differently.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define CREATED UINT64_C(133548964130000000) // 2024-03-14T13:26:53
#define THREAD UINT64_C(0x86400000)

enum { PID = 500, TID = 504, HEADERS = 8 + 24 };

static void put(struct fx *fx, uint64_t va, const char *type, const char *field, uint64_t value)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, field, &member));
	fx_write(&fx->tables, va + member.offset, &value, MIN(member.size, 8u));
}

static uint64_t member_at(struct fx *fx, uint64_t va, const char *type, const char *field)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, field, &member));
	return va + member.offset;
}

// A process with one thread, which keeps this as the time at which it was made.
static void thread_with_time(struct fx *fx, uint64_t kept)
{
	struct fx_object process = fx_process(fx, .pid = PID, .name = "a.exe");
	uint64_t head = member_at(fx, process.va, "_EPROCESS", "ThreadListHead");
	fx_map_fresh(&fx->tables, THREAD);
	uint64_t link = member_at(fx, THREAD, "_ETHREAD", "ThreadListEntry");
	fx_forward(fx, head, link);
	fx_backward(fx, head, link);
	fx_forward(fx, link, head);
	fx_backward(fx, link, head);
	put(fx, THREAD, "_ETHREAD", "Cid.UniqueProcess", PID);
	put(fx, THREAD, "_ETHREAD", "Cid.UniqueThread", TID);
	put(fx, THREAD, "_ETHREAD", "CreateTime", kept);
}

// The low bits count faults until 2003 without a service pack; a member that both have tells
// nothing of it.
static void time_is_read_as_the_build_keeps_it(void **state)
{
	(void)state;
	static const struct {
		const char *profile;
		uint64_t kept;
	} cases[] = {
		{ "xp-sp3-x86", CREATED << 3 | 5 },
		{ "win2003-sp0-x86", CREATED << 3 },
		{ "win2003-sp1-x86", CREATED },
		{ "win2003-sp2-x86", CREATED },
		{ "vista-sp0-x86", CREATED },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		FX_WINDOWS(fx, cases[i].profile);
		thread_with_time(fx, cases[i].kept);

		expect_rows(fx, "threads",
			"pid  tid  created\n"
			"500  504  2024-03-14T13:26:53.000000Z\n");
	}
}

// A block of the pool that ends with a thread of System, which has no time.
static void pool_thread(struct fx *fx, uint64_t block, uint64_t process, uint32_t tid)
{
	uint32_t size = (profile_type_size(fx->profile, "_ETHREAD") + 7) / 8 * 8;
	uint64_t thread = block + HEADERS;
	uint16_t units = (uint16_t)((HEADERS + size) / 8);
	fx_map_fresh(&fx->tables, block);
	fx_write(&fx->tables, block + 2, &units, 2);
	fx_write(&fx->tables, block + 4, "Thre", 4);
	put(fx, thread, "_ETHREAD", "Cid.UniqueProcess", 4);
	put(fx, thread, "_ETHREAD", "Cid.UniqueThread", tid);
	put(fx, thread, "_ETHREAD", "ThreadsProcess", process);
}

// "...GetThreadContext" in a table of names reads like the pool block of a thread.
static void thread_of_no_process_is_none(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "xp-sp3-x86");
	fx_process(fx, .pid = 4, .name = "System");
	pool_thread(fx, THREAD, 0x86500020, 8);
	pool_thread(fx, THREAD + PAGE_SIZE, 0x646e4165, 12);

	expect_rows(fx, "thrdscan",
		"pid  tid  eprocess\n"
		"4    8    0x86500020\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thread_of_no_process_is_none),
		cmocka_unit_test(time_is_read_as_the_build_keeps_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
