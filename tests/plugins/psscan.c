// psscan: processes by their pool tag, listed or not.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define CREATED "2024-03-14T13:26:53"
#define POOL UINT64_C(0xffffa00010000000)
#define POOL32 0x86000000u

enum { NAME_INFO = 2, QUOTA_INFO = 8 };

static void put_member(
	struct fx *fx, uint64_t va, const char *type, const char *field, uint64_t value)
{
	struct member member;
	if (!profile_member(fx->profile, type, field, &member))
		return;
	if (member.kind == MEMBER_BITS)
		value <<= member.bit;
	uint8_t bytes[8];
	memcpy(bytes, &value, 8);
	fx_write(&fx->tables, va + member.offset, bytes, MIN(member.size, 8u));
}

static uint32_t type_size(const struct fx *fx, const char *type)
{
	return profile_type_size(fx->profile, type);
}

static uint32_t body_offset(const struct fx *fx)
{
	struct member member;
	assert_true(profile_member(fx->profile, "_OBJECT_HEADER", "Body", &member));
	return member.offset;
}

static uint32_t rounded(const struct fx *fx, uint32_t size)
{
	return (size + 2 * fx->pointer - 1) / (2 * fx->pointer) * (2 * fx->pointer);
}

static uint32_t optional_size(const struct fx *fx, unsigned mask)
{
	return (mask & NAME_INFO ? type_size(fx, "_OBJECT_HEADER_NAME_INFO") : 0) +
	       (mask & QUOTA_INFO ? type_size(fx, "_OBJECT_HEADER_QUOTA_INFO") : 0);
}

static void put_pool_header(struct fx *fx, uint64_t block, const char *tag, uint32_t size)
{
	uint32_t value = load_u32(tag);
	put_member(fx, block, "_POOL_HEADER", "BlockSize", size / (2 * fx->pointer));
	fx_write(&fx->tables, block + 4, &value, 4);
}

// A process whose pool block starts at `block`; its _EPROCESS is where the headers end.
static struct fx_object pool_process(
	struct fx *fx, uint64_t block, unsigned mask, const char *tag, struct fx_process wish)
{
	uint32_t header = type_size(fx, "_POOL_HEADER");
	uint32_t front = header + optional_size(fx, mask) + body_offset(fx);
	wish.at = block + front;
	struct fx_object process = fx_process_add(fx, &wish);
	struct member list;
	assert_true(profile_member(fx->profile, "_EPROCESS", "ThreadListHead", &list));
	uint64_t head = process.va + list.offset;
	put_member(fx, process.va, "_EPROCESS", "ThreadListHead.Flink", head);
	put_member(fx, process.va, "_EPROCESS", "ThreadListHead.Blink", head);
	put_member(fx, process.va - body_offset(fx), "_OBJECT_HEADER", "InfoMask", mask);
	put_pool_header(fx, block, tag, front + rounded(fx, type_size(fx, "_EPROCESS")));
	return process;
}

static void map_pool(struct fx *fx, uint64_t va, unsigned pages)
{
	for (unsigned i = 0; i < pages; i++)
		fx_map_fresh(&fx->tables, va + i * PAGE_SIZE);
}

static void unlisted_process_is_found_once(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	map_pool(fx, POOL, 2);
	pool_process(fx, POOL, 0, "Proc",
		(struct fx_process){ .pid = 4240, .name = "hidden.exe", .created = CREATED });
	pool_process(fx, POOL + PAGE_SIZE, NAME_INFO | QUOTA_INFO, "Proc",
		(struct fx_process){ .pid = 500, .name = "listed.exe", .created = CREATED });
	fx_forward(fx, fx->processes, fx_process(fx, .pid = 8, .name = "x").link);

	expect_rows(fx, "psscan",
		"pid   name        offset\n"
		"4240  hidden.exe  0xffffa00010000040\n"
		"500   listed.exe  0xffffa00010001080\n"
		"#does not point back\n");
}

static void list_and_scan_are_told_apart(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	map_pool(fx, POOL, 1);
	pool_process(fx, POOL, 0, "Proc",
		(struct fx_process){ .pid = 500, .name = "both.exe", .created = CREATED });

	expect_rows(fx, "psscan",
		"pid  found_by\n"
		"500  list+scan\n");
}

static void implausible_blocks_are_left_out(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	map_pool(fx, POOL, 6);
	pool_process(fx, POOL, 0, "Proc",
		(struct fx_process){ .pid = 501, .name = "oddpid.exe", .created = CREATED });
	pool_process(fx, POOL + 0x1000, 0, "Proc",
		(struct fx_process){ .pid = 504, .name = "notime.exe" });
	pool_process(fx, POOL + 0x2000, 0, "Proc",
		(struct fx_process){ .pid = 508,
			.name = "back.exe",
			.created = CREATED,
			.exited = "2023-01-01T00:00:00" });
	pool_process(fx, POOL + 0x3000, 0, "Proc",
		(struct fx_process){
			.pid = 512, .name = "noroot", .created = CREATED, .no_root = true });
	pool_process(fx, POOL + 0x4000, 0, "Porc",
		(struct fx_process){ .pid = 516, .name = "tag.exe", .created = CREATED });
	pool_process(fx, POOL + 0x5000, 0, "Proc",
		(struct fx_process){ .pid = 520, .name = "size.exe", .created = CREATED });
	put_pool_header(fx, POOL + 0x5000, "Proc", 512);

	expect_rows(fx, "psscan", "pid  name\n");
}

static void system_needs_no_creation_time(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	map_pool(fx, POOL, 1);
	pool_process(fx, POOL, 0, "Proc", (struct fx_process){ .pid = 4, .name = "System" });

	expect_rows(fx, "psscan",
		"pid  name    created\n"
		"4    System  -\n");
}

// The block begins in one page and ends in another that lies elsewhere in physical memory.
static void object_across_scattered_pages_is_read_through_the_kernel(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_map_fresh(&fx->tables, POOL);
	fx_frame(&fx->memory); // what lies behind physically is another's
	fx_map_fresh(&fx->tables, POOL + PAGE_SIZE);
	pool_process(fx, POOL + 0xe00, 0, "Proc",
		(struct fx_process){
			.pid = 500, .name = "across.exe", .created = CREATED, .threads = 7 });

	expect_rows(fx, "psscan",
		"pid  name        threads  offset\n"
		"500  across.exe  7        0xffffa00010000e40\n");
}

static void object_that_the_kernel_does_not_map_is_physical(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	uint64_t frame = fx_map_fresh(&fx->tables, POOL);
	pool_process(fx, POOL, 0, "Proc",
		(struct fx_process){ .pid = 500, .name = "freed.exe", .created = CREATED });
	fx_unmap(&fx->tables, POOL);
	char expected[256];
	snprintf(expected, sizeof expected,
		"pid  name       physical\n"
		"500  freed.exe  0x%llx\n"
		"#list broken\n#list broken\n",
		(unsigned long long)frame + 0x40);

	expect_rows(fx, "psscan", expected);
}

// Before Windows 8 the tag is protected and the object lies at the end of its block.
static void protected_tags_are_found_on_older_windows(void **state)
{
	(void)state;
	static const char *const profiles[] = { "win7-sp1-x86", "xp-sp3-x86" };
	for (size_t i = 0; i < ARRAY_LENGTH(profiles); i++) {
		FX_WINDOWS(fx, profiles[i]);
		map_pool(fx, POOL32, 1);
		pool_process(fx, POOL32 + 0x100, NAME_INFO, "Pro\xe3",
			(struct fx_process){ .pid = 500, .name = "old.exe", .created = CREATED });

		expect_rows(fx, "psscan",
			"pid  name     found_by\n"
			"500  old.exe  list+scan\n");
	}
}

static void pid_option_selects(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	map_pool(fx, POOL, 2);
	pool_process(fx, POOL, 0, "Proc",
		(struct fx_process){ .pid = 500, .name = "a.exe", .created = CREATED });
	pool_process(fx, POOL + PAGE_SIZE, 0, "Proc",
		(struct fx_process){ .pid = 504, .name = "b.exe", .created = CREATED });

	expect_rows(fx, "psscan --pid 504",
		"pid  name\n"
		"504  b.exe\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unlisted_process_is_found_once),
		cmocka_unit_test(list_and_scan_are_told_apart),
		cmocka_unit_test(implausible_blocks_are_left_out),
		cmocka_unit_test(system_needs_no_creation_time),
		cmocka_unit_test(object_across_scattered_pages_is_read_through_the_kernel),
		cmocka_unit_test(object_that_the_kernel_does_not_map_is_physical),
		cmocka_unit_test(protected_tags_are_found_on_older_windows),
		cmocka_unit_test(pid_option_selects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
