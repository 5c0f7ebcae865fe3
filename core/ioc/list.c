// Lists: one value a line; documents with lists in them.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

struct list {
	struct reading *reading;
	bool prose;   // a document: only what is marked as a value is one
	bool listing; // within a block of such a document
	size_t values, others;
	uint32_t first_other;
};

static void value_add(struct list *list, enum observable kind, const char *value, size_t length)
{
	struct reading *reading = list->reading;
	const char *name = reading_text(reading, value, MIN(length, (size_t)200));
	indicator_begin(reading, NULL, name, NULL);
	observable_add(reading, NULL, kind, value, length);
	list->values += indicator_end(reading);
}

static bool is_digest(enum observable kind)
{
	return kind == OBSERVABLE_MD5 || kind == OBSERVABLE_SHA1 || kind == OBSERVABLE_SHA256;
}

// A piece of a line; false when it is no value.
static bool piece(struct list *list, char *text, size_t length, bool marked)
{
	const char *begin = text;
	trim(&begin, &length);
	while (length > 1 && (*begin == '`' || *begin == '"') && begin[length - 1] == *begin)
		begin++, length -= 2;
	if (length > IOC_VALUE_MAX)
		return false;
	char *value = text + (begin - text);
	// Paths and keys mean their brackets.
	enum observable kind = observable_guess(value, length);
	if (kind != OBSERVABLE_PATH && kind != OBSERVABLE_KEY) {
		length = refang(value, length);
		kind = observable_guess(value, length);
	}
	if (!kind || (list->prose && !marked && !list->listing && !is_digest(kind)))
		return false;
	value_add(list, kind, value, length);
	return true;
}

// `like this`, in a document.
static bool marked_pieces(struct list *list, char *line, size_t length)
{
	bool any = false;
	char *end = line + length;
	for (char *open; (open = memchr(line, '`', (size_t)(end - line)));) {
		char *close = memchr(open + 1, '`', (size_t)(end - open - 1));
		if (!close)
			break;
		any |= piece(list, open + 1, (size_t)(close - open - 1), true);
		line = close + 1;
	}
	return any;
}

// "|one|two|": a row of a table. File names beside a digest only tell what it is.
static bool table_row(struct list *list, char *line, size_t length)
{
	bool any = false;
	char *end = line + length;
	for (char *cell = line + 1; cell < end;) {
		char *bar = memchr(cell, '|', (size_t)(end - cell));
		char *stop = bar ? bar : end;
		const char *begin = cell;
		size_t size = (size_t)(stop - cell);
		trim(&begin, &size);
		bool url = memmem(begin, size, "://", 3) != NULL;
		enum observable kind = observable_guess(begin, size);
		if (kind != OBSERVABLE_FILE && !(url && list->prose))
			any |= piece(list, cell, (size_t)(stop - cell), true);
		cell = stop + 1;
	}
	return any;
}

// "VALUE;comment", "VALUE # comment", "DIGEST  name": the length of the value.
static size_t value_length(const char *line, size_t length)
{
	const char *end = memchr(line, ';', length);
	if (end && !memmem(line, length, "://", 3))
		length = (size_t)(end - line);
	end = memmem(line, length, " #", 2);
	if (end)
		length = (size_t)(end - line);
	size_t first = 0;
	while (first < length && line[first] != ' ' && line[first] != '\t' && line[first] != ',')
		first++;
	return is_digest(observable_guess(line, first)) ? first : length;
}

static bool is_comment(const char *line, size_t length)
{
	return !length || *line == '#' || *line == ';' || (length > 1 && !memcmp(line, "//", 2));
}

// What begins and ends a block of values in a document.
static bool is_fence(const char *line, size_t length)
{
	return length >= 3 &&
	       (!memcmp(line, "---", 3) || !memcmp(line, "```", 3) || !memcmp(line, "...", 3));
}

static bool line_read(struct list *list, char *line, size_t length)
{
	const char *begin = line;
	trim(&begin, &length);
	line += begin - line;
	if (is_comment(line, length))
		return true;
	if (list->prose && is_fence(line, length)) {
		list->listing = !list->listing;
		return true;
	}
	if (*line == '|')
		return table_row(list, line, length);
	if (memchr(line, '`', length))
		return marked_pieces(list, line, length);
	if (length > 2 && (*line == '-' || *line == '*') && line[1] == ' ')
		line += 2, length -= 2;
	return piece(list, line, value_length(line, length), false);
}

static bool is_prose(const char *file)
{
	static const char *const extensions[] = { "adoc", "asciidoc", "md", "rst", "html" };
	const char *dot = strrchr(file, '.');
	for (size_t i = 0; dot && i < ARRAY_LENGTH(extensions); i++)
		if (!strcasecmp(dot + 1, extensions[i]))
			return true;
	return false;
}

ei_error *list_read(struct reading *reading, char *text, size_t length)
{
	struct list list = { .reading = reading, .prose = is_prose(reading->file) };
	char *at = text, *line;
	size_t line_length;
	uint32_t number = 0;
	while (!reading_stopped(reading) && line_next(&at, text + length, &line, &line_length)) {
		reading->line = ++number;
		if (line_read(&list, line, line_length))
			continue;
		list.others++;
		list.first_other = list.first_other ? list.first_other : number;
	}
	// A text that names a value here and there is no list.
	if (!list.values || (!list.prose && list.others > list.values * 2))
		return ei_fail(
			EI_E_UNKNOWN, "it is of no format that is known, and no list of values");
	if (list.others && !list.prose)
		reading_note(reading, list.first_other,
			"%zu lines are no value that is known by its form, this is the first",
			list.others);
	return NULL;
}
