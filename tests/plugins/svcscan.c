// svcscan: records of the control manager, in their chain or taken out of it, whole or damaged.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define VADS UINT64_C(0xffffa00031000000)

enum {
	HEAP = 0x2000000,
	HEAP_BYTES = 0x4000,
	APART = 0x400, // from one record to the next
	BUILD_19041 = 19041,
	STOPPED = 1,
	RUNNING = 4,
};

static uint64_t field(const struct fx *fx, const char *type, const char *path)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, path, &member));
	return member.offset;
}

static void put(struct fx_tables *tables, uint64_t va, uint64_t value, size_t size)
{
	fx_write(tables, va, &value, size);
}

static void region_create(struct fx *fx, const struct fx_object *process)
{
	uint64_t node = VADS + 0x100;
	struct member private;
	fx_map_fresh(&fx->tables, VADS);
	put(&fx->tables, process->va + field(fx, "_EPROCESS", "VadRoot.Root"), node, 8);
	fx_write(&fx->tables, node - 12, "VadS", 4);
	put(&fx->tables, node + field(fx, "_MMVAD_SHORT", "StartingVpn"), HEAP / PAGE_SIZE, 4);
	put(&fx->tables, node + field(fx, "_MMVAD_SHORT", "EndingVpn"),
		(HEAP + HEAP_BYTES - 1) / PAGE_SIZE, 4);
	assert_true(
		profile_member(fx->profile, "_MMVAD_SHORT", "u.VadFlags.PrivateMemory", &private));
	put(&fx->tables, node + private.offset, 1u << private.bit, 4);
}

// A list without any hive.
static void hives_create(struct fx *fx)
{
	uint64_t head = fx_symbol(fx, "CmpHiveListHead");
	fx_map_fresh(&fx->tables, head & ~(uint64_t)(PAGE_SIZE - 1));
	put(&fx->tables, head, head, 8);
	put(&fx->tables, head + 8, head, 8);
}

static struct fx_object manager_create(struct fx *fx)
{
	hives_create(fx);
	struct fx_object p = fx_process(fx, .pid = 600, .name = "services.exe", .user = true);
	fx->session.identity.build = BUILD_19041;
	region_create(fx, &p);
	for (uint64_t at = 0; at < HEAP_BYTES; at += PAGE_SIZE)
		fx_map_fresh(&p.tables, HEAP + at);
	return p;
}

static void text_put(struct fx_object *p, uint64_t va, const char *text)
{
	for (; *text; text++, va += 2)
		put(&p->tables, va, (uint8_t)*text, 2);
}

// The nth record, a service that is started on demand; its header, its name behind it.
static uint64_t record_create(
	struct fx_object *p, unsigned n, const char *name, uint32_t state, uint64_t previous)
{
	uint64_t va = HEAP + n * APART;
	struct fx_tables *t = &p->tables;
	put(t, va + 0x10, previous, 8);
	put(t, va + 0x20, n + 1, 4); // order
	put(t, va + 0x24, 3, 4);     // start
	put(t, va + 0x38, va + 0x200, 8);
	put(t, va + 0x40, va + 0x280, 8);
	put(t, va + 0x48, 16, 4); // type: a process of its own
	put(t, va + 0x4c, state, 4);
	put(t, va + 0x128, va + 0x1a0, 8);
	put(t, va + 0x1a0 + 0x18, va + 0x300, 8); // of the process: its command line
	put(t, va + 0x1a0 + 0x28, 777, 4);        // and pid
	text_put(p, va + 0x200, name);
	text_put(p, va + 0x280, "for people");
	text_put(p, va + 0x300, "C:\\a.exe -s");
	fx_write(t, va + 0x180, "serH", 4);
	put(t, va + 0x190, va, 8);
	return va;
}

static void service_that_runs_has_a_process(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	uint64_t first = record_create(&p, 0, "first", RUNNING, 0);
	record_create(&p, 1, "second", STOPPED, first);

	expect_rows(fx, "svcscan",
		"offset     order  pid  start                 state            type                "
		"       name    display     binary        found_by\n"
		"0x2000000  1      777  SERVICE_DEMAND_START  SERVICE_RUNNING  "
		"SERVICE_WIN32_OWN_PROCESS  first   for people  C:\\a.exe -s  chain+scan\n"
		"0x2000400  2      -    SERVICE_DEMAND_START  SERVICE_STOPPED  "
		"SERVICE_WIN32_OWN_PROCESS  second  for people  -             chain+scan\n"
		"# services of process 600: read as those of Windows 10 2004 x64: 2 of 2 tags lead "
		"to one\n");
}

static void record_taken_out_of_the_chain_is_told(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	uint64_t first = record_create(&p, 0, "first", STOPPED, 0);
	uint64_t second = record_create(&p, 1, "second", STOPPED, first);
	record_create(&p, 2, "hidden", STOPPED, second);
	record_create(&p, 4, "last", STOPPED, record_create(&p, 3, "third", STOPPED, second));

	expect_rows(fx, "svcscan",
		"name    found_by\n"
		"first   chain+scan\n"
		"second  chain+scan\n"
		"hidden  scan\n"
		"third   chain+scan\n"
		"last    chain+scan\n"
		"# 5 of 5 tags\n"
		"# services of process 600: 1 records are not in the chain of 4\n");
}

static void of_two_newest_records_the_later_is_in_the_chain(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	uint64_t first = record_create(&p, 0, "first", STOPPED, 0);
	record_create(&p, 2, "last", STOPPED, first);
	record_create(&p, 1, "hidden", STOPPED, first);

	expect_rows(fx, "svcscan",
		"name    found_by\n"
		"first   chain+scan\n"
		"hidden  scan\n"
		"last    chain+scan\n"
		"# 3 of 3 tags\n"
		"# services of process 600: 1 records are not in the chain of 2\n");
}

static void record_without_header_is_found_by_the_chain(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	uint64_t first = record_create(&p, 0, "first", STOPPED, 0);
	record_create(&p, 1, "second", STOPPED, first);
	put(&p.tables, first + 0x180, 0, 4);

	expect_rows(fx, "svcscan",
		"name    found_by\n"
		"second  chain+scan\n"
		"first   chain\n"
		"# 1 of 1 tags\n");
}

static void chain_that_loops_ends(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	uint64_t first = record_create(&p, 0, "first", STOPPED, HEAP + APART);
	record_create(&p, 1, "second", STOPPED, first);

	expect_rows(fx, "svcscan",
		"name    found_by\n"
		"first   chain+scan\n"
		"second  chain+scan\n"
		"# 2 of 2 tags\n");
}

static void records_overrule_the_build(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	record_create(&p, 0, "first", STOPPED, 0);
	fx->session.identity.build = 9600;

	expect_rows(fx, "svcscan",
		"name   state\n"
		"first  SERVICE_STOPPED\n"
		"# which fits better than the build's: 1 of 1 tags\n");
}

static void row_survives_a_missing_page(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	uint64_t first = record_create(&p, 0, "first", RUNNING, 0);
	put(&p.tables, first + 0x38, HEAP + 2 * PAGE_SIZE, 8);
	put(&p.tables, first + 0x128, HEAP + 2 * PAGE_SIZE, 8);
	fx_drop_user_page(fx, &p, HEAP + 2 * PAGE_SIZE);

	expect_rows(fx, "svcscan",
		"order  pid  state            name  display     binary\n"
		"1      ?    SERVICE_RUNNING  ?     for people  ?\n"
		"# 0 of 1 tags\n");
}

static void tag_without_a_record_is_left_out(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = manager_create(fx);
	fx_write(&p.tables, HEAP + 0x100, "serH", 4);
	put(&p.tables, HEAP + 0x110, UINT64_C(0xdeadbeefcafe), 8);
	fx_write(&p.tables, HEAP + HEAP_BYTES - 8, "serH", 4);

	expect_rows(fx, "svcscan",
		"name\n"
		"# 0 of 2 tags\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(service_that_runs_has_a_process),
		cmocka_unit_test(record_taken_out_of_the_chain_is_told),
		cmocka_unit_test(of_two_newest_records_the_later_is_in_the_chain),
		cmocka_unit_test(record_without_header_is_found_by_the_chain),
		cmocka_unit_test(chain_that_loops_ends),
		cmocka_unit_test(records_overrule_the_build),
		cmocka_unit_test(row_survives_a_missing_page),
		cmocka_unit_test(tag_without_a_record_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
