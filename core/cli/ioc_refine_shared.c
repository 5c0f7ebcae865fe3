// eidetic ioc refine: what suspects share and clean images lack.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_refine.h"

#include "run/value_text.h"
#include <stdlib.h>
#include <strings.h>

enum { SHARED_SHOWN = 100, VALUES_MAX = 1 << 20, VALUE_BYTES = 4096 };

static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "out of memory");
}

// Values that name things, and say the same on another machine.
static const struct listed {
	const char *plugin, *column;
	const char *only_column, *only; // rows whose cell is this; NULL: all
} listed[] = {
	{ "pstree", "audit", NULL, NULL },
	{ "handles", "name", "type", "Mutant" },
	{ "vadinfo", "file", NULL, NULL },
	{ "netscan", "foreign_addr", NULL, NULL },
	{ "svcscan", "name", NULL, NULL },
	{ "svcscan", "dll", NULL, NULL },
	{ "modules", "name", NULL, NULL },
	{ "filescan", "name", NULL, NULL },
	{ "filehash", "md5", NULL, NULL },
};

_Static_assert(ARRAY_LENGTH(listed) <= LISTS_MAX, "a flag for each list");

struct sharing {
	struct row_sink sink;
	struct refining *r;
	const ei_plugin *plugin;
	const struct listed *listed;
	const struct table *table;
	int column, only;
	uint64_t bit;
	enum ioc_type type;
};

static int column_named(const ei_plugin *plugin, const char *name)
{
	for (unsigned i = 0; name && i < plugin->column_count; i++)
		if (!strcmp(plugin->columns[i].name, name))
			return (int)i;
	return -1;
}

static const char *below_volume(const char *path)
{
	const char *rest = !strncasecmp(path, "\\Device\\", 8) ? strchr(path + 8, '\\') : NULL;
	return rest ? rest : path[0] && path[1] == ':' ? path + 2 : path;
}

static bool is_nobody(const char *value)
{
	static const char *const nobody[] = { "", "*", "::", "0.0.0.0", "127.0.0.1", "::1" };
	for (size_t i = 0; i < ARRAY_LENGTH(nobody); i++)
		if (!strcmp(nobody[i], value))
			return true;
	return false;
}

static ei_error *value_add(struct sharing *s, const char *value)
{
	struct refining *r = s->r;
	if (r->value_count == r->value_room) {
		size_t room = r->value_room ? r->value_room * 2 : 4096;
		struct shared *more =
			room > VALUES_MAX ? NULL : realloc(r->values, room * sizeof *more);
		if (!more)
			return ei_fail(EI_E_LIMIT, "too many values to compare");
		r->values = more;
		r->value_room = room;
	}
	char *copy = arena_text(r->arena, value, strlen(value));
	if (!copy)
		return no_memory();
	r->values[r->value_count++] = (struct shared){
		.term = s->plugin->columns[s->column].ioc,
		.value = copy,
		.length = (uint32_t)strlen(copy),
		.condition = s->type == IOC_PATH ? IOC_ENDS : IOC_IS,
		.listed = (uint8_t)(s->listed - listed),
		.images = s->bit,
	};
	return NULL;
}

static ei_error *share_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct sharing *s = (struct sharing *)sink;
	struct refining *r = s->r;
	(void)depth;
	if (!ei_has(cells[s->column]) || cells[s->column].length > VALUE_BYTES)
		return NULL;
	if (s->only >= 0 &&
		!(ei_has(cells[s->only]) && cells[s->only].length == strlen(s->listed->only) &&
			!memcmp(cells[s->only].s, s->listed->only, cells[s->only].length)))
		return NULL;
	text_clear(&r->text);
	value_text(&r->text, s->table, &s->plugin->columns[s->column], cells[s->column]);
	const char *value = r->text.data ? r->text.data : "";
	if (s->type == IOC_PATH)
		value = below_volume(value);
	return is_nobody(value) ? NULL : value_add(s, value);
}

static ei_error *share_begin(struct row_sink *sink, const struct table *table)
{
	((struct sharing *)sink)->table = table;
	return NULL;
}

static const struct ioc_term *term_named(const struct refining *r, const char *name)
{
	for (size_t i = 0; i < ioc_set_term_count(r->matched->set); i++)
		if (!strcasecmp(ioc_set_term(r->matched->set, i)->name, name))
			return ioc_set_term(r->matched->set, i);
	return NULL;
}

static ei_error *listed_take(
	struct refining *r, const struct session *session, const struct listed *what, uint64_t bit)
{
	struct sharing s = {
		.sink = { .begin = share_begin, .row = share_row },
		.r = r,
		.listed = what,
		.bit = bit,
	};
	const struct option_values none = { 0 };
	struct run_result result = { 0 };
	EI_TRY(plugin_set_find(r->plugins, what->plugin, &s.plugin));
	s.column = column_named(s.plugin, what->column);
	s.only = column_named(s.plugin, what->only_column);
	if (s.column < 0 || !s.plugin->columns[s.column].ioc)
		return NULL;
	const struct ioc_term *term = term_named(r, s.plugin->columns[s.column].ioc);
	s.type = term ? term->type : IOC_NAME;
	const struct run_wish wish = {
		.plugin = s.plugin, .options = &none, .cancelled = cancelled
	};
	// What an image cannot say, a suspect does not share, and a clean one may have.
	EI_OWNED(ei_error) refused = run_plugin(session, &wish, &s.sink, &result);
	bool clean = bit >> r->hit_count;
	if (clean && (refused || !result.trailer.complete))
		r->unsaid[what - listed] = true;
	return result.failure;
}

static ei_error *values_gather(struct refining *r)
{
	for (size_t i = 0; i < r->matched->image_count; i++) {
		struct global own = *r->global;
		struct profile_store store;
		EI_OWNED(session) session = NULL;
		own.file = r->matched->images[i].path;
		own.output_dir = NULL;
		EI_TRY(open_session(&own, &store, &session));
		for (size_t j = 0; j < ARRAY_LENGTH(listed); j++)
			EI_TRY(listed_take(r, session, &listed[j], UINT64_C(1) << i));
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const struct shared *x = a, *y = b;
	int order = strcasecmp(x->term, y->term);
	return order ? order : strcasecmp(x->value, y->value);
}

static size_t values_join(struct refining *r)
{
	size_t kept = 0;
	if (r->value_count)
		qsort(r->values, r->value_count, sizeof *r->values, by_value);
	for (size_t i = 0; i < r->value_count; i++) {
		if (kept && !by_value(&r->values[kept - 1], &r->values[i]))
			r->values[kept - 1].images |= r->values[i].images;
		else
			r->values[kept++] = r->values[i];
	}
	return kept;
}

static bool is_indicated(const struct ioc_node *node, const struct shared *value)
{
	if (node->kind == IOC_LEAF)
		return node->leaf.length && strcasestr(value->value, node->leaf.value) &&
		       !strcasecmp(node->leaf.term->name, value->term);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (is_indicated(child, value)) // IOC_DEPTH_MAX deep
			return true;
	return false;
}

static ei_error *shared_add(struct refining *r, struct ioc_node *group, const struct shared *value)
{
	struct ioc_node *node = ei_alloc(r->arena, sizeof *node);
	const struct ioc_term *term = term_named(r, value->term);
	if (!node || !term)
		return node ? NULL : no_memory();
	node->kind = IOC_LEAF;
	node->leaf = (struct ioc_leaf){ .term = term,
		.value = value->value,
		.length = value->length,
		.condition = value->condition };
	refine_child_add(group, node);
	return NULL;
}

static ei_error *shared_show(
	struct refining *r, const struct shared *value, bool add, struct ioc_node *group)
{
	for (size_t i = 0; i < r->kept_count; i++)
		if (is_indicated(r->kept[i].root, value))
			return NULL;
	text_clear(&r->text);
	text_addf(&r->text, "%s %s %s", value->term, ioc_condition_name(value->condition),
		value->value);
	text_clear(&r->why);
	text_addf(&r->why, "in all %zu suspect images, in none of %zu clean ones", r->hit_count,
		r->matched->image_count - r->hit_count);
	refine_change(r, add ? "added" : "shared", r->text.data, r->why.data);
	return add ? shared_add(r, group, value) : NULL;
}

static ei_error *unsaid_note(struct refining *r)
{
	char text[160];
	for (size_t i = 0; i < ARRAY_LENGTH(listed); i++) {
		snprintf(text, sizeof text,
			"%s: not every clean image has it in full, so that nothing of it is "
			"proposed",
			listed[i].plugin);
		if (r->unsaid[i])
			EI_TRY(listing_note(&r->listing, text));
	}
	return NULL;
}

ei_error *refine_share(struct refining *r, bool add)
{
	struct ioc_node *group = ei_alloc(r->arena, sizeof *group);
	uint64_t all = (UINT64_C(1) << r->hit_count) - 1;
	size_t shown = 0;
	if (r->hit_count < 2 || r->hit_count >= IMAGES_MAX)
		return listing_note(
			&r->listing, "what suspects share is looked for in two or more of them");
	if (!group)
		return no_memory();
	EI_TRY(values_gather(r));
	size_t count = values_join(r);
	r->indicator = NULL;
	*group = (struct ioc_node){ .kind = IOC_OR, .id = "" };
	for (size_t i = 0; i < count && shown < SHARED_SHOWN; i++) {
		if (r->values[i].images != all || r->unsaid[r->values[i].listed])
			continue;
		shown++;
		EI_TRY(shared_show(r, &r->values[i], add, group));
	}
	EI_TRY(unsaid_note(r));
	if (shown == SHARED_SHOWN)
		EI_TRY(listing_note(
			&r->listing, "suspects may share more; the first 100 are told"));
	r->added = group->first != NULL;
	if (r->added) {
		struct ioc_indicator *kept = &r->kept[r->kept_count];
		*kept = (struct ioc_indicator){ .id = "",
			.name = "shared by suspects",
			.description = "Shared by all suspect images, and in no clean one",
			.file = "",
			.root = group };
		r->documents[r->kept_count++] = kept;
	}
	return NULL;
}
