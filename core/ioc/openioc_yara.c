// Conditions of OpenIOC that are parts of YARA rules: text with modifiers, bytes, whole rules.
// What they mean is said by parameters, so this comes after a document has been read. Text that
// needs no rule is left to the search, which is faster.
// Source: the examples of mandiant/ioc_writer, "openioc_to_yara".
// SPDX-License-Identifier: Apache-2.0
#include "ioc/rules.h"

#include <ctype.h>

enum { STRINGS_MAX = 256, RULE_TEXT_MAX = 1 << 20 };

static bool says(const struct ioc_node *node, const char *param)
{
	const char *value = ioc_param(node, param);
	return value && (!strcasecmp(value, "true") || !strcmp(value, "1"));
}

static bool is_term(const struct ioc_node *node, const char *name)
{
	return node->kind == IOC_LEAF && !strcasecmp(node->leaf.term->name, name);
}

// Authors write what belongs between the quotes of a rule; some write it as it is.
static void quote(struct text *rule, const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];
		char next = i + 1 < length ? value[i + 1] : 0;
		if (c == '\\' && next && strchr("\\\"tnr", next)) {
			text_addf(rule, "\\%c", next);
			i++;
		} else if (c == '\\' || c == '"') {
			text_addf(rule, "\\%c", c);
		} else if (isprint(c)) {
			text_addf(rule, "%c", c);
		} else {
			text_addf(rule, "\\x%02x", c);
		}
	}
}

// One string of a rule; false for what is none.
static bool string_add(struct text *rule, const struct ioc_node *node, size_t number)
{
	const struct ioc_leaf *leaf = &node->leaf;
	if (!leaf->length || leaf->reason)
		return false;
	if (is_term(node, "Yara/HexString")) {
		if (strspn(leaf->value, "0123456789abcdefABCDEF?()[]|- \t\r\n") != leaf->length)
			return false;
		text_addf(rule, "$s%zu = { %s }\n", number, leaf->value);
		return true;
	}
	if (!is_term(node, "Yara/TextString"))
		return false;
	bool wide = says(node, "yara/wide"), ascii = says(node, "yara/ascii");
	text_addf(rule, "$s%zu = \"", number);
	quote(rule, leaf->value, leaf->length);
	text_addf(rule, "\"%s%s%s%s\n", wide ? " wide" : "", ascii ? " ascii" : "",
		says(node, "yara/fullword") ? " fullword" : "",
		leaf->case_sensitive ? "" : " nocase");
	return true;
}

// Places are of files. What lies in memory has other ones.
static bool has_place(const struct ioc_node *node)
{
	return ioc_param(node, "yara/offset/at") || ioc_param(node, "yara/offset/in");
}

static bool number_of(const struct ioc_node *node, const char *param, unsigned *out)
{
	const char *value = ioc_param(node, param);
	char *end = NULL;
	unsigned long number = value ? strtoul(value, &end, 10) : 0;
	*out = (unsigned)number;
	return value && *value && !*end && number <= 1000 * 1000;
}

// ---- one condition --------------------------------------------------------------------------
static void count_add(struct text *rule, const struct ioc_node *node)
{
	unsigned count = 0;
	const char *order = node->leaf.condition == IOC_GREATER ? ">"
			    : node->leaf.condition == IOC_LESS  ? "<"
								: "==";
	if (number_of(node, "yara/count", &count))
		text_addf(rule, "condition: #s0 %s %u }\n", order, count);
	else
		text_addf(rule, "condition: $s0 }\n");
}

static void unsupported(struct reading *reading, struct ioc_node *node, const char *why)
{
	node->leaf.reason = IOC_UNSUPPORTED;
	node->note = why;
	reading_note(reading, node->line, "'%s': %s", node->leaf.term->name, why);
}

static bool is_plain_text(const struct ioc_node *node)
{
	unsigned count;
	bool order = node->leaf.condition == IOC_GREATER || node->leaf.condition == IOC_LESS;
	return is_term(node, "Yara/TextString") && !order && !says(node, "yara/fullword") &&
	       says(node, "yara/wide") == says(node, "yara/ascii") &&
	       !number_of(node, "yara/count", &count);
}

static void leaf_convert(struct reading *reading, struct ioc_node *node)
{
	struct text rule;
	if (node->leaf.reason || strncasecmp(node->leaf.term->name, "Yara/", 5) != 0 ||
		is_term(node, "Yara/Rule"))
		return;
	if (has_place(node)) {
		unsupported(reading, node, "an offset is of a file, memory has none");
		return;
	}
	if (is_plain_text(node)) {
		node->leaf.condition = IOC_CONTAINS;
		return;
	}
	if (is_term(node, "Yara/Yara")) {
		rules_leaf(reading, node, node->leaf.value);
		return;
	}
	text_init(&rule, RULE_TEXT_MAX);
	text_addf(&rule, "rule openioc_%zu { strings: ", reading->set->rules.count);
	bool good = string_add(&rule, node, 0);
	count_add(&rule, node);
	if (good && !rule.cut)
		rules_leaf(reading, node, rule.data);
	else
		unsupported(reading, node, "it says nothing of memory");
	text_deinit(&rule);
}

// ---- so many of a group ---------------------------------------------------------------------
static void set_convert(struct reading *reading, struct ioc_node *node, unsigned count)
{
	struct text rule;
	size_t strings = 0;
	text_init(&rule, RULE_TEXT_MAX);
	text_addf(&rule, "rule openioc_%zu { strings: ", reading->set->rules.count);
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		bool good = child->kind == IOC_LEAF && !child->leaf.negated && !has_place(child) &&
			    strings < STRINGS_MAX && string_add(&rule, child, strings);
		if (!good) {
			reading_note(reading, node->line,
				"'yara/set' is not read: its group has more than texts");
			text_deinit(&rule);
			return;
		}
		strings++;
	}
	text_addf(&rule, "condition: %u of them }\n", MAX(count, 1U));
	if (!rule.cut)
		rules_group(reading, node, rule.data, strings);
	text_deinit(&rule);
}

void openioc_yara(struct reading *reading, struct ioc_node *node)
{
	unsigned count;
	if (node->kind == IOC_LEAF) {
		leaf_convert(reading, node);
		return;
	}
	if (node->first && number_of(node, "yara/set", &count))
		set_convert(reading, node, count);
	for (struct ioc_node *child = node->first; child && !reading->failure; child = child->next)
		openioc_yara(reading, child); // IOC_DEPTH_MAX deep
}
