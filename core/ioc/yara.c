// YARA rules: compiled once to see that they can be, and kept for whoever scans.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/library.h"
#include "ioc/rules.h"

#include <pthread.h>
#include <yara.h>

enum { RULES_TEXT_MAX = 16 << 20 };

// Scanners of files define these; rules that use them would not compile otherwise.
const char *const ioc_yara_externals[] = { "filename", "filepath", "extension", "filetype", "owner",
	NULL };

// The number in its name changed with 4.3.
#if YR_MAJOR_VERSION == 4 && YR_MINOR_VERSION < 3
static const char library_name[] = "libyara.so.9";
#else
static const char library_name[] = "libyara.so.10";
#endif

static struct {
	__typeof__(yr_initialize) *start;
	__typeof__(yr_finalize) *end;
	__typeof__(yr_compiler_create) *create;
	__typeof__(yr_compiler_destroy) *drop;
	__typeof__(yr_compiler_set_callback) *set_callback;
	__typeof__(yr_compiler_set_include_callback) *set_include;
	__typeof__(yr_compiler_define_string_variable) *define_text;
	__typeof__(yr_compiler_add_string) *add;
	__typeof__(yr_compiler_get_rules) *rules;
	__typeof__(yr_rules_destroy) *rules_drop;
	char missing[256]; // "": all is there
} yara;

static void yara_load(void)
{
	const struct library_function functions[] = {
		{ "yr_initialize", &yara.start },
		{ "yr_finalize", &yara.end },
		{ "yr_compiler_create", &yara.create },
		{ "yr_compiler_destroy", &yara.drop },
		{ "yr_compiler_set_callback", &yara.set_callback },
		{ "yr_compiler_set_include_callback", &yara.set_include },
		{ "yr_compiler_define_string_variable", &yara.define_text },
		{ "yr_compiler_add_string", &yara.add },
		{ "yr_compiler_get_rules", &yara.rules },
		{ "yr_rules_destroy", &yara.rules_drop },
	};
	library_load(library_name, functions, ARRAY_LENGTH(functions), yara.missing,
		sizeof yara.missing);
}

static ei_error *yara_ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, yara_load);
	return *yara.missing ? ei_fail(EI_E_REQUIREMENT, "YARA rules need it: %s", yara.missing)
			     : NULL;
}

struct check {
	char message[256]; // of the first error
	int line;
};

static void on_error(int level, const char *file, int line, const YR_RULE *rule,
	const char *message, void *context)
{
	struct check *check = context;
	(void)file, (void)rule;
	if (level != YARA_ERROR_LEVEL_ERROR || *check->message)
		return;
	check->line = line;
	snprintf(check->message, sizeof check->message, "%s", message);
}

// Rules must not read other files.
static ei_error *compile(YR_COMPILER *compiler, const char *text, YR_RULES **out)
{
	struct check check = { 0 };
	yara.set_callback(compiler, on_error, &check);
	yara.set_include(compiler, NULL, NULL, NULL);
	for (const char *const *name = ioc_yara_externals; *name; name++)
		yara.define_text(compiler, *name, "");
	if (yara.add(compiler, text, NULL) > 0)
		return ei_fail(EI_E_FORMAT, "line %d: %s", check.line, check.message);
	if (yara.rules(compiler, out) != ERROR_SUCCESS)
		return ei_fail(EI_E_NOMEM, "out of memory");
	return NULL;
}

static const char *meta_of(const YR_RULE *rule, const char *name)
{
	YR_META *meta;
	yr_rule_metas_foreach(rule, meta)
	{
		if (!strcmp(meta->identifier, name) && meta->type == META_TYPE_STRING)
			return meta->string;
	}
	return NULL;
}

// Some rules say that they are not for memory.
static bool is_for_memory(const YR_RULE *rule)
{
	YR_META *meta;
	yr_rule_metas_foreach(rule, meta)
	{
		if (!strcmp(meta->identifier, "memory") && meta->type != META_TYPE_STRING &&
			!meta->integer)
			return false;
	}
	return true;
}

// What becomes of the rules of a text.
struct destination {
	const char *id;        // of indicators of their own; NULL: their names
	struct ioc_node *leaf; // or the leaf that asks for them
	size_t count;
};

static void leaf_ask(struct reading *reading, struct ioc_node *node, const char *value)
{
	node->leaf.written = node->leaf.term->name;
	node->leaf.term = term_get(reading->set, "Yara/Rule", 9);
	node->leaf.value = reading_text(reading, value, strlen(value));
	node->leaf.length = (uint32_t)strlen(value);
	node->leaf.condition = IOC_IS;
	node->leaf.case_sensitive = true;
}

static size_t rule_add(
	struct reading *reading, const YR_RULE *rule, size_t file, const struct destination *to)
{
	char value[300];
	if (rule->flags & RULE_FLAGS_PRIVATE)
		return 0;
	if (!is_for_memory(rule)) {
		reading_note(reading, 0,
			"rule '%s' says that it is not for memory, and is left out",
			rule->identifier);
		return 0;
	}
	snprintf(value, sizeof value, "%zu:%s", file, rule->identifier);
	if (to->leaf) {
		leaf_ask(reading, to->leaf, value);
		return 1;
	}
	indicator_begin(reading, to->id ? to->id : rule->identifier, rule->identifier,
		meta_of(rule, "description"));
	struct leaf_wish wish = {
		.term = "Yara/Rule",
		.condition = IOC_IS,
		.value = value,
		.length = strlen(value),
		.case_sensitive = true,
	};
	leaf_add(reading, NULL, &wish);
	return indicator_end(reading);
}

static ei_error *rules_keep(struct reading *reading, const char *text, size_t length)
{
	struct vector *rules = &reading->set->rules;
	if (!vector_grow(rules, sizeof(struct ioc_rules)))
		return ei_fail(EI_E_NOMEM, "out of memory");
	((struct ioc_rules *)rules->items)[rules->count++] = (struct ioc_rules){
		.file = reading->file,
		.text = reading_text(reading, text, length),
		.length = length,
	};
	return NULL;
}

static ei_error *rules_add(struct reading *reading, YR_COMPILER *compiler, const char *text,
	size_t length, struct destination *to)
{
	YR_RULES *rules = NULL;
	YR_RULE *rule;
	EI_TRY(compile(compiler, text, &rules));
	size_t file = reading->set->rules.count;
	ei_error *error = rules_keep(reading, text, length);
	yr_rules_foreach(rules, rule)
	{
		if (!error)
			to->count += rule_add(reading, rule, file, to);
	}
	yara.rules_drop(rules);
	return error;
}

static ei_error *yara_add(
	struct reading *reading, const char *text, size_t length, struct destination *to)
{
	YR_COMPILER *compiler = NULL;
	if (length > RULES_TEXT_MAX)
		return ei_fail(EI_E_LIMIT, "more than %d bytes of rules", RULES_TEXT_MAX);
	if (memchr(text, '\0', length))
		return ei_fail(EI_E_FORMAT, "there is a NUL byte in it");
	EI_TRY(yara_ready());
	if (yara.start() != ERROR_SUCCESS)
		return ei_fail(EI_E_NOMEM, "YARA cannot be started");
	ei_error *error = NULL;
	if (yara.create(&compiler) != ERROR_SUCCESS)
		error = ei_fail(EI_E_NOMEM, "out of memory");
	else
		error = rules_add(reading, compiler, text, length, to);
	if (compiler)
		yara.drop(compiler);
	yara.end();
	return error;
}

ei_error *yara_read(struct reading *reading, const char *text, size_t length)
{
	struct destination to = { 0 };
	EI_TRY(yara_add(reading, text, length, &to));
	if (!to.count)
		reading_note(reading, 0, "there is no rule for memory in it");
	return NULL;
}

size_t rules_embedded(struct reading *reading, const char *type, const char *id, const char *text)
{
	struct destination to = { .id = id };
	size_t before = reading->set->indicators.count;
	bool is_yara = !strcasecmp(type, "yara");
	enum ioc_format format = reading->format;
	ei_error *error = is_yara ? yara_add(reading, text, strlen(text), &to)
				  : sigma_read(reading, text, strlen(text));
	reading->format = format;
	if (error) {
		indicator_discard(reading);
		reading_note(reading, 0, "the %s rule of '%.80s' is left out: %s", type, id,
			ei_error_text(error));
	}
	ei_error_drop(error);
	return reading->set->indicators.count - before;
}

void rules_leaf(struct reading *reading, struct ioc_node *leaf, const char *text)
{
	struct destination to = { .leaf = leaf };
	EI_OWNED(ei_error) error = yara_add(reading, text, strlen(text), &to);
	if (!error && to.count)
		return;
	leaf->leaf.reason = IOC_UNSUPPORTED;
	leaf->note = "it is no rule that YARA can compile";
	reading_note(reading, leaf->line, "'%s' cannot be asked as a YARA rule: %s",
		leaf->leaf.term->name,
		error ? ei_error_text(error) : "there is none for memory in it");
}

void rules_group(struct reading *reading, struct ioc_node *group, const char *text, size_t leaves)
{
	struct ioc_node *first = group->first;
	reading->indicator->leaves -= (uint32_t)leaves - 1;
	group->kind = IOC_LEAF;
	group->first = group->last = NULL;
	group->leaf = first->leaf;
	rules_leaf(reading, group, text);
}
