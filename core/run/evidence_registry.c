// Evidence from the registry: every key and value of every hive, once.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_keys.h"

#include <stdio.h>
#include <strings.h>

enum { PATH_BYTES_MAX = 64 << 10, DATA_BYTES_MAX = 4096 };

static const char source_name[] = "registry";
static const char domain[] = "RegistryItem";

static const char *const terms[] = { "RegistryItem/Path", "RegistryItem/KeyPath",
	"RegistryItem/Hive", "RegistryItem/Modified", "RegistryItem/ValueName", "RegistryItem/Type",
	"RegistryItem/TypeNumber", "RegistryItem/Text", "RegistryItem/Value",
	"RegistryItem/EventType" };

const char *evidence_registry_says(size_t nth)
{
	return nth < ARRAY_LENGTH(terms) ? terms[nth] : NULL;
}

struct walk {
	struct evidence *evidence;
	uint64_t hive; // address
	const char *mount;
	struct text path;  // of the key
	struct text whole; // with the value
	struct text data;
	bool items, things; // what is asked for: keys and values, what keys stand for
	uint64_t rows;
};

// Where a hive hangs when it does not say so itself.
static const struct home {
	const char *file, *mount;
} homes[] = {
	{ "\\SYSTEM", "\\REGISTRY\\MACHINE\\SYSTEM" },
	{ "\\SOFTWARE", "\\REGISTRY\\MACHINE\\SOFTWARE" },
	{ "\\SAM", "\\REGISTRY\\MACHINE\\SAM" },
	{ "\\SECURITY", "\\REGISTRY\\MACHINE\\SECURITY" },
	{ "\\HARDWARE", "\\REGISTRY\\MACHINE\\HARDWARE" },
	{ "\\DEFAULT", "\\REGISTRY\\USER\\.DEFAULT" },
	{ "\\ntuser.dat", "\\REGISTRY\\USER\\S-1-5-21" },
	{ "\\UsrClass.dat", "\\REGISTRY\\USER\\S-1-5-21_Classes" },
};

static const char *mount_of(struct evidence *evidence, const cmhive *hive)
{
	ei_val mount = ei_get(*hive, HiveRootPath), name = ei_hive_name(hive);
	if (ei_has(mount) && mount.length)
		return arena_text(evidence->arena, mount.s, mount.length);
	for (size_t i = 0; ei_has(name) && i < ARRAY_LENGTH(homes); i++) {
		size_t length = strlen(homes[i].file);
		if (name.length >= length &&
			!strncasecmp(name.s + name.length - length, homes[i].file, length))
			return homes[i].mount;
	}
	return ei_has(name) ? arena_text(evidence->arena, name.s, name.length) : "";
}

// ---- values ---------------------------------------------------------------------------------
static ei_val text_of(const struct text *text)
{
	return text->data ? ei_str(text->data) : ei_absent(EI_NONE);
}

// Data as text: what is not text in hexadecimal.
static ei_val data_text(struct walk *walk, ei_val data)
{
	text_clear(&walk->data);
	if (!ei_has(data) || data.kind == EI_STR)
		return data;
	if (data.kind != EI_BYTES) {
		text_addf(&walk->data, "%llu", (unsigned long long)data.u);
		return text_of(&walk->data);
	}
	for (uint32_t i = 0; i < MIN(data.length, (uint32_t)DATA_BYTES_MAX); i++)
		text_addf(&walk->data, "%02x", data.b[i]);
	return data.length ? text_of(&walk->data) : ei_absent(EI_NONE);
}

static struct known item_new(struct walk *walk)
{
	struct holder holder = {
		.source = source_name,
		.pid = EVIDENCE_NO_PID,
		.address = walk->hive,
	};
	walk->rows++;
	return evidence_new(walk->evidence, domain, IOC_ROOT, IOC_NO_LINK, &holder);
}

static void path_give(struct walk *walk, struct known known, const char *path, const ei_key *key)
{
	struct evidence *evidence = walk->evidence;
	evidence_value(evidence, "RegistryItem/Path", known, ei_str(path), NULL);
	evidence_value(evidence, "RegistryItem/KeyPath", known, text_of(&walk->path), NULL);
	evidence_value(evidence, "RegistryItem/Hive", known, ei_str(walk->mount), NULL);
	evidence_value(evidence, "RegistryItem/Modified", known, ei_key_written(key), NULL);
	// What is there is what was made or set, and was not taken away since.
	evidence_value(evidence, "RegistryItem/EventType", known,
		ei_str(path == walk->path.data ? "CreateKey" : "SetValue"), NULL);
}

static void value_give(struct walk *walk, const ei_key *key, const ei_value *value)
{
	struct evidence *evidence = walk->evidence;
	struct known known = item_new(walk);
	ei_val name = ei_value_name(value), type = ei_value_type(value);
	if (ei_has(name) && !name.length) // people call it as their editor does
		name = ei_str("(Default)");
	text_clear(&walk->whole);
	text_addf(&walk->whole, "%s\\", walk->path.data);
	if (ei_has(name))
		text_add(&walk->whole, name.s, name.length);
	struct place place = { .where = walk->whole.data };
	ei_val data = data_text(walk, ei_value_data(value));
	path_give(walk, known, walk->whole.data, key);
	evidence_value(evidence, "RegistryItem/ValueName", known, name, &place);
	evidence_value(evidence, "RegistryItem/Type", known, type, &place);
	evidence_value(evidence, "RegistryItem/TypeNumber", known, ei_uint(value->type), &place);
	evidence_value(evidence, "RegistryItem/Text", known, data, &place);
	evidence_value(evidence, "RegistryItem/Value", known, data, &place);
}

static void key_give(struct walk *walk, const ei_key *key)
{
	static const char *const of_values[] = { "RegistryItem/ValueName", "RegistryItem/Type",
		"RegistryItem/TypeNumber", "RegistryItem/Text", "RegistryItem/Value" };
	struct known known = item_new(walk);
	path_give(walk, known, walk->path.data, key);
	for (size_t i = 0; i < ARRAY_LENGTH(of_values); i++)
		evidence_value(walk->evidence, of_values[i], known, ei_absent(EI_NONE), NULL);
}

// ---- hives ----------------------------------------------------------------------------------
static void hive_walk(struct walk *walk, ei_hive *hive, const bool *cancelled)
{
	ei_key root = ei_hive_root(hive);
	ei_key_walk *keys = ei_key_walk_begin(&root, true);
	for (ei_key_step step; ei_key_walk_next(keys, &step);) {
		if (!step.leaving || walk->evidence->no_memory)
			continue;
		if (cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED))
			return;
		text_clear(&walk->path);
		text_addf(&walk->path, "%s%s%s", walk->mount, *step.path ? "\\" : "", step.path);
		if (walk->things)
			evidence_key_give(walk->evidence, walk->path.data, &step.key, walk->hive);
		if (!walk->items)
			continue;
		key_give(walk, &step.key);
		ei_values values = ei_key_values(&step.key);
		for (ei_value value; ei_value_next(&values, &value);)
			value_give(walk, &step.key, &value);
	}
}

static void control_set_learn(struct evidence *evidence, ei_hive *hive)
{
	ei_key key = ei_key_find(hive, "Select");
	if (key.state != EI_OK)
		return;
	ei_value value = ei_key_value(&key, "Current");
	uint64_t number = value.state == EI_OK ? ei_u64_or(ei_value_data(&value), 0) : 0;
	if (number && number < 1000)
		ioc_evidence_control_set(evidence->logic, (unsigned)number);
}

static void hives_each(struct evidence *evidence, ei_run *run, struct walk *walk, bool learning)
{
	ei_iter it = ei_hives(run);
	for (cmhive h = ei_handle(run, cmhive); ei_next(&it, &h);) {
		const char *mount = mount_of(evidence, &h);
		ei_hive *hive = mount ? ei_hive_open(run, &h) : NULL;
		if (!hive)
			continue;
		walk->mount = mount;
		walk->hive = h.obj.va;
		if (!learning)
			hive_walk(walk, hive, evidence->wish.cancelled);
		else if (!strcasecmp(mount, "\\REGISTRY\\MACHINE\\SYSTEM"))
			control_set_learn(evidence, hive);
	}
}

ei_error *evidence_registry(struct evidence *evidence)
{
	const ei_plugin needs = { .name = source_name,
		.types = (const ei_type_spec *const[]){ &cmhive_spec },
		.type_count = 1,
		.symbols = (const char *const[]){ "CmpHiveListHead" },
		.symbol_count = 1 };
	uint64_t started = evidence_clock();
	struct walk walk = { .evidence = evidence,
		.items = evidence_wants_domain(evidence, domain),
		.things = evidence_keys_wanted(evidence) };
	if (!walk.items && !walk.things)
		return NULL;
	EI_OWNED(ei_run) run = NULL;
	EI_TRY(evidence_open(evidence, &needs, started, &run));
	if (!run)
		return NULL;
	text_init(&walk.path, PATH_BYTES_MAX);
	text_init(&walk.whole, PATH_BYTES_MAX);
	text_init(&walk.data, PATH_BYTES_MAX);
	hives_each(evidence, run, &walk, true);
	for (size_t i = 0; i < ARRAY_LENGTH(terms); i++)
		ioc_evidence_answers(evidence->logic, terms[i], true);
	evidence_keys_answer(evidence);
	hives_each(evidence, run, &walk, false);
	text_deinit(&walk.path);
	text_deinit(&walk.whole);
	text_deinit(&walk.data);
	evidence_source_add(evidence, source_name, walk.rows, NULL, started);
	return NULL;
}
