// eidetic ioc match -r html: one page that can be handed on, without a network.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_report.h"

#include "cli/ioc_write.h"
#include "run/session.h"
#include "win/session.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// The page should stay one that a phone opens: trees end when an image has had its share of it.
enum {
	PAGE_WANTED = 3 << 20,
	PAGE_MAX = 64 << 20,
	SHARE_MIN = 12 << 10, // bytes for one image
	PROCESS_BYTES = 400,  // about what one takes
	PROCESSES_MIN = 24,
	PROCESSES_MAX = 1000,
	OPEN_HITS = 4,
	LEAD_NAMES = 8, // images that the first sentences name
	UNDECIDED_SHOWN = 200,
	FILES_SHOWN = 300,
	NOTES_SHOWN = 200,
	NAMES_TRIED = 1000,
};

void report_badge(struct report *r, enum ioc_truth truth, const char *text)
{
	html_rawf(&r->page, "<span class=\"b %s\">", ioc_truth_name(truth));
	html_say(&r->page, text);
	html_raw(&r->page, "</span>");
}

// What is thought of an image, in the colours of truth.
static enum ioc_truth image_truth(const struct matched_image *image)
{
	return image->failure ? IOC_UNKNOWN : image->by_truth[IOC_TRUE] ? IOC_TRUE : IOC_FALSE;
}

static const char *image_verdict(const struct matched_image *image)
{
	return image->failure ? "unread" : image->by_truth[IOC_TRUE] ? "suspect" : "nothing found";
}

// ---- the top --------------------------------------------------------------------------------
static void tile(struct report *r, const char *colour, size_t number, const char *what)
{
	html_rawf(&r->page, "<li class=\"%s\"><b>%zu</b><span>%s</span></li>\n", colour, number,
		what);
}

static void tiles_show(struct report *r)
{
	const struct matched *matched = r->matched;
	size_t suspects = 0, unread = 0, met = 0, undecided = 0;
	for (size_t i = 0; i < matched->image_count; i++) {
		suspects += matched->images[i].by_truth[IOC_TRUE] > 0;
		unread += matched->images[i].failure != NULL;
	}
	for (size_t j = 0; j < ioc_set_count(matched->set); j++) {
		enum ioc_truth best = IOC_FALSE;
		for (size_t i = 0; i < matched->image_count; i++)
			if (matched->images[i].verdicts)
				best = MAX(best, matched->images[i].verdicts[j].truth);
		met += best == IOC_TRUE;
		undecided += best == IOC_UNKNOWN;
	}
	html_raw(&r->page, "<ul class=\"tiles\">\n");
	tile(r, suspects ? "true" : "false", suspects,
		matched->image_count == 1 ? "suspect, of one image" : "suspect images");
	tile(r, "", matched->image_count - unread, "images examined");
	if (unread)
		tile(r, "unknown", unread, "images that could not be read");
	tile(r, met ? "true" : "false", met, "indicators true somewhere");
	tile(r, undecided ? "unknown" : "", undecided, "that could not be decided anywhere");
	tile(r, "", ioc_set_count(matched->set), "indicators asked");
	html_raw(&r->page, "</ul>\n");
}

// "Suspect: first.raw, second.raw. Not read: third.raw."
static void images_named(struct report *r, const char *what, enum ioc_truth truth, bool failed)
{
	size_t count = 0;
	for (size_t i = 0; i < r->matched->image_count; i++) {
		size_t number = r->matched->ranking[i];
		const struct matched_image *image = &r->matched->images[number];
		if (image_truth(image) != truth || (image->failure != NULL) != failed)
			continue;
		if (++count > LEAD_NAMES)
			continue;
		html_rawf(&r->page, "%s%s", count == 1 ? what : ", ", count == 1 ? ": " : "");
		html_rawf(&r->page, "<a href=\"#i%zu\">", number);
		html_say(&r->page, image->path);
		html_raw(&r->page, "</a>");
	}
	if (count > LEAD_NAMES)
		html_rawf(&r->page, " and %zu more", count - LEAD_NAMES);
	html_raw(&r->page, count ? ". " : "");
}

static void top_show(struct report *r)
{
	char now[32];
	iso_now(now);
	html_raw(&r->page, "<a class=\"skip\" href=\"#images\">to the images</a>\n<header>"
			   "<p class=\"kicker\">Memory examination</p>\n"
			   "<h1>Indicators of compromise in memory</h1>\n<p class=\"soft\">");
	html_rawf(&r->page, "Written %s by Eidetic %s. Times are UTC.</p>\n<p>", now, EI_VERSION);
	images_named(r, "Suspect", IOC_TRUE, false);
	images_named(r, "Nothing found in", IOC_FALSE, false);
	images_named(r, "Could not be read", IOC_UNKNOWN, true);
	html_raw(&r->page, "</p>\n");
	tiles_show(r);
	html_raw(&r->page, "</header>\n<main>\n");
}

static void bar_show(struct report *r)
{
	html_raw(&r->page,
		"<div class=\"bar\" hidden role=\"search\"><label for=\"filter\">Filter</label>"
		"<input id=\"filter\" type=\"search\" placeholder=\"process, value, indicator…\" "
		"autocomplete=\"off\" spellcheck=\"false\">"
		"<button type=\"button\" data-open=\"1\">open all</button>"
		"<button type=\"button\" data-open=\"0\">close all</button>"
		"<span role=\"status\" class=\"soft\"></span></div>\n");
}

static void image_row(struct report *r, size_t number)
{
	const struct matched_image *image = &r->matched->images[number];
	html_rawf(&r->page, "<tr><td><a href=\"#i%zu\">", number);
	html_say(&r->page, image->path);
	html_raw(&r->page, "</a></td><td>");
	report_badge(r, image_truth(image), image_verdict(image));
	if (image->failure) {
		html_raw(&r->page, "</td><td colspan=\"6\">");
		html_say(&r->page, ei_error_text(image->failure));
		html_raw(&r->page, "</td></tr>\n");
		return;
	}
	html_rawf(&r->page,
		"</td><td class=\"n\" data-l=\"weight\">%" PRIu64
		"</td><td class=\"n\" data-l=\"true\">%zu</td>"
		"<td class=\"n\" data-l=\"undecided\">%zu</td><td class=\"n\" "
		"data-l=\"false\">%zu</td><td data-l=\"Windows build\">",
		image->weight, image->by_truth[IOC_TRUE], image->by_truth[IOC_UNKNOWN],
		image->by_truth[IOC_FALSE]);
	html_say(&r->page, identity_of(&image->identity, "Windows build"));
	html_raw(&r->page, "</td><td class=\"t\" data-l=\"captured\">");
	const char *time = identity_of(&image->identity, "SystemTime");
	html_text(&r->page, time, MIN(strlen(time), (size_t)19));
	html_raw(&r->page, strlen(time) > 19 ? "Z</td></tr>\n" : "</td></tr>\n");
}

static void images_show(struct report *r)
{
	html_raw(&r->page, "<h2 id=\"images\">Images, the most suspicious first</h2>\n"
			   "<table class=\"cards\"><thead><tr><th>image</th><th>verdict</th>"
			   "<th class=\"n\">weight</th><th class=\"n\">true</th><th class=\"n\">"
			   "undecided</th><th class=\"n\">false</th><th>Windows build</th>"
			   "<th>captured</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < r->matched->image_count; i++)
		image_row(r, r->matched->ranking[i]);
	html_raw(&r->page,
		"</tbody></table>\n<p class=\"soft small\">Weight: 3 for each "
		"alternative that is true by a structure of Windows, 1 for one that is "
		"true by text found in memory. Undecided: memory does not have what would "
		"decide it, which proves nothing.</p>\n");
}

// ---- what an image is -----------------------------------------------------------------------
static void fact_open(struct report *r, const char *name)
{
	html_rawf(&r->page, "<div><dt>%s</dt><dd>", name);
}

static void fact_close(struct report *r)
{
	html_raw(&r->page, "</dd></div>\n");
}

static void identity_fact(struct report *r, const char *name, const char *variable)
{
	const char *value = identity_of(&r->image->identity, variable);
	if (!*value)
		return;
	fact_open(r, name);
	html_say(&r->page, value);
	fact_close(r);
}

static void identity_all(struct report *r)
{
	const struct image_identity *identity = &r->image->identity;
	html_raw(&r->page, "<details><summary>What the image is, in full</summary>\n"
			   "<table><tbody>\n");
	for (size_t i = 0; i < identity->count; i++) {
		html_raw(&r->page, "<tr><th scope=\"row\">");
		html_say(&r->page, identity->pairs[i].variable);
		html_raw(&r->page, "</th><td>");
		html_say(&r->page, identity->pairs[i].value);
		html_raw(&r->page, "</td></tr>\n");
	}
	html_raw(&r->page, "</tbody></table></details>\n");
}

static void identity_show(struct report *r)
{
	const struct image_identity *identity = &r->image->identity;
	html_raw(&r->page, "<dl class=\"facts\">\n");
	fact_open(r, "File");
	html_value(&r->page, r->image->path, strlen(r->image->path));
	fact_close(r);
	fact_open(r, "File size");
	html_rawf(&r->page, "%" PRIu64 " bytes", identity->file_bytes);
	fact_close(r);
	fact_open(r, "SHA-256");
	if (*identity->sha256)
		html_value(&r->page, identity->sha256, strlen(identity->sha256));
	else
		html_raw(&r->page, "not computed; <code>--hash</code> does");
	fact_close(r);
	identity_fact(r, "Format", "Image format");
	identity_fact(r, "Memory", "Image memory");
	identity_fact(r, "Captured (the system's clock)", "SystemTime");
	identity_fact(r, "Windows build", "Windows build");
	identity_fact(r, "Build lab", "NTBuildLab");
	identity_fact(r, "Machine", "Machine");
	identity_fact(r, "Profile", "Profile");
	html_raw(&r->page, "</dl>\n");
}

// ---- an image: hits -------------------------------------------------------------------------
static void hits_rest(struct report *r, size_t from)
{
	const size_t *order = r->matched->orders[r->number];
	size_t count = r->image->by_truth[IOC_TRUE] - from, i = 0;
	if (!count)
		return;
	html_rawf(&r->page,
		"<details><summary>True, too: %zu, whose trees are left out of the page</summary>\n"
		"<p class=\"soft\">The same with <code>-r jsonl</code> has every tree with its "
		"evidence.</p><ul>\n",
		count);
	for (; i < MIN(count, (size_t)HITS_NAMED); i++) {
		const struct ioc_indicator *indicator =
			ioc_set_at(r->matched->set, order[from + i]);
		html_rawf(&r->page, "<li class=\"f\" id=\"i%zuh%zu\">", r->number, order[from + i]);
		html_say(&r->page, indicator_title(indicator));
		html_raw(&r->page, " <span class=\"soft small\">");
		html_say(&r->page, indicator->file);
		html_raw(&r->page, "</span></li>\n");
	}
	if (i < count)
		html_rawf(&r->page, "<li class=\"soft\">and %zu more</li>\n", count - i);
	html_raw(&r->page, "</ul></details>\n");
}

static void hits_show(struct report *r)
{
	size_t count = r->image->by_truth[IOC_TRUE], i = 0;
	if (!count)
		return;
	html_rawf(&r->page, "<h3>Indicators that are true: %zu</h3>\n", count);
	for (; i < count && !report_is_full(r, r->until); i++)
		report_hit(r, r->matched->orders[r->number][i], i < OPEN_HITS);
	hits_rest(r, i);
}

// ---- an image: what it could not answer -----------------------------------------------------
static void undecided_row(struct report *r, size_t number)
{
	const struct ioc_indicator *indicator = ioc_set_at(r->matched->set, number);
	struct text why;
	text_init(&why, 64 << 10);
	unknown_describe(&why, indicator, &r->image->verdicts[number]);
	html_raw(&r->page, "<tr class=\"f\"><td>");
	html_say(&r->page, indicator_title(indicator));
	html_raw(&r->page, "</td><td class=\"soft\">");
	html_text(&r->page, why.data ? why.data : "", why.length);
	html_raw(&r->page, "</td></tr>\n");
	text_deinit(&why);
}

static void undecided_show(struct report *r)
{
	const size_t *order = r->matched->orders[r->number];
	size_t first = r->image->by_truth[IOC_TRUE], count = r->image->by_truth[IOC_UNKNOWN], i = 0;
	if (!count)
		return;
	html_rawf(&r->page,
		"<details><summary>Could not be decided: %zu</summary>\n<table class=\"cards\">"
		"<thead><tr><th>indicator</th><th>what memory did not answer</th></tr></thead>"
		"<tbody>\n",
		count);
	for (; i < MIN(count, (size_t)UNDECIDED_SHOWN) && (i < 10 || !report_is_full(r, r->until));
		i++)
		undecided_row(r, order[first + i]);
	html_raw(&r->page, "</tbody></table>\n");
	if (i < count)
		html_rawf(&r->page, "<p class=\"soft\">Left out: %zu more.</p>\n", count - i);
	html_raw(&r->page, "</details>\n");
}

static void sources_show(struct report *r)
{
	const struct evidence *evidence = r->image->evidence;
	size_t count = evidence_source_count(evidence), broken = 0;
	for (size_t i = 0; i < count; i++)
		broken += !evidence_source_at(evidence, i)->complete;
	html_raw(&r->page, "<details><summary>Sources that were asked: ");
	html_rawf(&r->page, "%zu", count);
	if (broken)
		html_rawf(&r->page, ", <span class=\"b unknown\">%zu incomplete</span>", broken);
	html_raw(&r->page, "</summary>\n<table><thead><tr><th>source</th><th class=\"n\">rows</th>"
			   "<th class=\"n\">ms</th><th>complete</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < count; i++) {
		const struct evidence_source *source = evidence_source_at(evidence, i);
		html_raw(&r->page, "<tr><td>");
		html_say(&r->page, source->name);
		html_rawf(&r->page,
			"</td><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%.1f</td><td>",
			source->rows, (double)source->nanoseconds / 1e6);
		html_say(&r->page, source->complete ? "yes" : source->why ? source->why : "no");
		html_raw(&r->page, "</td></tr>\n");
	}
	html_raw(&r->page, "</tbody></table></details>\n");
}

// ---- an image -------------------------------------------------------------------------------
static size_t processes_wanted(const struct report *r)
{
	size_t room = r->until > r->page.out.length ? r->until - r->page.out.length : 0;
	return MAX((size_t)PROCESSES_MIN, MIN((size_t)PROCESSES_MAX, room / 3 / PROCESS_BYTES));
}

// Bytes around hits are read from the image; without them the page is one all the same.
static ei_error *image_body(struct report *r)
{
	struct global own = *r->global;
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	EI_OWNED(ei_run) run = NULL;
	own.file = r->image->path;
	own.output_dir = NULL;
	ei_error *error =
		r->image->by_truth[IOC_TRUE] ? open_session(&own, &store, &session) : NULL;
	if (!error && session)
		error = run_create(session, &run);
	ei_error_drop(error);
	EI_TRY(unless_cancelled());
	r->run = run;
	size_t wanted = processes_wanted(r);
	EI_TRY(report_processes_plan(r, wanted));
	// The tree of processes comes last, and has its part of the share.
	r->until = MAX(r->until, wanted * PROCESS_BYTES) - wanted * PROCESS_BYTES;
	EI_TRY(report_suspects(r));
	hits_show(r);
	undecided_show(r);
	report_processes(r);
	sources_show(r);
	identity_all(r);
	report_processes_free(r);
	r->run = NULL;
	return NULL;
}

static ei_error *image_show(struct report *r, size_t number, size_t share)
{
	r->number = number;
	r->image = &r->matched->images[number];
	r->until = r->page.out.length + share;
	bool suspect = r->image->by_truth[IOC_TRUE] > 0;
	html_rawf(&r->page, "<section id=\"i%zu\"%s>\n<div class=\"head\"><h2>", number,
		suspect ? " class=\"suspect\"" : "");
	html_say(&r->page, r->image->path);
	html_raw(&r->page, "</h2>");
	report_badge(r, image_truth(r->image), image_verdict(r->image));
	html_raw(&r->page, "</div>\n");
	if (r->image->failure) {
		html_raw(&r->page, "<p>It could not be read: ");
		html_say(&r->page, ei_error_text(r->image->failure));
		html_raw(&r->page, "</p>\n</section>\n");
		return NULL;
	}
	html_rawf(&r->page, "<p>%zu true, %zu undecided, %zu false.</p>\n",
		r->image->by_truth[IOC_TRUE], r->image->by_truth[IOC_UNKNOWN],
		r->image->by_truth[IOC_FALSE]);
	identity_show(r);
	EI_TRY(image_body(r));
	html_raw(&r->page, "</section>\n");
	return NULL;
}

// ---- the indicators -------------------------------------------------------------------------
static void coverage_show(struct report *r)
{
	static const struct {
		const char *what;
		enum ioc_class class;
	} rows[] = {
		{ "memory has it exactly", IOC_CLASS_A },
		{ "memory has it where it was in use; a miss proves nothing", IOC_CLASS_B },
		{ "by searching memory for text; a miss proves nothing", IOC_CLASS_C },
		{ "not by memory alone", IOC_CLASS_D },
		{ "cannot be asked: no value, or not understood", 0 },
	};
	size_t leaves[IOC_CLASS_D + 1] = { 0 }, all = 0;
	for (size_t i = 0; i < ioc_set_count(r->matched->set); i++) {
		struct ioc_coverage coverage = ioc_coverage(ioc_set_at(r->matched->set, i));
		for (size_t j = 0; j <= IOC_CLASS_D; j++) {
			leaves[j] += coverage.leaves[j];
			all += coverage.leaves[j];
		}
	}
	html_rawf(&r->page,
		"<h3>How well memory can answer their %zu conditions</h3>\n<table><thead><tr>"
		"<th>class</th><th>how</th><th class=\"n\">conditions</th></tr></thead><tbody>\n",
		all);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		html_rawf(&r->page, "<tr><td>%c</td><td>%s</td><td class=\"n\">%zu</td></tr>\n",
			rows[i].class ? 'A' + (int)rows[i].class - 1 : '-', rows[i].what,
			leaves[rows[i].class]);
	html_raw(&r->page, "</tbody></table>\n");
}

static void files_show(struct report *r)
{
	const struct ioc_set *set = r->matched->set;
	size_t count = ioc_set_file_count(set);
	html_rawf(&r->page,
		"<details%s><summary>Files of indicators: %zu</summary>\n"
		"<table class=\"cards\"><thead><tr><th>file</th><th>format</th>"
		"<th class=\"n\">indicators</th><th class=\"n\">conditions</th>"
		"<th class=\"n\">notes</th></tr></thead><tbody>\n",
		count <= 10 ? " open" : "", count);
	for (size_t i = 0; i < MIN(count, (size_t)FILES_SHOWN); i++) {
		const struct ioc_file *file = ioc_set_file(set, i);
		html_raw(&r->page, "<tr class=\"f\"><td>");
		html_say(&r->page, file->path);
		html_raw(&r->page, "</td><td data-l=\"format\">");
		html_say(&r->page, file->format ? ioc_format_name(file->format) : "not recognised");
		if (file->broken)
			html_raw(&r->page, " <span class=\"b unknown\">skipped</span>");
		html_rawf(&r->page,
			"</td><td class=\"n\" data-l=\"indicators\">%zu</td><td class=\"n\" "
			"data-l=\"conditions\">%zu</td><td class=\"n\" "
			"data-l=\"notes\">%zu</td></tr>"
			"\n",
			file->indicators, file->leaves, file->notes);
	}
	html_raw(&r->page, "</tbody></table>\n");
	if (count > FILES_SHOWN)
		html_rawf(&r->page, "<p class=\"soft\">Left out: %zu more.</p>\n",
			count - FILES_SHOWN);
	html_raw(&r->page, "</details>\n");
}

static void notes_show(struct report *r)
{
	size_t count = ioc_set_note_count(r->matched->set);
	if (!count)
		return;
	html_rawf(&r->page, "<details><summary>Notes on them: %zu</summary><ul>\n", count);
	for (size_t i = 0; i < MIN(count, (size_t)NOTES_SHOWN); i++) {
		const struct ioc_note *note = ioc_set_note(r->matched->set, i);
		html_raw(&r->page, "<li class=\"small f\">");
		html_say(&r->page, note->file);
		if (note->line)
			html_rawf(&r->page, ", line %u", note->line);
		html_raw(&r->page, note->broken ? ": skipped: " : ": ");
		html_say(&r->page, note->text);
		html_raw(&r->page, "</li>\n");
	}
	if (count > NOTES_SHOWN)
		html_rawf(&r->page,
			"<li class=\"soft\">and %zu more; <code>eidetic ioc check"
			"</code> has all</li>\n",
			count - NOTES_SHOWN);
	html_raw(&r->page, "</ul></details>\n");
}

static void end_show(struct report *r)
{
	html_raw(&r->page, "<section id=\"indicators\">\n<h2>The indicators</h2>\n");
	coverage_show(r);
	files_show(r);
	notes_show(r);
	html_raw(&r->page, "</section>\n<section id=\"how\">\n<h2>How this came about</h2>\n"
			   "<p>The command:</p>\n<p>");
	html_value(&r->page, r->global->line, strlen(r->global->line));
	html_raw(&r->page,
		"</p>\n<p class=\"soft small\">An indicator is true, false or unknown. Conditions "
		"of "
		"one group must hold for one and the same thing: one process with what belongs to "
		"it, one file, one value of the registry. Bytes and texts are shown as the image "
		"has them; what could be taken for markup, or would hide or turn round text, is "
		"written as \\xNN or \\u{NNNN}. The images were opened for reading only.</p>\n"
		"</section>\n</main>\n");
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

// What an image does not need of its share is the next one's.
static ei_error *page_fill(struct report *r)
{
	const struct matched *matched = r->matched;
	EI_TRY(html_begin(&r->page, "Indicators of compromise in memory"));
	top_show(r);
	images_show(r);
	bar_show(r);
	for (size_t i = 0; i < matched->image_count; i++) {
		size_t left = MAX((size_t)PAGE_WANTED, r->page.out.length) - r->page.out.length;
		EI_TRY(image_show(r, matched->ranking[i],
			MAX(left / (matched->image_count - i), (size_t)SHARE_MIN)));
	}
	end_show(r);
	html_end(&r->page);
	return r->page.out.cut
		       ? ei_fail(EI_E_LIMIT, "the page would be larger than %d MiB", PAGE_MAX >> 20)
		       : NULL;
}

static ei_error *page_save(const struct report *r, const char *folder, struct text *path)
{
	FILE *file = NULL;
	const struct text *out = &r->page.out;
	EI_TRY(page_open(folder, path, &file));
	bool failed = fwrite(out->data, 1, out->length, file) != out->length;
	failed |= fclose(file) != 0;
	if (!failed)
		return NULL;
	ei_error *error = ei_fail(EI_E_IO, "cannot write '%s': %s", path->data, strerror(errno));
	unlink(path->data); // half a page would pass for one
	return error;
}

ei_error *match_report(const struct global *global, const struct matched *matched, struct text *out)
{
	struct report report = { .global = global, .matched = matched };
	html_init(&report.page, PAGE_MAX);
	ei_error *error = page_fill(&report);
	if (!error)
		error = page_save(&report, global->output_dir, out);
	html_deinit(&report.page);
	report_processes_free(&report);
	return error;
}
