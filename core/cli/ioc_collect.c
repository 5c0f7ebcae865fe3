// eidetic ioc collect: what is behind hits, taken out of memory.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"

#include "out/escape.h"
#include "run/value_text.h"
#include <eidetic/extract.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TAKEN_MAX = 4096,
	ARGUMENTS_MAX = 6,
	KEYS_TEXT_MAX = 64 << 20,
	FACTS_OF_LEAF = 64,
	NAMES_KEPT = 4,
	NAMES_MAX = 64 << 10,
};

// One thing to be taken: a plugin that writes it, and which.
struct taking {
	const char *plugin;
	uint64_t pid, address; // EVIDENCE_NO_PID, 0: not by this
	const char *by;        // option that takes the address
	const struct ioc_indicator *because[NAMES_KEPT];
	size_t because_count;
	uint64_t start, end; // of what was taken, where the rows say; 0: they do not
	struct text names;   // of the files
	struct text why;     // it could not be taken
	bool tried;
};

// What a plugin says that it wrote.
struct written {
	struct row_sink sink;
	const struct table *table;
	const char *folder; // in front of names; "": none
	struct text *names;
	uint64_t start, end;
};

struct collecting {
	const struct global *global;
	const struct plugin_set *plugins;
	const struct matched *matched;
	struct taking taken[TAKEN_MAX];
	size_t taken_count;
	bool cut;
	struct text keys;                              // lines of JSON
	const struct ioc_indicator *keyed[NAMES_KEPT]; // whose hits are in keys
	size_t key_count;
	const char *folder; // of the image, below that of -o; "": it is that
	const struct ioc_indicator *indicator;
	const struct matched_image *image;
	struct listing *listing;
	uint64_t failures;
};

enum { IMAGE, WHAT, PROCESS, PID, ADDRESS, FILES, BECAUSE, WHY, COLUMNS };

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[IMAGE]   = { "image",   EI_STR,  "the image" },
	[WHAT]    = { "what",    EI_STR,  "plugin that took it out; keys: registry keys and values" },
	[PROCESS] = { "process", EI_STR,  "whose it is" },
	[PID]     = { "pid",     EI_UINT, "its id" },
	[ADDRESS] = { "address", EI_ADDR, "where it is" },
	[FILES]   = { "files",   EI_STR,  "files written, in the folder of -o; manifest.jsonl there has their hashes" },
	[BECAUSE] = { "because", EI_STR,  "indicators whose hits it is behind" },
	[WHY]     = { "why",     EI_STR,  "why it could not be taken" },
	// clang-format on
};

// ---- what is to be taken --------------------------------------------------------------------
static void taking_because(struct taking *taking, const struct ioc_indicator *indicator)
{
	for (size_t i = 0; i < MIN(taking->because_count, (size_t)NAMES_KEPT); i++)
		if (taking->because[i] == indicator)
			return;
	if (taking->because_count < NAMES_KEPT)
		taking->because[taking->because_count] = indicator;
	taking->because_count++;
}

static void taking_add(
	struct collecting *c, const char *plugin, uint64_t pid, const char *by, uint64_t address)
{
	for (size_t i = 0; i < c->taken_count; i++)
		if (c->taken[i].plugin == plugin && c->taken[i].pid == pid &&
			c->taken[i].address == address) {
			taking_because(&c->taken[i], c->indicator);
			return;
		}
	if (c->taken_count == TAKEN_MAX) {
		c->cut = true;
		return;
	}
	struct taking *taking = &c->taken[c->taken_count++];
	*taking = (struct taking){ .plugin = plugin, .pid = pid, .address = address, .by = by };
	text_init(&taking->names, NAMES_MAX);
	text_init(&taking->why, NAMES_MAX);
	taking_because(taking, c->indicator);
}

static void json_text(struct text *out, const char *name, const char *value, size_t length)
{
	text_addf(out, "\"%s\":", name);
	escape_json(out, value, length);
}

static void key_add(struct collecting *c, const struct holder *holder, const struct fact *fact)
{
	const char *path = fact->where ? fact->where : "";
	if (c->key_count < NAMES_KEPT)
		c->keyed[c->key_count++] = c->indicator;
	text_addf(&c->keys, "{");
	json_text(&c->keys, "indicator", c->indicator->name, strlen(c->indicator->name));
	text_addf(&c->keys, ",\"hive\":%" PRIu64 ",", holder->address);
	json_text(&c->keys, "value_path", path, strlen(path));
	text_addf(&c->keys, ",");
	json_text(&c->keys, fact->term, fact->value, fact->length);
	text_addf(&c->keys, "}\n");
}

static bool is_of(const struct holder *holder, const char *document)
{
	size_t length = strlen(document);
	return !strncmp(holder->domain, document, length) &&
	       (!holder->domain[length] || holder->domain[length] == '/');
}

static void fact_take(struct collecting *c, const struct leaf_fact *found)
{
	static const char processes[] = "psscan", regions[] = "vadinfo", files[] = "dumpfiles",
			  drivers[] = "modscan";
	const struct holder *holder = found->holder;
	bool in_process = holder->pid != EVIDENCE_NO_PID;
	if (in_process)
		taking_add(c, processes, holder->pid, NULL, 0);
	if (is_of(holder, "ProcessItem/SectionList"))
		taking_add(c, regions, holder->pid, "--address", holder->address);
	else if (in_process && found->fact && found->fact->has_address &&
		 !is_of(holder, "FileItem") &&
		 (!strcmp(found->fact->source, "search") || !strcmp(found->fact->source, "yara")))
		taking_add(c, regions, holder->pid, "--address", found->fact->address);
	if (is_of(holder, "FileItem") && holder->address)
		taking_add(c, files, EVIDENCE_NO_PID, "--virtaddr", holder->address);
	if (is_of(holder, "DriverItem") && holder->address)
		taking_add(c, drivers, EVIDENCE_NO_PID, "--base", holder->address);
	if (is_of(holder, "RegistryItem") && found->fact)
		key_add(c, holder, found->fact);
}

static void node_take(struct collecting *c, const struct ioc_verdict *verdict,
	const struct ioc_node *group, const struct ioc_node *node)
{
	struct leaf_facts at = { 0 };
	struct leaf_fact found;
	size_t count = 0;
	if (verdict->nodes[node->index].truth != IOC_TRUE)
		return;
	if (node->kind == IOC_LEAF && !node->leaf.negated)
		while (count++ < FACTS_OF_LEAF &&
			leaf_fact_next(c->image, group, &node->leaf, &at, &found))
			fact_take(c, &found);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		node_take(c, verdict, node->kind == IOC_AND ? node : group,
			child); // IOC_DEPTH_MAX deep
}

// ---- what was written -----------------------------------------------------------------------
static ei_error *written_begin(struct row_sink *sink, const struct table *table)
{
	((struct written *)sink)->table = table;
	return NULL;
}

static ei_val cell_named(const struct table *table, const ei_val *cells, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->columns[i].title, name))
			return cells[table->columns[i].cell];
	return ei_absent(EI_NONE);
}

static ei_error *written_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct written *w = (struct written *)sink;
	ei_val name = cell_named(w->table, cells, "output");
	(void)depth;
	if (!ei_has(name))
		name = cell_named(w->table, cells, "file");
	w->start = ei_u64_or(cell_named(w->table, cells, "start"), 0);
	w->end = ei_u64_or(cell_named(w->table, cells, "end"), 0);
	if (!ei_has(name) || name.kind != EI_STR)
		return NULL;
	text_addf(
		w->names, "%s%s%s", w->names->length ? ", " : "", w->folder, *w->folder ? "/" : "");
	text_add(w->names, name.s, name.length);
	return NULL;
}

static ei_error *written_note(struct row_sink *sink, const char *text)
{
	(void)sink, (void)text;
	return NULL;
}

static ei_error *written_end(struct row_sink *sink, const struct trailer *trailer)
{
	(void)sink, (void)trailer;
	return NULL;
}

static void written_drop(struct row_sink *sink)
{
	(void)sink;
}

// ---- taking ---------------------------------------------------------------------------------
static void because_say(struct text *out, const struct taking *taking)
{
	size_t kept = MIN(taking->because_count, (size_t)NAMES_KEPT);
	for (size_t i = 0; i < kept; i++) {
		const struct ioc_indicator *indicator = taking->because[i];
		text_addf(out, "%s%s", i ? ", " : "",
			*indicator->name ? indicator->name : indicator->id);
	}
	if (taking->because_count > kept)
		text_addf(out, " and %zu more", taking->because_count - kept);
}

static ei_val text_or_none(const struct text *text)
{
	return text->length ? ei_str(text->data) : ei_absent(EI_NONE);
}

static ei_error *taking_show(struct collecting *c, const struct taking *taking)
{
	const struct evidence_process *process =
		taking->pid == EVIDENCE_NO_PID
			? NULL
			: evidence_process_of(c->image->evidence, taking->pid);
	struct text because;
	text_init(&because, NAMES_MAX);
	because_say(&because, taking);
	c->failures += taking->why.length > 0;
	ei_error *error = listing_row(c->listing,
		(ei_val[COLUMNS]){
			[IMAGE] = ei_str(c->image->path),
			[WHAT] = ei_str(taking->plugin),
			[PROCESS] = process ? ei_str(process->name) : ei_absent(EI_NONE),
			[PID] = process ? ei_uint(process->pid) : ei_absent(EI_NONE),
			[ADDRESS] = taking->by ? ei_addr(taking->address) : ei_absent(EI_NONE),
			[FILES] = text_or_none(&taking->names),
			[BECAUSE] = text_or_none(&because),
			[WHY] = text_or_none(&taking->why),
		});
	text_deinit(&because);
	return error;
}

static ei_error *taking_run(struct collecting *c, const struct session *session, const char *folder,
	const struct taking *taking, struct row_sink *sink, struct run_result *result)
{
	const ei_plugin *plugin;
	char pid[24], address[24], pid_name[] = "--pid", dump[] = "--dump", by[16];
	char *arguments[ARGUMENTS_MAX];
	int count = 0;
	struct option_values options;
	EI_OWNED(ei_arena) arena = NULL;
	EI_TRY(plugin_set_find(c->plugins, taking->plugin, &plugin));
	EI_TRY(ei_arena_create(1 << 20, &arena));
	snprintf(pid, sizeof pid, "%" PRIu64, taking->pid);
	snprintf(address, sizeof address, "0x%" PRIx64, taking->address);
	snprintf(by, sizeof by, "%s", taking->by ? taking->by : "");
	arguments[count++] = dump;
	if (taking->pid != EVIDENCE_NO_PID) {
		arguments[count++] = pid_name;
		arguments[count++] = pid;
	}
	if (taking->by) {
		arguments[count++] = by;
		arguments[count++] = address;
	}
	EI_TRY(options_parse(arena, plugin, count, arguments, &options));
	const struct run_wish wish = {
		.plugin = plugin,
		.options = &options,
		.folder = folder,
		.cancelled = cancelled,
	};
	return run_plugin(session, &wish, sink, result);
}

// Two hits in one region are one thing to be taken.
static struct taking *taken_with(struct collecting *c, const struct taking *taking)
{
	for (struct taking *other = c->taken; other < taking; other++)
		if (other->plugin == taking->plugin && other->pid == taking->pid && other->end &&
			taking->address >= other->start && taking->address <= other->end)
			return other;
	return NULL;
}

static ei_error *taking_take(struct collecting *c, const struct session *session,
	const char *folder, struct taking *taking)
{
	struct run_result result = { 0 };
	struct written written = {
		.sink = { written_begin, written_row, written_note, written_end, written_drop },
		.folder = c->folder,
		.names = &taking->names,
	};
	struct taking *other = taken_with(c, taking);
	for (size_t i = 0; other && i < MIN(taking->because_count, (size_t)NAMES_KEPT); i++)
		taking_because(other, taking->because[i]);
	if (other)
		return NULL;
	taking->tried = true;
	EI_OWNED(ei_error)
	failed = taking_run(c, session, folder, taking, &written.sink, &result);
	taking->start = written.start;
	taking->end = written.end;
	if (failed || result.failure)
		text_addf(&taking->why, "%s", ei_error_text(failed ? failed : result.failure));
	ei_error_drop(result.failure);
	EI_TRY(unless_cancelled());
	if (!taking->names.length && !taking->why.length)
		text_addf(&taking->why, "it is not in the image");
	return NULL;
}

static ei_error *keys_write(struct collecting *c, const struct session *session, const char *folder)
{
	static const ei_plugin plugin = { .name = "ioc collect" };
	EI_OWNED(ei_run) run = NULL;
	EI_OWNED(row_sink) sink = NULL;
	ei_extract *extract = NULL;
	if (!c->keys.length)
		return NULL;
	EI_TRY(run_create(session, &run));
	EI_TRY(out_create(&(struct out_wish){ .renderer = "none" }, &sink));
	struct output output = { .sink = sink, .folder = folder };
	run->output = &output;
	run->plugin = &plugin;
	ei_error *error = ei_extract_begin(run, "keys.jsonl", &extract);
	if (!error) {
		ei_extract_bytes(extract, c->keys.data, c->keys.length);
		error = ei_extract_end(extract, NULL);
	}
	run->output = NULL;
	EI_TRY(error);
	struct taking keys = { .plugin = "keys", .pid = EVIDENCE_NO_PID };
	for (size_t i = 0; i < c->key_count; i++)
		taking_because(&keys, c->keyed[i]);
	text_init(&keys.names, NAMES_MAX);
	text_addf(&keys.names, "%s%skeys.jsonl", c->folder, *c->folder ? "/" : "");
	error = taking_show(c, &keys);
	text_deinit(&keys.names);
	return error;
}

// ---- images ---------------------------------------------------------------------------------
// Several images have a folder each, by their files' names and, where these are the same, numbers.
static void folder_name(const struct collecting *c, struct text *name)
{
	const char *own = strrchr(c->image->path, '/');
	own = own ? own + 1 : c->image->path;
	bool other = false;
	for (size_t i = 0; i < c->matched->image_count; i++) {
		const char *path = c->matched->images[i].path, *slash = strrchr(path, '/');
		other |= path != c->image->path && !strcmp(slash ? slash + 1 : path, own);
	}
	text_addf(name, "%s", own);
	if (other)
		text_addf(name, "-%zu", (size_t)(c->image - c->matched->images) + 1);
}

static ei_error *folder_make(struct collecting *c, struct text *name, struct text *path)
{
	text_addf(path, "%s", c->global->output_dir);
	text_addf(name, "%s", "");
	if (c->matched->image_count > 1) {
		folder_name(c, name);
		text_addf(path, "/%s", name->data);
	}
	c->folder = name->data ? name->data : "";
	if (c->matched->image_count == 1 || !mkdir(path->data, 0777) || errno == EEXIST)
		return NULL;
	return ei_fail(EI_E_IO, "cannot make the folder '%s': %s", path->data, strerror(errno));
}

static ei_error *image_take(struct collecting *c, const char *folder)
{
	struct global own = *c->global;
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	own.file = c->image->path;
	EI_TRY(open_session(&own, &store, &session));
	for (size_t i = 0; i < ioc_set_count(c->matched->set); i++) {
		c->indicator = ioc_set_at(c->matched->set, i);
		node_take(c, &c->image->verdicts[i], NULL, c->indicator->root);
	}
	ei_error *error = NULL;
	for (size_t i = 0; i < c->taken_count && !error; i++)
		error = taking_take(c, session, folder, &c->taken[i]);
	// What was taken before it was broken off is there, and is said.
	for (size_t i = 0; i < c->taken_count; i++) {
		ei_error *shown = c->taken[i].tried ? taking_show(c, &c->taken[i]) : NULL;
		if (error)
			ei_error_drop(shown);
		else
			error = shown;
	}
	return error ? error : keys_write(c, session, folder);
}

static void taken_free(struct collecting *c)
{
	for (size_t i = 0; i < c->taken_count; i++) {
		text_deinit(&c->taken[i].names);
		text_deinit(&c->taken[i].why);
	}
	c->taken_count = 0;
}

static ei_error *image_collect(struct collecting *c, size_t number)
{
	struct text folder, name;
	c->image = &c->matched->images[number];
	if (!c->image->verdicts || !c->image->by_truth[IOC_TRUE])
		return NULL;
	text_init(&folder, 8192);
	text_init(&name, 4096);
	c->key_count = 0;
	text_clear(&c->keys);
	ei_error *error = folder_make(c, &name, &folder);
	if (!error)
		error = image_take(c, folder.data);
	taken_free(c);
	text_deinit(&name);
	text_deinit(&folder);
	return error;
}

static bool is_any_suspect(const struct collecting *c, bool *unread)
{
	bool any = false;
	*unread = false;
	for (size_t i = 0; i < c->matched->image_count; i++) {
		any |= c->matched->images[i].by_truth[IOC_TRUE] > 0;
		*unread |= c->matched->images[i].failure != NULL;
	}
	return any;
}

static ei_error *unread_note(struct collecting *c)
{
	char text[1024];
	for (size_t i = 0; i < c->matched->image_count; i++) {
		const struct matched_image *image = &c->matched->images[i];
		if (!image->failure)
			continue;
		snprintf(text, sizeof text, "%s: %s", image->path, ei_error_text(image->failure));
		EI_TRY(listing_note(c->listing, text));
	}
	return NULL;
}

static ei_error *collect(struct collecting *c, enum exit_status *status)
{
	EI_TRY(listing_init(c->listing, c->global, "ioc collect", columns, COLUMNS));
	for (size_t i = 0; i < c->matched->image_count; i++)
		EI_TRY(image_collect(c, i));
	bool unread;
	if (!is_any_suspect(c, &unread))
		EI_TRY(listing_note(
			c->listing, "no indicator is true, so there is nothing to take"));
	EI_TRY(unread_note(c));
	const char *why = c->cut        ? "there was more to be taken"
			  : c->failures ? "not everything could be taken"
			  : unread      ? "some images could not be read"
					: NULL;
	if (why)
		*status = EXIT_INCOMPLETE;
	return listing_end(c->listing, why);
}

ei_error *ioc_collect(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status)
{
	struct match_wish wish = { .identify = false };
	const struct word_option options[] = {
		{ "ioc", WORD_LIST, &wish.iocs },
		{ "images", WORD_LIST, &wish.images },
		{ "recover", WORD_FLAG, &wish.recover },
	};
	struct listing listing = { 0 };
	EI_OWNED(ei_arena) arena = NULL;
	EI_OWNED(matched) matched = NULL;
	EI_TRY(ei_arena_create(16 << 20, &arena));
	EI_TRY(words_take(global, arena, options, ARRAY_LENGTH(options)));
	EI_TRY(output_folder_make(global, "ioc collect: into which folder? -o DIR"));
	EI_TRY(folders_check(global));
	EI_TRY(match_all(global, plugins, &wish, &matched));
	struct collecting *c = calloc(1, sizeof *c);
	if (!c)
		return ei_fail(EI_E_NOMEM, "out of memory");
	c->global = global;
	c->plugins = plugins;
	c->matched = matched;
	c->listing = &listing;
	text_init(&c->keys, KEYS_TEXT_MAX);
	ei_error *error = collect(c, status);
	listing_deinit(&listing);
	text_deinit(&c->keys);
	free(c);
	return error;
}
