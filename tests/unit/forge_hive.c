// The hive builder: structure, and what an independent reader makes of the file.
// SPDX-License-Identifier: Apache-2.0
#include "../../samples/forge/hive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void build(const char *text, struct hive_bytes *out)
{
	json_error_t problem;
	json_t *description = json_loads(text, 0, &problem);
	if (!description)
		fail_msg("%s at %d", problem.text, problem.position);
	ei_error *error = hive_build(description, out);
	if (error)
		fail_msg("%s", ei_error_text(error));
	json_decref(description);
}

static const uint8_t *cell(const struct hive_bytes *hive, uint32_t index)
{
	bool transient = index >> 31;
	const uint8_t *bytes = transient ? hive->transient : hive->stable;
	uint32_t length = transient ? hive->transient_length : hive->stable_length;
	uint32_t offset = index & 0x7fffffff;
	assert_true(span_inside(offset, 8, length));
	int32_t size = (int32_t)load_u32(bytes + offset);
	assert_true(size < 0);
	assert_true(span_inside(offset, (uint32_t)-size, length));
	return bytes + offset + 4;
}

// The nk of the key whose (compressed) name is `name`, by search through all cells of a storage.
static const uint8_t *key_named(const uint8_t *bytes, uint32_t length, const char *name)
{
	for (uint32_t bin = 0; bin < length; bin += load_u32(bytes + bin + 8)) {
		uint32_t end = bin + load_u32(bytes + bin + 8);
		for (uint32_t at = bin + 32; at < end;) {
			int32_t size = (int32_t)load_u32(bytes + at);
			const uint8_t *nk = bytes + at + 4;
			if (size < 0 && memcmp(nk, "nk", 2) == 0 &&
				load_u16(nk + 0x48) == strlen(name) &&
				memcmp(nk + 0x4c, name, strlen(name)) == 0)
				return nk;
			at += (uint32_t)(size < 0 ? -size : size);
		}
	}
	return NULL;
}

#define KEYED(NAME) key_named(hive.stable, hive.stable_length, NAME)

static void base_block_is_valid(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"minor\":3,\"written\":\"1970-01-01T00:00:00.5Z\",\"file\":\"\\\\Config\\\\SAM\"}",
		&hive);
	const uint8_t *block = hive.base_block;
	assert_memory_equal(block, "regf", 4);
	assert_int_equal(load_u32(block + 4), load_u32(block + 8));
	assert_int_equal(load_u64(block + 0xc), 116444736005000000);
	assert_int_equal(load_u32(block + 0x18), 3);
	assert_int_equal(load_u32(block + 0x24), hive.root_cell);
	assert_int_equal(load_u32(block + 0x28), hive.stable_length);
	uint32_t sum = 0;
	for (int at = 0; at < 0x1fc; at += 4)
		sum ^= load_u32(block + at);
	assert_int_equal(load_u32(block + 0x1fc), sum);
	assert_memory_equal(block + 0x30, "\\\0C\0o\0n\0f\0i\0g\0\\\0S\0A\0M\0\0", 24);
	assert_int_equal(load_u16(cell(&hive, hive.root_cell) + 2), 0x2c);
	assert_null(hive.transient);
	hive_deinit(&hive);
}

static void cells_fill_bins_without_gaps(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"keys\":[{\"path\":\"a\",\"values\":[{\"name\":\"v\",\"type\":\"REG_BINARY\","
	      "\"data\":{\"fill\":7,\"size\":9000}}]},{\"path\":\"b\\\\c\"}]}",
		&hive);
	uint32_t bin = 0;
	for (; bin < hive.stable_length; bin += load_u32(hive.stable + bin + 8)) {
		assert_memory_equal(hive.stable + bin, "hbin", 4);
		assert_int_equal(load_u32(hive.stable + bin + 4), bin);
		uint32_t size = load_u32(hive.stable + bin + 8);
		assert_int_equal(size % 4096, 0);
		uint32_t at = bin + 32;
		while (at < bin + size) {
			int32_t cell_size = (int32_t)load_u32(hive.stable + at);
			assert_int_not_equal(cell_size, 0);
			assert_int_equal(cell_size % 8, 0);
			at += (uint32_t)abs(cell_size);
		}
		assert_int_equal(at, bin + size);
	}
	assert_int_equal(bin, hive.stable_length);
	hive_deinit(&hive);
}

// `list` at the key's stable list cell.
static const uint8_t *list_of(const struct hive_bytes *hive, const uint8_t *nk)
{
	return cell(hive, load_u32(nk + 0x1c));
}

static void lists_have_their_forms_and_hashes(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"keys\":[{\"path\":\"I\",\"list\":\"li\"},{\"path\":\"I\\\\Abcd\"},"
	      "{\"path\":\"F\",\"list\":\"lf\"},{\"path\":\"F\\\\Abcdef\"},"
	      "{\"path\":\"H\",\"list\":\"lh\"},{\"path\":\"H\\\\ab\"},"
	      "{\"path\":\"R\",\"list\":\"ri\"},{\"path\":\"R\\\\b\"},{\"path\":\"R\\\\A\"}]}",
		&hive);
	assert_memory_equal(list_of(&hive, KEYED("I")), "li\1\0", 4);
	assert_memory_equal(list_of(&hive, KEYED("F")), "lf\1\0", 4);
	assert_memory_equal(list_of(&hive, KEYED("F")) + 8, "Abcd", 4);
	assert_memory_equal(list_of(&hive, KEYED("H")), "lh\1\0", 4);
	assert_int_equal(load_u32(list_of(&hive, KEYED("H")) + 8), 'A' * 37 + 'B');
	const uint8_t *index = list_of(&hive, KEYED("R"));
	assert_memory_equal(index, "ri\1\0", 4);
	const uint8_t *leaf = cell(&hive, load_u32(index + 4));
	assert_memory_equal(leaf, "lh\2\0", 4);
	assert_memory_equal(cell(&hive, load_u32(leaf + 4)) + 0x4c, "A", 1);
	assert_memory_equal(cell(&hive, load_u32(leaf + 12)) + 0x4c, "b", 1);
	hive_deinit(&hive);
}

static void many_subkeys_get_an_index(void **state)
{
	(void)state;
	json_t *keys = json_array();
	for (int i = 0; i < 1203; i++) {
		char path[32];
		snprintf(path, sizeof path, "many\\key%04d", i);
		json_array_append_new(keys, json_pack("{s:s}", "path", path));
	}
	json_t *description = json_pack("{s:o}", "keys", keys);
	struct hive_bytes hive;
	assert_null(hive_build(description, &hive));
	json_decref(description);
	const uint8_t *index = list_of(&hive, KEYED("many"));
	assert_memory_equal(index, "ri\3\0", 4);
	int next = 0;
	for (int i = 0; i < 3; i++) {
		const uint8_t *leaf = cell(&hive, load_u32(index + 4 + i * 4));
		for (int j = 0; j < load_u16(leaf + 2); j++, next++) {
			char want[32];
			snprintf(want, sizeof want, "key%04d", next);
			const uint8_t *nk = cell(&hive, load_u32(leaf + 4 + j * 8));
			assert_memory_equal(nk + 0x4c, want, 7);
		}
	}
	assert_int_equal(next, 1203);
	hive_deinit(&hive);
}

static void volatile_keys_live_in_their_own_storage(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"keys\":[{\"path\":\"P\\\\stay\"},{\"path\":\"P\\\\Gone\",\"volatile\":true,"
	      "\"values\":[{\"name\":\"v\",\"type\":\"REG_SZ\",\"data\":\"long enough\"}]},"
	      "{\"path\":\"P\\\\Gone\\\\Deep\"}]}",
		&hive);
	const uint8_t *parent = KEYED("P");
	assert_int_equal(load_u32(parent + 0x14), 1);
	assert_int_equal(load_u32(parent + 0x18), 1);
	uint32_t list = load_u32(parent + 0x20);
	assert_int_equal(list >> 31, 1);
	uint32_t gone = load_u32(cell(&hive, list) + 4);
	assert_int_equal(gone >> 31, 1);
	const uint8_t *nk = cell(&hive, gone);
	assert_memory_equal(nk + 0x4c, "Gone", 4);
	assert_int_equal(load_u16(nk + 2) & 1, 1);
	assert_int_equal(load_u32(nk + 0x28) >> 31, 1);
	assert_int_equal(load_u32(nk + 0x2c) >> 31, 1);
	assert_int_equal(load_u32(nk + 0x18), 1);
	assert_null(KEYED("Deep"));
	assert_non_null(key_named(hive.transient, hive.transient_length, "Deep"));
	hive_deinit(&hive);
}

static const uint8_t *only_value(const struct hive_bytes *hive, const char *key)
{
	const uint8_t *nk = key_named(hive->stable, hive->stable_length, key);
	assert_non_null(nk);
	assert_int_equal(load_u32(nk + 0x24), 1);
	const uint8_t *vk = cell(hive, load_u32(cell(hive, load_u32(nk + 0x28))));
	assert_memory_equal(vk, "vk", 2);
	return vk;
}

static void data_takes_the_form_of_its_size(void **state)
{
	(void)state;
#define BINARY(PATH, SIZE)                                                                         \
	"{\"path\":\"" PATH "\",\"values\":[{\"name\":\"v\",\"type\":\"REG_BINARY\","              \
	"\"data\":{\"fill\":90,\"size\":" SIZE "}}]}"
	struct hive_bytes hive;
	build("{\"keys\":[" BINARY("none", "0") "," BINARY("four", "4") "," BINARY(
		      "five", "5") "," BINARY("edge", "16344") "," BINARY("big", "16345") "]}",
		&hive);
	assert_int_equal(load_u32(only_value(&hive, "none") + 4), 0x80000000);
	assert_int_equal(load_u32(only_value(&hive, "four") + 4), 0x80000004);
	assert_memory_equal(only_value(&hive, "four") + 8, "ZZZZ", 4);
	assert_int_equal(load_u32(only_value(&hive, "five") + 4), 5);
	assert_memory_equal(cell(&hive, load_u32(only_value(&hive, "five") + 8)), "ZZZZZ", 5);
	const uint8_t *edge = cell(&hive, load_u32(only_value(&hive, "edge") + 8));
	assert_memory_equal(edge, "ZZ", 2);
	const uint8_t *big = cell(&hive, load_u32(only_value(&hive, "big") + 8));
	assert_memory_equal(big, "db\2\0", 4);
	assert_int_equal(load_u32(only_value(&hive, "big") + 4), 16345);
	hive_deinit(&hive);
}

static void old_hives_have_no_big_data(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"minor\":3,\"keys\":[" BINARY("big", "20000") "]}", &hive);
	const uint8_t *data = cell(&hive, load_u32(only_value(&hive, "big") + 8));
	assert_memory_equal(data, "ZZZZ", 4);
	assert_memory_equal(list_of(&hive, cell(&hive, hive.root_cell)), "lf", 2);
	hive_deinit(&hive);
}

static void names_beyond_latin1_are_utf16(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"keys\":[{\"path\":\"caf\u00e9\"},{\"path\":\"\u0436\u0443\u043a\"}]}", &hive);
	const uint8_t *root = cell(&hive, hive.root_cell);
	const uint8_t *list = list_of(&hive, root);
	const uint8_t *latin = cell(&hive, load_u32(list + 4));
	const uint8_t *wide = cell(&hive, load_u32(list + 12));
	assert_int_equal(load_u16(latin + 2) & 0x20, 0x20);
	assert_memory_equal(latin + 0x4c, "caf\xe9", 4);
	assert_int_equal(load_u16(wide + 2) & 0x20, 0);
	assert_int_equal(load_u16(wide + 0x48), 6);
	assert_memory_equal(wide + 0x4c, "\x36\x04\x43\x04\x3a\x04", 6);
	// 0x416, 0x423, 0x41a are the capitals.
	assert_int_equal(load_u32(list + 16), (0x416 * 37 + 0x423) * 37 + 0x41a);
	hive_deinit(&hive);
}

static void count_fact(void *context, const struct hive_fact *fact)
{
	json_t *facts = context;
	char line[128];
	snprintf(line, sizeof line, "%s|%s|%u|%u", fact->path, fact->value ? fact->value : "-",
		fact->type, fact->length);
	json_array_append_new(facts, json_string(line));
}

static void facts_are_parents_first_and_merged(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"keys\":[{\"path\":\"b\\\\Run\",\"values\":[{\"name\":\"x\",\"type\":\"REG_SZ\","
	      "\"data\":\"1\"}]},{\"path\":\"a\"},{\"path\":\"B\\\\run\",\"values\":[{\"name\":"
	      "\"y\","
	      "\"type\":4,\"data\":1}]},{\"path\":\"ln\",\"symlink\":\"\\\\a\"}]}",
		&hive);
	json_t *facts = json_array();
	hive_walk(&hive, count_fact, facts);
	static const char *const want[] = { "|-|0|0", "a|-|0|0", "b|-|0|0", "b\\Run|-|0|0",
		"b\\Run|x|1|4", "b\\Run|y|4|4", "ln|-|0|0", "ln|SymbolicLinkValue|6|4" };
	assert_int_equal(json_array_size(facts), ARRAY_LENGTH(want));
	for (size_t i = 0; i < ARRAY_LENGTH(want); i++)
		assert_string_equal(json_string_value(json_array_get(facts, i)), want[i]);
	json_decref(facts);
	hive_deinit(&hive);
}

static void security_is_shared_and_counted(void **state)
{
	(void)state;
	struct hive_bytes hive;
	build("{\"keys\":[{\"path\":\"a\\\\b\"}]}", &hive);
	uint32_t index = load_u32(KEYED("b") + 0x2c);
	const uint8_t *sk = cell(&hive, index);
	assert_memory_equal(sk, "sk", 2);
	assert_int_equal(load_u32(sk + 4), index);
	assert_int_equal(load_u32(sk + 8), index);
	assert_int_equal(load_u32(sk + 12), 3);
	hive_deinit(&hive);
}

static const struct {
	const char *description;
	const char *error;
} bad[] = {
	{ "{\"minor\":9}", "hive version 1.9" },
	{ "{\"keys\":[{}]}", "a key has no path" },
	{ "{\"keys\":[{\"path\":\"a\\\\\\\\b\"}]}", "name of 0 characters" },
	{ "{\"keys\":[{\"path\":\"a\",\"list\":\"lx\"}]}", "subkey list 'lx'" },
	{ "{\"keys\":[{\"path\":\"a\",\"written\":\"now\"}]}", "time 'now'" },
	{ "{\"keys\":[{\"path\":\"a\",\"values\":[{\"name\":\"v\",\"type\":\"REG_X\"}]}]}",
		"'REG_X'" },
	{ "{\"keys\":[{\"path\":\"a\",\"values\":[{\"type\":3,\"data\":{\"hex\":\"0g\"}}]}]}",
		"pairs of hex" },
};

static void wrong_descriptions_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct hive_bytes hive;
		json_t *description = json_loads(bad[i].description, 0, NULL);
		ei_error *error = hive_build(description, &hive);
		assert_non_null(error);
		if (!strstr(ei_error_text(error), bad[i].error))
			fail_msg("'%s' lacks '%s'", ei_error_text(error), bad[i].error);
		ei_error_drop(error);
		json_decref(description);
	}
}

// ---- an independent reader ------------------------------------------------------------------
// hivexml prints every key and value of the stable part.
static char *output_of(const char *command)
{
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t room = 1 << 20;
	char *output = calloc(1, room);
	size_t length = fread(output, 1, room - 1, pipe);
	output[length] = '\0';
	int status = pclose(pipe);
	if (status)
		fail_msg("'%s' ended with %d", command, status);
	return output;
}

static void hivex_reads_the_file(void **state)
{
	(void)state;
	if (system("command -v hivexml >/dev/null 2>&1")) {
		print_message("skipped: hivexml is not installed (package libhivex-bin)\n");
		skip();
	}
	struct hive_bytes hive;
	build("{\"written\":\"2024-03-01T10:00:00Z\",\"keys\":["
	      "{\"path\":\"Soft\\\\\u0436\u0443\u043a\",\"class\":\"kind\",\"values\":["
	      "{\"name\":\"\",\"type\":\"REG_SZ\",\"data\":\"caf\u00e9\"},"
	      "{\"name\":\"n\",\"type\":\"REG_DWORD\",\"data\":4294967295},"
	      "{\"name\":\"q\",\"type\":\"REG_QWORD\",\"data\":1311768467463790320},"
	      "{\"name\":\"m\",\"type\":\"REG_MULTI_SZ\",\"data\":[\"one\",\"two\"]},"
	      "{\"name\":\"\u044f\",\"type\":\"REG_EXPAND_SZ\",\"data\":\"%a%\"}]},"
	      "{\"path\":\"R\",\"list\":\"ri\"},{\"path\":\"R\\\\aa\"},{\"path\":\"R\\\\bb\"},"
	      "{\"path\":\"V\",\"volatile\":true}," BINARY("Big", "16345") "]}",
		&hive);
	char path[] = "/tmp/forge_hive.XXXXXX";
	close(mkstemp(path));
	assert_null(hive_write_file(&hive, path));
	char command[128];
	snprintf(command, sizeof command, "hivexml %s", path);
	char *xml = output_of(command);
	unlink(path);
	static const char *const want[] = { "name=\"\u0436\u0443\u043a\"", "caf\u00e9",
		"2024-03-01", "<node name=\"aa\">", "<node name=\"bb\">", "one", "two",
		"key=\"\u044f\"", "value=\"-1\"", "value=\"1311768467463790320\"" };
	for (size_t i = 0; i < ARRAY_LENGTH(want); i++)
		if (!strstr(xml, want[i]))
			fail_msg("hivexml does not print '%s':\n%s", want[i], xml);
	assert_null(strstr(xml, "name=\"V\""));
	free(xml);
	hive_deinit(&hive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_block_is_valid),
		cmocka_unit_test(cells_fill_bins_without_gaps),
		cmocka_unit_test(lists_have_their_forms_and_hashes),
		cmocka_unit_test(many_subkeys_get_an_index),
		cmocka_unit_test(volatile_keys_live_in_their_own_storage),
		cmocka_unit_test(data_takes_the_form_of_its_size),
		cmocka_unit_test(old_hives_have_no_big_data),
		cmocka_unit_test(names_beyond_latin1_are_utf16),
		cmocka_unit_test(facts_are_parents_first_and_merged),
		cmocka_unit_test(security_is_shared_and_counted),
		cmocka_unit_test(wrong_descriptions_are_refused_by_name),
		cmocka_unit_test(hivex_reads_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
