// The pattern language of STIX 2: "[file:name = 'a.exe' AND file:size > 10] FOLLOWEDBY [...]".
// Source: STIX 2.1, part 9 "STIX Patterning" (OASIS).
// SPDX-License-Identifier: Apache-2.0
#include "ioc/expression.h"
#include "ioc/stix_paths.h"

#include <ctype.h>

enum { PATTERN_NESTING_MAX = 48, PATH_MAX_BYTES = 256 };

struct comparison {
	char path[PATH_MAX_BYTES]; // as stix_paths.h has it
	const char *written;
	enum ioc_condition condition;
	bool negated, like;
	struct operand {
		const char *text;
		size_t length;
		struct operand *next;
	} * first, *last;
	uint32_t line;
};

struct parser {
	struct reading *reading;
	const char *at;
	unsigned nesting;
	const char *wrong; // what was expected, when it was not there
	bool followed, qualified;
};

// ---- tokens ---------------------------------------------------------------------------------
static void blanks(struct parser *parser)
{
	while (*parser->at == ' ' || (*parser->at >= '\t' && *parser->at <= '\r'))
		parser->at++;
}

static void wrong(struct parser *parser, const char *what)
{
	if (!parser->wrong)
		parser->wrong = what;
}

static bool symbol(struct parser *parser, const char *text)
{
	blanks(parser);
	size_t length = strlen(text);
	if (strncmp(parser->at, text, length) != 0)
		return false;
	parser->at += length;
	return true;
}

static bool word(struct parser *parser, const char *text)
{
	blanks(parser);
	size_t length = strlen(text);
	if (strncasecmp(parser->at, text, length) != 0 ||
		isalnum((unsigned char)parser->at[length]) || parser->at[length] == '_')
		return false;
	parser->at += length;
	return true;
}

// 'it''s' is not STIX: a quote within is escaped by a backslash. The text is copied.
static bool quoted(struct parser *parser, const char **text, size_t *length)
{
	blanks(parser);
	if (*parser->at != '\'')
		return false;
	const char *begin = ++parser->at;
	while (*parser->at && *parser->at != '\'')
		parser->at += parser->at[0] == '\\' && parser->at[1] ? 2 : 1;
	if (!*parser->at) {
		wrong(parser, "the end of a text");
		return false;
	}
	char *copy = arena_text(parser->reading->arena, begin, (size_t)(parser->at - begin));
	if (!copy) {
		wrong(parser, "less text");
		return false;
	}
	size_t out = 0;
	for (const char *from = begin; from < parser->at; from++) {
		if (*from == '\\' && (from[1] == '\'' || from[1] == '\\'))
			from++;
		copy[out++] = *from;
	}
	copy[out] = '\0';
	parser->at++;
	*text = copy;
	*length = out;
	return true;
}

// ---- comparisons ----------------------------------------------------------------------------
// "file:hashes.'SHA-256'", "values[*].name": lower case, without quotes, dashes of digests,
// indexes.
static bool object_path(struct parser *parser, struct comparison *comparison)
{
	blanks(parser);
	const char *begin = parser->at;
	size_t out = 0;
	bool quotes = false;
	for (; *parser->at; parser->at++) {
		char c = *parser->at;
		if (c == '\'') {
			quotes = !quotes;
			continue;
		}
		if (!quotes && c == '[') {
			const char *close = strchr(parser->at, ']');
			if (!close)
				return false;
			parser->at = close;
			continue;
		}
		if (!quotes && !isalnum((unsigned char)c) && !strchr("-_:.", c))
			break;
		if (out + 1 >= sizeof comparison->path)
			return false;
		comparison->path[out++] = (char)tolower((unsigned char)c);
	}
	comparison->path[out] = '\0';
	comparison->written = reading_text(parser->reading, begin, (size_t)(parser->at - begin));
	return out && strchr(comparison->path, ':');
}

static bool operand_add(
	struct parser *parser, struct comparison *comparison, const char *text, size_t length)
{
	struct operand *operand = ei_alloc(parser->reading->arena, sizeof *operand);
	if (!operand)
		return false;
	*operand = (struct operand){ text, length, NULL };
	if (comparison->last)
		comparison->last->next = operand;
	else
		comparison->first = operand;
	comparison->last = operand;
	return true;
}

// 'text', 12, -1.5, true, t'2020-01-01T00:00:00Z', h'00ff'.
static bool literal(struct parser *parser, struct comparison *comparison)
{
	const char *text;
	size_t length;
	blanks(parser);
	if (strchr("thb", *parser->at) && parser->at[0] && parser->at[1] == '\'')
		parser->at++;
	if (*parser->at == '\'')
		return quoted(parser, &text, &length) &&
		       operand_add(parser, comparison, text, length);
	const char *begin = parser->at;
	while (isalnum((unsigned char)*parser->at) || *parser->at == '-' || *parser->at == '+' ||
		*parser->at == '.')
		parser->at++;
	length = (size_t)(parser->at - begin);
	if (!length) {
		wrong(parser, "a value");
		return false;
	}
	return operand_add(
		parser, comparison, reading_text(parser->reading, begin, length), length);
}

static bool literal_set(struct parser *parser, struct comparison *comparison)
{
	if (!symbol(parser, "(")) {
		wrong(parser, "'('");
		return false;
	}
	do {
		if (!literal(parser, comparison))
			return false;
	} while (symbol(parser, ","));
	if (symbol(parser, ")"))
		return true;
	wrong(parser, "')'");
	return false;
}

static bool operator_read(struct parser *parser, struct comparison *comparison)
{
	static const struct {
		const char *text;
		enum ioc_condition condition;
		bool negated;
	} operators[] = {
		{ "!=", IOC_IS, true },
		{ "<>", IOC_IS, true },
		{ "<=", IOC_AT_MOST, false },
		{ ">=", IOC_AT_LEAST, false },
		{ "==", IOC_IS, false },
		{ "=", IOC_IS, false },
		{ "<", IOC_LESS, false },
		{ ">", IOC_GREATER, false },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(operators); i++)
		if (symbol(parser, operators[i].text)) {
			comparison->condition = operators[i].condition;
			comparison->negated ^= operators[i].negated;
			return literal(parser, comparison);
		}
	comparison->condition = IOC_IS;
	if (word(parser, "IN"))
		return literal_set(parser, comparison);
	if (word(parser, "LIKE"))
		comparison->like = true;
	else if (word(parser, "MATCHES"))
		comparison->condition = IOC_MATCHES;
	else if (!word(parser, "ISSUBSET") && !word(parser, "ISSUPERSET")) {
		wrong(parser, "an operator");
		return false;
	}
	return literal(parser, comparison);
}

static struct expression *comparison_read(struct parser *parser)
{
	struct comparison *comparison = ei_alloc(parser->reading->arena, sizeof *comparison);
	if (!comparison)
		return NULL;
	comparison->line = parser->reading->line;
	comparison->negated = word(parser, "NOT");
	bool exists = word(parser, "EXISTS");
	if (!object_path(parser, comparison)) {
		wrong(parser, "an object path");
		return NULL;
	}
	if (exists) {
		comparison->condition = IOC_PRESENT;
		if (!operand_add(parser, comparison, "", 0))
			return NULL;
		return expression_leaf(parser->reading->arena, comparison);
	}
	comparison->negated ^= word(parser, "NOT");
	if (!operator_read(parser, comparison))
		return NULL;
	return expression_leaf(parser->reading->arena, comparison);
}

// ---- expressions ----------------------------------------------------------------------------
typedef struct expression *operand_reader(struct parser *parser);

static struct expression *chain(
	struct parser *parser, const char *operator_word, enum ioc_kind kind, operand_reader *read)
{
	struct expression *left = read(parser);
	while (left && word(parser, operator_word)) {
		parser->followed |= !strcmp(operator_word, "FOLLOWEDBY");
		left = expression_join(parser->reading->arena, kind, left, read(parser));
	}
	return left;
}

static struct expression *within(struct parser *parser, const char *close, operand_reader *read)
{
	if (++parser->nesting > PATTERN_NESTING_MAX) {
		wrong(parser, "fewer brackets within each other");
		return NULL;
	}
	struct expression *inner = read(parser);
	parser->nesting--;
	if (inner && !symbol(parser, close)) {
		wrong(parser, close);
		return NULL;
	}
	return inner;
}

static struct expression *comparisons(struct parser *parser);

static struct expression *comparison_operand(struct parser *parser)
{
	if (symbol(parser, "("))
		return within(parser, ")", comparisons);
	return comparison_read(parser);
}

static struct expression *comparison_ands(struct parser *parser)
{
	return chain(parser, "AND", IOC_AND, comparison_operand);
}

static struct expression *comparisons(struct parser *parser)
{
	return chain(parser, "OR", IOC_OR, comparison_ands);
}

static struct expression *observations(struct parser *parser);

// Qualifiers say when and how often, which a state of memory does not.
static void qualifiers(struct parser *parser)
{
	for (;;) {
		if (word(parser, "WITHIN") || word(parser, "REPEATS") || word(parser, "START") ||
			word(parser, "STOP"))
			parser->qualified = true;
		else
			return;
		struct comparison ignored = { 0 };
		if (!literal(parser, &ignored))
			return;
		if (!word(parser, "SECONDS"))
			(void)word(parser, "TIMES");
	}
}

static struct expression *observation(struct parser *parser)
{
	struct expression *inner = NULL;
	if (symbol(parser, "(")) {
		inner = within(parser, ")", observations);
	} else if (symbol(parser, "[")) {
		inner = within(parser, "]", comparisons);
		if (inner)
			inner->alone = true;
	} else {
		wrong(parser, "'['");
	}
	if (inner)
		qualifiers(parser);
	return inner;
}

static struct expression *observation_ands(struct parser *parser)
{
	return chain(parser, "AND", IOC_AND, observation);
}

static struct expression *observation_ors(struct parser *parser)
{
	return chain(parser, "OR", IOC_OR, observation_ands);
}

static struct expression *observations(struct parser *parser)
{
	return chain(parser, "FOLLOWEDBY", IOC_AND, observation_ors);
}

// ---- nodes ----------------------------------------------------------------------------------
static void value_add(struct reading *reading, struct ioc_node *parent,
	const struct stix_path *path, const struct comparison *comparison,
	const struct operand *operand, size_t term)
{
	struct leaf_wish wish = {
		.term = path->terms[term],
		.condition = comparison->condition,
		.value = operand->text,
		.length = operand->length,
		.negated = comparison->negated,
	};
	if (comparison->like)
		wildcard_leaf(reading, &wish, (struct wildcard){ '%', '_', 0 }, operand->text,
			operand->length);
	leaf_add(reading, parent, &wish)->leaf.written = comparison->written;
}

// Addresses are written as names of hosts, and the other way round.
static enum observable other_kind(const struct stix_path *path, const struct comparison *comparison,
	const struct operand *operand)
{
	if (comparison->negated || comparison->like || comparison->condition != IOC_IS)
		return OBSERVABLE_NONE;
	enum observable form = observable_guess(operand->text, operand->length);
	if (!strcmp(path->terms[0], "Network/DNS") && form == OBSERVABLE_IP)
		return form;
	return !strcmp(path->terms[0], "PortItem/remoteIP") && form == OBSERVABLE_DOMAIN
		       ? form
		       : OBSERVABLE_NONE;
}

// A plain comparison that stands alone asks all that the value may be; beside others the object
// must be one and the same, which its first term says.
static void comparison_emit(void *context, struct ioc_node *parent, const void *leaf, bool sole)
{
	struct reading *reading = context;
	const struct comparison *comparison = leaf;
	const struct stix_path *path = stix_path_find(comparison->path);
	if (!path) {
		leaf_unsupported(reading, parent, comparison->written,
			"memory has nothing that this path stands for");
		return;
	}
	size_t terms = sole && !comparison->negated ? ARRAY_LENGTH(path->terms) : 1;
	bool many = comparison->first->next || (terms > 1 && path->terms[1]);
	if (many)
		parent = node_add(reading, parent, comparison->negated ? IOC_AND : IOC_OR);
	for (const struct operand *operand = comparison->first; operand; operand = operand->next) {
		enum observable other = other_kind(path, comparison, operand);
		if (other) {
			observable_add(reading, parent, other, operand->text, operand->length);
			continue;
		}
		for (size_t i = 0; i < terms && path->terms[i]; i++)
			value_add(reading, parent, path, comparison, operand, i);
	}
}

bool stix_pattern(struct reading *reading, struct ioc_node *parent, const char *pattern)
{
	struct parser parser = { .reading = reading, .at = pattern };
	struct expression *expression = observations(&parser);
	blanks(&parser);
	if (!expression || *parser.at) {
		reading_note(reading, reading->line,
			"the pattern cannot be read, it lacks %s at byte %zu: %.*s",
			parser.wrong ? parser.wrong : "its end", (size_t)(parser.at - pattern), 120,
			pattern);
		return false;
	}
	expression_emit(reading, parent, expression, comparison_emit, reading);
	if (parser.followed)
		reading_note(reading, reading->line,
			"FOLLOWEDBY is read as AND: memory does not tell the order");
	if (parser.qualified)
		reading_note(reading, reading->line,
			"WITHIN, REPEATS, START and STOP are not asked: memory is one moment");
	return !reading->failure;
}
