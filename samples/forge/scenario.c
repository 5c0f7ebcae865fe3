// Reading the scenario, and what it does not say.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

struct known_key {
	const char *name;
	json_type type;
	const char *want; // NULL: any scalar
};

// clang-format off
static const struct known_key known_keys[] = {
	{ "about",        JSON_STRING, "text" },
	{ "build",        JSON_NULL,   NULL },
	{ "callbacks",    JSON_ARRAY,  "a list" },
	{ "computer",     JSON_STRING, "text" },
	{ "damage",       JSON_OBJECT, "an object" },
	{ "drivers",      JSON_ARRAY,  "a list" },
	{ "dump",         JSON_OBJECT, "an object" },
	{ "files",        JSON_ARRAY,  "a list" },
	{ "free_pages",   JSON_NULL,   NULL },
	{ "hives",        JSON_ARRAY,  "a list" },
	{ "images",       JSON_ARRAY,  "a list" },
	{ "kernel",       JSON_OBJECT, "an object" },
	{ "network",      JSON_ARRAY,  "a list" },
	{ "paging",       JSON_STRING, "text" },
	{ "population",   JSON_STRING, "text" },
	{ "processes",    JSON_ARRAY,  "a list" },
	{ "processors",   JSON_NULL,   NULL },
	{ "product_type", JSON_NULL,   NULL },
	{ "revision",     JSON_NULL,   NULL },
	{ "service_hooks", JSON_ARRAY, "a list" },
	{ "service_pack", JSON_NULL,   NULL },
	{ "services",     JSON_ARRAY,  "a list" },
	{ "symlinks",     JSON_ARRAY,  "a list" },
	{ "system_root",  JSON_STRING, "text" },
	{ "terms",        JSON_ARRAY,  "a list" },
	{ "time",         JSON_STRING, "text" },
	{ "unloaded",     JSON_ARRAY,  "a list" },
	{ "uptime",       JSON_NULL,   NULL },
	{ "user",         JSON_STRING, "text" },
};
// clang-format on

static ei_error *check_key(const struct forge *f, const char *key, const json_t *value)
{
	size_t i = 0;
	while (i < ARRAY_LENGTH(known_keys) && strcmp(known_keys[i].name, key) != 0)
		i++;
	if (i == ARRAY_LENGTH(known_keys))
		return ei_fail(EI_E_FORMAT, "'%s': unknown key \"%s\"", f->scenario_path, key);
	if (known_keys[i].want && json_typeof(value) != known_keys[i].type)
		return ei_fail(EI_E_FORMAT, "'%s': \"%s\" is not %s", f->scenario_path, key,
			known_keys[i].want);
	if (!known_keys[i].want && !json_is_integer(value) && !json_is_string(value))
		return ei_fail(EI_E_FORMAT, "'%s': \"%s\" is not a number", f->scenario_path, key);
	return NULL;
}

static ei_error *check_keys(const struct forge *f)
{
	const char *key;
	json_t *value;
	json_object_foreach(f->scenario, key, value) EI_TRY(check_key(f, key, value));
	return NULL;
}

ei_error *scenario_load(struct forge *f)
{
	json_error_t why;
	f->scenario = json_load_file(f->scenario_path, JSON_REJECT_DUPLICATES, &why);
	if (!f->scenario && why.line < 0)
		return ei_fail(EI_E_IO, "cannot read scenario: %s", why.text);
	if (!f->scenario)
		return ei_fail(
			EI_E_FORMAT, "'%s' line %d: %s", f->scenario_path, why.line, why.text);
	if (!json_is_object(f->scenario))
		return ei_fail(EI_E_FORMAT, "'%s' is not a JSON object", f->scenario_path);
	EI_TRY(check_keys(f));
	f->now = scenario_time(f, f->scenario, "time", 0);
	if (!f->now)
		f->now = 133548964131234567; // 2024-03-14T13:26:53
	f->booted = f->now - scenario_number(f->scenario, "uptime", 187441) * 10000000;
	return NULL;
}

ei_error *scenario_populate(struct forge *f)
{
	const char *population = scenario_text(f->scenario, "population", NULL);
	if (!population)
		return NULL;
	bool desktop = strcmp(population, "desktop") == 0;
	if (!desktop && strcmp(population, "minimal") != 0)
		return ei_fail(EI_E_FORMAT,
			"'%s': unknown population \"%s\", want desktop or minimal",
			f->scenario_path, population);
	population_add(f, f->scenario, desktop);
	return NULL;
}
