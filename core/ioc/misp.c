// MISP events, from a server or a feed: attributes that are marked for detection.
// SPDX-License-Identifier: Apache-2.0
#include "base/json_tree.h"
#include "ioc/rules.h"
#include "ioc/typed.h"

struct event {
	struct reading *reading;
	const char *info;
	size_t attributes, marked, left_out;
	const char *left_out_type;
};

static const struct tree *first_of(const struct tree *array)
{
	return array && array->kind == TREE_ARRAY && array->skip > 1 ? array + 1 : NULL;
}

static bool is_event(const struct tree *tree)
{
	return tree_get(tree, "Event") || tree_get(tree, "Attribute") || tree_get(tree, "Object");
}

static const struct tree *response_of(const struct tree *root)
{
	const struct tree *response = tree_get(root, "response");
	return response ? response : root;
}

bool misp_claims(const struct tree *root)
{
	const struct tree *response = response_of(root);
	return is_event(response) || is_event(first_of(response));
}

// A feed's index of events: what is told of each, by its id.
bool misp_is_manifest(const struct tree *root)
{
	struct tree_member first = tree_first(root);
	return first.key && strlen(first.key) == 36 && tree_get(first.value, "info");
}

static bool is_true(const struct tree *value)
{
	return value && (value->kind == TREE_TRUE || !strcmp(tree_text(value), "1") ||
				(value->kind == TREE_INTEGER && value->integer == 1));
}

static void attribute_read(struct event *event, const struct tree *attribute)
{
	struct reading *reading = event->reading;
	const char *type = tree_text(tree_get(attribute, "type"));
	const char *value = tree_text(tree_get(attribute, "value"));
	const char *id = tree_text(tree_get(attribute, "uuid"));
	event->attributes++;
	if (is_true(tree_get(attribute, "deleted")) || !is_true(tree_get(attribute, "to_ids")))
		return;
	event->marked++;
	if (!strcasecmp(type, "yara") || !strcasecmp(type, "sigma")) {
		rules_embedded(reading, type, id, value);
		return;
	}
	// The value is refanged where it is: this document's text is ours to change.
	indicator_begin(reading, id, value, event->info);
	if (typed_add(reading, NULL, type, (char *)value, strlen(value))) {
		indicator_end(reading);
		return;
	}
	indicator_discard(reading);
	event->left_out++;
	event->left_out_type = type;
}

static void attributes_read(struct event *event, const struct tree *array)
{
	if (!array || array->kind != TREE_ARRAY)
		return;
	const struct tree *end = array + array->skip;
	for (const struct tree *item = array + 1; item < end && !reading_stopped(event->reading);
		item += item->skip)
		attribute_read(event, item);
}

static void event_read(struct reading *reading, const struct tree *root)
{
	const struct tree *inner = tree_get(root, "Event");
	const struct tree *body = inner ? inner : root;
	struct event event = { .reading = reading, .info = tree_text(tree_get(body, "info")) };
	attributes_read(&event, tree_get(body, "Attribute"));
	const struct tree *objects = tree_get(body, "Object");
	const struct tree *end = objects ? objects + objects->skip : NULL;
	if (objects && objects->kind == TREE_ARRAY)
		for (const struct tree *object = objects + 1; object < end; object += object->skip)
			if (!is_true(tree_get(object, "deleted")))
				attributes_read(&event, tree_get(object, "Attribute"));
	if (event.attributes && !event.marked)
		reading_note(reading, 0,
			"none of the %zu attributes of '%.80s' is marked for detection (to_ids)",
			event.attributes, event.info);
	if (event.left_out)
		reading_note(reading, 0,
			"%zu attributes of '%.80s' are of types that are not looked for, such as "
			"'%.40s'",
			event.left_out, event.info, event.left_out_type);
}

ei_error *misp_read(struct reading *reading, const struct tree *root)
{
	const struct tree *response = response_of(root);
	if (response->kind != TREE_ARRAY) {
		event_read(reading, response);
		return NULL;
	}
	const struct tree *end = response + response->skip;
	for (const struct tree *event = response + 1; event < end && !reading_stopped(reading);
		event += event->skip)
		event_read(reading, event);
	return NULL;
}
