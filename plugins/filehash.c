// filehash: hashes of every file that memory holds whole; a file by its MD5, SHA-1 or SHA-256.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/files.h>
#include <eidetic/scan.h>
#include <eidetic/win.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATH,
	VOLUME,
	NAME,
	KIND,
	SIZE,
	COMPLETE,
	MISSING,
	MD5,
	SHA1,
	SHA256,
	MAPPED_SIZE,
	MAPPED_MD5,
	MAPPED_SHA256,
	WHY,
	FILE_OBJECT,
	AREA,
	SIZE_BY,
	PID,
	PROCESS,
	COLUMNS
};
enum { OPT_MD5, OPT_SHA1, OPT_SHA256, OPT_PID, OPTIONS };
enum {
	HASH_OPTIONS = OPT_SHA256 + 1,
	PIDS_MAX = 1024,
	HASH_TEXT = 65,
	BATCH = 256,           // contents that are hashed together,
	BATCH_PIECES = 1 << 20 // unless they are that scattered
};

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PATH]          = { "path",          EI_STR,  "path, without the device", .ioc = "FileItem/FullPath" },
	[VOLUME]        = { "device",        EI_STR,  "device that it is on" },
	[NAME]          = { "name",          EI_STR,  "name, without folders", .ioc = "FileItem/FileName" },
	[KIND]          = { "kind",          EI_STR,  "data: a section of the file, or views of the file cache; image: a program as it is mapped" },
	[SIZE]          = { "size",          EI_UINT, "bytes of the file", .ioc = "FileItem/SizeInBytes" },
	[COMPLETE]      = { "complete",      EI_BOOL, "nothing is missing" },
	[MISSING]       = { "missing",       EI_UINT, "bytes that are not in the image" },
	[MD5]           = { "md5",           EI_STR,  "of the file, when it is complete, or rebuilt from its image and proven", .ioc = "FileItem/Md5sum" },
	[SHA1]          = { "sha1",          EI_STR,  "likewise", .ioc = "FileItem/Sha1sum" },
	[SHA256]        = { "sha256",        EI_STR,  "likewise", .ioc = "FileItem/Sha256sum" },
	[MAPPED_SIZE]   = { "mapped_size",   EI_UINT, "images: bytes as mapped, which no file has" },
	[MAPPED_MD5]    = { "mapped_md5",    EI_STR,  "images: of the program as mapped, when complete" },
	[MAPPED_SHA256] = { "mapped_sha256", EI_STR,  "likewise" },
	[WHY]           = { "why",           EI_STR,  "why there is no hash of the file" },
	[FILE_OBJECT]   = { "file_object",   EI_ADDR, "address of the first _FILE_OBJECT that it was found by" },
	[AREA]          = { "area",          EI_ADDR, "address of the _CONTROL_AREA or _SHARED_CACHE_MAP" },
	[SIZE_BY]       = { "size_by",       EI_STR,  "what says the size: cache, file system, section (may be rounded up); of images what proves the file: its checksum, or the hash that was asked for" },
	[PID]           = { "pid",           EI_UINT, "first process that has it open or mapped" },
	[PROCESS]       = { "process",       EI_STR,  "its name (15 bytes)" },
};

static const ei_option options[OPTIONS] = {
	[OPT_MD5]    = { "md5",    EI_STR,  EI_MANY, "only files with this MD5; or the name of a file with one a line" },
	[OPT_SHA1]   = { "sha1",   EI_STR,  EI_MANY, "likewise, SHA-1" },
	[OPT_SHA256] = { "sha256", EI_STR,  EI_MANY, "likewise, SHA-256" },
	[OPT_PID]    = { "pid",    EI_UINT, EI_MANY, "only files that these processes have open or mapped" },
};
// clang-format on

static const uint32_t digits[HASH_OPTIONS] = { [OPT_MD5] = 32, [OPT_SHA1] = 40, [OPT_SHA256] = 64 };

// Hashes asked for, of one kind: lower case, sorted.
struct wanted {
	char (*texts)[HASH_TEXT];
	size_t count;
};

struct job {
	ei_run *run;
	struct wanted wanted[HASH_OPTIONS];
	bool has_wanted;
	ei_areas *areas;
	uint64_t unknown; // files whose hash cannot be said
	const ei_file *files[BATCH];
	ei_content contents[BATCH];
	size_t count, pieces; // in the batch
};

// ---- hashes asked for -----------------------------------------------------------------------

static bool is_hash(const char *text, size_t length, uint32_t wanted)
{
	return length == wanted && strspn(text, "0123456789abcdefABCDEF") >= length;
}

static void hash_add(struct wanted *wanted, const char *text, uint32_t length)
{
	char *to = wanted->texts[wanted->count++];
	for (uint32_t i = 0; i < length; i++)
		to[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + 'a' - 'A' : text[i]);
	to[length] = 0;
}

static int hash_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool wanted_grow(ei_run *r, struct wanted *wanted, size_t more)
{
	char(*texts)[HASH_TEXT] = ei_alloc(ei_scratch(r), (wanted->count + more) * sizeof *texts);
	if (texts && wanted->count)
		memcpy(texts, wanted->texts, wanted->count * sizeof *texts);
	wanted->texts = texts;
	return texts;
}

static ei_error *hashes_read(ei_run *r, unsigned option, const char *path, struct wanted *wanted)
{
	ei_term *terms;
	size_t count, before = wanted->count;
	EI_TRY_IN(ei_terms_read(r, path, &terms, &count), "--%s: no hash of %u digits, nor a file",
		options[option].name, digits[option]);
	if (!wanted_grow(r, wanted, count))
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (is_hash(terms[i].text, terms[i].length, digits[option]))
			hash_add(wanted, terms[i].text, digits[option]);
	if (wanted->count == before)
		return ei_fail(EI_E_USAGE, "--%s: '%s' has no hashes of %u digits",
			options[option].name, path, digits[option]);
	return NULL;
}

static ei_error *wanted_read(ei_run *r, unsigned option, struct wanted *wanted)
{
	size_t count = ei_opt_count(r, option);
	if (count && !wanted_grow(r, wanted, count))
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		ei_val text = ei_opt_at(r, option, i);
		char *word = ei_text(ei_scratch(r), "%.*s", (int)text.length, text.s);
		if (!word)
			return ei_fail(EI_E_NOMEM, "out of memory");
		if (!is_hash(word, strlen(word), digits[option])) {
			EI_TRY(hashes_read(r, option, word, wanted));
			continue;
		}
		if (!wanted_grow(r, wanted, 1))
			return ei_fail(EI_E_NOMEM, "out of memory");
		hash_add(wanted, word, digits[option]);
	}
	if (wanted->count)
		qsort(wanted->texts, wanted->count, sizeof *wanted->texts, hash_compare);
	return NULL;
}

// Is it one of those asked for?
static bool is_asked(const struct job *job, const ei_hashes *file)
{
	const ei_val hashes[HASH_OPTIONS] = { file->md5, file->sha1, file->sha256 };
	for (size_t i = 0; i < HASH_OPTIONS; i++) {
		const struct wanted *wanted = &job->wanted[i];
		if (wanted->count && ei_has(hashes[i]) &&
			bsearch(hashes[i].s, wanted->texts, wanted->count, sizeof *wanted->texts,
				hash_compare))
			return true;
	}
	return false;
}

// ---- one content ----------------------------------------------------------------------------

static const ei_hashes unknown = {
	.md5 = { .state = EI_UNREADABLE },
	.sha1 = { .state = EI_UNREADABLE },
	.sha256 = { .state = EI_UNREADABLE },
};

// What is known of a content's file.
struct known {
	ei_hashes hashes;
	ei_val size, size_by;
	ei_val why; // there is no hash
};

static struct known data_known(ei_run *r, const ei_content *content, const ei_hashes *hashes)
{
	struct known known = { *hashes, ei_uint(content->size), content->size_by,
		ei_absent(EI_NONE) };
	if (content->missing)
		known.why = ei_str(ei_text(ei_scratch(r), "%llu of %llu bytes are not in the image",
			(unsigned long long)content->missing, (unsigned long long)content->size));
	else if (content->is_open_ended)
		known.why = ei_str("nothing says where the file ends");
	else if (!ei_has(hashes->md5))
		known.why = ei_str("its pages cannot be read");
	return known;
}

// A rebuilt file is the program's when its checksum fits, or when it has a hash asked for: nothing
// else has.
static ei_error *image_known(struct job *job, const ei_file *file, struct known *out)
{
	ei_content content;
	ei_rebuilt rebuilt = { .why = ei_str("its pages cannot be read") };
	const ei_hashes *found = NULL;
	if (ei_file_content(job->run, file, EI_CONTENT_IMAGE, EI_SHAPE_FILE, &content))
		EI_TRY(ei_image_rebuild(job->run, &content, &rebuilt));
	for (size_t i = 0; i < rebuilt.count && !found; i++)
		if (rebuilt.is_proven || is_asked(job, &rebuilt.candidates[i]))
			found = &rebuilt.candidates[i];
	*out = (struct known){
		.hashes = found ? *found : unknown,
		.size = found ? ei_uint(rebuilt.size) : ei_absent(EI_UNREADABLE),
		.size_by = found ? ei_str(rebuilt.is_proven ? "checksum" : "hash")
				 : ei_absent(EI_UNREADABLE),
		.why = found ? ei_absent(EI_NONE) : rebuilt.why,
	};
	return NULL;
}

static ei_error *content_emit(
	struct job *job, const ei_file *file, const ei_content *content, const ei_hashes *hashes)
{
	ei_run *r = job->run;
	bool is_image = content->kind == EI_CONTENT_IMAGE;
	struct known known = data_known(r, content, hashes);
	if (is_image)
		EI_TRY(image_known(job, file, &known));
	job->unknown += !ei_has(known.hashes.md5);
	if (job->has_wanted && !is_asked(job, &known.hashes))
		return NULL;
	const ei_val none = ei_absent(EI_NONE);
	ei_emit(r, (ei_val[COLUMNS]){
			   [PATH] = ei_file_path_on(r, file),
			   [VOLUME] = ei_file_volume(r, file),
			   [NAME] = ei_file_base(r, file),
			   [KIND] = ei_str(is_image ? "image" : "data"),
			   [SIZE] = known.size,
			   [COMPLETE] = ei_bool(!content->missing && !content->is_open_ended),
			   [MISSING] = ei_uint(content->missing),
			   [MD5] = known.hashes.md5,
			   [SHA1] = known.hashes.sha1,
			   [SHA256] = known.hashes.sha256,
			   [MAPPED_SIZE] = is_image ? ei_uint(content->size) : none,
			   [MAPPED_MD5] = is_image ? hashes->md5 : none,
			   [MAPPED_SHA256] = is_image ? hashes->sha256 : none,
			   [WHY] = known.why,
			   [FILE_OBJECT] = ei_addr(file->va),
			   [AREA] = ei_addr(content->area),
			   [SIZE_BY] = known.size_by,
			   [PID] = ei_has(file->process) ? ei_uint(file->pid) : none,
			   [PROCESS] = file->process,
		   });
	return NULL;
}

static ei_error *batch_end(struct job *job)
{
	ei_hashes *hashes = ei_alloc(ei_scratch(job->run), BATCH * sizeof *hashes);
	if (!hashes)
		return ei_fail(EI_E_NOMEM, "out of memory");
	EI_TRY(ei_contents_hash(job->run, job->contents, job->count, hashes));
	for (size_t i = 0; i < job->count && !ei_stopped(job->run); i++)
		EI_TRY(content_emit(job, job->files[i], &job->contents[i], &hashes[i]));
	job->count = job->pieces = 0;
	return NULL;
}

static void file_take(struct job *job, const ei_file *file)
{
	static const ei_content_kind kinds[] = { EI_CONTENT_FILE, EI_CONTENT_IMAGE };
	for (size_t i = 0; i < EI_COUNT(kinds); i++) {
		ei_content *content = &job->contents[job->count];
		uint64_t area = ei_content_area(job->run, file, kinds[i]);
		if (!area || !ei_areas_add(job->areas, area))
			continue;
		if (!ei_file_content(job->run, file, kinds[i], EI_SHAPE_TRUE, content))
			continue;
		job->files[job->count++] = file;
		job->pieces += content->piece_count;
	}
}

// ---- all of them ----------------------------------------------------------------------------

static size_t files_find(ei_run *r, const ei_file **files)
{
	uint64_t pids[PIDS_MAX];
	ei_files_wish wish = { .sources = EI_FILES_ALL, .pids = pids };
	while (wish.pid_count < PIDS_MAX && wish.pid_count < ei_opt_count(r, OPT_PID)) {
		pids[wish.pid_count] = ei_opt_at(r, OPT_PID, wish.pid_count).u;
		wish.pid_count++;
	}
	if (wish.pid_count)
		wish.sources &= ~(uint32_t)EI_FILES_SCANNED;
	return ei_files(r, &wish, files);
}

static ei_error *run(ei_run *r)
{
	struct job *job = ei_alloc(ei_scratch(r), sizeof *job);
	if (!job)
		return ei_fail(EI_E_NOMEM, "out of memory");
	job->run = r;
	for (unsigned i = 0; i < HASH_OPTIONS; i++) {
		EI_TRY(wanted_read(r, i, &job->wanted[i]));
		job->has_wanted |= job->wanted[i].count != 0;
	}
	const ei_file *files;
	job->areas = ei_areas_create(r);
	size_t count = files_find(r, &files);
	ei_mark mark = ei_arena_mark(ei_scratch(r));
	for (size_t i = 0; i < count && !ei_stopped(r); i++) {
		file_take(job, &files[i]);
		if (job->count < BATCH - 1 && job->pieces < BATCH_PIECES && i + 1 < count)
			continue;
		EI_TRY(batch_end(job));
		ei_arena_rewind(ei_scratch(r), mark);
		ei_progress(r, i + 1, count);
	}
	if (job->has_wanted && job->unknown)
		ei_note(r,
			"%llu files and programs are not in memory as a whole: their hashes are "
			"not known, and nothing was compared with them",
			(unsigned long long)job->unknown);
	return NULL;
}

EI_PLUGIN(filehash) = {
	EI_HEAD(filehash),
	.purpose =
		"hashes of the files that memory holds whole; a file by its MD5, SHA-1 or SHA-256",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	EI_TAGS("File"),
	.run = run,
};
