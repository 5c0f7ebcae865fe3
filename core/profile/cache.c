// Keeps parsed symbol files: one entry a file, checked when read, replaced whole when written.
// Nothing here is an error to anybody: a cache that does not work is a cache that has nothing.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES_MAX = 64 };
enum { STALE_SECONDS = 3600 }; // a temporary file this old belongs to a run that died
enum { NAME_ROOM = 64 };

#define ENTRY_SUFFIX ".profile"
#define TEMPORARY_PREFIX "new-"

// In front of the flat block of an entry: what it was parsed from.
struct entry_head {
	char magic[8];
	uint64_t size, inode, device;
	int64_t seconds, nanoseconds;
	uint32_t path_length;
	uint32_t flat_version;
};

#define ENTRY_MAGIC "EICACHE1" // eight bytes, no NUL

struct cache_key {
	struct entry_head head;
	char path[PATH_MAX];
};

// ---- the folder -----------------------------------------------------------------------------
static bool folder_path(char *out, size_t room)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int length = -1;
	if (cache && *cache == '/')
		length = snprintf(out, room, "%s/eidetic", cache);
	else if (home && *home == '/')
		length = snprintf(out, room, "%s/.cache/eidetic", home);
	return length > 0 && (size_t)length < room;
}

// Makes the folder and the one above it.
static void folder_make(char *path)
{
	char *last = strrchr(path, '/');
	*last = '\0';
	mkdir(path, 0700);
	*last = '/';
	mkdir(path, 0700);
}

// The folder, or -1. It must be ours alone: entries are checked for soundness, but only their owner
// can vouch for what they say.
static int folder_open(bool make)
{
	char path[PATH_MAX];
	if (!folder_path(path, sizeof path))
		return -1;
	if (make)
		folder_make(path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) || status.st_uid != geteuid() || (status.st_mode & 022)) {
		close(fd);
		return -1;
	}
	return fd;
}

// ---- keys -----------------------------------------------------------------------------------
static bool key_init(struct cache_key *key, const char *source)
{
	struct stat status;
	memset(key, 0, sizeof *key);
	if (!realpath(source, key->path) || stat(key->path, &status))
		return false;
	memcpy(key->head.magic, ENTRY_MAGIC, sizeof key->head.magic);
	key->head.size = (uint64_t)status.st_size;
	key->head.inode = status.st_ino;
	key->head.device = status.st_dev;
	key->head.seconds = status.st_mtim.tv_sec;
	key->head.nanoseconds = status.st_mtim.tv_nsec;
	key->head.path_length = (uint32_t)strlen(key->path);
	key->head.flat_version = FLAT_VERSION;
	return true;
}

static bool key_equal(const struct cache_key *a, const struct cache_key *b)
{
	return !memcmp(&a->head, &b->head, sizeof a->head) && !strcmp(a->path, b->path);
}

static void key_name(const struct cache_key *key, char name[NAME_ROOM])
{
	snprintf(name, NAME_ROOM, "%016llx" ENTRY_SUFFIX,
		(unsigned long long)flat_digest(key->path, key->head.path_length));
}

// ---- reading --------------------------------------------------------------------------------
static bool read_exactly(int fd, void *buffer, size_t size)
{
	uint8_t *at = buffer;
	while (size) {
		ssize_t got = read(fd, at, size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

// The block of an entry that was made from exactly `key`.
static bool entry_read(int fd, const struct cache_key *key, struct bytes *out)
{
	struct cache_key found;
	struct stat status;
	size_t before = sizeof key->head + key->head.path_length;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return false;
	if (status.st_size <= (off_t)before || status.st_size - (off_t)before > FLAT_MAX)
		return false;
	if (!read_exactly(fd, &found.head, sizeof found.head) ||
		memcmp(&found.head, &key->head, sizeof found.head))
		return false;
	if (!read_exactly(fd, found.path, key->head.path_length) ||
		memcmp(found.path, key->path, key->head.path_length))
		return false;
	BYTES_OWNED block = { .size = (size_t)status.st_size - before };
	block.data = malloc(block.size);
	if (!block.data || !read_exactly(fd, block.data, block.size))
		return false;
	*out = block;
	block = (struct bytes){ 0 };
	return true;
}

static bool cache_get(const char *source, struct profile **out)
{
	struct cache_key key;
	char name[NAME_ROOM];
	int folder = folder_open(false);
	if (folder < 0)
		return false;
	int fd = -1;
	if (key_init(&key, source)) {
		key_name(&key, name);
		fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	close(folder);
	if (fd < 0)
		return false;
	BYTES_OWNED block = { 0 };
	bool found = entry_read(fd, &key, &block);
	if (found) {
		ei_error *damaged = profile_from_block(&block, source, out);
		found = !damaged;
		ei_error_drop(damaged);
	}
	if (found)
		futimens(fd, NULL); // what is used is not the oldest
	close(fd);
	return found;
}

// ---- writing --------------------------------------------------------------------------------
static bool write_exactly(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	while (size) {
		ssize_t put = write(fd, at, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		size -= (size_t)put;
	}
	return true;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), tail = strlen(suffix);
	return length >= tail && !strcmp(name + length - tail, suffix);
}

struct oldest {
	char name[NAME_ROOM];
	struct timespec time;
	unsigned entries;
};

static bool is_older(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static void consider(int folder, const char *name, struct oldest *oldest)
{
	struct stat status;
	size_t length = strlen(name);
	if (length >= NAME_ROOM || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return;
	if (!strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX))) {
		if (status.st_mtim.tv_sec + STALE_SECONDS < time(NULL))
			unlinkat(folder, name, 0);
		return;
	}
	if (!has_suffix(name, ENTRY_SUFFIX))
		return;
	if (!oldest->entries++ || is_older(status.st_mtim, oldest->time)) {
		memcpy(oldest->name, name, length + 1);
		oldest->time = status.st_mtim;
	}
}

// One entry is written at a time, so removing one at a time keeps the bound.
static void folder_prune(int folder)
{
	struct oldest oldest = { .entries = 0 };
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	if (!listing) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (const struct dirent *entry; (entry = readdir(listing));)
		consider(folder, entry->d_name, &oldest);
	closedir(listing);
	if (oldest.entries > ENTRIES_MAX)
		unlinkat(folder, oldest.name, 0);
}

// A name that no other thread or process uses at the same time.
static int temporary_open(int folder, char name[NAME_ROOM])
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(name, NAME_ROOM, TEMPORARY_PREFIX "%ld-%ld-%p", (long)getpid(), now.tv_nsec,
		(void *)name);
	return openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void entry_write(int folder, const struct cache_key *key, const struct profile *profile)
{
	char name[NAME_ROOM], temporary[NAME_ROOM];
	size_t size = 0;
	const void *block = profile_block(profile, &size);
	int fd = temporary_open(folder, temporary);
	if (fd < 0)
		return;
	key_name(key, name);
	bool written = write_exactly(fd, &key->head, sizeof key->head) &&
		       write_exactly(fd, key->path, key->head.path_length) &&
		       write_exactly(fd, block, size);
	written &= !close(fd);
	if (!written || renameat(folder, temporary, folder, name))
		unlinkat(folder, temporary, 0);
}

ei_error *cache_load(const char *source, struct profile **out)
{
	struct cache_key before, after;
	if (cache_get(source, out))
		return NULL;
	bool keyed = key_init(&before, source);
	EI_TRY(profile_load(source, out));
	// A source that changed while it was read is not kept under either of its states.
	if (!keyed || !key_init(&after, source) || !key_equal(&before, &after))
		return NULL;
	int folder = folder_open(true);
	if (folder < 0)
		return NULL;
	entry_write(folder, &before, *out);
	folder_prune(folder);
	close(folder);
	return NULL;
}
