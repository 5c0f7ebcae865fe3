// eidetic ioc match: what indicators say of images, hits first, with the evidence at each leaf.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"

#include <stdlib.h>

enum { EVIDENCE_SHOWN = 5, WHAT_MAX = 64 << 10, NAMES_SHOWN = 5 };

enum {
	VERDICT,
	WHAT,
	EVIDENCE,
	PROCESS,
	PID,
	ADDRESS,
	WHERE,
	SOURCE,
	REASON,
	KIND,
	ASKED,
	FILE_NAME,
	ID,
	IMAGE,
	COLUMNS
};

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[VERDICT]   = { "verdict",  EI_STR,  "true, false, unknown; of images: suspect, nothing found" },
	[WHAT]      = { "what",     EI_STR,  "image, indicator, AND, OR, NOT, or condition" },
	[EVIDENCE]  = { "evidence", EI_STR,  "value that makes a condition true" },
	[PROCESS]   = { "process",  EI_STR,  "whose it is" },
	[PID]       = { "pid",      EI_UINT, "its id" },
	[ADDRESS]   = { "address",  EI_ADDR, "where it is: in the process, or in the kernel" },
	[WHERE]     = { "where",    EI_STR,  "region, file or key that it is in" },
	[SOURCE]    = { "source",   EI_STR,  "plugin or search that found it" },
	[REASON]    = { "reason",   EI_STR,  "why it is unknown, or what is to be known about it" },
	[KIND]      = { "kind",     EI_STR,  "image, indicator, group, condition, evidence" },
	[ASKED]     = { "asked",    EI_STR,  "conditions of the indicator that could be decided, and all" },
	[FILE_NAME] = { "file",     EI_STR,  "where the indicator is" },
	[ID]        = { "id",       EI_STR,  "its id there" },
	[IMAGE]     = { "image",    EI_STR,  "the image" },
	// clang-format on
};

struct showing {
	struct listing listing;
	const struct matched *matched;
	const struct matched_image *image;
	const struct ioc_verdict *verdict;
	struct text what, reason;
	bool all; // trees of what is not true, too
};

static ei_val text_or_none(const char *text)
{
	return text && *text ? ei_str(text) : ei_absent(EI_NONE);
}

static void cells_clear(const struct showing *s, ei_val *cells, const char *kind)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		cells[i] = ei_absent(EI_NONE);
	cells[KIND] = ei_str(kind);
	cells[IMAGE] = ei_str(s->image->path);
}

static ei_val text_cell(const struct text *text)
{
	return (ei_val){ .s = text->data ? text->data : "",
		.length = (uint32_t)text->length,
		.kind = EI_STR,
		.state = EI_OK };
}

// ---- the tree -------------------------------------------------------------------------------
static void who_fill(const struct showing *s, const struct leaf_fact *found, ei_val *cells)
{
	const struct holder *holder = found->holder;
	const struct evidence_process *process =
		holder->pid == EVIDENCE_NO_PID
			? NULL
			: evidence_process_of(s->image->evidence, holder->pid);
	if (holder->pid != EVIDENCE_NO_PID)
		cells[PID] = ei_uint(holder->pid);
	if (process)
		cells[PROCESS] = text_or_none(process->name);
	cells[SOURCE] = text_or_none(holder->source);
	if (holder->address)
		cells[ADDRESS] = ei_addr(holder->address);
}

static ei_error *evidence_row(struct showing *s, uint32_t depth, const struct leaf_fact *found)
{
	ei_val cells[COLUMNS];
	const struct fact *fact = found->fact;
	cells_clear(s, cells, "evidence");
	who_fill(s, found, cells);
	if (fact) {
		cells[EVIDENCE] = (ei_val){
			.s = fact->value, .length = fact->length, .kind = EI_STR, .state = EI_OK
		};
		cells[WHERE] = text_or_none(fact->where);
		cells[SOURCE] = text_or_none(fact->source);
		if (fact->has_address)
			cells[ADDRESS] = ei_addr(fact->address);
	}
	if (found->approximate)
		cells[REASON] = ei_str("approximate: a relative path, or a drive that was guessed");
	return listing_row_at(&s->listing, depth, cells);
}

static ei_error *leaf_rows(struct showing *s, uint32_t depth, const struct ioc_node *group,
	const struct ioc_leaf *leaf)
{
	struct leaf_fact found;
	size_t shown = 0;
	// What another branch is true of is also of interest where this one has nothing.
	for (int any = 0; any < 2 && !shown; any++) {
		struct leaf_facts at = { .any = any == 1 };
		while (shown < EVIDENCE_SHOWN &&
			leaf_fact_next(s->image, group, leaf, &at, &found)) {
			shown++;
			EI_TRY(evidence_row(s, depth, &found));
		}
	}
	return NULL;
}

static void node_what(struct showing *s, const struct ioc_node *node)
{
	static const char *const names[] = { "", "AND", "OR", "NOT" };
	text_clear(&s->what);
	if (node->kind == IOC_LEAF)
		leaf_describe(&s->what, &node->leaf);
	else
		text_addf(&s->what, "%s", names[node->kind]);
}

static ei_error *node_rows(struct showing *s, uint32_t depth, const struct ioc_node *group,
	const struct ioc_node *node)
{
	const struct ioc_result *result = &s->verdict->nodes[node->index];
	bool leaf = node->kind == IOC_LEAF;
	ei_val cells[COLUMNS];
	if (listing_is_full(&s->listing))
		return NULL;
	cells_clear(s, cells, leaf ? "condition" : "group");
	node_what(s, node);
	cells[WHAT] = text_cell(&s->what);
	cells[VERDICT] = ei_str(ioc_truth_name(result->truth));
	cells[REASON] = text_or_none(node->note && result->truth != IOC_TRUE
					     ? node->note
					     : ioc_reason_text(result->reason));
	EI_TRY(listing_row_at(&s->listing, depth, cells));
	if (leaf && result->truth == IOC_TRUE && !node->leaf.negated)
		EI_TRY(leaf_rows(s, depth + 1, group, &node->leaf));
	for (const struct ioc_node *child = node->first; child; child = child->next)
		EI_TRY(node_rows(s, depth + 1, node->kind == IOC_AND ? node : group,
			child)); // IOC_DEPTH_MAX deep
	return NULL;
}

// ---- indicators -----------------------------------------------------------------------------
static void asked_count(const struct ioc_node *node, const struct ioc_verdict *verdict,
	size_t *decided, size_t *all)
{
	for (const struct ioc_node *child = node->first; child; child = child->next)
		asked_count(child, verdict, decided, all);
	if (node->kind != IOC_LEAF)
		return;
	++*all;
	*decided += verdict->nodes[node->index].truth != IOC_UNKNOWN;
}

static void indicator_reason(struct showing *s, const struct ioc_indicator *indicator)
{
	const struct ioc_verdict *verdict = s->verdict;
	text_clear(&s->reason);
	if (verdict->truth == IOC_UNKNOWN)
		unknown_describe(&s->reason, indicator, verdict);
	if (verdict->scored)
		text_addf(&s->reason, "its score is %lld", (long long)verdict->score);
	if (verdict->loose != verdict->truth)
		text_addf(&s->reason,
			"%s%s if the conditions on a list need not be met by one item",
			s->reason.length ? "; " : "", ioc_truth_name(verdict->loose));
}

static ei_error *indicator_rows(struct showing *s, size_t number)
{
	const struct ioc_indicator *indicator = ioc_set_at(s->matched->set, number);
	size_t decided = 0, all = 0;
	char asked[48];
	ei_val cells[COLUMNS];
	s->verdict = &s->image->verdicts[number];
	asked_count(indicator->root, s->verdict, &decided, &all);
	snprintf(asked, sizeof asked, "%zu of %zu", decided, all);
	indicator_reason(s, indicator);
	cells_clear(s, cells, "indicator");
	cells[VERDICT] = ei_str(ioc_truth_name(s->verdict->truth));
	cells[WHAT] = text_or_none(*indicator->name ? indicator->name : indicator->id);
	cells[REASON] = s->reason.length ? text_cell(&s->reason) : ei_absent(EI_NONE);
	cells[ASKED] = ei_str(asked);
	cells[FILE_NAME] = ei_str(indicator->file);
	cells[ID] = text_or_none(indicator->id);
	EI_TRY(listing_row_at(&s->listing, 1, cells));
	if (s->verdict->truth == IOC_TRUE || s->all)
		return node_rows(s, 2, NULL, indicator->root);
	return NULL;
}

// ---- images ---------------------------------------------------------------------------------
static void image_reason(struct showing *s, size_t number)
{
	const struct matched_image *image = s->image;
	text_clear(&s->reason);
	text_addf(&s->reason, "%zu true, %zu unknown, %zu false", image->by_truth[IOC_TRUE],
		image->by_truth[IOC_UNKNOWN], image->by_truth[IOC_FALSE]);
	if (s->matched->image_count > 1)
		text_addf(&s->reason, ", weight %llu", (unsigned long long)image->weight);
	for (size_t i = 0; i < MIN(image->by_truth[IOC_TRUE], (size_t)NAMES_SHOWN); i++) {
		const struct ioc_indicator *indicator =
			ioc_set_at(s->matched->set, s->matched->orders[number][i]);
		text_addf(&s->reason, "%s%s", i ? ", " : ": ",
			*indicator->name ? indicator->name : indicator->id);
	}
	if (image->by_truth[IOC_TRUE] > NAMES_SHOWN)
		text_addf(&s->reason, ", ...");
}

static ei_error *image_rows(struct showing *s, size_t number)
{
	ei_val cells[COLUMNS];
	s->image = &s->matched->images[number];
	cells_clear(s, cells, "image");
	cells[WHAT] = ei_str(s->image->path);
	if (s->image->failure) {
		cells[VERDICT] = ei_str("unread");
		cells[REASON] = ei_str(ei_error_text(s->image->failure));
		return listing_row_at(&s->listing, 0, cells);
	}
	image_reason(s, number);
	cells[VERDICT] = ei_str(s->image->by_truth[IOC_TRUE] ? "suspect" : "nothing found");
	cells[REASON] = text_cell(&s->reason);
	EI_TRY(listing_row_at(&s->listing, 0, cells));
	for (size_t i = 0; i < ioc_set_count(s->matched->set); i++)
		EI_TRY(indicator_rows(s, s->matched->orders[number][i]));
	return NULL;
}

static ei_error *sources_show(struct showing *s, const struct matched_image *image, bool verbose)
{
	for (size_t i = 0; image->evidence && i < evidence_source_count(image->evidence); i++) {
		const struct evidence_source *source = evidence_source_at(image->evidence, i);
		char text[700];
		if (source->complete && !verbose)
			continue;
		snprintf(text, sizeof text, "%s: %s: %llu rows in %.1f ms%s%s", image->path,
			source->name, (unsigned long long)source->rows,
			(double)source->nanoseconds / 1e6, source->why ? ": " : "",
			source->why ? source->why : "");
		EI_TRY(listing_note(&s->listing, text));
	}
	return NULL;
}

static ei_error *notes_show(struct showing *s)
{
	for (size_t i = 0; i < ioc_set_note_count(s->matched->set); i++) {
		const struct ioc_note *note = ioc_set_note(s->matched->set, i);
		text_clear(&s->what);
		text_addf(&s->what, "%s", note->file);
		if (note->line)
			text_addf(&s->what, ":%u", note->line);
		text_addf(&s->what, ": %s%s", note->broken ? "skipped: " : "", note->text);
		EI_TRY(listing_note(&s->listing, s->what.data ? s->what.data : ""));
	}
	return NULL;
}

static const char *incomplete_why(const struct matched *matched)
{
	for (size_t i = 0; i < matched->image_count; i++)
		if (matched->images[i].failure)
			return "some images could not be read";
	for (size_t i = 0; i < ioc_set_file_count(matched->set); i++)
		if (ioc_set_file(matched->set, i)->broken)
			return "some files of indicators were skipped";
	return NULL;
}

static ei_error *matched_show(const struct global *global, struct showing *s)
{
	const struct matched *matched = s->matched;
	EI_TRY(listing_init(&s->listing, global, "ioc match", columns, COLUMNS));
	for (size_t i = 0; i < matched->image_count && !listing_is_full(&s->listing); i++)
		EI_TRY(image_rows(s, matched->ranking[i]));
	for (size_t i = 0; i < matched->image_count; i++)
		EI_TRY(sources_show(s, &matched->images[i], global->verbose > 0));
	EI_TRY(notes_show(s));
	return listing_end(&s->listing, incomplete_why(matched));
}

// ---- the command ----------------------------------------------------------------------------
static ei_error *page_write(const struct global *global, const struct matched *matched)
{
	struct text path;
	text_init(&path, 8192);
	ei_error *error = match_report(global, matched, &path);
	if (!error)
		printf("%s\n", path.data);
	text_deinit(&path);
	return error;
}

static void status_set(const struct matched *matched, bool fail_on_hit, enum exit_status *status)
{
	if (incomplete_why(matched))
		*status = EXIT_INCOMPLETE;
	for (size_t i = 0; i < matched->image_count && fail_on_hit; i++)
		if (matched->images[i].by_truth[IOC_TRUE])
			*status = EXIT_HIT;
}

ei_error *ioc_match(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status)
{
	struct match_wish wish = { .identify = false };
	bool all = false, fail_on_hit = false;
	const struct word_option options[] = {
		{ "ioc", WORD_LIST, &wish.iocs },
		{ "images", WORD_LIST, &wish.images },
		{ "all", WORD_FLAG, &all },
		{ "recover", WORD_FLAG, &wish.recover },
		{ "fail-on-hit", WORD_FLAG, &fail_on_hit },
	};
	EI_OWNED(ei_arena) arena = NULL;
	EI_OWNED(matched) matched = NULL;
	EI_TRY(ei_arena_create(16 << 20, &arena));
	EI_TRY(words_take(global, arena, options, ARRAY_LENGTH(options)));
	wish.identify = global->renderer && !strcmp(global->renderer, "html");
	if (wish.identify)
		EI_TRY(output_folder_make(global, "-r html needs a folder for the page: -o DIR"));
	EI_TRY(match_all(global, plugins, &wish, &matched));
	status_set(matched, fail_on_hit, status);
	if (wish.identify)
		return page_write(global, matched);
	if (match_is_drawn(global)) {
		match_draw(global, matched, all, incomplete_why(matched));
		return NULL;
	}
	struct showing s = { .matched = matched, .all = all };
	text_init(&s.what, WHAT_MAX);
	text_init(&s.reason, WHAT_MAX);
	ei_error *error = matched_show(global, &s);
	text_deinit(&s.what);
	text_deinit(&s.reason);
	listing_deinit(&s.listing);
	return error;
}
