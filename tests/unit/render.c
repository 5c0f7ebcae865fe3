// Renderers: every kind and state of value, hostile text, trees, notes, trailers, failing outputs.
// SPDX-License-Identifier: Apache-2.0
#include "out/escape.h"
#include "out/out.h"

#include "tests/fx/test.h"
#include <jansson.h>

static const uint64_t filetime_2024 = 133590312001234567; // 2024-05-01T10:00:00.1234567

enum { NUMBER, ADDRESS, MASK, FLAG, TIME, NAME, BYTES, COLUMNS };

static const ei_column columns[COLUMNS] = {
	[NUMBER] = { "number", EI_UINT, "", .vol3 = "Number" },
	[ADDRESS] = { "address", EI_ADDR, "", .vol3 = "Offset(V)" },
	[MASK] = { "mask", EI_HEX, "", .vol3 = "Mask" },
	[FLAG] = { "flag", EI_BOOL, "", .vol3 = "Flag" },
	[TIME] = { "time", EI_TIME, "", .vol3 = "CreateTime" },
	[NAME] = { "name", EI_STR, "", .vol3 = "Name", .vol3_absent = "Required memory" },
	[BYTES] = { "bytes", EI_BYTES, "", .vol3 = "Bytes" },
};

static const struct run_record record = {
	.version = "1.2",
	.plugin = "sample",
	.image = "a \"b\".raw",
	.image_size = 4096,
	.format = "raw",
	.profile = "win",
	.profile_how = "exact",
	.image_sha256 = "",
	.command = "eidetic sample",
	.started = "2024-05-01T10:00:00.000000Z",
};

struct row {
	uint32_t depth;
	ei_val cells[COLUMNS];
};

struct scene {
	const char *renderer;
	bool compat, colour, log;
	size_t columns; // 0: all
	const struct row *rows;
	size_t row_count;
	const char *note, *why;
};

static struct row full_row(void)
{
	return (struct row){ 0, { [NUMBER] = ei_uint(18446744073709551615u),
					[ADDRESS] = ei_addr(0xffff8a77000052c0),
					[MASK] = ei_hex(0x1f),
					[FLAG] = ei_bool(true),
					[TIME] = ei_of(EI_TIME, filetime_2024),
					[NAME] = ei_str("smss.exe"),
					[BYTES] = ei_bytes("\x00\xff", 2) } };
}

static struct row absent_row(void)
{
	return (struct row){ 0, { [NUMBER] = ei_absent(EI_NONE),
					[ADDRESS] = ei_absent(EI_UNREADABLE),
					[MASK] = ei_absent(EI_NO_FIELD),
					[FLAG] = ei_absent(EI_GARBAGE),
					[TIME] = ei_absent(EI_NONE),
					[NAME] = ei_absent(EI_UNREADABLE),
					[BYTES] = ei_absent(EI_NONE) } };
}

static struct row named(uint32_t depth, const char *name)
{
	struct row row = full_row();
	row.depth = depth;
	row.cells[NUMBER] = ei_uint(depth);
	row.cells[NAME] = ei_str(name);
	return row;
}

static ei_error *play(const struct scene *scene, struct row_sink *sink, const struct table *table)
{
	EI_TRY(row_sink_begin(sink, table));
	for (size_t i = 0; i < scene->row_count; i++)
		EI_TRY(row_sink_row(sink, scene->rows[i].depth, scene->rows[i].cells));
	if (scene->note)
		EI_TRY(row_sink_note(sink, scene->note));
	struct trailer trailer = { .rows = scene->row_count,
		.notes = scene->note != NULL,
		.complete = !scene->why,
		.why = scene->why ? scene->why : "" };
	return row_sink_end(sink, &trailer);
}

static ei_error *render_into(const struct scene *scene, FILE *stream, FILE *side)
{
	struct shown_column shown[COLUMNS];
	struct table table = { .record = &record,
		.columns = shown,
		.count = scene->columns ? scene->columns : COLUMNS,
		.compat = scene->compat,
		.address_mask = (1ull << 48) - 1 };
	// A few columns are the number and the name: what trees and hostile text need.
	static const unsigned few[] = { NUMBER, NAME };
	for (unsigned i = 0; i < table.count; i++) {
		unsigned cell = scene->columns ? few[i] : i;
		shown[i] = (struct shown_column){ &columns[cell],
			scene->compat ? columns[cell].vol3 : columns[cell].name, cell };
	}
	EI_OWNED(row_sink) sink = NULL;
	EI_TRY(out_create(&(struct out_wish){ .renderer = scene->renderer,
				  .stream = stream,
				  .side = side,
				  .colour = scene->colour,
				  .log = scene->log },
		&sink));
	return play(scene, sink, &table);
}

// What a scene looks like; yours to free. `side` may be NULL.
static char *rendered(const struct scene *scene, char **side)
{
	char *text = NULL, *notes = NULL;
	size_t size, notes_size;
	FILE *stream = open_memstream(&text, &size);
	FILE *beside = open_memstream(&notes, &notes_size);
	assert_null(render_into(scene, stream, beside));
	fclose(stream);
	fclose(beside);
	if (side)
		*side = notes;
	else
		free(notes);
	return text;
}

static void expect(const struct scene *scene, const char *expected)
{
	char *text = rendered(scene, NULL);
	assert_string_equal(text, expected);
	free(text);
}

// ---- values ---------------------------------------------------------------------------------

static void every_kind_and_every_absence_has_one_spelling(void **state)
{
	(void)state;
	const struct row rows[] = { full_row(), absent_row() };
	static const struct {
		const char *renderer;
		bool compat;
		const char *expected;
	} cases[] = {
		{ "text", false,
			"number\taddress\tmask\tflag\ttime\tname\tbytes\n"
			"18446744073709551615\t0xffff8a77000052c0\t0x1f\ttrue\t"
			"2024-05-01T10:00:00.123456Z\tsmss.exe\t00 ff\n"
			"-\t?\tn/a\t!\t-\t?\t-\n" },
		{ "text", true,
			"Number\tOffset(V)\tMask\tFlag\tCreateTime\tName\tBytes\n"
			"18446744073709551615\t0x8a77000052c0\t0x1f\tTrue\t"
			"2024-05-01 10:00:00.000000 UTC\tsmss.exe\t00 ff\n"
			"N/A\t-\t-\t-\tN/A\tRequired memory\tN/A\n" },
		{ "csv", false,
			"number,address,mask,flag,time,name,bytes,absent\r\n"
			"18446744073709551615,0xffff8a77000052c0,0x1f,true,"
			"2024-05-01T10:00:00.123456Z,smss.exe,00 ff,\r\n"
			",,,,,,,number=not_applicable;address=unreadable;mask=no_field;"
			"flag=garbage;time=not_applicable;name=unreadable;bytes=not_"
			"applicable\r\n" },
		{ "csv", true,
			"TreeDepth,Number,Offset(V),Mask,Flag,CreateTime,Name,Bytes\n"
			"0,18446744073709551615,0x8a77000052c0,0x1f,True,"
			"2024-05-01 10:00:00.000000 UTC,smss.exe,00 ff\n"
			"0,N/A,-,-,-,N/A,Required memory,N/A\n" },
		{ "jsonl", true,
			"{\"Number\":18446744073709551615,\"Offset(V)\":152243705762496,"
			"\"Mask\":31,\"Flag\":true,\"CreateTime\":\"2024-05-01T10:00:00+00:00\","
			"\"Name\":\"smss.exe\",\"Bytes\":\"00 ff\",\"__children\":[]}\n"
			"{\"Number\":null,\"Offset(V)\":null,\"Mask\":null,\"Flag\":null,"
			"\"CreateTime\":null,\"Name\":\"Required memory\",\"Bytes\":null,"
			"\"__children\":[]}\n" },
		{ "none", false, "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		expect(&(struct scene){ .renderer = cases[i].renderer,
			       .compat = cases[i].compat,
			       .rows = rows,
			       .row_count = 2 },
			cases[i].expected);
}

static void times_are_right_from_1601_to_the_end(void **state)
{
	(void)state;
	static const struct {
		uint64_t filetime;
		const char *text;
	} cases[] = {
		{ 0, "1601-01-01T00:00:00.000000Z" },
		{ 9, "1601-01-01T00:00:00.000000Z" },
		{ 116444736000000000, "1970-01-01T00:00:00.000000Z" },
		{ 125962559999999999, "2000-02-28T23:59:59.999999Z" },
		{ 125962560000000000, "2000-02-29T00:00:00.000000Z" },
		{ 125963424000000000, "2000-03-01T00:00:00.000000Z" },
		{ 157767264000000000, "2100-12-12T00:00:00.000000Z" },
		{ UINT64_MAX, "60056-05-28T05:36:10.955161Z" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct row row = full_row();
		row.cells[TIME] = ei_of(EI_TIME, cases[i].filetime);
		char *text = rendered(
			&(struct scene){ .renderer = "text", .rows = &row, .row_count = 1 }, NULL);
		if (!strstr(text, cases[i].text))
			fail_msg("%s is not in: %s", cases[i].text, text);
		free(text);
	}
}

// ---- hostile text ---------------------------------------------------------------------------

static const struct {
	const char *raw;
	size_t length; // 0: strlen
	const char *line, *json;
} hostile[] = {
	{ "plain", 0, "plain", "\"plain\"" },
	{ "", 0, "", "\"\"" },
	{ "a\tb\nc\rd", 0, "a\\tb\\nc\\rd", "\"a\\tb\\nc\\rd\"" },
	{ "nul\0nul", 7, "nul\\x00nul", "\"nul\\u0000nul\"" },
	{ "\x1b[31mred\x07", 0, "\\x1b[31mred\\x07", "\"\\u001b[31mred\\u0007\"" },
	{ "del\x7f", 0, "del\\x7f", "\"del\\u007f\"" },
	{ "c1\xc2\x9b", 0, "c1\\u{9b}", "\"c1\\u009b\"" },
	{ "\xe2\x80\xaegnp.exe", 0, "\\u{202e}gnp.exe", "\"\\u202egnp.exe\"" },
	{ "tag\xf3\xa0\x80\x81", 0, "tag\\u{e0001}", "\"tag\\udb40\\udc01\"" },
	{ "bom\xef\xbb\xbf", 0, "bom\\u{feff}", "\"bom\\ufeff\"" },
	{ "line\xe2\x80\xa8", 0, "line\\u{2028}", "\"line\\u2028\"" },
	{ "cut\xe2\x80", 0, "cut\\xe2\\x80", "\"cut\\ufffd\\ufffd\"" },
	{ "long\xc0\xaf", 0, "long\\xc0\\xaf", "\"long\\ufffd\\ufffd\"" },
	{ "half\xed\xa0\x80", 0, "half\\xed\\xa0\\x80", "\"half\\ufffd\\ufffd\\ufffd\"" },
	{ "\xff\xfe", 0, "\\xff\\xfe", "\"\\ufffd\\ufffd\"" },
	{ "caf\xc3\xa9 \xe6\x97\xa5", 0, "caf\xc3\xa9 \xe6\x97\xa5",
		"\"caf\xc3\xa9 \xe6\x97\xa5\"" },
	{ "C:\\x \"q\"", 0, "C:\\x \"q\"", "\"C:\\\\x \\\"q\\\"\"" },
};

static size_t hostile_length(size_t index)
{
	return hostile[index].length ? hostile[index].length : strlen(hostile[index].raw);
}

static void hostile_text_is_escaped_for_lines_and_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(hostile); i++) {
		struct text line, json;
		text_init(&line, 4096);
		text_init(&json, 4096);
		escape_line(&line, hostile[i].raw, hostile_length(i));
		escape_json(&json, hostile[i].raw, hostile_length(i));
		assert_string_equal(line.data ? line.data : "", hostile[i].line);
		assert_string_equal(json.data, hostile[i].json);
		text_deinit(&line);
		text_deinit(&json);
	}
}

static void csv_fields_are_quoted_when_they_must(void **state)
{
	(void)state;
	static const char *const cases[][2] = { { "a", "a" }, { "", "\"\"" }, { "a,b", "\"a,b\"" },
		{ "say \"x\"", "\"say \"\"x\"\"\"" }, { "two\nlines", "two\\nlines" } };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct text field;
		text_init(&field, 4096);
		escape_csv(&field, cases[i][0], strlen(cases[i][0]));
		assert_string_equal(field.data, cases[i][1]);
		text_deinit(&field);
	}
}

// No renderer lets a byte through that could drive a terminal or break a line.
static void assert_harmless(const char *text)
{
	for (const char *at = text; *at;) {
		size_t length = utf8_sequence((const uint8_t *)at, strlen(at));
		assert_true(length > 0);
		uint8_t byte = (uint8_t)*at;
		if (length == 1 && byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r')
			fail_msg("byte %02x got through in: %s", byte, text);
		if (length == 2 && byte == 0xc2 && (uint8_t)at[1] < 0xa0)
			fail_msg("a C1 control got through");
		if (length == 3 && !memcmp(at, "\xe2\x80\xae", 3))
			fail_msg("an override of direction got through");
		at += length;
	}
}

static size_t count_of(const char *text, char what)
{
	size_t count = 0;
	for (; *text; text++)
		count += *text == what;
	return count;
}

static void no_renderer_lets_hostile_text_through(void **state)
{
	(void)state;
	static const char *const names[] = { "text", "pretty", "json", "jsonl", "csv" };
	struct row rows[ARRAY_LENGTH(hostile)];
	for (size_t i = 0; i < ARRAY_LENGTH(hostile); i++) {
		rows[i] = full_row();
		rows[i].cells[NAME] = (ei_val){ .s = hostile[i].raw,
			.length = (uint32_t)hostile_length(i),
			.kind = EI_STR,
			.state = EI_OK };
	}
	for (size_t i = 0; i < 2 * ARRAY_LENGTH(names); i++) {
		struct scene scene = { .renderer = names[i / 2],
			.compat = i % 2,
			.columns = 2,
			.rows = rows,
			.row_count = ARRAY_LENGTH(rows),
			.note = "note \x1b[2J\xe2\x80\xae\xff" };
		char *side, *text = rendered(&scene, &side);
		assert_harmless(text);
		assert_harmless(side);
		size_t lines = count_of(text, '\n');
		assert_true(lines >= ARRAY_LENGTH(rows) && lines <= ARRAY_LENGTH(rows) + 4);
		free(text);
		free(side);
	}
}

// ---- json -----------------------------------------------------------------------------------

static json_t *parsed(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s at %d:%d of: %s", error.text, error.line, error.column, text);
	return json;
}

// "rows.1.absent.number"
static const json_t *at(const json_t *json, const char *path)
{
	char step[64];
	while (*path) {
		size_t length = strcspn(path, ".");
		snprintf(step, sizeof step, "%.*s", (int)length, path);
		json = json_is_array(json) ? json_array_get(json, strtoul(step, NULL, 10))
					   : json_object_get(json, step);
		path += length + (path[length] == '.');
	}
	return json;
}

static const char *text_at(const json_t *json, const char *path)
{
	const char *text = json_string_value(at(json, path));
	return text ? text : "(none)";
}

static void json_is_one_document_with_run_rows_notes_and_end(void **state)
{
	(void)state;
	struct row rows[] = { named(0, "a\x01"), absent_row(), named(1, "b") };
	rows[0].cells[NUMBER] = ei_uint(INT64_MAX); // as much as this reader takes
	char *text = rendered(&(struct scene){ .renderer = "json",
				      .columns = 2,
				      .rows = rows,
				      .row_count = 3,
				      .note = "list \"broken\"",
				      .why = "cancelled" },
		NULL);
	json_t *json = parsed(text);
	assert_string_equal(text_at(json, "run.image"), "a \"b\".raw");
	assert_string_equal(text_at(json, "run.columns.1.kind"), "string");
	assert_null(at(json, "run.command")); // of logs only
	assert_int_equal(json_array_size(at(json, "rows")), 3);
	assert_true(json_integer_value(at(json, "rows.0.number")) == INT64_MAX);
	assert_string_equal(text_at(json, "rows.0.name"), "a\x01");
	assert_null(at(json, "rows.0.absent"));
	assert_true(json_is_null(at(json, "rows.1.number")));
	assert_string_equal(text_at(json, "rows.1.absent.number"), "not_applicable");
	assert_string_equal(text_at(json, "rows.1.absent.name"), "unreadable");
	assert_int_equal(json_integer_value(at(json, "rows.2.depth")), 1);
	assert_string_equal(text_at(json, "notes.0"), "list \"broken\"");
	assert_int_equal(json_integer_value(at(json, "end.rows")), 3);
	assert_true(json_is_false(at(json, "end.complete")));
	assert_string_equal(text_at(json, "end.why"), "cancelled");
	json_decref(json);
	free(text);
}

static void jsonl_is_a_run_then_rows_then_a_trailer(void **state)
{
	(void)state;
	const struct row rows[] = { named(0, "a"), named(1, "b") };
	char *text = rendered(&(struct scene){ .renderer = "jsonl",
				      .columns = 2,
				      .rows = rows,
				      .row_count = 2,
				      .note = "n" },
		NULL);
	const char *after_run = strchr(text, '\n');
	assert_non_null(after_run);
	char *first = strndup(text, (size_t)(after_run - text));
	json_t *run = parsed(first);
	assert_string_equal(text_at(run, "plugin"), "sample");
	assert_int_equal(json_integer_value(at(run, "image_size")), 4096);
	json_decref(run);
	free(first);
	assert_string_equal(after_run + 1, "{\"number\":0,\"name\":\"a\"}\n"
					   "{\"number\":1,\"name\":\"b\",\"depth\":1}\n"
					   "{\"note\":\"n\"}\n"
					   "{\"rows\":2,\"notes\":1,\"complete\":true}\n");
	free(text);
}

static void a_log_names_the_occasion(void **state)
{
	(void)state;
	const struct row row = full_row();
	char *text = rendered(&(struct scene){ .renderer = "jsonl",
				      .log = true,
				      .columns = 2,
				      .rows = &row,
				      .row_count = 1 },
		NULL);
	assert_non_null(strstr(text, "\"command\":\"eidetic sample\""));
	assert_non_null(strstr(text, "\"started\":\"2024-05-01T10:00:00.000000Z\""));
	free(text);
}

// ---- trees ----------------------------------------------------------------------------------

// a, with b and d under it and c under b; then e.
static const struct {
	const char *renderer;
	bool compat;
	const char *expected;
} trees[] = {
	{ "text", false, "number\tname\n0\ta\n* 1\tb\n** 2\tc\n* 1\td\n0\te\n" },
	{ "csv", true, "TreeDepth,Number,Name\n0,0,a\n1,1,b\n2,2,c\n1,1,d\n0,0,e\n" },
	{ "json", true,
		"[\n{\"Number\":0,\"Name\":\"a\",\"__children\":["
		"\n{\"Number\":1,\"Name\":\"b\",\"__children\":["
		"\n{\"Number\":2,\"Name\":\"c\",\"__children\":[]}]},"
		"\n{\"Number\":1,\"Name\":\"d\",\"__children\":[]}]},"
		"\n{\"Number\":0,\"Name\":\"e\",\"__children\":[]}\n]\n" },
	{ "jsonl", true,
		"{\"Number\":0,\"Name\":\"a\",\"__children\":["
		"{\"Number\":1,\"Name\":\"b\",\"__children\":["
		"{\"Number\":2,\"Name\":\"c\",\"__children\":[]}]}, "
		"{\"Number\":1,\"Name\":\"d\",\"__children\":[]}]}\n"
		"{\"Number\":0,\"Name\":\"e\",\"__children\":[]}\n" },
	{ "pretty", false,
		"number  name\n"
		"0       a\n"
		"\xe2\x94\x94 1     b\n"
		"  \xe2\x94\x94 2   c\n"
		"\xe2\x94\x94 1     d\n"
		"0       e\n" },
};

static void children_hang_under_their_parents(void **state)
{
	(void)state;
	const struct row rows[] = { named(0, "a"), named(1, "b"), named(2, "c"), named(1, "d"),
		named(0, "e") };
	for (size_t i = 0; i < ARRAY_LENGTH(trees); i++)
		expect(&(struct scene){ .renderer = trees[i].renderer,
			       .compat = trees[i].compat,
			       .columns = 2,
			       .rows = rows,
			       .row_count = ARRAY_LENGTH(rows) },
			trees[i].expected);
}

// A plugin that jumps to a depth without a parent costs the nesting, not the document.
static void a_child_without_a_parent_is_a_root(void **state)
{
	(void)state;
	const struct row rows[] = { named(7, "a"), named(UINT32_MAX, "b"), named(0, "c") };
	for (int lines = 0; lines < 2; lines++) {
		char *text = rendered(&(struct scene){ .renderer = lines ? "jsonl" : "json",
					      .compat = true,
					      .columns = 2,
					      .rows = rows,
					      .row_count = 3 },
			NULL);
		json_t *json = lines ? NULL : parsed(text);
		if (json)
			assert_string_equal(text_at(json, "0.__children.0.Name"), "b");
		json_decref(json);
		free(text);
	}
}

static void no_rows_are_an_empty_document(void **state)
{
	(void)state;
	static const struct {
		const char *renderer;
		bool compat;
		const char *expected;
	} cases[] = { { "text", false, "number\tname\n" }, { "json", true, "[\n]\n" },
		{ "jsonl", true, "" }, { "csv", false, "number,name,absent\r\n" },
		{ "pretty", false, "number  name\n" } };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		expect(&(struct scene){ .renderer = cases[i].renderer,
			       .compat = cases[i].compat,
			       .columns = 2 },
			cases[i].expected);
}

// ---- pretty ---------------------------------------------------------------------------------

static void pretty_aligns_by_what_a_terminal_shows(void **state)
{
	(void)state;
	struct row rows[] = { named(0, "wide \xe6\x97\xa5\xe6\x9c\xac"), named(0, "x") };
	rows[0].cells[NUMBER] = ei_uint(1234567890);
	expect(&(struct scene){ .renderer = "pretty",
		       .columns = 2,
		       .rows = rows,
		       .row_count = 2,
		       .note = "n",
		       .why = "limit" },
		"    number  name\n"
		"1234567890  wide \xe6\x97\xa5\xe6\x9c\xac\n"
		"         0  x\n"
		"\n"
		"note: n\n"
		"incomplete: limit\n");
}

static void pretty_has_colours_only_when_asked(void **state)
{
	(void)state;
	const struct row row = named(0, "x");
	expect(&(struct scene){ .renderer = "pretty",
		       .colour = true,
		       .columns = 2,
		       .rows = &row,
		       .row_count = 1 },
		"\x1b[1mnumber  name\x1b[0m\n     0  x\n");
}

// Past its cap pretty goes on in the widths it has; nothing is lost.
static void pretty_streams_when_there_are_too_many_rows(void **state)
{
	(void)state;
	enum { ROWS = 40000 };
	char *name = malloc(1001);
	assert_non_null(name);
	memset(name, 'n', 1000);
	name[1000] = '\0';
	struct row *rows = calloc(ROWS, sizeof *rows);
	assert_non_null(rows);
	for (size_t i = 0; i < ROWS; i++)
		rows[i] = named(0, name);
	char *text = rendered(
		&(struct scene){
			.renderer = "pretty", .columns = 2, .rows = rows, .row_count = ROWS },
		NULL);
	assert_int_equal(count_of(text, '\n'), ROWS + 1);
	free(text);
	free(rows);
	free(name);
}

// ---- outputs that fail ----------------------------------------------------------------------

static void a_full_disk_is_an_error_of_every_renderer(void **state)
{
	(void)state;
	static const char *const names[] = { "text", "pretty", "json", "jsonl", "csv" };
	const struct row row = full_row();
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		FILE *full = fopen("/dev/full", "w");
		if (!full)
			skip();
		struct scene scene = { .renderer = names[i], .rows = &row, .row_count = 1 };
		EI_OWNED(ei_error) error = render_into(&scene, full, NULL);
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), EI_E_IO);
		assert_string_equal(
			ei_error_text(error), "cannot write the output: No space left on device");
		fclose(full);
	}
}

static void an_unknown_renderer_is_refused_with_the_list(void **state)
{
	(void)state;
	struct row_sink *sink = NULL;
	EI_OWNED(ei_error)
	error = out_create(&(struct out_wish){ .renderer = "xml", .stream = stdout }, &sink);
	assert_non_null(error);
	assert_null(sink);
	assert_int_equal(ei_error_code(error), EI_E_USAGE);
	assert_non_null(strstr(ei_error_text(error), "'xml'"));
	assert_non_null(strstr(ei_error_text(error), "text, pretty, json, jsonl, csv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_and_every_absence_has_one_spelling),
		cmocka_unit_test(times_are_right_from_1601_to_the_end),
		cmocka_unit_test(hostile_text_is_escaped_for_lines_and_json),
		cmocka_unit_test(csv_fields_are_quoted_when_they_must),
		cmocka_unit_test(no_renderer_lets_hostile_text_through),
		cmocka_unit_test(json_is_one_document_with_run_rows_notes_and_end),
		cmocka_unit_test(jsonl_is_a_run_then_rows_then_a_trailer),
		cmocka_unit_test(a_log_names_the_occasion),
		cmocka_unit_test(children_hang_under_their_parents),
		cmocka_unit_test(a_child_without_a_parent_is_a_root),
		cmocka_unit_test(no_rows_are_an_empty_document),
		cmocka_unit_test(pretty_aligns_by_what_a_terminal_shows),
		cmocka_unit_test(pretty_has_colours_only_when_asked),
		cmocka_unit_test(pretty_streams_when_there_are_too_many_rows),
		cmocka_unit_test(a_full_disk_is_an_error_of_every_renderer),
		cmocka_unit_test(an_unknown_renderer_is_refused_with_the_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
