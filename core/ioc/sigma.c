// Sigma rules whose events leave a state: processes, modules, drivers, registry values, pipes.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/sigma.h"
#include "ioc/library.h"

#include <pthread.h>

enum { SIGMA_TEXT_MAX = 1 << 20, OPEN_MAX = 1000, ANCHORS_MAX = 200 };

static struct {
	__typeof__(yaml_parser_initialize) *init;
	__typeof__(yaml_parser_delete) *deinit;
	__typeof__(yaml_parser_set_input_string) *set_text;
	__typeof__(yaml_parser_load) *load;
	__typeof__(yaml_document_delete) *document_deinit;
	__typeof__(yaml_document_get_root_node) *root;
	__typeof__(yaml_document_get_node) *node;
	char missing[256]; // "": all is there
} yaml;

static void yaml_load(void)
{
	const struct library_function functions[] = {
		{ "yaml_parser_initialize", &yaml.init },
		{ "yaml_parser_delete", &yaml.deinit },
		{ "yaml_parser_set_input_string", &yaml.set_text },
		{ "yaml_parser_load", &yaml.load },
		{ "yaml_document_delete", &yaml.document_deinit },
		{ "yaml_document_get_root_node", &yaml.root },
		{ "yaml_document_get_node", &yaml.node },
	};
	library_load("libyaml-0.so.2", functions, ARRAY_LENGTH(functions), yaml.missing,
		sizeof yaml.missing);
}

static ei_error *yaml_ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, yaml_load);
	return *yaml.missing ? ei_fail(EI_E_REQUIREMENT, "Sigma rules need it: %s", yaml.missing)
			     : NULL;
}

yaml_node_t *sigma_node(const struct sigma *sigma, int index)
{
	return yaml.node(sigma->document, index);
}

const char *sigma_text(yaml_node_t *scalar)
{
	return scalar && scalar->type == YAML_SCALAR_NODE ? (const char *)scalar->data.scalar.value
							  : "";
}

yaml_node_t *sigma_get(const struct sigma *sigma, yaml_node_t *mapping, const char *key)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	for (; pair < mapping->data.mapping.pairs.top; pair++)
		if (!strcmp(sigma_text(sigma_node(sigma, pair->key)), key))
			return sigma_node(sigma, pair->value);
	return NULL;
}

static ei_error *conditions_read(
	struct sigma *sigma, struct ioc_node *parent, yaml_node_t *detection)
{
	yaml_node_t *condition = sigma_get(sigma, detection, "condition");
	if (!condition)
		return ei_fail(EI_E_FORMAT, "the detection has no condition");
	if (condition->type == YAML_SCALAR_NODE)
		return sigma_condition(sigma, parent, detection, sigma_text(condition));
	if (condition->type != YAML_SEQUENCE_NODE)
		return ei_fail(EI_E_FORMAT, "the condition is no text");
	struct ioc_node *any = node_add(sigma->reading, parent, IOC_OR);
	yaml_node_item_t *item = condition->data.sequence.items.start;
	for (; item < condition->data.sequence.items.top; item++)
		EI_TRY(sigma_condition(
			sigma, any, detection, sigma_text(sigma_node(sigma, *item))));
	return NULL;
}

// Names and pipes are of handles: only those of files are pipes.
static struct ioc_node *type_guard(struct sigma *sigma)
{
	static const char term[] = "ProcessItem/HandleList/Handle/Type";
	if (strcmp(sigma->category, "pipe_created") != 0)
		return NULL;
	struct ioc_node *both = node_add(sigma->reading, NULL, IOC_AND);
	leaf_is(sigma->reading, both, term, "File", 4);
	return both;
}

static ei_error *rule_read(struct sigma *sigma, yaml_node_t *root)
{
	struct reading *reading = sigma->reading;
	yaml_node_t *source = sigma_get(sigma, root, "logsource");
	yaml_node_t *detection = sigma_get(sigma, root, "detection");
	const char *product = sigma_text(sigma_get(sigma, source, "product"));
	const char *title = sigma_text(sigma_get(sigma, root, "title"));
	sigma->category = sigma_text(sigma_get(sigma, source, "category"));
	if (!detection || detection->type != YAML_MAPPING_NODE)
		return ei_fail(EI_E_UNKNOWN, "this YAML is no Sigma rule: it has no detection");
	if (*product && strcasecmp(product, "windows") != 0)
		return ei_fail(EI_E_UNKNOWN, "the rule '%.80s' is for '%.40s'", title, product);
	if (!sigma_category_known(sigma->category))
		return ei_fail(EI_E_UNKNOWN,
			"the rule '%.80s' is about events of '%.40s', which leave no state that is "
			"read",
			title, sigma->category);
	reading->line = (uint32_t)root->start_mark.line + 1;
	struct ioc_indicator *indicator =
		indicator_begin(reading, sigma_text(sigma_get(sigma, root, "id")), title,
			sigma_text(sigma_get(sigma, root, "description")));
	param_add(reading, &indicator->links, "level", sigma_text(sigma_get(sigma, root, "level")));
	EI_TRY(conditions_read(sigma, type_guard(sigma), detection));
	if (sigma->visits >= SIGMA_VISITS_MAX)
		return ei_fail(EI_E_LIMIT, "more than %d values", SIGMA_VISITS_MAX);
	if (!indicator_end(reading) && !reading->failure)
		return ei_fail(EI_E_FORMAT, "the detection has no condition that says anything");
	return NULL;
}

static ei_error *documents_read(struct reading *reading, yaml_parser_t *parser)
{
	size_t count = 0;
	for (;; count++) {
		yaml_document_t document;
		if (!yaml.load(parser, &document))
			return ei_fail(EI_E_FORMAT, "line %zu: %s", parser->problem_mark.line + 1,
				parser->problem ? parser->problem : "it is damaged");
		yaml_node_t *root = yaml.root(&document);
		struct sigma sigma = { .reading = reading, .document = &document };
		ei_error *error = root ? rule_read(&sigma, root) : NULL;
		yaml.document_deinit(&document);
		if (error || !root || reading_stopped(reading))
			return !error && !count && !root ? ei_fail(EI_E_FORMAT, "it is empty")
							 : error;
	}
}

static bool begins_word(const char *text, size_t at, size_t length)
{
	bool before = !at || strchr(" \t\n[{,:-", text[at - 1]);
	return before && at + 1 < length && text[at + 1] > ' ' && text[at + 1] != '&';
}

// libyaml goes through all open brackets at every word, and through all anchors at every alias.
// Those in texts are counted too: no rule comes near.
static ei_error *text_check(const char *text, size_t length)
{
	size_t open = 0, anchors = 0;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (c == '[' || c == '{')
			open++;
		else if ((c == ']' || c == '}') && open)
			open--;
		else if (c == '&')
			anchors += begins_word(text, i, length);
		if (open > OPEN_MAX)
			return ei_fail(EI_E_LIMIT, "more than %d brackets are open", OPEN_MAX);
		if (anchors > ANCHORS_MAX)
			return ei_fail(EI_E_LIMIT, "more than %d anchors", ANCHORS_MAX);
	}
	return NULL;
}

ei_error *sigma_read(struct reading *reading, const char *text, size_t length)
{
	yaml_parser_t parser;
	reading->format = IOC_SIGMA;
	EI_TRY(text_check(text, MIN(length, (size_t)SIGMA_TEXT_MAX)));
	EI_TRY(yaml_ready());
	if (length > SIGMA_TEXT_MAX)
		return ei_fail(EI_E_LIMIT, "it is %zu bytes of YAML, at most %d are read", length,
			SIGMA_TEXT_MAX);
	if (!yaml.init(&parser))
		return ei_fail(EI_E_NOMEM, "out of memory");
	yaml.set_text(&parser, (const unsigned char *)text, length);
	ei_error *error = documents_read(reading, &parser);
	yaml.deinit(&parser);
	return error;
}
