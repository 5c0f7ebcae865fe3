// Patterns with wildcards, as the conditions that say the same.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

// The pattern, taken apart: literal bytes, and which of them are wildcards.
struct pieces {
	char *bytes;
	bool *wild; // bytes[i] is '*' or '?' and means it
	size_t count;
};

static void take_apart(
	struct pieces *pieces, struct wildcard style, const char *pattern, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = pattern[i], next = i + 1 < length ? pattern[i + 1] : 0;
		bool escaped = style.escape && c == style.escape &&
			       (next == style.any || next == style.one || next == style.escape) &&
			       next;
		if (escaped)
			c = pattern[++i];
		pieces->wild[pieces->count] = !escaped && (c == style.any || c == style.one);
		if (pieces->wild[pieces->count])
			c = c == style.any ? '*' : '?';
		pieces->bytes[pieces->count++] = c;
	}
}

static void as_regex(struct reading *reading, struct leaf_wish *wish, const struct pieces *pieces)
{
	bool begins = wish->condition == IOC_IS || wish->condition == IOC_STARTS;
	bool ends = wish->condition == IOC_IS || wish->condition == IOC_ENDS;
	struct text text;
	text_init(&text, IOC_VALUE_MAX);
	text_add(&text, "(?s)", 4);
	if (begins)
		text_add(&text, "\\A", 2);
	for (size_t i = 0; i < pieces->count; i++) {
		char c = pieces->bytes[i];
		if (pieces->wild[i])
			text_add(&text, c == '*' ? ".*" : ".", c == '*' ? 2 : 1);
		else if (strchr("\\^$.|?*+()[]{}#-", c) && c)
			text_addf(&text, "\\%c", c);
		else
			text_add(&text, &c, 1);
	}
	if (ends)
		text_add(&text, "\\z", 2);
	wish->condition = IOC_MATCHES;
	wish->value = reading_text(reading, text.data ? text.data : "", text.length);
	wish->length = text.cut ? IOC_VALUE_MAX + 1 : text.length;
	text_deinit(&text);
}

static bool star(const struct pieces *pieces, size_t at)
{
	return pieces->wild[at] && pieces->bytes[at] == '*';
}

// What is between the stars at either end.
struct middle {
	size_t first, last;
	bool wild; // there are wildcards in it
};

static struct middle middle_of(const struct pieces *pieces)
{
	struct middle middle = { 0, pieces->count, false };
	while (middle.first < middle.last && star(pieces, middle.first))
		middle.first++;
	while (middle.last > middle.first && star(pieces, middle.last - 1))
		middle.last--;
	for (size_t i = middle.first; i < middle.last; i++)
		middle.wild |= pieces->wild[i];
	return middle;
}

static enum ioc_condition condition_of(bool open_begin, bool open_end)
{
	static const enum ioc_condition conditions[2][2] = {
		{ IOC_IS, IOC_STARTS },
		{ IOC_ENDS, IOC_CONTAINS },
	};
	return conditions[open_begin][open_end];
}

void wildcard_leaf(struct reading *reading, struct leaf_wish *wish, struct wildcard style,
	const char *pattern, size_t length)
{
	enum ioc_condition given = wish->condition;
	if (given != IOC_IS && given != IOC_CONTAINS && given != IOC_STARTS && given != IOC_ENDS)
		return;
	length = MIN(length, (size_t)IOC_VALUE_MAX);
	struct pieces pieces = { ei_alloc(reading->arena, length + 1),
		ei_alloc(reading->arena, length + 1), 0 };
	if (!pieces.bytes || !pieces.wild) {
		reading_fail(reading, ei_fail(EI_E_NOMEM, "the indicators do not fit into memory"));
		return;
	}
	take_apart(&pieces, style, pattern, length);
	struct middle middle = middle_of(&pieces);
	if (middle.wild) {
		as_regex(reading, wish, &pieces);
		return;
	}
	wish->value = pieces.bytes + middle.first;
	wish->length = middle.last - middle.first;
	wish->condition =
		condition_of(middle.first > 0 || given == IOC_CONTAINS || given == IOC_ENDS,
			middle.last < pieces.count || given == IOC_CONTAINS || given == IOC_STARTS);
	if (!wish->length && pieces.count)
		wish->condition = IOC_PRESENT;
}
