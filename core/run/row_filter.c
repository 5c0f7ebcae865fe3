// --filters: parsed once, asked for every row.
// SPDX-License-Identifier: Apache-2.0
#include "run/row_filter.h"

#include "base/regex.h"
#include "run/value_text.h"
#include <strings.h>

enum { FILTER_STEPS_MAX = 100000 };

static int column_like(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcasestr(table->columns[i].title, name))
			return (int)i;
	return -1;
}

static ei_error *expression_compile(struct row_filter *filter)
{
	struct regex_wish wish = { .steps = FILTER_STEPS_MAX };
	EI_TRY_IN(
		regex_create(filter->pattern, strlen(filter->pattern), &wish, &filter->expression),
		"--filters: pattern '%s'", filter->pattern);
	return NULL;
}

ei_error *row_filter_parse(
	ei_arena *arena, const struct table *table, const char *text, struct row_filter *out)
{
	struct row_filter filter = { .column = -1, .exclude = text[0] == '-' };
	const char *start = text + (text[0] == '-' || text[0] == '+');
	const char *comma = strchr(start, ',');
	if (comma) {
		char *name = arena_text(arena, start, (size_t)(comma - start));
		filter.column = name ? column_like(table, name) : -1;
		if (filter.column < 0)
			return ei_fail(EI_E_USAGE, "--filters '%s': there is no column like '%.*s'",
				text, (int)(comma - start), start);
		start = comma + 1;
	}
	size_t length = strlen(start);
	bool expression = length && start[length - 1] == '!';
	filter.pattern = arena_text(arena, start, length - expression);
	if (!filter.pattern)
		return ei_fail(EI_E_NOMEM, "out of memory");
	if (expression)
		EI_TRY(expression_compile(&filter));
	*out = filter;
	return NULL;
}

void row_filter_deinit(struct row_filter *filter)
{
	regex_drop(filter->expression);
	filter->expression = NULL;
}

static bool pattern_found(const struct row_filter *filter, const struct text *text)
{
	if (filter->expression)
		return regex_find(filter->expression, text->data, text->length) == REGEX_FOUND;
	return memmem(text->data, text->length, filter->pattern, strlen(filter->pattern)) != NULL;
}

static bool cell_found(const struct row_filter *filter, const struct table *table, size_t column,
	const ei_val *cells)
{
	const struct shown_column *shown = &table->columns[column];
	struct text text;
	text_init(&text, 1 << 20);
	value_text(&text, table, shown->column, cells[shown->cell]);
	bool found = text.data && pattern_found(filter, &text);
	text_deinit(&text);
	return found;
}

static bool filter_met(
	const struct row_filter *filter, const struct table *table, const ei_val *cells)
{
	bool found = false;
	if (filter->column >= 0)
		found = cell_found(filter, table, (size_t)filter->column, cells);
	else
		for (size_t i = 0; i < table->count && !found; i++)
			found = cell_found(filter, table, i, cells);
	return found != filter->exclude;
}

bool row_filters_pass(const struct row_filter *filters, size_t count, const struct table *table,
	const ei_val *cells)
{
	for (size_t i = 0; i < count; i++)
		if (filter_met(&filters[i], table, cells))
			return true;
	return count == 0;
}
