// The profile store: where files are looked for, and a cache that may be torn, full or absent.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"
#include "tests/fx/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUID "0123456789ABCDEF0123456789ABCDEF"
#define STEM "/ntkrnlmp.pdb/" GUID "-2"

enum { PATH_ROOM = 512, THREADS = 8 };

// A folder of its own for each test: `root`/symbols is the store, `root`/cache the cache's parent.
struct place {
	char root[64];
	char symbols[96];
	const char *dirs[2];
	struct profile_store store;
};

static void remove_tree(const char *path)
{
	DIR *listing = opendir(path);
	if (!listing) {
		unlink(path);
		return;
	}
	for (const struct dirent *entry; (entry = readdir(listing));) {
		char inner[PATH_ROOM];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(inner, sizeof inner, "%.200s/%.255s", path, entry->d_name);
		remove_tree(inner);
	}
	closedir(listing);
	rmdir(path);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	assert_non_null(place);
	snprintf(place->root, sizeof place->root, "/tmp/eidetic-store-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	snprintf(place->symbols, sizeof place->symbols, "%s/symbols", place->root);
	assert_int_equal(mkdir(place->symbols, 0700), 0);
	char cache[96];
	snprintf(cache, sizeof cache, "%s/cache", place->root);
	setenv("XDG_CACHE_HOME", cache, 1);
	place->dirs[0] = place->symbols;
	place->store.dirs = place->dirs;
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	remove_tree(place->root);
	free(place);
	return 0;
}

// A symbol file with one symbol `X` at `address` (one digit, so that all files are of one size).
static void write_isf(const char *path, unsigned address)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file,
		"{\"metadata\":{\"format\":\"6.1.0\",\"windows\":{\"pdb\":{\"GUID\":\"" GUID "\","
		"\"age\":2,\"database\":\"ntkrnlmp.pdb\",\"machine_type\":34404}}},"
		"\"base_types\":{},\"user_types\":{},\"enums\":{},"
		"\"symbols\":{\"X\":{\"address\":%u}}}\n",
		address % 10);
	fclose(file);
}

// Writes under the store, making folders on the way.
static void put_isf(
	const struct place *place, const char *below, unsigned address, char path[PATH_ROOM])
{
	snprintf(path, PATH_ROOM, "%s%s", place->symbols, below);
	for (char *slash = path + strlen(place->symbols) + 1; (slash = strchr(slash, '/'));
		slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	write_isf(path, address);
}

static uint64_t address_of(struct profile *profile)
{
	uint64_t rva = UINT64_MAX;
	assert_true(profile_symbol(profile, "X", &rva));
	profile_unref(profile);
	return rva;
}

static uint64_t load_address(const struct place *place, const char *path)
{
	struct profile *profile = NULL;
	ei_error *error = profile_load_cached(&place->store, path, &profile);
	if (error)
		fail_msg("%s", ei_error_text(error));
	return address_of(profile);
}

static uint64_t find_address(const struct place *place)
{
	struct profile *profile = NULL;
	ei_error *error = profile_find(&place->store, "ntkrnlmp.pdb", GUID, 2, &profile);
	if (error)
		fail_msg("%s", ei_error_text(error));
	return address_of(profile);
}

static void touch_as(const char *path, const struct stat *status)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

// ---- finding --------------------------------------------------------------------------------
static void file_is_found_in_each_layout(void **state)
{
	static const char *const places[] = { "/windows" STEM ".json", STEM ".json",
		"/ntkrnlmp.pdb/0123456789abcdef0123456789abcdef-2.JSON",
		"/some/where/else/" GUID "-2.json", "/" GUID "-2.json" };
	const struct place *place = *state;
	for (unsigned i = 0; i < ARRAY_LENGTH(places); i++) {
		char path[PATH_ROOM];
		put_isf(place, places[i], i, path);
		assert_int_equal(find_address(place), i);
		unlink(path);
	}
}

static void missing_profile_names_what_and_where(void **state)
{
	const struct place *place = *state;
	struct profile *profile = NULL;
	ei_error *error = profile_find(
		&place->store, "ntkrnlmp.pdb", "aaaabbbbccccddddeeeeffff00001111", 26, &profile);
	assert_int_equal(ei_error_code(error), EI_E_REQUIREMENT);
	const char *text = ei_error_text(error);
	assert_non_null(strstr(text, "AAAABBBBCCCCDDDDEEEEFFFF00001111-26"));
	assert_non_null(
		strstr(text, "ntkrnlmp.pdb/AAAABBBBCCCCDDDDEEEEFFFF000011111A/ntkrnlmp.pdb"));
	assert_non_null(strstr(text, place->symbols));
	assert_null(profile);
	ei_error_drop(error);
}

static void pdb_name_cannot_leave_the_folder(void **state)
{
	const struct place *place = *state;
	char outside[PATH_ROOM];
	struct profile *profile = NULL;
	snprintf(outside, sizeof outside, "%s/" GUID "-2.json", place->root);
	write_isf(outside, 1);
	static const char *const names[] = { "..", "../..", "a/..", "\\..", "x\033[2J\n" };
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		ei_error *error = profile_find(&place->store, names[i], GUID, 2, &profile);
		assert_int_equal(ei_error_code(error), EI_E_REQUIREMENT);
		for (const char *at = ei_error_text(error); *at; at++)
			assert_true(*at >= ' ' && *at != 0x7f);
		ei_error_drop(error);
	}
}

static void file_for_another_build_is_refused(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM];
	struct profile *profile = NULL;
	put_isf(place, "/ntkrnlmp.pdb/FFFF456789ABCDEF0123456789ABCDEF-2.json", 1, path);
	ei_error *error = profile_find(
		&place->store, "ntkrnlmp.pdb", "FFFF456789ABCDEF0123456789ABCDEF", 2, &profile);
	assert_int_equal(ei_error_code(error), EI_E_FORMAT);
	assert_non_null(strstr(ei_error_text(error), GUID));
	ei_error_drop(error);
}

// ---- the cache ------------------------------------------------------------------------------
static unsigned cache_entries(const struct place *place, char last[PATH_ROOM])
{
	char folder[96];
	unsigned count = 0;
	snprintf(folder, sizeof folder, "%s/cache/eidetic", place->root);
	DIR *listing = opendir(folder);
	for (const struct dirent *entry; listing && (entry = readdir(listing));) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		snprintf(last, PATH_ROOM, "%s/%.255s", folder, entry->d_name);
	}
	if (listing)
		closedir(listing);
	return count;
}

static void second_load_comes_from_the_cache(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], entry[PATH_ROOM];
	struct stat before;
	put_isf(place, "/a.json", 1, path);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(load_address(place, path), 1);
	assert_int_equal(cache_entries(place, entry), 1);
	// Other content under the same inode, size and time: only a cache can still say 1.
	write_isf(path, 2);
	touch_as(path, &before);
	assert_int_equal(load_address(place, path), 1);
	struct profile_store uncached = { .no_cache = true };
	struct profile *profile = NULL;
	assert_null(profile_load_cached(&uncached, path, &profile));
	assert_int_equal(address_of(profile), 2);
}

static void changed_source_is_read_again(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], entry[PATH_ROOM];
	put_isf(place, "/a.json", 1, path);
	assert_int_equal(load_address(place, path), 1);
	struct stat later;
	assert_int_equal(stat(path, &later), 0);
	later.st_mtim.tv_nsec = (later.st_mtim.tv_nsec + 1) % 1000000000;
	write_isf(path, 2);
	touch_as(path, &later);
	assert_int_equal(load_address(place, path), 2);
	assert_int_equal(cache_entries(place, entry), 1);
}

static void cache_folder_is_private(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], folder[PATH_ROOM];
	struct stat status;
	put_isf(place, "/a.json", 1, path);
	load_address(place, path);
	snprintf(folder, sizeof folder, "%s/cache/eidetic", place->root);
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
}

// Whatever is wrong with an entry, the source is read instead, and the entry mended.
static void torn_entry_does_no_harm(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], entry[PATH_ROOM];
	struct stat whole;
	put_isf(place, "/a.json", 1, path);
	load_address(place, path);
	assert_int_equal(cache_entries(place, entry), 1);
	assert_int_equal(stat(entry, &whole), 0);
	for (off_t size = 0; size < whole.st_size; size += 7) {
		assert_int_equal(truncate(entry, size), 0);
		assert_int_equal(load_address(place, path), 1);
	}
	for (off_t at = 0; at < whole.st_size; at += 5) {
		int fd = open(entry, O_RDWR);
		uint8_t byte = 0;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		assert_int_equal(load_address(place, path), 1);
	}
	struct stat mended;
	assert_int_equal(stat(entry, &mended), 0);
	assert_int_equal(mended.st_size, whole.st_size);
}

static void cache_is_bounded(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], entry[PATH_ROOM], below[32];
	for (unsigned i = 0; i < 70; i++) {
		snprintf(below, sizeof below, "/%u.json", i);
		put_isf(place, below, i, path);
		assert_int_equal(load_address(place, path), i % 10);
	}
	assert_int_equal(cache_entries(place, entry), 64);
}

static void cache_that_cannot_be_written_is_no_error(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM];
	put_isf(place, "/a.json", 1, path);
	static const char *const nowhere[] = { "/proc/none", "/dev/null", "relative", "" };
	for (size_t i = 0; i < ARRAY_LENGTH(nowhere); i++) {
		setenv("XDG_CACHE_HOME", nowhere[i], 1);
		setenv("HOME", "/proc/none", 1);
		assert_int_equal(load_address(place, path), 1);
	}
}

static void cache_that_others_can_write_is_not_used(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], folder[PATH_ROOM];
	struct stat before;
	put_isf(place, "/a.json", 1, path);
	assert_int_equal(stat(path, &before), 0);
	load_address(place, path);
	snprintf(folder, sizeof folder, "%s/cache/eidetic", place->root);
	assert_int_equal(chmod(folder, 0777), 0);
	write_isf(path, 2);
	touch_as(path, &before);
	assert_int_equal(load_address(place, path), 2);
}

struct filler {
	const struct place *place;
	const char *path;
	uint64_t address;
};

static void *fill(void *argument)
{
	struct filler *filler = argument;
	struct profile *profile = NULL;
	for (unsigned i = 0; i < 50; i++) {
		ei_error *error =
			profile_load_cached(&filler->place->store, filler->path, &profile);
		uint64_t rva = 0;
		if (error || !profile_symbol(profile, "X", &rva) || rva != 3)
			return NULL;
		profile_unref(profile);
	}
	filler->address = 3;
	return NULL;
}

static bool fill_together(const struct place *place, const char *path)
{
	pthread_t threads[THREADS];
	struct filler fillers[THREADS];
	bool good = true;
	for (unsigned i = 0; i < THREADS; i++) {
		fillers[i] = (struct filler){ place, path, 0 };
		good &= !pthread_create(&threads[i], NULL, fill, &fillers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		good &= fillers[i].address == 3;
	}
	return good;
}

static void concurrent_runs_fill_one_entry(void **state)
{
	const struct place *place = *state;
	char path[PATH_ROOM], entry[PATH_ROOM];
	int status = 0;
	put_isf(place, "/a.json", 3, path);
	pid_t child = fork();
	if (!child)
		_exit(fill_together(place, path) ? 0 : 1);
	assert_true(fill_together(place, path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(cache_entries(place, entry), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_found_in_each_layout),
		cmocka_unit_test(missing_profile_names_what_and_where),
		cmocka_unit_test(pdb_name_cannot_leave_the_folder),
		cmocka_unit_test(file_for_another_build_is_refused),
		cmocka_unit_test(second_load_comes_from_the_cache),
		cmocka_unit_test(changed_source_is_read_again),
		cmocka_unit_test(cache_folder_is_private),
		cmocka_unit_test(torn_entry_does_no_harm),
		cmocka_unit_test(cache_is_bounded),
		cmocka_unit_test(cache_that_cannot_be_written_is_no_error),
		cmocka_unit_test(cache_that_others_can_write_is_not_used),
		cmocka_unit_test(concurrent_runs_fill_one_entry),
	};
	struct CMUnitTest each[ARRAY_LENGTH(tests)];
	for (size_t i = 0; i < ARRAY_LENGTH(tests); i++) {
		each[i] = tests[i];
		each[i].setup_func = setup;
		each[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests_name("profile_store", each, NULL, NULL);
}
