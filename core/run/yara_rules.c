// YARA rules from the command line and from files, compiled.
// SPDX-License-Identifier: Apache-2.0
#include "run/yara.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	FILE_MAX = 64 << 20, // bytes of rules
	STRING_MAX = 1 << 20,
	NAME_BYTES = 64,
	MAX_SIZE_DEFAULT = 1 << 30,
	TIMEOUT_DEFAULT = 60, // seconds
	TIMEOUT_MAX = 1 << 20,
	CONTEXT_DEFAULT = 16, // bytes
	CONTEXT_MAX = 256,
	MATCHES_DEFAULT = 1000, // of a string in a range
};

// Scanners of files define these; rules that use them would not compile otherwise.
static const char *const externals[] = { "filename", "filepath", "extension", "filetype", "owner" };

struct building {
	ei_run *run;
	unsigned first;
	const struct yara_library *yara;
	YR_COMPILER *compiler;
	size_t sources; // added to the compiler
	char message[256];
	int line;
};

static ei_val option(const struct building *b, unsigned which, size_t n)
{
	return ei_opt_at(b->run, b->first + which, n);
}

// ---- one source -----------------------------------------------------------------------------

static void on_message(int level, const char *file, int line, const YR_RULE *rule,
	const char *message, void *context)
{
	struct building *b = context;
	(void)file, (void)rule;
	if (level != YARA_ERROR_LEVEL_ERROR || *b->message)
		return;
	b->line = line;
	snprintf(b->message, sizeof b->message, "%s", message);
}

// `name`: of what the rules are in.
static ei_error *source_add(
	struct building *b, const char *text, const char *name_space, const char *name)
{
	b->sources++;
	if (b->yara->add(b->compiler, text, name_space) == 0)
		return NULL;
	return ei_fail(EI_E_FORMAT, "'%s': line %d: %s", name, b->line, b->message);
}

// What is no rule is a string of one.
static bool is_rule(const char *text)
{
	return strstr(text, "condition") && strchr(text, '{') && strchr(text, ':');
}

static ei_error *string_add(struct building *b, const char *text, size_t number)
{
	bool insensitive = ei_has(option(b, EI_YARA_INSENSITIVE, 0));
	bool wide = ei_has(option(b, EI_YARA_WIDE, 0));
	bool plain = *text != '{' && *text != '/';
	struct text rule;
	if (!*text)
		return ei_fail(EI_E_USAGE, "--yara-string: it is empty");
	text_init(&rule, STRING_MAX);
	text_addf(&rule, "rule r%zu {strings: $a = %s%s%s%s%s condition: $a}", number,
		plain ? "\"" : "", text, plain ? "\"" : "", insensitive ? " nocase" : "",
		wide ? " wide ascii" : "");
	ei_error *error = NULL;
	b->sources++;
	if (rule.cut)
		error = ei_fail(EI_E_LIMIT, "'%.40s...' is too long", text);
	else if (b->yara->add(b->compiler, rule.data, "default") > 0)
		error = ei_fail(EI_E_FORMAT, "--yara-string '%.80s': %s", text, b->message);
	text_deinit(&rule);
	return error;
}

static ei_error *file_read(const char *path, char **out)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	struct text text;
	char chunk[1 << 14];
	text_init(&text, FILE_MAX);
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) && !text.cut;)
		text_add(&text, chunk, got);
	int why = ferror(file) ? errno : 0;
	fclose(file);
	ei_error *error = NULL;
	if (why)
		error = ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(why));
	else if (text.cut)
		error = ei_fail(EI_E_LIMIT, "'%s' has more than %d bytes", path, FILE_MAX);
	else if (!text.length)
		error = ei_fail(EI_E_FORMAT, "'%s' is empty", path);
	else if (memchr(text.data, 0, text.length))
		error = ei_fail(EI_E_FORMAT,
			"'%s' has NUL bytes: compiled rules go with --yara-compiled-file", path);
	if (error)
		text_deinit(&text);
	else
		*out = text.data;
	return error;
}

// The file's name without its folders, as an identifier.
static void name_space_of(const char *path, char out[NAME_BYTES])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t length = 0;
	for (; name[length] && length < NAME_BYTES - 1; length++)
		out[length] = (char)(isalnum((unsigned char)name[length]) ? name[length] : '_');
	out[length] = 0;
}

static ei_error *file_add(struct building *b, const char *path, bool alone)
{
	char name[NAME_BYTES];
	char *text;
	EI_TRY(file_read(path, &text));
	name_space_of(path, name);
	ei_error *error = source_add(b, text, alone ? "default" : name, path);
	free(text);
	return error;
}

// ---- all of them ----------------------------------------------------------------------------

static ei_error *sources_add(struct building *b)
{
	size_t strings = 0;
	for (unsigned which = EI_YARA_STRING; which <= EI_YARA_RULES; which++)
		for (size_t i = 0; i < ei_opt_count(b->run, b->first + which); i++) {
			const char *text = option(b, which, i).s;
			if (which == EI_YARA_RULES && is_rule(text))
				EI_TRY(source_add(b, text, "default", "--yara-rules"));
			else
				EI_TRY(string_add(b, text, ++strings));
		}
	size_t files = ei_opt_count(b->run, b->first + EI_YARA_FILE);
	for (size_t i = 0; i < files; i++)
		EI_TRY(file_add(b, option(b, EI_YARA_FILE, i).s, files == 1));
	return NULL;
}

static ei_error *sources_compile(struct building *b, ei_yara *rules)
{
	if (b->yara->compiler_create(&b->compiler) != ERROR_SUCCESS)
		return ei_fail(EI_E_NOMEM, "out of memory");
	b->yara->set_callback(b->compiler, on_message, b);
	b->yara->set_include(b->compiler, NULL, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(externals); i++)
		b->yara->define_text(b->compiler, externals[i], "");
	ei_error *error = sources_add(b);
	if (!error && b->sources) {
		if (b->yara->get_rules(b->compiler, &rules->sets[0]) == ERROR_SUCCESS)
			rules->set_count = 1;
		else
			error = ei_fail(EI_E_NOMEM, "out of memory");
	}
	b->yara->compiler_drop(b->compiler);
	return error;
}

static ei_error *compiled_load(const struct building *b, ei_yara *rules)
{
	size_t count = ei_opt_count(b->run, b->first + EI_YARA_COMPILED);
	for (size_t i = 0; i < count; i++) {
		const char *path = option(b, EI_YARA_COMPILED, i).s;
		if (rules->set_count == YARA_SETS_MAX)
			return ei_fail(EI_E_LIMIT, "more than %d files of compiled rules",
				YARA_SETS_MAX - 1);
		int status = b->yara->rules_load(path, &rules->sets[rules->set_count]);
		if (status == ERROR_COULD_NOT_OPEN_FILE)
			return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
		if (status == ERROR_UNSUPPORTED_FILE_VERSION)
			return ei_fail(EI_E_FORMAT,
				"'%s' was compiled by another version of YARA than %s", path,
				YR_VERSION);
		if (status != ERROR_SUCCESS)
			return ei_fail(EI_E_FORMAT, "'%s' is no file of compiled rules", path);
		rules->set_count++;
	}
	return NULL;
}

static void limits_read(const struct building *b, ei_yara *rules)
{
	uint64_t timeout = ei_u64_or(option(b, EI_YARA_TIMEOUT, 0), TIMEOUT_DEFAULT);
	uint64_t context = ei_u64_or(option(b, EI_YARA_CONTEXT, 0), CONTEXT_DEFAULT);
	rules->max_size = ei_u64_or(option(b, EI_YARA_MAX_SIZE, 0), MAX_SIZE_DEFAULT);
	// Volatility shows them all.
	rules->max_matches = ei_u64_or(option(b, EI_YARA_MAX_MATCHES, 0),
		b->run->session->compat_vol3 ? 0 : MATCHES_DEFAULT);
	rules->timeout = (unsigned)MIN(timeout, (uint64_t)TIMEOUT_MAX);
	rules->context = (unsigned)MIN(context, (uint64_t)CONTEXT_MAX);
}

ei_error *ei_yara_open(ei_run *run, unsigned first, ei_yara **out)
{
	EI_OWNED(ei_yara) rules = calloc(1, sizeof *rules);
	if (!rules)
		return ei_fail(EI_E_NOMEM, "out of memory");
	struct building b = { .run = run, .first = first, .yara = yara_functions() };
	EI_TRY(yara_start());
	rules->started = true;
	limits_read(&b, rules);
	EI_TRY(sources_compile(&b, rules));
	EI_TRY(compiled_load(&b, rules));
	if (!rules->set_count)
		return ei_fail(EI_E_USAGE,
			"there are no rules: give --yara-file FILE, --yara-rules RULES, "
			"--yara-string TEXT or --yara-compiled-file FILE");
	*out = EI_GIVE(rules);
	return NULL;
}

void ei_yara_close(ei_yara *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->set_count; i++)
		yara_functions()->rules_drop(rules->sets[i]);
	if (rules->started)
		yara_end();
	free(rules);
}
