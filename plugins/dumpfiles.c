// dumpfiles: files whose content is in memory, by what holds them, hashed or written out.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/files.h>
#include <eidetic/system.h>
#include <eidetic/win.h>
#include <regex.h>

enum {
	CACHE,
	FILE_OBJECT,
	FILE_NAME,
	RESULT,
	PATH,
	VOLUME,
	AREA,
	SIZE,
	PRESENT,
	COMPLETE,
	MD5,
	SHA1,
	SHA256,
	SIZE_BY,
	PID,
	PROCESS,
	COLUMNS
};
enum { OPT_PID, OPT_VIRTADDR, OPT_PHYSADDR, OPT_FILTER, OPT_IGNORE_CASE, OPT_DUMP, OPT_MAXSIZE };
enum {
	DEVICE_DISK = 7,
	DEVICE_NETWORK = 0x14,
	MAXSIZE_DEFAULT = 1 << 30,
	PIDS_MAX = 1024,
};

// clang-format off
static const ei_column columns[COLUMNS] = {
	[CACHE]       = { "cache",       EI_STR,  "what holds the content: DataSectionObject (the file), ImageSectionObject (the program as mapped), SharedCacheMap (views of the file)", .vol3 = "Cache" },
	[FILE_OBJECT] = { "file_object", EI_ADDR, "address of the first _FILE_OBJECT that it was found by", .vol3 = "FileObject" },
	[FILE_NAME]   = { "file_name",   EI_STR,  "name, without folders", .vol3 = "FileName" },
	[RESULT]      = { "file",        EI_STR,  "file written, with -o or --dump", .vol3 = "Result", .vol3_absent = "Error dumping file" },
	[PATH]        = { "path",        EI_STR,  "path, without the device" },
	[VOLUME]      = { "device",      EI_STR,  "device that it is on" },
	[AREA]        = { "area",        EI_ADDR, "address of the _CONTROL_AREA or _SHARED_CACHE_MAP" },
	[SIZE]        = { "size",        EI_UINT, "bytes: of the file, or of the program as mapped" },
	[PRESENT]     = { "present",     EI_UINT, "of these, bytes that are in the image" },
	[COMPLETE]    = { "complete",    EI_BOOL, "nothing is missing" },
	[MD5]         = { "md5",         EI_STR,  "of the content when it is complete" },
	[SHA1]        = { "sha1",        EI_STR,  "likewise" },
	[SHA256]      = { "sha256",      EI_STR,  "likewise" },
	[SIZE_BY]     = { "size_by",     EI_STR,  "what says the size: cache, file system, or section (may be rounded up)" },
	[PID]         = { "pid",         EI_UINT, "first process that has it open or mapped" },
	[PROCESS]     = { "process",     EI_STR,  "its name (15 bytes)" },
};

static const ei_option options[] = {
	[OPT_PID]         = { "pid",         EI_UINT, EI_MANY, "only files that these processes have open or mapped" },
	[OPT_VIRTADDR]    = { "virtaddr",    EI_UINT, EI_MANY, "only the _FILE_OBJECT at this address" },
	[OPT_PHYSADDR]    = { "physaddr",    EI_UINT, EI_MANY, "only the _FILE_OBJECT at this physical address" },
	[OPT_FILTER]      = { "filter",      EI_STR,  0,       "only paths that match this regular expression (POSIX, extended)" },
	[OPT_IGNORE_CASE] = { "ignore-case", EI_BOOL, 0,       "ignore case in --filter" },
	[OPT_DUMP]        = { "dump",        EI_BOOL, 0,       "write the content, without -o into the current folder" },
	[OPT_MAXSIZE]     = { "maxsize",     EI_UINT, 0,       "write no content of more bytes (1 GiB); 0: any" },
};
// clang-format on

struct job {
	ei_run *run;
	regex_t filter;
	bool has_filter;
	bool writes;
	bool as_vol3;
	ei_areas *areas; // shown so far
};

// What two names lead to is one content; Volatility gives it once for each _FILE_OBJECT.
static bool area_is_new(const struct job *job, uint64_t area)
{
	return job->as_vol3 || ei_areas_add(job->areas, area);
}

// ---- names ----------------------------------------------------------------------------------

// As Volatility writes addresses: without their sign.
static unsigned long long plain_address(ei_run *r, uint64_t va)
{
	return ei_pointer_size(r) == 8 ? va & 0xffffffffffff : va & 0xffffffff;
}

static char *output_name(ei_run *r, const ei_file *file, const ei_content *content, ei_val base)
{
	static const char *const extensions[EI_CONTENT_KINDS] = {
		[EI_CONTENT_DATA] = "dat",
		[EI_CONTENT_IMAGE] = "img",
		[EI_CONTENT_CACHE] = "vacb",
	};
	return ei_text(ei_scratch(r), "file.0x%llx.0x%llx.%s.%.*s.%s", plain_address(r, file->va),
		plain_address(r, content->area), ei_content_title(content->kind),
		ei_has(base) ? (int)base.length : 0, ei_has(base) ? base.s : "",
		extensions[content->kind]);
}

static bool path_wanted(const struct job *job, ei_val path)
{
	if (!job->has_filter)
		return true;
	if (!ei_has(path))
		return false;
	char *text = ei_text(ei_scratch(job->run), "%.*s", (int)path.length, path.s);
	return text && !regexec(&job->filter, text, 0, NULL, 0);
}

// ---- one content ----------------------------------------------------------------------------

static ei_error *content_take(struct job *job, const ei_file *file, const ei_content *content,
	ei_val base, ei_extracted *out)
{
	ei_run *r = job->run;
	uint64_t most = ei_u64_or(ei_opt(r, OPT_MAXSIZE), MAXSIZE_DEFAULT);
	bool writes = job->writes && content->size && content->piece_count;
	if (writes && most && content->size > most) {
		ei_note(r, "content at 0x%llx has %llu bytes and is not written: --maxsize",
			(unsigned long long)content->area, (unsigned long long)content->size);
		writes = false;
	}
	const ei_val none = ei_absent(EI_UNREADABLE);
	*out = (ei_extracted){ ei_absent(EI_NONE), none, none, none, 0, 0 };
	if (!writes && (content->missing || content->is_open_ended))
		return NULL;
	ei_extract *extract;
	char *name = output_name(r, file, content, base);
	EI_TRY(ei_extract_begin(r, writes ? name : NULL, &extract));
	ei_content_write(r, content, extract);
	EI_TRY(ei_extract_end(extract, out));
	if (content->missing || content->is_open_ended || out->missing)
		out->md5 = out->sha1 = out->sha256 = ei_absent(EI_UNREADABLE);
	if (job->as_vol3 && writes)
		out->file = ei_str(name);
	return NULL;
}

static ei_error *content_emit(struct job *job, const ei_file *file, const ei_content *content)
{
	ei_val base = ei_file_base(job->run, file);
	ei_extracted done;
	EI_TRY(content_take(job, file, content, base, &done));
	ei_emit(job->run,
		(ei_val[COLUMNS]){
			[CACHE] = ei_str(ei_content_title(content->kind)),
			[FILE_OBJECT] = ei_addr(file->va),
			[FILE_NAME] = base,
			[RESULT] = done.file,
			[PATH] = ei_file_path_on(job->run, file),
			[VOLUME] = ei_file_volume(job->run, file),
			[AREA] = ei_addr(content->area),
			[SIZE] = ei_uint(content->size),
			[PRESENT] = ei_uint(content->size - content->missing),
			[COMPLETE] = ei_bool(!content->missing && !content->is_open_ended),
			[MD5] = done.md5,
			[SHA1] = done.sha1,
			[SHA256] = done.sha256,
			[SIZE_BY] = content->size_by,
			[PID] = ei_has(file->process) ? ei_uint(file->pid) : ei_absent(EI_NONE),
			[PROCESS] = file->process,
		});
	return NULL;
}

static bool device_wanted(const struct job *job, const ei_file *file)
{
	uint64_t device = ei_u64_or(ei_file_device(job->run, file), 0);
	return !job->as_vol3 || device == DEVICE_DISK || device == DEVICE_NETWORK;
}

static ei_error *file_emit(struct job *job, const ei_file *file)
{
	ei_run *r = job->run;
	if (!path_wanted(job, ei_file_name(r, file)) || !device_wanted(job, file))
		return NULL;
	for (ei_content_kind kind = 0; kind < EI_CONTENT_KINDS && !ei_stopped(r); kind++) {
		ei_content content;
		uint64_t area = ei_content_area(r, file, kind);
		if (area && area_is_new(job, area) &&
			ei_file_content(r, file, kind, job->as_vol3 ? EI_SHAPE_VOL3 : EI_SHAPE_TRUE,
				&content))
			EI_TRY(content_emit(job, file, &content));
	}
	return NULL;
}

// ---- which files ----------------------------------------------------------------------------

static ei_error *named_emit(struct job *job, unsigned option)
{
	ei_run *r = job->run;
	ei_mark mark = ei_arena_mark(ei_scratch(r));
	for (size_t i = 0; i < ei_opt_count(r, option); i++) {
		ei_file file = ei_file_at(r, ei_opt_at(r, option, i).u, option == OPT_PHYSADDR);
		EI_TRY(file_emit(job, &file));
		ei_arena_rewind(ei_scratch(r), mark);
	}
	return NULL;
}

static ei_error *all_emit(struct job *job)
{
	ei_run *r = job->run;
	uint64_t pids[PIDS_MAX];
	ei_files_wish wish = { .sources = EI_FILES_ALL, .pids = pids };
	while (wish.pid_count < PIDS_MAX && wish.pid_count < ei_opt_count(r, OPT_PID)) {
		pids[wish.pid_count] = ei_opt_at(r, OPT_PID, wish.pid_count).u;
		wish.pid_count++;
	}
	if (wish.pid_count || job->as_vol3)
		wish.sources = EI_FILES_HANDLES | EI_FILES_MAPPED;
	const ei_file *files;
	size_t count = ei_files(r, &wish, &files);
	ei_mark mark = ei_arena_mark(ei_scratch(r));
	for (size_t i = 0; i < count && !ei_stopped(r); i++) {
		EI_TRY(file_emit(job, &files[i]));
		ei_arena_rewind(ei_scratch(r), mark);
	}
	return NULL;
}

static ei_error *filter_compile(struct job *job)
{
	ei_val pattern = ei_opt(job->run, OPT_FILTER);
	if (!ei_has(pattern))
		return NULL;
	char *text = ei_text(ei_scratch(job->run), "%.*s", (int)pattern.length, pattern.s);
	int flags = REG_EXTENDED | REG_NOSUB |
		    (ei_has(ei_opt(job->run, OPT_IGNORE_CASE)) ? REG_ICASE : 0);
	int why = text ? regcomp(&job->filter, text, flags) : REG_ESPACE;
	if (why) {
		char message[128];
		regerror(why, &job->filter, message, sizeof message);
		return ei_fail(EI_E_USAGE, "--filter '%s': %s", text ? text : "", message);
	}
	job->has_filter = true;
	return NULL;
}

static ei_error *run(ei_run *r)
{
	struct job job = {
		.run = r,
		.as_vol3 = ei_compat_vol3(r),
		.areas = ei_areas_create(r),
	};
	bool is_named = ei_opt_count(r, OPT_VIRTADDR) || ei_opt_count(r, OPT_PHYSADDR);
	job.writes = job.as_vol3 || ei_extract_is_asked(r) || ei_has(ei_opt(r, OPT_DUMP));
	if (is_named && ei_has(ei_opt(r, OPT_FILTER)))
		return ei_fail(EI_E_USAGE, "--filter does not go with an address");
	EI_TRY(filter_compile(&job));
	ei_error *error = named_emit(&job, OPT_VIRTADDR);
	if (!error)
		error = named_emit(&job, OPT_PHYSADDR);
	if (!error && !is_named)
		error = all_emit(&job);
	if (job.has_filter)
		regfree(&job.filter);
	return error;
}

EI_PLUGIN(dumpfiles) = {
	EI_HEAD(dumpfiles),
	.vol3 = "windows.dumpfiles.DumpFiles",
	.purpose = "files whose content is in memory: hashed, and with -o or --dump written",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	EI_TAGS("File"),
	.run = run,
	.asks = "a folder to write to",
};
