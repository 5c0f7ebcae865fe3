// printkey: keys and values of the registry.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/system.h>

enum { WRITTEN, HIVE, TYPE, KEY, NAME, DATA, VOLATILE, LENGTH, CELL, COLUMNS };
enum { OPT_OFFSET, OPT_KEY, OPT_RECURSE };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[WRITTEN]  = { "written",  EI_TIME, "when the key (of values: their key) was last written, UTC", .vol3 = "Last Write Time", .ioc = "RegistryItem/Modified" },
	[HIVE]     = { "hive",     EI_ADDR, "virtual address of the hive's _CMHIVE", .vol3 = "Hive Offset" },
	[TYPE]     = { "type",     EI_STR,  "Key, or the type of the value", .vol3 = "Type", .ioc = "RegistryItem/Type" },
	[KEY]      = { "key",      EI_STR,  "the hive's name and the path of the key that this is in", .vol3 = "Key", .ioc = "RegistryItem/KeyPath" },
	[NAME]     = { "name",     EI_STR,  "name of the subkey or value", .vol3 = "Name", .ioc = "RegistryItem/ValueName" },
	[DATA]     = { "data",     EI_ANY,  "data of the value, by its type", .vol3 = "Data", .vol3_absent = "", .ioc = "RegistryItem/Text" },
	[VOLATILE] = { "volatile", EI_BOOL, "kept in memory only", .vol3 = "Volatile" },
	[LENGTH]   = { "length",   EI_UINT, "bytes of data that the value says it has" },
	[CELL]     = { "cell",     EI_HEX,  "index of the cell in the hive; bit 31: volatile" },
};

static const ei_option options[] = {
	[OPT_OFFSET]  = { "offset",  EI_UINT, 0, "the hive at this virtual address, listed or not" },
	[OPT_KEY]     = { "key",     EI_STR,  0, "key to start from: from the hive's root, or HKLM\\SOFTWARE\\..." },
	[OPT_RECURSE] = { "recurse", EI_BOOL, 0, "all keys below it, too" },
};
// clang-format on

// What all rows of one hive need.
struct listing {
	ei_run *run;
	uint64_t offset;  // of the hive
	const char *base; // the hive's name and the path of the key that the listing starts from
	bool compat;
};

static ei_val key_path(const struct listing *l, const char *below)
{
	char *path = ei_text(ei_scratch(l->run), "%s%s%s", l->base, *below ? "\\" : "", below);
	return path ? ei_str(path) : ei_absent(EI_UNREADABLE);
}

static void emit_key(const struct listing *l, const ei_key_step *step)
{
	if (l->compat && step->key.state != EI_OK)
		return; // Volatility leaves out what it cannot read
	ei_emit_at(l->run, step->depth,
		(ei_val[COLUMNS]){
			[WRITTEN] = ei_key_written(&step->key),
			[HIVE] = ei_addr(l->offset),
			[TYPE] = ei_str("Key"),
			[KEY] = key_path(l, step->path),
			[NAME] = ei_key_name(&step->key),
			[DATA] = ei_absent(EI_NONE),
			[VOLATILE] = ei_key_is_volatile(&step->key),
			[LENGTH] = ei_absent(EI_NONE),
			[CELL] = ei_hex(step->key.cell),
		});
}

static ei_val value_type(const struct listing *l, const ei_value *value)
{
	bool named = value->type <= EI_REG_QWORD;
	return l->compat && !named ? ei_str("REG_UNKNOWN") : ei_value_type(value);
}

static ei_val value_name(const ei_value *value)
{
	ei_val name = ei_value_name(value);
	return ei_has(name) && !name.length ? ei_str("(Default)") : name;
}

static void emit_values(const struct listing *l, const ei_key_step *step)
{
	ei_val path = key_path(l, step->path);
	ei_values values = ei_key_values(&step->key);
	for (ei_value v; ei_value_next(&values, &v);) {
		bool whole = v.state == EI_OK;
		if (l->compat && !whole)
			continue;
		ei_emit_at(l->run, step->depth,
			(ei_val[COLUMNS]){
				[WRITTEN] = ei_key_written(&step->key),
				[HIVE] = ei_addr(l->offset),
				[TYPE] = value_type(l, &v),
				[KEY] = path,
				[NAME] = value_name(&v),
				[DATA] = l->compat ? ei_value_vol3(&v) : ei_value_data(&v),
				[VOLATILE] = ei_key_is_volatile(&step->key),
				[LENGTH] = whole ? ei_uint(v.length) : ei_absent(v.state),
				[CELL] = ei_hex(v.cell),
			});
	}
}

// A hive without the key, or whose root cannot be read: Volatility has a row for each.
static void emit_nothing(const struct listing *l, const ei_key *key, const char *wanted)
{
	if (!l->compat && key->state == EI_NONE)
		return;
	ei_val absent = ei_absent(key->state);
	char *path = ei_text(ei_scratch(l->run), "%s\\%s", l->base, wanted);
	ei_emit(l->run, (ei_val[COLUMNS]){
				[WRITTEN] = absent,
				[HIVE] = ei_addr(l->offset),
				[TYPE] = ei_str("Key"),
				[KEY] = path ? ei_str(path) : absent,
				[NAME] = absent,
				[DATA] = absent,
				[VOLATILE] = absent,
				[LENGTH] = absent,
				[CELL] = absent,
			});
}

static bool print_hive(ei_run *r, const cmhive *h)
{
	ei_val name = ei_hive_name(h), wanted = ei_opt(r, OPT_KEY);
	struct listing l = { r, h->obj.va, "[NONAME]", ei_compat_vol3(r) };
	if (ei_has(name) && name.length && *name.s) // a page that is missing may read as zeroes
		l.base = name.s;
	ei_hive *hive = ei_hive_open(r, h);
	ei_key key = ei_has(wanted) ? ei_key_find(hive, wanted.s) : ei_hive_root(hive);
	if (key.state != EI_OK) {
		emit_nothing(&l, &key, ei_has(wanted) ? wanted.s : "");
		return false;
	}
	ei_val path = ei_key_path(&key);
	if (ei_has(path) && path.length)
		l.base = key_path(&l, path.s).s;
	ei_key_walk *walk = ei_key_walk_begin(&key, ei_has(ei_opt(r, OPT_RECURSE)));
	for (ei_key_step step; l.base && ei_key_walk_next(walk, &step);) {
		if (step.leaving)
			emit_values(&l, &step);
		else
			emit_key(&l, &step);
	}
	return true;
}

static ei_error *run(ei_run *r)
{
	ei_val offset = ei_opt(r, OPT_OFFSET), wanted = ei_opt(r, OPT_KEY);
	bool found = false;
	if (ei_has(offset)) {
		cmhive h = ei_at(r, cmhive, offset.u);
		if (ei_u64_or(ei_get(h, signature), 0) != EI_HIVE_SIGNATURE)
			return ei_fail(EI_E_USAGE,
				"there is no hive at 0x%llx; hivelist and "
				"hivescan list them",
				(unsigned long long)offset.u);
		found = print_hive(r, &h);
	} else {
		ei_iter it = ei_hives(r);
		for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);)
			found |= print_hive(r, &h);
	}
	if (!found && ei_has(wanted))
		ei_note(r, "no hive has the key '%s'", wanted.s);
	return NULL;
}

EI_PLUGIN(printkey) = {
	EI_HEAD(printkey),
	.vol3 = "windows.registry.printkey.PrintKey",
	.purpose = "keys and values of the registry",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&cmhive_spec),
	EI_SYMBOLS("CmpHiveListHead"),
	.run = run,
};
