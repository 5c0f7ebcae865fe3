// OpenIOC 1.0 and 1.1, on their own or inside of another document such as STIX 1.x.
// Source: the schemas of mandiant/OpenIOC_1.1. Elements are told by local name, in any order.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"
#include "ioc/library.h"
#include "ioc/rules.h"

#include <libxml/parser.h>
#include <pthread.h>

enum { ELEMENTS_DEPTH_MAX = 256, CHUNK = 64 << 10 };

enum field { NO_FIELD, NAME, DESCRIPTION, LINK, CONTENT, COMMENT, PARAM_VALUE };

// The major version in its name changed with 2.14.
#if LIBXML_VERSION < 21400
static const char library_name[] = "libxml2.so.2";
#else
static const char library_name[] = "libxml2.so.16";
#endif

static struct {
	__typeof__(xmlCreatePushParserCtxt) *create;
	__typeof__(xmlFreeParserCtxt) *drop;
	__typeof__(xmlCtxtUseOptions) *use_options;
	__typeof__(xmlParseChunk) *parse;
	__typeof__(xmlStopParser) *stop;
	__typeof__(xmlCtxtGetLastError) *last_error;
	__typeof__(xmlSAX2GetLineNumber) *line;
	char missing[256]; // "": all is there
} xml;

static void xml_load(void)
{
	const struct library_function functions[] = {
		{ "xmlCreatePushParserCtxt", &xml.create },
		{ "xmlFreeParserCtxt", &xml.drop },
		{ "xmlCtxtUseOptions", &xml.use_options },
		{ "xmlParseChunk", &xml.parse },
		{ "xmlStopParser", &xml.stop },
		{ "xmlCtxtGetLastError", &xml.last_error },
		{ "xmlSAX2GetLineNumber", &xml.line },
	};
	library_load(
		library_name, functions, ARRAY_LENGTH(functions), xml.missing, sizeof xml.missing);
}

static ei_error *xml_ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, xml_load);
	return *xml.missing ? ei_fail(EI_E_REQUIREMENT, "OpenIOC needs it: %s", xml.missing) : NULL;
}

// A parameter refers to its node by id, wherever the node is.
struct pending {
	const char *id, *name, *value;
};

struct item {
	struct leaf_wish wish;
	const char *id, *search, *document, *condition;
	bool exclusion, has_content;
	uint32_t line;
};

struct document {
	struct reading *reading;
	xmlParserCtxt *parser;
	unsigned depth, ioc_depth;     // of elements; where the document begins, 0: not in one
	size_t documents, observables; // of CybOX, outside of documents
	struct ioc_node *stack[IOC_DEPTH_MAX + 1];
	unsigned stack_depth;
	struct item item;
	bool in_item;
	enum field field;
	unsigned field_depth;
	struct text text; // of the field
	struct text comment;
	const char *rel, *ref_id, *param_name;
	struct vector pendings;
};

struct attributes {
	int count;
	const xmlChar **items; // local name, prefix, namespace, value, end
};

static const char *attribute(
	struct document *document, struct attributes attributes, const char *name)
{
	for (int i = 0; i < attributes.count; i++) {
		const xmlChar **item = attributes.items + i * 5;
		if (!strcmp((const char *)item[0], name))
			return reading_text(document->reading, (const char *)item[3],
				(size_t)(item[4] - item[3]));
	}
	return NULL;
}

static bool attribute_true(
	struct document *document, struct attributes attributes, const char *name)
{
	const char *value = attribute(document, attributes, name);
	return value && (!strcasecmp(value, "true") || !strcmp(value, "1"));
}

static void stop(struct document *document, ei_error *error)
{
	reading_fail(document->reading, error);
	xml.stop(document->parser);
}

// ---- conditions -----------------------------------------------------------------------------
static const struct condition {
	const char *name;
	enum ioc_condition condition;
	bool negated;
} conditions[] = {
	{ "is", IOC_IS, false },
	{ "contains", IOC_CONTAINS, false },
	{ "isnot", IOC_IS, true },
	{ "containsnot", IOC_CONTAINS, true },
	{ "matches", IOC_MATCHES, false },
	{ "starts-with", IOC_STARTS, false },
	{ "ends-with", IOC_ENDS, false },
	{ "greater-than", IOC_GREATER, false },
	{ "less-than", IOC_LESS, false },
};

static const struct condition *condition_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(conditions); i++)
		if (!strcasecmp(conditions[i].name, name))
			return &conditions[i];
	return NULL;
}

// ---- items ----------------------------------------------------------------------------------
// Whether an id can be the value that an exporter misplaced: not a GUID, and of the term's form.
static bool id_is_value(const struct ioc_term *term, const char *id)
{
	size_t length = strlen(id);
	enum observable kind = observable_guess(id, length);
	bool guid = length == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-';
	if (!length || guid)
		return false;
	if (term->type == IOC_DIGEST)
		return kind == OBSERVABLE_MD5 || kind == OBSERVABLE_SHA1 ||
		       kind == OBSERVABLE_SHA256;
	if (term->type == IOC_ADDRESS)
		return kind == OBSERVABLE_IP;
	return term->type != IOC_NUMBER && term->type != IOC_TIME && term->type != IOC_BOOL;
}

static void item_value(struct document *document, struct ioc_node *node)
{
	struct reading *reading = document->reading;
	const char *id = document->item.id;
	const char *value = node->leaf.value;
	size_t length = node->leaf.length;
	trim(&value, &length);
	if (length || node->leaf.reason)
		return;
	if (reading->set->wish.recover && id && id_is_value(node->leaf.term, id)) {
		node->leaf.value = id;
		node->leaf.length = (uint32_t)strlen(id);
		node->leaf.recovered = true;
		return;
	}
	node->leaf.reason = IOC_NO_VALUE;
	reading_note(reading, document->item.line,
		"condition on '%s' has no content, which matches nothing", node->leaf.term->name);
}

static struct ioc_node *condition_leaf(struct document *document, struct ioc_node *parent,
	const char *search, const struct condition *condition)
{
	struct reading *reading = document->reading;
	bool exclusion = condition->negated && reading->format == IOC_OPENIOC_10;
	struct leaf_wish wish = document->item.wish;
	wish.term = search;
	wish.condition = condition->condition;
	wish.negated ^= condition->negated;
	wish.value = document->text.data ? document->text.data : "";
	wish.length = document->text.cut ? IOC_VALUE_MAX + 1 : document->text.length;
	if (wish.condition == IOC_IS && is_digest_list(wish.value))
		return digests_add(reading, parent, &wish, exclusion);
	struct ioc_node *node = leaf_add(reading, parent, &wish);
	node->leaf.exclusion = exclusion;
	if (strcmp(node->leaf.term->name, search) != 0)
		node->leaf.written = search;
	item_value(document, node);
	return node;
}

static struct ioc_node *item_leaf(struct document *document, struct ioc_node *parent)
{
	struct reading *reading = document->reading;
	struct item *item = &document->item;
	const char *search = item->search && *item->search ? item->search : item->document;
	const struct condition *condition = condition_of(item->condition ? item->condition : "is");
	if (!search || !*search)
		return leaf_unsupported(reading, parent, "?", "it does not say what to look at");
	if (!condition) {
		reading_note(reading, item->line, "there is no condition '%s'", item->condition);
		return leaf_unsupported(reading, parent, search, "its condition does not exist");
	}
	if (item->document && strncasecmp(item->document, search, strlen(item->document)) != 0)
		reading_note(reading, item->line,
			"the document is '%s' and the search '%s': the search counts",
			item->document, search);
	return condition_leaf(document, parent, search, condition);
}

static void item_end(struct document *document)
{
	struct reading *reading = document->reading;
	document->in_item = false;
	uint32_t line = reading->line;
	reading->line = document->item.line;
	struct ioc_node *parent =
		document->stack_depth ? document->stack[document->stack_depth - 1] : NULL;
	// A condition outside of all groups: some editors leave out a group of one.
	if (!parent && reading->indicator && reading->indicator->root)
		parent = reading->indicator->root;
	if (parent && parent->kind == IOC_LEAF)
		reading_note(
			reading, reading->line, "a condition outside of all groups is left out");
	else if (reading->indicator) {
		struct ioc_node *node = item_leaf(document, parent);
		node->id = document->item.id ? document->item.id : "";
		if (document->comment.length)
			param_add(reading, &node->params, "comment", document->comment.data);
	}
	reading->line = line;
}

static void item_begin(struct document *document, struct attributes attributes)
{
	document->item = (struct item){
		.id = attribute(document, attributes, "id"),
		.condition = attribute(document, attributes, "condition"),
		.wish.case_sensitive = attribute_true(document, attributes, "preserve-case"),
		.wish.negated = attribute_true(document, attributes, "negate"),
		.line = document->reading->line,
	};
	document->in_item = true;
	text_clear(&document->text);
	text_clear(&document->comment);
}

// ---- groups ---------------------------------------------------------------------------------
static void group_begin(struct document *document, struct attributes attributes)
{
	struct reading *reading = document->reading;
	struct ioc_indicator *indicator = reading->indicator;
	const char *logic = attribute(document, attributes, "operator");
	const char *id = attribute(document, attributes, "id");
	enum ioc_kind kind = logic && !strcasecmp(logic, "AND") ? IOC_AND : IOC_OR;
	if (!logic || (strcasecmp(logic, "AND") != 0 && strcasecmp(logic, "OR") != 0))
		reading_note(reading, reading->line, "there is no operator '%s'; it is read as OR",
			logic ? logic : "");
	struct ioc_node *parent = NULL;
	if (document->stack_depth)
		parent = document->stack[document->stack_depth - 1];
	else if (indicator && indicator->root) {
		// Several groups at the top: any of them.
		struct ioc_node *first = indicator->root;
		parent = first;
		if (!first->alone) {
			parent = node_add(reading, NULL, IOC_OR);
			parent->first = parent->last = first;
			parent->alone = true;
		}
	}
	if (document->stack_depth >= ARRAY_LENGTH(document->stack)) {
		stop(document,
			ei_fail(EI_E_LIMIT, "line %u: more than %d groups are within each other",
				reading->line, IOC_DEPTH_MAX));
		return;
	}
	struct ioc_node *node = node_add(reading, parent, kind);
	node->id = id ? id : "";
	document->stack[document->stack_depth++] = node;
}

static void group_end(struct document *document)
{
	if (!document->stack_depth)
		return;
	struct ioc_node *node = document->stack[--document->stack_depth];
	if (!node->first)
		reading_note(document->reading, document->reading->line,
			"a group is empty, which matches nothing");
}

// ---- parameters -----------------------------------------------------------------------------
static void param_keep(struct document *document, const char *value)
{
	struct vector *pendings = &document->pendings;
	if (!document->ref_id || !document->param_name ||
		!vector_grow(pendings, sizeof(struct pending)))
		return;
	((struct pending *)pendings->items)[pendings->count++] =
		(struct pending){ document->ref_id, document->param_name, value };
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct pending *)a)->id, ((const struct pending *)b)->id);
}

static void params_attach_to(struct document *document, struct ioc_node *node)
{
	const struct pending *pendings = document->pendings.items;
	size_t low = 0, high = document->pendings.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(pendings[middle].id, node->id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	// Ids may be the same for many nodes: what one node gets is bounded.
	for (size_t i = low; i < document->pendings.count && i < low + IOC_DEPTH_MAX; i++)
		if (!strcmp(pendings[i].id, node->id))
			param_add(document->reading, &node->params, pendings[i].name,
				pendings[i].value);
}

static void params_attach(struct document *document, struct ioc_node *node)
{
	for (; node; node = node->next) {
		if (*node->id)
			params_attach_to(document, node);
		params_attach(document, node->first); // at most IOC_DEPTH_MAX deep
	}
}

// ---- documents ------------------------------------------------------------------------------
static void document_begin(
	struct document *document, const char *name, struct attributes attributes)
{
	struct reading *reading = document->reading;
	document->ioc_depth = document->depth;
	document->documents++;
	document->stack_depth = 0;
	document->pendings.count = 0;
	reading->format = strcmp(name, "OpenIOC") != 0 ? IOC_OPENIOC_10 : IOC_OPENIOC_11;
	indicator_begin(reading, attribute(document, attributes, "id"), NULL, NULL);
}

static void document_end(struct document *document)
{
	struct reading *reading = document->reading;
	struct ioc_indicator *indicator = reading->indicator;
	document->ioc_depth = 0;
	if (!indicator)
		return;
	uint32_t line = indicator->line;
	if (indicator->root && document->pendings.count) {
		qsort(document->pendings.items, document->pendings.count, sizeof(struct pending),
			by_id);
		params_attach(document, indicator->root);
	}
	// Several groups at the top were marked so; they bind as any group does.
	if (indicator->root)
		indicator->root->alone = false;
	if (indicator->root && !reading->failure)
		openioc_yara(reading, indicator->root);
	if (!indicator_end(reading) && !reading->failure)
		reading_note(reading, line, "an OpenIOC document has no conditions");
}

// ---- elements -------------------------------------------------------------------------------
static void field_begin(struct document *document, enum field field)
{
	document->field = field;
	document->field_depth = document->depth;
	text_clear(field == COMMENT ? &document->comment : &document->text);
}

static void item_element(struct document *document, const char *name, struct attributes attributes)
{
	if (!strcmp(name, "Context")) {
		document->item.search = attribute(document, attributes, "search");
		document->item.document = attribute(document, attributes, "document");
	} else if (!strcmp(name, "Content")) {
		field_begin(document, CONTENT);
	} else if (!strcmp(name, "Comment")) {
		field_begin(document, COMMENT);
	}
}

static void document_element(
	struct document *document, const char *name, struct attributes attributes)
{
	if (document->in_item) {
		item_element(document, name, attributes);
	} else if (!strcmp(name, "Indicator")) {
		group_begin(document, attributes);
	} else if (!strcmp(name, "IndicatorItem")) {
		item_begin(document, attributes);
	} else if (!strcmp(name, "short_description")) {
		field_begin(document, NAME);
	} else if (!strcmp(name, "description")) {
		field_begin(document, DESCRIPTION);
	} else if (!strcmp(name, "link")) {
		document->rel = attribute(document, attributes, "rel");
		field_begin(document, LINK);
	} else if (!strcmp(name, "param")) {
		document->ref_id = attribute(document, attributes, "ref-id");
		document->param_name = attribute(document, attributes, "name");
	} else if (!strcmp(name, "value")) {
		field_begin(document, PARAM_VALUE);
	}
}

static void field_end(struct document *document)
{
	struct reading *reading = document->reading;
	struct ioc_indicator *indicator = reading->indicator;
	enum field field = document->field;
	document->field = NO_FIELD;
	if (!indicator || field == CONTENT || field == COMMENT)
		return;
	const char *value = document->text.data ? document->text.data : "";
	size_t length = document->text.length;
	trim(&value, &length);
	value = reading_text(reading, value, length);
	if (field == NAME)
		indicator->name = value;
	else if (field == DESCRIPTION)
		indicator->description = value;
	else if (field == LINK)
		param_add(
			reading, &indicator->links, document->rel ? document->rel : "link", value);
	else
		param_keep(document, value);
}

static void on_start(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
	int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted,
	const xmlChar **attributes)
{
	struct document *document = context;
	struct reading *reading = document->reading;
	struct attributes given = { attribute_count, attributes };
	const char *name = (const char *)local;
	(void)prefix, (void)uri, (void)namespace_count, (void)namespaces, (void)defaulted;
	reading->line = (uint32_t)xml.line(document->parser);
	if (++document->depth > ELEMENTS_DEPTH_MAX) {
		stop(document,
			ei_fail(EI_E_LIMIT, "line %u: more than %d elements are within each other",
				reading->line, ELEMENTS_DEPTH_MAX));
		return;
	}
	if (reading_stopped(reading)) {
		xml.stop(document->parser);
		return;
	}
	if (document->ioc_depth)
		document_element(document, name, given);
	else if (!strcmp(name, "ioc") || !strcmp(name, "OpenIOC"))
		document_begin(document, name, given);
	else
		document->observables += !strcmp(name, "Observable");
}

static void on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct document *document = context;
	const char *name = (const char *)local;
	(void)prefix, (void)uri;
	if (document->field && document->depth == document->field_depth)
		field_end(document);
	else if (document->ioc_depth && document->in_item && !strcmp(name, "IndicatorItem"))
		item_end(document);
	else if (document->ioc_depth && !document->in_item && !strcmp(name, "Indicator"))
		group_end(document);
	else if (document->ioc_depth == document->depth && document->depth)
		document_end(document);
	document->depth--;
}

static void on_text(void *context, const xmlChar *text, int length)
{
	struct document *document = context;
	if (document->field)
		text_add(document->field == COMMENT ? &document->comment : &document->text,
			(const char *)text, (size_t)length);
}

// No indicator needs one, and entities are what makes XML dangerous.
static void on_doctype(
	void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	struct document *document = context;
	(void)name, (void)external, (void)system;
	stop(document, ei_fail(EI_E_FORMAT, "it has a document type, which is not read"));
}

static ei_error *parse_failure(xmlParserCtxt *parser)
{
	const xmlError *error = xml.last_error(parser);
	const char *message = error && error->message ? error->message : "it is damaged";
	return ei_fail(EI_E_FORMAT, "line %d: %.*s", error ? error->line : 0,
		(int)strcspn(message, "\n"), message);
}

static void drop_message(void *context, xmlError *error)
{
	(void)context, (void)error;
}

static ei_error *parse(struct document *document, const char *text, size_t length)
{
	int status = 0;
	for (size_t at = 0; !status && !document->reading->failure && at < length; at += CHUNK)
		status = xml.parse(
			document->parser, text + at, (int)MIN(length - at, (size_t)CHUNK), 0);
	if (!status && !document->reading->failure)
		status = xml.parse(document->parser, "", 0, 1);
	if (document->reading->failure)
		return NULL;
	if (status || !document->parser->wellFormed)
		return parse_failure(document->parser);
	if (!document->documents && document->observables)
		return ei_fail(EI_E_FORMAT,
			"its %zu observables are CybOX, which is not read: STIX 2 is",
			document->observables);
	if (!document->documents)
		return ei_fail(EI_E_UNKNOWN, "there is no OpenIOC document in this XML");
	if (document->observables)
		reading_note(document->reading, 0,
			"%zu observables beside OpenIOC are CybOX, which is not read",
			document->observables);
	return NULL;
}

// A comment in front of the XML declaration is wrong, and met.
static void skip_comment(const char **text, size_t *length)
{
	static const char declaration[] = "<?xml";
	if (*length < 4 || memcmp(*text, "<!--", 4) != 0)
		return;
	const char *at = memmem(*text, MIN(*length, (size_t)8192), declaration, 5);
	if (!at)
		return;
	*length -= (size_t)(at - *text);
	*text = at;
}

ei_error *openioc_read(struct reading *reading, const char *text, size_t length)
{
	struct document document = { .reading = reading };
	xmlSAXHandler handler = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.serror = drop_message,
	};
	EI_TRY(xml_ready());
	skip_comment(&text, &length);
	document.parser = xml.create(&handler, &document, NULL, 0, NULL);
	if (!document.parser)
		return ei_fail(EI_E_NOMEM, "out of memory");
	xml.use_options(document.parser, XML_PARSE_NONET);
	text_init(&document.text, IOC_VALUE_MAX + 2);
	text_init(&document.comment, IOC_VALUE_MAX + 2);
	ei_error *error = parse(&document, text, length);
	text_deinit(&document.text);
	text_deinit(&document.comment);
	free(document.pendings.items);
	xml.drop(document.parser);
	return error;
}
