// Strict JSON (RFC 8259) into an array of nodes. See json_tree.h.
// SPDX-License-Identifier: Apache-2.0
#include "base/json_tree.h"

#include <stdlib.h>

// A name's bytes that need no look: printable ASCII but for the quote and the backslash.
#define PLAIN(byte) ((byte) >= 0x20 && (byte) < 0x80 && (byte) != '"' && (byte) != '\\')

struct parser {
	char *start, *at, *end;
	struct tree *nodes;
	uint32_t count, room;
	uint32_t open[TREE_DEPTH_MAX]; // arrays and objects around here
	unsigned depth;
};

static ei_error *failed(const struct parser *parser, const char *what)
{
	unsigned line = 1;
	const char *start = parser->start;
	for (const char *at = parser->start; at < parser->at; at++)
		if (*at == '\n') {
			line++;
			start = at + 1;
		}
	return ei_fail(EI_E_FORMAT, "line %u, column %zu: %s", line,
		(size_t)(parser->at - start) + 1, what);
}

static ei_error *add_node(struct parser *parser, struct tree node)
{
	if (parser->count == parser->room) {
		uint32_t room = parser->room ? parser->room * 2 : 1024;
		if (room > TREE_NODES_MAX)
			return ei_fail(EI_E_LIMIT, "it has more than %d values", TREE_NODES_MAX);
		struct tree *nodes = realloc(parser->nodes, room * sizeof *nodes);
		if (!nodes)
			return ei_fail(EI_E_NOMEM, "reading JSON");
		parser->nodes = nodes;
		parser->room = room;
	}
	parser->nodes[parser->count++] = node;
	return NULL;
}

static void skip_space(struct parser *parser)
{
	while (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\r' ||
		*parser->at == '\t')
		parser->at++;
}

// ---- strings --------------------------------------------------------------------------------
// The four digits of \uXXXX; -1 when they are not there.
static int32_t hex4(const char *at)
{
	int32_t value = 0;
	for (unsigned i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

// `at` is behind "\u". Moves both; false for lone surrogates, NUL, and what is not hexadecimal.
static bool unescape_unicode(char **at, char **out)
{
	uint8_t units[4];
	size_t length = 2;
	int32_t first = hex4(*at);
	if (first <= 0 || (first >= 0xdc00 && first < 0xe000))
		return false;
	*at += 4;
	units[0] = (uint8_t)first;
	units[1] = (uint8_t)(first >> 8);
	if (first >= 0xd800 && first < 0xdc00) {
		int32_t second = (*at)[0] == '\\' && (*at)[1] == 'u' ? hex4(*at + 2) : -1;
		if (second < 0xdc00 || second >= 0xe000)
			return false;
		*at += 6;
		units[2] = (uint8_t)second;
		units[3] = (uint8_t)(second >> 8);
		length = 4;
	}
	char utf8[8];
	size_t written = utf16_to_utf8(units, length, utf8);
	memcpy(*out, utf8, written); // at most 6 bytes were read for each 3 written
	*out += written;
	return true;
}

static bool unescape(char **at, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char escaped = *(*at)++;
	if (escaped == 'u')
		return unescape_unicode(at, out);
	const char *found = escaped ? strchr(from, escaped) : NULL;
	if (!found)
		return false;
	*(*out)++ = to[found - from];
	return true;
}

// The rest of a string from its first byte that is not plain.
static ei_error *read_special(struct parser *parser, char *out)
{
	while (*parser->at != '"') {
		uint8_t byte = (uint8_t)*parser->at;
		size_t length = byte < 0x80 ? PLAIN(byte)
					    : utf8_sequence((const uint8_t *)parser->at,
						      (size_t)(parser->end - parser->at));
		if (byte == '\\') {
			char *at = parser->at + 1;
			if (!unescape(&at, &out))
				return failed(parser, "bad escape in a string");
			parser->at = at;
			continue;
		}
		if (!length)
			return failed(parser, parser->at == parser->end
						      ? "the file ends in a string"
						      : "bad byte in a string");
		memmove(out, parser->at, length);
		out += length;
		parser->at += length;
	}
	*out = '\0';
	return NULL;
}

static ei_error *read_string(struct parser *parser)
{
	char *text = ++parser->at;
	while (PLAIN((uint8_t)*parser->at))
		parser->at++;
	if (*parser->at == '"')
		*parser->at = '\0';
	else
		EI_TRY(read_special(parser, parser->at));
	parser->at++;
	return add_node(parser, (struct tree){ .kind = TREE_STRING, .skip = 1, .text = text });
}

// ---- numbers and words ----------------------------------------------------------------------
static char *skip_digits(char *at)
{
	while (*at >= '0' && *at <= '9')
		at++;
	return at;
}

// The end of the fraction and exponent at `at`, which may be empty; NULL when malformed.
static char *skip_fraction(char *at)
{
	if (*at == '.') {
		char *digits = at + 1;
		at = skip_digits(digits);
		if (at == digits)
			return NULL;
	}
	if (*at == 'e' || *at == 'E') {
		char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
		at = skip_digits(digits);
		if (at == digits)
			return NULL;
	}
	return at;
}

static ei_error *read_number(struct parser *parser)
{
	char *first = parser->at + (*parser->at == '-');
	char *digits_end = skip_digits(first);
	char *end = digits_end == first ? NULL : skip_fraction(digits_end);
	if (!end || (*first == '0' && digits_end - first > 1))
		return failed(parser, "bad number");
	struct tree node = { .kind = TREE_INTEGER, .skip = 1 };
	uint64_t value = 0;
	bool fits = end == digits_end;
	for (const char *at = first; fits && at < digits_end; at++)
		fits = !__builtin_mul_overflow(value, 10, &value) &&
		       !__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
	if (!fits || value > INT64_MAX)
		node.kind = TREE_REAL;
	else
		node.integer = first > parser->at ? -(int64_t)value : (int64_t)value;
	parser->at = end;
	return add_node(parser, node);
}

static ei_error *read_word(struct parser *parser)
{
	static const struct {
		const char *word;
		enum tree_kind kind;
	} words[] = { { "null", TREE_NULL }, { "true", TREE_TRUE }, { "false", TREE_FALSE } };
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
		size_t length = strlen(words[i].word);
		if (strncmp(parser->at, words[i].word, length) != 0)
			continue;
		parser->at += length;
		return add_node(parser, (struct tree){ .kind = words[i].kind, .skip = 1 });
	}
	return failed(parser, *parser->at ? "unexpected byte" : "the file ends too early");
}

// ---- structure ------------------------------------------------------------------------------
static ei_error *open_group(struct parser *parser, enum tree_kind kind)
{
	if (parser->depth == TREE_DEPTH_MAX)
		return failed(parser, "nested more than 64 deep");
	parser->open[parser->depth++] = parser->count;
	parser->at++;
	return add_node(parser, (struct tree){ .kind = kind });
}

static void close_group(struct parser *parser)
{
	struct tree *group = &parser->nodes[parser->open[--parser->depth]];
	group->skip = (uint32_t)(parser->nodes + parser->count - group);
	parser->at++;
}

static ei_error *read_key(struct parser *parser)
{
	skip_space(parser);
	if (*parser->at != '"')
		return failed(parser, "want a name");
	EI_TRY(read_string(parser));
	skip_space(parser);
	if (*parser->at != ':')
		return failed(parser, "want ':'");
	parser->at++;
	return NULL;
}

// A value, or the start of one that holds others.
static ei_error *read_value(struct parser *parser)
{
	skip_space(parser);
	char c = *parser->at;
	if (c == '"')
		return read_string(parser);
	if (c == '{')
		return open_group(parser, TREE_OBJECT);
	if (c == '[')
		return open_group(parser, TREE_ARRAY);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(parser);
	return read_word(parser);
}

// After a value: closes what ends here. `more` is set when a comma promises another value.
static ei_error *read_after(struct parser *parser, bool *more)
{
	*more = false;
	while (parser->depth) {
		const struct tree *group = &parser->nodes[parser->open[parser->depth - 1]];
		bool empty = group == &parser->nodes[parser->count - 1];
		skip_space(parser);
		if (*parser->at == (group->kind == TREE_OBJECT ? '}' : ']')) {
			close_group(parser);
			continue;
		}
		*more = true;
		if (!empty && *parser->at != ',')
			return failed(parser, "want ',' or the end of the group");
		parser->at += !empty;
		return group->kind == TREE_OBJECT ? read_key(parser) : NULL;
	}
	return NULL;
}

static ei_error *read_document(struct parser *parser)
{
	for (bool more = true; more;) {
		EI_TRY(read_value(parser));
		EI_TRY(read_after(parser, &more));
	}
	skip_space(parser);
	return parser->at == parser->end ? NULL : failed(parser, "text after the end");
}

ei_error *tree_parse(char *text, size_t length, struct tree **out)
{
	struct parser parser = { .start = text, .at = text, .end = text + length };
	ei_error *error = read_document(&parser);
	if (error)
		free(parser.nodes);
	else
		*out = parser.nodes;
	return error;
}

// ---- asking ---------------------------------------------------------------------------------
struct tree_member tree_first(const struct tree *object)
{
	struct tree_member before = { NULL, NULL, NULL };
	if (!object || object->kind != TREE_OBJECT)
		return before;
	before.end = object + object->skip;
	if (object + 1 == before.end)
		return before;
	return (struct tree_member){ object[1].text, object + 2, before.end };
}

struct tree_member tree_next(struct tree_member member)
{
	const struct tree *key = member.value + member.value->skip;
	if (key == member.end)
		return (struct tree_member){ NULL, NULL, member.end };
	return (struct tree_member){ key->text, key + 1, member.end };
}

const struct tree *tree_get(const struct tree *object, const char *key)
{
	for (struct tree_member m = tree_first(object); m.key; m = tree_next(m))
		if (!strcmp(m.key, key))
			return m.value;
	return NULL;
}

const char *tree_text(const struct tree *string)
{
	return string && string->kind == TREE_STRING ? string->text : "";
}

bool tree_integer(const struct tree *integer, int64_t *out)
{
	if (!integer || integer->kind != TREE_INTEGER)
		return false;
	*out = integer->integer;
	return true;
}

uint32_t tree_count(const struct tree *object)
{
	uint32_t count = 0;
	for (struct tree_member m = tree_first(object); m.key; m = tree_next(m))
		count++;
	return count;
}

// ---- index ----------------------------------------------------------------------------------
static uint64_t key_hash(const char *key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static const struct tree **index_slot(const struct tree_index *index, const char *key)
{
	uint64_t hash = key_hash(key);
	for (uint32_t step = 0;; step++) {
		const struct tree **slot = &index->slots[(hash + step) & (index->room - 1)];
		if (!*slot || !strcmp((*slot)->text, key))
			return slot;
	}
}

ei_error *tree_index_init(struct tree_index *index, const struct tree *object)
{
	uint32_t room = 16;
	while (room < tree_count(object) * 2)
		room *= 2;
	*index = (struct tree_index){ calloc(room, sizeof *index->slots), room };
	if (!index->slots)
		return ei_fail(EI_E_NOMEM, "reading JSON");
	for (struct tree_member m = tree_first(object); m.key; m = tree_next(m))
		*index_slot(index, m.key) = m.value - 1;
	return NULL;
}

void tree_index_deinit(struct tree_index *index)
{
	free(index->slots);
	*index = (struct tree_index){ NULL, 0 };
}

const struct tree *tree_index_get(const struct tree_index *index, const char *key)
{
	const struct tree *found = *index_slot(index, key);
	return found ? found + 1 : NULL;
}
