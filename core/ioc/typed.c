// Values that come with the name of their type: MISP's attributes, columns of tables.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/typed.h"

// Two values in one, and how they hang together.
static const struct composite {
	const char *type;
	enum ioc_kind kind;
	const char *first, *second; // terms; NULL: as the part's own type asks
} composites[] = {
	// clang-format off
	{ "filename|md5",     IOC_AND, "FileItem/FileName", "FileItem/Md5sum" },
	{ "filename|sha1",    IOC_AND, "FileItem/FileName", "FileItem/Sha1sum" },
	{ "filename|sha256",  IOC_AND, "FileItem/FileName", "FileItem/Sha256sum" },
	{ "malware-sample",   IOC_AND, "FileItem/FileName", "FileItem/Md5sum" },
	{ "filename|imphash", IOC_AND, "FileItem/FileName", "FileItem/PEInfo/ImportHash" },
	{ "ip-dst|port",      IOC_AND, "PortItem/remoteIP", "PortItem/remotePort" },
	{ "ip-src|port",      IOC_AND, "PortItem/remoteIP", "PortItem/remotePort" },
	{ "regkey|value",     IOC_AND, "RegistryItem/Path|RegistryItem/KeyPath", "RegistryItem/Text" },
	{ "domain|ip",        IOC_OR,  NULL, NULL },
	{ "hostname|port",    IOC_OR,  NULL, "" },
	// clang-format on
};

static const struct composite *composite_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_LENGTH(composites); i++)
		if (!strcasecmp(composites[i].type, type))
			return &composites[i];
	return NULL;
}

static void half_add(struct reading *reading, struct ioc_node *parent, const char *term,
	const char *value, size_t length)
{
	const char *bar = term ? strchr(term, '|') : NULL;
	if (bar) { // either
		struct ioc_node *either = node_add(reading, parent, IOC_OR);
		leaf_is(reading, either, reading_text(reading, term, (size_t)(bar - term)), value,
			length);
		leaf_is(reading, either, bar + 1, value, length);
	} else if (term && *term) {
		leaf_is(reading, parent, term, value, length);
	} else if (!term && observable_guess(value, length)) {
		observable_add(reading, parent, observable_guess(value, length), value, length);
	}
}

static bool composite_add(struct reading *reading, struct ioc_node *parent,
	const struct composite *composite, const char *value, size_t length)
{
	const char *bar = memchr(value, '|', length);
	if (!bar)
		return false;
	const char *second = bar + 1;
	size_t first_length = (size_t)(bar - value);
	size_t second_length = length - first_length - 1;
	if (!first_length || !second_length)
		return false;
	struct ioc_node *node = node_add(reading, parent, composite->kind);
	half_add(reading, node, composite->first, value, first_length);
	half_add(reading, node, composite->second, second, second_length);
	return true;
}

// Whether a value has the form that its type has: a table's cell may say "n/a".
static bool has_form(enum observable kind, const char *value, size_t length)
{
	switch (kind) {
	case OBSERVABLE_MD5:
	case OBSERVABLE_SHA1:
	case OBSERVABLE_SHA256:
	case OBSERVABLE_IP:
		return observable_guess(value, length) == kind;
	case OBSERVABLE_DOMAIN:
		return memchr(value, '.', length) && !memchr(value, ' ', length);
	case OBSERVABLE_URL:
		return memchr(value, '.', length) || memchr(value, '/', length);
	default:
		return length > 0;
	}
}

enum observable typed_kind(enum observable kind, const char *value, size_t length)
{
	enum observable form = observable_guess(value, length);
	if (form == kind)
		return kind;
	// Exporters write addresses as domains, and paths as names.
	if (kind == OBSERVABLE_DOMAIN && form == OBSERVABLE_IP)
		return form;
	if (kind == OBSERVABLE_FILE && form == OBSERVABLE_PATH)
		return form;
	if (has_form(kind, value, length))
		return kind;
	return form == OBSERVABLE_MD5 || form == OBSERVABLE_SHA1 || form == OBSERVABLE_SHA256
		       ? form
		       : OBSERVABLE_NONE;
}

static bool is_fanged(enum observable kind)
{
	return kind == OBSERVABLE_IP || kind == OBSERVABLE_URL || kind == OBSERVABLE_EMAIL ||
	       kind == OBSERVABLE_DOMAIN;
}

bool typed_add(struct reading *reading, struct ioc_node *parent, const char *type, char *value,
	size_t length)
{
	const char *begin = value;
	trim(&begin, &length);
	value += begin - value;
	const struct composite *composite = composite_of(type);
	if (composite)
		return composite_add(reading, parent, composite, value, length);
	enum observable kind = observable_named(type);
	if (is_fanged(kind))
		length = refang(value, length);
	kind = kind ? typed_kind(kind, value, length) : OBSERVABLE_NONE;
	if (!kind)
		return false;
	observable_add(reading, parent, kind, value, length);
	return true;
}

bool typed_known(const char *type)
{
	return composite_of(type) || observable_named(type);
}
