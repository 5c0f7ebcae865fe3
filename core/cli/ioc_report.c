// eidetic ioc match -r html: one page that can be handed on, without a network.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"
#include "cli/ioc_write.h"

#include "out/escape.h"
#include "run/value_text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	PAGE_MAX = 512 << 20,
	EVIDENCE_SHOWN = 8,
	UNDECIDED_SHOWN = 2000,
	NAMES_TRIED = 1000,
	TREE_DEPTH_MAX = 64,
};

struct report_page {
	struct text out;
	struct text line; // scratch
	const struct matched *matched;
	const struct matched_image *image;
	uint8_t *marked; // processes of the image that a hit is about
};

// ---- text -----------------------------------------------------------------------------------
// What an image or an indicator says never becomes markup, and no byte of it hides or reorders
// text.
static void safe(struct report_page *page, const char *text, size_t length)
{
	text_clear(&page->line);
	escape_line(&page->line, text, length);
	for (size_t i = 0; i < page->line.length; i++) {
		char c = page->line.data[i];
		const char *entity = c == '&'    ? "&amp;"
				     : c == '<'  ? "&lt;"
				     : c == '>'  ? "&gt;"
				     : c == '"'  ? "&quot;"
				     : c == '\'' ? "&#39;"
						 : NULL;
		if (entity)
			text_addf(&page->out, "%s", entity);
		else
			text_add(&page->out, &page->line.data[i], 1);
	}
}

static void say(struct report_page *page, const char *text)
{
	safe(page, text, strlen(text));
}

static void raw(struct report_page *page, const char *markup)
{
	text_add(&page->out, markup, strlen(markup));
}

static const char style[] =
	":root{--ink:#1b1f24;--soft:#5b6570;--line:#d9dee3;--back:#fff;--hit:#b3261e;"
	"--hitback:#fdecea;--unknown:#8a5a00;--fine:#2e6b3a;--code:#f5f7f9}"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa4ae;--line:#39414a;"
	"--back:#14181c;--hit:#ff8a80;--hitback:#3a1c1a;--unknown:#e0b050;--fine:#7cc58a;"
	"--code:#1d2329}}"
	"*{box-sizing:border-box}body{overflow-wrap:anywhere;margin:0 "
	"auto;max-width:70rem;padding:1rem;"
	"font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}"
	"h1{font-size:1.6rem;margin:.2em 0}h2{font-size:1.25rem;margin:2rem 0 .5rem;"
	"border-bottom:2px solid var(--line);overflow-wrap:anywhere}h3{font-size:1.05rem;"
	"margin:1.4rem 0 .4rem}p{margin:.4rem 0}code,.v{font:.875em/1.45 ui-monospace,monospace;"
	"background:var(--code);padding:.05em .3em;border-radius:3px;overflow-wrap:anywhere}"
	".soft{color:var(--soft);font-size:.9em;overflow-wrap:anywhere}"
	".b{display:inline-block;font-size:.75rem;font-weight:600;padding:0 .5em;border-radius:1em;"
	"border:1px solid currentColor;vertical-align:.1em;white-space:nowrap}"
	".true{color:var(--hit)}.unknown{color:var(--unknown)}.false{color:var(--fine)}"
	"details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:0 .7rem}"
	"details[open]{padding-bottom:.6rem}summary{cursor:pointer;padding:.5rem 0;font-weight:600;"
	"overflow-wrap:anywhere}ul{list-style:none;margin:0;padding-left:1rem;"
	"border-left:1px solid var(--line)}li{margin:.25rem 0}"
	".e{margin:.2rem 0 .2rem .6rem;padding-left:.6rem;border-left:3px solid var(--hit)}"
	".t{padding-left:1rem}.mark{background:var(--hitback);font-weight:600}"
	"table{border-collapse:collapse;width:100%;font-size:.9em}"
	"td,th{text-align:left;padding:.25rem .5rem .25rem 0;border-bottom:1px solid var(--line);"
	"vertical-align:top;overflow-wrap:anywhere}th{color:var(--soft);font-weight:600}"
	".n{text-align:right;white-space:nowrap}"
	"@media(max-width:40rem){body{padding:.6rem;font-size:15px}ul{padding-left:.6rem}"
	".t{padding-left:.6rem}td,th{padding-right:.3rem}}"
	"@media print{body{max-width:none;font-size:10pt}details{border:0;padding:0}"
	"details::details-content{content-visibility:visible;height:auto}"
	"li,tr,.e{break-inside:avoid}h2,h3{break-after:avoid}}";

static void page_begin(struct report_page *page, const struct global *global)
{
	char now[32];
	iso_now(now);
	raw(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
		  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		  "style-src 'unsafe-inline'\"><title>Indicators in memory</title><style>");
	raw(page, style);
	raw(page, "</style></head><body>\n<h1>Indicators in memory</h1>\n<p class=\"soft\">");
	text_addf(&page->out, "Eidetic %s, %s. ", EI_VERSION, now);
	text_addf(&page->out, "%zu images, %zu indicators.</p><p class=\"soft\"><code>",
		page->matched->image_count, ioc_set_count(page->matched->set));
	say(page, global->line);
	raw(page, "</code></p>\n");
}

// ---- trees ----------------------------------------------------------------------------------
static void badge(struct report_page *page, enum ioc_truth truth)
{
	text_addf(&page->out, "<span class=\"b %s\">%s</span> ", ioc_truth_name(truth),
		ioc_truth_name(truth));
}

static const struct evidence_process *process_of(
	const struct report_page *page, const struct holder *holder)
{
	return holder->pid == EVIDENCE_NO_PID
		       ? NULL
		       : evidence_process_of(page->image->evidence, holder->pid);
}

static void fact_show(struct report_page *page, const struct leaf_fact *found)
{
	const struct fact *fact = found->fact;
	const struct evidence_process *process = process_of(page, found->holder);
	uint64_t address = fact && fact->has_address ? fact->address : found->holder->address;
	raw(page, "<div class=\"e\">");
	if (fact) {
		raw(page, "<span class=\"v\">");
		safe(page, fact->value, fact->length);
		raw(page, "</span> ");
	}
	raw(page, "<span class=\"soft\">");
	if (process) {
		say(page, process->name);
		text_addf(&page->out, " (%llu) ", (unsigned long long)process->pid);
	}
	if (address)
		text_addf(&page->out, "at 0x%llx ", (unsigned long long)address);
	if (fact && fact->where) {
		raw(page, "in ");
		say(page, fact->where);
		raw(page, " ");
	}
	raw(page, "by ");
	say(page, fact ? fact->source : found->holder->source);
	raw(page, found->approximate ? "; approximate</span></div>\n" : "</span></div>\n");
}

static void process_mark(struct report_page *page, const struct holder *holder)
{
	const struct evidence_process *process = process_of(page, holder);
	if (process && page->marked)
		page->marked[process - evidence_process_at(page->image->evidence, 0)] = 1;
}

static void leaf_show(
	struct report_page *page, const struct ioc_node *group, const struct ioc_leaf *leaf)
{
	size_t shown = 0;
	struct leaf_fact found;
	for (int any = 0; any < 2 && !shown; any++) {
		struct leaf_facts at = { .any = any == 1 };
		while (shown <= EVIDENCE_SHOWN &&
			leaf_fact_next(page->image, group, leaf, &at, &found)) {
			if (!any)
				process_mark(page, found.holder);
			if (shown++ < EVIDENCE_SHOWN)
				fact_show(page, &found);
		}
	}
	if (shown > EVIDENCE_SHOWN)
		raw(page, "<div class=\"e soft\">and more</div>\n");
}

static void node_show(struct report_page *page, const struct ioc_verdict *verdict,
	const struct ioc_node *group, const struct ioc_node *node)
{
	static const char *const names[] = { "", "all of", "any of", "not" };
	const struct ioc_result *result = &verdict->nodes[node->index];
	raw(page, "<li>");
	badge(page, result->truth);
	if (node->kind == IOC_LEAF) {
		struct text what;
		text_init(&what, 64 << 10);
		leaf_describe(&what, &node->leaf);
		safe(page, what.data ? what.data : "", what.length);
		text_deinit(&what);
	} else {
		text_addf(&page->out, "<b>%s</b>", names[node->kind]);
	}
	if (result->truth == IOC_UNKNOWN && node->kind == IOC_LEAF) {
		raw(page, " <span class=\"soft\">");
		say(page, node->note ? node->note : ioc_reason_text(result->reason));
		raw(page, "</span>");
	}
	if (node->kind == IOC_LEAF && result->truth == IOC_TRUE && !node->leaf.negated)
		leaf_show(page, group, &node->leaf);
	if (node->first)
		raw(page, "<ul>");
	for (const struct ioc_node *child = node->first; child; child = child->next)
		node_show(page, verdict, node->kind == IOC_AND ? node : group,
			child); // IOC_DEPTH_MAX deep
	raw(page, node->first ? "</ul></li>\n" : "</li>\n");
}

static void name_show(struct report_page *page, const struct ioc_indicator *indicator)
{
	say(page, *indicator->name ? indicator->name : indicator->id);
}

static void hit_show(struct report_page *page, size_t number)
{
	const struct ioc_indicator *indicator = ioc_set_at(page->matched->set, number);
	const struct ioc_verdict *verdict = &page->image->verdicts[number];
	raw(page, "<details open><summary>");
	badge(page, verdict->truth);
	name_show(page, indicator);
	raw(page, "</summary>");
	if (*indicator->description) {
		raw(page, "<p>");
		say(page, indicator->description);
		raw(page, "</p>");
	}
	raw(page, "<p class=\"soft\">");
	say(page, ioc_format_name(indicator->format));
	raw(page, ", ");
	say(page, indicator->file);
	if (*indicator->id) {
		raw(page, ", ");
		say(page, indicator->id);
	}
	raw(page, "</p><ul>");
	node_show(page, verdict, NULL, indicator->root);
	raw(page, "</ul></details>\n");
}

// ---- processes ------------------------------------------------------------------------------
static void process_line(
	struct report_page *page, const struct evidence_process *process, bool marked)
{
	text_addf(&page->out, "<li%s><b>", marked ? " class=\"mark\"" : "");
	say(page, process->name);
	text_addf(&page->out, "</b> <span class=\"soft\">%llu", (unsigned long long)process->pid);
	if (marked)
		raw(page, " <span class=\"b true\">hit</span>");
	if (process->exited)
		raw(page, " exited");
	else if (!process->listed)
		raw(page, " <span class=\"b true\">hidden</span>");
	raw(page, " ");
	say(page, *process->command ? process->command : process->path);
	raw(page, "</span>");
}

// Children of one process; parents are older than children, so that this ends.
static void processes_below(struct report_page *page, uint32_t parent, unsigned depth)
{
	const struct evidence *evidence = page->image->evidence;
	for (uint32_t i = 0; i < evidence_process_count(evidence); i++) {
		const struct evidence_process *process = evidence_process_at(evidence, i);
		bool root = process->parent == UINT32_MAX;
		if (parent == UINT32_MAX ? !root : process->parent != parent)
			continue;
		process_line(page, process, page->marked && page->marked[i]);
		if (depth < TREE_DEPTH_MAX) {
			raw(page, "<ul>");
			processes_below(page, i, depth + 1);
			raw(page, "</ul>");
		}
		raw(page, "</li>\n");
	}
}

// ---- an image -------------------------------------------------------------------------------
static void undecided_show(struct report_page *page, const size_t *order)
{
	size_t count = ioc_set_count(page->matched->set), shown = 0;
	if (!page->image->by_truth[IOC_UNKNOWN])
		return;
	text_addf(&page->out, "<details><summary>What could not be answered: %zu</summary><table>",
		page->image->by_truth[IOC_UNKNOWN]);
	for (size_t i = 0; i < count && shown < UNDECIDED_SHOWN; i++) {
		const struct ioc_verdict *verdict = &page->image->verdicts[order[i]];
		const struct ioc_indicator *indicator = ioc_set_at(page->matched->set, order[i]);
		struct text why;
		if (verdict->truth != IOC_UNKNOWN)
			continue;
		shown++;
		text_init(&why, 64 << 10);
		unknown_describe(&why, indicator, verdict);
		raw(page, "<tr><td>");
		name_show(page, indicator);
		raw(page, "</td><td class=\"soft\">");
		safe(page, why.data ? why.data : "", why.length);
		raw(page, "</td></tr>\n");
		text_deinit(&why);
	}
	raw(page, shown == UNDECIDED_SHOWN ? "</table><p>and more</p></details>\n"
					   : "</table></details>\n");
}

static void sources_show(struct report_page *page)
{
	const struct evidence *evidence = page->image->evidence;
	raw(page, "<details><summary>Who was asked</summary><table><tr><th>source</th>"
		  "<th class=\"n\">rows</th><th class=\"n\">ms</th><th></th></tr>");
	for (size_t i = 0; i < evidence_source_count(evidence); i++) {
		const struct evidence_source *source = evidence_source_at(evidence, i);
		raw(page, "<tr><td>");
		say(page, source->name);
		text_addf(&page->out, "</td><td class=\"n\">%llu</td><td class=\"n\">%.0f</td><td>",
			(unsigned long long)source->rows, (double)source->nanoseconds / 1e6);
		say(page, source->complete ? "complete" : source->why ? source->why : "incomplete");
		raw(page, "</td></tr>\n");
	}
	raw(page, "</table></details>\n");
}

static ei_error *image_show(struct report_page *page, size_t number)
{
	const size_t *order = page->matched->orders[number];
	page->image = &page->matched->images[number];
	text_addf(&page->out, "<h2 id=\"i%zu\">", number);
	say(page, page->image->path);
	raw(page, "</h2>\n");
	if (page->image->failure) {
		raw(page, "<p class=\"unknown\">could not be read: ");
		say(page, ei_error_text(page->image->failure));
		raw(page, "</p>\n");
		return NULL;
	}
	size_t processes = evidence_process_count(page->image->evidence);
	page->marked = calloc(processes + 1, 1);
	if (!page->marked)
		return ei_fail(EI_E_NOMEM, "out of memory");
	text_addf(&page->out, "<p>%zu true, %zu could not be decided, %zu false.</p>\n",
		page->image->by_truth[IOC_TRUE], page->image->by_truth[IOC_UNKNOWN],
		page->image->by_truth[IOC_FALSE]);
	for (size_t i = 0; i < page->image->by_truth[IOC_TRUE]; i++)
		hit_show(page, order[i]);
	undecided_show(page, order);
	text_addf(&page->out, "<details open><summary>Processes: %zu</summary><ul>\n", processes);
	processes_below(page, UINT32_MAX, 0);
	raw(page, "</ul></details>\n");
	sources_show(page);
	free(page->marked);
	page->marked = NULL;
	return NULL;
}

static void summary_show(struct report_page *page)
{
	raw(page, "<table><tr><th>image</th><th></th><th class=\"n\">true</th>"
		  "<th class=\"n\">undecided</th><th class=\"n\">false</th></tr>");
	for (size_t i = 0; i < page->matched->image_count; i++) {
		size_t number = page->matched->ranking[i];
		const struct matched_image *image = &page->matched->images[number];
		bool hit = image->by_truth[IOC_TRUE];
		text_addf(&page->out, "<tr><td><a href=\"#i%zu\">", number);
		say(page, image->path);
		text_addf(&page->out,
			"</a></td><td><span class=\"b %s\">%s</span></td><td class=\"n\">%zu</td>"
			"<td class=\"n\">%zu</td><td class=\"n\">%zu</td></tr>\n",
			hit              ? "true"
			: image->failure ? "unknown"
					 : "false",
			hit              ? "suspect"
			: image->failure ? "unread"
					 : "nothing found",
			image->by_truth[IOC_TRUE], image->by_truth[IOC_UNKNOWN],
			image->by_truth[IOC_FALSE]);
	}
	raw(page, "</table>\n");
}

static void notes_show(struct report_page *page)
{
	size_t count = ioc_set_note_count(page->matched->set);
	if (!count)
		return;
	text_addf(&page->out, "<details><summary>Notes on indicators: %zu</summary><ul>", count);
	for (size_t i = 0; i < MIN(count, (size_t)UNDECIDED_SHOWN); i++) {
		const struct ioc_note *note = ioc_set_note(page->matched->set, i);
		raw(page, "<li class=\"soft\">");
		say(page, note->file);
		text_addf(&page->out, ":%u: ", note->line);
		say(page, note->text);
		raw(page, "</li>\n");
	}
	raw(page, "</ul></details>\n");
}

// ---- the file -------------------------------------------------------------------------------
static ei_error *page_open(const char *folder, struct text *path, FILE **out)
{
	for (unsigned i = 0; i < NAMES_TRIED; i++) {
		char number[16] = "";
		if (i)
			snprintf(number, sizeof number, "-%u", i);
		text_clear(path);
		text_addf(path, "%s/ioc-report%s.html", folder, number);
		int fd = open(path->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		*out = fd < 0 ? NULL : fdopen(fd, "w");
		if (*out || errno != EEXIST)
			break;
	}
	return *out ? NULL : ei_fail(EI_E_IO, "cannot write '%s': %s", path->data, strerror(errno));
}

static ei_error *page_fill(struct report_page *page, const struct global *global)
{
	page_begin(page, global);
	summary_show(page);
	for (size_t i = 0; i < page->matched->image_count; i++)
		EI_TRY(image_show(page, page->matched->ranking[i]));
	notes_show(page);
	raw(page, "</body></html>\n");
	return page->out.cut
		       ? ei_fail(EI_E_LIMIT, "the page would be larger than %d MiB", PAGE_MAX >> 20)
		       : NULL;
}

static ei_error *page_save(const struct report_page *page, const char *folder, struct text *path)
{
	FILE *file = NULL;
	EI_TRY(page_open(folder, path, &file));
	bool failed = fwrite(page->out.data, 1, page->out.length, file) != page->out.length;
	failed |= fclose(file) != 0;
	return failed ? ei_fail(EI_E_IO, "cannot write '%s': %s", path->data, strerror(errno))
		      : NULL;
}

ei_error *match_report(const struct global *global, const struct matched *matched, struct text *out)
{
	struct report_page page = { .matched = matched };
	if (!global->output_dir)
		return ei_fail(EI_E_USAGE, "-r html needs a folder for the page: -o DIR");
	text_init(&page.out, PAGE_MAX);
	text_init(&page.line, 64 << 20);
	ei_error *error = page_fill(&page, global);
	if (!error)
		error = page_save(&page, global->output_dir, out);
	text_deinit(&page.out);
	text_deinit(&page.line);
	free(page.marked);
	return error;
}
