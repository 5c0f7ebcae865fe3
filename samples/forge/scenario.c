// Reading the scenario, and what it does not say.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

static const char *const known_keys[] = {
	"about",
	"build",
	"damage",
	"drivers",
	"free_pages",
	"hives",
	"kernel",
	"objects",
	"paging",
	"population",
	"processes",
	"processors",
	"product_type",
	"revision",
	"service_pack",
	"system_root",
	"terms",
	"time",
	"triage",
	"uptime",
	"dump",
	"computer",
	"user",
};

static ei_error *check_keys(const struct forge *f)
{
	const char *key;
	json_t *value;
	json_object_foreach(f->scenario, key, value)
	{
		size_t i = 0;
		while (i < ARRAY_LENGTH(known_keys) && strcmp(known_keys[i], key) != 0)
			i++;
		if (i == ARRAY_LENGTH(known_keys))
			return ei_fail(
				EI_E_FORMAT, "'%s': unknown key \"%s\"", f->scenario_path, key);
	}
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
