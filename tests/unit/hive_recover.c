// Hives that were not written to their end, and what was deleted from hives.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_log.h"
#include "tests/fx/fx_hive.h"
#include "tests/fx/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOG_ROOM = 32 << 10, SECTOR = 512, DIRTY_AT = 0x3000 };

struct log {
	uint8_t bytes[LOG_ROOM];
	size_t size;
};

struct world {
	struct fx_hive fx;
	struct log logs[2];
	ei_arena *arena;
	ei_hive *hive;
	char notes[4096];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	fx_hive_init(&w->fx);
	ei_error_drop(ei_arena_create(1 << 30, &w->arena));
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

static void keep_note(void *context, const char *text)
{
	struct world *w = context;
	size_t used = strlen(w->notes);
	snprintf(w->notes + used, sizeof w->notes - used, "%s\n", text);
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof value);
}

// ---- making hives and logs ------------------------------------------------------------------

static void base_put(uint8_t *base, uint32_t first, uint32_t second, uint64_t written)
{
	put32(base + BASE_SEQUENCE_1, first);
	put32(base + BASE_SEQUENCE_2, second);
	put64(base + BASE_WRITTEN, written);
	put32(base + BASE_LENGTH, FX_HIVE_BINS);
	put32(base + BASE_CHECKSUM, base_checksum(base));
}

static void log_begin(struct world *w, int n, uint32_t type, uint32_t sequence, uint64_t written)
{
	struct log *log = &w->logs[n];
	memcpy(log->bytes, w->fx.bytes, SECTOR);
	put32(log->bytes + BASE_TYPE, type);
	base_put(log->bytes, sequence, sequence, written);
	log->size = SECTOR;
}

// An entry with one page, of 512 bytes of `fill`.
static uint8_t *entry_put(
	struct world *w, int n, uint32_t sequence, uint32_t bins, uint32_t at, uint8_t fill)
{
	struct log *log = &w->logs[n];
	uint8_t *entry = log->bytes + log->size;
	memcpy(entry, "HvLE", 4);
	put32(entry + 4, 2 * SECTOR);
	put32(entry + 12, sequence);
	put32(entry + 16, bins);
	put32(entry + 20, 1);
	put32(entry + 40, at);
	put32(entry + 44, SECTOR);
	memset(entry + 48, fill, SECTOR);
	put64(entry + 24, log_hash(entry + 40, 2 * SECTOR - 40));
	put64(entry + 32, log_hash(entry, 32));
	log->size += 2 * SECTOR;
	return entry;
}

static ei_hive_recovery recover(struct world *w, size_t count)
{
	ei_hive_recovery out;
	ei_hive_log logs[2];
	for (size_t i = 0; i < 2; i++)
		logs[i] = (ei_hive_log){ i ? "two" : "one", w->logs[i].bytes, w->logs[i].size };
	*w->notes = '\0';
	ei_error *error = ei_hive_recover(
		w->arena, w->fx.bytes, sizeof w->fx.bytes, logs, count, keep_note, w, &out);
	if (error)
		fail_msg("%s", ei_error_text(error));
	return out;
}

static void assert_filled(const ei_hive_recovery *out, uint32_t at, uint8_t fill)
{
	assert_int_equal(out->bytes[BASE_SIZE + at], fill);
	assert_int_equal(out->bytes[BASE_SIZE + at + SECTOR - 1], fill);
}

static void assert_noted(const struct world *w, const char *text)
{
	if (!strstr(w->notes, text))
		fail_msg("no note says '%s'; the notes are:\n%s", text, w->notes);
}

// ---- log entries ----------------------------------------------------------------------------

static void the_hash_is_that_of_another_implementation(void **state)
{
	(void)state;
	uint8_t bytes[43];
	for (uint8_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i;
	assert_true(log_hash(bytes, sizeof bytes) == 0x2847c80f4b1db327);
	assert_true(log_hash(bytes, 0) == 0xb39efca403966e08);
}

static void entries_complete_a_dirty_hive(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	entry_put(w, 0, 8, FX_HIVE_BINS, DIRTY_AT, 0x22);
	ei_hive_recovery out = recover(w, 1);
	assert_true(out.dirty);
	assert_int_equal(out.entries, 2);
	assert_int_equal(out.sequence, 8);
	assert_filled(&out, DIRTY_AT, 0x22);
	assert_int_equal(load_u32(out.bytes + BASE_SEQUENCE_1), 8);
	assert_int_equal(load_u32(out.bytes + BASE_SEQUENCE_2), 8);
	assert_int_equal(load_u32(out.bytes + BASE_CHECKSUM), base_checksum(out.bytes));
	assert_int_equal(w->fx.bytes[BASE_SIZE + DIRTY_AT], 0); // the file as given is not touched
}

static void logs_of_a_complete_hive_are_left_alone(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 7, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_false(out.dirty);
	assert_ptr_equal(out.bytes, w->fx.bytes);
	assert_string_equal(w->notes, "");
}

static void entries_from_before_the_hive_are_left_alone(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 5, 1);
	entry_put(w, 0, 5, FX_HIVE_BINS, DIRTY_AT, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.entries, 0);
	assert_filled(&out, DIRTY_AT, 0);
	assert_noted(w, "no log has what is missing");
}

static void an_entry_that_was_not_written_to_its_end_ends_the_log(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	entry_put(w, 0, 8, FX_HIVE_BINS, DIRTY_AT, 0x22)[700] ^= 1;
	entry_put(w, 0, 9, FX_HIVE_BINS, DIRTY_AT, 0x33);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.entries, 1);
	assert_filled(&out, DIRTY_AT, 0x11);
}

static void two_logs_follow_on_each_other_in_whatever_order(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 1, 6, 7, 1);
	entry_put(w, 1, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	log_begin(w, 0, 6, 8, 1);
	entry_put(w, 0, 8, FX_HIVE_BINS, DIRTY_AT, 0x22);
	ei_hive_recovery out = recover(w, 2);
	assert_int_equal(out.entries, 2);
	assert_filled(&out, DIRTY_AT, 0x22);
}

static void a_gap_between_logs_ends_it(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	log_begin(w, 1, 6, 9, 1);
	entry_put(w, 1, 9, FX_HIVE_BINS, DIRTY_AT, 0x22);
	ei_hive_recovery out = recover(w, 2);
	assert_int_equal(out.entries, 1);
	assert_filled(&out, DIRTY_AT, 0x11);
}

static void a_log_without_entries_does_not_hide_the_other(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	log_begin(w, 1, 6, 8, 1);
	entry_put(w, 1, 8, FX_HIVE_BINS, DIRTY_AT, 0x22);
	ei_hive_recovery out = recover(w, 2);
	assert_int_equal(out.entries, 1);
	assert_filled(&out, DIRTY_AT, 0x22);
}

static void nothing_follows_on_a_log_whose_first_entry_is_damaged(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11)[700] ^= 1;
	log_begin(w, 1, 6, 8, 1);
	entry_put(w, 1, 8, FX_HIVE_BINS, DIRTY_AT, 0x22);
	assert_int_equal(recover(w, 2).entries, 0);
}

static void sequence_numbers_go_round(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 0, UINT32_MAX, 1);
	log_begin(w, 0, 6, 0, 1);
	entry_put(w, 0, 0, FX_HIVE_BINS, DIRTY_AT, 0x22);
	log_begin(w, 1, 6, UINT32_MAX, 1);
	entry_put(w, 1, UINT32_MAX, FX_HIVE_BINS, DIRTY_AT, 0x11);
	ei_hive_recovery out = recover(w, 2);
	assert_int_equal(out.entries, 2);
	assert_int_equal(out.sequence, 0);
	assert_filled(&out, DIRTY_AT, 0x22);
}

static void a_hive_grows_as_its_log_says(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS + BLOCK_SIZE, FX_HIVE_BINS, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.size, BASE_SIZE + FX_HIVE_BINS + BLOCK_SIZE);
	assert_filled(&out, FX_HIVE_BINS, 0x11);
	assert_int_equal(load_u32(out.bytes + BASE_LENGTH), FX_HIVE_BINS + BLOCK_SIZE);
}

static void a_hive_does_not_grow_without_measure(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, 0x7fff0000, DIRTY_AT, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.entries, 0);
	assert_noted(w, "wants the hive to be");
}

static void a_page_outside_the_hive_ends_the_log(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, FX_HIVE_BINS, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.entries, 0);
	assert_noted(w, "cannot be applied");
}

static void a_base_block_is_not_taken_from_a_log_without_entries(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 1);
	w->fx.bytes[BASE_CHECKSUM] ^= 1;
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	log_begin(w, 1, 6, 8, 1);
	ei_hive_recovery out = recover(w, 2);
	assert_int_equal(out.entries, 1);
	assert_int_equal(out.sequence, 7);
	assert_noted(w, "it is that of 'one'");
}

static void a_damaged_base_block_is_taken_from_the_latest_log(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 7, 7, 1);
	log_begin(w, 0, 6, 7, 1);
	entry_put(w, 0, 7, FX_HIVE_BINS, DIRTY_AT, 0x11);
	log_begin(w, 1, 6, 8, 1);
	entry_put(w, 1, 8, FX_HIVE_BINS, DIRTY_AT, 0x22);
	w->fx.bytes[BASE_ROOT] ^= 0xff;
	ei_hive_recovery out = recover(w, 2);
	assert_true(out.base_from_log);
	assert_filled(&out, DIRTY_AT, 0x22);
	ei_hive *hive;
	assert_null(ei_hive_open_file(w->arena, out.bytes, out.size, &hive));
	assert_int_equal(ei_hive_root(hive).state, EI_OK);
}

// ---- dirty vectors --------------------------------------------------------------------------

static void vector_put(struct world *w, int n, uint8_t fill)
{
	struct log *log = &w->logs[n];
	memcpy(log->bytes + SECTOR, "DIRT", 4);
	uint32_t bit = DIRTY_AT / SECTOR;
	log->bytes[SECTOR + 4 + bit / 8] = (uint8_t)(1 << bit % 8);
	memset(log->bytes + 2 * SECTOR, fill, SECTOR);
	log->size = 3 * SECTOR;
}

static void sectors_complete_a_dirty_hive(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 100);
	log_begin(w, 0, 1, 8, 100);
	vector_put(w, 0, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.entries, 1);
	assert_int_equal(out.pages, 1);
	assert_filled(&out, DIRTY_AT, 0x11);
	assert_int_equal(out.bytes[BASE_SIZE + DIRTY_AT + SECTOR], 0);
}

static void a_log_older_than_the_hive_is_left_alone(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 100);
	log_begin(w, 0, 1, 6, 99);
	vector_put(w, 0, 0x11);
	ei_hive_recovery out = recover(w, 1);
	assert_int_equal(out.entries, 0);
	assert_noted(w, "is older than the hive");
}

static void a_log_that_ends_early_gives_what_it_has(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 100);
	log_begin(w, 0, 1, 8, 100);
	vector_put(w, 0, 0x11);
	w->logs[0].size = 2 * SECTOR + 100;
	recover(w, 1);
	assert_noted(w, "ends before its dirty sectors do");
}

static void what_is_no_log_is_no_error(void **state)
{
	struct world *w = *state;
	base_put(w->fx.bytes, 8, 7, 100);
	static const size_t sizes[] = { 0, 1, 511, 512, 513, LOG_ROOM };
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		memset(w->logs[0].bytes, 'r', LOG_ROOM);
		w->logs[0].size = sizes[i];
		assert_int_equal(recover(w, 1).entries, 0);
	}
}

// ---- what was deleted -----------------------------------------------------------------------

static const uint64_t day = 133500000000000000;

static void key_free(struct world *w, uint32_t cell, uint64_t written)
{
	put64(fx_at(&w->fx, cell, NK_WRITTEN), written);
	fx_cell_put32(&w->fx, cell, -4, -load_u32(fx_at(&w->fx, cell, -4)));
}

static void cell_free(struct world *w, uint32_t cell)
{
	fx_cell_put32(&w->fx, cell, -4, -load_u32(fx_at(&w->fx, cell, -4)));
}

// All remnants: "K path|name|parent" and "V path|name|data lost", "unlinked" behind.
static const char *remnants_text(struct world *w)
{
	static char text[4096];
	*text = '\0';
	assert_null(ei_hive_open_file(w->arena, w->fx.bytes, sizeof w->fx.bytes, &w->hive));
	ei_hive_set_note(w->hive, keep_note, w);
	ei_remnants *all = ei_hive_remnants(w->hive);
	for (ei_remnant it; ei_remnant_next(all, &it);) {
		size_t used = strlen(text);
		ei_val name = it.is_value ? ei_value_name(&it.value) : ei_key_name(&it.key);
		snprintf(text + used, sizeof text - used, "%c %s|%.*s|%d%s%s\n",
			it.is_value ? 'V' : 'K', it.path, (int)name.length, name.s, it.parent,
			it.data_lost ? " lost" : "", it.unlinked ? " unlinked" : "");
	}
	return text;
}

static void a_deleted_key_is_found_under_its_parent(void **state)
{
	struct world *w = *state;
	uint32_t parent = fx_key(&w->fx, "parent"), key = fx_key(&w->fx, "gone");
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lf", &parent, 1), 1);
	put64(fx_at(&w->fx, parent, NK_WRITTEN), day);
	fx_cell_put32(&w->fx, key, NK_PARENT, parent);
	key_free(w, key, day);
	assert_string_equal(remnants_text(w), "K parent|gone|1\n");
}

static void a_parent_that_was_not_written_to_since_is_not_believed(void **state)
{
	struct world *w = *state;
	uint32_t parent = fx_key(&w->fx, "parent"), key = fx_key(&w->fx, "gone");
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lf", &parent, 1), 1);
	put64(fx_at(&w->fx, parent, NK_WRITTEN), day - 1);
	fx_cell_put32(&w->fx, key, NK_PARENT, parent);
	key_free(w, key, day);
	assert_string_equal(remnants_text(w), "K ?|gone|0\n");
}

static void a_tree_that_was_deleted_keeps_its_paths(void **state)
{
	struct world *w = *state;
	uint32_t top = fx_key(&w->fx, "top"), below = fx_key(&w->fx, "below");
	put64(fx_at(&w->fx, w->fx.root, NK_WRITTEN), day);
	fx_cell_put32(&w->fx, below, NK_PARENT, top);
	key_free(w, top, day);
	key_free(w, below, day);
	assert_string_equal(remnants_text(w), "K |top|1\nK top|below|2\n");
}

static void keys_that_are_each_others_parents_end(void **state)
{
	struct world *w = *state;
	uint32_t a = fx_key(&w->fx, "a"), b = fx_key(&w->fx, "b");
	fx_cell_put32(&w->fx, a, NK_PARENT, b);
	fx_cell_put32(&w->fx, b, NK_PARENT, a);
	key_free(w, a, day);
	key_free(w, b, day);
	assert_non_null(strstr(remnants_text(w), "|a|2\n"));
}

static void values_of_a_deleted_key_come_with_it(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "gone");
	uint32_t values[] = { fx_value(&w->fx, "kept", EI_REG_BINARY, "0123456789", 10),
		fx_value(&w->fx, "reused", EI_REG_BINARY, "0123456789", 10) };
	uint32_t orphan = fx_value(&w->fx, "orphan", EI_REG_DWORD, "1234", 4);
	fx_set_values(&w->fx, key, values, 2);
	put64(fx_at(&w->fx, w->fx.root, NK_WRITTEN), day);
	key_free(w, key, day);
	cell_free(w, load_u32(fx_at(&w->fx, key, NK_VALUE_LIST)));
	cell_free(w, values[0]);
	cell_free(w, values[1]);
	cell_free(w, orphan);
	cell_free(w, load_u32(fx_at(&w->fx, values[0], VK_DATA)));
	assert_string_equal(
		remnants_text(w), "K |gone|1\nV gone|kept|2\nV gone|reused|2 lost\nV ?|orphan|0\n");
	assert_string_equal(w->notes, "");
}

static void a_key_is_found_in_the_middle_of_a_free_cell(void **state)
{
	struct world *w = *state;
	uint32_t before = fx_cell(&w->fx, NULL, 60), key = fx_key(&w->fx, "gone");
	put64(fx_at(&w->fx, w->fx.root, NK_WRITTEN), day);
	uint32_t own = -load_u32(fx_at(&w->fx, key, -4));
	key_free(w, key, day);
	fx_cell_put32(&w->fx, before, -4, 64 + own);
	assert_string_equal(remnants_text(w), "K |gone|1\n");
}

// The size field of a free cell's neighbour that was joined to it is the first to go.
static void a_key_is_found_whose_size_was_written_over(void **state)
{
	struct world *w = *state;
	static const uint32_t sizes[] = { 0, 4, 0x736d6574, 0x80000000, 0x7ffffff8 };
	uint32_t before = fx_cell(&w->fx, NULL, 60), key = fx_key(&w->fx, "gone");
	uint32_t value = fx_value(&w->fx, "old", EI_REG_DWORD, "1234", 4);
	put64(fx_at(&w->fx, w->fx.root, NK_WRITTEN), day);
	uint32_t own = -load_u32(fx_at(&w->fx, key, -4)),
		 other = -load_u32(fx_at(&w->fx, value, -4));
	key_free(w, key, day);
	fx_cell_put32(&w->fx, before, -4, 64 + own + other);
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		fx_cell_put32(&w->fx, key, -4, sizes[i]);
		fx_cell_put32(&w->fx, value, -4, sizes[i]);
		assert_string_equal(remnants_text(w), "K |gone|1\nV ?|old|0\n");
	}
}

static void a_deleted_key_need_not_know_its_parent(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "gone");
	fx_cell_put32(&w->fx, key, NK_PARENT, 0x231);
	key_free(w, key, day);
	assert_string_equal(remnants_text(w), "K ?|gone|0\n");
}

static void what_was_written_over_is_no_key(void **state)
{
	struct world *w = *state;
	uint32_t key = fx_key(&w->fx, "gone");
	key_free(w, key, day);
	memcpy(fx_at(&w->fx, key, NK_NAME), "\1\2\3x", 4);
	assert_string_equal(remnants_text(w), "");
}

static void keys_in_use_to_which_nothing_leads_are_told_apart(void **state)
{
	struct world *w = *state;
	uint32_t linked = fx_key(&w->fx, "linked"), lost = fx_key(&w->fx, "lost");
	uint32_t below = fx_key(&w->fx, "below");
	uint32_t mine = fx_value(&w->fx, "mine", EI_REG_BINARY, "0123456789", 10);
	uint32_t value = fx_value(&w->fx, "with it", EI_REG_BINARY, "0123456789", 10);
	fx_set_subkeys(&w->fx, w->fx.root, fx_list(&w->fx, "lf", &linked, 1), 1);
	fx_set_values(&w->fx, linked, &mine, 1);
	fx_set_values(&w->fx, lost, &value, 1);
	fx_cell_put32(&w->fx, below, NK_PARENT, lost);
	put64(fx_at(&w->fx, linked, NK_WRITTEN), day);
	put64(fx_at(&w->fx, lost, NK_WRITTEN), day);
	put64(fx_at(&w->fx, w->fx.root, NK_WRITTEN), day);
	key_free(w, below, day);
	assert_string_equal(remnants_text(w),
		"K |lost|1 unlinked\nK lost|below|2\nV lost|with it|2 unlinked\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_hash_is_that_of_another_implementation),
		TEST(entries_complete_a_dirty_hive),
		TEST(logs_of_a_complete_hive_are_left_alone),
		TEST(entries_from_before_the_hive_are_left_alone),
		TEST(an_entry_that_was_not_written_to_its_end_ends_the_log),
		TEST(two_logs_follow_on_each_other_in_whatever_order),
		TEST(a_gap_between_logs_ends_it),
		TEST(a_log_without_entries_does_not_hide_the_other),
		TEST(nothing_follows_on_a_log_whose_first_entry_is_damaged),
		TEST(sequence_numbers_go_round),
		TEST(a_hive_grows_as_its_log_says),
		TEST(a_hive_does_not_grow_without_measure),
		TEST(a_page_outside_the_hive_ends_the_log),
		TEST(a_base_block_is_not_taken_from_a_log_without_entries),
		TEST(a_damaged_base_block_is_taken_from_the_latest_log),
		TEST(sectors_complete_a_dirty_hive),
		TEST(a_log_older_than_the_hive_is_left_alone),
		TEST(a_log_that_ends_early_gives_what_it_has),
		TEST(what_is_no_log_is_no_error),
		TEST(a_deleted_key_is_found_under_its_parent),
		TEST(a_parent_that_was_not_written_to_since_is_not_believed),
		TEST(a_tree_that_was_deleted_keeps_its_paths),
		TEST(keys_that_are_each_others_parents_end),
		TEST(values_of_a_deleted_key_come_with_it),
		TEST(a_key_is_found_in_the_middle_of_a_free_cell),
		TEST(a_key_is_found_whose_size_was_written_over),
		TEST(a_deleted_key_need_not_know_its_parent),
		TEST(what_was_written_over_is_no_key),
		TEST(keys_in_use_to_which_nothing_leads_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
