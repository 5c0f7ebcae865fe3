// Writing indicators as a STIX 2.1 bundle: its patterns say what the object model of STIX can.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_write.h"

#include "ioc/stix_paths.h"
#include "out/escape.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PATTERN_MAX = 16 << 20 };

static const char handle_name[] = "ProcessItem/HandleList/Handle/Name";
static const char handle_type[] = "ProcessItem/HandleList/Handle/Type";

// ---- object paths ---------------------------------------------------------------------------
// The term's own object path.
static const char *path_of(const struct ioc_leaf *leaf)
{
	static const struct {
		const char *term, *path;
	} own[] = {
		{ "ProcessItem/name", "process:image_ref.name" },
		{ "ProcessItem/ParentProcessName", "process:parent_ref.image_ref.name" },
		{ "ProcessItem/SecurityID", "process:creator_user_ref.user_id" },
		{ "ProcessItem/Md5sum", "process:image_ref.hashes.MD5" },
		{ "ProcessItem/Sha1sum", "process:image_ref.hashes.'SHA-1'" },
		{ "ProcessItem/Sha256sum", "process:image_ref.hashes.'SHA-256'" },
		{ "FileItem/Md5sum", "file:hashes.MD5" },
		{ "FileItem/Sha1sum", "file:hashes.'SHA-1'" },
		{ "FileItem/Sha256sum", "file:hashes.'SHA-256'" },
		{ "PortItem/remoteIP", "network-traffic:dst_ref.value" },
		{ "PortItem/process", "process:image_ref.name" },
		{ "RegistryItem/KeyPath", "windows-registry-key:key" },
		{ "RegistryItem/ValueName", "windows-registry-key:values[*].name" },
		{ "RegistryItem/Text", "windows-registry-key:values[*].data" },
		{ "ServiceItem/name", "process:extensions.'windows-service-ext'.service_name" },
		{ "ServiceItem/descriptiveName",
			"process:extensions.'windows-service-ext'.display_name" },
	};
	static const char *const plain[] = { "domain-name:value", "url:value", "email-addr:value",
		"email-message:subject", "file:name", "file:size", "file:parent_directory_ref.path",
		"process:image_ref.parent_directory_ref.path", "process:cwd",
		"process:command_line", "process:creator_user_ref.account_login",
		"process:parent_ref.command_line", "mutex:name", "network-traffic:dst_port",
		"network-traffic:src_port", "network-traffic:src_ref.value",
		"user-account:account_login" };
	if (!strcasecmp(leaf->term->name, "Network/IP"))
		return strchr(leaf->value, ':') ? "ipv6-addr:value" : "ipv4-addr:value";
	for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
		if (!strcasecmp(own[i].term, leaf->term->name))
			return own[i].path;
	for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
		const struct stix_path *path = stix_path_find(plain[i]);
		if (path && !strcasecmp(path->terms[0], leaf->term->name))
			return plain[i];
	}
	return NULL;
}

// A whole path of a file is a name and a folder to STIX.
struct halves {
	const char *term, *name, *folder;
};

static const struct halves *halves_of(const struct ioc_leaf *leaf)
{
	static const struct halves all[] = {
		{ "ProcessItem/path", "process:image_ref.name",
			"process:image_ref.parent_directory_ref.path" },
		{ "FileItem/FullPath", "file:name", "file:parent_directory_ref.path" },
		{ "ProcessItem/SectionList/MemorySection/Name", "file:name",
			"file:parent_directory_ref.path" },
		{ handle_name, "file:name", "file:parent_directory_ref.path" }, // of a file
	};
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		if (!strcasecmp(all[i].term, leaf->term->name))
			return &all[i];
	return NULL;
}

// The type of the handles that a group is about; NULL: it does not say.
static const char *handle_type_of(const struct ioc_node *group)
{
	for (const struct ioc_node *child = group->first; child; child = child->next)
		if (group->kind == IOC_AND && child->kind == IOC_LEAF && !child->leaf.negated &&
			child->leaf.condition == IOC_IS &&
			!strcasecmp(child->leaf.term->name, handle_type))
			return child->leaf.value;
	return NULL;
}

// ---- comparisons ----------------------------------------------------------------------------
static void pattern_text(struct text *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\' || text[i] == '\'')
			text_addf(out, "\\");
		text_add(out, text + i, 1);
	}
}

// A value as a regular expression that matches it alone.
static void pattern_quoted(
	struct text *out, const char *value, size_t length, enum ioc_condition condition)
{
	struct text quoted;
	text_init(&quoted, PATTERN_MAX);
	text_addf(&quoted, "%s", condition == IOC_STARTS ? "^" : "");
	for (size_t i = 0; i < length; i++) {
		if (ispunct((unsigned char)value[i]) && value[i] != '_')
			text_addf(&quoted, "\\");
		text_add(&quoted, value + i, 1);
	}
	text_addf(&quoted, "%s", condition == IOC_ENDS ? "$" : "");
	pattern_text(out, quoted.data ? quoted.data : "", quoted.length);
	text_deinit(&quoted);
}

struct comparison {
	const char *path, *value;
	size_t length;
	enum ioc_condition condition;
	bool negated, number;
};

static void comparison_add(struct text *out, const struct comparison *c)
{
	static const char *const compare[] = { [IOC_IS] = "=",
		[IOC_CONTAINS] = "MATCHES",
		[IOC_STARTS] = "MATCHES",
		[IOC_ENDS] = "MATCHES",
		[IOC_MATCHES] = "MATCHES",
		[IOC_GREATER] = ">",
		[IOC_LESS] = "<",
		[IOC_AT_LEAST] = ">=",
		[IOC_AT_MOST] = "<=" };
	text_addf(out, "%s%s %s %s", c->path, c->negated ? " NOT" : "", compare[c->condition],
		c->number ? "" : "'");
	if (c->condition >= IOC_CONTAINS && c->condition <= IOC_ENDS)
		pattern_quoted(out, c->value, c->length, c->condition);
	else
		pattern_text(out, c->value, c->length);
	text_addf(out, "%s", c->number ? "" : "'");
}

static bool is_integer(const struct ioc_leaf *leaf)
{
	size_t digits = strspn(leaf->value, "0123456789");
	return leaf->term->type == IOC_NUMBER && leaf->length && digits == leaf->length;
}

// ---- conditions -----------------------------------------------------------------------------
static bool is_of_file(const struct ioc_node *group, const struct ioc_leaf *leaf)
{
	const char *type = handle_type_of(group);
	if (strcasecmp(leaf->term->name, handle_name) != 0)
		return halves_of(leaf) != NULL;
	return type && !strcasecmp(type, "File");
}

// Why an object path for it cannot be had.
static const char *path_why_not(const struct ioc_node *group, const struct ioc_leaf *leaf)
{
	const char *type = handle_type_of(group);
	bool whole = leaf->condition == IOC_IS || leaf->condition == IOC_ENDS;
	if (is_of_file(group, leaf))
		return whole ? NULL : "STIX has names and folders of files, and no part of both";
	if (!strcasecmp(leaf->term->name, handle_name) && type && strcasecmp(type, "Mutant") != 0)
		return "STIX knows mutexes and files, not handles of other types";
	return path_of(leaf) ? NULL : "STIX has no object path for it";
}

// Why a condition cannot be said; NULL: it can.
static const char *why_not(const struct ioc_node *group, const struct ioc_leaf *leaf)
{
	const char *path = path_why_not(group, leaf);
	if (path)
		return path;
	if (!leaf->length)
		return "there is no value to compare with";
	if (leaf->condition >= IOC_PRESENT || leaf->reason)
		return "STIX has no such condition";
	if (leaf->term->type == IOC_NUMBER && !is_integer(leaf))
		return "it is not a whole number";
	return text_is_writable(leaf->value, leaf->length) ? NULL : "it is not text";
}

// "NAME = 'a.exe' AND FOLDER MATCHES '\\Temp$'"; negated it is one or the other that differs.
static void halves_add(
	struct text *out, const struct halves *halves, const struct ioc_leaf *leaf, bool negated)
{
	const char *slash = memrchr(leaf->value, '\\', leaf->length);
	const char *name = slash ? slash + 1 : leaf->value;
	size_t folder = slash ? (size_t)(slash - leaf->value) : 0;
	size_t rest = leaf->length - (size_t)(name - leaf->value);
	bool whole = slash || leaf->condition == IOC_IS; // else the name's end
	struct comparison c = { halves->name, name, rest, whole ? IOC_IS : IOC_ENDS, negated,
		false };
	text_addf(out, "%s", folder && rest ? "(" : "");
	if (rest)
		comparison_add(out, &c);
	text_addf(out, "%s", folder && rest ? negated ? " OR " : " AND " : "");
	c = (struct comparison){ halves->folder, leaf->value, folder, leaf->condition, negated,
		false };
	if (folder)
		comparison_add(out, &c);
	text_addf(out, "%s", folder && rest ? ")" : "");
}

// One condition in words of STIX; it begins with the kind of object that it is about.
struct said {
	size_t start, length; // in `texts`
	bool taken;
};

static void leaf_add(
	struct text *out, const struct ioc_node *group, const struct ioc_leaf *leaf, bool negated)
{
	const struct halves *halves = halves_of(leaf);
	if (halves && is_of_file(group, leaf)) {
		halves_add(out, halves, leaf, negated);
		return;
	}
	struct comparison c = { path_of(leaf), leaf->value, leaf->length, leaf->condition, negated,
		is_integer(leaf) };
	comparison_add(out, &c);
}

// Of handles of a type that the name's object stands for, the type is said already.
static bool is_implied(const struct ioc_node *group, const struct ioc_leaf *leaf)
{
	const char *type = strcasecmp(leaf->term->name, handle_type) ? NULL : handle_type_of(group);
	if (!type || (strcasecmp(type, "Mutant") != 0 && strcasecmp(type, "File") != 0))
		return false;
	for (const struct ioc_node *child = group->first; child; child = child->next)
		if (child->kind == IOC_LEAF && !strcasecmp(child->leaf.term->name, handle_name))
			return true;
	return false;
}

static size_t leaves_say(struct writing *w, const struct ioc_node *node, bool negated,
	struct text *texts, struct said *said)
{
	size_t count = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		if (child->kind != IOC_LEAF || is_implied(node, &child->leaf))
			continue;
		const char *why = why_not(node, &child->leaf);
		if (why) {
			leaf_left_out(w, &child->leaf, why);
			continue;
		}
		size_t start = texts->length;
		leaf_add(texts, node, &child->leaf, leaf_is_negated(&child->leaf, negated));
		if (texts->cut)
			break;
		said[count++] = (struct said){ .start = start, .length = texts->length - start };
	}
	return count;
}

static size_t object_of(const char *text, const char **object)
{
	*object = text + (*text == '(');
	return strcspn(*object, ":");
}

static bool is_same_object(const struct text *texts, const struct said *a, const struct said *b)
{
	const char *x, *y;
	size_t length = object_of(texts->data + a->start, &x);
	return length == object_of(texts->data + b->start, &y) && !strncmp(x, y, length);
}

// Conditions on one kind of object are one observation, so that they are meant for one object.
static size_t observations_add(struct text *out, const struct text *texts, struct said *said,
	size_t count, const char *joint)
{
	size_t observations = 0;
	for (size_t i = 0; i < count; i++) {
		if (said[i].taken)
			continue;
		text_addf(out, "%s[", observations++ ? joint : "");
		for (size_t j = i; j < count; j++) {
			if (said[j].taken || !is_same_object(texts, &said[i], &said[j]))
				continue;
			said[j].taken = true;
			text_addf(out, "%s", j > i ? joint : "");
			text_add(out, texts->data + said[j].start, said[j].length);
		}
		text_addf(out, "]");
	}
	return observations;
}

// A group as far as it was said.
struct pattern {
	size_t parts;   // observations and groups in `out`
	size_t missing; // children that could not be said
	size_t telling; // conditions that say more than what a program is called
};

static size_t telling_count(const struct ioc_node *node)
{
	static const char *const names[] = { "ProcessItem/name", "ProcessItem/ParentProcessName",
		"PortItem/process" };
	size_t count = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		bool tells = child->kind == IOC_LEAF && !is_implied(node, &child->leaf) &&
			     !why_not(node, &child->leaf);
		for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
			tells = tells && strcasecmp(child->leaf.term->name, names[i]) != 0;
		count += tells;
	}
	return count;
}

static void pattern_leaves(struct writing *w, struct text *out, const struct ioc_node *node,
	bool negated, struct pattern *p)
{
	const char *joint = (node->kind == IOC_AND) != negated ? " AND " : " OR ";
	size_t all = 0, implied = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		all += child->kind == IOC_LEAF;
		implied += child->kind == IOC_LEAF && is_implied(node, &child->leaf);
	}
	struct text texts;
	struct said *said = calloc(all + 1, sizeof *said);
	text_init(&texts, PATTERN_MAX);
	size_t count = said ? leaves_say(w, node, negated, &texts, said) : 0;
	p->parts = observations_add(out, &texts, said, count, joint);
	p->missing = all - implied - count;
	p->telling = telling_count(node);
	out->cut |= texts.cut || !said;
	text_deinit(&texts);
	free(said);
	w->leaves += count;
}

static bool pattern_node(
	struct writing *w, struct text *out, const struct ioc_node *node, bool negated);

static void pattern_groups(struct writing *w, struct text *out, const struct ioc_node *node,
	bool negated, struct pattern *p)
{
	const char *joint = (node->kind == IOC_AND) != negated ? " AND " : " OR ";
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		struct text inner;
		if (child->kind == IOC_LEAF)
			continue;
		text_init(&inner, PATTERN_MAX);
		if (pattern_node(w, &inner, child, negated)) // IOC_DEPTH_MAX deep
			text_addf(out, "%s(%s)", p->parts++ ? joint : "", inner.data);
		else
			p->missing++;
		out->cut |= inner.cut;
		text_deinit(&inner);
	}
}

// False: it could not be said; what is in `out` is of no use then.
static bool pattern_node(
	struct writing *w, struct text *out, const struct ioc_node *node, bool negated)
{
	struct pattern p = { 0 };
	size_t leaves = w->leaves;
	if (node->kind == IOC_NOT && node->first) {
		negated = !negated;
		node = node->first;
	}
	const struct ioc_node alone = { .kind = negated ? IOC_OR : IOC_AND,
		.first = (struct ioc_node *)&(struct ioc_node){
			.kind = IOC_LEAF, .leaf = node->leaf } };
	if (node->kind == IOC_LEAF)
		node = &alone;
	pattern_leaves(w, out, node, negated, &p);
	pattern_groups(w, out, node, negated, &p);
	bool is_and = (node->kind == IOC_AND) != negated;
	if (p.parts && (!is_and || !p.missing || (w->rows && p.telling)))
		return true;
	w->groups_left += p.parts > 0;
	w->leaves = leaves;
	return false;
}

// ---- objects --------------------------------------------------------------------------------
static void json_member(struct text *out, const char *name, const char *value, size_t length)
{
	text_addf(out, ",\n   \"%s\": ", name);
	escape_json(out, value, length);
}

static void stix_object(struct writing *w, const struct ioc_document *document,
	const struct ioc_indicator *indicator, bool *first)
{
	char id[UUID_TEXT], now[32];
	struct text pattern;
	const char *name = *indicator->name ? indicator->name : document->name;
	const char *description =
		*indicator->description ? indicator->description : document->description;
	text_init(&pattern, PATTERN_MAX);
	if (pattern_node(w, &pattern, indicator->root, false)) {
		uuid_make(id);
		iso_now(now);
		text_addf(&w->out,
			"%s  {\n   \"type\": \"indicator\",\n   \"spec_version\": \"2.1\",\n"
			"   \"id\": \"indicator--%s\",\n   \"created\": \"%.19s.000Z\",\n"
			"   \"modified\": \"%.19s.000Z\",\n   \"valid_from\": \"%.19s.000Z\",\n"
			"   \"indicator_types\": [\"malicious-activity\"],\n"
			"   \"pattern_type\": \"stix\"",
			*first ? "" : ",\n", id, now, now, now);
		json_member(&w->out, "name", name, strlen(name));
		if (*description)
			json_member(&w->out, "description", description, strlen(description));
		json_member(&w->out, "pattern", pattern.data, pattern.length);
		text_addf(&w->out, "\n  }");
		*first = false;
	}
	w->out.cut |= pattern.cut;
	text_deinit(&pattern);
}

void stix_bundle(struct writing *w, const struct ioc_document *document)
{
	char id[UUID_TEXT];
	bool first = true;
	uuid_make(id);
	text_addf(&w->out, "{\n \"type\": \"bundle\",\n \"id\": \"bundle--%s\",\n \"objects\": [\n",
		id);
	for (size_t i = 0; i < document->count; i++)
		stix_object(w, document, document->indicators[i], &first);
	text_addf(&w->out, "\n ]\n}\n");
}
