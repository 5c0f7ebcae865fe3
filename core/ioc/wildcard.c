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

void wildcard_leaf(struct reading *reading, struct leaf_wish *wish, struct wildcard style,
	const char *pattern, size_t length)
{
	length = MIN(length, (size_t)IOC_VALUE_MAX);
	char *bytes = ei_alloc(reading->arena, length + 1);
	bool *wild = ei_alloc(reading->arena, length + 1);
	if (!bytes || !wild) {
		reading_fail(reading, ei_fail(EI_E_NOMEM, "the indicators do not fit into memory"));
		return;
	}
	struct pieces pieces = { bytes, wild, 0 };
	take_apart(&pieces, style, pattern, length);
	size_t first = 0, last = pieces.count, wilds = 0;
	while (first < last && star(&pieces, first))
		first++;
	while (last > first && star(&pieces, last - 1))
		last--;
	for (size_t i = first; i < last; i++)
		wilds += pieces.wild[i];
	bool open_begin =
		first > 0 || wish->condition == IOC_CONTAINS || wish->condition == IOC_ENDS;
	bool open_end = last < pieces.count || wish->condition == IOC_CONTAINS ||
			wish->condition == IOC_STARTS;
	if (wilds) {
		as_regex(reading, wish, &pieces);
		return;
	}
	wish->value = bytes + first;
	wish->length = last - first;
	if (!wish->length && pieces.count)
		wish->condition = IOC_PRESENT;
	else if (open_begin && open_end)
		wish->condition = IOC_CONTAINS;
	else if (open_begin)
		wish->condition = IOC_ENDS;
	else if (open_end)
		wish->condition = IOC_STARTS;
}
