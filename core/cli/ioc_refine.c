// eidetic ioc refine: an indicator without what clean images have, and what suspects share.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_refine.h"

#include "cli/ioc_write.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

enum {
	LINEAGE_BYTES = 4096, // of one indicator's changes
	NAME_BYTES = 48,
};

enum { CHANGE, INDICATOR, WHAT, WHY, FILE_NAME, COLUMNS };

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[CHANGE]    = { "change",    EI_STR, "kept, removed, dropped (the whole indicator), shared (to be considered), added" },
	[INDICATOR] = { "indicator", EI_STR, "its name" },
	[WHAT]      = { "what",      EI_STR, "condition or group" },
	[WHY]       = { "why",       EI_STR, "what speaks for the change" },
	[FILE_NAME] = { "file",      EI_STR, "where the indicator was" },
	// clang-format on
};

static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "out of memory");
}

// ---- what changes ---------------------------------------------------------------------------
const char *refine_name(const struct ioc_indicator *indicator)
{
	return *indicator->name ? indicator->name : indicator->id;
}

void refine_change(struct refining *r, const char *change, const char *what, const char *why)
{
	const struct ioc_indicator *indicator = r->indicator;
	r->changes += strcmp(change, "kept") != 0 && strcmp(change, "shared") != 0;
	ei_error *error = listing_row(&r->listing,
		(ei_val[COLUMNS]){
			[CHANGE] = ei_str(change),
			[INDICATOR] =
				indicator ? ei_str(refine_name(indicator)) : ei_absent(EI_NONE),
			[WHAT] = *what ? ei_str(what) : ei_absent(EI_NONE),
			[WHY] = ei_str(why),
			[FILE_NAME] = indicator ? ei_str(indicator->file) : ei_absent(EI_NONE),
		});
	if (r->error)
		ei_error_drop(error);
	else
		r->error = error;
}

static void node_describe(struct text *out, const struct ioc_node *node)
{
	static const char *const names[] = { "", "all of", "any of", "not" };
	if (node->kind == IOC_LEAF) {
		leaf_describe(out, &node->leaf);
		return;
	}
	text_addf(out, "%s (", names[node->kind]);
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		text_addf(out, "%s", child == node->first ? "" : ", ");
		node_describe(out, child); // IOC_DEPTH_MAX deep
	}
	text_addf(out, ")");
}

// The first clean image in which a node is true, with the value that makes it so. NULL: none.
static const struct matched_image *clean_hit(struct refining *r, const struct ioc_node *node)
{
	for (size_t i = r->hit_count; i < r->matched->image_count; i++) {
		const struct matched_image *image = &r->matched->images[i];
		for (size_t j = 0; image->verdicts && j < ioc_set_count(r->matched->set); j++)
			if (ioc_set_at(r->matched->set, j) == r->indicator &&
				image->verdicts[j].nodes[node->index].truth == IOC_TRUE)
				return image;
	}
	return NULL;
}

static void why_clean(
	struct refining *r, const struct ioc_node *node, const struct matched_image *image)
{
	struct leaf_facts at = { .any = true };
	struct leaf_fact found;
	text_clear(&r->why);
	text_addf(&r->why, "true in %s, too, which is clean", image->path);
	if (node->kind == IOC_LEAF && !node->leaf.negated &&
		leaf_fact_next(image, NULL, &node->leaf, &at, &found) && found.fact)
		text_addf(&r->why, ": %.*s", (int)found.fact->length, found.fact->value);
}

static void removed(
	struct refining *r, const struct ioc_node *node, const struct matched_image *image)
{
	text_clear(&r->text);
	node_describe(&r->text, node);
	why_clean(r, node, image);
	refine_change(
		r, "removed", r->text.data ? r->text.data : "", r->why.data ? r->why.data : "");
	if (r->changed.length < LINEAGE_BYTES)
		text_addf(&r->changed, "; removed %s, %s", r->text.data, r->why.data);
}

// ---- trees ----------------------------------------------------------------------------------
static struct ioc_node *node_copy(struct refining *r, const struct ioc_node *node)
{
	struct ioc_node *copy = ei_alloc(r->arena, sizeof *copy);
	if (!copy) {
		if (!r->error)
			r->error = no_memory();
		return NULL;
	}
	*copy = *node;
	copy->first = copy->last = copy->next = NULL;
	return copy;
}

void refine_child_add(struct ioc_node *parent, struct ioc_node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

static struct ioc_node *tree_copy(struct refining *r, const struct ioc_node *node)
{
	struct ioc_node *copy = node_copy(r, node);
	for (const struct ioc_node *child = node->first; copy && child; child = child->next) {
		struct ioc_node *below = tree_copy(r, child); // IOC_DEPTH_MAX deep
		if (below)
			refine_child_add(copy, below);
	}
	return copy;
}

static struct ioc_node *node_refine(struct refining *r, const struct ioc_node *node);

static struct ioc_node *any_refine(struct refining *r, const struct ioc_node *node)
{
	struct ioc_node *copy = node_copy(r, node);
	for (const struct ioc_node *child = node->first; copy && child; child = child->next) {
		struct ioc_node *below = node_refine(r, child); // IOC_DEPTH_MAX deep
		if (below)
			refine_child_add(copy, below);
	}
	return copy && copy->first ? copy : NULL;
}

// Whether a group of alternatives has one that no clean image has.
static bool can_be_narrowed(struct refining *r, const struct ioc_node *node)
{
	if (node->kind != IOC_OR)
		return false;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (!clean_hit(r, child))
			return true;
	return false;
}

// An AND is refined by narrowing one of its groups: then clean images have not all of it any more.
static struct ioc_node *all_refine(struct refining *r, const struct ioc_node *node)
{
	const struct ioc_node *narrowed = node->first;
	while (narrowed && !can_be_narrowed(r, narrowed))
		narrowed = narrowed->next;
	if (!narrowed)
		return NULL;
	struct ioc_node *copy = node_copy(r, node);
	for (const struct ioc_node *child = node->first; copy && child; child = child->next) {
		struct ioc_node *below =
			child == narrowed ? any_refine(r, child) : tree_copy(r, child);
		if (below)
			refine_child_add(copy, below);
	}
	return copy;
}

// What is left of a node when nothing clean may be true of it; NULL: nothing.
static struct ioc_node *node_refine(struct refining *r, const struct ioc_node *node)
{
	const struct matched_image *image = clean_hit(r, node);
	if (!image)
		return tree_copy(r, node);
	struct ioc_node *left = node->kind == IOC_OR    ? any_refine(r, node)
				: node->kind == IOC_AND ? all_refine(r, node)
							: NULL;
	if (!left && node->kind != IOC_OR)
		removed(r, node, image);
	return left;
}

// ---- indicators -----------------------------------------------------------------------------
static void lineage_write(struct refining *r, const struct ioc_indicator *from, size_t changes)
{
	text_clear(&r->why);
	size_t length = strlen(from->description);
	bool sentence = length && from->description[length - 1] == '.';
	text_addf(&r->why, "%s%sRefined from %s", from->description,
		sentence ? " "
		: length ? ". "
			 : "",
		from->file);
	if (*from->id)
		text_addf(&r->why, " (%s)", from->id);
	text_addf(&r->why, ": %zu %s, against", changes, changes == 1 ? "change" : "changes");
	for (size_t i = r->hit_count; i < r->matched->image_count; i++)
		text_addf(&r->why, " %s", r->matched->images[i].path);
	text_add(&r->why, r->changed.data ? r->changed.data : "", r->changed.length);
}

// "no clean image has it; true in 2 of 2 suspect ones"
static void kept_show(struct refining *r, const struct ioc_indicator *indicator)
{
	size_t hits = 0;
	for (size_t i = 0; i < r->hit_count; i++)
		for (size_t j = 0; j < ioc_set_count(r->matched->set); j++)
			hits += ioc_set_at(r->matched->set, j) == indicator &&
				r->matched->images[i].verdicts[j].truth == IOC_TRUE;
	text_clear(&r->why);
	text_addf(&r->why, "no clean image has it; true in %zu of %zu suspect ones", hits,
		r->hit_count);
	refine_change(r, "kept", "", r->why.data);
}

static ei_error *indicator_refine(struct refining *r, const struct ioc_indicator *indicator)
{
	size_t before = r->changes;
	r->indicator = indicator;
	text_clear(&r->changed);
	struct ioc_node *root = node_refine(r, indicator->root);
	if (r->error)
		return NULL;
	if (!root) {
		refine_change(r, "dropped", "", "nothing of it is left");
		return NULL;
	}
	if (r->changes == before)
		kept_show(r, indicator);
	lineage_write(r, indicator, r->changes - before);
	struct ioc_indicator *kept = &r->kept[r->kept_count];
	*kept = *indicator;
	kept->root = root;
	kept->description = arena_text(r->arena, r->why.data, r->why.length);
	if (!kept->description)
		return no_memory();
	r->documents[r->kept_count++] = kept;
	return NULL;
}

// ---- the command ----------------------------------------------------------------------------
// Suspects first: those of -f, which match_all() puts before, then --hits.
static ei_error *images_join(ei_arena *arena, const struct words *hits, const struct words *clean,
	const struct list *files, struct words *out)
{
	const size_t total = hits->count + clean->count + files->count;
	if (!clean->count)
		return ei_fail(EI_E_USAGE, "ioc refine: against what? --clean IMAGE...");
	if (hits->count + files->count == 0)
		return ei_fail(EI_E_USAGE, "ioc refine: which images are suspect? --hits IMAGE...");
	if (total > IMAGES_MAX)
		return ei_fail(EI_E_USAGE, "ioc refine: at most %d images", IMAGES_MAX);
	out->items = ei_alloc(arena, total * sizeof *out->items);
	if (!out->items)
		return no_memory();
	for (size_t i = 0; i < hits->count; i++)
		out->items[out->count++] = hits->items[i];
	for (size_t i = 0; i < clean->count; i++)
		out->items[out->count++] = clean->items[i];
	return NULL;
}

// ---- writing --------------------------------------------------------------------------------
static ei_error *notes_show(struct refining *r, const struct text *notes)
{
	for (size_t at = 0; at < notes->length;) {
		size_t length = strcspn(notes->data + at, "\n");
		notes->data[at + length] = 0;
		EI_TRY(listing_note(&r->listing, notes->data + at));
		at += length + 1;
	}
	return NULL;
}

static ei_error *document_write(struct refining *r, const struct ioc_document *document)
{
	struct text notes;
	text_init(&notes, 1 << 20);
	ei_error *error = ioc_write(document, &notes);
	if (!error)
		error = notes_show(r, &notes);
	text_clear(&notes);
	text_addf(&notes, "%s: %zu %s", document->path, document->count,
		document->count == 1 ? "indicator" : "indicators");
	if (!error)
		error = listing_note(&r->listing, notes.data);
	text_deinit(&notes);
	return error;
}

// Into one file: a document of OpenIOC has one name, so that those of its parts are told with it.
static ei_error *file_write(struct refining *r, const char *path)
{
	struct text lineage;
	text_init(&lineage, 1 << 20);
	for (size_t i = 0; i < r->kept_count; i++)
		text_addf(&lineage, "%s%s: %s", i ? "\n" : "", refine_name(r->documents[i]),
			r->documents[i]->description);
	bool one = r->kept_count == 1;
	const struct ioc_document document = {
		.path = path,
		.name = one || (r->added && r->kept_count == 2) ? refine_name(r->documents[0])
								: "refined",
		.description = one ? r->documents[0]->description : lineage.data,
		.indicators = r->documents,
		.count = r->kept_count,
	};
	ei_error *error = document_write(r, &document);
	text_deinit(&lineage);
	return error;
}

// A name for a file: letters, digits and dashes of what the indicator is called, and a number.
static void file_name(struct text *out, const char *folder, const char *name, size_t number)
{
	char safe[NAME_BYTES] = "";
	size_t length = 0;
	for (; *name && length + 1 < sizeof safe; name++)
		if (isalnum((unsigned char)*name))
			safe[length++] = *name;
		else if (length && safe[length - 1] != '-')
			safe[length++] = '-';
	while (length && safe[length - 1] == '-')
		length--;
	safe[length] = 0;
	text_clear(out);
	text_addf(out, "%s/%zu%s%s.ioc", folder, number, length ? "-" : "", safe);
}

static ei_error *folder_write(struct refining *r, const char *folder)
{
	for (size_t i = 0; i < r->kept_count; i++) {
		file_name(&r->text, folder, refine_name(r->documents[i]), i + 1);
		const struct ioc_document document = {
			.path = r->text.data,
			.name = refine_name(r->documents[i]),
			.description = r->documents[i]->description,
			.indicators = &r->documents[i],
			.count = 1,
		};
		EI_TRY(document_write(r, &document));
	}
	return NULL;
}

static bool is_folder(const char *path)
{
	struct stat status;
	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static ei_error *refined_write(struct refining *r)
{
	const char *path = r->global->output_dir;
	if (!r->kept_count)
		return ei_fail(EI_E_REQUIREMENT,
			"'%s' is not written: nothing is left of the indicators", path);
	return is_folder(path) ? folder_write(r, path) : file_write(r, path);
}

static ei_error *refine(struct refining *r, bool add)
{
	size_t count = ioc_set_count(r->matched->set);
	r->kept = ei_alloc(r->arena, (count + 1) * sizeof *r->kept);
	r->documents = ei_alloc(r->arena, (count + 1) * sizeof *r->documents);
	if (!r->kept || !r->documents)
		return no_memory();
	EI_TRY(listing_init(&r->listing, r->global, "ioc refine", columns, COLUMNS));
	for (size_t i = 0; i < count && !r->error; i++)
		EI_TRY(indicator_refine(r, ioc_set_at(r->matched->set, i)));
	if (!r->error)
		EI_TRY(refine_share(r, add));
	if (r->error)
		return r->error;
	EI_TRY(refined_write(r));
	return listing_end(&r->listing, NULL);
}

// What an image does not say would pass for what it does not have.
static ei_error *all_are_read(const struct matched *matched)
{
	for (size_t i = 0; i < matched->image_count; i++)
		if (matched->images[i].failure)
			return ei_fail(ei_error_code(matched->images[i].failure),
				"ioc refine: every image is needed: %s",
				ei_error_text(matched->images[i].failure));
	return NULL;
}

ei_error *ioc_refine(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status)
{
	struct words hits = { 0 }, clean = { 0 };
	bool add = false;
	struct match_wish wish = { .identify = false };
	const struct word_option options[] = {
		{ "ioc", WORD_LIST, &wish.iocs },
		{ "hits", WORD_LIST, &hits },
		{ "clean", WORD_LIST, &clean },
		{ "add", WORD_FLAG, &add },
	};
	EI_OWNED(ei_arena) arena = NULL;
	EI_OWNED(matched) matched = NULL;
	(void)status;
	EI_TRY(ei_arena_create(1 << 30, &arena));
	EI_TRY(words_take(global, arena, options, ARRAY_LENGTH(options)));
	EI_TRY(images_join(arena, &hits, &clean, &global->files, &wish.images));
	if (!global->output_dir)
		return ei_fail(
			EI_E_USAGE, "ioc refine: where to? -o FILE.ioc, FILE.json, or a folder");
	if (!is_folder(global->output_dir))
		EI_TRY(ioc_write_check(global->output_dir));
	struct global own = *global;
	own.output_dir = NULL; // is a file
	EI_TRY(match_all(&own, plugins, &wish, &matched));
	struct refining r = {
		.global = global,
		.plugins = plugins,
		.matched = matched,
		.hit_count = matched->image_count - clean.count,
		.arena = arena,
	};
	EI_TRY(all_are_read(matched));
	text_init(&r.changed, 1 << 20);
	text_init(&r.text, 1 << 20);
	text_init(&r.why, 1 << 20);
	ei_error *error = refine(&r, add);
	text_deinit(&r.text);
	text_deinit(&r.why);
	text_deinit(&r.changed);
	free(r.values);
	listing_deinit(&r.listing);
	return error;
}
