// The page of `ioc match -r html`: an indicator's tree, the evidence at its conditions, the bytes.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_report.h"

#include "run/session.h"
#include "win/session.h"
#include <ctype.h>
#include <eidetic/win.h>
#include <inttypes.h>
#include <strings.h>

enum {
	EVIDENCE_SHOWN = 5,
	OTHERS_SHOWN = 12,     // conditions that are not met
	TREE_BYTES = 48 << 10, // of the page for one indicator
	LINE_BYTES = 16,
	BYTES_SHOWN = 4 * LINE_BYTES,
	DESCRIPTION_SHOWN = 4000,
};

static void node_show(struct report *r, const struct ioc_verdict *verdict,
	const struct ioc_node *group, const struct ioc_node *node);

// ---- bytes ----------------------------------------------------------------------------------
// How many bytes at the start of `bytes` spell the value of a condition, in ASCII or UTF-16.
static size_t spelled(const struct ioc_leaf *leaf, const uint8_t *bytes, size_t size)
{
	size_t length = leaf->length;
	if (!length)
		return 0;
	if (length <= size && !strncasecmp((const char *)bytes, leaf->value, length))
		return length;
	if (2 * length > size)
		return 0;
	for (size_t i = 0; i < length; i++)
		if (tolower(bytes[2 * i]) != tolower((uint8_t)leaf->value[i]) || bytes[2 * i + 1])
			return 0;
	return 2 * length;
}

struct dump {
	uint64_t start; // address of the first byte
	const uint8_t *bytes;
	size_t size, first, after; // [first, after): what the condition is about
};

static void dump_cells(struct report *r, const struct dump *d, size_t line, bool text)
{
	bool marked = false;
	for (size_t i = line; i < MIN(line + LINE_BYTES, d->size); i++) {
		bool inside = i >= d->first && i < d->after;
		if (inside != marked)
			html_raw(&r->page, inside ? "<mark>" : "</mark>");
		marked = inside;
		char c = (char)d->bytes[i];
		if (text)
			html_text(&r->page, isprint((uint8_t)c) ? &c : ".", 1);
		else
			html_rawf(&r->page, "%02x", d->bytes[i]);
		if (!text && i + 1 >= d->after)
			html_raw(&r->page, marked ? "</mark>" : ""), marked = false;
		html_raw(&r->page, text ? "" : " ");
	}
	html_raw(&r->page, marked ? "</mark>" : "");
}

static void dump_show(struct report *r, const struct dump *d)
{
	html_raw(&r->page, "<pre tabindex=\"0\" aria-label=\"bytes in memory\">");
	for (size_t line = 0; line < d->size; line += LINE_BYTES) {
		html_rawf(&r->page, "%016" PRIx64 "  ", d->start + line);
		dump_cells(r, d, line, false);
		for (size_t i = d->size; i < line + LINE_BYTES; i++)
			html_raw(&r->page, "   ");
		html_raw(&r->page, " ");
		dump_cells(r, d, line, true);
		html_raw(&r->page, "\n");
	}
	html_raw(&r->page, "</pre>");
}

// The address space that an address of evidence is one of. False: none that is known.
static bool space_of(struct report *r, const struct holder *holder, const ei_space **out)
{
	*out = NULL; // the kernel's
	if (holder->pid == EVIDENCE_NO_PID)
		return true;
	const struct evidence_process *process =
		evidence_process_of(r->image->evidence, holder->pid);
	if (!process)
		return false;
	eprocess opened = ei_at(r->run, eprocess, process->offset);
	if (ei_u64_or(ei_get(opened, UniqueProcessId), EVIDENCE_NO_PID) != holder->pid)
		return false;
	*out = ei_process_space(r->run, &opened);
	return *out != NULL;
}

// Evidence that is content of memory: what was searched for, and regions.
static uint64_t content_address(const struct leaf_fact *found)
{
	static const char region[] = "ProcessItem/SectionList";
	const struct fact *fact = found->fact;
	if (fact && fact->has_address &&
		(!strcmp(fact->source, "search") || !strcmp(fact->source, "yara")))
		return fact->address;
	if (!strncmp(found->holder->domain, region, sizeof region - 1))
		return found->holder->address;
	return 0;
}

static void bytes_show(struct report *r, const struct ioc_leaf *leaf, const struct leaf_fact *found)
{
	uint8_t bytes[BYTES_SHOWN];
	const ei_space *space;
	uint64_t address = content_address(found);
	if (!r->run || !address)
		return;
	ei_mark mark = ei_arena_mark(r->run->scratch);
	struct dump dump = { .start = address & ~(uint64_t)(LINE_BYTES - 1), .bytes = bytes };
	if (space_of(r, found->holder, &space))
		dump.size = ei_read(r->run, space, dump.start, bytes, sizeof bytes);
	dump.first = (size_t)(address - dump.start);
	if (dump.size > dump.first) {
		dump.after = dump.first + spelled(leaf, bytes + dump.first, dump.size - dump.first);
		dump_show(r, &dump);
	}
	ei_arena_rewind(r->run->scratch, mark);
}

// ---- evidence -------------------------------------------------------------------------------
static void fact_show(struct report *r, const struct ioc_leaf *leaf, const struct leaf_fact *found,
	bool elsewhere)
{
	const struct fact *fact = found->fact;
	const struct holder *holder = found->holder;
	uint64_t address = fact && fact->has_address ? fact->address : holder->address;
	html_raw(&r->page, "<div class=\"ev\">");
	if (fact) {
		html_value(&r->page, fact->value, fact->length);
		html_raw(&r->page, " ");
	}
	html_raw(&r->page, "<span class=\"at\">");
	if (holder->pid != EVIDENCE_NO_PID) {
		html_raw(&r->page, "in ");
		report_process_name(r, holder->pid);
		html_raw(&r->page, " ");
	}
	if (address)
		html_rawf(&r->page, "at <span class=\"mono\">0x%" PRIx64 "</span> ", address);
	if (fact && fact->where) {
		html_raw(&r->page, "(");
		html_say(&r->page, fact->where);
		html_raw(&r->page, ") ");
	}
	html_raw(&r->page, "· by ");
	html_say(&r->page, fact ? fact->source : holder->source);
	html_raw(&r->page, found->approximate
				   ? " · approximate: a relative path, or a drive that was guessed"
				   : "");
	html_raw(&r->page, elsewhere ? " · not what the rest of its group is about" : "");
	html_raw(&r->page, "</span>");
	bytes_show(r, leaf, found);
	html_raw(&r->page, "</div>\n");
}

static void leaf_evidence(
	struct report *r, const struct ioc_node *group, const struct ioc_leaf *leaf)
{
	size_t shown = 0;
	struct leaf_fact found;
	for (int any = 0; any < 2 && !shown; any++) {
		struct leaf_facts at = { .any = any == 1 };
		while (shown <= EVIDENCE_SHOWN &&
			leaf_fact_next(r->image, group, leaf, &at, &found))
			if (shown++ < EVIDENCE_SHOWN)
				fact_show(r, leaf, &found, any == 1);
	}
	if (shown > EVIDENCE_SHOWN)
		html_raw(&r->page, "<div class=\"ev soft\">and more of the same; "
				   "<code>-r jsonl</code> has it</div>\n");
}

// ---- conditions -----------------------------------------------------------------------------
static void leaf_say(struct report *r, const struct ioc_leaf *leaf)
{
	html_raw(&r->page, "<span class=\"mono\">");
	html_say(&r->page, leaf->written ? leaf->written : leaf->term->name);
	html_rawf(&r->page, "</span> %s%s ", leaf->negated || leaf->exclusion ? "not " : "",
		ioc_condition_name(leaf->condition));
	html_value(&r->page, leaf_value(leaf),
		leaf->length - (size_t)(leaf_value(leaf) - leaf->value));
}

static void why_say(struct report *r, const struct ioc_node *node, const struct ioc_result *result)
{
	const char *why = node->note && result->truth != IOC_TRUE ? node->note
								  : ioc_reason_text(result->reason);
	if (!*why)
		return;
	html_raw(&r->page, " <span class=\"soft small\">");
	html_say(&r->page, why);
	html_raw(&r->page, "</span>");
}

static void leaf_show(struct report *r, const struct ioc_verdict *verdict,
	const struct ioc_node *group, const struct ioc_node *node)
{
	const struct ioc_result *result = &verdict->nodes[node->index];
	const struct ioc_leaf *leaf = &node->leaf;
	html_raw(&r->page, "<li>");
	report_badge(r, result->truth, ioc_truth_name(result->truth));
	html_raw(&r->page, " ");
	leaf_say(r, leaf);
	why_say(r, node, result);
	if (result->truth == IOC_TRUE && !leaf->negated && !leaf->exclusion)
		leaf_evidence(r, group, leaf);
	html_raw(&r->page, "</li>\n");
}

// What is not met, folded: it is not why the indicator is true.
static void others_show(
	struct report *r, const struct ioc_verdict *verdict, const struct ioc_node *node)
{
	size_t count[3] = { 0 }, shown = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		count[verdict->nodes[child->index].truth]++;
	size_t others = count[IOC_FALSE] + count[IOC_UNKNOWN];
	if (!others)
		return;
	html_raw(&r->page, "<li><details class=\"in\"><summary>");
	if (count[IOC_FALSE])
		html_rawf(&r->page, "%zu not met%s", count[IOC_FALSE],
			count[IOC_UNKNOWN] ? ", " : "");
	if (count[IOC_UNKNOWN])
		html_rawf(&r->page, "%zu unknown", count[IOC_UNKNOWN]);
	html_raw(&r->page, "</summary><ul>\n");
	for (const struct ioc_node *child = node->first; child && shown < OTHERS_SHOWN;
		child = child->next)
		if (verdict->nodes[child->index].truth != IOC_TRUE) {
			node_show(r, verdict, NULL, child); // IOC_DEPTH_MAX deep
			shown++;
		}
	if (shown < others)
		html_rawf(&r->page, "<li class=\"soft\">and %zu more</li>", others - shown);
	html_raw(&r->page, "</ul></details></li>\n");
}

static void children_show(struct report *r, const struct ioc_verdict *verdict,
	const struct ioc_node *group, const struct ioc_node *node)
{
	size_t left_out = 0;
	html_raw(&r->page, "<ul>\n");
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		bool met = verdict->nodes[child->index].truth == IOC_TRUE;
		if (!met && node->kind != IOC_NOT)
			continue;
		if (report_is_full(r, r->tree_until))
			left_out++;
		else
			node_show(r, verdict, node->kind == IOC_AND ? node : group, child);
	}
	if (left_out)
		html_rawf(&r->page,
			"<li class=\"soft\">and %zu more that are met: left out of the "
			"page</li>\n",
			left_out);
	if (node->kind != IOC_NOT && !report_is_full(r, r->tree_until))
		others_show(r, verdict, node);
	html_raw(&r->page, "</ul>");
}

static void node_show(struct report *r, const struct ioc_verdict *verdict,
	const struct ioc_node *group, const struct ioc_node *node)
{
	static const char *const names[] = { "", "all of", "any of", "not" };
	node = node_seen(node, &group);
	if (node->kind == IOC_LEAF) {
		leaf_show(r, verdict, group, node);
		return;
	}
	const struct ioc_result *result = &verdict->nodes[node->index];
	html_raw(&r->page, "<li>");
	report_badge(r, result->truth, ioc_truth_name(result->truth));
	html_rawf(&r->page, " <b>%s</b>", names[node->kind]);
	why_say(r, node, result);
	if (node->first)
		children_show(r, verdict, group, node);
	html_raw(&r->page, "</li>\n");
}

// ---- an indicator ---------------------------------------------------------------------------
static void source_say(struct report *r, const struct ioc_indicator *indicator)
{
	html_raw(&r->page, "<p class=\"soft small\">");
	html_say(&r->page, ioc_format_name(indicator->format));
	html_raw(&r->page, ", ");
	html_say(&r->page, indicator->file);
	if (indicator->line > 1)
		html_rawf(&r->page, ", line %u", indicator->line);
	if (*indicator->id && strcmp(indicator->id, indicator_title(indicator))) {
		html_raw(&r->page, ", id ");
		html_say(&r->page, indicator->id);
	}
	html_raw(&r->page, "</p>\n");
}

static void description_say(struct report *r, const char *description)
{
	size_t length = strlen(description);
	if (!length)
		return;
	html_raw(&r->page, "<p class=\"small\">");
	html_text(&r->page, description, MIN(length, (size_t)DESCRIPTION_SHOWN));
	html_raw(&r->page, length > DESCRIPTION_SHOWN ? "…</p>\n" : "</p>\n");
}

static void verdict_say(struct report *r, const struct ioc_verdict *verdict)
{
	if (verdict->scored)
		html_rawf(&r->page, "<p class=\"small\">Its score is %" PRId64 ".</p>\n",
			verdict->score);
}

void report_hit(struct report *r, size_t number, bool open)
{
	const struct ioc_indicator *indicator = ioc_set_at(r->matched->set, number);
	const struct ioc_verdict *verdict = &r->image->verdicts[number];
	html_rawf(&r->page, "<details class=\"hit f\" id=\"i%zuh%zu\"%s><summary>", r->number,
		number, open ? " open" : "");
	report_badge(r, verdict->truth, ioc_truth_name(verdict->truth));
	html_raw(&r->page, " ");
	html_say(&r->page, indicator_title(indicator));
	html_raw(&r->page, "</summary>\n");
	source_say(r, indicator);
	description_say(r, indicator->description);
	verdict_say(r, verdict);
	r->tree_until = MIN(r->page.out.length + TREE_BYTES, r->until);
	html_raw(&r->page, "<ul class=\"tree\">\n");
	node_show(r, verdict, NULL, indicator->root);
	html_raw(&r->page, "</ul></details>\n");
}
