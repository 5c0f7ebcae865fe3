// Writing indicators: OpenIOC 1.1 documents and STIX 2.1 bundles.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_write.h"

#include "ioc/stix_paths.h"
#include "out/escape.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { DOCUMENT_MAX = 256 << 20, PATTERN_MAX = 1 << 20 };

struct writing {
	struct text out;
	struct text *notes;
	size_t leaves;
};

void uuid_make(char out[UUID_TEXT])
{
	uint8_t b[16] = { 0 };
	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		memcpy(b, &now, MIN(sizeof b, sizeof now));
	}
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(out, UUID_TEXT,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
}

void iso_now(char out[32])
{
	struct tm parts;
	time_t now = time(NULL);
	gmtime_r(&now, &parts);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void left_out(struct writing *w, const struct ioc_leaf *leaf, const char *why)
{
	text_addf(w->notes, "%s %s '", leaf->term->name, ioc_condition_name(leaf->condition));
	escape_line(w->notes, leaf->value, leaf->length);
	text_addf(w->notes, "' is left out: %s\n", why);
}

// ---- OpenIOC --------------------------------------------------------------------------------
// XML has no way to write most control bytes.
static bool is_writable(const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t sequence = utf8_sequence((const uint8_t *)text + i, length - i);
		unsigned char c = (unsigned char)text[i];
		if (!sequence || (c < 0x20 && c != '\t' && c != '\n'))
			return false;
		i += sequence;
	}
	return true;
}

static void xml_add(struct text *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const char *entity = text[i] == '&'    ? "&amp;"
				     : text[i] == '<'  ? "&lt;"
				     : text[i] == '>'  ? "&gt;"
				     : text[i] == '"'  ? "&quot;"
				     : text[i] == '\n' ? "&#10;"
						       : NULL;
		if (entity)
			text_addf(out, "%s", entity);
		else
			text_add(out, text + i, 1);
	}
}

static const char *content_type(const struct ioc_leaf *leaf)
{
	static const char *const types[] = { [IOC_NUMBER] = "int",
		[IOC_TIME] = "date",
		[IOC_BOOL] = "boolean",
		[IOC_ADDRESS] = "IP" };
	if (leaf->term->type == IOC_DIGEST)
		return leaf->length == 32 ? "md5" : leaf->length == 40 ? "sha1" : "sha256";
	bool other = leaf->term->type < ARRAY_LENGTH(types) && types[leaf->term->type];
	return other ? types[leaf->term->type] : "string";
}

static const char *xml_why_not(const struct ioc_leaf *leaf)
{
	if (leaf->condition >= IOC_AT_LEAST)
		return "OpenIOC has no such condition";
	if (leaf->reason == IOC_UNSUPPORTED)
		return "it was not understood";
	return is_writable(leaf->value, leaf->length) ? NULL : "XML cannot hold some of its bytes";
}

static void xml_leaf(struct writing *w, const struct ioc_leaf *leaf, bool negated, int depth)
{
	char id[UUID_TEXT];
	const char *why = xml_why_not(leaf);
	const char *term = leaf->written ? leaf->written : leaf->term->name;
	if (why) {
		left_out(w, leaf, why);
		return;
	}
	uuid_make(id);
	text_addf(&w->out,
		"%*s<IndicatorItem id=\"%s\" condition=\"%s\" preserve-case=\"%s\" negate=\"%s\">\n"
		"%*s\t<Context document=\"%.*s\" search=\"",
		depth, "", id, ioc_condition_name(leaf->condition),
		leaf->case_sensitive ? "true" : "false", negated ? "true" : "false", depth, "",
		(int)strcspn(term, "/"), term);
	xml_add(&w->out, term, strlen(term));
	text_addf(&w->out, "\" type=\"mir\"/>\n%*s\t<Content type=\"%s\">", depth, "",
		content_type(leaf));
	xml_add(&w->out, leaf->value, leaf->length);
	text_addf(&w->out, "</Content>\n%*s</IndicatorItem>\n", depth, "");
	w->leaves++;
}

static bool leaf_negated(const struct ioc_leaf *leaf, bool negated)
{
	return (leaf->negated || leaf->exclusion) != negated;
}

// The document has no NOT: it goes down to the conditions. Conditions stand before groups.
static void xml_group(struct writing *w, const struct ioc_node *node, bool negated, int depth)
{
	char id[UUID_TEXT];
	if (node->kind == IOC_NOT && node->first) {
		negated = !negated;
		node = node->first; // of one child
	}
	bool is_and = (node->kind == IOC_AND) != negated;
	uuid_make(id);
	text_addf(&w->out, "%*s<Indicator operator=\"%s\" id=\"%s\">\n", depth, "",
		is_and ? "AND" : "OR", id);
	if (node->kind == IOC_LEAF)
		xml_leaf(w, &node->leaf, leaf_negated(&node->leaf, negated), depth + 1);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (child->kind == IOC_LEAF)
			xml_leaf(w, &child->leaf, leaf_negated(&child->leaf, negated), depth + 1);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (child->kind != IOC_LEAF)
			xml_group(w, child, negated, depth + 1); // IOC_DEPTH_MAX deep
	text_addf(&w->out, "%*s</Indicator>\n", depth, "");
}

static void xml_document(struct writing *w, const struct ioc_document *document)
{
	char id[UUID_TEXT], now[32];
	uuid_make(id);
	iso_now(now);
	text_addf(&w->out,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		"<OpenIOC xmlns=\"http://openioc.org/schemas/OpenIOC_1.1\" id=\"%s\" "
		"last-modified=\"%s\" published-date=\"0001-01-01T00:00:00\">\n"
		" <metadata>\n  <short_description>",
		id, now);
	xml_add(&w->out, document->name, strlen(document->name));
	text_addf(&w->out, "</short_description>\n  <description>");
	xml_add(&w->out, document->description, strlen(document->description));
	text_addf(&w->out,
		"</description>\n  <authored_by>eidetic</authored_by>\n"
		"  <authored_date>%s</authored_date>\n  <links/>\n </metadata>\n <criteria>\n",
		now);
	if (document->count > 1)
		text_addf(&w->out, "  <Indicator operator=\"OR\" id=\"%s\">\n", id);
	for (size_t i = 0; i < document->count; i++)
		xml_group(w, document->indicators[i]->root, false, 2);
	if (document->count > 1)
		text_addf(&w->out, "  </Indicator>\n");
	text_addf(&w->out, " </criteria>\n <parameters/>\n</OpenIOC>\n");
}

// ---- STIX -----------------------------------------------------------------------------------
// The term's own object path; "mutex:name" is the name of a handle.
static const char *stix_path_of(const struct ioc_term *term)
{
	static const struct {
		const char *term, *path;
	} own[] = {
		{ "ProcessItem/path", "process:image_ref.parent_directory_ref.path" },
		{ "ProcessItem/SectionList/MemorySection/Name", "file:path" },
		{ "FileItem/Md5sum", "file:hashes.MD5" },
		{ "FileItem/Sha1sum", "file:hashes.'SHA-1'" },
		{ "FileItem/Sha256sum", "file:hashes.'SHA-256'" },
		{ "Network/IP", "ipv4-addr:value" },
		{ "PortItem/remoteIP", "network-traffic:dst_ref.value" },
		{ "RegistryItem/KeyPath", "windows-registry-key:key" },
		{ "RegistryItem/ValueName", "windows-registry-key:values[*].name" },
		{ "RegistryItem/Text", "windows-registry-key:values[*].data" },
		{ "ServiceItem/name", "process:extensions.'windows-service-ext'.service_name" },
		{ "ServiceItem/descriptiveName",
			"process:extensions.'windows-service-ext'.display_name" },
	};
	static const char *const plain[] = { "domain-name:value", "url:value", "email-addr:value",
		"email-message:subject", "file:name", "file:path", "file:size",
		"file:parent_directory_ref.path", "process:name", "process:cwd",
		"process:command_line", "process:creator_user_ref.account_login",
		"process:parent_ref.name", "mutex:name", "network-traffic:dst_port",
		"network-traffic:src_port", "network-traffic:src_ref.value",
		"user-account:account_login" };
	for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
		if (!strcasecmp(own[i].term, term->name))
			return own[i].path;
	for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
		const struct stix_path *path = stix_path_find(plain[i]);
		if (path && !strcasecmp(path->terms[0], term->name))
			return plain[i];
	}
	return NULL;
}

static const char *stix_why_not(const struct ioc_leaf *leaf)
{
	if (!stix_path_of(leaf->term))
		return "STIX has no object path for it";
	if (leaf->condition >= IOC_PRESENT || leaf->reason)
		return "STIX has no such condition";
	return is_writable(leaf->value, leaf->length) ? NULL : "it is not text";
}

static void pattern_text(struct text *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\' || text[i] == '\'')
			text_addf(out, "\\");
		text_add(out, text + i, 1);
	}
}

// A value as a regular expression that matches it alone.
static void pattern_quoted(struct text *out, const struct ioc_leaf *leaf)
{
	struct text quoted;
	text_init(&quoted, PATTERN_MAX);
	text_addf(&quoted, "%s", leaf->condition == IOC_STARTS ? "^" : "");
	for (uint32_t i = 0; i < leaf->length; i++) {
		if (ispunct((unsigned char)leaf->value[i]))
			text_addf(&quoted, "\\");
		text_add(&quoted, leaf->value + i, 1);
	}
	text_addf(&quoted, "%s", leaf->condition == IOC_ENDS ? "$" : "");
	pattern_text(out, quoted.data ? quoted.data : "", quoted.length);
	text_deinit(&quoted);
}

static void pattern_leaf(struct text *out, const struct ioc_leaf *leaf, bool negated)
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
	bool number = leaf->term->type == IOC_NUMBER;
	text_addf(out, "%s%s %s %s", stix_path_of(leaf->term), negated ? " NOT" : "",
		compare[leaf->condition], number ? "" : "'");
	if (leaf->condition >= IOC_CONTAINS && leaf->condition <= IOC_ENDS)
		pattern_quoted(out, leaf);
	else
		pattern_text(out, leaf->value, leaf->length);
	text_addf(out, "%s", number ? "" : "'");
}

static size_t object_length(const struct ioc_node *node)
{
	return strcspn(stix_path_of(node->leaf.term), ":");
}

static bool is_same_object(const struct ioc_node *a, const struct ioc_node *b)
{
	return object_length(a) == object_length(b) &&
	       !strncmp(stix_path_of(a->leaf.term), stix_path_of(b->leaf.term), object_length(a));
}

static bool is_said(const struct ioc_node *node)
{
	return node->kind == IOC_LEAF && !stix_why_not(&node->leaf);
}

// Conditions on one kind of object are one observation, so that they are meant for one object.
static size_t pattern_leaves(
	struct writing *w, struct text *out, const struct ioc_node *node, bool negated)
{
	const char *joint = (node->kind == IOC_AND) != negated ? " AND " : " OR ";
	size_t said = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		const struct ioc_node *before = node->first;
		if (child->kind == IOC_LEAF && !is_said(child))
			left_out(w, &child->leaf, stix_why_not(&child->leaf));
		if (!is_said(child))
			continue;
		while (before != child && !(is_said(before) && is_same_object(before, child)))
			before = before->next;
		if (before != child)
			continue;
		text_addf(out, "%s[", said++ ? joint : "");
		pattern_leaf(out, &child->leaf, leaf_negated(&child->leaf, negated));
		for (const struct ioc_node *more = child->next; more; more = more->next)
			if (is_said(more) && is_same_object(child, more)) {
				text_addf(out, "%s", joint);
				pattern_leaf(out, &more->leaf, leaf_negated(&more->leaf, negated));
			}
		text_addf(out, "]");
	}
	w->leaves += said;
	return said;
}

static size_t pattern_node(
	struct writing *w, struct text *out, const struct ioc_node *node, bool negated)
{
	if (node->kind == IOC_NOT && node->first) {
		negated = !negated;
		node = node->first;
	}
	if (node->kind == IOC_LEAF) {
		const struct ioc_node alone = { .kind = IOC_AND,
			.first = (struct ioc_node *)&(struct ioc_node){
				.kind = IOC_LEAF, .leaf = node->leaf } };
		return pattern_leaves(w, out, &alone, negated);
	}
	const char *joint = (node->kind == IOC_AND) != negated ? " AND " : " OR ";
	size_t said = pattern_leaves(w, out, node, negated);
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		struct text inner;
		if (child->kind == IOC_LEAF)
			continue;
		text_init(&inner, PATTERN_MAX);
		if (pattern_node(w, &inner, child, negated)) // IOC_DEPTH_MAX deep
			text_addf(out, "%s(%s)", said++ ? joint : "", inner.data);
		text_deinit(&inner);
	}
	return said;
}

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
	text_deinit(&pattern);
}

static void stix_bundle(struct writing *w, const struct ioc_document *document)
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

// ---- the file -------------------------------------------------------------------------------
static bool ends_with(const char *path, const char *end)
{
	size_t length = strlen(path), tail = strlen(end);
	return length >= tail && !strcasecmp(path + length - tail, end);
}

static ei_error *file_write(const char *path, const struct text *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(errno));
	bool failed = fwrite(text->data, 1, text->length, file) != text->length;
	failed |= fclose(file) != 0;
	return failed ? ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(errno)) : NULL;
}

ei_error *ioc_write(const struct ioc_document *document, struct text *notes)
{
	struct writing w = { .notes = notes };
	text_init(&w.out, DOCUMENT_MAX);
	bool stix = ends_with(document->path, ".json") || ends_with(document->path, ".stix");
	if (stix)
		stix_bundle(&w, document);
	else
		xml_document(&w, document);
	ei_error *error = NULL;
	if (!w.leaves)
		error = ei_fail(EI_E_USAGE, "'%s' is not written: no condition would be in it",
			document->path);
	else if (w.out.cut)
		error = ei_fail(EI_E_LIMIT, "'%s' would be larger than %d MiB", document->path,
			DOCUMENT_MAX >> 20);
	else
		error = file_write(document->path, &w.out);
	text_deinit(&w.out);
	return error;
}
