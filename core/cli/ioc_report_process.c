// The page of `ioc match -r html`: processes, and which of them hits are about.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_report.h"

#include "run/value_text.h"
#include <inttypes.h>
#include <stdlib.h>

enum { FACTS_OF_LEAF = 64, DEPTH_DRAWN = 48, SUSPECTS_SHOWN = 40, COMMAND_SHOWN = 600 };

#define NOBODY UINT32_MAX

static const struct evidence_process *process_at(const struct report *r, uint32_t index)
{
	return evidence_process_at(r->image->evidence, index);
}

static uint32_t index_of(const struct report *r, uint64_t pid)
{
	const struct evidence_process *process =
		pid == EVIDENCE_NO_PID ? NULL : evidence_process_of(r->image->evidence, pid);
	return process ? (uint32_t)(process - process_at(r, 0)) : NOBODY;
}

// ---- marks ----------------------------------------------------------------------------------
static void process_mark(struct report *r, uint64_t pid, size_t place)
{
	uint32_t index = index_of(r, pid);
	if (index == NOBODY)
		return;
	struct report_process *process = &r->processes[index];
	for (uint32_t i = 0; i < MIN(process->marks, (uint32_t)MARKS_KEPT); i++)
		if (process->places[i] == place)
			return;
	if (process->marks < MARKS_KEPT)
		process->places[process->marks] = (uint32_t)place;
	process->marks++;
}

static void node_mark(
	struct report *r, size_t place, const struct ioc_node *group, const struct ioc_node *node)
{
	const struct ioc_verdict *verdict =
		&r->image->verdicts[r->matched->orders[r->number][place]];
	struct leaf_facts at = { 0 };
	struct leaf_fact found;
	if (verdict->nodes[node->index].truth != IOC_TRUE)
		return;
	if (node->kind == IOC_LEAF && !node->leaf.negated && !node->leaf.exclusion)
		for (size_t i = 0; i < FACTS_OF_LEAF &&
				   leaf_fact_next(r->image, group, &node->leaf, &at, &found);
			i++)
			process_mark(r, found.holder->pid, place);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		node_mark(r, place, node->kind == IOC_AND ? node : group,
			child); // IOC_DEPTH_MAX deep
}

// ---- which are shown ------------------------------------------------------------------------
// With all its parents, as long as there is room.
static size_t show_with_parents(struct report *r, uint32_t index, size_t room)
{
	size_t taken = 0;
	for (; index != NOBODY && !r->processes[index].shown && taken < room; taken++) {
		r->processes[index].shown = true;
		index = process_at(r, index)->parent;
	}
	return taken;
}

static void shown_choose(struct report *r, size_t room)
{
	for (uint32_t i = 0; i < r->process_count; i++)
		if (r->processes[i].marks)
			room -= show_with_parents(r, i, room);
	for (uint32_t i = 0; i < r->process_count && room; i++)
		room -= show_with_parents(r, i, room);
}

// A parent that is not shown leaves its children at the top.
static void shown_link(struct report *r)
{
	r->first_process = NOBODY;
	for (uint32_t i = 0; i < r->process_count; i++)
		r->processes[i].first = NOBODY;
	for (uint32_t i = r->process_count; i-- > 0;) {
		uint32_t parent = process_at(r, i)->parent;
		bool top = parent == NOBODY || !r->processes[parent].shown;
		uint32_t *list = top ? &r->first_process : &r->processes[parent].first;
		if (!r->processes[i].shown)
			continue;
		r->processes[i].next = *list;
		*list = i;
	}
}

ei_error *report_processes_plan(struct report *r, size_t shown_max)
{
	r->process_count = (uint32_t)evidence_process_count(r->image->evidence);
	r->processes = calloc((size_t)r->process_count + 1, sizeof *r->processes);
	if (!r->processes)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < r->image->by_truth[IOC_TRUE]; i++) {
		size_t indicator = r->matched->orders[r->number][i];
		node_mark(r, i, NULL, ioc_set_at(r->matched->set, indicator)->root);
	}
	shown_choose(r, shown_max);
	shown_link(r);
	return NULL;
}

void report_processes_free(struct report *r)
{
	free(r->processes);
	r->processes = NULL;
}

// ---- one of them ----------------------------------------------------------------------------
void report_process_name(struct report *r, uint64_t pid)
{
	uint32_t index = index_of(r, pid);
	if (index == NOBODY) {
		html_rawf(&r->page, "process %" PRIu64, pid);
		return;
	}
	bool link = r->processes[index].shown;
	if (link)
		html_rawf(&r->page, "<a href=\"#i%zup%u\">", r->number, index);
	html_say(&r->page, process_at(r, index)->name);
	html_rawf(&r->page, " (%" PRIu64 ")%s", pid, link ? "</a>" : "");
}

static void time_say(struct report *r, uint64_t filetime)
{
	struct text text;
	text_init(&text, 256);
	time_text(&text, filetime, TIME_ISO);
	// Whole seconds are enough to read along.
	html_text(&r->page, text.data ? text.data : "", MIN(text.length, (size_t)19));
	html_raw(&r->page, text.length > 19 ? "Z" : "");
	text_deinit(&text);
}

static void command_say(struct report *r, const struct evidence_process *process)
{
	const char *command = *process->command ? process->command : process->path;
	size_t length = strlen(command);
	html_text(&r->page, command, MIN(length, (size_t)COMMAND_SHOWN));
	html_raw(&r->page, length > COMMAND_SHOWN ? "…" : "");
}

static void state_say(struct report *r, const struct evidence_process *process)
{
	if (process->exited) {
		html_raw(&r->page, " <span class=\"b\">ended ");
		time_say(r, process->exited);
		html_raw(&r->page, "</span>");
	} else if (!process->listed) {
		html_raw(&r->page, " <span class=\"b true\">not on the kernel's list</span>");
	}
}

static void mark_say(struct report *r, uint32_t place)
{
	size_t number = r->matched->orders[r->number][place];
	bool link = place < HITS_NAMED;
	if (link)
		html_rawf(&r->page, "<a href=\"#i%zuh%zu\">", r->number, number);
	html_say(&r->page, indicator_title(ioc_set_at(r->matched->set, number)));
	html_raw(&r->page, link ? "</a>" : "");
}

static void marks_say(struct report *r, const struct report_process *process)
{
	uint32_t kept = MIN(process->marks, (uint32_t)MARKS_KEPT);
	for (uint32_t i = 0; i < kept; i++) {
		html_raw(&r->page, i ? ", " : "");
		mark_say(r, process->places[i]);
	}
	if (process->marks > kept)
		html_rawf(&r->page, " and %u more", process->marks - kept);
}

// ---- those that hits are about --------------------------------------------------------------
static void suspect_row(struct report *r, uint32_t index)
{
	const struct evidence_process *process = process_at(r, index);
	html_raw(&r->page, "<tr class=\"f\"><td class=\"t\" data-l=\"process\"><b>");
	report_process_name(r, process->pid);
	html_raw(&r->page, "</b>");
	if (process->created) {
		html_raw(&r->page, "<div class=\"soft small\">started ");
		time_say(r, process->created);
		html_raw(&r->page, "</div>");
	}
	state_say(r, process);
	html_raw(&r->page, "</td><td class=\"t\" data-l=\"parent\">");
	if (process->parent != NOBODY)
		report_process_name(r, process_at(r, process->parent)->pid);
	else if (process->ppid != EVIDENCE_NO_PID)
		html_rawf(&r->page, "%" PRIu64 " (gone)", process->ppid);
	html_raw(&r->page, "</td><td data-l=\"command line\">");
	if (*process->command || *process->path) {
		html_raw(&r->page, "<code>");
		command_say(r, process);
		html_raw(&r->page, "</code>");
	}
	html_raw(&r->page, "</td><td data-l=\"indicators\">");
	marks_say(r, &r->processes[index]);
	html_raw(&r->page, "</td></tr>\n");
}

static int by_marks(const void *a, const void *b, void *context)
{
	const struct report_process *processes = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	if (processes[x].marks != processes[y].marks)
		return processes[x].marks < processes[y].marks ? 1 : -1;
	return x < y ? -1 : 1;
}

// Those that most indicators are about come first.
ei_error *report_suspects(struct report *r)
{
	uint32_t *order = calloc((size_t)r->process_count + 1, sizeof *order), count = 0;
	if (!order)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (uint32_t i = 0; i < r->process_count; i++)
		if (r->processes[i].marks)
			order[count++] = i;
	qsort_r(order, count, sizeof *order, by_marks, r->processes);
	if (count)
		html_raw(&r->page,
			"<h3>Processes that hits are about</h3>\n<table class=\"cards\"><thead>"
			"<tr><th>process</th><th>parent</th><th>command line</th>"
			"<th>indicators</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < MIN(count, (uint32_t)SUSPECTS_SHOWN); i++)
		suspect_row(r, order[i]);
	html_raw(&r->page, count ? "</tbody></table>\n" : "");
	if (count > SUSPECTS_SHOWN)
		html_rawf(&r->page, "<p class=\"soft\">Left out here: %u more.</p>\n",
			count - SUSPECTS_SHOWN);
	free(order);
	return NULL;
}

// ---- the tree -------------------------------------------------------------------------------
static void process_line(struct report *r, uint32_t index)
{
	const struct evidence_process *process = process_at(r, index);
	const struct report_process *drawn = &r->processes[index];
	html_rawf(&r->page, "<li class=\"p f%s\" id=\"i%zup%u\"><div class=\"row\"><b>",
		drawn->marks ? " m" : "", r->number, index);
	html_say(&r->page, process->name);
	html_rawf(&r->page, "</b> <span class=\"soft\">%" PRIu64 "</span>", process->pid);
	if (drawn->marks)
		html_raw(&r->page, " <span class=\"b true\">hit</span>");
	state_say(r, process);
	if (*process->command || *process->path) {
		html_raw(&r->page, " <span class=\"soft small mono\">");
		command_say(r, process);
		html_raw(&r->page, "</span>");
	}
	if (drawn->marks) {
		html_raw(&r->page, "<div class=\"small\">");
		marks_say(r, drawn);
		html_raw(&r->page, "</div>");
	}
	html_raw(&r->page, "</div>");
}

// Below DEPTH_DRAWN children stand beside their parents: browsers nest only so deep.
static void tree_draw(struct report *r)
{
	uint32_t at = r->first_process;
	size_t depth = 0;
	while (at != NOBODY) {
		process_line(r, at);
		if (r->processes[at].first != NOBODY) {
			html_raw(&r->page, depth < DEPTH_DRAWN ? "<ul>\n" : "</li>\n");
			at = r->processes[at].first;
			depth++;
			continue;
		}
		html_raw(&r->page, "</li>\n");
		while (r->processes[at].next == NOBODY && depth) {
			at = process_at(r, at)->parent;
			html_raw(&r->page, --depth < DEPTH_DRAWN ? "</ul></li>\n" : "");
		}
		at = r->processes[at].next;
	}
}

void report_processes(struct report *r)
{
	size_t shown = 0;
	for (uint32_t i = 0; i < r->process_count; i++)
		shown += r->processes[i].shown;
	html_rawf(&r->page, "<details class=\"ps\"%s><summary>Process tree: %u</summary>\n",
		r->image->by_truth[IOC_TRUE] ? " open" : "", r->process_count);
	if (shown < r->process_count)
		html_rawf(&r->page,
			"<p class=\"soft\">Left out: %zu of %u processes. Those that hits are "
			"about come first, with their parents; <code>eidetic pstree</code> lists "
			"all.</p>\n",
			r->process_count - shown, r->process_count);
	html_raw(&r->page, "<ul class=\"tree\">\n");
	tree_draw(r);
	html_raw(&r->page, "</ul></details>\n");
}
