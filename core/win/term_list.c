// Lists of terms as people keep them: a term a line, or tables with types, often made harmless.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"
#include <eidetic/scan.h>

#include <errno.h>
#include <strings.h>

enum {
	FILE_MAX = 256 << 20,
	NOTES_MAX = 8, // of terms that are left out, for each file
	FIELDS_MAX = 64,
};

struct list {
	ei_run *run;
	const char *name;
	ei_term *terms; // scratch memory
	size_t count, room;
	size_t line;
	size_t left_out, not_text;
	int type_field, value_field; // of a table; -1: not known (yet)
};

struct slice {
	char *text; // may be written to, within
	size_t length;
};

// ---- refanging ------------------------------------------------------------------------------

// Addresses are written so that nobody follows them by accident: hxxp[:]//evil[.]example.
struct fang {
	const char *harmless, *meant;
};

static const struct fang brackets[] = {
	// clang-format off
	{ "[.]", "." }, { "(.)", "." }, { "{.}", "." },
	{ "[dot]", "." }, { "(dot)", "." }, { "{dot}", "." },
	{ "[://]", "://" }, { "(://)", "://" }, { "[:]", ":" }, { "(:)", ":" }, { "{:}", ":" },
	{ "[/]", "/" }, { "[@]", "@" }, { "(@)", "@" }, { "{@}", "@" }, { "[at]", "@" },
	// clang-format on
};

static const struct fang schemes[] = {
	{ "hxxp", "http" },
	{ "hxtp", "http" },
	{ "htxp", "http" },
	{ "h**p", "http" },
	{ "meow", "http" },
	{ "fxp", "ftp" },
};

static bool begins(const struct slice *at, const char *with)
{
	size_t length = strlen(with);
	return at->length >= length && !strncasecmp(at->text, with, length);
}

static const struct fang *bracket_at(const struct slice *at)
{
	for (size_t i = 0; i < ARRAY_LENGTH(brackets); i++)
		if (begins(at, brackets[i].harmless))
			return &brackets[i];
	return NULL;
}

// "[.example]": the bracket at the end of the label, from the dot; 0: there is none.
static size_t label_end(const struct slice *at)
{
	size_t i = 2;
	if (!begins(at, "[."))
		return 0;
	while (i < at->length &&
		(((at->text[i] | 0x20) >= 'a' && (at->text[i] | 0x20) <= 'z') ||
			(at->text[i] >= '0' && at->text[i] <= '9') || at->text[i] == '-'))
		i++;
	return i > 2 && i < at->length && at->text[i] == ']' ? i : 0;
}

// Copies `size` bytes to the end of what was written, which never is behind what is read.
static void refang_put(struct slice *out, const char *bytes, size_t size)
{
	memmove(out->text + out->length, bytes, size);
	out->length += size;
}

static void scheme_refang(struct slice *term)
{
	for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
		size_t length = strlen(schemes[i].harmless);
		struct slice rest = { term->text + length, term->length - length };
		bool secure = begins(term, schemes[i].harmless) && begins(&rest, "s");
		rest.text += secure;
		rest.length -= secure;
		if (begins(term, schemes[i].harmless) &&
			(begins(&rest, ":") || begins(&rest, "[:")))
			memcpy(term->text, schemes[i].meant, length);
	}
}

// True when anything was changed.
static bool term_refang(struct slice *term)
{
	struct slice out = { term->text, 0 };
	char first[4] = { 0 };
	memcpy(first, term->text, MIN(term->length, sizeof first));
	scheme_refang(term);
	bool changed = memcmp(first, term->text, MIN(term->length, sizeof first)) != 0;
	for (size_t at = 0; at < term->length;) {
		const struct slice rest = { term->text + at, term->length - at };
		const struct fang *fang = bracket_at(&rest);
		size_t end = fang ? 0 : label_end(&rest);
		changed |= fang || end;
		if (fang)
			refang_put(&out, fang->meant, strlen(fang->meant));
		else if (end)
			refang_put(&out, rest.text + 1, end - 1);
		else
			refang_put(&out, rest.text, 1);
		at += fang ? strlen(fang->harmless) : end ? end + 1 : 1;
	}
	*term = out;
	return changed;
}

bool ei_term_refang(ei_run *run, ei_term *term)
{
	char *copy = ei_alloc(run->scratch, (size_t)term->length + 1);
	if (!copy)
		return false;
	memcpy(copy, term->text, term->length);
	struct slice slice = { copy, term->length };
	if (!term_refang(&slice))
		return false;
	*term = (ei_term){ slice.text, (uint32_t)slice.length };
	return true;
}

// ---- terms ----------------------------------------------------------------------------------

static struct slice trimmed(struct slice slice)
{
	while (slice.length && strchr(" \t\r", slice.text[0])) {
		slice.text++;
		slice.length--;
	}
	while (slice.length && strchr(" \t\r", slice.text[slice.length - 1]))
		slice.length--;
	return slice;
}

static bool is_utf8(const struct slice *slice)
{
	for (size_t at = 0; at < slice->length;) {
		size_t step = utf8_sequence((const uint8_t *)slice->text + at, slice->length - at);
		if (!step)
			return false;
		at += step;
	}
	return true;
}

static bool list_add(struct list *list, struct slice term)
{
	term = trimmed(term);
	if (!term.length)
		return true;
	(void)term_refang(&term);
	if (term.length < EI_TERM_SHORTEST || term.length > EI_TERM_LONGEST) {
		if (++list->left_out <= NOTES_MAX)
			ei_note(list->run, "%s:%zu: a term of %zu bytes is left out, want %d to %d",
				list->name, list->line, term.length, EI_TERM_SHORTEST,
				EI_TERM_LONGEST);
		return true;
	}
	if (list->count == list->room)
		return false;
	list->not_text += !is_utf8(&term);
	list->terms[list->count++] = (ei_term){ term.text, (uint32_t)term.length };
	return true;
}

// ---- tables ---------------------------------------------------------------------------------

// Takes the next field off a line of comma-separated values; quotes are taken off in place.
static struct slice field_take(struct slice *line)
{
	struct slice field = { line->text, 0 };
	size_t at = 0;
	bool quoted = line->length && line->text[0] == '"';
	for (at = quoted; at < line->length; at++) {
		char byte = line->text[at];
		if (quoted && byte == '"' && at + 1 < line->length && line->text[at + 1] == '"')
			at++;
		else if (byte == '"' && quoted) {
			quoted = false;
			continue;
		} else if (byte == ',' && !quoted)
			break;
		field.text[field.length++] = byte;
	}
	at = MIN(at + 1, line->length);
	line->text += at;
	line->length -= at;
	return trimmed(field);
}

static bool slice_is(const struct slice *slice, const char *text)
{
	return slice->length == strlen(text) && !strncasecmp(slice->text, text, slice->length);
}

static bool is_one_of(const struct slice *slice, const char *const *words)
{
	for (; *words; words++)
		if (slice_is(slice, *words))
			return true;
	return false;
}

// Names that lists and sharing platforms have for types of indicators. MISP joins two with a bar.
static const char *const types[] = { "domain", "domain-name", "hostname", "host", "fqdn", "dns",
	"ip", "ip-src", "ip-dst", "ipv4", "ipv6", "ipv4-addr", "ipv6-addr", "ip-address", "cidr",
	"ip-src|port", "ip-dst|port", "domain|ip", "hostname|port", "url", "uri", "link", "email",
	"email-addr", "email-src", "email-dst", "md5", "sha1", "sha256", "sha512", "hash",
	"imphash", "ssdeep", "filename", "filename|md5", "filename|sha1", "filename|sha256", "file",
	"filepath", "file-path", "path", "pdb", "mutex", "mutant", "regkey", "regkey|value",
	"registry", "registry-key", "user-agent", "useragent", "pipe", "named pipe",
	"windows-service-name", "service", "process", "command", "cmdline", "string", "text",
	"pattern", "pattern-in-memory", "pattern-in-file", "btc", "password", "other", NULL };
static const char *const type_titles[] = { "type", "indicator_type", "ioc_type", NULL };
static const char *const value_titles[] = { "value", "indicator", "ioc", "indicator_value",
	"ioc_value", NULL };

// A line that names the columns of the table below it.
static bool titles_read(struct list *list, struct slice line)
{
	int type = -1, value = -1;
	for (int i = 0; i < FIELDS_MAX && line.length; i++) {
		struct slice field = field_take(&line);
		if (type < 0 && is_one_of(&field, type_titles))
			type = i;
		else if (value < 0 && is_one_of(&field, value_titles))
			value = i;
	}
	if (type < 0 || value < 0)
		return false;
	list->type_field = type;
	list->value_field = value;
	return true;
}

// A port alone would be found anywhere.
static bool value_add(struct list *list, struct slice type, struct slice value)
{
	char *bar = memchr(type.text, '|', type.length);
	char *split = bar ? memchr(value.text, '|', value.length) : NULL;
	if (!split)
		return list_add(list, value);
	size_t name = (size_t)(bar - type.text) + 1, first = (size_t)(split - value.text);
	const struct slice second_type = { type.text + name, type.length - name };
	const struct slice second = { split + 1, value.length - first - 1 };
	if (!list_add(list, (struct slice){ value.text, first }))
		return false;
	return slice_is(&second_type, "port") || list_add(list, second);
}

static bool row_add(struct list *list, struct slice line)
{
	struct slice type = { line.text, 0 }, value = { line.text, 0 };
	for (int i = 0; i < FIELDS_MAX && line.length; i++) {
		struct slice field = field_take(&line);
		if (i == list->type_field)
			type = field;
		if (i == list->value_field)
			value = field;
	}
	return value_add(list, type, value);
}

// "domain,evil.example": without titles, a line is of a table when it begins with a known type.
static bool begins_with_type(const struct slice *line)
{
	const char *comma = memchr(line->text, ',', line->length);
	if (!comma)
		return false;
	struct slice word = { line->text, (size_t)(comma - line->text) };
	if (word.length > 1 && word.text[0] == '"' && word.text[word.length - 1] == '"')
		word = (struct slice){ word.text + 1, word.length - 2 };
	word = trimmed(word);
	return is_one_of(&word, types);
}

// ---- files ----------------------------------------------------------------------------------

static bool line_read(struct list *list, struct slice line, bool *any)
{
	line = trimmed(line);
	if (!line.length || line.text[0] == '#')
		return true;
	bool first = !*any;
	*any = true;
	if (first && memchr(line.text, ',', line.length)) {
		char copy[1024];
		size_t length = MIN(line.length, sizeof copy);
		memcpy(copy, line.text, length);
		if (titles_read(list, (struct slice){ copy, length }))
			return true;
	}
	if (list->value_field >= 0)
		return row_add(list, line);
	if (!begins_with_type(&line))
		return list_add(list, line);
	struct slice type = field_take(&line);
	return value_add(list, type, field_take(&line));
}

static size_t terms_at_most(const char *text, size_t length)
{
	size_t count = 1;
	for (size_t i = 0; i < length; i++)
		count += text[i] == '\n' || text[i] == '|';
	return count;
}

static void list_notes(const struct list *list)
{
	if (list->left_out > NOTES_MAX)
		ei_note(list->run, "%s: %zu more terms are too short or too long", list->name,
			list->left_out - NOTES_MAX);
	if (list->not_text)
		ei_note(list->run, "%s: %zu terms are not UTF-8, and looked for byte by byte",
			list->name, list->not_text);
}

bool ei_terms_parse(ei_run *run, const char *name, const char *text, size_t length, ei_term **terms,
	size_t *count)
{
	struct list list = { .run = run,
		.name = name,
		.room = terms_at_most(text, length),
		.type_field = -1,
		.value_field = -1 };
	char *copy = ei_alloc(run->scratch, length + 1);
	list.terms = ei_alloc(run->scratch, list.room * sizeof *list.terms);
	if (!copy || !list.terms)
		return false;
	memcpy(copy, text, length);
	bool any = false;
	for (char *at = copy, *end = copy + length; at < end;) {
		char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		list.line++;
		if (!line_read(&list, (struct slice){ at, (size_t)(stop - at) }, &any))
			return false;
		at = stop + 1;
	}
	list_notes(&list);
	*terms = list.terms;
	*count = list.count;
	return true;
}

static ei_error *file_read(ei_run *run, const char *path, char **text, size_t *length)
{
	FILE *file = fopen(path, "rbe");
	if (!file)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	size_t room = 1 << 16, used = 0;
	char *bytes = ei_alloc(run->scratch, room);
	while (bytes) {
		used += fread(bytes + used, 1, room - used, file);
		if (used < room)
			break;
		char *bigger = room < FILE_MAX ? ei_alloc(run->scratch, room * 2) : NULL;
		if (bigger)
			memcpy(bigger, bytes, used);
		bytes = bigger;
		room *= 2;
	}
	int failed = ferror(file) ? errno : 0;
	fclose(file);
	if (failed)
		return ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(failed));
	if (!bytes)
		return ei_fail(EI_E_LIMIT, "'%s' is too large for a list of terms", path);
	*text = bytes;
	*length = used;
	return NULL;
}

// What Windows tools write begins with a mark, and may be UTF-16.
static ei_error *text_decode(ei_run *run, const char *path, char **text, size_t *length)
{
	if (*length >= 2 && !memcmp(*text, "\xff\xfe", 2)) {
		char *utf8 = ei_alloc(run->scratch, *length / 2 * 3 + 1);
		if (!utf8)
			return ei_fail(EI_E_NOMEM, "no memory for the terms of '%s'", path);
		*length = utf16_to_utf8((const uint8_t *)*text + 2, *length - 2, utf8);
		*text = utf8;
	} else if (*length >= 3 && !memcmp(*text, "\xef\xbb\xbf", 3)) {
		*text += 3;
		*length -= 3;
	}
	const char *zero = memchr(*text, 0, *length);
	if (!zero)
		return NULL;
	size_t line = 1;
	for (const char *at = *text; at < zero; at++)
		line += *at == '\n';
	return ei_fail(
		EI_E_FORMAT, "'%s' is not a list of terms: line %zu has a zero byte", path, line);
}

ei_error *ei_terms_read(ei_run *run, const char *path, ei_term **terms, size_t *count)
{
	char *text = NULL;
	size_t length = 0;
	EI_TRY(file_read(run, path, &text, &length));
	EI_TRY(text_decode(run, path, &text, &length));
	if (!ei_terms_parse(run, path, text, length, terms, count))
		return ei_fail(EI_E_NOMEM, "no memory for the terms of '%s'", path);
	if (!*count)
		ei_note(run, "%s: no terms", path);
	return NULL;
}
