// Tables of values: columns by their names, or by what is in them.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/typed.h"

enum { COLUMNS_MAX = 64 };

enum role { NOTHING, VALUE, TYPE, TYPED_VALUE, TO_IDS, TITLE };

struct cell {
	char *text;
	size_t length;
};

struct row {
	struct cell cells[COLUMNS_MAX];
	size_t count;
};

struct table {
	struct reading *reading;
	char *at, *end;
	char separator;
	uint32_t line;
	size_t columns;
	enum role roles[COLUMNS_MAX];
	enum observable kinds[COLUMNS_MAX]; // of VALUE columns
	bool named;                         // there is a header
	bool known;                         // it names a kind of value
	size_t values, unknown;
	uint32_t first_unknown;
};

// ---- rows (RFC 4180) ------------------------------------------------------------------------
// A cell in quotes: two quotes within stand for one.
static void quoted_cell(struct table *table, struct cell *cell)
{
	char *out = ++table->at;
	cell->text = out;
	while (table->at < table->end) {
		if (*table->at == '"' && table->at + 1 < table->end && table->at[1] == '"')
			table->at++;
		else if (*table->at == '"')
			break;
		table->line += *table->at == '\n';
		*out++ = *table->at++;
	}
	cell->length = (size_t)(out - cell->text);
}

static bool at_end_of_cell(const struct table *table)
{
	return table->at >= table->end || *table->at == table->separator || *table->at == '\n';
}

static bool row_next(struct table *table, struct row *row)
{
	row->count = 0;
	if (table->at >= table->end)
		return false;
	table->line++;
	table->reading->line = table->line;
	for (;;) {
		struct cell cell = { table->at, 0 };
		if (*table->at == '"' && table->at < table->end)
			quoted_cell(table, &cell);
		char *rest = table->at;
		while (!at_end_of_cell(table))
			table->at++;
		if (cell.text == rest)
			cell.length = (size_t)(table->at - cell.text);
		const char *begin = cell.text;
		trim(&begin, &cell.length);
		cell.text += begin - cell.text;
		if (row->count < COLUMNS_MAX)
			row->cells[row->count++] = cell;
		if (table->at >= table->end)
			return true;
		if (*table->at++ == '\n')
			return true;
	}
}

// ---- columns --------------------------------------------------------------------------------
static enum role role_of(const char *name)
{
	static const struct {
		const char *name;
		enum role role;
	} roles[] = {
		{ "type", TYPE },
		{ "indicator type", TYPE },
		{ "indicator_type", TYPE },
		{ "ioc_type", TYPE },
		{ "value", TYPED_VALUE },
		{ "indicator", TYPED_VALUE },
		{ "ioc", TYPED_VALUE },
		{ "ioc_value", TYPED_VALUE },
		{ "to_ids", TO_IDS },
		{ "name", TITLE },
		{ "description", TITLE },
		{ "malware", TITLE },
		{ "associated malware", TITLE },
		{ "comment", TITLE },
		{ "family", TITLE },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(roles); i++)
		if (!strcasecmp(roles[i].name, name))
			return roles[i].role;
	return NOTHING;
}

static bool is_header(const struct row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (observable_guess(row->cells[i].text, row->cells[i].length))
			return false;
	return row->count > 0;
}

static void header_read(struct table *table, const struct row *row)
{
	table->named = true;
	table->columns = row->count;
	for (size_t i = 0; i < row->count; i++) {
		char name[40];
		snprintf(name, sizeof name, "%.*s", (int)MIN(row->cells[i].length, sizeof name - 1),
			row->cells[i].text);
		table->kinds[i] = observable_named(name);
		table->roles[i] = table->kinds[i] ? VALUE : role_of(name);
		table->known |= table->roles[i] == VALUE || table->roles[i] == TYPED_VALUE;
	}
}

static const struct cell *cell_of(const struct table *table, const struct row *row, enum role role)
{
	for (size_t i = 0; i < row->count; i++)
		if (table->roles[i] == role && row->cells[i].length)
			return &row->cells[i];
	return NULL;
}

// ---- values ---------------------------------------------------------------------------------
struct found {
	enum observable kind;
	struct cell cell;
};

static bool is_digest(enum observable kind)
{
	return kind == OBSERVABLE_MD5 || kind == OBSERVABLE_SHA1 || kind == OBSERVABLE_SHA256;
}

static enum observable cell_kind(const struct table *table, const struct row *row, size_t column)
{
	const struct cell *cell = &row->cells[column];
	if (!cell->length)
		return OBSERVABLE_NONE;
	if (table->roles[column] == VALUE)
		return typed_kind(table->kinds[column], cell->text, cell->length);
	if (table->roles[column] == TITLE)
		return OBSERVABLE_NONE;
	// A column of another name may hold links, dates, names: only digests are beyond doubt.
	enum observable form = observable_guess(cell->text, cell->length);
	return table->known && !is_digest(form) ? OBSERVABLE_NONE : form;
}

static size_t row_values(struct table *table, struct row *row, struct found *found)
{
	size_t count = 0;
	bool digest = false;
	for (size_t i = 0; i < row->count; i++) {
		struct cell *cell = &row->cells[i];
		enum observable kind = cell_kind(table, row, i);
		// Digests have no fangs, and paths and keys mean their brackets.
		if (!is_digest(kind) && kind != OBSERVABLE_PATH && kind != OBSERVABLE_KEY) {
			cell->length = refang(cell->text, cell->length);
			kind = cell_kind(table, row, i);
		}
		digest |= is_digest(kind);
		if (kind)
			found[count++] = (struct found){ kind, *cell };
	}
	// Beside a digest, a name only tells what it is of.
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (!digest ||
			(found[i].kind != OBSERVABLE_FILE && found[i].kind != OBSERVABLE_PATH))
			found[kept++] = found[i];
	return kept;
}

static void row_begin(struct table *table, const struct row *row, const struct cell *value)
{
	struct reading *reading = table->reading;
	const struct cell *title = cell_of(table, row, TITLE);
	const char *name = reading_text(reading, value->text, MIN(value->length, (size_t)200));
	indicator_begin(reading, NULL, name, NULL)->description =
		title ? reading_text(reading, title->text, title->length) : "";
}

static bool typed_row(struct table *table, struct row *row)
{
	const struct cell *type = cell_of(table, row, TYPE);
	const struct cell *value = cell_of(table, row, TYPED_VALUE);
	const struct cell *to_ids = cell_of(table, row, TO_IDS);
	char name[40];
	if (!type || !value)
		return false;
	if (to_ids && (text_is(to_ids->text, to_ids->length, "0") ||
			      text_is(to_ids->text, to_ids->length, "false")))
		return true;
	snprintf(name, sizeof name, "%.*s", (int)MIN(type->length, sizeof name - 1), type->text);
	row_begin(table, row, value);
	if (!typed_add(table->reading, NULL, name, value->text, value->length)) {
		indicator_discard(table->reading);
		return false;
	}
	table->values += indicator_end(table->reading);
	return true;
}

static bool row_read(struct table *table, struct row *row)
{
	struct found found[COLUMNS_MAX];
	if (row->count == 1 && !row->cells[0].length)
		return true;
	if (row->cells[0].length && *row->cells[0].text == '#')
		return true;
	if (cell_of(table, row, TYPE) && cell_of(table, row, TYPED_VALUE))
		return typed_row(table, row);
	size_t count = row_values(table, row, found);
	if (!count)
		return false;
	row_begin(table, row, &found[0].cell);
	struct ioc_node *parent = count > 1 ? node_add(table->reading, NULL, IOC_OR) : NULL;
	for (size_t i = 0; i < count; i++)
		observable_add(table->reading, parent, found[i].kind, found[i].cell.text,
			found[i].cell.length);
	table->values += indicator_end(table->reading);
	return true;
}

// Of ',', ';' and tab the one that the first line has most of.
static char separator_of(const char *text, size_t length)
{
	const char *stop = memchr(text, '\n', length);
	size_t first = stop ? (size_t)(stop - text) : length;
	char best = ',';
	size_t most = 0;
	for (const char *candidate = ",;\t"; *candidate; candidate++) {
		size_t count = 0;
		for (size_t i = 0; i < first; i++)
			count += text[i] == *candidate;
		if (count > most) {
			most = count;
			best = *candidate;
		}
	}
	return best;
}

// A MISP feed's index: digests of its values, not of files.
static bool is_feed_index(const char *file, const struct row *row)
{
	const char *slash = strrchr(file, '/');
	return !strcasecmp(slash ? slash + 1 : file, "hashes.csv") && row->count == 2 &&
	       row->cells[0].length == 32 && row->cells[1].length == 36;
}

static ei_error *table_read(struct table *table)
{
	struct reading *reading = table->reading;
	struct row row;
	bool first = true;
	while (!reading_stopped(reading) && row_next(table, &row)) {
		if (first && is_feed_index(reading->file, &row))
			return ei_fail(EI_E_UNKNOWN,
				"it is the index of a MISP feed: its digests are not of files");
		bool header = first && is_header(&row);
		first = false;
		if (header) {
			header_read(table, &row);
		} else if (!row_read(table, &row)) {
			table->unknown++;
			table->first_unknown =
				table->first_unknown ? table->first_unknown : table->line;
		}
	}
	return NULL;
}

ei_error *csv_read(struct reading *reading, char *text, size_t length)
{
	struct table *table = calloc(1, sizeof *table);
	if (!table)
		return ei_fail(EI_E_NOMEM, "out of memory");
	table->reading = reading;
	table->at = text;
	table->end = text + length;
	table->separator = separator_of(text, length);
	ei_error *error = table_read(table);
	if (!error && !table->values)
		error = ei_fail(EI_E_UNKNOWN, "no column holds values of a kind that is known");
	if (!error && table->unknown)
		reading_note(reading, table->first_unknown,
			"%zu rows have no value that is known, this is the first", table->unknown);
	free(table);
	return error;
}
