// Objects in pool blocks: where the object is, and of which type.
// SPDX-License-Identifier: Apache-2.0
#include "out/out.h"
#include "run/run.h"
#include "samples/forge/isf_layout.h"
#include "tests/fx/fx.h"
#include "tests/fx/test.h"
#include "win/shared.h"
#include "win/vad_fields.h"
#include <eidetic/scan.h>

#define POOL UINT64_C(0xffffa00010000000)
#define TYPES UINT64_C(0xffffa00020000000)

enum { NAME_INFO = 2, TYPE_FILE = 37, TYPE_EVENT = 16, FOUND_MAX = 16, FILE_BEGINS = 5 };

// ---- asking ---------------------------------------------------------------------------------

// What the plugin below looks for, and what it was given: tests run one at a time.
static ei_pool_wish wished;
static uint64_t found[FOUND_MAX];
static size_t found_count;

static const ei_column columns[] = { { "object", EI_ADDR, "the object" } };

static ei_error *look(ei_run *run)
{
	ei_iter it = ei_pool_hits(run, &wished);
	for (file_object f = ei_handle(run, file_object); ei_next(&it, &f);) {
		assert_true(found_count < FOUND_MAX);
		found[found_count++] = f.obj.va;
	}
	return NULL;
}

static const ei_plugin looker = {
	EI_HEAD(looker),
	.purpose = "objects in pool blocks",
	EI_COLUMNS(columns),
	.run = look,
};

static void look_for(struct fx *fx, const ei_pool_wish *wish)
{
	EI_OWNED(row_sink) sink = NULL;
	struct option_values options = { 0 };
	struct run_wish run = { .plugin = &looker, .options = &options };
	struct run_result result = { 0 };
	struct out_wish out = { .renderer = "none", .stream = stdout };
	wished = *wish;
	found_count = 0;
	fx_memory_open(&fx->memory);
	shared_drop(fx->session.shared);
	fx->session.image = fx->memory.image;
	assert_null(shared_create(&fx->session.shared));
	assert_null(out_create(&out, &sink));
	assert_null(run_plugin(&fx->session, &run, sink, &result));
	assert_null(result.failure);
}

static void look_for_files(struct fx *fx)
{
	const ei_pool_wish files = {
		.tag = "File", .has_header = true, .object_type = "File", .type = &file_object_spec
	};
	look_for(fx, &files);
}

// ---- making ---------------------------------------------------------------------------------

static uint32_t type_size(const struct fx *fx, const char *type)
{
	return profile_type_size(fx->profile, type);
}

static void put(struct fx *fx, uint64_t va, const char *type, const char *field, uint64_t value,
	size_t size)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, field, &member));
	fx_write(&fx->tables, va + member.offset, &value, size);
}

static void map_if_new(struct fx *fx, uint64_t va)
{
	if (!load_u64(fx->memory.bytes + fx_entry_at(&fx->tables, va, 0)))
		fx_map_fresh(&fx->tables, va & ~UINT64_C(0xfff));
}

// A type of that number: an object with a name, and its place in the table.
static void make_type(struct fx *fx, unsigned number, const char *name)
{
	uint64_t type = TYPES + number * PAGE_SIZE, text = type + 0x800;
	uint64_t entry = fx_symbol(fx, "ObTypeIndexTable") + number * 8;
	map_if_new(fx, type);
	map_if_new(fx, entry);
	for (size_t i = 0; name[i]; i++)
		fx_write(&fx->tables, text + 2 * i, &name[i], 1);
	uint32_t lengths = (uint32_t)strlen(name) * 2 * 0x10001;
	fx_write(&fx->tables, entry, &type, 8);
	struct member member;
	assert_true(profile_member(fx->profile, "_OBJECT_TYPE", "Name", &member));
	fx_write(&fx->tables, type + member.offset, &lengths, 4);
	fx_write(&fx->tables, type + member.offset + 8, &text, 8);
}

static void make_types(struct fx *fx, uint8_t cookie)
{
	make_type(fx, TYPE_FILE, "File");
	make_type(fx, TYPE_EVENT, "Event");
	map_if_new(fx, fx_symbol(fx, "ObHeaderCookie"));
	fx_write(&fx->tables, fx_symbol(fx, "ObHeaderCookie"), &cookie, 1);
}

static void put_index(struct fx *fx, uint64_t header, unsigned type, uint8_t cookie)
{
	put(fx, header, "_OBJECT_HEADER", "TypeIndex", type ^ cookie ^ (header >> 8 & 0xff), 1);
}

// A block with an object behind its headers; the object's address.
static uint64_t make_object(
	struct fx *fx, uint64_t block, bool named, unsigned type, uint8_t cookie)
{
	struct member body;
	assert_true(profile_member(fx->profile, "_OBJECT_HEADER", "Body", &body));
	uint32_t name = named ? type_size(fx, "_OBJECT_HEADER_NAME_INFO") : 0;
	uint64_t header = block + type_size(fx, "_POOL_HEADER") + name;
	uint64_t object = header + body.offset;
	uint64_t end = (object + type_size(fx, "_FILE_OBJECT") + 15) / 16 * 16;
	map_if_new(fx, block);
	map_if_new(fx, end);
	uint16_t units = (uint16_t)((end - block) / 16);
	fx_write(&fx->tables, block + 2, &units, 1);
	fx_write(&fx->tables, block + 4, "File", 4);
	put(fx, header, "_OBJECT_HEADER", "InfoMask", named ? NAME_INFO : 0, 1);
	put_index(fx, header, type, cookie);
	put(fx, object, "_FILE_OBJECT", "Type", FILE_BEGINS, 2);
	put(fx, object, "_FILE_OBJECT", "Size", type_size(fx, "_FILE_OBJECT"), 2);
	return object;
}

// ---- claims ---------------------------------------------------------------------------------

static void objects_of_the_type_are_given(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	make_types(fx, 0x5a);
	uint64_t plain = make_object(fx, POOL, false, TYPE_FILE, 0x5a);
	make_object(fx, POOL + 0x400, false, TYPE_EVENT, 0x5a);
	uint64_t named = make_object(fx, POOL + 0x800, true, TYPE_FILE, 0x5a);

	look_for_files(fx);
	assert_int_equal(found_count, 2);
	assert_int_equal(found[0], plain);
	assert_int_equal(found[1], named);
}

static void cookie_of_zero_still_leaves_the_address(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	make_types(fx, 0);
	uint64_t object = make_object(fx, POOL + 0x700, false, TYPE_FILE, 0);

	look_for_files(fx);
	assert_int_equal(found_count, 1);
	assert_int_equal(found[0], object);
}

// In front of the object header, the name's header has a mask of 0 and a number where TypeIndex
// would be: an object header without optional headers, for who believes the mask alone.
static void optional_headers_are_not_taken_for_the_object_header(void **state)
{
	(void)state;
	const unsigned numbers[] = { 0, 1, TYPE_EVENT, TYPE_FILE };
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		FX_WINDOWS(fx, "win10-19041-x64");
		make_types(fx, 0x5a);
		uint64_t object = make_object(fx, POOL, true, TYPE_FILE, 0x5a);
		put_index(fx, POOL + type_size(fx, "_POOL_HEADER"), numbers[i], 0x5a);

		look_for_files(fx);
		assert_int_equal(found_count, 1);
		assert_int_equal(found[0], object);
	}
}

static void types_that_cannot_be_read_exclude_nothing(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	make_types(fx, 0x5a);
	uint64_t object = make_object(fx, POOL, true, TYPE_FILE, 0x5a);
	fx_drop_page(fx, TYPES + TYPE_FILE * PAGE_SIZE);

	look_for_files(fx);
	assert_int_equal(found_count, 1);
	assert_int_equal(found[0], object);
}

static void bytes_that_begin_as_no_file_are_none(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	make_types(fx, 0x5a);
	uint64_t object = make_object(fx, POOL, false, TYPE_FILE, 0x5a);
	uint64_t other = make_object(fx, POOL + 0x400, false, TYPE_FILE, 0x5a);
	uint64_t third = make_object(fx, POOL + 0x800, false, TYPE_FILE, 0x5a);
	put(fx, other, "_FILE_OBJECT", "Type", 0x6853, 2);
	put(fx, third, "_FILE_OBJECT", "Size", 0xec83, 2);

	look_for_files(fx);
	assert_int_equal(found_count, 1);
	fx_drop_page(fx, TYPES + TYPE_FILE * PAGE_SIZE);
	look_for_files(fx);
	assert_int_equal(found_count, 1);
	assert_int_equal(found[0], object);
}

static void any_tag_and_blocks_without_headers_can_be_asked_for(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	make_object(fx, POOL, false, TYPE_FILE, 0);
	fx_write(&fx->tables, POOL + 4, "Zz\x01!", 4);
	make_object(fx, POOL + 0x400, false, TYPE_FILE, 0);
	fx_write(&fx->tables, POOL + 0x404, "Zz\x01\xa1", 4); // protected

	ei_pool_wish wish = { .tag = "Zz\x01!", .type = &file_object_spec };
	look_for(fx, &wish);
	assert_int_equal(found_count, 2);
	assert_int_equal(found[0], POOL + 16);
	assert_int_equal(found[1], POOL + 0x410);
	wish.least = 0x1000;
	look_for(fx, &wish);
	assert_int_equal(found_count, 0);
}

// Symbols of some builds lack it.
static void blocks_are_read_without_their_type(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	make_types(fx, 0x5a);
	uint64_t object = make_object(fx, POOL, true, TYPE_FILE, 0x5a);
	json_t *isf = isf_of_profile(fx->profile);
	assert_int_equal(json_object_del(json_object_get(isf, "user_types"), "_POOL_HEADER"), 0);
	char *text = json_dumps(isf, JSON_COMPACT);
	fx_profile_parse(fx, text);
	json_decref(isf);
	free(text);
	assert_false(profile_has_type(fx->profile, "_POOL_HEADER"));

	look_for_files(fx);
	assert_int_equal(found_count, 1);
	assert_int_equal(found[0], object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_the_type_are_given),
		cmocka_unit_test(cookie_of_zero_still_leaves_the_address),
		cmocka_unit_test(optional_headers_are_not_taken_for_the_object_header),
		cmocka_unit_test(types_that_cannot_be_read_exclude_nothing),
		cmocka_unit_test(bytes_that_begin_as_no_file_are_none),
		cmocka_unit_test(any_tag_and_blocks_without_headers_can_be_asked_for),
		cmocka_unit_test(blocks_are_read_without_their_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
