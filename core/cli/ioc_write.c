// Writing indicators: OpenIOC 1.1 documents, and files of either format.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_write.h"

#include "out/escape.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { DOCUMENT_MAX = 256 << 20 };

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

// ---- what a format cannot say ---------------------------------------------------------------
void leaf_left_out(struct writing *w, const struct ioc_leaf *leaf, const char *why)
{
	for (size_t i = 0; i < w->left_count; i++)
		if (w->left[i].leaf->term == leaf->term && w->left[i].why == why) {
			w->left[i].count++;
			return;
		}
	if (w->left_count < LEFT_KINDS)
		w->left[w->left_count++] = (struct left_out){ leaf, why, 1 };
}

static void left_out_say(const struct writing *w, struct text *notes)
{
	for (size_t i = 0; i < w->left_count; i++) {
		const struct left_out *left = &w->left[i];
		text_addf(notes, "%s %s '", left->leaf->term->name,
			ioc_condition_name(left->leaf->condition));
		escape_line(notes, left->leaf->value, MIN(left->leaf->length, (uint32_t)200));
		text_addf(notes, "' is left out: %s", left->why);
		if (left->count > 1)
			text_addf(notes, "; so are %zu more on %s", left->count - 1,
				left->leaf->term->name);
		text_addf(notes, "\n");
	}
	if (w->groups_left)
		text_addf(notes, "%zu %s without them, and %s left out\n", w->groups_left,
			w->groups_left == 1 ? "group would be true of more"
					    : "groups would be true of more",
			w->groups_left == 1 ? "is" : "are");
}

// ---- OpenIOC --------------------------------------------------------------------------------
// XML has no way to write most control bytes, nor U+FFFE and U+FFFF.
static size_t xml_character(const char *text, size_t room)
{
	size_t length = utf8_sequence((const uint8_t *)text, room);
	unsigned char c = (unsigned char)text[0];
	bool none = length == 3 &&
		    (!memcmp(text, "\xef\xbf\xbe", 3) || !memcmp(text, "\xef\xbf\xbf", 3));
	return none || (c < 0x20 && c != '\t' && c != '\n') ? 0 : length;
}

bool text_is_writable(const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t character = xml_character(text + i, length - i);
		if (!character)
			return false;
		i += character;
	}
	return true;
}

static void xml_add(struct text *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t character = xml_character(text + i, length - i);
		const char *entity = text[i] == '&'    ? "&amp;"
				     : text[i] == '<'  ? "&lt;"
				     : text[i] == '>'  ? "&gt;"
				     : text[i] == '"'  ? "&quot;"
				     : text[i] == '\n' ? "&#10;"
				     : text[i] == '\t' ? "&#9;"
				     : !character      ? "?"
						       : NULL;
		if (entity)
			text_addf(out, "%s", entity);
		else
			text_add(out, text + i, character);
		i += character ? character : 1;
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
	if (!strcasecmp(leaf->term->name, "Yara/Rule"))
		return "a rule of YARA stays in its own file";
	if (!leaf->length)
		return "there is no value to compare with";
	return text_is_writable(leaf->value, leaf->length) ? NULL
							   : "XML cannot hold some of its bytes";
}

static bool xml_leaf(struct writing *w, const struct ioc_leaf *leaf, bool negated, int depth)
{
	char id[UUID_TEXT];
	const char *why = xml_why_not(leaf);
	const char *term = leaf->written ? leaf->written : leaf->term->name;
	if (why) {
		leaf_left_out(w, leaf, why);
		return false;
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
	return true;
}

bool leaf_is_negated(const struct ioc_leaf *leaf, bool negated)
{
	return (leaf->negated || leaf->exclusion) != negated;
}

static bool xml_group(struct writing *w, const struct ioc_node *node, bool negated, int depth);

// How many children of a group were said. Conditions stand before groups.
static size_t xml_children(struct writing *w, const struct ioc_node *node, bool negated, int depth)
{
	size_t said = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (child->kind == IOC_LEAF)
			said += xml_leaf(
				w, &child->leaf, leaf_is_negated(&child->leaf, negated), depth);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (child->kind != IOC_LEAF)
			said += xml_group(w, child, negated, depth); // IOC_DEPTH_MAX deep
	return said;
}

// The document has no NOT: it goes down to the conditions.
static bool xml_group(struct writing *w, const struct ioc_node *node, bool negated, int depth)
{
	char id[UUID_TEXT];
	size_t start = w->out.length, leaves = w->leaves, all = 0, said;
	if (node->kind == IOC_NOT && node->first) {
		negated = !negated;
		node = node->first; // of one child
	}
	bool is_and = (node->kind == IOC_AND) != negated;
	uuid_make(id);
	text_addf(&w->out, "%*s<Indicator operator=\"%s\" id=\"%s\">\n", depth, "",
		is_and ? "AND" : "OR", id);
	if (node->kind == IOC_LEAF)
		said = xml_leaf(w, &node->leaf, leaf_is_negated(&node->leaf, negated), depth + 1);
	else
		said = xml_children(w, node, negated, depth + 1);
	text_addf(&w->out, "%*s</Indicator>\n", depth, "");
	for (const struct ioc_node *child = node->first; child; child = child->next)
		all++;
	if (said && (!is_and || said == MAX(all, (size_t)1)))
		return true;
	w->groups_left += said > 0;
	w->leaves = leaves;
	if (w->out.data)
		w->out.data[w->out.length = start] = 0;
	return false;
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

ei_error *ioc_write_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct text folder;
	if (!access(path, F_OK))
		return ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(EEXIST));
	text_init(&folder, 1 << 16);
	text_add(&folder, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
	int why = access(folder.data ? folder.data : "", W_OK) ? errno : 0;
	text_deinit(&folder);
	return why ? ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(why)) : NULL;
}

ei_error *ioc_write(const struct ioc_document *document, struct text *notes)
{
	struct writing w = { .rows = document->rows };
	text_init(&w.out, DOCUMENT_MAX);
	bool stix = ends_with(document->path, ".json") || ends_with(document->path, ".stix");
	if (stix)
		stix_bundle(&w, document);
	else
		xml_document(&w, document);
	left_out_say(&w, notes);
	ei_error *error = NULL;
	if (!w.leaves)
		error = ei_fail(EI_E_USAGE,
			"'%s' is not written: %s can say none of the conditions%s%s",
			document->path, stix ? "STIX" : "OpenIOC", w.left_count ? ": " : "",
			w.left_count ? w.left[0].why : "");
	else if (w.out.cut)
		error = ei_fail(EI_E_LIMIT, "'%s' would be larger than %d MiB", document->path,
			DOCUMENT_MAX >> 20);
	else
		error = file_write(document->path, &w.out);
	text_deinit(&w.out);
	return error;
}
