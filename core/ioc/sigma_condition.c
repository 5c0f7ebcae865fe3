// Conditions of Sigma rules: "1 of selection_* and not filter".
// SPDX-License-Identifier: Apache-2.0
#include "ioc/expression.h"
#include "ioc/sigma.h"

#include <ctype.h>

struct parser {
	struct sigma *sigma;
	yaml_node_t *detection;
	const char *at;
	unsigned nesting;
	ei_error *error;
};

static void fail(struct parser *parser, const char *what, const char *subject)
{
	if (!parser->error)
		parser->error = ei_fail(EI_E_FORMAT, "condition: %s '%.80s'", what, subject);
}

static size_t word_length(const char *at)
{
	size_t length = 0;
	while (isalnum((unsigned char)at[length]) || (at[length] && strchr("_*?-.", at[length])))
		length++;
	return length;
}

static size_t next_word(struct parser *parser)
{
	while (isspace((unsigned char)*parser->at))
		parser->at++;
	return word_length(parser->at);
}

static bool word(struct parser *parser, const char *wanted)
{
	size_t length = next_word(parser);
	if (!text_is(parser->at, length, wanted))
		return false;
	parser->at += length;
	return true;
}

// '*' stands for anything, '?' for one character. Of several stars the last can be moved alone.
static bool name_fits(const char *pattern, size_t length, const char *name)
{
	size_t at = 0, star = SIZE_MAX, moved = 0;
	if (text_is(pattern, length, "them"))
		return name[0] != '_';
	for (size_t i = 0; name[i];) {
		if (at < length && pattern[at] == '*') {
			star = at++;
			moved = i;
		} else if (at < length && (pattern[at] == name[i] || pattern[at] == '?')) {
			at++, i++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			i = ++moved;
		} else {
			return false;
		}
	}
	while (at < length && pattern[at] == '*')
		at++;
	return at == length;
}

static struct expression *selections(
	struct parser *parser, const char *pattern, size_t length, bool all)
{
	ei_arena *arena = parser->sigma->reading->arena;
	struct expression *joined = NULL;
	yaml_node_pair_t *pair = parser->detection->data.mapping.pairs.start;
	for (; pair < parser->detection->data.mapping.pairs.top; pair++) {
		const char *name = sigma_text(sigma_node(parser->sigma, pair->key));
		if (++parser->sigma->visits > SIGMA_VISITS_MAX) {
			fail(parser, "it asks too much at", pattern);
			return NULL;
		}
		if (!strcmp(name, "condition") || !strcmp(name, "timeframe") ||
			!name_fits(pattern, length, name))
			continue;
		struct expression *leaf =
			expression_leaf(arena, sigma_node(parser->sigma, pair->value));
		joined = joined ? expression_join(arena, all ? IOC_AND : IOC_OR, joined, leaf)
				: leaf;
	}
	if (!joined)
		fail(parser, "there is no selection",
			reading_text(parser->sigma->reading, pattern, length));
	return joined;
}

static struct expression *ors(struct parser *parser);

static struct expression *operand(struct parser *parser)
{
	ei_arena *arena = parser->sigma->reading->arena;
	if (++parser->nesting > SIGMA_NESTING_MAX) {
		fail(parser, "too much is within each other at", parser->at);
		return NULL;
	}
	struct expression *result = NULL;
	if (word(parser, "not")) {
		result = expression_not(arena, operand(parser));
	} else if (next_word(parser), *parser->at == '(') {
		parser->at++;
		result = ors(parser);
		next_word(parser);
		if (result && *parser->at == ')')
			parser->at++;
		else
			fail(parser, "a bracket is not closed at", parser->at);
	} else {
		bool one = word(parser, "1") || word(parser, "any");
		bool all = !one && word(parser, "all");
		if ((one || all) && !word(parser, "of"))
			fail(parser, "want 'of' at", parser->at);
		size_t length = next_word(parser);
		const char *name = parser->at;
		parser->at += length;
		if (length)
			result = selections(parser, name, length, all);
		else
			fail(parser, "it ends, or is not understood, at", name);
	}
	parser->nesting--;
	return parser->error ? NULL : result;
}

static struct expression *ands(struct parser *parser)
{
	struct expression *left = operand(parser);
	while (left && word(parser, "and"))
		left = expression_join(
			parser->sigma->reading->arena, IOC_AND, left, operand(parser));
	return left;
}

static struct expression *ors(struct parser *parser)
{
	struct expression *left = ands(parser);
	while (left && word(parser, "or"))
		left = expression_join(parser->sigma->reading->arena, IOC_OR, left, ands(parser));
	return left;
}

static void selection_emit(void *context, struct ioc_node *parent, const void *leaf, bool sole)
{
	(void)sole;
	sigma_selection(context, parent, (yaml_node_t *)leaf);
}

ei_error *sigma_condition(
	struct sigma *sigma, struct ioc_node *parent, yaml_node_t *detection, const char *condition)
{
	struct parser parser = { .sigma = sigma, .detection = detection, .at = condition };
	struct expression *expression = ors(&parser);
	next_word(&parser);
	if (!parser.error && *parser.at)
		fail(&parser, "this is not read as a state:", parser.at);
	if (parser.error)
		return parser.error;
	if (!expression)
		return ei_fail(EI_E_NOMEM, "the indicators do not fit into memory");
	expression_emit(sigma->reading, parent, expression, selection_emit, sigma);
	return NULL;
}
