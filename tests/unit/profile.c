// Profiles: what a symbol file says is what the profile answers.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"
#include "tests/fx/test.h"

#include <stdio.h>
#include <stdlib.h>

#include <lzma.h>
#include <zlib.h>

static const char sample[] =
	"{\"metadata\":{\"format\":\"6.2.0\",\"windows\":{\"pdb\":{\"GUID\":"
	"\"0123456789abcdef0123456789ABCDEF\",\"age\":2,\"database\":\"ntkrnlmp.pdb\","
	"\"machine_type\":34404},\"pe\":{\"major\":10,\"minor\":0,\"revision\":19041,"
	"\"build\":1237}}},\"base_types\":{"
	"\"long\":{\"kind\":\"int\",\"size\":4,\"signed\":true,\"endian\":\"little\"},"
	"\"ulong\":{\"kind\":\"int\",\"size\":4,\"signed\":false,\"endian\":\"little\"},"
	"\"float\":{\"kind\":\"float\",\"size\":4,\"signed\":true,\"endian\":\"little\"},"
	"\"void\":{\"kind\":\"void\",\"size\":0,\"signed\":false,\"endian\":\"little\"},"
	"\"pointer32\":{\"kind\":\"int\",\"size\":4,\"signed\":false,\"endian\":\"little\"}},"
	"\"enums\":{\"_STATE\":{\"base\":\"long\",\"size\":4,\"constants\":{"
	"\"Ready\":1,\"Waiting\":-5,\"Odd\":\"u\",\"Big\":4294967296}},"
	"\"_OTHER\":{\"base\":\"long\",\"size\":4,\"constants\":{\"Ready\":9}}},"
	"\"symbols\":{\"Zeta\":{\"address\":4294967297},\"Alpha\":{\"address\":16,\"type\":"
	"{\"kind\":\"base\",\"name\":\"long\"}}},"
	"\"user_types\":{"
	"\"_INNER\":{\"kind\":\"union\",\"size\":8,\"fields\":{"
	"\"Low\":{\"offset\":0,\"type\":{\"kind\":\"base\",\"name\":\"ulong\"}},"
	"\"High\":{\"offset\":4,\"type\":{\"kind\":\"base\",\"name\":\"long\"}}}},"
	"\"_LENT\":{\"kind\":\"struct\",\"size\":8,\"fields\":{"
	"\"Deep\":{\"offset\":4,\"type\":{\"kind\":\"base\",\"name\":\"long\"}}}},"
	"\"_OUTER\":{\"kind\":\"struct\",\"size\":200,\"fields\":{"
	"\"Inner\":{\"offset\":16,\"type\":{\"kind\":\"struct\",\"name\":\"_INNER\"}},"
	"\"Bits\":{\"offset\":8,\"type\":{\"kind\":\"bitfield\",\"bit_position\":3,"
	"\"bit_length\":5,\"type\":{\"kind\":\"base\",\"name\":\"ulong\"}}},"
	"\"Name\":{\"offset\":24,\"type\":{\"kind\":\"array\",\"count\":15,\"subtype\":"
	"{\"kind\":\"base\",\"name\":\"ulong\"}}},"
	"\"Matrix\":{\"offset\":84,\"type\":{\"kind\":\"array\",\"count\":2,\"subtype\":"
	"{\"kind\":\"array\",\"count\":3,\"subtype\":{\"kind\":\"struct\","
	"\"name\":\"_INNER\"}}}},"
	"\"Counted\":{\"offset\":132,\"type\":{\"kind\":\"array\",\"count\":-28,\"subtype\":"
	"{\"kind\":\"enum\",\"name\":\"_STATE\"}}},"
	"\"Next\":{\"offset\":0,\"type\":{\"kind\":\"pointer\",\"subtype\":{\"kind\":"
	"\"struct\",\"name\":\"_INNER\"}}},"
	"\"Any\":{\"offset\":160,\"type\":{\"kind\":\"pointer\",\"subtype\":{\"kind\":"
	"\"base\",\"name\":\"void\"}}},"
	"\"Call\":{\"offset\":168,\"type\":{\"kind\":\"pointer\",\"subtype\":{\"kind\":"
	"\"function\"}}},"
	"\"Twice\":{\"offset\":176,\"type\":{\"kind\":\"pointer\",\"subtype\":{\"kind\":"
	"\"pointer\",\"subtype\":{\"kind\":\"base\",\"name\":\"long\"}}}},"
	"\"Short\":{\"offset\":184,\"type\":{\"kind\":\"pointer\",\"base\":\"pointer32\","
	"\"subtype\":{\"kind\":\"base\",\"name\":\"void\"}}},"
	"\"Ratio\":{\"offset\":188,\"type\":{\"kind\":\"base\",\"name\":\"float\"}},"
	"\"State\":{\"offset\":12,\"type\":{\"kind\":\"enum\",\"name\":\"_STATE\"}},"
	"\"u\":{\"offset\":192,\"anonymous\":true,\"type\":{\"kind\":\"struct\","
	"\"name\":\"_LENT\"}}}}}}";

static struct profile *parse(const void *isf, size_t size)
{
	struct profile *profile = NULL;
	ei_error *error = profile_parse(isf, size, "sample", &profile);
	if (error)
		fail_msg("%s", ei_error_text(error));
	return profile;
}

static int setup(void **state)
{
	*state = parse(sample, strlen(sample));
	return 0;
}

static int teardown(void **state)
{
	profile_unref(*state);
	return 0;
}

static struct member member_of(void **state, const char *path)
{
	struct member member = { 0 };
	if (!profile_member(*state, "_OUTER", path, &member))
		fail_msg("no member '%s'", path);
	return member;
}

// ---- what it says of itself -----------------------------------------------------------------
static void identity_is_told(void **state)
{
	struct profile_info info = profile_info(*state);
	assert_string_equal(info.name, "ntkrnlmp.pdb/0123456789ABCDEF0123456789ABCDEF-2");
	assert_string_equal(info.guid, "0123456789ABCDEF0123456789ABCDEF");
	assert_string_equal(info.pdb, "ntkrnlmp.pdb");
	assert_string_equal(info.origin, "sample");
	assert_string_equal(info.version, "10.0.19041.1237");
	assert_int_equal(info.age, 2);
	assert_int_equal(info.pointer_size, 8);
	assert_int_equal(info.type_count, 3);
	assert_int_equal(info.symbol_count, 2);
}

static void types_are_listed_by_name(void **state)
{
	assert_string_equal(profile_type_at(*state, 0), "_INNER");
	assert_string_equal(profile_type_at(*state, 2), "_OUTER");
	assert_null(profile_type_at(*state, 3));
	assert_int_equal(profile_type_size(*state, "_OUTER"), 200);
	assert_int_equal(profile_type_size(*state, "_OUTE"), 0);
	assert_false(profile_has_type(*state, "_OUTERS"));
}

// ---- members --------------------------------------------------------------------------------
static void path_adds_offsets(void **state)
{
	struct member member = member_of(state, "Inner.High");
	assert_int_equal(member.offset, 20);
	assert_int_equal(member.size, 4);
	assert_int_equal(member.kind, MEMBER_INT);
}

static void path_that_leads_nowhere_is_refused(void **state)
{
	static const char *const paths[] = { "", ".", "Inner.", ".Inner", "Inner.Missing",
		"Inner.High.", "Next.High", "Name.Low", "Innerx", "Inne", "Inner..High" };
	struct member member = { .offset = 77 };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
		assert_false(profile_member(*state, "_OUTER", paths[i], &member));
	assert_false(profile_member(*state, "_NONE", "Inner", &member));
	assert_int_equal(member.offset, 77);
}

static void bit_field_tells_position_and_width(void **state)
{
	struct member member = member_of(state, "Bits");
	assert_int_equal(member.kind, MEMBER_BITS);
	assert_int_equal(member.offset, 8);
	assert_int_equal(member.size, 4);
	assert_int_equal(member.bit, 3);
	assert_int_equal(member.width, 5);
}

static void array_tells_its_elements(void **state)
{
	struct member member = member_of(state, "Name");
	assert_int_equal(member.kind, MEMBER_ARRAY);
	assert_int_equal(member.size, 60);
	assert_int_equal(member.count, 15);
	assert_int_equal(member.element_kind, MEMBER_UINT);
	assert_int_equal(member.element_size, 4);
}

static void array_of_arrays_has_arrays_as_elements(void **state)
{
	struct member member = member_of(state, "Matrix");
	assert_int_equal(member.element_kind, MEMBER_ARRAY);
	assert_int_equal(member.element_size, 24);
	assert_int_equal(member.size, 48);
	assert_string_equal(member.target, "_INNER");
}

static void negative_count_is_a_size_in_bytes(void **state)
{
	struct member member = member_of(state, "Counted");
	assert_int_equal(member.count, 7);
	assert_int_equal(member.size, 28);
}

static void pointer_tells_its_target(void **state)
{
	assert_string_equal(member_of(state, "Next").target, "_INNER");
	assert_int_equal(member_of(state, "Next").size, 8);
	assert_string_equal(member_of(state, "Any").target, "");
	assert_string_equal(member_of(state, "Call").target, "");
	assert_string_equal(member_of(state, "Twice").target, "pointer");
	assert_int_equal(member_of(state, "Short").size, 4);
}

static void numbers_tell_their_kind(void **state)
{
	assert_int_equal(member_of(state, "Ratio").kind, MEMBER_FLOAT);
	assert_int_equal(member_of(state, "State").kind, MEMBER_UINT);
	assert_string_equal(member_of(state, "State").target, "_STATE");
	assert_int_equal(member_of(state, "Inner.Low").kind, MEMBER_UINT);
}

static void anonymous_structure_lends_its_members(void **state)
{
	assert_int_equal(member_of(state, "Deep").offset, 196);
	assert_int_equal(member_of(state, "u.Deep").offset, 196);
}

static void members_are_listed_by_offset(void **state)
{
	const char *name = NULL;
	struct member member;
	uint32_t last = 0, index = 0;
	for (; profile_member_at(*state, "_OUTER", index, &name, &member); index++) {
		assert_true(member.offset >= last);
		last = member.offset;
	}
	assert_int_equal(index, 14);
	assert_true(profile_member_at(*state, "_OUTER", 0, &name, &member));
	assert_string_equal(name, "Next");
}

// ---- symbols and constants ------------------------------------------------------------------
static void symbols_are_found_and_listed_by_name(void **state)
{
	uint64_t rva = 0;
	assert_true(profile_symbol(*state, "Zeta", &rva));
	assert_true(rva == 4294967297u);
	assert_false(profile_symbol(*state, "Zet", &rva));
	assert_string_equal(profile_symbol_at(*state, 0, &rva), "Alpha");
	assert_int_equal(rva, 16);
	assert_null(profile_symbol_at(*state, 2, &rva));
}

static void constants_are_signed_and_found_by_enumeration(void **state)
{
	int64_t value = 0;
	assert_true(profile_constant(*state, "_STATE", "Waiting", &value));
	assert_true(value == -5);
	assert_true(profile_constant(*state, "", "Big", &value));
	assert_true(value == 4294967296);
	assert_true(profile_constant(*state, "", "Ready", &value));
	assert_true(value == 9); // _OTHER is the first by name
	assert_false(profile_constant(*state, "_OTHER", "Big", &value));
	assert_false(profile_constant(*state, "_STATE", "Odd", &value));
	assert_false(profile_constant(*state, "_NONE", "Ready", &value));
}

// ---- packed files ---------------------------------------------------------------------------
static size_t pack_gzip(uint8_t *out, size_t room)
{
	z_stream stream = { 0 };
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)sample;
	stream.avail_in = sizeof sample - 1;
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return stream.total_out;
}

static size_t pack_xz(uint8_t *out, size_t room)
{
	size_t size = 0;
	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)sample,
				 sizeof sample - 1, out, &size, room),
		LZMA_OK);
	return size;
}

static void packed_files_are_unpacked_and_cut_ones_refused(void **state)
{
	static size_t (*const packers[])(uint8_t *, size_t) = { pack_gzip, pack_xz };
	uint8_t packed[8192];
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(packers); i++) {
		size_t size = packers[i](packed, sizeof packed);
		struct profile *profile = parse(packed, size);
		assert_int_equal(profile_type_size(profile, "_OUTER"), 200);
		profile_unref(profile);
		for (size_t cut = 0; cut < size; cut++) {
			ei_error *error = profile_parse(packed, cut, "cut", &profile);
			assert_non_null(error);
			ei_error_drop(error);
		}
	}
}

// ---- refusals -------------------------------------------------------------------------------
static void refusals_name_the_place(void **state)
{
#define HEAD "{\"metadata\":{\"format\":\"6.2.0\"},\"base_types\":{\"pointer\":{\"size\":8}},"
	static const struct {
		const char *isf, *says;
	} cases[] = {
		{ "", "line 1" },
		{ "{\"metadata\":\n{]", "line 2, column 2" },
		{ "[]", "no metadata.format" },
		{ "{\"metadata\":{\"format\":\"7.0.0\"}}", "format '7.0.0', want 4 to 6" },
		{ "{\"metadata\":{\"format\":\"6.0.0\"}}", "neither a known machine_type" },
		{ HEAD "\"user_types\":{\"_A\":{}}}", "type '_A' has no size" },
		{ HEAD "\"user_types\":{\"_A\":{\"size\":4,\"fields\":{\"x\":{\"offset\":-1}}}}}",
			"type '_A': member 'x' has no sound offset" },
		{ HEAD "\"user_types\":{\"_A\":{\"size\":4,\"fields\":{\"x\":{\"offset\":0,"
		       "\"type\":{\"kind\":\"base\",\"name\":\"nix\"}}}}}}",
			"member 'x': base type 'nix' is not defined" },
		{ HEAD "\"symbols\":{\"S\":{\"address\":-4}}}", "symbol 'S' has no address" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct profile *profile = NULL;
		ei_error *error =
			profile_parse(cases[i].isf, strlen(cases[i].isf), "case", &profile);
		assert_non_null(error);
		if (!strstr(ei_error_text(error), cases[i].says))
			fail_msg("'%s' does not say '%s'", ei_error_text(error), cases[i].says);
		assert_null(profile);
		ei_error_drop(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_is_told),
		cmocka_unit_test(types_are_listed_by_name),
		cmocka_unit_test(path_adds_offsets),
		cmocka_unit_test(path_that_leads_nowhere_is_refused),
		cmocka_unit_test(bit_field_tells_position_and_width),
		cmocka_unit_test(array_tells_its_elements),
		cmocka_unit_test(array_of_arrays_has_arrays_as_elements),
		cmocka_unit_test(negative_count_is_a_size_in_bytes),
		cmocka_unit_test(pointer_tells_its_target),
		cmocka_unit_test(numbers_tell_their_kind),
		cmocka_unit_test(anonymous_structure_lends_its_members),
		cmocka_unit_test(members_are_listed_by_offset),
		cmocka_unit_test(symbols_are_found_and_listed_by_name),
		cmocka_unit_test(constants_are_signed_and_found_by_enumeration),
		cmocka_unit_test(packed_files_are_unpacked_and_cut_ones_refused),
		cmocka_unit_test(refusals_name_the_place),
	};
	return cmocka_run_group_tests_name("profile", tests, setup, teardown);
}
