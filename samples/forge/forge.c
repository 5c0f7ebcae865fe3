// Errors, random numbers, and values out of the scenario.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

void forge_fail(struct forge *f, ei_code code, const char *format, ...)
{
	if (f->error)
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	f->error = ei_fail(code, "%s", text);
}

void *forge_alloc(struct forge *f, size_t bytes)
{
	void *memory = calloc(1, bytes);
	if (!memory)
		forge_fail(f, EI_E_NOMEM, "no memory for %zu bytes", bytes);
	return memory;
}

char *forge_copy(struct forge *f, const char *text)
{
	size_t length = strlen(text);
	char *copy = forge_alloc(f, length + 1);
	if (copy)
		memcpy(copy, text, length);
	return copy;
}

// splitmix64: small, and the same everywhere.
uint64_t forge_random(struct forge *f)
{
	uint64_t z = f->random += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t forge_below(struct forge *f, uint64_t limit)
{
	return limit ? forge_random(f) % limit : 0;
}

bool forge_time(const char *iso, uint64_t *out)
{
	struct tm tm = { 0 };
	double fraction = 0;
	const char *end = strptime(iso, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return false;
	char *rest = (char *)end;
	if (*end == '.')
		fraction = strtod(end, &rest);
	if (*rest && strcmp(rest, "Z") != 0)
		return false;
	int64_t seconds = (int64_t)timegm(&tm) + 11644473600;
	*out = (uint64_t)seconds * 10000000 + (uint64_t)(fraction * 1e7 + 0.5);
	return true;
}

const char *scenario_text(const json_t *in, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(in, key));
	return text ? text : otherwise;
}

uint64_t scenario_number(const json_t *in, const char *key, uint64_t otherwise)
{
	const json_t *value = json_object_get(in, key);
	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 0);
	return otherwise;
}

bool scenario_flag(const json_t *in, const char *key)
{
	return json_is_true(json_object_get(in, key));
}

uint64_t scenario_time(struct forge *f, const json_t *in, const char *key, uint64_t otherwise)
{
	const char *text = scenario_text(in, key, NULL);
	uint64_t time;
	if (!text)
		return otherwise;
	if (forge_time(text, &time))
		return time;
	forge_fail(
		f, EI_E_FORMAT, "'%s' is \"%s\", want a time like 2024-03-01T10:00:00Z", key, text);
	return otherwise;
}

const json_t *scenario_damage(const struct forge *f, const char *name)
{
	return json_object_get(json_object_get(f->scenario, "damage"), name);
}
