// Taking bytes out of memory: names, holes, hashes, and disks that are full or closed.
// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include "tests/fx/fx.h"
#include "tests/fx/test.h"
#include <eidetic/extract.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// A run with a folder of its own to write to.
struct world {
	struct fx fx;
	ei_run *run;
	struct output output;
	char folder[32];
	char path[256];
	char text[1 << 18]; // what was last read
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	fx_init(&w->fx, "win10-19041-x64");
	fx_memory_open(&w->fx.memory);
	w->fx.session.image = w->fx.memory.image;
	assert_null(run_create(&w->fx.session, &w->run));
	snprintf(w->folder, sizeof w->folder, "/tmp/extract-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->output.folder = w->folder;
	w->run->output = &w->output;
}

static void world_deinit(struct world *w)
{
	char command[64];
	w->run->output = NULL;
	run_drop(w->run);
	fx_deinit(&w->fx);
	chmod(w->folder, 0700);
	snprintf(command, sizeof command, "rm -rf '%s'", w->folder);
	assert_int_equal(system(command), 0);
}

#define WORLD(w)                                                                                   \
	__attribute__((cleanup(world_deinit))) struct world w##_itself;                            \
	struct world *w = &w##_itself;                                                             \
	world_init(w)

static const char *path_in(struct world *w, const char *name)
{
	snprintf(w->path, sizeof w->path, "%.31s/%.200s", w->folder, name);
	return w->path;
}

// The bytes of a file of the folder; how many.
static size_t read_back(struct world *w, const char *name)
{
	FILE *file = fopen(path_in(w, name), "rb");
	assert_non_null(file);
	size_t got = fread(w->text, 1, sizeof w->text - 1, file);
	w->text[got] = 0;
	fclose(file);
	return got;
}

static void expect_in_manifest(struct world *w, const char *text)
{
	read_back(w, "manifest.jsonl");
	if (!strstr(w->text, text))
		fail_msg("no %s in %s", text, w->text);
}

// Writes `text` under `name`; the name that the file got.
static const char *written_as(struct world *w, const char *name, const char *text)
{
	ei_extract *x;
	ei_extracted done;
	assert_null(ei_extract_begin(w->run, name, &x));
	ei_extract_bytes(x, text, strlen(text));
	assert_null(ei_extract_end(x, &done));
	return done.file.s;
}

// ---- names ----------------------------------------------------------------------------------

static void names_are_made_safe(void **state)
{
	(void)state;
	static const struct {
		const char *wanted, *got;
	} cases[] = {
		{ "plain-name_1.dmp", "plain-name_1.dmp" },
		{ "../../etc/passwd", "_._.._etc_passwd" },
		{ "/tmp/x", "_tmp_x" },
		{ "..", "_." },
		{ ".hidden", "_hidden" },
		{ "a\\b:c*d?e\"f<g>h|i", "a_b_c_d_e_f_g_h_i" },
		{ "tab\tnew\nline\x1b[31m", "tab_new_line__31m" },
		{ "\xd0\x96\xd1\x83.exe", "____.exe" },
		{ "", "_" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		WORLD(w);
		assert_string_equal(written_as(w, cases[i].wanted, "x"), cases[i].got);
		assert_int_equal(read_back(w, cases[i].got), 1);
	}
}

static void long_names_are_cut(void **state)
{
	(void)state;
	WORLD(w);
	char name[1001];
	memset(name, 'n', 1000);
	name[1000] = 0;
	assert_int_equal(strlen(written_as(w, name, "x")), 160);
}

static void taken_names_get_a_number_before_the_last_dot(void **state)
{
	(void)state;
	WORLD(w);
	assert_string_equal(written_as(w, "a.b.dmp", "first"), "a.b.dmp");
	assert_string_equal(written_as(w, "a.b.dmp", "second"), "a.b-1.dmp");
	assert_string_equal(written_as(w, "a.b.dmp", "third"), "a.b-2.dmp");
	assert_string_equal(written_as(w, "bare", "x"), "bare");
	assert_string_equal(written_as(w, "bare", "x"), "bare-1");
	read_back(w, "a.b.dmp");
	assert_string_equal(w->text, "first");
}

static void manifest_is_never_a_files_name(void **state)
{
	(void)state;
	WORLD(w);
	assert_string_equal(written_as(w, "manifest.jsonl", "x"), "manifest-1.jsonl");
	expect_in_manifest(w, "\"file\":\"manifest-1.jsonl\"");
}

static void links_are_not_followed(void **state)
{
	(void)state;
	WORLD(w);
	assert_int_equal(symlink("elsewhere", path_in(w, "name.dmp")), 0);
	assert_string_equal(written_as(w, "name.dmp", "x"), "name-1.dmp");
	assert_int_not_equal(access(path_in(w, "elsewhere"), F_OK), 0);
}

// ---- content --------------------------------------------------------------------------------

static void holes_are_zeroes_noted_and_hashed(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x;
	ei_extracted done;
	assert_null(ei_extract_begin(w->run, "holes", &x));
	ei_extract_bytes(x, "abc", 3);
	ei_extract_hole(x, 2);
	ei_extract_hole(x, 0);
	ei_extract_hole(x, 3);
	ei_extract_bytes(x, "d", 1);
	ei_extract_hole(x, 4);
	assert_null(ei_extract_end(x, &done));
	assert_int_equal(done.size, 13);
	assert_int_equal(done.missing, 9);
	// md5sum of "abc\0\0\0\0\0d\0\0\0\0"
	assert_string_equal(done.md5.s, "de15a2d56264c766fcb77600bb2963cb");
	assert_int_equal(read_back(w, "holes"), 13);
	assert_memory_equal(w->text, "abc\0\0\0\0\0d\0\0\0\0", 13);
	expect_in_manifest(w, "\"size\":13,\"missing\":9,\"holes\":[[3,5],[9,4]]");
	expect_in_manifest(w, done.sha256.s);
}

static void only_hashing_writes_nothing(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x;
	ei_extracted done;
	assert_null(ei_extract_begin(w->run, NULL, &x));
	ei_extract_bytes(x, "abc", 3);
	assert_int_equal(ei_extract_name(x).state, EI_NONE);
	assert_null(ei_extract_end(x, &done));
	assert_int_equal(done.file.state, EI_NONE);
	assert_string_equal(done.md5.s, "900150983cd24fb0d6963f7d28e17f72");
	assert_string_equal(done.sha1.s, "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_int_not_equal(access(path_in(w, "manifest.jsonl"), F_OK), 0);
}

static void memory_that_is_missing_becomes_a_hole(void **state)
{
	(void)state;
	WORLD(w);
	const uint64_t va = 0xffffa00000100000;
	uint8_t page[PAGE_SIZE];
	memset(page, 'm', sizeof page);
	fx_map_fresh(&w->fx.tables, va);
	fx_map_fresh(&w->fx.tables, va + 2 * PAGE_SIZE);
	fx_write(&w->fx.tables, va, page, sizeof page);
	fx_write(&w->fx.tables, va + 2 * PAGE_SIZE, page, sizeof page);
	run_drop(w->run);
	fx_memory_open(&w->fx.memory);
	w->fx.session.image = w->fx.memory.image;
	assert_null(run_create(&w->fx.session, &w->run));
	w->run->output = &w->output;
	ei_extract *x;
	ei_extracted done;
	assert_null(ei_extract_begin(w->run, "memory", &x));
	ei_extract_memory(x, NULL, va + 100, 3 * PAGE_SIZE); // the fourth is not mapped either
	assert_null(ei_extract_end(x, &done));
	assert_int_equal(done.size, 3 * PAGE_SIZE);
	assert_int_equal(done.missing, PAGE_SIZE + 100);
	assert_int_equal(read_back(w, "memory"), 3 * PAGE_SIZE);
	assert_int_equal(w->text[PAGE_SIZE - 101], 'm');
	assert_int_equal(w->text[PAGE_SIZE - 100], 0);
	assert_int_equal(w->text[2 * PAGE_SIZE - 100], 'm');
	expect_in_manifest(w, "\"holes\":[[3996,4096],[12188,100]]");
}

static void many_holes_are_counted_past_the_list(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x;
	ei_extracted done;
	assert_null(ei_extract_begin(w->run, "sieve", &x));
	for (int i = 0; i < 5000; i++) {
		ei_extract_bytes(x, "x", 1);
		ei_extract_hole(x, 1);
	}
	assert_null(ei_extract_end(x, &done));
	assert_int_equal(done.missing, 5000);
	read_back(w, "manifest.jsonl");
	size_t listed = 0;
	for (const char *at = w->text; (at = strstr(at, ",1]")); at++)
		listed++;
	assert_int_equal(listed, 4096);
	expect_in_manifest(w, "\"holes_cut\":true");
}

static void what_is_forgotten_leaves_no_trace(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x;
	assert_null(ei_extract_begin(w->run, "gone", &x));
	ei_extract_bytes(x, "abc", 3);
	ei_extract_forget(x);
	assert_int_not_equal(access(path_in(w, "gone"), F_OK), 0);
	assert_int_not_equal(access(path_in(w, "manifest.jsonl"), F_OK), 0);
}

static void sizes_past_all_files_are_refused(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x;
	assert_null(ei_extract_begin(w->run, NULL, &x));
	ei_extract_bytes(x, "abc", 3);
	ei_extract_hole(x, INT64_MAX);
	EI_OWNED(ei_error) error = ei_extract_end(x, NULL);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_LIMIT);
}

// ---- disks ----------------------------------------------------------------------------------

static void full_disk_is_said_with_the_files_name(void **state)
{
	(void)state;
	WORLD(w);
	static uint8_t much[1 << 20];
	struct rlimit before, small;
	ei_extract *x;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){ 1 << 16, before.rlim_max };
	assert_null(ei_extract_begin(w->run, "large", &x));
	setrlimit(RLIMIT_FSIZE, &small);
	ei_extract_bytes(x, much, sizeof much);
	EI_OWNED(ei_error) error = ei_extract_end(x, NULL);
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, handler);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_IO);
	assert_non_null(strstr(ei_error_text(error), "cannot write 'large'"));
}

static void folder_that_is_not_there_is_named(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x = NULL;
	w->output.folder = "/nonexistent/folder";
	EI_OWNED(ei_error) error = ei_extract_begin(w->run, "x", &x);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_IO);
	assert_non_null(strstr(ei_error_text(error), "output folder '/nonexistent/folder'"));
	assert_null(x);
}

static void folder_that_cannot_be_written_is_named(void **state)
{
	(void)state;
	WORLD(w);
	ei_extract *x = NULL;
	// Nobody, root included, makes files there.
	w->output.folder = "/proc/self";
	EI_OWNED(ei_error) error = ei_extract_begin(w->run, "x", &x);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_IO);
	assert_non_null(strstr(ei_error_text(error), "cannot write '/proc/self/x'"));
}

static void without_a_folder_it_is_the_current_one(void **state)
{
	(void)state;
	WORLD(w);
	char before[4096];
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir(w->folder), 0);
	w->output.folder = NULL;
	written_as(w, "here.dmp", "abc");
	assert_int_equal(chdir(before), 0);
	assert_int_equal(read_back(w, "here.dmp"), 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_made_safe),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(taken_names_get_a_number_before_the_last_dot),
		cmocka_unit_test(manifest_is_never_a_files_name),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(holes_are_zeroes_noted_and_hashed),
		cmocka_unit_test(only_hashing_writes_nothing),
		cmocka_unit_test(memory_that_is_missing_becomes_a_hole),
		cmocka_unit_test(many_holes_are_counted_past_the_list),
		cmocka_unit_test(what_is_forgotten_leaves_no_trace),
		cmocka_unit_test(sizes_past_all_files_are_refused),
		cmocka_unit_test(full_disk_is_said_with_the_files_name),
		cmocka_unit_test(folder_that_is_not_there_is_named),
		cmocka_unit_test(folder_that_cannot_be_written_is_named),
		cmocka_unit_test(without_a_folder_it_is_the_current_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
