// The truth file: one line of JSON per fact that a reader should report.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

// Addresses do not fit JSON's signed integers: they are written as hexadecimal text.
static const char *const address_keys[] = {
	"address",
	"allocation",
	"area",
	"base",
	"block",
	"callback",
	"device",
	"dtb",
	"end",
	"kdbg",
	"kernel_base",
	"offset",
	"physical",
	"pointer",
	"start",
	"virtual",
};

static void addresses_to_text(json_t *row)
{
	for (size_t i = 0; i < ARRAY_LENGTH(address_keys); i++) {
		const json_t *value = json_object_get(row, address_keys[i]);
		if (!json_is_integer(value))
			continue;
		char text[32];
		snprintf(
			text, sizeof text, "0x%llx", (unsigned long long)json_integer_value(value));
		json_object_set_new(row, address_keys[i], json_string(text));
	}
}

void truth_row(struct forge *f, const char *plugin, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	json_error_t why;
	json_t *cells = json_vpack_ex(&why, 0, format, args);
	va_end(args);
	if (!f->truth || f->error) {
		json_decref(cells); // packed all the same: it owns what `o` brought
		return;
	}
	json_t *row = json_pack("{s:s}", "plugin", plugin);
	if (!cells || !row || json_object_update(row, cells) < 0)
		forge_fail(f, EI_E_NOMEM, "cannot make a '%s' row of the truth file: %s", plugin,
			why.text);
	addresses_to_text(row);
	if (f->unlisted)
		json_object_set_new(row, "listed", json_false());
	if (!f->error &&
		(json_dumpf(row, f->truth, JSON_COMPACT) < 0 || fputc('\n', f->truth) == EOF))
		forge_fail(f, EI_E_IO, "cannot write the truth file");
	json_decref(cells);
	json_decref(row);
}

json_t *truth_time(uint64_t filetime)
{
	if (!filetime)
		return json_null();
	time_t seconds = (time_t)(filetime / 10000000) - 11644473600;
	struct tm tm;
	char text[64];
	if (!gmtime_r(&seconds, &tm))
		return json_null();
	size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, sizeof text - length, ".%06uZ",
		(unsigned)(filetime % 10000000 / 10));
	return json_string(text);
}
