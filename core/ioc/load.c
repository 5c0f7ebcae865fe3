// Files and folders: which reader a file is for, and what becomes of a file that is broken.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- which reader ---------------------------------------------------------------------------
static bool has_extension(const char *name, const char *const *extensions)
{
	const char *dot = strrchr(name, '.');
	for (; dot && *extensions; extensions++)
		if (!strcasecmp(dot + 1, *extensions))
			return true;
	return false;
}

// Loki tells its lists apart by their names.
static bool is_loki(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	bool list = strcasestr(base, "hash") || strcasestr(base, "filename") ||
		    strcasestr(base, "c2") || strcasestr(base, "keyword");
	return has_extension(name, (const char *const[]){ "txt", NULL }) && list &&
	       (strcasestr(base, "ioc") || strcasestr(base, "keyword"));
}

static bool has_line(const char *text, size_t length, const char *begin)
{
	char *at = (char *)text, *line;
	size_t line_length, size = strlen(begin);
	for (unsigned i = 0; i < 500 && line_next(&at, (char *)text + length, &line, &line_length);
		i++)
		if (line_length >= size && !memcmp(line, begin, size))
			return true;
	return false;
}

static bool is_yara(const char *name, const char *text, size_t length)
{
	static const char *const extensions[] = { "yar", "yara", "rule", "rules", NULL };
	if (has_extension(name, extensions))
		return true;
	bool rule = has_line(text, length, "rule ") || has_line(text, length, "private rule ");
	return rule && memmem(text, length, "condition:", 10);
}

static bool is_sigma(const char *name, const char *text, size_t length)
{
	static const char *const extensions[] = { "yml", "yaml", NULL };
	if (has_extension(name, extensions))
		return true;
	return has_line(text, length, "detection:") && has_line(text, length, "logsource:");
}

// A first line of several columns, one of which is of a name that is known.
static bool is_csv(const char *name, const char *text, size_t length)
{
	static const char *const extensions[] = { "csv", "tsv", NULL };
	if (has_extension(name, extensions))
		return true;
	size_t first = (size_t)((char *)memchr(text, '\n', length) - text);
	first = memchr(text, '\n', length) ? first : length;
	bool known = false;
	size_t columns = 0;
	for (size_t at = 0; at < first && columns < 64; columns++) {
		size_t end = at;
		while (end < first && !strchr(",;\t", text[end]))
			end++;
		char column[64];
		const char *begin = text + at;
		size_t size = end - at;
		trim(&begin, &size);
		snprintf(column, sizeof column, "%.*s", (int)MIN(size, sizeof column - 1), begin);
		known |= observable_named(column) != OBSERVABLE_NONE;
		at = end + 1;
	}
	return known && columns > 1;
}

static bool is_json(const char *text, size_t length)
{
	trim(&text, &length);
	if (length && *text == '[') {
		text++, length--;
		trim(&text, &length);
		return length && (*text == '{' || *text == ']');
	}
	return length && *text == '{';
}

static ei_error *read_as(struct reading *reading, char *text, size_t length)
{
	const char *begin = text;
	size_t size = length;
	trim(&begin, &size);
	if (size && *begin == '<') {
		reading->format = IOC_OPENIOC_11;
		return openioc_read(reading, begin, size);
	}
	if (memchr(text, '\0', MIN(length, (size_t)4096)))
		return ei_fail(EI_E_UNKNOWN, "it is binary, not a file of indicators");
	if (is_json(text, length))
		return json_read(reading, text, length);
	if (is_yara(reading->file, text, length)) {
		reading->format = IOC_YARA;
		return yara_read(reading, text, length);
	}
	if (is_sigma(reading->file, text, length)) {
		reading->format = IOC_SIGMA;
		return sigma_read(reading, text, length);
	}
	if (is_loki(reading->file)) {
		reading->format = IOC_LOKI;
		return loki_read(reading, text, length);
	}
	if (is_csv(reading->file, text, length)) {
		reading->format = IOC_CSV;
		return csv_read(reading, text, length);
	}
	reading->format = IOC_LIST;
	return list_read(reading, text, length);
}

// ---- one file -------------------------------------------------------------------------------
struct before {
	size_t indicators, rules, notes;
	uint64_t nodes;
	ei_mark mark;
};

// The name stays whatever the file is.
static struct before file_begin(struct reading *reading, struct ioc_set *set, const char *name)
{
	*reading = (struct reading){ .set = set, .arena = set->arena };
	reading->file = reading_text(reading, name, strlen(name));
	return (struct before){ set->indicators.count, set->rules.count, set->notes.count,
		set->nodes, ei_arena_mark(set->arena) };
}

static void file_leaves(const struct ioc_set *set, size_t from, struct ioc_file *file)
{
	for (size_t i = from; i < set->indicators.count; i++)
		file->leaves += ioc_set_at(set, i)->leaves;
	file->indicators = set->indicators.count - from;
}

// Nothing of a broken file stays, but that it is broken.
static ei_error *file_end(struct reading *reading, struct before before, ei_error *error)
{
	struct ioc_set *set = reading->set;
	struct ioc_file file = { .path = reading->file, .format = reading->format };
	if (reading->failure) {
		ei_error_drop(error);
		error = reading->failure;
	}
	if (error) {
		set->indicators.count = before.indicators;
		set->rules.count = before.rules;
		set->notes.count = before.notes;
		set->nodes = before.nodes;
		ei_arena_rewind(set->arena, before.mark);
		file.broken = ei_error_code(error) != EI_E_UNKNOWN || !set->folders;
	}
	file_leaves(set, before.indicators, &file);
	if (!error && reading->dropped_notes) {
		reading->notes = 0;
		reading_note(reading, 0, "%zu more notes", reading->dropped_notes);
	}
	ei_code code = error ? ei_error_code(error) : 0;
	// Folders hold licences and descriptions too: nothing is wrong with those.
	bool passed_over = code == EI_E_UNKNOWN && set->folders;
	if (code == EI_E_NOMEM || code == EI_E_CANCELLED)
		return ei_wrap(error, "%s", reading->file);
	if (error) {
		reading->failure = NULL;
		reading->notes = 0;
		reading_note(reading, 0, "%s%s", passed_over ? "passed over: " : "",
			ei_error_text(error));
		ei_error_drop(error);
		struct ioc_note *notes = set->notes.items;
		notes[set->notes.count - 1].broken = !passed_over;
	}
	file.notes = reading->notes;
	if (!vector_grow(&set->files, sizeof file))
		return ei_fail(EI_E_NOMEM, "out of memory");
	((struct ioc_file *)set->files.items)[set->files.count++] = file;
	return NULL;
}

static ei_error *add_text(struct ioc_set *set, const char *name, char *text, size_t length)
{
	struct reading reading;
	struct before before = file_begin(&reading, set, name);
	ei_error *error = reading.failure ? NULL : read_as(&reading, text, length);
	return file_end(&reading, before, error);
}

static bool starts(const uint8_t *bytes, size_t size, const char *mark)
{
	return size >= strlen(mark) && !memcmp(bytes, mark, strlen(mark));
}

// From UTF-16, which Windows' editors write. Big endian is turned around first, in place.
static ei_error *add_utf16(
	struct ioc_set *set, const char *name, uint8_t *bytes, size_t size, bool big)
{
	size &= ~(size_t)1;
	for (size_t i = 0; big && i < size; i += 2) {
		uint8_t first = bytes[i];
		bytes[i] = bytes[i + 1];
		bytes[i + 1] = first;
	}
	char *text = malloc(size / 2 * 3 + 1);
	if (!text)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t length = utf16_to_utf8(bytes, size, text);
	text[length] = '\0';
	ei_error *error = add_text(set, name, text, length);
	free(text);
	return error;
}

// `bytes` are followed by a NUL, and are clobbered.
static ei_error *add_bytes(struct ioc_set *set, const char *name, uint8_t *bytes, size_t size)
{
	bool little = starts(bytes, size, "\xff\xfe"), big = starts(bytes, size, "\xfe\xff");
	bool xml = size >= 4 && (bytes[2] == '<' || bytes[3] == '<');
	if ((little || big) && !xml)
		return add_utf16(set, name, bytes + 2, size - 2, big);
	if (little || big) { // an XML parser reads it as it is, and is told so by the mark
		struct reading reading;
		struct before before = file_begin(&reading, set, name);
		return file_end(
			&reading, before, openioc_read(&reading, (const char *)bytes, size));
	}
	size_t mark = starts(bytes, size, "\xef\xbb\xbf") ? 3 : 0;
	return add_text(set, name, (char *)bytes + mark, size - mark);
}

ei_error *ioc_set_add_bytes(struct ioc_set *set, const char *name, const void *bytes, size_t size)
{
	if (size > IOC_FILE_MAX)
		return ei_fail(EI_E_LIMIT, "'%s' is too large", name);
	uint8_t *copy = malloc(size + 1);
	if (!copy)
		return ei_fail(EI_E_NOMEM, "out of memory");
	if (size)
		memcpy(copy, bytes, size);
	copy[size] = 0;
	ei_error *error = add_bytes(set, name, copy, size);
	free(copy);
	return error;
}

// ---- from disk ------------------------------------------------------------------------------
static ei_error *read_whole(int file, size_t size, uint8_t **out, size_t *got)
{
	uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t at = 0;
	ssize_t more = 1;
	while (at < size && more > 0) {
		more = read(file, bytes + at, size - at);
		if (more < 0 && errno == EINTR)
			more = 1;
		else if (more > 0)
			at += (size_t)more;
	}
	if (more < 0) {
		free(bytes);
		return ei_fail(EI_E_IO, "cannot be read: %s", strerror(errno));
	}
	bytes[at] = 0;
	*out = bytes;
	*got = at;
	return NULL;
}

static ei_error *file_bytes(const char *path, uint8_t **out, size_t *size)
{
	struct stat status;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0)
		return ei_fail(EI_E_IO, "cannot be opened: %s", strerror(errno));
	ei_error *error = NULL;
	if (fstat(file, &status) || !S_ISREG(status.st_mode))
		error = ei_fail(EI_E_IO, "it is not a file");
	else if (status.st_size > IOC_FILE_MAX)
		error = ei_fail(EI_E_LIMIT, "it is %lld bytes long, at most %d are read",
			(long long)status.st_size, IOC_FILE_MAX);
	else
		error = read_whole(file, (size_t)status.st_size, out, size);
	close(file);
	return error;
}

static ei_error *add_file(struct ioc_set *set, const char *path)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	ei_error *error = file_bytes(path, &bytes, &size);
	if (error) {
		struct reading reading;
		struct before before = file_begin(&reading, set, path);
		return file_end(&reading, before, error);
	}
	error = add_bytes(set, path, bytes, size);
	free(bytes);
	return error;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static ei_error *add_folder(struct ioc_set *set, const char *path, unsigned depth);

static ei_error *add_entry(
	struct ioc_set *set, const char *folder, const char *name, unsigned depth)
{
	char path[4096];
	struct stat status;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return NULL;
	if (lstat(path, &status))
		return NULL;
	// Links are followed to files, not to folders, which might be among their own parents.
	if (S_ISDIR(status.st_mode))
		return depth < IOC_FOLDER_DEPTH_MAX ? add_folder(set, path, depth + 1) : NULL;
	if (stat(path, &status) || !S_ISREG(status.st_mode))
		return NULL;
	return add_file(set, path);
}

static ei_error *add_folder(struct ioc_set *set, const char *path, unsigned depth)
{
	struct dirent **entries;
	set->folders++;
	int count = scandir(path, &entries, visible, by_name);
	ei_error *error = NULL;
	if (count < 0)
		error = ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (!error)
			error = add_entry(set, path, entries[i]->d_name, depth);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	set->folders--;
	return error;
}

ei_error *ioc_set_add(struct ioc_set *set, const char *path)
{
	struct stat status;
	if (stat(path, &status))
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return add_folder(set, path, 0);
	return add_file(set, path);
}
