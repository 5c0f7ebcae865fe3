// eidetic ioc match, for people: suspects first, trees with their evidence, in the terminal's
// width.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"

#include "out/escape.h"
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	EVIDENCE_SHOWN = 3,
	UNKNOWN_SHOWN = 10,
	NOTES_SHOWN = 10,
	WIDTH_DEFAULT = 100,
	WIDTH_MIN = 40,
	WIDTH_MAX = 160,
	PREFIX_SHOWN = 24, // columns that a tree's lines may take
	TEXT_MAX = 1 << 20,
};

static const char *const red = "\x1b[1;31m", *const yellow = "\x1b[33m", *const green = "\x1b[32m",
			 *const bold = "\x1b[1m", *const dim = "\x1b[2m", *const plain = "";

struct drawing {
	const struct matched *matched;
	const struct matched_image *image;
	const struct ioc_verdict *verdict;
	size_t width;
	bool colour, all;
	struct text prefix; // lines of the tree, to the left
	struct text what;   // being said
	struct text safe;   // the same, escaped
};

// ---- lines ----------------------------------------------------------------------------------
static size_t character(const struct text *text, size_t at)
{
	size_t length = utf8_sequence((const uint8_t *)text->data + at, text->length - at);
	return length ? length : 1;
}

// Bytes from `from` that fit into `room` columns; ends behind a blank where that is not too early.
static size_t line_fit(const struct text *text, size_t from, size_t room)
{
	size_t at = from, blank = 0, columns = 0;
	while (at < text->length) {
		size_t length = character(text, at);
		columns += text_columns(text->data + at, length);
		if (columns > room && at > from)
			break;
		at += length;
		if (text->data[at - 1] == ' ')
			blank = at;
	}
	bool early = blank < from + (at - from) / 2;
	return (at == text->length || early ? at : blank) - from;
}

// Says d->what behind the tree's lines and `lead`; what is left over stands below, behind `hang`.
static void say(struct drawing *d, const char *style, const char *lead, const char *hang)
{
	text_clear(&d->safe);
	escape_line(&d->safe, d->what.data ? d->what.data : "", d->what.length);
	for (size_t at = 0, lines = 0; at < d->safe.length || !lines; lines++) {
		const char *front = lines ? hang : lead;
		size_t taken =
			text_columns(d->prefix.data ? d->prefix.data : "", d->prefix.length) +
			text_columns(front, strlen(front));
		size_t room = d->width > taken + WIDTH_MIN / 2 ? d->width - taken : WIDTH_MIN / 2;
		size_t length = line_fit(&d->safe, at, room);
		printf("%s%s%s%.*s%s\n", d->prefix.data ? d->prefix.data : "", front,
			d->colour ? style : "", (int)length, d->safe.data ? d->safe.data + at : "",
			d->colour && *style ? "\x1b[0m" : "");
		at += length;
	}
	text_clear(&d->what);
}

static void prefix_cut(struct drawing *d, size_t length)
{
	d->prefix.length = length;
	if (d->prefix.data)
		d->prefix.data[length] = 0;
}

// What stands below is one step further in; what to cut the prefix to afterwards.
static size_t prefix_add(struct drawing *d, bool last)
{
	size_t before = d->prefix.length;
	if (text_columns(d->prefix.data ? d->prefix.data : "", before) < PREFIX_SHOWN)
		text_addf(&d->prefix, "%s", last ? "   " : "│  ");
	return before;
}

// ---- evidence -------------------------------------------------------------------------------
static bool is_what_is_asked(const struct ioc_leaf *leaf, const struct fact *fact)
{
	return leaf->condition == IOC_IS && leaf->length == fact->length &&
	       !strncasecmp(leaf->value, fact->value, fact->length);
}

static void fact_say(struct drawing *d, const struct ioc_leaf *leaf, const struct leaf_fact *found)
{
	const struct fact *fact = found->fact;
	const struct holder *holder = found->holder;
	const struct evidence_process *process =
		holder->pid == EVIDENCE_NO_PID
			? NULL
			: evidence_process_of(d->image->evidence, holder->pid);
	uint64_t address = fact && fact->has_address ? fact->address : holder->address;
	if (fact && !is_what_is_asked(leaf, fact)) {
		text_add(&d->what, fact->value, fact->length);
		text_addf(&d->what, "  ");
	}
	if (process)
		text_addf(&d->what, "in %s (%" PRIu64 ") ", process->name, process->pid);
	if (address)
		text_addf(&d->what, "at 0x%" PRIx64 " ", address);
	if (fact && fact->where)
		text_addf(&d->what, "(%s) ", fact->where);
	text_addf(&d->what, "by %s%s", fact ? fact->source : holder->source,
		found->approximate ? ", approximate" : "");
	say(d, dim, "   ", "     ");
}

static void facts_say(
	struct drawing *d, const struct ioc_node *group, const struct ioc_leaf *leaf, bool last)
{
	size_t before = prefix_add(d, last), shown = 0;
	struct leaf_fact found;
	for (int any = 0; any < 2 && !shown; any++) {
		struct leaf_facts at = { .any = any == 1 };
		while (shown <= EVIDENCE_SHOWN &&
			leaf_fact_next(d->image, group, leaf, &at, &found))
			if (shown++ < EVIDENCE_SHOWN)
				fact_say(d, leaf, &found);
	}
	if (shown > EVIDENCE_SHOWN) {
		text_addf(&d->what, "and more");
		say(d, dim, "   ", "");
	}
	prefix_cut(d, before);
}

// ---- trees ----------------------------------------------------------------------------------
static void node_draw(struct drawing *d, const struct ioc_node *group, const struct ioc_node *node,
	bool last, bool root);

static enum ioc_truth truth_of(const struct drawing *d, const struct ioc_node *node)
{
	return d->verdict->nodes[node->index].truth;
}

static bool is_drawn(
	const struct drawing *d, const struct ioc_node *parent, const struct ioc_node *node)
{
	return d->all || parent->kind == IOC_NOT || truth_of(d, node) == IOC_TRUE;
}

// What is not true is not why its group is: it is counted.
static void others_say(struct drawing *d, const size_t count[3])
{
	if (count[IOC_FALSE])
		text_addf(&d->what, "%zu not met%s", count[IOC_FALSE],
			count[IOC_UNKNOWN] ? ", " : "");
	if (count[IOC_UNKNOWN])
		text_addf(&d->what, "%zu unknown", count[IOC_UNKNOWN]);
	text_addf(&d->what, "; --all shows them");
	say(d, dim, "└ ", "  ");
}

static void children_draw(
	struct drawing *d, const struct ioc_node *group, const struct ioc_node *node)
{
	const struct ioc_node *end = NULL;
	size_t others[3] = { 0 };
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (is_drawn(d, node, child))
			end = child;
		else
			others[truth_of(d, child)]++;
	bool more = others[IOC_FALSE] + others[IOC_UNKNOWN] > 0;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (is_drawn(d, node, child))
			node_draw(d, node->kind == IOC_AND ? node : group, child,
				child == end && !more, false); // IOC_DEPTH_MAX deep
	if (more)
		others_say(d, others);
}

static void node_say(
	struct drawing *d, const struct ioc_node *node, const char *lead, const char *hang)
{
	static const char *const names[] = { "", "all of", "any of", "not" };
	static const char *const marks[] = { "✗", "?", "✓" };
	enum ioc_truth truth = truth_of(d, node);
	const char *why = node->note && truth != IOC_TRUE
				  ? node->note
				  : ioc_reason_text(d->verdict->nodes[node->index].reason);
	text_addf(&d->what, "%s ", marks[truth]);
	if (node->kind == IOC_LEAF)
		leaf_describe(&d->what, &node->leaf);
	else
		text_addf(&d->what, "%s", names[node->kind]);
	if (*why)
		text_addf(&d->what, ": %s", why);
	say(d, truth == IOC_TRUE ? plain : dim, lead, hang);
}

static void node_draw(struct drawing *d, const struct ioc_node *group, const struct ioc_node *node,
	bool last, bool root)
{
	node = node_seen(node, &group);
	last |= root; // nothing stands beside it
	node_say(d, node, root ? "" : last ? "└ " : "├ ", last ? "    " : "│   ");
	if (node->kind == IOC_LEAF) {
		if (truth_of(d, node) == IOC_TRUE && !node->leaf.negated && !node->leaf.exclusion)
			facts_say(d, group, &node->leaf, last);
		return;
	}
	size_t before = d->prefix.length;
	if (!root)
		prefix_add(d, last);
	children_draw(d, group, node);
	prefix_cut(d, before);
}

// ---- indicators -----------------------------------------------------------------------------
static const char *name_of(const struct ioc_indicator *indicator)
{
	return *indicator->name ? indicator->name : indicator->id;
}

static void unknown_say(struct drawing *d, const struct ioc_indicator *indicator)
{
	struct text why;
	text_init(&why, TEXT_MAX);
	unknown_describe(&why, indicator, d->verdict);
	text_addf(&d->what, ": %s", why.data ? why.data : "");
	text_deinit(&why);
}

static void indicator_draw(struct drawing *d, size_t number)
{
	static const char *const words[] = { "false", "unknown", "TRUE" };
	const char *const styles[] = { dim, yellow, red };
	const struct ioc_indicator *indicator = ioc_set_at(d->matched->set, number);
	d->verdict = &d->image->verdicts[number];
	enum ioc_truth truth = d->verdict->truth;
	text_addf(&d->what, "%s  %s", words[truth], name_of(indicator));
	if (d->verdict->scored)
		text_addf(&d->what, ", score %" PRId64, d->verdict->score);
	if (d->verdict->loose != truth)
		text_addf(&d->what, "; %s if the conditions on a list need not be met by one item",
			ioc_truth_name(d->verdict->loose));
	if (truth == IOC_UNKNOWN)
		unknown_say(d, indicator);
	say(d, styles[truth], "  ", "      ");
	if (truth == IOC_TRUE) {
		text_addf(&d->what, "%s, %s", ioc_format_name(indicator->format), indicator->file);
		say(d, dim, "        ", "        ");
	}
	if (truth != IOC_TRUE && !d->all)
		return;
	text_addf(&d->prefix, "        ");
	node_draw(d, NULL, indicator->root, true, true);
	prefix_cut(d, 0);
}

// ---- images ---------------------------------------------------------------------------------
static void image_head(struct drawing *d)
{
	const struct matched_image *image = d->image;
	bool suspect = image->by_truth[IOC_TRUE] > 0;
	if (image->failure) {
		text_addf(&d->what, "UNREAD  %s: %s", image->path, ei_error_text(image->failure));
		say(d, yellow, "", "        ");
		return;
	}
	text_addf(&d->what, "%s  %s: %zu true, %zu unknown, %zu false",
		suspect ? "SUSPECT" : "nothing found", image->path, image->by_truth[IOC_TRUE],
		image->by_truth[IOC_UNKNOWN], image->by_truth[IOC_FALSE]);
	if (d->matched->image_count > 1 && suspect)
		text_addf(&d->what, "; weight %" PRIu64, image->weight);
	say(d, suspect ? red : green, "", "        ");
}

static void image_draw(struct drawing *d, size_t number)
{
	const size_t *order = d->matched->orders[number];
	d->image = &d->matched->images[number];
	image_head(d);
	if (d->image->failure)
		return;
	size_t hits = d->image->by_truth[IOC_TRUE], unknown = d->image->by_truth[IOC_UNKNOWN];
	size_t shown = hits + (d->all ? unknown : MIN(unknown, (size_t)UNKNOWN_SHOWN));
	if (d->all)
		shown += d->image->by_truth[IOC_FALSE];
	for (size_t i = 0; i < shown && !__atomic_load_n(cancelled, __ATOMIC_RELAXED); i++)
		indicator_draw(d, order[i]);
	if (!d->all && unknown > UNKNOWN_SHOWN) {
		text_addf(&d->what, "unknown  %zu more; --all shows them", unknown - UNKNOWN_SHOWN);
		say(d, yellow, "  ", "");
	}
}

static void summary_say(struct drawing *d)
{
	const struct matched *matched = d->matched;
	size_t suspects = 0, unread = 0;
	for (size_t i = 0; i < matched->image_count; i++) {
		suspects += matched->images[i].by_truth[IOC_TRUE] > 0;
		unread += matched->images[i].failure != NULL;
	}
	text_addf(&d->what, "%zu %s, %zu %s: %zu suspect, %zu with nothing found",
		matched->image_count, matched->image_count == 1 ? "image" : "images",
		ioc_set_count(matched->set),
		ioc_set_count(matched->set) == 1 ? "indicator" : "indicators", suspects,
		matched->image_count - suspects - unread);
	if (unread)
		text_addf(&d->what, ", %zu unread", unread);
	say(d, bold, "", "");
}

// ---- notes ----------------------------------------------------------------------------------
static void sources_say(struct drawing *d, bool verbose)
{
	for (size_t i = 0; i < d->matched->image_count; i++) {
		const struct matched_image *image = &d->matched->images[i];
		for (size_t j = 0; image->evidence && j < evidence_source_count(image->evidence);
			j++) {
			const struct evidence_source *source =
				evidence_source_at(image->evidence, j);
			if (source->complete && !verbose)
				continue;
			text_addf(&d->what, "note: %s: %s: %" PRIu64 " rows in %.1f ms%s%s",
				image->path, source->name, source->rows,
				(double)source->nanoseconds / 1e6, source->why ? ": " : "",
				source->why ? source->why : "");
			say(d, dim, "", "      ");
		}
	}
}

static void notes_say(struct drawing *d)
{
	size_t count = ioc_set_note_count(d->matched->set);
	for (size_t i = 0; i < MIN(count, (size_t)NOTES_SHOWN); i++) {
		const struct ioc_note *note = ioc_set_note(d->matched->set, i);
		text_addf(&d->what, "note: %s", note->file);
		if (note->line)
			text_addf(&d->what, ":%u", note->line);
		text_addf(&d->what, ": %s%s", note->broken ? "skipped: " : "", note->text);
		say(d, dim, "", "      ");
	}
	if (count > NOTES_SHOWN) {
		text_addf(&d->what, "note: %zu more on the indicators: eidetic ioc check FILE...",
			count - NOTES_SHOWN);
		say(d, dim, "", "      ");
	}
}

// ---- all of it ------------------------------------------------------------------------------
static size_t terminal_width(void)
{
	struct winsize size;
	size_t width = WIDTH_DEFAULT;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		width = size.ws_col;
	return MIN(MAX(width, (size_t)WIDTH_MIN), (size_t)WIDTH_MAX);
}

bool match_is_drawn(const struct global *global)
{
	bool pretty =
		global->renderer ? !strcmp(global->renderer, "pretty") : isatty(STDOUT_FILENO);
	return pretty && !global->filters.count && !global->hidden.count && !global->limit &&
	       !global->log;
}

void match_draw(const struct global *global, const struct matched *matched, bool all,
	const char *incomplete)
{
	struct drawing d = {
		.matched = matched,
		.width = terminal_width(),
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.all = all,
	};
	text_init(&d.prefix, TEXT_MAX);
	text_init(&d.what, TEXT_MAX);
	text_init(&d.safe, TEXT_MAX);
	summary_say(&d);
	for (size_t i = 0; i < matched->image_count; i++) {
		say(&d, plain, "", "");
		image_draw(&d, matched->ranking[i]);
	}
	if (!global->quiet) {
		sources_say(&d, global->verbose > 0);
		notes_say(&d);
	}
	if (incomplete) {
		text_addf(&d.what, "incomplete: %s", incomplete);
		say(&d, bold, "", "");
	}
	text_deinit(&d.prefix);
	text_deinit(&d.what);
	text_deinit(&d.safe);
}
