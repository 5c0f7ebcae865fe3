// eidetic profile: which builds are known, and which symbols images need.
// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"
#include "cli/cli.h"

#include "image/image.h"
#include "win/identify.h"

enum { NEED_ARENA_MAX = 64 << 20 }; // of one image
enum { REASON_MAX = 640 };

static ei_val text_or_none(const char *text)
{
	return *text ? ei_str(text) : ei_absent(EI_NONE);
}

// ---- list -----------------------------------------------------------------------------------
enum { NAME, VERSION, ARCH, PDB, GUID_AGE, TYPES, SYMBOLS, ORIGIN, LIST_COLUMNS };

static const ei_column list_columns[LIST_COLUMNS] = {
	// clang-format off
	[NAME]     = { "name",     EI_STR,  "what 'profile show' and --profile call it" },
	[VERSION]  = { "version",  EI_STR,  "of the kernel, where the source says it" },
	[ARCH]     = { "arch",     EI_STR,  "x86 or x64" },
	[PDB]      = { "pdb",      EI_STR,  "name of the program database" },
	[GUID_AGE] = { "guid_age", EI_STR,  "which one build has" },
	[TYPES]    = { "types",    EI_UINT, "how many are described" },
	[SYMBOLS]  = { "symbols",  EI_UINT, "how many have an address; none in a layout" },
	[ORIGIN]   = { "origin",   EI_STR,  "built-in, or a file" },
	// clang-format on
};

struct list_work {
	struct listing listing;
	struct profile_store store;
	size_t unreadable;
};

static ei_error *list_row(struct listing *listing, const struct profile *profile)
{
	struct profile_info info = profile_info(profile);
	char key[48] = "";
	if (*info.guid)
		snprintf(key, sizeof key, "%s-%u", info.guid, info.age);
	return listing_row(
		listing, (ei_val[LIST_COLUMNS]){
				 [NAME] = text_or_none(info.name),
				 [VERSION] = text_or_none(info.version),
				 [ARCH] = ei_str(info.pointer_size == 8 ? "x64" : "x86"),
				 [PDB] = text_or_none(info.pdb),
				 [GUID_AGE] = text_or_none(key),
				 [TYPES] = ei_uint(info.type_count),
				 [SYMBOLS] = info.symbol_count ? ei_uint(info.symbol_count)
							       : ei_absent(EI_NONE),
				 [ORIGIN] = ei_str(info.origin),
			 });
}

static ei_error *list_builtins(struct listing *listing)
{
	for (size_t i = 0; i < profile_builtin_count() && !listing_is_full(listing); i++) {
		EI_OWNED(profile) profile = NULL;
		EI_TRY(profile_builtin(i, &profile));
		EI_TRY(list_row(listing, profile));
	}
	return NULL;
}

// A file that cannot be read is said, and the others are shown.
static ei_error *list_file(void *context, const char *path)
{
	struct list_work *work = context;
	EI_OWNED(profile) profile = NULL;
	if (listing_is_full(&work->listing))
		return NULL;
	if (*cancelled)
		return ei_fail(EI_E_CANCELLED, "cancelled");
	EI_OWNED(ei_error) error = profile_load_cached(&work->store, path, &profile);
	if (!error)
		return list_row(&work->listing, profile);
	work->unreadable++;
	return listing_note(&work->listing, ei_error_text(error));
}

static ei_error *list_all(
	const struct global *global, struct list_work *work, enum exit_status *status)
{
	EI_TRY(listing_init(&work->listing, global, "profile list", list_columns, LIST_COLUMNS));
	EI_TRY(list_builtins(&work->listing));
	ei_error *error = NULL;
	for (size_t i = 0; !error && i < global->symbol_dirs.count; i++)
		error = profile_store_files(global->symbol_dirs.items[i], list_file, work);
	if (error && ei_error_code(error) != EI_E_CANCELLED)
		return error;
	if (error || work->unreadable)
		*status = EXIT_INCOMPLETE;
	ei_error *end = listing_end(&work->listing, error              ? "cancelled"
						    : work->unreadable ? "some files cannot be read"
								       : NULL);
	ei_error_drop(error);
	return end;
}

ei_error *profile_list(const struct global *global, enum exit_status *status)
{
	struct list_work work = { .store.dirs = global->symbol_dirs.items };
	ei_error *error = list_all(global, &work, status);
	listing_deinit(&work.listing);
	return error;
}

// ---- need -----------------------------------------------------------------------------------
enum { IMAGE, NEED_PDB, GUID, AGE, PATH, EXACT, FROM, NEED_COLUMNS };

static const ei_column need_columns[NEED_COLUMNS] = {
	// clang-format off
	[IMAGE]    = { "image", EI_STR,  "the file" },
	[NEED_PDB] = { "pdb",   EI_STR,  "name of the kernel's program database" },
	[GUID]     = { "guid",  EI_STR,  "of the program database" },
	[AGE]      = { "age",   EI_UINT, "of the program database" },
	[PATH]     = { "path",  EI_STR,  "where a symbol server has it" },
	[EXACT]    = { "exact", EI_BOOL, "whether an exact profile is at hand" },
	[FROM]     = { "from",  EI_STR,  "where it is, or why there is none" },
	// clang-format on
};

// What an image needs. Strings of the identity are the image's.
struct need {
	struct identity identity;
	bool opened;
	bool recognised; // as an image of Windows
	bool known;      // which database the kernel wants
	bool exact;
	char path[192];
	char from[REASON_MAX];
};

// The image does not say what it needs, for this reason; an error of the disk goes before.
static void need_reason(struct need *need, const struct image *image, const char *reason)
{
	const char *failure = image_failure(image);
	snprintf(need->from, sizeof need->from, "%s (%s)", failure ? failure : reason,
		image_format_text(image));
}

static ei_error *need_identify(
	const struct global *global, const struct image *image, struct need *need)
{
	EI_OWNED(reader) reader = NULL;
	EI_OWNED(ei_arena) arena = NULL;
	EI_TRY(reader_create(image, &reader));
	EI_TRY(ei_arena_create(NEED_ARENA_MAX, &arena));
	struct identify_wish wish = {
		.image = image,
		.reader = reader,
		.dtb = global->dtb,
		.kernel_base = global->kernel_base,
		.threads = (unsigned)MIN(global->threads, (uint64_t)UINT32_MAX),
		.cancelled = cancelled,
	};
	struct identification found;
	EI_TRY(identify(&wish, arena, &found));
	need->identity = found.identity;
	return NULL;
}

// The last step of a path of either kind: linkers write whole paths into some records.
static const char *base_name(const char *path)
{
	for (const char *at = path; *at; at++)
		if (*at == '/' || *at == '\\')
			path = at + 1;
	return path;
}

static ei_error *need_find(const struct global *global, struct need *need)
{
	const struct identity *found = &need->identity;
	const char *pdb = base_name(found->pdb);
	struct profile_store store = { .dirs = global->symbol_dirs.items };
	EI_OWNED(profile) profile = NULL;
	need->known = true;
	snprintf(need->path, sizeof need->path, "%s/%s%X/%s", pdb, found->guid, found->age, pdb);
	ei_error *error = profile_find(&store, pdb, found->guid, found->age, &profile);
	if (!error) {
		struct profile_info info = profile_info(profile);
		bool builtin = !strcmp(info.origin, "built-in");
		need->exact = true;
		snprintf(need->from, sizeof need->from, "%s%s%s", info.origin, builtin ? " " : "",
			builtin ? info.name : "");
		return NULL;
	}
	if (ei_error_code(error) != EI_E_REQUIREMENT)
		return error;
	ei_error_drop(error);
	snprintf(need->from, sizeof need->from, "not built in%s",
		global->symbol_dirs.count ? ", not in the symbol folders"
					  : "; no -s folder was given");
	return NULL;
}

static ei_error *need_of(const struct global *global, const char *path, struct need *need)
{
	EI_OWNED(image) image = NULL;
	EI_TRY(image_open(path, global->format, &image));
	need->opened = true;
	need->recognised = image_crash_header(image) != NULL;
	EI_TRY(need_identify(global, image, need));
	const struct identity *found = &need->identity;
	need->recognised |= found->found || found->arm64;
	if (found->arm64)
		need_reason(need, image, "an ARM64 system, which is not read");
	else if (!image_bytes(image))
		need_reason(need, image, "no physical memory is in it");
	else if (!found->found)
		need_reason(need, image, "no Windows kernel was found");
	else if (!*base_name(found->pdb))
		need_reason(need, image, "the kernel's PDB record cannot be read");
	else
		return need_find(global, need);
	return NULL;
}

static ei_error *need_row(struct listing *listing, const char *image, const struct need *need)
{
	const struct identity *found = &need->identity;
	ei_val none = ei_absent(EI_NONE);
	return listing_row(
		listing, (ei_val[NEED_COLUMNS]){
				 [IMAGE] = ei_str(image),
				 [NEED_PDB] = need->known ? ei_str(base_name(found->pdb)) : none,
				 [GUID] = need->known ? ei_str(found->guid) : none,
				 [AGE] = need->known ? ei_uint(found->age) : none,
				 [PATH] = need->known ? ei_str(need->path) : none,
				 [EXACT] = need->known ? ei_bool(need->exact) : none,
				 [FROM] = ei_str(need->from),
			 });
}

struct need_work {
	const struct global *global;
	struct listing listing;
	size_t images, opened, recognised, exact;
};

// One line whatever the image is; only wrong use and Ctrl-C end the listing.
static ei_error *need_image(struct need_work *work, const char *image)
{
	struct need need = { 0 };
	if (*cancelled)
		return ei_fail(EI_E_CANCELLED, "cancelled");
	ei_error *error = need_of(work->global, image, &need);
	if (error && (ei_error_code(error) == EI_E_USAGE || ei_error_code(error) == EI_E_CANCELLED))
		return error;
	// What is there but is no image has been opened, in vain.
	need.opened |= error && ei_error_code(error) != EI_E_IO;
	if (error)
		snprintf(need.from, sizeof need.from, "%s", ei_error_text(error));
	ei_error_drop(error);
	work->images++;
	work->opened += need.opened;
	work->recognised += need.recognised;
	work->exact += need.exact;
	return need_row(&work->listing, image, &need);
}

static ei_error *need_all(struct need_work *work, char *const *images, size_t count)
{
	const struct global *global = work->global;
	struct listing *listing = &work->listing;
	EI_TRY(listing_init(listing, global, "profile need", need_columns, NEED_COLUMNS));
	if (global->file)
		EI_TRY(need_image(work, global->file));
	for (size_t i = 0; i < count && !listing_is_full(listing); i++)
		EI_TRY(need_image(work, images[i]));
	return NULL;
}

// What the lines come to. Where nothing could be opened a message says so, as for one image.
static ei_error *need_status(const struct need_work *work, enum exit_status *status)
{
	if (work->exact == work->images)
		return NULL;
	*status = work->recognised ? EXIT_INCOMPLETE : EXIT_NOT_WINDOWS;
	if (work->opened)
		return NULL;
	return ei_fail(EI_E_IO, "profile need: none of the images could be opened");
}

static ei_error *need_run(
	struct need_work *work, char *const *images, size_t count, enum exit_status *status)
{
	ei_error *error = need_all(work, images, count);
	if (!error) {
		EI_TRY(listing_end(&work->listing, NULL));
		return need_status(work, status);
	}
	if (ei_error_code(error) != EI_E_CANCELLED)
		return error;
	ei_error_drop(error);
	*status = EXIT_INCOMPLETE;
	return listing_end(&work->listing, "cancelled");
}

ei_error *profile_need(
	const struct global *global, char *const *images, size_t count, enum exit_status *status)
{
	if (!count && !global->file)
		return ei_fail(
			EI_E_USAGE, "profile need: no image was named: profile need IMAGE...");
	struct need_work work = { .global = global };
	ei_error *error = need_run(&work, images, count, status);
	listing_deinit(&work.listing);
	return error;
}

// ---- which ----------------------------------------------------------------------------------
static const char *const help =
	"profile: which builds are known, what is in a profile, which symbols images need\n\n"
	"  eidetic [-s DIR] profile list              profiles that are built in or in -s folders\n"
	"  eidetic [-s DIR] profile show NAME         one of them: what it is for\n"
	"  eidetic [-s DIR] profile show NAME TYPE    members of a type, or of one of its "
	"members:\n"
	"                                             _EPROCESS, _EPROCESS.Pcb\n"
	"  eidetic [-s DIR] profile show NAME SYMBOL  address, relative to the kernel's base\n"
	"  eidetic [-s DIR] profile need IMAGE...     the symbol file that each kernel wants\n"
	"  eidetic profile build FILE.pdb -o OUT      a symbol file (.json, .json.xz, .json.gz) "
	"of\n"
	"                                             all types and symbols; OUT may be a folder,\n"
	"                                             as -s takes it\n"
	"  eidetic profile check IMAGE                every self-test of the profile on an image;\n"
	"                                             --profile NAME: of that one\n\n"
	"NAME is a name of the list, a GUID-AGE of it, or a file (.json, .json.xz, .json.gz, "
	".pdb).\n"
	"A symbol server has a file at its URL followed by the path that 'need' shows.\n\n"
	"exit status: 0 complete, all images have an exact profile, all tests passed; 1 nothing "
	"could\n"
	"be done; 2 wrong use; 3 no image was recognised as one of Windows; 4 some file cannot be "
	"read,\n"
	"some image has no exact profile, some test failed\n";

// Words that the command was given; options are global ones, so what is left of them is a slip.
static ei_error *words_check(const struct global *global, size_t *count)
{
	size_t kept = 0;
	bool words_only = false;
	for (int i = 0; i < global->rest_count; i++) {
		char *word = global->rest[i];
		if (!words_only && !strcmp(word, "--")) {
			words_only = true;
			continue;
		}
		if (!words_only && word[0] == '-' && word[1])
			return ei_fail(EI_E_USAGE,
				"profile: there is no option '%s'; see 'eidetic profile --help'",
				word);
		global->rest[kept++] = word;
	}
	*count = kept;
	return NULL;
}

static ei_error *run_list(
	const struct global *global, char *const *words, size_t count, enum exit_status *status)
{
	if (count)
		return ei_fail(EI_E_USAGE, "profile list: there is no argument '%s'", words[0]);
	return profile_list(global, status);
}

static ei_error *run_show(
	const struct global *global, char *const *words, size_t count, enum exit_status *status)
{
	(void)status;
	if (!count || count > 2)
		return ei_fail(EI_E_USAGE,
			"profile show: want one profile, and at most one of its types or symbols: "
			"profile show NAME [TYPE|SYMBOL]");
	return profile_show(global, words[0], count == 2 ? words[1] : NULL);
}

static ei_error *run_build(
	const struct global *global, char *const *words, size_t count, enum exit_status *status)
{
	(void)status;
	if (count != 1 || !global->output_dir)
		return ei_fail(EI_E_USAGE, "profile build: want one program database and where to: "
					   "profile build FILE.pdb -o OUT.json.xz");
	return profile_build(global, words[0]);
}

static ei_error *run_check_image(
	const struct global *global, char *const *words, size_t count, enum exit_status *status)
{
	if (count + (global->file != NULL) != 1)
		return ei_fail(EI_E_USAGE, "profile check: want one image: profile check IMAGE");
	return profile_check(global, count ? words[0] : global->file, status);
}

static const struct {
	const char *name;
	ei_error *(*run)(const struct global *global, char *const *words, size_t count,
		enum exit_status *status);
} parts[] = {
	{ "list", run_list },
	{ "show", run_show },
	{ "need", profile_need },
	{ "build", run_build },
	{ "check", run_check_image },
};

static ei_error *wrong_word(const char *word)
{
	const char *names[ARRAY_LENGTH(parts)];
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		names[i] = parts[i].name;
	const char *nearest = nearest_name(word, names, ARRAY_LENGTH(names));
	if (nearest)
		return ei_fail(
			EI_E_USAGE, "profile: there is no '%s'; is '%s' meant?", word, nearest);
	return ei_fail(EI_E_USAGE,
		"profile: there is no '%s': want list, show, need, build or check", word);
}

static ei_error *dispatch(const struct global *global, enum exit_status *status)
{
	size_t count = 0;
	EI_TRY(words_check(global, &count));
	char *const *words = global->rest;
	if (!count)
		return ei_fail(EI_E_USAGE, "profile: want list, show, need, build or check; see "
					   "'eidetic profile --help'");
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		if (strcmp(words[0], parts[i].name) != 0)
			continue;
		if (parts[i].run != run_build) // whose -o is a file
			EI_TRY(folders_check(global));
		return parts[i].run(global, words + 1, count - 1, status);
	}
	return wrong_word(words[0]);
}

enum exit_status command_profile(const struct global *global)
{
	if (global->help) {
		fputs(help, stdout);
		return printed();
	}
	enum exit_status status = EXIT_COMPLETE;
	ei_error *error = dispatch(global, &status);
	// The reader of a pipe has gone: it knows.
	if (error && ei_error_code(error) == EI_E_CANCELLED) {
		ei_error_drop(error);
		return EXIT_INCOMPLETE;
	}
	enum exit_status ended = error ? report(error) : printed();
	return ended == EXIT_COMPLETE ? status : ended;
}
