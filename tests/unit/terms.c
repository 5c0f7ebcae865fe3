// Term search: every kernel finds what a naive search finds, wherever it lies.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"
#include "tests/fx/test.h"
#include "win/session.h"
#include <dirent.h>
#include <eidetic/scan.h>

// ---- the naive search -----------------------------------------------------------------------

struct hits {
	struct term_hit *items;
	size_t count, room;
};

static void hit_add(struct hits *hits, const struct term_hit *hit)
{
	if (hits->count == hits->room) {
		hits->room = hits->room ? hits->room * 2 : 1024;
		hits->items = realloc(hits->items, hits->room * sizeof *hits->items);
		assert_non_null(hits->items);
	}
	hits->items[hits->count++] = *hit;
}

static void hits_add(void *context, const struct term_hit *hits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hit_add(context, &hits[i]);
}

static int compare_hits(const void *left, const void *right)
{
	const struct term_hit *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->term != b->term)
		return a->term < b->term ? -1 : 1;
	return (int)a->spelling - (int)b->spelling;
}

static bool is_at(const uint8_t *at, const struct term *term, size_t step)
{
	for (size_t i = 0; i < term->length; i++)
		if (fold_byte(at[i * step]) != fold_byte((uint8_t)term->text[i]) ||
			(step == 2 && at[i * step + 1]))
			return false;
	return true;
}

static void naive_scan(const struct term *terms, size_t count, const uint8_t *bytes, size_t size,
	size_t own, struct hits *hits)
{
	for (size_t at = 0; at < own; at++)
		for (size_t i = 0; i < count; i++)
			for (uint32_t step = 1; step <= 2; step++) {
				uint32_t length = terms[i].length * step;
				if (length > size - at || !is_at(bytes + at, &terms[i], step))
					continue;
				struct term_hit hit = { at, length, (uint32_t)i,
					step == 2 ? TERM_UTF16 : TERM_ASCII };
				hit_add(hits, &hit);
			}
}

enum { KERNELS_MOST = 8 };

// The kernels of this machine, one after the other: false when there is no such one.
static bool kernel_force(size_t index)
{
	const struct kernel *kernel = scan_kernel_at(index);
	assert_true(index < KERNELS_MOST);
	if (!kernel) {
		unsetenv("EIDETIC_SIMD");
		return false;
	}
	setenv("EIDETIC_SIMD", kernel->name, 1);
	assert_string_equal(terms_kernel_name(), kernel->name);
	return true;
}

static struct term_set *compile(const struct term *terms, size_t count)
{
	struct term_set *set = NULL;
	assert_null(terms_compile(terms, count, &set));
	return set;
}

static void check_scan(
	const struct term *terms, size_t count, const uint8_t *bytes, size_t size, size_t own)
{
	struct hits want = { 0 };
	naive_scan(terms, count, bytes, size, own, &want);
	for (size_t k = 0; kernel_force(k); k++) {
		struct hits have = { 0 };
		struct term_set *set = compile(terms, count);
		// An exact copy, so that a read past the end is seen by the sanitizer.
		uint8_t *copy = malloc(size ? size : 1);
		memcpy(copy, bytes, size);
		terms_scan(set, copy, size, own, hits_add, &have);
		free(copy);
		term_set_drop(set);
		if (have.count)
			qsort(have.items, have.count, sizeof *have.items, compare_hits);
		assert_int_equal(have.count, want.count);
		for (size_t i = 0; i < have.count; i++) {
			assert_int_equal(compare_hits(&have.items[i], &want.items[i]), 0);
			assert_int_equal(have.items[i].length, want.items[i].length);
		}
		free(have.items);
	}
	free(want.items);
}

static struct term term_of(const char *text)
{
	return (struct term){ text, (uint32_t)strlen(text) };
}

// ---- numbers --------------------------------------------------------------------------------

static uint64_t seed = 1;

static uint32_t random_below(uint32_t bound)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % bound;
}

static void random_text(uint8_t *out, size_t size, const char *alphabet)
{
	uint32_t letters = (uint32_t)strlen(alphabet);
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)alphabet[random_below(letters)];
}

// So many terms that another way of looking is best than for a few. They are nowhere.
enum { FILLERS = BUCKETS_MOST + 100 };

static void fillers_add(struct term *terms)
{
	static char text[FILLERS][8];
	for (size_t i = 0; i < FILLERS; i++) {
		snprintf(text[i], sizeof text[i], "%04zu$%%", i);
		terms[i] = term_of(text[i]);
	}
}

// ---- claims ---------------------------------------------------------------------------------

static void found_at_every_offset(void **state)
{
	(void)state;
	struct term terms[2 + FILLERS] = { term_of("Evil.Example"), term_of("abc") };
	fillers_add(terms + 2);
	uint8_t bytes[PIECE + 512];
	for (size_t size = 300; size <= sizeof bytes; size += sizeof bytes - 300)
		for (size_t at = 0; at < 290; at++)
			for (unsigned wide = 0; wide <= 1; wide++) {
				memset(bytes, 0xcc, sizeof bytes);
				size_t from = size - 300 + at;
				for (size_t i = 0; i < 12 && from + i * (1 + wide) + wide < size;
					i++) {
					bytes[from + i * (1 + wide)] = (uint8_t) "eVIL.eXAMPLE"[i];
					if (wide)
						bytes[from + 2 * i + 1] = 0;
				}
				// Alone each has its own gram and stride.
				check_scan(terms, 1, bytes, size, size);
				check_scan(terms, 2, bytes, size, size);
				if (size == 300)
					check_scan(terms, 2 + FILLERS, bytes, size, size);
			}
}

enum { TERMS_MOST = 300 };

static void small_alphabets_agree_with_naive_search(void **state)
{
	(void)state;
	static const char *const alphabets[] = { "ab", "aAbB", "abc.", "ab\1", "a\xc3" };
	uint8_t bytes[9000];
	for (unsigned round = 0; round < 200; round++) {
		const char *alphabet = alphabets[round % ARRAY_LENGTH(alphabets)];
		static char text[TERMS_MOST][24];
		struct term terms[TERMS_MOST + FILLERS];
		// A few are looked for in one way, many in another.
		size_t count = 1 + random_below(round % 5 == 4 ? TERMS_MOST : 40);
		uint32_t shortest = TERM_SHORTEST + round % 10;
		for (size_t i = 0; i < count; i++) {
			uint32_t length = shortest + random_below(round % 2 ? 3 : 12);
			// The naive search spells UTF-16 as Latin-1, so terms stay ASCII.
			random_text(
				(uint8_t *)text[i], length, strlen(alphabet) == 2 ? "ab" : "abA.");
			terms[i] = (struct term){ text[i], length };
		}
		if (round % 5 == 3) {
			fillers_add(terms + count);
			count += FILLERS;
		}
		size_t size = round % 3 ? 64 + random_below(600) : sizeof bytes - random_below(200);
		random_text(bytes, size, alphabet);
		for (size_t i = 0; round % 4 == 1 && i < size; i++)
			bytes[i] = i / 40 % 2 && i % 2 ? 0 : bytes[i];
		check_scan(terms, count, bytes, size, size - random_below(60));
	}
}

static void contained_and_repeated_terms_are_all_reported(void **state)
{
	(void)state;
	struct term terms[] = { term_of("www.evil.example"), term_of("evil"), term_of("EVIL.ex"),
		term_of("evil"), term_of("example"), term_of("vil.") };
	const char *text = "see http://WWW.Evil.Example/evil.exe";
	check_scan(terms, ARRAY_LENGTH(terms), (const uint8_t *)text, strlen(text), strlen(text));
}

// More terms begin with each other than are counted in one go.
static void all_the_same_letter_is_found_everywhere(void **state)
{
	(void)state;
	char letters[CHAIN_MOST + 64];
	uint8_t bytes[1400];
	struct term terms[CHAIN_MOST + 20];
	memset(letters, 'a', sizeof letters);
	memset(bytes, 'A', sizeof bytes);
	for (size_t i = sizeof bytes / 2; i < sizeof bytes; i += 2)
		bytes[i] = 0;
	for (uint32_t i = 0; i < ARRAY_LENGTH(terms); i++)
		terms[i] = (struct term){ letters, TERM_SHORTEST + i };
	check_scan(terms, ARRAY_LENGTH(terms), bytes, sizeof bytes, sizeof bytes);
	check_scan(terms, 4, bytes, sizeof bytes, sizeof bytes - 5);
}

static void hits_that_start_behind_the_chunk_are_not_reported(void **state)
{
	(void)state;
	const struct term terms[] = { term_of("border") };
	uint8_t bytes[200];
	for (size_t own = 90; own < 110; own++) {
		memset(bytes, ' ', sizeof bytes);
		memcpy(bytes + 100, "border", 6);
		check_scan(terms, 1, bytes, sizeof bytes, own);
	}
}

static void chunks_with_overlap_see_each_hit_once(void **state)
{
	(void)state;
	const struct term terms[] = { term_of("overlap"), term_of("lap ove") };
	static uint8_t bytes[20000];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t) "overlap "[i % 8];
	struct term_set *set = NULL;
	assert_null(terms_compile(terms, 2, &set));
	struct hits whole = { 0 }, parts = { 0 };
	terms_scan(set, bytes, sizeof bytes, sizeof bytes, hits_add, &whole);
	for (size_t at = 0; at < sizeof bytes; at += 777) {
		size_t own = MIN(sizeof bytes - at, (size_t)777);
		size_t size = MIN(sizeof bytes - at, own + terms_longest(set) - 1);
		terms_scan(set, bytes + at, size, own, hits_add, &parts);
	}
	assert_int_equal(parts.count, whole.count);
	assert_int_equal(whole.count, 2 * (sizeof bytes / 8) - 1);
	free(whole.items);
	free(parts.items);
	term_set_drop(set);
}

static size_t count_in(const struct term *term, const void *bytes, size_t size, size_t *utf16)
{
	struct term_set *set = NULL;
	assert_null(terms_compile(term, 1, &set));
	struct hits hits = { 0 };
	terms_scan(set, bytes, size, size, hits_add, &hits);
	for (size_t i = 0; i < hits.count; i++)
		*utf16 += hits.items[i].spelling == TERM_UTF16;
	free(hits.items);
	term_set_drop(set);
	return hits.count;
}

static void terms_beyond_ascii_are_utf8_and_utf16(void **state)
{
	(void)state;
	static const uint8_t latin[] = "x m\xc3\xbcller y M\0\xfc\0L\0l\0e\0r\0 \0";
	static const uint8_t cyrillic[] = "\xd0\xb2\xd0\xb8\xd1\x80 A\0\x32\x04\x38\x04\x40\x04 "
					  "\0a\0\x32\x04\x38\x04\x40\x04";
	struct term muller = term_of("m\xc3\xbcller"), vir = term_of("\xd0\xb2\xd0\xb8\xd1\x80");
	struct term avir = term_of("a\xd0\xb2\xd0\xb8\xd1\x80");
	for (size_t k = 0; kernel_force(k); k++) {
		size_t utf16 = 0;
		assert_int_equal(count_in(&muller, latin, sizeof latin - 1, &utf16), 2);
		assert_int_equal(utf16, 1);
		utf16 = 0;
		assert_int_equal(count_in(&vir, cyrillic, sizeof cyrillic - 1, &utf16), 3);
		assert_int_equal(utf16, 2);
		utf16 = 0;
		assert_int_equal(count_in(&avir, cyrillic, sizeof cyrillic - 1, &utf16), 2);
		assert_int_equal(utf16, 2);
	}
}

// ---- how terms are meant --------------------------------------------------------------------

// "start+length" of each hit, in order, as every kernel finds them. With `fillers` so many other
// terms, that the way of looking is another.
static void check_hits(const char *text, unsigned flags, const void *bytes, size_t size,
	size_t fillers, const char *want)
{
	static struct term fill[FILLERS];
	struct term one = term_of(text);
	fillers_add(fill);
	const struct term_list lists[] = { { &one, 1, flags }, { fill, fillers, 0 } };
	for (size_t k = 0; kernel_force(k); k++) {
		struct term_set *set = NULL;
		assert_null(terms_compile_wish(&(struct term_wish){ lists, 2, NULL, 0 }, &set));
		struct hits hits = { 0 };
		char have[512] = "";
		terms_scan(set, bytes, size, size, hits_add, &hits);
		if (hits.count)
			qsort(hits.items, hits.count, sizeof *hits.items, compare_hits);
		for (size_t i = 0; i < hits.count; i++)
			snprintf(have + strlen(have), sizeof have - strlen(have), "%s%zu+%u%c",
				i ? " " : "", hits.items[i].start, hits.items[i].length,
				"bauL"[hits.items[i].spelling]);
		assert_string_equal(have, want);
		free(hits.items);
		term_set_drop(set);
	}
}

#define CHECK_HITS(text, flags, bytes, want)                                                       \
	do {                                                                                       \
		check_hits(text, flags, bytes, sizeof bytes - 1, 0, want);                         \
		check_hits(text, flags, bytes, sizeof bytes - 1, FILLERS, want);                   \
	} while (0)

static void case_counts_where_it_is_asked_for(void **state)
{
	(void)state;
	static const char bytes[] = "evil Evil EVIL E\0v\0i\0l\0 e\0v\0i\0l\0";
	CHECK_HITS("Evil", 0, bytes, "0+4a 5+4a 10+4a 15+8u 24+8u");
	CHECK_HITS("Evil", TERM_CASE, bytes, "5+4a 15+8u");
	static const char long_bytes[] = "Mixed Case of a longer Term, mixed case of a longer term";
	CHECK_HITS("Mixed Case of a longer Term", TERM_CASE, long_bytes, "0+27a");
	CHECK_HITS("Mixed Case of a longer Term", 0, long_bytes, "0+27a 29+27a");
}

static void letters_beyond_ascii_have_two_cases(void **state)
{
	(void)state;
	static const char latin[] =
		"M\xc3\x9cLLER m\xc3\xbcller M\0\xdc\0L\0L\0e\0r\0 m\xc3\x9cller";
	CHECK_HITS("m\xc3\xbcller", 0, latin, "0+7a 8+7a 16+12u 29+7a");
	CHECK_HITS("m\xc3\xbcller", TERM_CASE, latin, "8+7a");
	// The bytes of both cases, mixed within a letter, are another letter.
	static const char cyrillic[] =
		"\xd0\xa0\xd0\x98\xd0\xbc \xd1\x80\xd0\xb8\xd0\xbc \xd1\xa0\xd0\xb8\xd0\xbc "
		"\x20\x04\x38\x04\x1c\x04";
	CHECK_HITS("\xd1\x80\xd0\xb8\xd0\xbc", 0, cyrillic, "0+6a 7+6a 21+6u");
	CHECK_HITS("\xd0\xa0\xd0\x98\xd0\x9c", 0, cyrillic, "0+6a 7+6a 21+6u");
	static const char longer[] = "a\0l\0p\0h\0a\0b\0\x38\x04 A\0l\0p\0h\0a\0b\0\x18\x04";
	CHECK_HITS("alphab\xd0\xb8", 0, longer, "0+14u 15+14u");
}

static void whole_words_have_no_letters_around(void **state)
{
	(void)state;
	static const char bytes[] = "cat cats scat _cat (cat) c\0a\0t\0 c\0a\0t\0s\0 cat";
	CHECK_HITS("cat", TERM_WORDS, bytes, "0+3a 20+3a 25+6u 41+3a");
}

static void host_names_are_found_as_labels(void **state)
{
	(void)state;
	static const char bytes[] = "..\3www\7Example\3com\0 www.example.com \3www\6example\3com";
	CHECK_HITS("www.example.com", TERM_AS_LABELS, bytes, "2+16L 20+15a");
	CHECK_HITS("www.example.com", 0, bytes, "20+15a");
	CHECK_HITS("example", TERM_AS_LABELS, bytes, "7+7a 24+7a 41+7a");
}

static void bytes_in_hexadecimal_have_open_places(void **state)
{
	(void)state;
	static const char bytes[] = "MZ\x90\0\3 mz\x90\0\3 MZ\x91\0\3 MZ\0\0\4 Mz\x90\0\3";
	CHECK_HITS("4d 5a 90 00", TERM_AS_HEX, bytes, "0+4b");
	CHECK_HITS("4d 5a ?? 00", TERM_AS_HEX, bytes, "0+4b 12+4b 18+4b");
	CHECK_HITS("4D5a90000?", TERM_AS_HEX, bytes, "0+5b");
	CHECK_HITS("?? 4D 5a 9? 00 03", TERM_AS_HEX, bytes, "11+6b");
	static const char *const wrong[] = { "4d 5", "4d zz 00 00", "4d 5a ?? ??",
		"4d ?? ?? 5a ?? ?? 00" };
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		struct term term = term_of(wrong[i]);
		struct term_list list = { &term, 1, TERM_AS_HEX };
		struct term_set *set = NULL;
		ei_error *error =
			terms_compile_wish(&(struct term_wish){ &list, 1, NULL, 0 }, &set);
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), i < 2 ? EI_E_USAGE : EI_E_LIMIT);
		ei_error_drop(error);
		assert_null(set);
	}
}

static void sample_changes_nothing_that_is_found(void **state)
{
	(void)state;
	static uint8_t bytes[8192], sample[4096];
	random_text(bytes, sizeof bytes, "abc.");
	random_text(sample, sizeof sample, "ab");
	for (size_t i = 0; i < sizeof sample; i += 2 + i % 7)
		sample[i] = 0;
	static char text[200][8];
	struct term terms[200];
	for (size_t i = 0; i < ARRAY_LENGTH(terms); i++) {
		random_text((uint8_t *)text[i], 7, "abc.");
		terms[i] = (struct term){ text[i], 4 + (uint32_t)i % 4 };
	}
	for (size_t count = 20; count <= 200; count += 180) {
		struct term_list list = { terms, count, 0 };
		struct hits hits[2] = { 0 };
		for (size_t with = 0; with < 2; with++) {
			struct term_set *set = NULL;
			struct term_wish wish = { &list, 1, sample, with ? sizeof sample : 0 };
			assert_null(terms_compile_wish(&wish, &set));
			terms_scan(set, bytes, sizeof bytes, sizeof bytes, hits_add, &hits[with]);
			term_set_drop(set);
		}
		assert_true(hits[0].count > 0);
		assert_int_equal(hits[0].count, hits[1].count);
		free(hits[0].items);
		free(hits[1].items);
	}
}

static void unknown_kernels_are_an_error(void **state)
{
	(void)state;
	struct term_set *set = NULL;
	setenv("EIDETIC_SIMD", "mmx", 1);
	ei_error *error = terms_compile(NULL, 0, &set);
	unsetenv("EIDETIC_SIMD");
	assert_non_null(error);
	assert_string_equal(ei_error_text(error), "EIDETIC_SIMD: there are no kernels 'mmx'");
	ei_error_drop(error);
}

static void terms_outside_the_limits_are_refused(void **state)
{
	(void)state;
	struct term_set *set = NULL;
	char long_text[TERM_LONGEST + 1];
	memset(long_text, 'x', sizeof long_text);
	const struct term wrong[] = { { "ab", 2 }, { long_text, sizeof long_text } };
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		ei_error *error = terms_compile(&wrong[i], 1, &set);
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), EI_E_LIMIT);
		ei_error_drop(error);
		assert_null(set);
	}
}

static void no_terms_find_nothing(void **state)
{
	(void)state;
	struct term_set *set = NULL;
	struct hits hits = { 0 };
	assert_null(terms_compile(NULL, 0, &set));
	terms_scan(set, (const uint8_t *)"anything", 8, 8, hits_add, &hits);
	assert_int_equal(hits.count, 0);
	term_set_drop(set);
}

// ---- real lists -----------------------------------------------------------------------------

static char *list_read(size_t *size)
{
	const char *shared = getenv("EIDETIC_SHARED");
	char path[4096];
	snprintf(path, sizeof path, "%s/data/terms/mem_10000.txt", shared ? shared : "../shared");
	FILE *file = fopen(path, "rb");
	if (!file)
		return NULL;
	char *text = malloc(1 << 20);
	*size = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

// Each term somewhere, among pieces of others.
static void real_list_is_found_by_all_kernels_alike(void **state)
{
	(void)state;
	size_t size = 0, count = 0;
	char *text = list_read(&size);
	if (!text) {
		print_message("skipped: no mem_10000.txt under $EIDETIC_SHARED/data/terms\n");
		skip();
	}
	struct term *terms = malloc(20000 * sizeof *terms);
	for (char *at = text, *end; (end = memchr(at, '\n', (size_t)(text + size - at)));
		at = end + 1)
		if (end - at >= TERM_SHORTEST && end - at <= TERM_LONGEST && count < 20000)
			terms[count++] = (struct term){ at, (uint32_t)(end - at) };
	struct hits hits[KERNELS_MOST] = { 0 };
	for (size_t k = 0; kernel_force(k); k++) {
		struct term_set *set = compile(terms, count);
		terms_scan(set, (const uint8_t *)text, size, size, hits_add, &hits[k]);
		term_set_drop(set);
		qsort(hits[k].items, hits[k].count, sizeof(struct term_hit), compare_hits);
		assert_true(hits[k].count >= count);
		assert_int_equal(hits[k].count, hits[0].count);
		for (size_t i = 0; i < hits[k].count; i++)
			assert_int_equal(compare_hits(&hits[k].items[i], &hits[0].items[i]), 0);
	}
	for (size_t k = 0; k < KERNELS_MOST; k++)
		free(hits[k].items);
	free(terms);
	free(text);
}

// ---- lists ----------------------------------------------------------------------------------

static size_t list_parse(const char *text, size_t length, ei_term **terms, uint64_t *notes)
{
	static ei_arena *arena; // the last list's, until the next
	ei_arena_drop(arena);
	assert_null(ei_arena_create(16 << 20, &arena));
	ei_run run = { .scratch = arena };
	size_t count = 0;
	assert_true(ei_terms_parse(&run, "list", text, length, terms, &count));
	*notes = run.notes;
	return count;
}

static void list_lines_become_terms(void **state)
{
	(void)state;
	static const char text[] = "# one\n\n  two words\t\r\n#\n\xff\xfe\xfd\n last";
	ei_term *terms = NULL;
	uint64_t notes;
	assert_int_equal(list_parse(text, sizeof text - 1, &terms, &notes), 3);
	assert_int_equal(notes, 1); // one is not UTF-8
	assert_memory_equal(terms[0].text, "two words", terms[0].length);
	assert_int_equal(terms[0].length, 9);
	assert_int_equal(terms[1].length, 3);
	assert_memory_equal(terms[2].text, "last", 4);
	assert_int_equal(terms[2].length, 4);
}

// Files of tests/corpus/terms/bad have nothing but lines that must be left out, with a note each.
static void bad_lists_are_left_out_with_notes(void **state)
{
	(void)state;
	DIR *dir = opendir("tests/corpus/terms/bad");
	assert_non_null(dir);
	static char text[1 << 16];
	unsigned files = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[512];
		snprintf(path, sizeof path, "tests/corpus/terms/bad/%s", entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
		if (!file)
			continue;
		size_t length = fread(text, 1, sizeof text, file);
		fclose(file);
		ei_term *terms = NULL;
		uint64_t notes;
		assert_int_equal(list_parse(text, length, &terms, &notes), 0);
		assert_true(notes > 0);
		files++;
	}
	closedir(dir);
	assert_true(files > 0);
}

// ---- tags -----------------------------------------------------------------------------------

struct tag_hits {
	uint64_t sum;
	size_t count;
};

static void tag_add(void *context, size_t at, uint32_t tag)
{
	struct tag_hits *hits = context;
	hits->sum = hits->sum * 31 + at * 7 + tag;
	hits->count++;
}

static void tags_are_found_by_all_kernels_alike(void **state)
{
	(void)state;
	uint32_t tags[] = { 0x636f7250, 0xe36f7250, 0x644c6d4d, 0x656c6946, 0x636f7250 };
	static uint8_t bytes[4096];
	random_text(bytes, sizeof bytes,
		"PromMLd\xe3"
		"cFile");
	for (size_t i = 0; i < 200; i++) {
		uint32_t tag = tags[random_below(5)];
		memcpy(bytes + random_below(sizeof bytes / 4) * 4, &tag, 4);
	}
	for (unsigned align = TAG_ALIGN_32; align <= TAG_ALIGN_64; align *= 2)
		for (size_t size = 0; size < sizeof bytes; size += size < 300 ? 1 : 997) {
			struct tag_set set;
			tag_set_init(&set, align, tags, ARRAY_LENGTH(tags));
			assert_int_equal(set.count, 4);
			struct tag_hits want = { 0 };
			for (size_t at = 0; at + 8 <= size; at += align)
				for (size_t i = 0; i < 4; i++)
					if (load_u32(bytes + at + 4) == tags[i])
						tag_add(&want, at, tags[i]);
			for (size_t k = 0; kernel_force(k); k++) {
				struct tag_hits have = { 0 };
				tags_scan(&set, bytes, size, tag_add, &have);
				assert_int_equal(have.count, want.count);
				assert_int_equal(have.sum, want.sum);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_at_every_offset),
		cmocka_unit_test(small_alphabets_agree_with_naive_search),
		cmocka_unit_test(contained_and_repeated_terms_are_all_reported),
		cmocka_unit_test(all_the_same_letter_is_found_everywhere),
		cmocka_unit_test(hits_that_start_behind_the_chunk_are_not_reported),
		cmocka_unit_test(chunks_with_overlap_see_each_hit_once),
		cmocka_unit_test(terms_beyond_ascii_are_utf8_and_utf16),
		cmocka_unit_test(case_counts_where_it_is_asked_for),
		cmocka_unit_test(letters_beyond_ascii_have_two_cases),
		cmocka_unit_test(whole_words_have_no_letters_around),
		cmocka_unit_test(host_names_are_found_as_labels),
		cmocka_unit_test(bytes_in_hexadecimal_have_open_places),
		cmocka_unit_test(sample_changes_nothing_that_is_found),
		cmocka_unit_test(unknown_kernels_are_an_error),
		cmocka_unit_test(terms_outside_the_limits_are_refused),
		cmocka_unit_test(no_terms_find_nothing),
		cmocka_unit_test(real_list_is_found_by_all_kernels_alike),
		cmocka_unit_test(list_lines_become_terms),
		cmocka_unit_test(bad_lists_are_left_out_with_notes),
		cmocka_unit_test(tags_are_found_by_all_kernels_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
