// What the parts of the page of `ioc match -r html` share.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_IOC_REPORT_H
#define CLI_IOC_REPORT_H

#include "cli/ioc_cli.h"
#include "out/html.h"

enum {
	MARKS_KEPT = 6,
	HITS_NAMED = 300, // at least so many hits of an image are on the page
};

// A process of the image that is drawn.
struct report_process {
	uint32_t first, next;        // child, sibling: of those that are shown; UINT32_MAX: none
	uint32_t marks;              // indicators that hit it
	uint32_t places[MARKS_KEPT]; // of these in the image's order
	bool shown;
};

struct report {
	struct html page;
	const struct global *global;
	const struct matched *matched;
	const struct matched_image *image; // being written
	size_t number;                     // of the image
	ei_run *run;                       // for bytes around hits; NULL: it could not be opened
	struct report_process *processes;
	uint32_t process_count, first_process;
	size_t until;      // length of the page at which what is of this image should end
	size_t tree_until; // the same for one indicator's tree
};

static inline bool report_is_full(const struct report *report, size_t until)
{
	return report->page.out.length >= until;
}

static inline const char *indicator_title(const struct ioc_indicator *indicator)
{
	return *indicator->name ? indicator->name : indicator->id;
}

void report_badge(struct report *report, enum ioc_truth truth, const char *text);

// ---- ioc_report_process.c -------------------------------------------------------------------
// Finds the processes that hits are about and chooses which are shown. Before everything else of
// an image. EI_E_NOMEM.
EI_CHECKED ei_error *report_processes_plan(struct report *report, size_t shown_max);
void report_processes_free(struct report *report);
EI_CHECKED ei_error *report_suspects(struct report *report); // that hits are about, as a table
void report_processes(struct report *report);                // all, as a tree

// "prnspool.exe (11064)", as a link to where it is in the tree, if it is there.
void report_process_name(struct report *report, uint64_t pid);

// ---- ioc_report_tree.c ----------------------------------------------------------------------
// One indicator that is true: where it is from, its tree, its evidence.
void report_hit(struct report *report, size_t indicator, bool open);

#endif
