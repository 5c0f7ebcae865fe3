// Text as it lies in memory: whether what was found there is all of what a condition means, or a
// part of something longer.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

#include <ctype.h>

enum { LABEL_MAX = 63 };

struct found {
	const struct ioc_text *text;
	char before, behind; // 0: nothing that is text
	char then;           // what follows `behind`
};

static bool is_letter(char c)
{
	return isalnum((unsigned char)c) != 0;
}

static bool is_name(char c)
{
	return is_letter(c) || c == '-' || c == '_';
}

// "www.evil.example" is not "evil.example", nor is "evil.example.org"; a full stop is no name.
static bool whole_name(const struct found *found)
{
	if (is_name(found->before) || found->before == '.')
		return false;
	return !is_name(found->behind) && !(found->behind == '.' && is_name(found->then));
}

// "110.0.0.1" is not "10.0.0.1", nor are "10.0.0.10" and "10.0.0.1.5".
static bool whole_address(const struct found *found)
{
	if (is_letter(found->before) || found->before == '.' || found->before == ':')
		return false;
	bool six = memchr(found->text->bytes + found->text->start, ':',
		found->text->end - found->text->start);
	if (six && found->behind == ':')
		return false;
	return !is_letter(found->behind) &&
	       !(found->behind == '.' && isdigit((unsigned char)found->then));
}

static bool whole_email(const struct found *found)
{
	return whole_name(found) && found->before != '+' && found->before != '%';
}

// Any path goes on; what ends a sentence does not.
static bool whole_url(const struct found *found)
{
	char behind = found->behind, then = found->then;
	if (is_name(found->before) || found->before == '.')
		return false;
	if (behind && strchr(".,:;!?)", behind))
		return !is_name(then) && then != '/';
	return !is_name(behind) && !(behind && strchr("/=&%#~+@$*(", behind));
}

static bool whole_word(const struct found *found)
{
	return !is_letter(found->before) && !is_letter(found->behind);
}

static bool is_domain_term(const struct ioc_term *term)
{
	static const char *const names[] = { "Network/DNS", "DnsEntryItem/", "dnsLookupEvent/",
		"urlMonitorEvent/hostname" };
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (!strncasecmp(term->name, names[i], strlen(names[i])))
			return true;
	return false;
}

static bool is_whole(const struct ioc_atom *atom, const struct found *found)
{
	if (is_domain_term(atom->term))
		return whole_name(found);
	switch (observable_guess(atom->value, atom->length)) {
	case OBSERVABLE_DOMAIN:
	case OBSERVABLE_FILE:
		return whole_name(found);
	case OBSERVABLE_IP:
		return whole_address(found);
	case OBSERVABLE_EMAIL:
		return whole_email(found);
	case OBSERVABLE_URL:
		return whole_url(found);
	default:
		return whole_word(found);
	}
}

// As DNS has names: a zero ends one, and a label that ends where this begins is a part of it.
static bool whole_labels(const struct ioc_text *text)
{
	if (text->end < text->length && text->bytes[text->end])
		return false;
	for (size_t size = 1; size <= LABEL_MAX && size < text->start; size++) {
		if (!is_name(text->bytes[text->start - size]))
			return true;
		if ((unsigned char)text->bytes[text->start - size - 1] == size)
			return false;
	}
	return true;
}

// A string of a program is one by what is around it, which conditions on it mean.
bool ioc_term_is_string(const struct ioc_term *term)
{
	const char *last = strrchr(term->name, '/');
	return last && !strcasecmp(last, "/string");
}

bool ioc_term_is_host(const struct ioc_term *term)
{
	return is_domain_term(term);
}

bool ioc_text_answers(const struct ioc_atom *atom, const struct ioc_text *text)
{
	size_t length = text->end - text->start;
	if (atom->condition != IOC_IS && atom->condition != IOC_CONTAINS)
		return false;
	if (text->labels)
		return atom->condition == IOC_CONTAINS || whole_labels(text);
	if (atom->case_sensitive && (length != atom->length || memcmp(text->bytes + text->start,
								       atom->value, length) != 0))
		return false;
	if (atom->condition == IOC_CONTAINS)
		return true;
	if (ioc_term_is_string(atom->term))
		return false;
	struct found found = {
		.text = text,
		.before = text->start ? text->bytes[text->start - 1] : 0,
		.behind = text->end < text->length ? text->bytes[text->end] : 0,
		.then = text->end + 1 < text->length ? text->bytes[text->end + 1] : 0,
	};
	return is_whole(atom, &found);
}
