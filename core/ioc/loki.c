// Loki's lists: digests, file names, C2 servers, keywords; told apart by the name of the file.
// Source: the heads of the lists of Neo23x0/signature-base.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

struct loki {
	struct reading *reading;
	const char *heading; // the last comment
	size_t values;
};

static size_t field(char **at, char *end, char **text)
{
	char *begin = *at;
	char *stop = begin < end ? memchr(begin, ';', (size_t)(end - begin)) : NULL;
	*text = begin;
	*at = stop ? stop + 1 : end;
	return (size_t)((stop ? stop : end) - begin);
}

// The separator of the fields is met in regular expressions too: a score is a number.
static bool is_score(const char *text, size_t length)
{
	size_t i = length && *text == '-';
	for (; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return length > 0 && length < 6;
}

static void regex_add(struct reading *reading, struct ioc_node *parent, const char *term,
	const char *value, size_t length, bool negated)
{
	struct leaf_wish wish = {
		.term = term,
		.condition = IOC_MATCHES,
		.value = value,
		.length = length,
		.case_sensitive = true,
		.negated = negated,
	};
	leaf_add(reading, parent, &wish);
}

static void begin(struct loki *loki, const char *value, size_t length)
{
	struct reading *reading = loki->reading;
	const char *name = reading_text(reading, value, MIN(length, (size_t)200));
	indicator_begin(reading, NULL, name, NULL)->description = loki->heading;
}

// REGEX;SCORE[;REGEX OF FALSE POSITIVES]
static bool file_name(struct loki *loki, char *line, size_t length)
{
	static const char *const terms[] = { "FileItem/FullPath", "ProcessItem/path",
		"ProcessItem/SectionList/MemorySection/Name" };
	struct reading *reading = loki->reading;
	char *at = line, *regex, *score, *exclude, *end = line + length;
	size_t regex_length = field(&at, end, &regex);
	size_t score_length = field(&at, end, &score);
	while (at < end && !is_score(score, score_length)) {
		regex_length = (size_t)(score + score_length - regex);
		score_length = field(&at, end, &score);
	}
	size_t exclude_length = field(&at, end, &exclude);
	if (!regex_length)
		return false;
	begin(loki, regex, regex_length);
	struct ioc_node *root = node_add(reading, NULL, IOC_OR);
	if (is_score(score, score_length))
		param_add(reading, &root->params, "score",
			reading_text(reading, score, score_length));
	for (size_t i = 0; i < ARRAY_LENGTH(terms); i++) {
		struct ioc_node *parent = exclude_length ? node_add(reading, root, IOC_AND) : root;
		regex_add(reading, parent, terms[i], regex, regex_length, false);
		if (exclude_length)
			regex_add(reading, parent, terms[i], exclude, exclude_length, true);
	}
	return indicator_end(reading);
}

static bool observable(struct loki *loki, char *line, size_t length)
{
	char *at = line, *value, *comment, *end = line + length;
	size_t value_length = field(&at, end, &value);
	const char *trimmed = value;
	trim(&trimmed, &value_length);
	value_length = refang((char *)trimmed, value_length);
	enum observable kind = observable_guess(trimmed, value_length);
	// Lists of servers have host names without a known end, too.
	if (!kind)
		return false;
	begin(loki, trimmed, value_length);
	size_t comment_length = field(&at, end, &comment);
	if (comment_length && loki->reading->indicator)
		loki->reading->indicator->description =
			reading_text(loki->reading, comment, comment_length);
	observable_add(loki->reading, NULL, kind, trimmed, value_length);
	return indicator_end(loki->reading);
}

static bool keyword(struct loki *loki, char *line, size_t length)
{
	begin(loki, line, length);
	observable_add(loki->reading, NULL, OBSERVABLE_TEXT, line, length);
	return indicator_end(loki->reading);
}

typedef bool line_reader(struct loki *loki, char *line, size_t length);

static line_reader *reader_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	if (strcasestr(base, "filename"))
		return file_name;
	if (strcasestr(base, "keyword"))
		return keyword;
	return observable;
}

ei_error *loki_read(struct reading *reading, char *text, size_t length)
{
	struct loki loki = { .reading = reading, .heading = "" };
	line_reader *read = reader_of(reading->file);
	char *at = text, *line;
	size_t line_length;
	uint32_t number = 0;
	while (!reading_stopped(reading) && line_next(&at, text + length, &line, &line_length)) {
		const char *begin = line;
		trim(&begin, &line_length);
		line += begin - line;
		reading->line = ++number;
		if (!line_length)
			continue;
		if (*line == '#') {
			begin++, line_length--;
			trim(&begin, &line_length);
			loki.heading = reading_text(reading, begin, MIN(line_length, (size_t)200));
		} else if (read(&loki, line, line_length)) {
			loki.values++;
		} else if (!reading->failure) {
			reading_note(reading, number, "no value that is known by its form: '%.*s'",
				(int)MIN(line_length, (size_t)80), line);
		}
	}
	if (!loki.values)
		return ei_fail(EI_E_UNKNOWN, "there is no value in it");
	return NULL;
}
