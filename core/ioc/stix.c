// STIX 2.0 and 2.1: the indicators of a bundle.
// SPDX-License-Identifier: Apache-2.0
#include "base/json_tree.h"
#include "ioc/internal.h"
#include "ioc/rules.h"
#include <time.h>

static bool is_object(const struct tree *tree)
{
	const char *type = tree_text(tree_get(tree, "type"));
	return *type && strstr(tree_text(tree_get(tree, "id")), "--");
}

static const struct tree *first_of(const struct tree *array)
{
	return array && array->kind == TREE_ARRAY && array->skip > 1 ? array + 1 : NULL;
}

// A bundle; a list of objects; an envelope of a server; an object alone.
bool stix_claims(const struct tree *root)
{
	return !strcmp(tree_text(tree_get(root, "type")), "bundle") || is_object(root) ||
	       is_object(first_of(root)) || is_object(first_of(tree_get(root, "objects")));
}

struct count {
	size_t indicators, patterns, outdated;
	const char *first_outdated, *its_end;
	char now[24];
};

// Times of STIX are UTC and are ordered as text is. What is outdated is still looked for: an image
// may be older than its examination.
static void validity_read(const struct tree *object, const char *id, struct count *count)
{
	const char *end = tree_text(tree_get(object, "valid_until"));
	if (!*end || strcmp(end, count->now) >= 0)
		return;
	if (!count->outdated++) {
		count->first_outdated = id;
		count->its_end = end;
	}
}

static void indicator_read(struct reading *reading, const struct tree *object, struct count *count)
{
	const char *pattern = tree_text(tree_get(object, "pattern"));
	const char *type = tree_text(tree_get(object, "pattern_type"));
	const char *id = tree_text(tree_get(object, "id"));
	const char *name = tree_text(tree_get(object, "name"));
	const struct tree *revoked = tree_get(object, "revoked");
	count->indicators++;
	if (revoked && revoked->kind == TREE_TRUE) {
		reading_note(reading, 0, "'%.80s' is revoked and left out", id);
		return;
	}
	validity_read(object, id, count);
	if (!strcasecmp(type, "yara") || !strcasecmp(type, "sigma")) {
		count->patterns += rules_embedded(reading, type, id, pattern);
		return;
	}
	if (*type && strcasecmp(type, "stix") != 0) {
		reading_note(reading, 0, "'%.80s' is of type '%.20s' and left out", id, type);
		return;
	}
	indicator_begin(
		reading, id, *name ? name : pattern, tree_text(tree_get(object, "description")));
	if (stix_pattern(reading, NULL, pattern))
		count->patterns += indicator_end(reading);
	else
		indicator_discard(reading);
}

static void objects_read(struct reading *reading, const struct tree *array, struct count *count)
{
	if (!array || array->kind != TREE_ARRAY)
		return;
	const struct tree *end = array + array->skip;
	for (const struct tree *object = array + 1; object < end && !reading_stopped(reading);
		object += object->skip)
		if (!strcmp(tree_text(tree_get(object, "type")), "indicator"))
			indicator_read(reading, object, count);
}

ei_error *stix_read(struct reading *reading, const struct tree *root)
{
	struct count count = { 0 };
	time_t now = time(NULL);
	struct tm tm;
	if (gmtime_r(&now, &tm))
		strftime(count.now, sizeof count.now, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (root->kind == TREE_ARRAY)
		objects_read(reading, root, &count);
	else if (!strcmp(tree_text(tree_get(root, "type")), "indicator"))
		indicator_read(reading, root, &count);
	else
		objects_read(reading, tree_get(root, "objects"), &count);
	if (count.outdated)
		reading_note(reading, 0,
			"%zu indicators are no longer valid and are asked all the same, such as "
			"'%.80s', until %.30s",
			count.outdated, count.first_outdated, count.its_end);
	if (!count.indicators)
		reading_note(reading, 0, "there is no indicator among its objects");
	return NULL;
}
