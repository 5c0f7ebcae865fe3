// eidetic ioc collect: what is behind hits, taken out of memory.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"

#include "out/escape.h"
#include <eidetic/extract.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAKEN_MAX = 4096, ARGUMENTS_MAX = 6, KEYS_TEXT_MAX = 64 << 20, FACTS_OF_LEAF = 64 };

// One thing to be taken: a plugin that writes it, and which.
struct taking {
	const char *plugin;
	uint64_t pid, address; // EVIDENCE_NO_PID, 0: not by this
	const char *by;        // option that takes the address
};

struct collecting {
	const struct global *global;
	const struct plugin_set *plugins;
	const struct matched *matched;
	struct taking taken[TAKEN_MAX];
	size_t taken_count;
	bool cut;
	struct text keys; // lines of JSON
	const struct ioc_indicator *indicator;
	const struct matched_image *image;
	struct listing *listing;
	uint64_t failures;
};

enum { IMAGE, WHAT, PROCESS, PID, ADDRESS, FILES, WHY, COLUMNS };

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[IMAGE]   = { "image",   EI_STR,  "the image" },
	[WHAT]    = { "what",    EI_STR,  "plugin that took it out; keys: registry keys and values" },
	[PROCESS] = { "process", EI_STR,  "whose it is" },
	[PID]     = { "pid",     EI_UINT, "its id" },
	[ADDRESS] = { "address", EI_ADDR, "where it is" },
	[FILES]   = { "rows",    EI_UINT, "things that were taken; manifest.jsonl has their hashes" },
	[WHY]     = { "why",     EI_STR,  "why it could not be" },
	// clang-format on
};

// ---- what is to be taken --------------------------------------------------------------------
static void taking_add(
	struct collecting *c, const char *plugin, uint64_t pid, const char *by, uint64_t address)
{
	for (size_t i = 0; i < c->taken_count; i++)
		if (c->taken[i].plugin == plugin && c->taken[i].pid == pid &&
			c->taken[i].address == address)
			return;
	if (c->taken_count == TAKEN_MAX) {
		c->cut = true;
		return;
	}
	c->taken[c->taken_count++] = (struct taking){ plugin, pid, address, by };
}

static void json_text(struct text *out, const char *name, const char *value, size_t length)
{
	text_addf(out, "\"%s\":", name);
	escape_json(out, value, length);
}

static void key_add(struct collecting *c, const struct holder *holder, const struct fact *fact)
{
	const char *path = fact->where ? fact->where : "";
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

// ---- taking ---------------------------------------------------------------------------------
static ei_error *taking_show(
	struct collecting *c, const struct taking *taking, uint64_t rows, const char *why)
{
	const struct evidence_process *process =
		taking->pid == EVIDENCE_NO_PID
			? NULL
			: evidence_process_of(c->image->evidence, taking->pid);
	c->failures += why != NULL;
	return listing_row(c->listing,
		(ei_val[COLUMNS]){
			[IMAGE] = ei_str(c->image->path),
			[WHAT] = ei_str(taking->plugin),
			[PROCESS] = process ? ei_str(process->name) : ei_absent(EI_NONE),
			[PID] = process ? ei_uint(process->pid) : ei_absent(EI_NONE),
			[ADDRESS] = taking->by ? ei_addr(taking->address) : ei_absent(EI_NONE),
			[FILES] = ei_uint(rows),
			[WHY] = why ? ei_str(why) : ei_absent(EI_NONE),
		});
}

static ei_error *taking_run(struct collecting *c, const struct session *session, const char *folder,
	const struct taking *taking, struct run_result *result)
{
	const ei_plugin *plugin;
	char pid[24], address[24], pid_name[] = "--pid", dump[] = "--dump", by[16];
	char *arguments[ARGUMENTS_MAX];
	int count = 0;
	struct option_values options;
	EI_OWNED(ei_arena) arena = NULL;
	EI_OWNED(row_sink) sink = NULL;
	EI_TRY(plugin_set_find(c->plugins, taking->plugin, &plugin));
	EI_TRY(ei_arena_create(1 << 20, &arena));
	EI_TRY(out_create(&(struct out_wish){ .renderer = "none" }, &sink));
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

static ei_error *taking_take(struct collecting *c, const struct session *session,
	const char *folder, const struct taking *taking)
{
	struct run_result result = { 0 };
	EI_OWNED(ei_error) failed = taking_run(c, session, folder, taking, &result);
	const char *why = failed                 ? ei_error_text(failed)
			  : result.failure       ? ei_error_text(result.failure)
			  : !result.trailer.rows ? "nothing is there to be taken"
						 : NULL;
	ei_error *error = taking_show(c, taking, result.trailer.rows, why);
	ei_error_drop(result.failure);
	return error;
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
	const struct taking keys = { .plugin = "keys", .pid = EVIDENCE_NO_PID };
	return taking_show(c, &keys, 1, NULL);
}

// ---- images ---------------------------------------------------------------------------------
// Several images have a folder each, by their numbers.
static ei_error *folder_make(struct collecting *c, size_t number, struct text *path)
{
	text_addf(path, "%s", c->global->output_dir);
	if (c->matched->image_count == 1)
		return NULL;
	text_addf(path, "/image-%zu", number + 1);
	return mkdir(path->data, 0777) && access(path->data, W_OK)
		       ? ei_fail(EI_E_IO, "cannot make the folder '%s'", path->data)
		       : NULL;
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
	for (size_t i = 0; i < c->taken_count; i++)
		EI_TRY(taking_take(c, session, folder, &c->taken[i]));
	return keys_write(c, session, folder);
}

static ei_error *image_collect(struct collecting *c, size_t number)
{
	struct text folder;
	c->image = &c->matched->images[number];
	if (!c->image->verdicts || !c->image->by_truth[IOC_TRUE])
		return NULL;
	text_init(&folder, 8192);
	c->taken_count = 0;
	text_clear(&c->keys);
	ei_error *error = folder_make(c, number, &folder);
	if (!error)
		error = image_take(c, folder.data);
	text_deinit(&folder);
	return error;
}

static ei_error *collect(struct collecting *c, enum exit_status *status)
{
	EI_TRY(listing_init(c->listing, c->global, "ioc collect", columns, COLUMNS));
	for (size_t i = 0; i < c->matched->image_count; i++)
		EI_TRY(image_collect(c, i));
	const char *why = c->cut        ? "there was more to be taken"
			  : c->failures ? "not everything could be taken"
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
