// Selections of Sigma rules: fields with modifiers, and values with wildcards.
// Source: SigmaHQ/sigma-specification, "Sigma Rules" and "Modifiers".
// SPDX-License-Identifier: Apache-2.0
#include "ioc/sigma.h"

#include <inttypes.h>

struct field {
	const char *name, *term;
	size_t name_length;
	enum ioc_condition condition;
	bool all, regex, cased, windash, exists, base64, base64_offset, wide;
	const char *unsupported; // a modifier that is not known
};

static void modifier(struct field *field, const char *name, size_t length)
{
	static const struct {
		const char *name;
		enum ioc_condition condition;
	} conditions[] = {
		{ "contains", IOC_CONTAINS },
		{ "startswith", IOC_STARTS },
		{ "endswith", IOC_ENDS },
		{ "gt", IOC_GREATER },
		{ "gte", IOC_AT_LEAST },
		{ "lt", IOC_LESS },
		{ "lte", IOC_AT_MOST },
		{ "cidr", IOC_IS },
		{ "re", IOC_MATCHES },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(conditions); i++)
		if (text_is(name, length, conditions[i].name)) {
			field->condition = conditions[i].condition;
			field->regex = field->condition == IOC_MATCHES;
			field->cased |= field->regex;
			return;
		}
	if (text_is(name, length, "i"))
		field->cased = false;
	else if (text_is(name, length, "all"))
		field->all = true;
	else if (text_is(name, length, "cased"))
		field->cased = true;
	else if (text_is(name, length, "windash"))
		field->windash = true;
	else if (text_is(name, length, "exists"))
		field->exists = true;
	else if (text_is(name, length, "base64"))
		field->base64 = true;
	else if (text_is(name, length, "base64offset"))
		field->base64 = field->base64_offset = true;
	else if (text_is(name, length, "wide") || text_is(name, length, "utf16le") ||
		 text_is(name, length, "utf16"))
		field->wide = true;
	else
		field->unsupported = "its modifier is not known";
}

static struct field field_of(const struct sigma *sigma, const char *key)
{
	struct field field = { .name = key, .condition = IOC_IS };
	field.name_length = strcspn(key, "|");
	for (const char *at = key + field.name_length; *at;) {
		size_t length = strcspn(++at, "|");
		modifier(&field, at, length);
		at += length;
	}
	field.term = sigma_field(sigma->category, key, field.name_length);
	if (!field.term && !field.unsupported)
		field.unsupported = "memory does not tell this field";
	return field;
}

// ---- base64 ---------------------------------------------------------------------------------
// What is certain of the base64 form of a value that begins `offset` bytes into a group of three:
// characters that depend on what is around it are left out.
static void base64_text(struct text *out, const uint8_t *bytes, size_t length, unsigned offset)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t first = offset ? offset + 1 : 0;  // characters
	size_t last = (offset + length) * 8 / 6; // of which all bits are known
	for (size_t i = first; i < last; i++) {
		unsigned value = 0;
		for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
			size_t at = bit / 8 - offset;
			value = value << 1 | (bytes[at] >> (7 - bit % 8) & 1U);
		}
		text_add(out, &letters[value], 1);
	}
}

static void base64_leaf(struct sigma *sigma, struct ioc_node *parent, const struct field *field,
	struct leaf_wish *wish, const char *value, size_t length)
{
	struct text bytes, text;
	text_init(&bytes, IOC_VALUE_MAX);
	text_init(&text, IOC_VALUE_MAX);
	for (size_t i = 0; i < length; i++) {
		text_add(&bytes, value + i, 1);
		if (field->wide)
			text_add(&bytes, "", 1);
	}
	wish->case_sensitive = true;
	wish->condition = field->base64_offset ? IOC_CONTAINS : field->condition;
	for (unsigned offset = 0; offset < (field->base64_offset ? 3U : 1U); offset++) {
		text_clear(&text);
		base64_text(&text, (const uint8_t *)bytes.data, bytes.length, offset);
		wish->value = reading_text(sigma->reading, text.data ? text.data : "", text.length);
		wish->length = text.length;
		leaf_add(sigma->reading, parent, wish);
	}
	text_deinit(&bytes);
	text_deinit(&text);
}

// ---- what logs write in their own way ---------------------------------------------------------
static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// What a log says of numbers in the registry: "DWORD (0x00000001)", "QWORD
// (0x00000000-0x00000001)".
static size_t registry_number(char *out, size_t room, const char *value, size_t length)
{
	uint64_t number = 0;
	unsigned digits = 0;
	if (length < 10 ||
		(strncasecmp(value, "DWORD (0x", 9) && strncasecmp(value, "QWORD (0x", 9)))
		return 0;
	for (size_t i = 9; i + 1 < length; i++) {
		if (value[i] == '-' && !strncmp(value + i, "-0x", 3)) {
			i += 2;
			continue;
		}
		int digit = digit_of(value[i]);
		if (digit < 0 || ++digits > 16)
			return 0;
		number = number << 4 | (unsigned)digit;
	}
	if (!digits || value[length - 1] != ')')
		return 0;
	return (size_t)snprintf(out, room, "%" PRIu64, number);
}

// The parts of "MD5=...,SHA256=...,IMPHASH=..." that a value asks for are terms of their own.
static bool hashes_leaf(
	struct sigma *sigma, struct ioc_node *parent, const struct field *field, const char *value)
{
	static const struct {
		const char *name, *term;
	} hashes[] = { { "MD5=", "Md5sum" }, { "SHA1=", "Sha1sum" }, { "SHA256=", "Sha256sum" },
		{ "IMPHASH=", "PEInfo/ImportHash" } };
	const char *last = strrchr(field->term, '/');
	if (!last || strcmp(last, "/Hashes") != 0)
		return false;
	while (*value == '*')
		value++;
	for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++) {
		size_t head = strlen(hashes[i].name);
		if (strncasecmp(value, hashes[i].name, head) != 0)
			continue;
		char term[128];
		snprintf(term, sizeof term, "%.*s/%s", (int)(last - field->term), field->term,
			hashes[i].term);
		size_t length = strspn(value + head, "0123456789abcdefABCDEF");
		leaf_is(sigma->reading, parent, reading_text(sigma->reading, term, strlen(term)),
			value + head, length);
		return true;
	}
	return false;
}

// ---- values ---------------------------------------------------------------------------------
static void value_leaf(struct sigma *sigma, struct ioc_node *parent, const struct field *field,
	const char *value, size_t length)
{
	static const struct wildcard style = { '*', '?', '\\' };
	struct leaf_wish wish = {
		.term = field->term,
		.condition = field->condition,
		.value = value,
		.length = length,
		.case_sensitive = field->cased,
	};
	if (field->base64) {
		base64_leaf(sigma, parent, field, &wish, value, length);
		return;
	}
	char number[24];
	bool is_data = !strcmp(field->term, "RegistryItem/Text") && field->condition == IOC_IS;
	size_t digits = is_data ? registry_number(number, sizeof number, value, length) : 0;
	if (!field->regex && hashes_leaf(sigma, parent, field, value))
		return;
	if (digits) {
		wish.value = number;
		wish.length = digits;
	} else if (!field->regex)
		wildcard_leaf(sigma->reading, &wish, style, value, length);
	leaf_add(sigma->reading, parent, &wish)->leaf.written = field->name;
}

// Windows programs take options with either dash, so any of them is meant.
static void windash_leaves(struct sigma *sigma, struct ioc_node *parent, const struct field *field,
	const char *value, size_t length)
{
	static const char *const dashes[] = { "-", "/", "\xe2\x80\x93", "\xe2\x80\x94",
		"\xe2\x80\x95" };
	for (size_t i = 0; i < ARRAY_LENGTH(dashes); i++) {
		struct text text;
		text_init(&text, IOC_VALUE_MAX);
		for (size_t at = 0; at < length; at++) {
			bool first = !at || value[at - 1] == ' ' || value[at - 1] == '"';
			bool dash = first && (value[at] == '-' || value[at] == '/');
			text_add(
				&text, dash ? dashes[i] : value + at, dash ? strlen(dashes[i]) : 1);
		}
		value_leaf(sigma, parent, field,
			reading_text(sigma->reading, text.data ? text.data : "", text.length),
			text.length);
		text_deinit(&text);
	}
}

static void value_add(
	struct sigma *sigma, struct ioc_node *parent, const struct field *field, yaml_node_t *node)
{
	struct reading *reading = sigma->reading;
	const char *value = sigma_text(node);
	size_t length = strlen(value);
	bool null = node->type != YAML_SCALAR_NODE ||
		    (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
			    (!length || !strcmp(value, "null") || !strcmp(value, "~")));
	reading->line = (uint32_t)node->start_mark.line + 1;
	if (field->unsupported) {
		leaf_unsupported(reading, parent,
			reading_text(reading, field->name, field->name_length), field->unsupported);
	} else if (field->exists) {
		struct leaf_wish wish = {
			.term = field->term,
			.condition = IOC_PRESENT,
			.value = "",
			.negated = !strcasecmp(value, "false"),
		};
		leaf_add(reading, parent, &wish);
	} else if (null || !length) {
		struct leaf_wish wish = {
			.term = field->term, .condition = IOC_PRESENT, .value = "", .negated = true
		};
		leaf_add(reading, parent, &wish)->leaf.written = field->name;
	} else if (field->windash) {
		windash_leaves(sigma, node_add(reading, parent, IOC_OR), field, value, length);
	} else if (field->base64_offset) {
		value_leaf(sigma, node_add(reading, parent, IOC_OR), field, value, length);
	} else {
		value_leaf(sigma, parent, field, value, length);
	}
}

static void field_add(
	struct sigma *sigma, struct ioc_node *parent, const char *key, yaml_node_t *value)
{
	struct field field = field_of(sigma, reading_text(sigma->reading, key, strlen(key)));
	if (value->type != YAML_SEQUENCE_NODE) {
		value_add(sigma, parent, &field, value);
		return;
	}
	yaml_node_item_t *item = value->data.sequence.items.start;
	yaml_node_item_t *end = value->data.sequence.items.top;
	if (end - item > 1)
		parent = node_add(sigma->reading, parent, field.all ? IOC_AND : IOC_OR);
	for (; item < end && ++sigma->visits < SIGMA_VISITS_MAX; item++)
		value_add(sigma, parent, &field, sigma_node(sigma, *item));
}

static void mapping_add(struct sigma *sigma, struct ioc_node *parent, yaml_node_t *mapping)
{
	yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
	if (end - pair > 1)
		parent = node_add(sigma->reading, parent, IOC_AND);
	for (; pair < end && ++sigma->visits < SIGMA_VISITS_MAX; pair++) {
		yaml_node_t *key = sigma_node(sigma, pair->key);
		yaml_node_t *value = sigma_node(sigma, pair->value);
		sigma->reading->line = (uint32_t)key->start_mark.line + 1;
		field_add(sigma, parent, sigma_text(key), value);
	}
}

// A mapping: all of its fields. A list: any of its mappings; of texts, words anywhere in an event.
void sigma_selection(struct sigma *sigma, struct ioc_node *parent, yaml_node_t *node)
{
	struct reading *reading = sigma->reading;
	reading->line = (uint32_t)node->start_mark.line + 1;
	if (node->type == YAML_MAPPING_NODE) {
		mapping_add(sigma, parent, node);
		return;
	}
	if (node->type != YAML_SEQUENCE_NODE) {
		leaf_unsupported(
			reading, parent, "keywords", "words without a field are of log texts");
		return;
	}
	yaml_node_item_t *item = node->data.sequence.items.start;
	yaml_node_item_t *end = node->data.sequence.items.top;
	if (end - item > 1)
		parent = node_add(reading, parent, IOC_OR);
	for (; item < end && ++sigma->visits < SIGMA_VISITS_MAX; item++) {
		yaml_node_t *inner = sigma_node(sigma, *item);
		if (inner->type == YAML_MAPPING_NODE)
			mapping_add(sigma, parent, inner);
		else
			leaf_unsupported(reading, parent, "keywords",
				"words without a field are of log texts");
	}
}
