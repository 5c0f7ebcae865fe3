// Values as plain text.
// SPDX-License-Identifier: Apache-2.0
#include "run/value_text.h"

#include <inttypes.h>

static const struct {
	const char *text, *name;
} absences[] = {
	[EI_UNSET] = { "-", "unset" },
	[EI_OK] = { "", "" },
	[EI_NONE] = { "-", "not_applicable" },
	[EI_UNREADABLE] = { "?", "unreadable" },
	[EI_NO_FIELD] = { "n/a", "no_field" },
	[EI_GARBAGE] = { "!", "garbage" },
};

const char *absence_text(ei_state state)
{
	return state < ARRAY_LENGTH(absences) ? absences[state].text : "!";
}

const char *absence_name(ei_state state)
{
	return state < ARRAY_LENGTH(absences) ? absences[state].name : "garbage";
}

// Days since 1601-01-01 to a date. The calendar repeats every 400 years of 146,097 days; counting
// years from March puts the leap day last.
static void civil_date(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	days += 306; // 1600-03-01
	uint64_t era = days / 146097, in_era = days % 146097;
	uint64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t march_month = (5 * in_year + 2) / 153;
	*day = (unsigned)(in_year - (153 * march_month + 2) / 5 + 1);
	*month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
	*year = (unsigned)(1600 + era * 400 + year_of_era + (*month <= 2));
}

void time_text(struct text *out, uint64_t filetime, enum time_style style)
{
	static const struct {
		char separator;
		const char *end;
	} styles[] = {
		[TIME_ISO] = { 'T', "Z" },
		[TIME_VOL3_ISO] = { 'T', "+00:00" },
		[TIME_VOL3_TEXT] = { ' ', ".000000 UTC" },
	};
	uint64_t microseconds = filetime / 10, seconds = microseconds / 1000000;
	unsigned year, month, day;
	civil_date(seconds / 86400, &year, &month, &day);
	text_addf(out, "%04u-%02u-%02u%c%02u:%02u:%02u", year, month, day, styles[style].separator,
		(unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
		(unsigned)(seconds % 60));
	if (style == TIME_ISO)
		text_addf(out, ".%06u", (unsigned)(microseconds % 1000000));
	text_addf(out, "%s", styles[style].end);
}

uint64_t value_address(const struct table *table, ei_val value)
{
	return table->compat ? value.u & table->address_mask : value.u;
}

static void bytes_text(struct text *out, ei_val value)
{
	for (uint32_t i = 0; i < value.length; i++)
		text_addf(out, "%s%02x", i ? " " : "", value.b[i]);
}

// Volatility's texts know "not applicable" and nothing else.
static const char *compat_absence(const ei_column *column, ei_state state)
{
	if (column->vol3_absent)
		return column->vol3_absent;
	return state == EI_NONE ? "N/A" : "-";
}

static void bool_text(struct text *out, const struct table *table, bool value)
{
	static const char *const ours[] = { "false", "true" }, *const vol3[] = { "False", "True" };
	text_addf(out, "%s", (table->compat ? vol3 : ours)[value]);
}

void value_text(struct text *out, const struct table *table, const ei_column *column, ei_val value)
{
	if (value.state != EI_OK) {
		text_addf(out, "%s",
			table->compat ? compat_absence(column, value.state)
				      : absence_text(value.state));
		return;
	}
	// Among numbers the column decides how they are written.
	ei_kind kind = column->kind == EI_ANY ? value.kind : column->kind;
	switch (kind) {
	case EI_INT:
		text_addf(out, "%" PRId64, value.i);
		break;
	case EI_ADDR:
		text_addf(out, "0x%" PRIx64, value_address(table, value));
		break;
	case EI_HEX:
		text_addf(out, "0x%" PRIx64, value.u);
		break;
	case EI_BOOL:
		bool_text(out, table, value.u);
		break;
	case EI_TIME:
		time_text(out, value.u, table->compat ? TIME_VOL3_TEXT : TIME_ISO);
		break;
	case EI_STR:
		text_add(out, value.s, value.length);
		break;
	case EI_BYTES:
		bytes_text(out, value);
		break;
	default:
		text_addf(out, "%" PRIu64, value.u);
	}
}
