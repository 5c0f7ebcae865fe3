// amcache: programs, files and drivers that Windows took note of for compatibility's sake, with
// their SHA-1, from the hive Amcache.hve.
//
// Source: B. Lagny, ANSSI, "Analysis of the AmCache". Windows 8 has Root\File and Root\Programs,
// whose values have numbers for names; Windows 10 has Root\Inventory....
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/system.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	TYPE,
	PATH,
	COMPANY,
	MODIFIED,
	MODIFIED_2,
	INSTALLED,
	COMPILED,
	SHA1,
	SERVICE,
	PRODUCT,
	VERSION,
	PROGRAM,
	HIVE,
	CELL,
	COLUMNS
};

// clang-format off
static const ei_column columns[COLUMNS] = {
	[TYPE]       = { "type",      EI_STR,  "Driver, Program or File", .vol3 = "EntryType" },
	[PATH]       = { "path",      EI_STR,  "path of the file, or of the program's folder", .vol3 = "Path", .ioc = "FileItem/FullPath" },
	[COMPANY]    = { "company",   EI_STR,  "publisher", .vol3 = "Company" },
	[MODIFIED]   = { "modified",  EI_TIME, "when the entry was last written; of Root\\File: when the file was last modified, UTC", .vol3 = "LastModifyTime" },
	[MODIFIED_2] = { "modified2", EI_TIME, "second time of modification that Root\\File has, UTC", .vol3 = "LastModifyTime2" },
	[INSTALLED]  = { "installed", EI_TIME, "when the program was installed; of Root\\File: when the file was created, UTC", .vol3 = "InstallTime" },
	[COMPILED]   = { "compiled",  EI_TIME, "when it was linked, as its header says", .vol3 = "CompileTime" },
	[SHA1]       = { "sha1",      EI_STR,  "SHA-1 of the file's first 31,457,280 bytes", .vol3 = "SHA1", .ioc = "FileItem/Sha1sum" },
	[SERVICE]    = { "service",   EI_STR,  "service of the driver", .vol3 = "Service" },
	[PRODUCT]    = { "product",   EI_STR,  "product that it is of", .vol3 = "ProductName" },
	[VERSION]    = { "version",   EI_STR,  "version of the product", .vol3 = "ProductVersion" },
	[PROGRAM]    = { "program",   EI_STR,  "id of the program that it is of" },
	[HIVE]       = { "hive",      EI_ADDR, "virtual address of the hive's _CMHIVE" },
	[CELL]       = { "cell",      EI_HEX,  "index of the key's cell in the hive" },
};
// clang-format on

enum form { TEXT, HASH, FILETIME, EPOCH, DATE };

struct field {
	const char *name; // of the value
	uint8_t column, form;
};

// clang-format off
static const struct field file_8[] = {
	{ "0", PRODUCT, TEXT }, { "1", COMPANY, TEXT }, { "15", PATH, TEXT }, { "101", SHA1, HASH },
	{ "100", PROGRAM, TEXT }, { "11", MODIFIED, FILETIME }, { "17", MODIFIED_2, FILETIME },
	{ "12", INSTALLED, FILETIME }, { "f", COMPILED, EPOCH }, { 0 },
};
static const struct field program_8[] = {
	{ "0", PRODUCT, TEXT }, { "1", VERSION, TEXT }, { "2", COMPANY, TEXT }, { "a", INSTALLED, EPOCH }, { 0 },
};
static const struct field file_10[] = {
	{ "LowerCaseLongPath", PATH, TEXT }, { "LinkDate", COMPILED, DATE }, { "FileId", SHA1, HASH },
	{ "Publisher", COMPANY, TEXT }, { "ProductName", PRODUCT, TEXT }, { "ProductVersion", VERSION, TEXT },
	{ "ProgramId", PROGRAM, TEXT }, { 0 },
};
static const struct field program_10[] = {
	{ "Name", PRODUCT, TEXT }, { "Version", VERSION, TEXT }, { "Publisher", COMPANY, TEXT },
	{ "RootDirPath", PATH, TEXT }, { "InstallDate", INSTALLED, DATE }, { 0 },
};
static const struct field driver_10[] = {
	{ "DriverId", SHA1, HASH }, { "DriverName", PATH, TEXT }, { "DriverCompany", COMPANY, TEXT },
	{ "Product", PRODUCT, TEXT }, { "Service", SERVICE, TEXT }, { "DriverTimeStamp", COMPILED, EPOCH }, { 0 },
};

static const struct source {
	const char *place, *type;
	const struct field *fields;
	uint8_t depth;     // of keys between the place and the entries
	uint8_t key_names; // what the name of an entry's key is: a column
	bool dated;        // the key's time is the entry's
} sources[] = {
	{ "Root\\InventoryDriverBinary",    "Driver",  driver_10,  0, PATH,    true },
	{ "Root\\Programs",                 "Program", program_8,  0, PROGRAM, true },
	{ "Root\\File",                     "File",    file_8,     1, COLUMNS, false },
	{ "Root\\InventoryApplication",     "Program", program_10, 0, PROGRAM, true },
	{ "Root\\InventoryApplicationFile", "File",    file_10,    0, COLUMNS, true },
};
// clang-format on

// ---- values ---------------------------------------------------------------------------------

static const uint64_t second = 10000000, seconds_1601_to_1970 = 11644473600;

static ei_val epoch_time(uint64_t seconds)
{
	return seconds ? ei_of(EI_TIME, (seconds + seconds_1601_to_1970) * second)
		       : ei_absent(EI_NONE);
}

// Days from 1970-01-01 in the Gregorian calendar.
static int64_t days_from(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool within(int value, int least, int most)
{
	return value >= least && value <= most;
}

// "01/31/2024 13:05:59", or without the time.
static ei_val date_time(ei_val text)
{
	int month, day, year, hour = 0, minute = 0, seconds = 0;
	char copy[32];
	if (text.kind != EI_STR || !text.length)
		return ei_absent(text.kind == EI_STR ? EI_NONE : EI_GARBAGE);
	snprintf(copy, sizeof copy, "%.*s", (int)text.length, text.s);
	int got = sscanf(
		copy, "%2d/%2d/%4d %2d:%2d:%2d", &month, &day, &year, &hour, &minute, &seconds);
	bool sane = (got == 3 || got == 6) && within(year, 1970, 9999) && within(month, 1, 12) &&
		    within(day, 1, 31) && within(hour, 0, 23) && within(minute, 0, 59) &&
		    within(seconds, 0, 60);
	if (!sane)
		return ei_absent(EI_GARBAGE);
	return epoch_time((uint64_t)days_from(year, month, day) * 86400 +
			  (uint64_t)(hour * 3600 + minute * 60 + seconds));
}

// Four zeros, and the SHA-1.
static ei_val hash_text(ei_val text)
{
	enum { ZEROS = 4, DIGITS = 40 };
	if (text.kind != EI_STR)
		return ei_absent(EI_GARBAGE);
	if (!text.length)
		return ei_absent(EI_NONE);
	if (text.length != ZEROS + DIGITS || memcmp(text.s, "0000", ZEROS) != 0)
		return text.length == DIGITS ? text : ei_absent(EI_GARBAGE);
	text.s += ZEROS;
	text.length -= ZEROS;
	return text;
}

// To Volatility a text that is empty is one.
static ei_val text_of(ei_val data, bool compat)
{
	if (data.kind != EI_STR)
		return ei_absent(EI_GARBAGE);
	return data.length || compat ? data : ei_absent(EI_NONE);
}

static ei_val field_value(const struct field *field, const ei_value *value, bool compat)
{
	ei_val data = ei_value_data(value);
	if (!ei_has(data))
		return data;
	switch (field->form) {
	case HASH:
		return hash_text(data);
	case DATE:
		return date_time(data);
	case FILETIME:
		return data.kind != EI_UINT ? ei_absent(EI_GARBAGE)
		       : data.u             ? ei_of(EI_TIME, data.u)
					    : ei_absent(EI_NONE);
	case EPOCH:
		return data.kind == EI_UINT ? epoch_time(data.u & 0xffffffff)
					    : ei_absent(EI_GARBAGE);
	default:
		return text_of(data, compat);
	}
}

// ---- entries --------------------------------------------------------------------------------

struct listing {
	ei_run *run;
	uint64_t hive;
};

// Texts live as long as the key's name does: each is asked for by name, none in a loop that frees.
static void emit_entry(const struct listing *l, const struct source *source, const ei_key *key)
{
	ei_val cells[COLUMNS];
	for (int i = 0; i < COLUMNS; i++)
		cells[i] = ei_absent(key->state == EI_OK ? EI_NONE : key->state);
	cells[TYPE] = ei_str(source->type);
	cells[HIVE] = ei_addr(l->hive);
	cells[CELL] = ei_hex(key->cell);
	if (source->dated)
		cells[MODIFIED] = ei_key_written(key);
	ei_val name = ei_key_name(key);
	if (source->key_names < COLUMNS)
		cells[source->key_names] = name;
	for (const struct field *field = source->fields; field->name; field++) {
		ei_value value = ei_key_value(key, field->name);
		if (value.state != EI_NONE)
			cells[field->column] = field_value(field, &value, ei_compat_vol3(l->run));
	}
	// Keys of drivers are called by their path or, in the first builds of Windows 10, their
	// hash.
	if (source->key_names == PATH && ei_has(name)) {
		if (memchr(name.s, '/', name.length))
			cells[PATH] = name;
		else
			cells[SHA1] = hash_text(name);
	}
	ei_emit(l->run, cells);
}

static void list_source(const struct listing *l, ei_hive *hive, const struct source *source)
{
	ei_key top = ei_key_find(hive, source->place);
	ei_subkeys outer = ei_key_subkeys(&top);
	for (ei_key key; ei_subkey_next(&outer, &key);) {
		if (!source->depth) {
			emit_entry(l, source, &key);
			continue;
		}
		ei_subkeys inner = ei_key_subkeys(&key);
		for (ei_key entry; ei_subkey_next(&inner, &entry);)
			emit_entry(l, source, &entry);
	}
}

static bool is_amcache(ei_val name)
{
	static const char part[] = "amcache";
	for (size_t at = 0; ei_has(name) && at + sizeof part - 1 <= name.length; at++)
		if (!strncasecmp(name.s + at, part, sizeof part - 1))
			return true;
	return false;
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_hives(r);
	bool found = false;
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
		if (!is_amcache(ei_hive_name(&h)))
			continue;
		found = true;
		struct listing l = { r, h.obj.va };
		ei_hive *hive = ei_hive_open(r, &h);
		for (size_t i = 0; hive && i < EI_COUNT(sources); i++)
			list_source(&l, hive, &sources[i]);
	}
	if (!found)
		ei_note(r, "Amcache.hve is not loaded; Windows loads it for a while now and then");
	return NULL;
}

EI_PLUGIN(amcache) = {
	EI_HEAD(amcache),
	.vol3 = "windows.amcache.Amcache",
	.purpose = "programs, files and drivers that Windows took note of, with their SHA-1",
	EI_COLUMNS(columns),
	EI_TYPES(&cmhive_spec),
	EI_SYMBOLS("CmpHiveListHead"),
	.run = run,
};
