// eidetic ioc new: an indicator from rows of evidence.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"
#include "cli/ioc_write.h"

#include "run/evidence_rows.h"
#include "run/value_text.h"
#include <strings.h>

enum { PICKS_MAX = 32, WHERE_MAX = 32, ROWS_MAX = 1000, VALUE_MAX = 32 << 10, NAME_FIELD = 14 };

// Rows of one plugin that are meant: those whose cells have the values of all conditions.
struct pick {
	const char *plugin;
	const char *where[WHERE_MAX]; // "COLUMN=VALUE"; "COLUMN~TEXT": in it
	size_t where_count;
	const char *columns[WHERE_MAX]; // only these; none: all that say something elsewhere, too
	size_t column_count;
	size_t rows;   // that are meant
	size_t groups; // of conditions that came of them
};

struct making {
	struct row_sink sink;
	ei_arena *arena;
	struct ioc_set *terms;
	const ei_plugin *plugin;
	struct pick *pick;
	const struct table *table;
	struct ioc_node *root; // OR of what each row says
	size_t nodes, leaves;
	uint64_t last_pid; // of the row before
	bool first_of_pid;
	struct text text; // scratch
};

// What is another at the next start, or on the next machine.
static const char *const passing[] = { "ProcessItem/pid", "ProcessItem/parentpid",
	"ProcessItem/startTime", "PortItem/pid", "PortItem/localIP", "PortItem/localPort",
	"PortItem/state", "PortItem/CreationTime", "ServiceItem/pid", "ServiceItem/status",
	"DriverItem/DriverInit", "DriverItem/ImageBase", "DriverItem/DriverObjectAddress",
	"RegistryItem/Modified", "RegistryItem/Type",
	"ProcessItem/SectionList/MemorySection/RegionStart", "PortItem/protocol" };

static bool is_passing(const char *term)
{
	for (size_t i = 0; i < ARRAY_LENGTH(passing); i++)
		if (!strcasecmp(passing[i], term))
			return true;
	return false;
}

// ---- which rows -----------------------------------------------------------------------------
static int column_of(const ei_plugin *plugin, const char *name, size_t length)
{
	for (unsigned i = 0; i < plugin->column_count; i++)
		if (strlen(plugin->columns[i].name) == length &&
			!strncmp(plugin->columns[i].name, name, length))
			return (int)i;
	return -1;
}

static bool text_has(const char *text, size_t length, const char *part)
{
	size_t wanted = strlen(part);
	for (size_t i = 0; i + wanted <= length; i++)
		if (!strncasecmp(text + i, part, wanted))
			return true;
	return false;
}

static bool where_holds(struct making *m, const char *where, const ei_val *cells)
{
	size_t length = strcspn(where, "=~");
	int column = column_of(m->plugin, where, length);
	const char *value = where + length + 1;
	if (column < 0)
		return false;
	text_clear(&m->text);
	value_text(&m->text, m->table, &m->plugin->columns[column], cells[column]);
	const char *text = m->text.data ? m->text.data : "";
	if (where[length] == '~')
		return text_has(text, m->text.length, value);
	return m->text.length == strlen(value) && !strcasecmp(text, value);
}

static bool row_is_meant(struct making *m, const ei_val *cells)
{
	for (size_t i = 0; i < m->pick->where_count; i++)
		if (!where_holds(m, m->pick->where[i], cells))
			return false;
	return true;
}

static bool column_is_meant(const struct making *m, const ei_column *column)
{
	for (size_t i = 0; i < m->pick->column_count; i++)
		if (!strcmp(m->pick->columns[i], column->name))
			return true;
	return !m->pick->column_count && !is_passing(column->ioc);
}

// ---- what a row says ------------------------------------------------------------------------
static const struct ioc_term *term_named(const struct making *m, const char *name)
{
	for (size_t i = 0; i < ioc_set_term_count(m->terms); i++)
		if (!strcasecmp(ioc_set_term(m->terms, i)->name, name))
			return ioc_set_term(m->terms, i);
	struct ioc_term *term = ei_alloc(m->arena, sizeof *term);
	if (term)
		*term = (struct ioc_term){ .name = name, .domain = name, .type = IOC_NAME };
	return term;
}

static void node_under(struct making *m, struct ioc_node *parent, struct ioc_node *node)
{
	node->index = (uint32_t)m->nodes++;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

static void leaf_under(struct making *m, struct ioc_node *group, const char *name,
	enum ioc_condition condition, const char *value, size_t length)
{
	struct ioc_node *node = ei_alloc(m->arena, sizeof *node);
	char *copy = length ? arena_text(m->arena, value, length) : NULL;
	const struct ioc_term *term = term_named(m, name);
	if (!node || !copy || !term || length > VALUE_MAX)
		return;
	node->kind = IOC_LEAF;
	node->leaf = (struct ioc_leaf){ .term = term,
		.value = copy,
		.length = (uint32_t)length,
		.atom = IOC_NO_ATOM,
		.condition = (uint8_t)condition };
	node_under(m, group, node);
	m->leaves++;
}

// The path below the volume: devices and letters are another machine's matter.
static const char *below_volume(const char *path)
{
	static const char device[] = "\\Device\\";
	if (!strncasecmp(path, device, sizeof device - 1)) {
		const char *rest = strchr(path + sizeof device - 1, '\\');
		return rest ? rest : path;
	}
	return path[0] && path[1] == ':' ? path + 2 : path;
}

// Where a hive hangs, of the names by which printkey calls it.
static void key_canonical(struct text *out, const char *key)
{
	static const struct {
		const char *in, *as;
	} places[] = {
		{ "\\REGISTRY\\MACHINE\\", "HKEY_LOCAL_MACHINE\\" },
		{ "\\REGISTRY\\USER\\", "HKEY_USERS\\" },
		{ "\\Config\\SOFTWARE", "HKEY_LOCAL_MACHINE\\SOFTWARE" },
		{ "\\Config\\SYSTEM", "HKEY_LOCAL_MACHINE\\SYSTEM" },
		{ "\\Config\\SAM", "HKEY_LOCAL_MACHINE\\SAM" },
		{ "\\Config\\SECURITY", "HKEY_LOCAL_MACHINE\\SECURITY" },
		{ "\\Config\\DEFAULT", "HKEY_USERS\\.DEFAULT" },
		{ "\\ntuser.dat\\", "" },
		{ "\\UsrClass.dat\\", "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		const char *at = strcasestr(key, places[i].in);
		if (!at)
			continue;
		text_addf(out, "%s%s", places[i].as, at + strlen(places[i].in));
		return;
	}
	text_addf(out, "%s", key);
}

// printkey's word for the value of a key that has no name, of which nothing can be said.
static bool is_nameless(ei_val name)
{
	static const char nameless[] = "(Default)";
	return !name.length ||
	       (name.length == sizeof nameless - 1 && !memcmp(name.s, nameless, name.length));
}

// A row of printkey is a value in a key, or a key in a key: its path is both.
static void registry_row(struct making *m, struct ioc_node *group, const ei_val *cells)
{
	int key = column_of(m->plugin, "key", 3), name = column_of(m->plugin, "name", 4);
	int type = column_of(m->plugin, "type", 4), data = column_of(m->plugin, "data", 4);
	bool is_key =
		ei_has(cells[type]) && cells[type].length == 3 && !memcmp(cells[type].s, "Key", 3);
	struct text path, whole;
	if (!ei_has(cells[key]) || !ei_has(cells[name]))
		return;
	text_init(&path, VALUE_MAX);
	text_init(&whole, VALUE_MAX);
	text_add(&whole, cells[key].s, cells[key].length);
	if (is_key)
		text_addf(&whole, "\\%.*s", (int)cells[name].length, cells[name].s);
	key_canonical(&path, whole.data ? whole.data : "");
	text_deinit(&whole);
	leaf_under(m, group, "RegistryItem/KeyPath", IOC_IS, path.data, path.length);
	if (!is_key && !is_nameless(cells[name]))
		leaf_under(m, group, "RegistryItem/ValueName", IOC_IS, cells[name].s,
			cells[name].length);
	if (!is_key && ei_has(cells[data]) && cells[data].kind == EI_STR)
		leaf_under(
			m, group, "RegistryItem/Text", IOC_IS, cells[data].s, cells[data].length);
	text_deinit(&path);
}

static void cell_say(struct making *m, struct ioc_node *group, const ei_column *column, ei_val cell)
{
	const struct ioc_term *term = term_named(m, column->ioc);
	text_clear(&m->text);
	value_text(&m->text, m->table, column, cell);
	const char *text = m->text.data ? m->text.data : "";
	bool names = !strcasecmp(column->ioc, "ProcessItem/name");
	if (term && term->type == IOC_BOOL)
		leaf_under(m, group, column->ioc, IOC_IS, "true", 4);
	else if (term && term->type == IOC_PATH)
		leaf_under(m, group, column->ioc, IOC_ENDS, below_volume(text),
			strlen(below_volume(text)));
	else
		leaf_under(m, group, column->ioc,
			names && m->text.length >= NAME_FIELD ? IOC_STARTS : IOC_IS, text,
			m->text.length);
}

// What a process has is said of that process: a region that is injected is one in many.
static void process_say(struct making *m, struct ioc_node *group, const ei_val *cells)
{
	static const char list[] = "ProcessItem/";
	int column = column_of(m->plugin, "process", 7);
	bool listed = false;
	for (const struct ioc_node *leaf = group->first; leaf; leaf = leaf->next)
		listed |= !strncmp(leaf->leaf.term->domain, list, sizeof list - 1);
	if (!listed || m->pick->column_count || column < 0 || !ei_has(cells[column]) ||
		cells[column].kind != EI_STR)
		return;
	leaf_under(m, group, "ProcessItem/name",
		cells[column].length >= NAME_FIELD ? IOC_STARTS : IOC_IS, cells[column].s,
		cells[column].length);
}

static bool group_equals(const struct ioc_node *a, const struct ioc_node *b)
{
	const struct ioc_node *x = a->first, *y = b->first;
	for (; x && y; x = x->next, y = y->next)
		if (x->leaf.term != y->leaf.term || x->leaf.length != y->leaf.length ||
			memcmp(x->leaf.value, y->leaf.value, x->leaf.length))
			return false;
	return !x && !y;
}

static void group_keep(struct making *m, struct ioc_node *group)
{
	if (!group->first)
		return;
	for (const struct ioc_node *other = m->root->first; other; other = other->next)
		if (group_equals(other, group))
			return;
	m->pick->groups++;
	node_under(m, m->root, group);
}

// The first of a process's identifiers is its user's; groups follow.
static void first_of_pid_see(struct making *m, const ei_val *cells)
{
	int column = column_of(m->plugin, "pid", 3);
	uint64_t pid = column < 0 ? EVIDENCE_NO_PID : ei_u64_or(cells[column], EVIDENCE_NO_PID);
	m->first_of_pid = pid != m->last_pid;
	m->last_pid = pid;
}

// What all rows of a plugin are, which none of its columns says.
static void kind_say(struct making *m, struct ioc_node *group)
{
	static const char mutant[] = "Mutant";
	if (!strcmp(m->plugin->name, "mutantscan") && group->first)
		leaf_under(m, group, "ProcessItem/HandleList/Handle/Type", IOC_IS, mutant,
			sizeof mutant - 1);
}

static void row_say(struct making *m, struct ioc_node *group, const ei_val *cells)
{
	if (!strcmp(m->plugin->name, "printkey")) {
		registry_row(m, group, cells);
		return;
	}
	for (unsigned i = 0; i < m->plugin->column_count; i++) {
		const ei_column *column = &m->plugin->columns[i];
		bool of_first = column->ioc && !strcmp(column->ioc, "ProcessItem/Username");
		if (column->ioc && ei_has(cells[i]) && cells[i].kind != EI_BYTES &&
			column_is_meant(m, column) && (!of_first || m->first_of_pid))
			cell_say(m, group, column, cells[i]);
	}
}

static ei_error *take_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct making *m = (struct making *)sink;
	(void)depth;
	first_of_pid_see(m, cells);
	if (!row_is_meant(m, cells))
		return NULL;
	if (++m->pick->rows > ROWS_MAX)
		return ei_fail(EI_E_LIMIT,
			"more than %d rows of %s are meant: say more with --where", ROWS_MAX,
			m->plugin->name);
	if (!evidence_row_counts(m->plugin, cells))
		return NULL;
	struct ioc_node *group = ei_alloc(m->arena, sizeof *group);
	if (!group)
		return ei_fail(EI_E_NOMEM, "out of memory");
	group->kind = IOC_AND;
	group->id = "";
	row_say(m, group, cells);
	kind_say(m, group);
	process_say(m, group, cells);
	group_keep(m, group);
	return NULL;
}

// ---- running it -----------------------------------------------------------------------------
static ei_error *take_begin(struct row_sink *sink, const struct table *table)
{
	((struct making *)sink)->table = table;
	return NULL;
}

static ei_error *columns_check(const struct pick *pick, const ei_plugin *plugin)
{
	for (size_t i = 0; i < pick->where_count; i++) {
		size_t length = strcspn(pick->where[i], "=~");
		if (!pick->where[i][length])
			return ei_fail(EI_E_USAGE,
				"--where '%s': want COLUMN=VALUE, or COLUMN~TEXT for what has the "
				"text in it",
				pick->where[i]);
		if (column_of(plugin, pick->where[i], length) < 0)
			return ei_fail(EI_E_USAGE,
				"--where '%s': %s has no such column; see 'eidetic %s --help'",
				pick->where[i], plugin->name, plugin->name);
	}
	for (size_t i = 0; i < pick->column_count; i++) {
		int column = column_of(plugin, pick->columns[i], strlen(pick->columns[i]));
		if (column < 0 || !plugin->columns[column].ioc)
			return ei_fail(EI_E_USAGE,
				"--column '%s': %s has no column of this name that indicators know",
				pick->columns[i], plugin->name);
	}
	return NULL;
}

static ei_error *pick_run(const struct session *session, const struct plugin_set *plugins,
	struct pick *pick, struct making *m)
{
	struct option_values options = { 0 };
	char recurse[] = "--recurse", *arguments[] = { recurse };
	struct run_result result = { 0 };
	EI_TRY(plugin_set_find(plugins, pick->plugin, &m->plugin));
	EI_TRY(columns_check(pick, m->plugin));
	if (!strcmp(m->plugin->name, "printkey"))
		EI_TRY(options_parse(m->arena, m->plugin, 1, arguments, &options));
	m->pick = pick;
	m->last_pid = EVIDENCE_NO_PID;
	m->sink = (struct row_sink){ .begin = take_begin, .row = take_row };
	const struct run_wish wish = {
		.plugin = m->plugin, .options = &options, .cancelled = cancelled
	};
	EI_TRY(run_plugin(session, &wish, &m->sink, &result));
	return result.failure;
}

// ---- words ----------------------------------------------------------------------------------
struct wish {
	struct pick picks[PICKS_MAX];
	size_t pick_count;
	const char *name;
};

static ei_error *pick_word(struct wish *wish, const char *option, const char *value)
{
	struct pick *pick = wish->pick_count ? &wish->picks[wish->pick_count - 1] : NULL;
	if (!strcmp(option, "--name")) {
		wish->name = value;
		return NULL;
	}
	if (!strcmp(option, "--from")) {
		if (wish->pick_count == PICKS_MAX)
			return ei_fail(EI_E_USAGE, "--from: at most %d", PICKS_MAX);
		wish->picks[wish->pick_count++] = (struct pick){ .plugin = value };
		return NULL;
	}
	if (!pick)
		return ei_fail(EI_E_USAGE, "ioc new: %s stands behind --from PLUGIN", option);
	bool where = !strcmp(option, "--where");
	size_t *count = where ? &pick->where_count : &pick->column_count;
	if (*count == WHERE_MAX)
		return ei_fail(EI_E_USAGE, "%s: at most %d", option, WHERE_MAX);
	(where ? pick->where : pick->columns)[(*count)++] = value;
	return NULL;
}

static ei_error *wish_read(const struct global *global, struct wish *wish)
{
	static const char *const options[] = { "--from", "--where", "--column", "--name" };
	const char *option = NULL;
	bool taken = true;
	for (int i = 1; i < global->rest_count; i++) {
		const char *word = global->rest[i], *known = NULL;
		for (size_t j = 0; j < ARRAY_LENGTH(options); j++)
			if (!strcmp(word, options[j]))
				known = options[j];
		if (!known && (!option || !strncmp(word, "--", 2)))
			return ei_fail(EI_E_USAGE,
				"ioc new: '%s' is not understood; see 'eidetic ioc --help'", word);
		if (known && !taken)
			return ei_fail(EI_E_USAGE, "ioc new: %s needs a value", option);
		taken = !known;
		if (!known)
			EI_TRY(pick_word(wish, option, word));
		else
			option = known;
	}
	if (!taken)
		return ei_fail(EI_E_USAGE, "ioc new: %s needs a value", option);
	if (!wish->pick_count)
		return ei_fail(EI_E_USAGE, "ioc new: from which rows? --from PLUGIN --where "
					   "COLUMN=VALUE");
	return global->output_dir
		       ? NULL
		       : ei_fail(EI_E_USAGE, "ioc new: where to? -o FILE.ioc, or FILE.json");
}

// ---- what came of it ------------------------------------------------------------------------
static void lines_note(const struct text *notes)
{
	for (size_t at = 0; at < notes->length;) {
		size_t length = strcspn(notes->data + at, "\n");
		fprintf(stderr, "note: %.*s\n", (int)length, notes->data + at);
		at += length + 1;
	}
}

static void where_say(struct text *out, const struct pick *pick)
{
	for (size_t i = 0; i < pick->where_count; i++)
		text_addf(out, "%s%s", i ? " and " : " with ", pick->where[i]);
}

// "no row of netscan with pid=4"
static void missed_say(struct text *out, const struct pick *pick)
{
	if (pick->rows)
		text_addf(out, "of the %zu rows of %s", pick->rows, pick->plugin);
	else
		text_addf(out, "no row of %s", pick->plugin);
	where_say(out, pick);
	text_addf(out, "%s", pick->rows ? " none says what another machine could have, too" : "");
}

// Picks that nothing came of: what was meant with them is not in the indicator.
static size_t missed_count(const struct wish *wish, struct text *out)
{
	size_t missed = 0;
	for (size_t i = 0; i < wish->pick_count; i++) {
		if (wish->picks[i].groups)
			continue;
		text_addf(out, "%s", missed++ ? "; " : "");
		missed_say(out, &wish->picks[i]);
	}
	return missed;
}

static void made_say(const struct global *global, const struct wish *wish, const struct making *m)
{
	size_t groups = 0;
	for (const struct ioc_node *group = m->root->first; group; group = group->next)
		groups++;
	printf("%s: %zu %s of conditions%s:", global->output_dir, groups,
		groups == 1 ? "group" : "groups", groups == 1 ? "" : ", any of which is enough");
	for (size_t i = 0; i < wish->pick_count; i++)
		printf("%s %zu %s of %s", i ? "," : " from", wish->picks[i].rows,
			wish->picks[i].rows == 1 ? "row" : "rows", wish->picks[i].plugin);
	printf("\n");
}

static ei_error *document_write(
	const struct global *global, const struct wish *wish, const struct making *m)
{
	struct text notes, description;
	text_init(&notes, 1 << 20);
	text_init(&description, 64 << 10);
	text_addf(&description, "From %s: %s", global->file, global->line);
	const struct ioc_indicator indicator = {
		.id = "", .name = wish->name ? wish->name : "", .description = "", .root = m->root
	};
	const struct ioc_indicator *const all[] = { &indicator };
	const struct ioc_document document = {
		.path = global->output_dir,
		.name = wish->name ? wish->name : wish->picks[0].plugin,
		.description = description.data ? description.data : "",
		.indicators = all,
		.count = 1,
		.rows = true,
	};
	ei_error *error = ioc_write(&document, &notes);
	if (!error && !global->quiet)
		lines_note(&notes);
	if (!error)
		made_say(global, wish, m);
	text_deinit(&notes);
	text_deinit(&description);
	return error;
}

static ei_error *make(const struct global *global, const struct plugin_set *plugins,
	struct wish *wish, struct making *m, enum exit_status *status)
{
	struct global own = *global;
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	own.output_dir = NULL; // is a file
	own.command = "ioc new";
	EI_TRY(open_session(&own, &store, &session));
	for (size_t i = 0; i < wish->pick_count; i++)
		EI_TRY(pick_run(session, plugins, &wish->picks[i], m));
	text_clear(&m->text);
	size_t missed = missed_count(wish, &m->text);
	if (!m->root->first)
		return ei_fail(EI_E_REQUIREMENT, "ioc new: %s", m->text.data);
	EI_TRY(document_write(global, wish, m));
	if (missed) {
		fprintf(stderr, "eidetic: not all that was asked for is in it: %s\n", m->text.data);
		*status = EXIT_INCOMPLETE;
	}
	return NULL;
}

ei_error *ioc_new(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status)
{
	struct wish wish = { 0 };
	struct ioc_read_wish how = { 0 };
	struct making m = { 0 };
	EI_OWNED(ei_arena) arena = NULL;
	EI_OWNED(ioc_set) terms = NULL;
	EI_TRY(wish_read(global, &wish));
	EI_TRY(ioc_write_check(global->output_dir));
	EI_TRY(ei_arena_create(256 << 20, &arena));
	EI_TRY(ioc_set_create(&how, &terms));
	m.arena = arena;
	m.terms = terms;
	m.root = ei_alloc(arena, sizeof *m.root);
	if (!m.root)
		return ei_fail(EI_E_NOMEM, "out of memory");
	*m.root = (struct ioc_node){ .kind = IOC_OR, .id = "" };
	m.nodes = 1;
	text_init(&m.text, VALUE_MAX * 2);
	ei_error *error = make(global, plugins, &wish, &m, status);
	text_deinit(&m.text);
	return error;
}
