// Bytes on their way out of memory: into a file of the output folder, hashed, with its holes noted.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/extract.h>

#include "base/digest.h"
#include "run/engine.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	NAME_MAX_BYTES = 160,
	NAMES_MAX = 100000, // files of one name in a folder
	HOLES_MAX = 4096,   // listed in the manifest; more are only counted
	CHUNK = 64 * PAGE_SIZE,
};

static const char manifest_name[] = "manifest.jsonl";

struct hole {
	uint64_t at, size;
};

struct ei_extract {
	ei_run *run;
	struct digest *digest;
	int folder, file; // -1: nothing is written
	char name[NAME_MAX_BYTES + 16];
	ei_error *error; // the first one
	uint64_t size, missing;
	struct hole *holes; // merged, ascending
	size_t hole_count, hole_room;
	bool holes_cut;
	uint8_t chunk[CHUNK];
};

static void keep_error(ei_extract *extract, ei_error *error)
{
	if (extract->error)
		ei_error_drop(error);
	else
		extract->error = error;
}

// ---- the file -------------------------------------------------------------------------------

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

// A name that means the same to every file system, and no other folder to any.
static void name_clean(const char *from, char out[NAME_MAX_BYTES + 1])
{
	size_t length = 0;
	for (; *from && length < NAME_MAX_BYTES; from++)
		out[length++] = (char)(is_plain(*from) ? *from : '_');
	if (!length)
		out[length++] = '_';
	if (out[0] == '.')
		out[0] = '_';
	out[length] = 0;
}

static int file_create(ei_extract *extract, const char *clean)
{
	const char *dot = strrchr(clean, '.');
	int stem = (int)(dot ? dot - clean : (ptrdiff_t)strlen(clean));
	for (int i = 0; i < NAMES_MAX; i++) {
		if (i)
			snprintf(extract->name, sizeof extract->name, "%.*s-%d%s", stem, clean, i,
				dot ? dot : "");
		else
			snprintf(extract->name, sizeof extract->name, "%s", clean);
		if (!strcmp(extract->name, manifest_name))
			continue;
		int file = openat(extract->folder, extract->name,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (file >= 0 || errno != EEXIST)
			return file;
	}
	return -1;
}

static ei_error *file_begin(ei_extract *extract, const char *name)
{
	const char *folder = extract->run->output ? extract->run->output->folder : NULL;
	char clean[NAME_MAX_BYTES + 1];
	folder = folder ? folder : ".";
	extract->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (extract->folder < 0)
		return ei_fail(EI_E_IO, "output folder '%s': %s", folder, strerror(errno));
	name_clean(name, clean);
	extract->file = file_create(extract, clean);
	if (extract->file >= 0)
		return NULL;
	if (errno == EEXIST)
		return ei_fail(EI_E_LIMIT, "output folder '%s' has too many files called '%s'",
			folder, clean);
	return ei_fail(EI_E_IO, "cannot write '%s/%s': %s", folder, clean, strerror(errno));
}

bool ei_extract_is_asked(const ei_run *run)
{
	return run->output && run->output->folder;
}

ei_error *ei_extract_begin(ei_run *run, const char *name, ei_extract **out)
{
	ei_extract *extract = malloc(sizeof *extract);
	if (!extract)
		return ei_fail(EI_E_NOMEM, "out of memory");
	memset(extract, 0, offsetof(ei_extract, chunk));
	extract->run = run;
	extract->folder = extract->file = -1;
	ei_error *error = digest_create(DIGEST_ALL, &extract->digest);
	if (!error && name)
		error = file_begin(extract, name);
	if (error) {
		ei_extract_forget(extract);
		return error;
	}
	*out = extract;
	return NULL;
}

// ---- content --------------------------------------------------------------------------------

static void file_write(ei_extract *extract, const uint8_t *bytes, size_t size)
{
	uint64_t at = extract->size;
	while (extract->file >= 0 && !extract->error && size) {
		ssize_t done = pwrite(extract->file, bytes, size, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			keep_error(extract, ei_fail(EI_E_IO, "cannot write '%s': %s", extract->name,
						    strerror(done ? errno : ENOSPC)));
			return;
		}
		bytes += done;
		at += (uint64_t)done;
		size -= (size_t)done;
	}
}

void ei_extract_bytes(ei_extract *extract, const void *bytes, uint64_t size)
{
	if (size > INT64_MAX - extract->size) {
		keep_error(extract,
			ei_fail(EI_E_LIMIT, "'%s' would be too long for a file", extract->name));
		return;
	}
	file_write(extract, bytes, size);
	digest_add(extract->digest, bytes, size);
	extract->size += size;
}

static void hole_note(ei_extract *extract, uint64_t at, uint64_t size)
{
	struct hole *last = extract->hole_count ? &extract->holes[extract->hole_count - 1] : NULL;
	extract->missing += size;
	if (last && last->at + last->size == at) {
		last->size += size;
		return;
	}
	if (extract->hole_count == extract->hole_room) {
		size_t room = MIN(MAX(2 * extract->hole_room, (size_t)16), (size_t)HOLES_MAX);
		struct hole *more = room > extract->hole_room
					    ? realloc(extract->holes, room * sizeof *more)
					    : NULL;
		extract->holes_cut |= !more;
		if (!more)
			return;
		extract->holes = more;
		extract->hole_room = room;
	}
	extract->holes[extract->hole_count++] = (struct hole){ at, size };
}

void ei_extract_hole(ei_extract *extract, uint64_t size)
{
	if (size > INT64_MAX - extract->size) {
		keep_error(extract,
			ei_fail(EI_E_LIMIT, "'%s' would be too long for a file", extract->name));
		return;
	}
	if (!size)
		return;
	hole_note(extract, extract->size, size);
	digest_add_zeroes(extract->digest, size);
	extract->size += size;
}

// Up to the end of its page: what a page table says holds for all of it.
static uint64_t page_rest(uint64_t va, uint64_t size)
{
	return MIN(size, PAGE_SIZE - va % PAGE_SIZE);
}

void ei_extract_memory(ei_extract *extract, const ei_space *space, uint64_t va, uint64_t size)
{
	while (size && !extract->error && !ei_stopped(extract->run)) {
		uint64_t want = MIN(size, (uint64_t)CHUNK - va % PAGE_SIZE);
		uint64_t got = ei_read(extract->run, space, va, extract->chunk, want);
		if (got)
			ei_extract_bytes(extract, extract->chunk, got);
		if (got < want) {
			uint64_t gap = page_rest(va + got, want - got);
			ei_extract_hole(extract, gap);
			got += gap;
		}
		va += got;
		size -= got;
	}
}

// ---- the end --------------------------------------------------------------------------------

static json_t *holes_json(const ei_extract *extract)
{
	json_t *list = json_array();
	for (size_t i = 0; i < extract->hole_count; i++)
		json_array_append_new(list, json_pack("[I, I]", (json_int_t)extract->holes[i].at,
						    (json_int_t)extract->holes[i].size));
	return list;
}

static char *manifest_line(const ei_extract *extract, const struct digest_text *text)
{
	const ei_run *run = extract->run;
	// A path that is no UTF-8 cannot be said in JSON.
	json_t *image = json_string(image_path(run->session->image));
	json_t *line = json_pack("{s:s, s:s, s:o, s:I, s:I, s:o, s:s, s:s, s:s}", "file",
		extract->name, "plugin", run->plugin ? run->plugin->name : "", "image",
		image ? image : json_null(), "size", (json_int_t)extract->size, "missing",
		(json_int_t)extract->missing, "holes", holes_json(extract), "md5", text->md5,
		"sha1", text->sha1, "sha256", text->sha256);
	if (line && extract->holes_cut)
		json_object_set_new(line, "holes_cut", json_true());
	char *written = line ? json_dumps(line, JSON_COMPACT) : NULL;
	json_decref(line);
	return written;
}

// One write, at the end of the file: runs may share a folder.
static ei_error *manifest_add(const ei_extract *extract, const struct digest_text *text)
{
	char *line = manifest_line(extract, text);
	if (!line)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t length = strlen(line);
	line[length++] = '\n'; // in place of the NUL
	int file = openat(extract->folder, manifest_name,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
	ssize_t done = file < 0 ? -1 : write(file, line, length);
	int why = errno;
	if (file >= 0)
		close(file);
	free(line);
	if (done == (ssize_t)length)
		return NULL;
	return ei_fail(
		EI_E_IO, "cannot write '%s': %s", manifest_name, strerror(done < 0 ? why : ENOSPC));
}

static ei_error *file_end(ei_extract *extract)
{
	int file = extract->file;
	extract->file = -1;
	// A hole at the end is a hole in the file, too.
	bool failed = ftruncate(file, (off_t)extract->size) != 0;
	int why = errno;
	if (close(file) && !failed) {
		failed = true;
		why = errno;
	}
	if (!failed)
		return NULL;
	return ei_fail(EI_E_IO, "cannot write '%s': %s", extract->name, strerror(why));
}

static ei_val scratch_text(ei_run *run, const char *text)
{
	return ei_str(arena_text(run->scratch, text, strlen(text)));
}

ei_val ei_extract_name(const ei_extract *extract)
{
	if (extract->file < 0)
		return ei_absent(EI_NONE);
	return scratch_text(extract->run, extract->name);
}

static void extract_drop(ei_extract *extract)
{
	if (extract->file >= 0)
		close(extract->file);
	if (extract->folder >= 0)
		close(extract->folder);
	ei_error_drop(extract->error);
	digest_drop(extract->digest);
	free(extract->holes);
	free(extract);
}

ei_error *ei_extract_end(ei_extract *extract, ei_extracted *out)
{
	struct digest_text text = { "", "", "" };
	ei_run *run = extract->run;
	bool written = extract->file >= 0;
	keep_error(extract, digest_end(extract->digest, &text));
	if (written)
		keep_error(extract, file_end(extract));
	if (written && !extract->error)
		keep_error(extract, manifest_add(extract, &text));
	ei_error *error = EI_GIVE(extract->error);
	if (out)
		*out = (ei_extracted){
			.file = written ? scratch_text(run, extract->name) : ei_absent(EI_NONE),
			.md5 = scratch_text(run, text.md5),
			.sha1 = scratch_text(run, text.sha1),
			.sha256 = scratch_text(run, text.sha256),
			.size = extract->size,
			.missing = extract->missing,
		};
	extract_drop(extract);
	return error;
}

void ei_extract_forget(ei_extract *extract)
{
	if (extract->file >= 0)
		unlinkat(extract->folder, extract->name, 0);
	extract_drop(extract);
}
