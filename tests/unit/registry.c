// The hive reader: every kind of record, and every way in which one can lie.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"
#include "tests/fx/fx_hive.h"
#include "tests/fx/test.h"

#include <stdio.h>
#include <stdlib.h>

// A hive under test, and what the reader said of it.
struct world {
	struct fx_hive fx;
	ei_arena *arena;
	ei_hive *hive;
	char notes[4096];
};

static void keep_note(void *context, const char *text)
{
	struct world *w = context;
	size_t used = strlen(w->notes);
	snprintf(w->notes + used, sizeof w->notes - used, "%s\n", text);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	fx_hive_init(&w->fx);
	ei_error_drop(ei_arena_create(64 << 20, &w->arena));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	ei_arena_drop(w->arena);
	free(w);
	return 0;
}

static ei_key open_root(struct world *w)
{
	ei_error *error = ei_hive_open_file(w->arena, w->fx.bytes, sizeof w->fx.bytes, &w->hive);
	if (error)
		fail_msg("%s", ei_error_text(error));
	ei_hive_set_note(w->hive, keep_note, w);
	return ei_hive_root(w->hive);
}

// Names of all keys in the order of a walk, "?" for what is none; values behind them as "=name".
static const char *walk_text(struct world *w)
{
	static char text[8192];
	ei_key root = open_root(w);
	ei_key_walk *walk = ei_key_walk_begin(&root, true);
	*text = '\0';
	for (ei_key_step step; ei_key_walk_next(walk, &step);) {
		size_t used = strlen(text);
		ei_val name = ei_key_name(&step.key);
		if (!step.leaving)
			snprintf(text + used, sizeof text - used, "%.*s ",
				ei_has(name) ? (int)name.length : 1, ei_has(name) ? name.s : "?");
	}
	return text;
}

static void assert_text(ei_val value, const char *want)
{
	assert_int_equal(value.state, EI_OK);
	assert_int_equal(value.kind, EI_STR);
	assert_int_equal(value.length, strlen(want));
	assert_memory_equal(value.s, want, value.length);
}

static void assert_noted(const struct world *w, const char *text)
{
	if (!strstr(w->notes, text))
		fail_msg("no note says '%s'; the notes are:\n%s", text, w->notes);
}

// One value of the root key.
static ei_value root_value(struct world *w, uint32_t cell)
{
	fx_set_values(&w->fx, w->fx.root, &cell, 1);
	ei_key root = open_root(w);
	ei_values cursor = ei_key_values(&root);
	ei_value value;
	assert_true(ei_value_next(&cursor, &value));
	return value;
}

// ---- keys -----------------------------------------------------------------------------------

static void every_form_of_list_gives_its_keys(void **state)
{
	static const char *const forms[] = { "li", "lf", "lh" };
	for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
		struct world *w = *state;
		fx_hive_init(&w->fx);
		uint32_t keys[] = { fx_key(&w->fx, "a"), fx_key(&w->fx, "b"), fx_key(&w->fx, "c") };
		fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, forms[i], keys, 3), 3);
		assert_string_equal(walk_text(w), "a b c ");
		assert_string_equal(w->notes, "");
	}
}

static void lists_of_lists_are_followed(void **state)
{
	struct world *w = *state;
	uint32_t a = fx_key(&w->fx, "a"), b = fx_key(&w->fx, "b"), c = fx_key(&w->fx, "c");
	uint32_t inner[] = { fx_list(&w->fx, "lh", &b, 1) };
	uint32_t lists[] = { fx_list(&w->fx, "li", &a, 1), fx_list(&w->fx, "ri", inner, 1),
		fx_list(&w->fx, "lf", &c, 1) };
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "ri", lists, 3), 3);
	assert_string_equal(walk_text(w), "a b c ");
	assert_string_equal(w->notes, "");
}

static void a_list_of_lists_that_holds_itself_ends(void **state)
{
	struct world *w = *state;
	uint32_t self[200] = { 0 };
	uint32_t list = fx_list(&w->fx, "ri", self, 200);
	for (uint32_t i = 0; i < 200; i++)
		fx_cell_put32(&w->fx, list, (int32_t)(4 + 4 * i), list);
	fx_set_subkeys(&w->fx, w->fx.root, list, 1);
	assert_string_equal(walk_text(w), "");
	assert_noted(w, "nested too deeply");
	assert_noted(w, "have no end");
}

static void names_are_read_in_their_own_encoding(void **state)
{
	struct world *w = *state;
	static const uint16_t wide[] = { 0x416, 0x443, 0xd83d, 0xde00 };
	uint32_t keys[] = { fx_key(&w->fx, "caf\xe9"), fx_key_wide(&w->fx, wide, 4) };
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", keys, 2), 2);
	assert_string_equal(walk_text(w), "café Жу😀 ");
}

static void a_bad_key_costs_itself_only(void **state)
{
	static const struct {
		const char *what;
		int32_t size; // of its cell; 0 leaves it
		uint32_t element;
		const char *note;
	} bad[] = {
		{ "dangling", 0, 0x7ffffff8, "outside the hive" },
		{ "none", 0, UINT32_MAX, "outside the hive" },
		{ "crooked", 0, 0x124, "outside the hive" },
		{ "huge", INT32_MIN, 0, "size that cannot be" },
		{ "past the end", -FX_HIVE_BINS, 0, "size that cannot be" },
		{ "empty", 0, 8, "" },
		{ "short", -16, 0, "bytes long" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct world *w = *state;
		fx_hive_init(&w->fx);
		*w->notes = '\0';
		uint32_t keys[] = { fx_key(&w->fx, "a"), fx_key(&w->fx, "bad"),
			fx_key(&w->fx, "c") };
		if (bad[i].size)
			fx_cell_put32(&w->fx, keys[1], -4, (uint32_t)bad[i].size);
		if (bad[i].element)
			keys[1] = bad[i].element;
		fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lh", keys, 3), 3);
		assert_string_equal(walk_text(w), "a ? c ");
		assert_noted(w, bad[i].note);
	}
}

static void a_key_that_is_none_says_what_it_is(void **state)
{
	struct world *w = *state;
	uint32_t value = fx_value(&w->fx, "a value with a name that is as long as a key", 3, "", 0);
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", &value, 1), 1);
	assert_string_equal(walk_text(w), "? ");
	ei_key key = ei_hive_key_at(w->hive, value);
	assert_int_equal(key.state, EI_GARBAGE);
	assert_int_equal(ei_key_name(&key).state, EI_GARBAGE);
	assert_int_equal(ei_key_written(&key).state, EI_GARBAGE);
}

static void a_count_that_lies_is_cut_to_its_list(void **state)
{
	struct world *w = *state;
	uint32_t keys[] = { fx_key(&w->fx, "a"), fx_key(&w->fx, "b") };
	uint32_t list = fx_list(&w->fx, "lf", keys, 2);
	fx_cell_put16(&w->fx, list, 2, 60000);
	fx_set_subkeys(&w->fx, w->fx.root, list, 2);
	assert_string_equal(walk_text(w), "a b ");
	assert_noted(w, "of 60000 has room for 2");
}

static void a_count_that_differs_from_the_list_is_noted(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "a");
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", &key, 1), 7);
	assert_string_equal(walk_text(w), "a ");
	assert_noted(w, "says it has 7 stable subkeys, and lists 1");
}

static void a_count_of_zero_does_not_hide_keys(void **state)
{
	struct world *w = *state;
	uint32_t keys[] = { fx_key(&w->fx, "a"), fx_key(&w->fx, "elsewhere"), fx_key(&w->fx, "c") };
	fx_cell_put32(&w->fx, keys[1], 16, keys[0]);
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lh", keys, 3), 0);
	assert_string_equal(walk_text(w), "a c ");
	assert_noted(w, "says it has 0 stable subkeys, and lists 2");
	assert_int_equal(ei_key_find(w->hive, "C").cell, keys[2]);
	w->hive->compat = true;
	assert_int_equal(ei_key_find(w->hive, "elsewhere").cell, keys[1]);
}

static void a_count_of_zero_over_what_is_no_list_is_quiet(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "a");
	const uint32_t lists[] = { UINT32_MAX, key, key + 4, 0x7ffffff8, 0x80000020,
		FX_HIVE_BINS - 4 };
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
		fx_set_subkeys(&w->fx, w->fx.root, lists[i], 0);
		assert_string_equal(walk_text(w), "");
		assert_string_equal(w->notes, "");
	}
}

static void a_name_longer_than_its_key_costs_the_name(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "a");
	fx_cell_put16(&w->fx, key, 72, 500);
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", &key, 1), 1);
	open_root(w);
	ei_key opened = ei_hive_key_at(w->hive, key);
	assert_int_equal(ei_key_name(&opened).state, EI_GARBAGE);
	assert_int_equal(ei_key_written(&opened).u, 116444736000000000);
}

static void a_key_that_is_its_own_ancestor_ends_the_branch(void **state)
{
	struct world *w = *state;
	uint32_t a = fx_key(&w->fx, "a"), b = fx_key(&w->fx, "b");
	uint32_t below_a[] = { b }, below_b[] = { a };
	uint32_t top[] = { a };
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", top, 1), 1);
	fx_set_subkeys(&w->fx, a, fx_list(&w->fx, "li", below_a, 1), 1);
	fx_set_subkeys(&w->fx, b, fx_list(&w->fx, "li", below_b, 1), 1);
	assert_string_equal(walk_text(w), "a b a ");
	assert_noted(w, "is its own ancestor");
}

// Twelve keys, each of which lists the next one a hundred times: 10^24 paths.
static void keys_that_fan_out_without_end_end(void **state)
{
	struct world *w = *state;
	uint32_t below = fx_key(&w->fx, "leaf");
	for (int level = 0; level < 12; level++) {
		uint32_t many[100];
		for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
			many[i] = below;
		below = level == 11 ? w->fx.root : fx_key(&w->fx, "fan");
		fx_set_subkeys(&w->fx, below, fx_list(&w->fx, "li", many, 100), 100);
	}
	walk_text(w);
	assert_noted(w, "over and over");
	// The hive can be read again after it.
	ei_key root = ei_hive_root(w->hive);
	assert_text(ei_key_name(&root), "root");
}

static void a_predefined_key_has_no_values(void **state)
{
	struct world *w = *state;
	uint32_t value = fx_value(&w->fx, "v", 4, "abcd", 4);
	fx_set_values(&w->fx, w->fx.root, &value, 1);
	fx_cell_put16(&w->fx, w->fx.root, 2, 0x60);
	ei_key root = open_root(w);
	ei_values cursor = ei_key_values(&root);
	assert_false(ei_value_next(&cursor, &(ei_value){ 0 }));
}

static void keys_are_found_by_path(void **state)
{
	struct world *w = *state;
	static const uint16_t upper[] = { 0x416, 0xc4 }; // ЖÄ
	uint32_t a = fx_key(&w->fx, "Alpha"), b = fx_key_wide(&w->fx, upper, 2);
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lh", &a, 1), 1);
	fx_set_subkeys(&w->fx, a, fx_list(&w->fx, "lh", &b, 1), 1);
	fx_cell_put32(&w->fx, b, 16, a);
	open_root(w);
	static const char *const paths[] = { "alpha\\жä", "\\ALPHA\\Жä\\", "root\\Alpha\\ЖÄ" };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		ei_key key = ei_key_find(w->hive, paths[i]);
		assert_int_equal(key.cell, b);
		assert_text(ei_key_path(&key), "Alpha\\ЖÄ");
	}
	assert_int_equal(ei_key_find(w->hive, "").cell, w->fx.root);
	assert_int_equal(ei_key_find(w->hive, "alpha\\beta").state, EI_NONE);
	assert_int_equal(ei_key_find(w->hive, "alph").state, EI_NONE);
}

static void paths_may_begin_where_the_hive_is_mounted(void **state)
{
	static const char machine[] = "\\REGISTRY\\MACHINE\\SOFTWARE",
			  user[] = "\\REGISTRY\\USER\\S-1-5-21-7",
			  software[] = "\\WINDOWS\\system32\\config\\software",
			  ntuser[] = "\\??\\C:\\Users\\me\\ntuser.dat";
	static const struct {
		const char *mount, *file, *path;
		bool found;
	} cases[] = {
		{ machine, "", "HKLM\\Software\\Run", true },
		{ machine, "", "HKEY_LOCAL_MACHINE\\SOFTWARE\\run\\", true },
		{ machine, "", "\\REGISTRY\\MACHINE\\SOFTWARE\\Run", true },
		{ machine, "", "Registry\\Machine\\Software\\Run", true },
		{ machine, software, "HKLM\\SYSTEM\\Run", false },
		{ machine, software, "HKLM\\Run", false },
		{ machine, software, "HKCU\\Run", false },
		{ "", software, "HKLM\\SOFTWARE\\Run", true },
		{ "", software, "\\REGISTRY\\MACHINE\\SOFTWARE\\Run", true },
		{ "", software, "HKLM\\SYSTEM\\Run", false },
		{ user, ntuser, "HKCU\\Run", true },
		{ user, ntuser, "HKEY_CURRENT_USER\\Run", true },
		{ user, ntuser, "HKU\\s-1-5-21-7\\Run", true },
		{ user, ntuser, "HKEY_USERS\\S-1-5-21-7\\Run", true },
		{ user, ntuser, "HKU\\S-1-5-21-70\\Run", false },
		{ "", ntuser, "HKCU\\Run", true },
		{ "", "", "HKCU\\Run", false },
	};
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "Run");
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", &key, 1), 1);
	open_root(w);
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		w->hive->mount = cases[i].mount;
		w->hive->file = cases[i].file;
		ei_key found = ei_key_find(w->hive, cases[i].path);
		if (found.state != (cases[i].found ? EI_OK : EI_NONE))
			fail_msg("%s in '%s' '%s': state %d", cases[i].path, cases[i].mount,
				cases[i].file, found.state);
	}
}

static void with_compat_a_path_begins_at_the_root(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "Run");
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "li", &key, 1), 1);
	open_root(w);
	w->hive->mount = "\\REGISTRY\\MACHINE\\SOFTWARE";
	w->hive->file = "\\Windows\\System32\\config\\SOFTWARE";
	static const char *const paths[] = { "root\\Run", "SOFTWARE\\Run", "HKLM\\SOFTWARE\\Run",
		"\\REGISTRY\\MACHINE\\SOFTWARE\\Run", "\\Run", "Run\\\\" };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		w->hive->compat = false;
		assert_int_equal(ei_key_find(w->hive, paths[i]).cell, key);
		w->hive->compat = true;
		assert_int_equal(ei_key_find(w->hive, paths[i]).state, EI_NONE);
	}
	assert_int_equal(ei_key_find(w->hive, "run\\").cell, key);
}

static void the_current_control_set_is_the_selected_one(void **state)
{
	struct world *w = *state;
	uint32_t keys[] = { fx_key(&w->fx, "ControlSet001"), fx_key(&w->fx, "ControlSet002"),
		fx_key(&w->fx, "Select"), fx_key(&w->fx, "CurrentControlSet") };
	uint32_t services = fx_key(&w->fx, "Services");
	uint32_t current = fx_value(&w->fx, "Current", EI_REG_DWORD, "\2\0\0\0", 4);
	fx_set_subkeys(&w->fx, keys[1], fx_list(&w->fx, "lh", &services, 1), 1);
	fx_set_values(&w->fx, keys[2], &current, 1);
	fx_cell_put16(&w->fx, keys[3], 2, 0x30); // a link
	for (uint16_t count = 3; count <= 4; count++) {
		fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lh", keys, count), count);
		open_root(w);
		w->hive->mount = "\\REGISTRY\\MACHINE\\SYSTEM";
		ei_key key = ei_key_find(w->hive, "HKLM\\System\\CurrentControlSet\\services");
		assert_int_equal(key.cell, services);
		w->hive->compat = true;
		key = ei_key_find(w->hive, "CurrentControlSet\\Services");
		assert_int_equal(key.state, EI_NONE);
	}
	// What is selected is not there, or cannot be: the link stands for itself.
	static const uint32_t bad[] = { 3, 1000, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		fx_cell_put32(&w->fx, current, 8, bad[i]);
		open_root(w);
		assert_int_equal(ei_key_find(w->hive, "CurrentControlSet").cell, keys[3]);
	}
	// A key of its own is not a link.
	fx_cell_put32(&w->fx, current, 8, 2);
	fx_cell_put16(&w->fx, keys[3], 2, 0x20);
	open_root(w);
	assert_int_equal(ei_key_find(w->hive, "CurrentControlSet").cell, keys[3]);
}

// ---- values ---------------------------------------------------------------------------------

static void data_come_typed(void **state)
{
	struct world *w = *state;
	static const struct {
		uint32_t type;
		const char *data;
		uint32_t length;
		const char *text, *vol3;
	} cases[] = {
		{ EI_REG_SZ, "h\0i\0\0\0", 6, "hi", "\"hi\"" },
		{ EI_REG_SZ, "h\0i\0", 4, "hi", "\"hi\"" },
		{ EI_REG_SZ, "", 0, "", "\"\"" },
		{ EI_REG_EXPAND_SZ, "%\0\x01\x04\0\0", 6, "%Ё", "\"%Ё\"" },
		{ EI_REG_MULTI_SZ, "a\0\0\0b\0\0\0\0\0", 10, "a\nb", "\"a\nb\n\n\"" },
		{ EI_REG_DWORD, "\x01\0\0\0", 4, NULL, "1" },
		{ EI_REG_DWORD_BIG_ENDIAN, "\0\0\0\x01", 4, NULL, "1" },
		{ EI_REG_QWORD, "\x01\0\0\0\0\0\0\0", 8, NULL, "1" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		fx_hive_init(&w->fx);
		ei_value value = root_value(
			w, fx_value(&w->fx, "v", cases[i].type, cases[i].data, cases[i].length));
		if (cases[i].text)
			assert_text(ei_value_data(&value), cases[i].text);
		else
			assert_int_equal(ei_value_data(&value).u, 1);
		assert_text(ei_value_vol3(&value), cases[i].vol3);
		assert_int_equal(ei_value_bytes(&value).length, cases[i].length);
		assert_memory_equal(ei_value_bytes(&value).b, cases[i].data, cases[i].length);
	}
}

static void text_of_an_odd_length_loses_nothing(void **state)
{
	static const struct {
		uint32_t type;
		const char *data;
		uint32_t length;
		const char *text, *note;
	} cases[] = {
		{ EI_REG_SZ, "http://", 7, "http://", "letters of one byte: 7 bytes" },
		{ EI_REG_EXPAND_SZ, "%TEMP%\0", 7, "%TEMP%", "letters of one byte" },
		{ EI_REG_SZ, "1;17\0\0\0", 7, "1;17", "letters of one byte" },
		{ EI_REG_MULTI_SZ, "abc", 3, "abc", "letters of one byte" },
		{ EI_REG_SZ, "x", 1, "x", "letters of one byte" },
		{ EI_REG_SZ, "h\0i\0!", 5, "hi\xef\xbf\xbd", "ends within a letter: 5 bytes" },
		{ EI_REG_MULTI_SZ, "h\0\0\0i\0!", 7, "h\ni\xef\xbf\xbd", "ends within a letter" },
		{ EI_REG_SZ, "\xe9", 1, "\xef\xbf\xbd", "ends within a letter" },
		{ EI_REG_SZ, "h\0i\0\0", 5, "hi", "" },
		{ EI_REG_SZ, "h\0i\0\0\0\0", 7, "hi", "" },
		{ EI_REG_SZ, "h\0i\0\0\0\xf0", 7, "hi", "" },
		{ EI_REG_SZ, "\0", 1, "", "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct world *w = *state;
		fx_hive_init(&w->fx);
		*w->notes = '\0';
		ei_value value = root_value(
			w, fx_value(&w->fx, "v", cases[i].type, cases[i].data, cases[i].length));
		assert_text(ei_value_data(&value), cases[i].text);
		assert_int_equal(ei_value_bytes(&value).length, cases[i].length);
		assert_noted(w, cases[i].note);
		assert_int_equal(!*w->notes, !*cases[i].note);
	}
}

static void a_number_of_a_wrong_size_is_bytes(void **state)
{
	struct world *w = *state;
	ei_value value = root_value(w, fx_value(&w->fx, "v", EI_REG_DWORD, "abc", 3));
	assert_int_equal(ei_value_data(&value).kind, EI_BYTES);
	assert_int_equal(ei_value_data(&value).length, 3);
	assert_int_equal(ei_value_vol3(&value).state, EI_GARBAGE);
}

static void a_type_without_a_name_is_its_number(void **state)
{
	struct world *w = *state;
	ei_value value = root_value(w, fx_value(&w->fx, "", 0xffff0007, "abcde", 5));
	assert_text(ei_value_type(&value), "0xffff0007");
	assert_text(ei_value_name(&value), "");
	assert_int_equal(ei_value_data(&value).kind, EI_BYTES);
}

static uint32_t big_value(struct fx_hive *fx, uint32_t length)
{
	static uint8_t segment[16344];
	uint32_t list[3], count = (length + 16343) / 16344;
	for (uint32_t i = 0; i < count; i++) {
		memset(segment, 'a' + (int)i, sizeof segment);
		list[i] = fx_cell(fx, segment, sizeof segment);
	}
	uint32_t db = fx_cell(fx, "db\0\0\0\0\0\0", 8);
	fx_cell_put16(fx, db, 2, (uint16_t)count);
	fx_cell_put32(fx, db, 4, fx_cell(fx, list, count * 4));
	uint32_t value = fx_value(fx, "big", EI_REG_BINARY, "", 0);
	fx_cell_put32(fx, value, 4, length);
	fx_cell_put32(fx, value, 8, db);
	return value;
}

static void big_data_are_joined(void **state)
{
	struct world *w = *state;
	static const uint32_t lengths[] = { 16345, 16384, 16385, 32688, 40000 };
	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		fx_hive_init(&w->fx);
		ei_value value = root_value(w, big_value(&w->fx, lengths[i]));
		ei_val bytes = ei_value_bytes(&value);
		assert_int_equal(bytes.state, EI_OK);
		assert_int_equal(bytes.length, lengths[i]);
		assert_int_equal(bytes.b[16343], 'a');
		assert_int_equal(bytes.b[16344], 'b');
		assert_int_equal(bytes.b[lengths[i] - 1], 'a' + (int)((lengths[i] - 1) / 16344));
	}
}

static void big_data_without_a_segment_are_absent(void **state)
{
	struct world *w = *state;
	uint32_t cell = big_value(&w->fx, 40000);
	uint32_t db = load_u32(fx_at(&w->fx, cell, 8));
	fx_cell_put16(&w->fx, db, 2, 2);
	ei_value value = root_value(w, cell);
	assert_int_equal(ei_value_bytes(&value).state, EI_GARBAGE);
	assert_noted(w, "40000 bytes in 2 segments");
	fx_cell_put16(&w->fx, db, 2, 3);
	fx_cell_put32(&w->fx, load_u32(fx_at(&w->fx, db, 4)), 4, 0x7ffffff0);
	assert_int_equal(ei_value_bytes(&value).state, EI_GARBAGE);
	assert_text(ei_value_name(&value), "big");
}

static void data_longer_than_their_cell_are_cut(void **state)
{
	struct world *w = *state;
	uint32_t cell = fx_value(&w->fx, "v", EI_REG_BINARY, "0123456789ab", 12);
	fx_cell_put32(&w->fx, cell, 4, 5000);
	ei_value value = root_value(w, cell);
	assert_int_equal(ei_value_bytes(&value).length, 12);
	assert_noted(w, "are cut from 5000 bytes to the 12");
}

static void values_that_lie_cost_themselves_only(void **state)
{
	struct world *w = *state;
	uint32_t bad_data = fx_value(&w->fx, "a", EI_REG_BINARY, "0123456789", 10);
	fx_cell_put32(&w->fx, bad_data, 8, 0x7ffffff0);
	uint32_t huge = fx_value(&w->fx, "b", EI_REG_BINARY, "0123456789", 10);
	fx_cell_put32(&w->fx, huge, 4, 0x7fffffff);
	uint32_t resident = fx_value(&w->fx, "c", EI_REG_BINARY, "01", 2);
	fx_cell_put32(&w->fx, resident, 4, 0x80000009);
	uint32_t good = fx_value(&w->fx, "d", EI_REG_BINARY, "01", 2);
	uint32_t cells[] = { bad_data, huge, resident, w->fx.root, 0x50000000, good };
	static const ei_state want[] = { EI_GARBAGE, EI_GARBAGE, EI_GARBAGE, EI_GARBAGE, EI_GARBAGE,
		EI_OK };
	fx_set_values(&w->fx, w->fx.root, cells, 6);
	ei_key root = open_root(w);
	ei_values cursor = ei_key_values(&root);
	size_t count = 0;
	for (ei_value value; ei_value_next(&cursor, &value); count++)
		assert_int_equal(ei_value_data(&value).state, want[count]);
	assert_int_equal(count, 6);
	ei_value found = ei_key_value(&root, "D");
	assert_int_equal(found.cell, good);
}

static void a_value_count_that_lies_is_cut_to_its_list(void **state)
{
	struct world *w = *state;
	uint32_t value = fx_value(&w->fx, "v", EI_REG_DWORD, "abcd", 4);
	fx_set_values(&w->fx, w->fx.root, &value, 1);
	fx_cell_put32(&w->fx, w->fx.root, 36, 0xfffffff0);
	ei_key root = open_root(w);
	ei_values cursor = ei_key_values(&root);
	size_t count = 0;
	for (ei_value v; ei_value_next(&cursor, &v);)
		count++;
	assert_int_equal(count, 1);
	assert_noted(w, "has room for 1");
}

// ---- files ----------------------------------------------------------------------------------

static void what_is_no_hive_is_refused(void **state)
{
	struct world *w = *state;
	static const struct {
		uint32_t offset, value;
		size_t size;
		const char *text;
	} cases[] = {
		{ 0, 0x30303030, sizeof w->fx.bytes, "want 'regf'" },
		{ 28, 6, sizeof w->fx.bytes, "log of changes" },
		{ 20, 1, 4095, "want at least 4096" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		fx_hive_init(&w->fx);
		memcpy(w->fx.bytes + cases[i].offset, &cases[i].value, 4);
		ei_hive *hive = NULL;
		ei_error *error = ei_hive_open_file(w->arena, w->fx.bytes, cases[i].size, &hive);
		assert_non_null(error);
		assert_non_null(strstr(ei_error_text(error), cases[i].text));
		assert_null(hive);
		ei_error_drop(error);
	}
}

static void a_file_without_bins_has_an_absent_root(void **state)
{
	struct world *w = *state;
	assert_null(ei_hive_open_file(w->arena, w->fx.bytes, 4096, &w->hive));
	ei_key root = ei_hive_root(w->hive);
	assert_int_equal(root.state, EI_GARBAGE);
	assert_null(ei_key_walk_begin(&root, true));
	ei_subkeys cursor = ei_key_subkeys(&root);
	assert_false(ei_subkey_next(&cursor, &root));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_form_of_list_gives_its_keys),
		TEST(lists_of_lists_are_followed),
		TEST(a_list_of_lists_that_holds_itself_ends),
		TEST(names_are_read_in_their_own_encoding),
		TEST(a_bad_key_costs_itself_only),
		TEST(a_key_that_is_none_says_what_it_is),
		TEST(a_count_that_lies_is_cut_to_its_list),
		TEST(a_count_that_differs_from_the_list_is_noted),
		TEST(a_count_of_zero_does_not_hide_keys),
		TEST(a_count_of_zero_over_what_is_no_list_is_quiet),
		TEST(a_name_longer_than_its_key_costs_the_name),
		TEST(a_key_that_is_its_own_ancestor_ends_the_branch),
		TEST(keys_that_fan_out_without_end_end),
		TEST(a_predefined_key_has_no_values),
		TEST(keys_are_found_by_path),
		TEST(paths_may_begin_where_the_hive_is_mounted),
		TEST(with_compat_a_path_begins_at_the_root),
		TEST(the_current_control_set_is_the_selected_one),
		TEST(data_come_typed),
		TEST(text_of_an_odd_length_loses_nothing),
		TEST(a_number_of_a_wrong_size_is_bytes),
		TEST(a_type_without_a_name_is_its_number),
		TEST(big_data_are_joined),
		TEST(big_data_without_a_segment_are_absent),
		TEST(data_longer_than_their_cell_are_cut),
		TEST(values_that_lie_cost_themselves_only),
		TEST(a_value_count_that_lies_is_cut_to_its_list),
		TEST(what_is_no_hive_is_refused),
		TEST(a_file_without_bins_has_an_absent_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
