// Evidence from plugins: those whose columns carry terms that are asked for, their rows as
// entities.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_rows.h"

#include <stdlib.h>
#include <strings.h>

enum { BOUND_MAX = 64, NO_COLUMN = -1 };

// ---- which plugins --------------------------------------------------------------------------
// Their terms are answered otherwise, for each thing once: processes by who they are, keys by a
// walk over all hives, modules by the regions that they are mapped in, mutexes by handles.
static const char *const covered[] = { "pslist", "psscan", "pstree", "cmdline", "printkey",
	"dlllist", "ldrmodules", "mutantscan", "hashdump" };

// Gives all items of a domain, so that others only add to them.
static const struct leader {
	const char *domain, *plugin;
} leaders[] = {
	{ "ProcessItem/SectionList/MemorySection", "vadinfo" },
	{ "ProcessItem/HandleList/Handle", "handles" },
};

// Too slow to be run for these terms alone, which another plugin gives.
static const struct beside {
	const char *plugin, *term;
} besides[] = {
	{ "filehash", "FileItem/FullPath" },
	{ "filehash", "FileItem/FileName" },
};

static bool is_covered(const ei_plugin *plugin)
{
	for (size_t i = 0; i < ARRAY_LENGTH(covered); i++)
		if (!strcmp(covered[i], plugin->name))
			return true;
	return false;
}

static bool is_leader(const struct evidence *evidence, const ei_plugin *plugin)
{
	for (size_t i = 0; i < ARRAY_LENGTH(leaders); i++)
		if (!strcmp(leaders[i].plugin, plugin->name) &&
			evidence_wants_domain(evidence, leaders[i].domain))
			return true;
	return false;
}

static bool is_beside(const ei_plugin *plugin, const char *term)
{
	for (size_t i = 0; i < ARRAY_LENGTH(besides); i++)
		if (!strcmp(besides[i].plugin, plugin->name) && !strcasecmp(besides[i].term, term))
			return true;
	return false;
}

static bool is_wanted(const struct evidence *evidence, const ei_plugin *plugin)
{
	if (is_covered(plugin))
		return false;
	if (is_leader(evidence, plugin))
		return true;
	for (unsigned i = 0; i < plugin->column_count; i++) {
		const char *term = plugin->columns[i].ioc;
		if (term && !is_beside(plugin, term) && evidence_asks(evidence, term))
			return true;
	}
	return evidence_row_wanted(evidence, plugin);
}

void evidence_plugins_plan(struct evidence *evidence)
{
	for (size_t i = 0; i < plugin_set_count(evidence->wish.plugins); i++) {
		const ei_plugin *plugin = plugin_set_at(evidence->wish.plugins, i);
		if (is_wanted(evidence, plugin))
			run_plan(evidence->wish.session, plugin);
	}
	evidence_first_plan(evidence);
}

// ---- rows -----------------------------------------------------------------------------------
struct bound {
	const struct ioc_term *term;
	unsigned column;
	bool presence; // that there is text says that it is so
};

struct taker {
	struct row_sink sink;
	struct evidence *evidence;
	const ei_plugin *plugin;
	struct bound bound[BOUND_MAX];
	size_t bound_count;
	int pid, key;      // columns; NO_COLUMN
	int path;          // of the file that a row is about; NO_COLUMN
	int label;         // what the row is about, in words; NO_COLUMN
	uint64_t last_pid; // of the row before
	bool first_of_pid;
	uint8_t *present; // entities of the domain of what is present
	size_t present_room;
};

static int column_named(const ei_plugin *plugin, const char *const *names)
{
	for (; *names; names++)
		for (unsigned i = 0; i < plugin->column_count; i++)
			if (!strcmp(plugin->columns[i].name, *names))
				return (int)i;
	return NO_COLUMN;
}

static void taker_bind(struct taker *taker)
{
	static const char *const pids[] = { "pid", NULL };
	static const char *const keys[] = { "start", "base", "handle", "offset", "file_object",
		NULL };
	static const char *const labels[] = { "path", "file", "name", NULL };
	const ei_plugin *plugin = taker->plugin;
	taker->label = column_named(plugin, labels);
	taker->pid = column_named(plugin, pids);
	taker->key = column_named(plugin, keys);
	taker->path = NO_COLUMN;
	for (unsigned i = 0; i < plugin->column_count && taker->bound_count < BOUND_MAX; i++) {
		const ei_column *column = &plugin->columns[i];
		const struct ioc_term *term =
			column->ioc ? evidence_term(taker->evidence, column->ioc) : NULL;
		if (!term || column->vol3_only)
			continue;
		if (!strcmp(term->name, "FileItem/FullPath"))
			taker->path = (int)i;
		taker->bound[taker->bound_count++] = (struct bound){
			.term = term,
			.column = i,
			.presence = term->type == IOC_BOOL && column->kind == EI_STR,
		};
	}
}

static uint64_t cell_or(const ei_val *cells, int column, uint64_t otherwise)
{
	return column == NO_COLUMN ? otherwise : ei_u64_or(cells[column], otherwise);
}

// Items of a process's lists are told apart by where they are, so that several plugins can speak of
// one. All else is a thing of its own in every row.
static struct known row_entity(struct taker *taker, const char *domain, const ei_val *cells)
{
	struct evidence *evidence = taker->evidence;
	uint64_t pid = cell_or(cells, taker->pid, EVIDENCE_NO_PID);
	uint64_t key = cell_or(cells, taker->key, 0);
	struct holder holder = {
		.source = taker->plugin->name,
		.pid = pid,
		.address = taker->key != NO_COLUMN && cells[taker->key].kind == EI_ADDR ? key : 0,
	};
	bool of_process = !strncmp(domain, "ProcessItem", 11);
	if (of_process && pid == EVIDENCE_NO_PID)
		return (struct known){ UINT32_MAX, UINT32_MAX };
	if (!strcmp(domain, "ProcessItem"))
		return evidence_process(evidence, pid, taker->plugin->name);
	if (!strcmp(domain, "FileItem") && taker->path != NO_COLUMN)
		return evidence_file(evidence, cells[taker->path], &holder);
	if (!strcmp(domain, "DriverItem"))
		return evidence_driver(evidence, holder.address, taker->plugin->name);
	if (!of_process)
		return evidence_new(evidence, domain, IOC_ROOT,
			pid == EVIDENCE_NO_PID ? IOC_NO_LINK : pid, &holder);
	struct known process = evidence_process(evidence, pid, taker->plugin->name);
	return evidence_same(evidence, (struct entity_key){ domain, { pid, key } }, process.entity,
		IOC_NO_LINK, &holder);
}

static void present_set(struct taker *taker, uint32_t entity)
{
	if (entity >= taker->present_room) {
		size_t room = MAX((size_t)entity + 1, taker->present_room * 2);
		uint8_t *more = realloc(taker->present, room);
		if (!more) {
			taker->evidence->no_memory = true;
			return;
		}
		memset(more + taker->present_room, 0, room - taker->present_room);
		taker->present = more;
		taker->present_room = room;
	}
	taker->present[entity] = 1;
}

// The first of a process's identifiers is its user's; groups follow.
static bool is_for_first_only(const struct bound *bound)
{
	return !strcmp(bound->term->name, "ProcessItem/Username");
}

// Accounts of Windows itself are called otherwise by those who write indicators.
static const struct account {
	const char *sid, *names[2];
} accounts[] = {
	{ "S-1-5-18", { "NT AUTHORITY\\SYSTEM", "SYSTEM" } },
	{ "S-1-5-19", { "NT AUTHORITY\\LOCAL SERVICE", "LOCAL SERVICE" } },
	{ "S-1-5-20", { "NT AUTHORITY\\NETWORK SERVICE", "NETWORK SERVICE" } },
};

static bool text_equals(ei_val value, const char *text)
{
	return ei_has(value) && value.kind == EI_STR && value.length == strlen(text) &&
	       !memcmp(value.s, text, value.length);
}

static void account_give(
	struct taker *taker, const char *term, struct known known, const ei_val *cells)
{
	for (unsigned c = 0; c < taker->plugin->column_count; c++)
		for (size_t i = 0; i < ARRAY_LENGTH(accounts); i++) {
			if (!text_equals(cells[c], accounts[i].sid))
				continue;
			for (size_t n = 0; n < ARRAY_LENGTH(accounts[i].names); n++)
				evidence_value(taker->evidence, term, known,
					ei_str(accounts[i].names[n]), NULL);
			return;
		}
}

static void cell_give(
	struct taker *taker, const struct bound *bound, struct known known, const ei_val *cells)
{
	ei_val value = cells[bound->column];
	struct place place = {
		.has_address = taker->key != NO_COLUMN && cells[taker->key].kind == EI_ADDR,
		.address = cell_or(cells, taker->key, 0),
		.source = taker->plugin->name,
	};
	if (taker->label != NO_COLUMN && (unsigned)taker->label != bound->column)
		place.label = cells[taker->label];
	if (is_for_first_only(bound) && !taker->first_of_pid)
		return;
	if (bound->presence && !ei_has(value))
		return;
	if (bound->presence) {
		present_set(taker, known.entity);
		value = ei_bool(true);
	}
	evidence_value(taker->evidence, bound->term->name, known, value, &place);
	if (is_for_first_only(bound))
		account_give(taker, bound->term->name, known, cells);
	if (bound->presence && taker->evidence->holders[known.holder].facts)
		evidence_fact(taker->evidence, known.holder, bound->term->name,
			cells[bound->column].s, cells[bound->column].length, &place);
}

static bool is_first_of_domain(const struct taker *taker, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (taker->bound[i].term->domain == taker->bound[at].term->domain)
			return false;
	return true;
}

static ei_error *take_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct taker *taker = (struct taker *)sink;
	uint64_t pid = cell_or(cells, taker->pid, EVIDENCE_NO_PID);
	(void)depth;
	taker->first_of_pid = pid != taker->last_pid;
	taker->last_pid = pid;
	if (!evidence_row_counts(taker->plugin, cells))
		return NULL;
	struct known first = { UINT32_MAX, UINT32_MAX };
	for (size_t i = 0; i < taker->bound_count; i++) {
		if (!is_first_of_domain(taker, i))
			continue;
		const char *domain = taker->bound[i].term->domain;
		struct known known = row_entity(taker, domain, cells);
		if (known.entity == UINT32_MAX)
			continue;
		first = i ? first : known;
		for (size_t j = i; j < taker->bound_count; j++)
			if (taker->bound[j].term->domain == domain)
				cell_give(taker, &taker->bound[j], known, cells);
	}
	evidence_row_give(taker->evidence, taker->plugin, first, cells);
	return taker->evidence->no_memory ? ei_fail(EI_E_NOMEM, "out of memory") : NULL;
}

// What was looked for in all items of a domain, and was not found in the others.
static void absence_give(struct taker *taker, const struct bound *bound)
{
	struct evidence *evidence = taker->evidence;
	for (size_t i = 0; i < evidence->slot_room; i++) {
		const struct entity_slot *slot = &evidence->slots[i];
		if (!slot->domain ||
			strcasecmp(evidence->domains[slot->domain - 1], bound->term->domain) ||
			(slot->entity < taker->present_room && taker->present[slot->entity]))
			continue;
		evidence_value(evidence, bound->term->name,
			(struct known){ slot->entity, slot->holder }, ei_bool(false), NULL);
	}
}

static void answers_give(const struct taker *taker, bool complete)
{
	for (size_t i = 0; i < taker->bound_count; i++) {
		const struct ioc_term *term = taker->bound[i].term;
		ioc_evidence_answers(taker->evidence->logic, term->name,
			complete && term->class == IOC_CLASS_A &&
				evidence_rows_are_all(taker->plugin));
	}
	evidence_row_answers(taker->evidence, taker->plugin);
}

static ei_error *plugin_rows(struct taker *taker, struct run_result *result)
{
	const struct evidence_wish *wish = &taker->evidence->wish;
	const struct option_values none = { 0 };
	const struct run_wish how = {
		.plugin = taker->plugin,
		.options = &none,
		.cancelled = wish->cancelled,
		.progress = wish->progress,
		.progress_context = wish->progress_context,
	};
	return run_plugin(wish->session, &how, &taker->sink, result);
}

static ei_error *plugin_take(struct evidence *evidence, const ei_plugin *plugin)
{
	struct taker taker = {
		.sink = { .row = take_row },
		.evidence = evidence,
		.plugin = plugin,
		.last_pid = EVIDENCE_NO_PID,
	};
	struct run_result result = { 0 };
	uint64_t started = evidence_clock();
	EI_OWNED(ei_error) missing = run_check(evidence->wish.session, plugin);
	if (missing) {
		evidence_source_add(evidence, plugin->name, 0, ei_error_text(missing), started);
		return NULL;
	}
	taker_bind(&taker);
	answers_give(&taker, false);
	EI_OWNED(ei_error) failed = plugin_rows(&taker, &result);
	bool complete = !failed && result.trailer.complete;
	for (size_t i = 0; i < taker.bound_count && complete; i++)
		if (taker.bound[i].presence)
			absence_give(&taker, &taker.bound[i]);
	answers_give(&taker, complete);
	const char *why = failed               ? ei_error_text(failed)
			  : result.failure     ? ei_error_text(result.failure)
			  : complete           ? NULL
			  : result.trailer.why ? result.trailer.why
					       : "incomplete";
	evidence_source_add(evidence, plugin->name, result.trailer.rows, why, started);
	ei_error_drop(result.failure);
	free(taker.present);
	return NULL;
}

ei_error *evidence_plugins(struct evidence *evidence)
{
	const struct plugin_set *plugins = evidence->wish.plugins;
	for (int leading = 1; leading >= 0; leading--)
		for (size_t i = 0; i < plugin_set_count(plugins); i++) {
			const ei_plugin *plugin = plugin_set_at(plugins, i);
			if (is_wanted(evidence, plugin) &&
				is_leader(evidence, plugin) == (leading == 1))
				EI_TRY(plugin_take(evidence, plugin));
		}
	return NULL;
}
