// How files begin, as far as that is in memory: what an agent that watches writes would have seen.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_parts.h"

#include <eidetic/files.h>
#include <eidetic/scan.h>

// The agent keeps so many characters; conditions that look further find more here.
enum { SHORT = 64, LONG = 2048 };

static const char source_name[] = "files";
static const char term[] = "fileWriteEvent/textAtLowestOffset";
static const char *const tags[] = { "File" };

static const ei_plugin needs = { .name = source_name,
	.tags = tags,
	.tag_count = ARRAY_LENGTH(tags),
	.symbols = (const char *const[]){ "PsActiveProcessHead" },
	.symbol_count = 1 };

const char *evidence_first_says(size_t nth)
{
	return nth ? NULL : term;
}

void evidence_first_plan(struct evidence *evidence)
{
	if (evidence_asks(evidence, term))
		run_plan(evidence->wish.session, &needs);
}

// As the agent shows it: a full stop for what is not printed.
static size_t text_make(const uint8_t *bytes, size_t size, char *out)
{
	for (size_t i = 0; i < size; i++)
		out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.';
	return size;
}

static ei_val text_of(const char *text, size_t length)
{
	return (ei_val){ .s = text, .length = (uint32_t)length, .kind = EI_STR, .state = EI_OK };
}

static bool content_begins(ei_run *run, const ei_file *file, ei_content_kind kind, uint8_t *bytes,
	size_t *size, uint64_t *at)
{
	ei_content content;
	if (!ei_file_content(run, file, kind, EI_SHAPE_TRUE, &content) || !content.piece_count ||
		content.pieces[0].offset || content.pieces[0].pa == EI_PIECE_ZERO)
		return false;
	*size = (size_t)MIN(MIN(content.pieces[0].size, content.size), (uint64_t)LONG);
	*at = content.pieces[0].pa;
	return *size && ei_read_physical(run, *at, bytes, *size) == *size;
}

static bool file_give(struct evidence *evidence, ei_run *run, const ei_file *file)
{
	uint8_t bytes[LONG];
	char text[LONG];
	size_t size = 0;
	uint64_t at = 0;
	static const ei_content_kind kinds[] = { EI_CONTENT_DATA, EI_CONTENT_CACHE,
		EI_CONTENT_IMAGE };
	bool found = false;
	for (size_t i = 0; !found && i < ARRAY_LENGTH(kinds); i++)
		found = content_begins(run, file, kinds[i], bytes, &size, &at);
	if (!found)
		return false;
	ei_val path = ei_file_path_on(run, file);
	struct holder holder = {
		.source = source_name, .pid = EVIDENCE_NO_PID, .address = file->va
	};
	struct place place = { .has_address = true, .address = at, .source = source_name };
	struct known known = evidence_file(evidence, path, &holder);
	if (known.entity == UINT32_MAX)
		return false;
	size_t length = text_make(bytes, size, text);
	evidence_value(evidence, "FileItem/FullPath", known, path, NULL);
	evidence_value(evidence, term, known, text_of(text, MIN(length, (size_t)SHORT)), &place);
	if (length > SHORT)
		evidence_value(evidence, term, known, text_of(text, length), &place);
	return true;
}

ei_error *evidence_first(struct evidence *evidence)
{
	uint64_t started = evidence_clock(), rows = 0;
	if (!evidence_asks(evidence, term))
		return NULL;
	EI_OWNED(ei_run) run = NULL;
	EI_TRY(evidence_open(evidence, &needs, started, &run));
	if (!run)
		return NULL;
	const ei_file *files = NULL;
	const ei_files_wish wish = { .sources = EI_FILES_ALL };
	size_t count = ei_files(run, &wish, &files);
	ioc_evidence_answers(evidence->logic, term, false);
	ioc_evidence_answers(evidence->logic, "FileItem/FullPath", false);
	for (size_t i = 0; i < count && !ei_stopped(run) && !evidence->no_memory; i++) {
		ei_mark mark = ei_arena_mark(ei_scratch(run));
		rows += file_give(evidence, run, &files[i]);
		ei_arena_rewind(ei_scratch(run), mark);
	}
	evidence_source_add(evidence, source_name, rows, NULL, started);
	return NULL;
}
