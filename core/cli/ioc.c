// eidetic ioc: indicators, read and weighed.
// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"
#include "cli/ioc_cli.h"
#include "run/evidence.h"

static ei_val text_or_none(const char *text)
{
	return text && *text ? ei_str(text) : ei_absent(EI_NONE);
}

static ei_val line_or_none(uint32_t line)
{
	return line ? ei_uint(line) : ei_absent(EI_NONE);
}

// ---- check: one line an indicator ---------------------------------------------------------------
enum { FILE_NAME, LINE, FORMAT, ID, NAME, LEAVES, A, B, C, D, NOT_ASKED, REACH, CHECK_COLUMNS };

static const ei_column check_columns[CHECK_COLUMNS] = {
	// clang-format off
	[FILE_NAME] = { "file",      EI_STR,  "where the indicator is" },
	[LINE]      = { "line",      EI_UINT, "where in the file, if the format tells" },
	[FORMAT]    = { "format",    EI_STR,  "of the file" },
	[ID]        = { "id",        EI_STR,  "as in the file" },
	[NAME]      = { "name",      EI_STR,  "short description, or the value" },
	[LEAVES]    = { "leaves",    EI_UINT, "conditions" },
	[A]         = { "a",         EI_UINT, "of them memory answers exactly" },
	[B]         = { "b",         EI_UINT, "memory answers, but not that something is missing" },
	[C]         = { "c",         EI_UINT, "are answered by searching for text" },
	[D]         = { "d",         EI_UINT, "need more than memory" },
	[NOT_ASKED] = { "not_asked", EI_UINT, "cannot be asked: no value, or not understood" },
	[REACH]     = { "reach",     EI_STR,  "classes that suffice to make it true: a, a+b, a+b+c, all, never" },
	// clang-format on
};

static const char *reach_text(enum ioc_class reach)
{
	static const char *const texts[] = { "never", "a", "a+b", "a+b+c", "all" };
	return texts[reach];
}

static ei_error *check_row(struct listing *listing, const struct ioc_indicator *indicator)
{
	struct ioc_coverage coverage = ioc_coverage(indicator);
	return listing_row(listing, (ei_val[CHECK_COLUMNS]){
					    [FILE_NAME] = ei_str(indicator->file),
					    [LINE] = line_or_none(indicator->line),
					    [FORMAT] = ei_str(ioc_format_name(indicator->format)),
					    [ID] = text_or_none(indicator->id),
					    [NAME] = text_or_none(indicator->name),
					    [LEAVES] = ei_uint(indicator->leaves),
					    [A] = ei_uint(coverage.leaves[IOC_CLASS_A]),
					    [B] = ei_uint(coverage.leaves[IOC_CLASS_B]),
					    [C] = ei_uint(coverage.leaves[IOC_CLASS_C]),
					    [D] = ei_uint(coverage.leaves[IOC_CLASS_D]),
					    [NOT_ASKED] = ei_uint(coverage.leaves[0]),
					    [REACH] = ei_str(reach_text(coverage.reach)),
				    });
}

// ---- check --leaves: one line a condition -------------------------------------------------------
enum {
	LEAF_FILE,
	LEAF_LINE,
	INDICATOR,
	TERM,
	NEGATED,
	CONDITION,
	VALUE,
	CLASS,
	ARTEFACT,
	PLUGINS,
	WHY,
	LEAF_COLUMNS
};

static const ei_column leaf_columns[LEAF_COLUMNS] = {
	// clang-format off
	[LEAF_FILE] = { "file",      EI_STR,  "where the indicator is" },
	[LEAF_LINE] = { "line",      EI_UINT, "where in the file, if the format tells" },
	[INDICATOR] = { "indicator", EI_STR,  "its name, or its id" },
	[TERM]      = { "term",      EI_STR,  "what is looked at" },
	[NEGATED]   = { "negated",   EI_BOOL, "true when it must not be so" },
	[CONDITION] = { "condition", EI_STR,  "how it is compared" },
	[VALUE]     = { "value",     EI_STR,  "with what" },
	[CLASS]     = { "class",     EI_STR,  "how well memory answers: a to d" },
	[ARTEFACT]  = { "artefact",  EI_STR,  "where memory has it" },
	[PLUGINS]   = { "plugins",   EI_STR,  "which plugins and other sources answer it" },
	[WHY]       = { "why",       EI_STR,  "why it cannot be asked, or is read as something else" },
	// clang-format on
};

struct check {
	struct listing listing;
	const struct plugin_set *plugins;
	struct text answering; // scratch
};

// Plugins and other sources of the term, or of one that it is a part of.
static ei_val answering(struct check *check, const struct ioc_term *term)
{
	text_clear(&check->answering);
	for (; term; term = term->from)
		evidence_answerers(check->plugins, term, &check->answering);
	return text_or_none(check->answering.length ? check->answering.data : NULL);
}

static ei_error *leaf_row(
	struct check *check, const struct ioc_indicator *indicator, const struct ioc_node *node)
{
	static const char *const classes[] = { "-", "a", "b", "c", "d" };
	const struct ioc_leaf *leaf = &node->leaf;
	const struct ioc_term *term = leaf->term;
	const char *why = node->note ? node->note : ioc_reason_text(leaf->reason);
	ei_val value = leaf->length ? (ei_val){ .s = leaf->value,
		.length = leaf->length,
		.kind = EI_STR,
		.state = EI_OK }
				    : ei_absent(EI_NONE);
	const char *name = *indicator->name ? indicator->name : indicator->id;
	return listing_row(&check->listing,
		(ei_val[LEAF_COLUMNS]){
			[LEAF_FILE] = ei_str(indicator->file),
			[LEAF_LINE] = line_or_none(node->line),
			[INDICATOR] = text_or_none(name),
			[TERM] = ei_str(leaf->written ? leaf->written : term->name),
			[NEGATED] = ei_bool(leaf->negated),
			[CONDITION] = ei_str(ioc_condition_name(leaf->condition)),
			[VALUE] = value,
			[CLASS] =
				ei_str(classes[leaf->reason == IOC_UNSUPPORTED ? 0 : term->class]),
			[ARTEFACT] = ei_str(term->artefact),
			[PLUGINS] = answering(check, term),
			[WHY] = text_or_none(why),
		});
}

static ei_error *leaf_rows(
	struct check *check, const struct ioc_indicator *indicator, const struct ioc_node *node)
{
	if (node->kind == IOC_LEAF)
		return leaf_row(check, indicator, node);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		EI_TRY(leaf_rows(check, indicator, child)); // IOC_DEPTH_MAX deep
	return NULL;
}

// ---- check: reading and notes -----------------------------------------------------------------
struct wish {
	bool leaves, recover;
	char **paths;
	size_t path_count;
};

static ei_error *set_read(const struct wish *wish, struct ioc_set *set)
{
	for (size_t i = 0; i < wish->path_count; i++)
		EI_TRY(ioc_set_add(set, wish->paths[i]));
	// What values cannot be is found when they are compiled.
	EI_OWNED(ioc_program) program = NULL;
	return ioc_compile(set, &program);
}

static ei_error *notes_show(struct listing *listing, const struct ioc_set *set)
{
	for (size_t i = 0; i < ioc_set_note_count(set); i++) {
		const struct ioc_note *note = ioc_set_note(set, i);
		struct text text;
		text_init(&text, 8192);
		text_addf(&text, "%s", note->file);
		if (note->line)
			text_addf(&text, ":%u", note->line);
		text_addf(&text, ": %s%s", note->broken ? "skipped: " : "", note->text);
		ei_error *error = listing_note(listing, text.data ? text.data : "");
		text_deinit(&text);
		EI_TRY(error);
	}
	return NULL;
}

static ei_error *totals_show(struct listing *listing, const struct ioc_set *set)
{
	size_t leaves = 0, broken = 0, reach[IOC_CLASS_D + 1] = { 0 };
	char text[320];
	for (size_t i = 0; i < ioc_set_file_count(set); i++)
		broken += ioc_set_file(set, i)->broken;
	for (size_t i = 0; i < ioc_set_count(set); i++) {
		leaves += ioc_set_at(set, i)->leaves;
		reach[ioc_coverage(ioc_set_at(set, i)).reach]++;
	}
	snprintf(text, sizeof text,
		"%zu files, %zu skipped; %zu indicators, %zu conditions; can become true: %zu by "
		"class a, "
		"%zu more with b, %zu more with c, %zu only with d, %zu never",
		ioc_set_file_count(set), broken, ioc_set_count(set), leaves, reach[IOC_CLASS_A],
		reach[IOC_CLASS_B], reach[IOC_CLASS_C], reach[IOC_CLASS_D], reach[0]);
	return listing_note(listing, text);
}

static ei_error *check_show(const struct wish *wish, struct check *check, const struct ioc_set *set,
	enum exit_status *status)
{
	struct listing *listing = &check->listing;
	size_t broken = 0;
	for (size_t i = 0; i < ioc_set_count(set) && !listing_is_full(listing); i++) {
		const struct ioc_indicator *indicator = ioc_set_at(set, i);
		EI_TRY(wish->leaves ? leaf_rows(check, indicator, indicator->root)
				    : check_row(listing, indicator));
	}
	EI_TRY(notes_show(listing, set));
	EI_TRY(totals_show(listing, set));
	for (size_t i = 0; i < ioc_set_file_count(set); i++)
		broken += ioc_set_file(set, i)->broken;
	if (broken)
		*status = EXIT_INCOMPLETE;
	return listing_end(listing, broken ? "some files were skipped" : NULL);
}

static ei_error *check_read(const struct global *global, const struct wish *wish,
	struct check *check, enum exit_status *status)
{
	EI_OWNED(ioc_set) set = NULL;
	struct ioc_read_wish how = { .recover = wish->recover, .cancelled = cancelled };
	EI_TRY(ioc_set_create(&how, &set));
	EI_TRY(set_read(wish, set));
	if (!ioc_set_count(set) && ioc_set_file_count(set) == 1 && ioc_set_file(set, 0)->broken) {
		const struct ioc_note *note = ioc_set_note(set, ioc_set_note_count(set) - 1);
		return ei_fail(EI_E_FORMAT, "'%s': %s", note->file, note->text);
	}
	EI_TRY(listing_init(&check->listing, global, "ioc check",
		wish->leaves ? leaf_columns : check_columns,
		wish->leaves ? (size_t)LEAF_COLUMNS : (size_t)CHECK_COLUMNS));
	return check_show(wish, check, set, status);
}

static ei_error *ioc_check(const struct global *global, const struct plugin_set *plugins,
	const struct wish *wish, enum exit_status *status)
{
	struct check check = { .plugins = plugins };
	if (!wish->path_count)
		return ei_fail(EI_E_USAGE, "ioc check: no file was named: ioc check FILE...");
	text_init(&check.answering, 4096);
	ei_error *error = check_read(global, wish, &check, status);
	listing_deinit(&check.listing);
	text_deinit(&check.answering);
	return error;
}

// ---- which ----------------------------------------------------------------------------------
static const char *const help =
	"ioc: indicators of compromise, from evidence to a better one\n\n"
	"  eidetic ioc check FILE...            what is in files or folders of indicators, what is "
	"wrong\n"
	"                                       with them, and what of them memory can answer\n"
	"  eidetic ioc check --leaves FILE...   the same for each condition\n"
	"  eidetic -f IMAGE ioc new --from PLUGIN --where COLUMN=VALUE... -o FILE\n"
	"                                       an indicator from rows; FILE.ioc is OpenIOC 1.1, "
	"FILE.json\n"
	"                                       STIX 2.1; --from may be repeated, each with its "
	"own words;\n"
	"                                       each row is an alternative\n"
	"  eidetic -f IMAGE [-f IMAGE...] ioc match --ioc FILE...\n"
	"                                       what they say of images: suspects first, hits "
	"first, with the\n"
	"                                       evidence at each condition\n"
	"  eidetic ioc match --ioc FILE... --images IMAGE... -r html -o DIR\n"
	"                                       the same as a page that can be handed on; --hash "
	"puts the\n"
	"                                       SHA-256 of each image on it\n"
	"  eidetic -f IMAGE ioc collect --ioc FILE... -o DIR\n"
	"                                       what is behind hits: processes, regions, files, "
	"drivers, keys;\n"
	"                                       DIR/manifest.jsonl has their hashes\n"
	"  eidetic ioc refine --ioc FILE... --hits IMAGE... --clean IMAGE... -o FILE\n"
	"                                       the indicators without what clean images have, "
	"too; and what\n"
	"                                       suspects share and clean images lack; -o FOLDER: "
	"a file each\n\n"
	"  --images IMAGE...  match, collect: images, besides those of -f\n"
	"  --recover          check, match, collect: take a condition's value from its id where "
	"it has\n"
	"                     none: some exporters write it there\n"
	"  --all              match: draw the trees of what is not true, too\n"
	"  --fail-on-hit      match: end with status 5 when an indicator is true\n"
	"  --where COLUMN~TEXT  new: rows in whose column there is this text; several must all "
	"hold\n"
	"  --column COLUMN    new: only this column says something; repeatable\n"
	"  --name TEXT        new: what it is called\n"
	"  --add              refine: take in what suspects share\n\n"
	"Formats: OpenIOC 1.0 and 1.1 (in STIX 1.x too), STIX 2.0 and 2.1, MISP events and feeds, "
	"CSV,\n"
	"lists of values, Loki's lists, YARA rules, Sigma rules about processes, modules, drivers, "
	"pipes\n"
	"and the registry. They may be mixed. A file that cannot be read is said and left out.\n\n"
	"Verdicts: true; false; unknown, because memory does not have what would decide it. The "
	"weight of\n"
	"an image, by which suspects are ranked, is 3 for each alternative that is true by a "
	"structure of\n"
	"Windows, 1 for one that is true by text found in memory.\n\n"
	"Classes: a, memory has it exactly; b, memory has it where it was in use, so that a miss "
	"proves\n"
	"nothing; c, by searching for text; d, not by memory alone.\n\n"
	"exit status: 0 complete; 1 nothing could be done; 2 wrong use; 4 some file or image was "
	"left out,\n"
	"or some row was not there; 5 a hit, with --fail-on-hit\n";

// Options of the command, and its words.
static ei_error *words_read(const struct global *global, struct wish *wish)
{
	bool words_only = false;
	size_t kept = 0;
	for (int i = 0; i < global->rest_count; i++) {
		char *word = global->rest[i];
		if (words_only || word[0] != '-' || !word[1])
			global->rest[kept++] = word;
		else if (!strcmp(word, "--"))
			words_only = true;
		else if (!strcmp(word, "--leaves"))
			wish->leaves = true;
		else if (!strcmp(word, "--recover"))
			wish->recover = true;
		else
			return ei_fail(EI_E_USAGE,
				"ioc: there is no option '%s'; see 'eidetic ioc --help'", word);
	}
	wish->paths = global->rest;
	wish->path_count = kept;
	return NULL;
}

// Commands that read their own words.
static const struct part {
	const char *name;
	ei_error *(*run)(const struct global *global, const struct plugin_set *plugins,
		enum exit_status *status);
} parts[] = {
	{ "match", ioc_match },
	{ "new", ioc_new },
	{ "collect", ioc_collect },
	{ "refine", ioc_refine },
};

static ei_error *dispatch(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status)
{
	static const char *const names[] = { "check", "match", "new", "collect", "refine" };
	for (size_t i = 0; global->rest_count && i < ARRAY_LENGTH(parts); i++)
		if (!strcmp(global->rest[0], parts[i].name))
			return parts[i].run(global, plugins, status);
	struct wish wish = { 0 };
	EI_TRY(words_read(global, &wish));
	if (!wish.path_count)
		return ei_fail(EI_E_USAGE,
			"ioc: want check, match, new, collect or refine; see 'eidetic ioc --help'");
	const char *word = *wish.paths++;
	wish.path_count--;
	if (!strcmp(word, "check"))
		return ioc_check(global, plugins, &wish, status);
	const char *nearest = nearest_name(word, names, ARRAY_LENGTH(names));
	return ei_fail(EI_E_USAGE, "ioc: there is no '%s'%s%s%s", word, nearest ? "; is '" : "",
		nearest ? nearest : "", nearest ? "' meant?" : "");
}

enum exit_status command_ioc(const struct global *global, const struct plugin_set *plugins)
{
	if (global->help) {
		fputs(help, stdout);
		return printed();
	}
	enum exit_status status = EXIT_COMPLETE;
	ei_error *error = dispatch(global, plugins, &status);
	enum exit_status end = error ? report(error) : printed();
	return end == EXIT_COMPLETE ? status : end;
}
