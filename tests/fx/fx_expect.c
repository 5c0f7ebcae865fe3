// Fixture: running a plugin on a Windows made by fx.c, and comparing what it says.
// SPDX-License-Identifier: Apache-2.0
#include "fx.h"
#include "out/out.h"
#include "run/run.h"
#include "test.h"
#include "win/shared.h"

enum { WORDS_MAX = 16, COLUMNS_MAX = 32, TEXT_MAX = 1 << 20 };

// ---- running --------------------------------------------------------------------------------

static size_t split_words(char *command, char **words)
{
	size_t count = 0;
	for (char *word; (word = strsep(&command, " "));) {
		assert_true(count < WORDS_MAX);
		words[count++] = word;
	}
	return count;
}

// The state of a session is of one image: made anew for each run.
static void session_renew(struct fx *fx)
{
	fx_memory_open(&fx->memory);
	shared_drop(fx->session.shared);
	fx->session.shared = NULL;
	fx->session.image = fx->memory.image;
	assert_null(shared_create(&fx->session.shared));
}

static ei_error *run_words(struct fx *fx, const struct plugin_set *set, ei_arena *arena,
	char **words, size_t count, FILE *stream)
{
	struct run_wish wish = { 0 };
	struct option_values options = { 0 };
	struct run_result result = { 0 };
	EI_TRY(plugin_set_find(set, words[0], &wish.plugin));
	EI_TRY(options_parse(arena, wish.plugin, (int)count - 1, words + 1, &options));
	wish.options = &options;
	struct out_wish out = { .renderer = "text", .stream = stream };
	EI_OWNED(row_sink) sink = NULL;
	EI_TRY(out_create(&out, &sink));
	EI_TRY(run_plugin(&fx->session, &wish, sink, &result));
	return result.failure;
}

// Everything that the plugin printed; yours to free. NULL, and the error, when it failed.
static char *output_of(struct fx *fx, const char *command, ei_error **error)
{
	EI_OWNED(plugin_set) set = NULL;
	EI_OWNED(ei_arena) arena = NULL;
	char line[256], *words[WORDS_MAX], *text = NULL;
	size_t size = 0;
	snprintf(line, sizeof line, "%s", command);
	size_t count = split_words(line, words);
	session_renew(fx);
	assert_null(plugin_set_create(&set));
	assert_null(ei_arena_create(1 << 20, &arena));
	FILE *stream = open_memstream(&text, &size);
	*error = run_words(fx, set, arena, words, count, stream);
	fclose(stream);
	if (!*error)
		return text;
	free(text);
	return NULL;
}

// ---- comparing ------------------------------------------------------------------------------

// Cuts the next cell off: at a tab, or, in what a test expects, at two spaces or more.
static char *next_cell(char **rest, const char *separator)
{
	char *cell = *rest;
	if (!cell)
		return NULL;
	char *end = strstr(cell, separator);
	*rest = end ? end + strlen(separator) : NULL;
	while (end && separator[0] == ' ' && **rest == ' ')
		++*rest;
	if (end)
		*end = 0;
	for (size_t n = strlen(cell); separator[0] == ' ' && n && cell[n - 1] == ' ';)
		cell[--n] = 0;
	return cell && !*cell && !*rest && separator[0] == ' ' ? NULL : cell;
}

struct choice {
	size_t columns[COLUMNS_MAX]; // of the output, in the order that the test names them
	size_t count;
};

static void choose_columns(struct choice *choice, char *wanted, char *header)
{
	char *names[COLUMNS_MAX], *rest = header;
	size_t count = 0;
	for (char *name; count < COLUMNS_MAX && (name = next_cell(&rest, "\t"));)
		names[count++] = name;
	rest = wanted;
	for (char *name; (name = next_cell(&rest, "  "));) {
		size_t i = 0;
		while (i < count && strcmp(names[i], name))
			i++;
		if (i == count)
			fail_msg("there is no column '%s'", name);
		choice->columns[choice->count++] = i;
	}
}

// An empty string is written "", so that it can be expected.
static const char *shown_cell(const char *cell)
{
	return !cell ? "(no cell)" : *cell ? cell : "\"\"";
}

// A tree's depth stands in front of its first column, wherever that is among the chosen.
static void add_chosen(struct text *out, const struct choice *choice, char *line)
{
	char *cells[COLUMNS_MAX] = { 0 }, *rest = line;
	for (size_t i = 0; i < COLUMNS_MAX && rest; i++)
		cells[i] = next_cell(&rest, "\t");
	for (size_t i = 0; i < choice->count; i++)
		text_addf(out, "%s%s", i ? "  " : "", shown_cell(cells[choice->columns[i]]));
	text_addf(out, "\n");
}

static void add_expected(struct text *out, char *line)
{
	char *rest = line;
	size_t i = 0;
	for (char *cell; (cell = next_cell(&rest, "  ")); i++)
		text_addf(out, "%s%s", i ? "  " : "", cell);
	text_addf(out, "\n");
}

// Lines of `text` in turn; NULL at the end.
static char *next_line(char **rest)
{
	char *line = *rest;
	if (!line || !*line)
		return NULL;
	char *end = strchr(line, '\n');
	*rest = end ? end + 1 : NULL;
	if (end)
		*end = 0;
	return line;
}

static char *first_note(char *text)
{
	char *note = text[0] == '#' ? text : strstr(text, "\n#");
	return !note ? text + strlen(text) : note == text ? note : note + 1;
}

static void expect_notes(const char *command, char *expected, char *actual)
{
	for (;;) {
		char *want = next_line(&expected), *have = next_line(&actual);
		if (!want && !have)
			return;
		if (!want)
			fail_msg("%s: a note that nobody expects: %s", command, have);
		if (!have)
			fail_msg("%s: no such note: %s", command, want);
		if (!strstr(have, want[1] == ' ' ? want + 2 : want + 1))
			fail_msg("%s: the note is\n%s\nexpected was\n%s", command, have, want);
	}
}

static void expect_text(const char *command, char *expected, char *actual)
{
	struct text want, have;
	struct choice choice = { 0 };
	char *want_notes = first_note(expected), *have_notes = first_note(actual);
	char *notes[2] = { strdup(want_notes), strdup(have_notes) };
	*want_notes = *have_notes = 0;
	text_init(&want, TEXT_MAX);
	text_init(&have, TEXT_MAX);
	text_addf(&want, "\n");
	text_addf(&have, "\n");
	choose_columns(&choice, next_line(&expected), next_line(&actual));
	for (char *line; (line = next_line(&expected));)
		add_expected(&want, line);
	for (char *line; (line = next_line(&actual));)
		add_chosen(&have, &choice, line);
	if (want.length != have.length || memcmp(want.data, have.data, want.length))
		fail_msg("%s shows%.*sexpected was%.*s%s", command, (int)have.length, have.data,
			(int)want.length, want.data, notes[1]);
	expect_notes(command, notes[0], notes[1]);
	text_deinit(&want);
	text_deinit(&have);
	free(notes[0]);
	free(notes[1]);
}

void expect_rows(struct fx *fx, const char *command, const char *expected)
{
	ei_error *error;
	char *actual = output_of(fx, command, &error);
	if (error)
		fail_msg("%s: %s", command, ei_error_text(error));
	char *copy = strdup(expected);
	expect_text(command, copy, actual);
	free(copy);
	free(actual);
}

void expect_refused(struct fx *fx, const char *command, const char *text)
{
	ei_error *error;
	char *actual = output_of(fx, command, &error);
	if (!error)
		fail_msg("%s was not refused: %s", command, actual);
	if (!strstr(ei_error_text(error), text))
		fail_msg("%s is refused with '%s', not '%s'", command, ei_error_text(error), text);
	ei_error_drop(error);
	free(actual);
}
