// Values of types, parsed strictly.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <time.h>

enum { SECOND = 10 * 1000 * 1000 };
static const uint64_t unix_epoch = UINT64_C(11644473600); // seconds after 1601

bool number_parse(const char *text, size_t length, uint64_t *out)
{
	uint64_t value = 0;
	trim(&text, &length);
	bool hex = length > 2 && text[0] == '0' && (text[1] | 32) == 'x';
	if (hex)
		text += 2, length -= 2;
	if (!length)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (hex ? !isxdigit(c) : !isdigit(c))
			return false;
		unsigned digit = isdigit(c) ? c - 48U : (c | 32U) - 'a' + 10;
		unsigned base = hex ? 16 : 10;
		if (value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*out = value;
	return true;
}

bool truth_parse(const char *text, size_t length, uint64_t *out)
{
	trim(&text, &length);
	if (text_is(text, length, "true") || text_is(text, length, "1") ||
		text_is(text, length, "yes"))
		*out = 1;
	else if (text_is(text, length, "false") || text_is(text, length, "0") ||
		 text_is(text, length, "no"))
		*out = 0;
	else
		return false;
	return true;
}

// ---- times ----------------------------------------------------------------------------------
static bool digits(const char **at, const char *end, int count, int *out)
{
	int value = 0;
	for (int i = 0; i < count; i++, ++*at) {
		if (*at >= end || !isdigit((unsigned char)**at))
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return true;
}

static bool mark(const char **at, const char *end, char wanted)
{
	if (*at >= end || **at != wanted)
		return false;
	++*at;
	return true;
}

static bool date_of(const char **at, const char *end, struct tm *tm)
{
	int year, month, day;
	if (!digits(at, end, 4, &year) || !mark(at, end, '-') || !digits(at, end, 2, &month) ||
		!mark(at, end, '-') || !digits(at, end, 2, &day))
		return false;
	*tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
	return year >= 1601 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool clock_of(const char **at, const char *end, struct tm *tm)
{
	return digits(at, end, 2, &tm->tm_hour) && mark(at, end, ':') &&
	       digits(at, end, 2, &tm->tm_min) && mark(at, end, ':') &&
	       digits(at, end, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

// Ticks of ".1234567".
static uint64_t fraction_of(const char **at, const char *end)
{
	uint64_t ticks = 0, unit = SECOND;
	if (!mark(at, end, '.'))
		return 0;
	for (; *at < end && isdigit((unsigned char)**at); ++*at) {
		unit /= 10;
		ticks += unit * (uint64_t)(**at - '0');
	}
	return ticks;
}

static bool zone_of(const char **at, const char *end, int64_t *seconds)
{
	int hours, minutes;
	*seconds = 0;
	if (*at == end || mark(at, end, 'Z') || mark(at, end, 'z'))
		return true;
	int sign = **at == '-' ? -1 : **at == '+' ? 1 : 0;
	++*at;
	if (!sign || !digits(at, end, 2, &hours))
		return false;
	(void)mark(at, end, ':');
	if (!digits(at, end, 2, &minutes))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool time_parse(const char *text, size_t length, struct range *out)
{
	trim(&text, &length);
	const char *at = text, *end = text + length;
	struct tm tm;
	int64_t zone = 0;
	uint64_t fraction = 0, span = SECOND;
	if (!date_of(&at, end, &tm))
		return false;
	if (at == end) {
		span *= 24 * 60 * 60;
	} else {
		if (*at != 'T' && *at != 't' && *at != ' ')
			return false;
		at++;
		if (!clock_of(&at, end, &tm))
			return false;
		bool precise = at < end && *at == '.';
		fraction = fraction_of(&at, end);
		span = precise && fraction ? 1 : SECOND;
		if (!zone_of(&at, end, &zone) || at != end)
			return false;
	}
	int64_t seconds = (int64_t)timegm(&tm) - zone + (int64_t)unix_epoch;
	if (seconds < 0)
		return false;
	out->low = (uint64_t)seconds * SECOND + fraction;
	out->high = out->low + span - 1;
	return true;
}

// ---- ranges ---------------------------------------------------------------------------------
static bool one(enum ioc_type type, const char *text, size_t length, struct range *out)
{
	if (type == IOC_TIME)
		return time_parse(text, length, out);
	bool good = type == IOC_BOOL ? truth_parse(text, length, &out->low)
				     : number_parse(text, length, &out->low);
	out->high = out->low;
	return good;
}

bool range_parse(enum ioc_type type, const char *text, size_t length, struct range *out)
{
	struct range low, high;
	trim(&text, &length);
	if (length > 2 && text[0] == '[' && text[length - 1] == ']')
		text++, length -= 2;
	const char *to = memmem(text, length, " TO ", 4);
	if (!to)
		return one(type, text, length, out);
	if (!one(type, text, (size_t)(to - text), &low) ||
		!one(type, to + 4, (size_t)(text + length - to - 4), &high))
		return false;
	*out = (struct range){ low.low, high.high };
	return out->low <= out->high;
}

// ---- addresses ------------------------------------------------------------------------------
bool network_parse(const char *text, size_t length, struct network *out)
{
	char copy[64];
	trim(&text, &length);
	const char *slash = memchr(text, '/', length);
	size_t size = slash ? (size_t)(slash - text) : length;
	uint64_t bits = 128;
	if (!size || size >= sizeof copy)
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	*out = (struct network){ .bits = 128 };
	bool four = inet_pton(AF_INET, copy, out->bytes + 12) == 1;
	if (four)
		out->bytes[10] = out->bytes[11] = 0xff;
	else if (inet_pton(AF_INET6, copy, out->bytes) != 1)
		return false;
	if (slash && !number_parse(slash + 1, length - size - 1, &bits))
		return false;
	if (slash && four)
		bits += 96;
	out->bits = (unsigned)MIN(bits, (uint64_t)129);
	return out->bits <= 128;
}

bool network_has(const struct network *network, const struct network *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->bytes, address->bytes, whole) != 0)
		return false;
	return !rest || !((network->bytes[whole] ^ address->bytes[whole]) >> (8 - rest));
}
