// Observables: what a bare value is, by its form, and what it asks of memory.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

#include <arpa/inet.h>
#include <ctype.h>

// ---- refanging ------------------------------------------------------------------------------
static const struct fang {
	const char *fanged, *plain;
} fangs[] = {
	{ "[.]", "." },
	{ "(.)", "." },
	{ "{.}", "." },
	{ "[dot]", "." },
	{ "(dot)", "." },
	{ "[:]", ":" },
	{ "[://]", "://" },
	{ "[/]", "/" },
	{ "[@]", "@" },
	{ "[at]", "@" },
	{ "[.", "." },
	{ ".]", "." },
};

// Schemes, at the beginning only.
static const struct fang schemes[] = {
	{ "hxxps", "https" },
	{ "hxxp", "http" },
	{ "hXXp", "http" },
	{ "fxp", "ftp" },
	{ "meow://", "http://" },
};

static size_t fang_at(const char *text, size_t length, const char **plain)
{
	for (size_t i = 0; i < ARRAY_LENGTH(fangs); i++) {
		size_t size = strlen(fangs[i].fanged);
		if (size <= length && !strncasecmp(text, fangs[i].fanged, size)) {
			*plain = fangs[i].plain;
			return size;
		}
	}
	return 0;
}

static size_t unscheme(char *text, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
		size_t fanged = strlen(schemes[i].fanged), plain = strlen(schemes[i].plain);
		if (length < fanged || strncasecmp(text, schemes[i].fanged, fanged) != 0)
			continue;
		if (plain > fanged) // never longer than it was: "fxp" stays as long
			continue;
		memcpy(text, schemes[i].plain, plain);
		memmove(text + plain, text + fanged, length - fanged);
		return length - fanged + plain;
	}
	return length;
}

size_t refang(char *text, size_t length)
{
	size_t out = 0;
	length = unscheme(text, length);
	for (size_t at = 0; at < length;) {
		const char *plain = NULL;
		size_t size = fang_at(text + at, length - at, &plain);
		if (!size) {
			text[out++] = text[at++];
			continue;
		}
		memcpy(text + out, plain, strlen(plain));
		out += strlen(plain);
		at += size;
	}
	return out;
}

// ---- forms ----------------------------------------------------------------------------------
static bool all_hex(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return length > 0;
}

static bool is_address(const char *text, size_t length)
{
	char copy[64];
	uint8_t address[16];
	size_t network = length;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '/')
			network = MIN(network, i);
	for (size_t i = network + 1; i < length; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	if (!network || network >= sizeof copy || length - network > 4)
		return false;
	memcpy(copy, text, network);
	copy[network] = '\0';
	return inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
}

// Labels of letters, digits, '-' and '_', the last one of letters only; international ones too.
static bool is_domain(const char *text, size_t length)
{
	size_t label = 0, labels = 1;
	bool letters = true;
	if (length > 253)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '.') {
			if (!label || i + 1 == length)
				return false;
			label = 0, letters = true, labels++;
			continue;
		}
		if (!isalnum(c) && c != '-' && c != '_' && c < 0x80)
			return false;
		letters &= isalpha(c) || c >= 0x80;
		label++;
	}
	const char *last = text + length - label;
	bool international = label > 4 && !strncasecmp(last, "xn--", 4);
	return labels > 1 && label >= 2 && (letters || international);
}

static const char *const file_extensions[] = { "exe", "dll", "sys", "ps1", "bat", "vbs", "js",
	"tmp", "dat", "bin", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "pdf", "rtf", "lnk",
	"scr", "cpl", "jar", "hta", "msi", "zip", "rar", "cmd", "inf", "ocx", "txt", "log", "ini",
	"jse", "wsf", "ppt", "pptx", "iso", "img", "cab", "drv", "php", "aspx", "asp", "jsp", "jpg",
	"png", "gif", "html", "htm" };

static bool is_file(const char *text, size_t length)
{
	const char *dot = memrchr(text, '.', length);
	if (!dot || memchr(text, '/', length) || memchr(text, ':', length))
		return false;
	size_t size = (size_t)(text + length - dot - 1);
	for (size_t i = 0; i < ARRAY_LENGTH(file_extensions); i++)
		if (text_is(dot + 1, size, file_extensions[i]))
			return true;
	return false;
}

static bool begins(const char *text, size_t length, const char *prefix)
{
	return length > strlen(prefix) && !strncasecmp(text, prefix, strlen(prefix));
}

static bool is_key(const char *text, size_t length)
{
	static const char *const roots[] = { "HKEY_", "HKLM\\", "HKCU\\", "HKU\\", "HKCR\\",
		"HKLM:\\", "HKCU:\\", "\\REGISTRY\\" };
	for (size_t i = 0; i < ARRAY_LENGTH(roots); i++)
		if (begins(text, length, roots[i]))
			return true;
	return false;
}

static bool is_path(const char *text, size_t length)
{
	if (length > 3 && isalpha((unsigned char)text[0]) && text[1] == ':' && text[2] == '\\')
		return true;
	return length > 3 && (text[0] == '\\' || text[0] == '%') &&
	       memchr(text + 1, '\\', length - 1);
}

static bool is_email(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	return at && at > text && is_domain(at + 1, (size_t)(text + length - at - 1));
}

// "host.example/path", "host.example:80/path": what many call a URL.
static bool is_bare_url(const char *text, size_t length)
{
	const char *slash = memchr(text, '/', length);
	if (!slash)
		return false;
	size_t host = (size_t)(slash - text);
	const char *port = memchr(text, ':', host);
	return is_domain(text, port ? (size_t)(port - text) : host);
}

static bool is_url(const char *text, size_t length)
{
	return (memmem(text, length, "://", 3) && length > 6) || is_bare_url(text, length);
}

static bool is_digest(const char *text, size_t length)
{
	return (length == 32 || length == 40 || length == 64) && all_hex(text, length);
}

enum observable observable_guess(const char *text, size_t length)
{
	// In the order in which they are told apart; those behind the gap have no blanks in them.
	static const struct form {
		bool (*fits)(const char *text, size_t length);
		enum observable kind;
	} forms[] = {
		{ is_key, OBSERVABLE_KEY },
		{ is_path, OBSERVABLE_PATH },
		{ NULL, 0 },
		{ is_address, OBSERVABLE_IP },
		{ is_url, OBSERVABLE_URL },
		{ is_email, OBSERVABLE_EMAIL },
		{ is_file, OBSERVABLE_FILE },
		{ is_domain, OBSERVABLE_DOMAIN },
	};
	if (length > IOC_VALUE_MAX)
		return OBSERVABLE_NONE;
	if (is_digest(text, length))
		return length == 32   ? OBSERVABLE_MD5
		       : length == 40 ? OBSERVABLE_SHA1
				      : OBSERVABLE_SHA256;
	for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
		if (!forms[i].fits && memchr(text, ' ', length))
			return OBSERVABLE_NONE;
		if (forms[i].fits && forms[i].fits(text, length))
			return forms[i].kind;
	}
	return OBSERVABLE_NONE;
}

// ---- names ----------------------------------------------------------------------------------
// Of columns, of MISP types, of other tools' types; blanks and case do not count.
static const struct named {
	const char *name;
	enum observable kind;
} names[] = {
	// clang-format off
	{ "md5", OBSERVABLE_MD5 },           { "md5hash", OBSERVABLE_MD5 },         { "filehash-md5", OBSERVABLE_MD5 },
	{ "sha1", OBSERVABLE_SHA1 },         { "sha-1", OBSERVABLE_SHA1 },          { "filehash-sha1", OBSERVABLE_SHA1 },
	{ "sha256", OBSERVABLE_SHA256 },     { "sha-256", OBSERVABLE_SHA256 },      { "filehash-sha256", OBSERVABLE_SHA256 },
	{ "sha256hash", OBSERVABLE_SHA256 }, { "sha1hash", OBSERVABLE_SHA1 },       { "imphash", OBSERVABLE_IMPHASH },
	{ "ip", OBSERVABLE_IP },             { "ipv4", OBSERVABLE_IP },             { "ipv6", OBSERVABLE_IP },
	{ "ip-dst", OBSERVABLE_IP },         { "ip-src", OBSERVABLE_IP },           { "ipaddress", OBSERVABLE_IP },
	{ "ip address", OBSERVABLE_IP },     { "ipv4-addr", OBSERVABLE_IP },        { "ipv6-addr", OBSERVABLE_IP },
	{ "domain", OBSERVABLE_DOMAIN },     { "fqdn", OBSERVABLE_DOMAIN },         { "hostname", OBSERVABLE_DOMAIN },
	{ "host", OBSERVABLE_DOMAIN },       { "domain-name", OBSERVABLE_DOMAIN },  { "domainname", OBSERVABLE_DOMAIN },
	{ "url", OBSERVABLE_URL },           { "uri", OBSERVABLE_URL },             { "link-url", OBSERVABLE_URL },
	{ "email", OBSERVABLE_EMAIL },       { "email-src", OBSERVABLE_EMAIL },     { "email-dst", OBSERVABLE_EMAIL },
	{ "email-addr", OBSERVABLE_EMAIL },  { "filename", OBSERVABLE_FILE },       { "file name", OBSERVABLE_FILE },
	{ "file_name", OBSERVABLE_FILE },    { "filepath", OBSERVABLE_PATH },       { "file path", OBSERVABLE_PATH },
	{ "path", OBSERVABLE_PATH },         { "regkey", OBSERVABLE_KEY },          { "registry", OBSERVABLE_KEY },
	{ "registry key", OBSERVABLE_KEY },  { "registry-key", OBSERVABLE_KEY },    { "mutex", OBSERVABLE_MUTEX },
	{ "mutant", OBSERVABLE_MUTEX },      { "named pipe", OBSERVABLE_PIPE },     { "pipe", OBSERVABLE_PIPE },
	{ "windows-service-name", OBSERVABLE_SERVICE },                             { "service", OBSERVABLE_SERVICE },
	{ "user-agent", OBSERVABLE_AGENT },  { "useragent", OBSERVABLE_AGENT },     { "user agent", OBSERVABLE_AGENT },
	{ "pdb", OBSERVABLE_PDB },           { "process-name", OBSERVABLE_PROCESS }, { "command-line", OBSERVABLE_COMMAND },
	{ "commandline", OBSERVABLE_COMMAND }, { "windows-scheduled-task", OBSERVABLE_TASK },
	{ "pattern-in-memory", OBSERVABLE_TEXT }, { "keyword", OBSERVABLE_TEXT },
	// clang-format on
};

enum observable observable_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (!strcasecmp(names[i].name, name))
			return names[i].kind;
	return OBSERVABLE_NONE;
}

// ---- what they ask --------------------------------------------------------------------------
// A value asks for one term, or for any of several; a second leaf may narrow the first one down.
static const struct question {
	const char *terms[3];
	enum ioc_condition condition;
	const char *and_term, *and_value;
} questions[OBSERVABLES] = {
	// clang-format off
	[OBSERVABLE_MD5]     = { { "FileItem/Md5sum" }, IOC_IS },
	[OBSERVABLE_SHA1]    = { { "FileItem/Sha1sum" }, IOC_IS },
	[OBSERVABLE_SHA256]  = { { "FileItem/Sha256sum" }, IOC_IS },
	[OBSERVABLE_IP]      = { { "PortItem/remoteIP", "Network/IP" }, IOC_IS },
	[OBSERVABLE_URL]     = { { "Network/URI" }, IOC_CONTAINS },
	[OBSERVABLE_EMAIL]   = { { "Email/Address" }, IOC_IS },
	[OBSERVABLE_DOMAIN]  = { { "Network/DNS" }, IOC_IS },
	[OBSERVABLE_KEY]     = { { "RegistryItem/Path" }, IOC_IS },
	[OBSERVABLE_PATH]    = { { "FileItem/FullPath", "ProcessItem/path", "ProcessItem/SectionList/MemorySection/Name" }, IOC_IS },
	[OBSERVABLE_FILE]    = { { "FileItem/FileName", "ProcessItem/name", "imageLoadEvent/fileName" }, IOC_IS },
	[OBSERVABLE_MUTEX]   = { { "ProcessItem/HandleList/Handle/Name" }, IOC_IS, "ProcessItem/HandleList/Handle/Type", "Mutant" },
	[OBSERVABLE_PIPE]    = { { "ProcessItem/HandleList/Handle/Name" }, IOC_CONTAINS, "ProcessItem/HandleList/Handle/Type", "File" },
	[OBSERVABLE_SERVICE] = { { "ServiceItem/name" }, IOC_IS },
	[OBSERVABLE_AGENT]   = { { "Network/UserAgent" }, IOC_CONTAINS },
	[OBSERVABLE_COMMAND] = { { "ProcessItem/arguments" }, IOC_CONTAINS },
	[OBSERVABLE_PDB]     = { { "FileItem/PEInfo/PdbPath" }, IOC_IS },
	[OBSERVABLE_PROCESS] = { { "ProcessItem/name" }, IOC_IS },
	[OBSERVABLE_TASK]    = { { "TaskItem/Name" }, IOC_IS },
	[OBSERVABLE_IMPHASH] = { { "FileItem/PEInfo/ImportHash" }, IOC_IS },
	[OBSERVABLE_TEXT]    = { { "Memory/Text" }, IOC_CONTAINS },
	// clang-format on
};

void observable_add(struct reading *reading, struct ioc_node *parent, enum observable kind,
	const char *value, size_t length)
{
	const struct question *question = &questions[kind];
	if (question->and_term)
		parent = node_add(reading, parent, IOC_AND);
	else if (question->terms[1])
		parent = node_add(reading, parent, IOC_OR);
	for (size_t i = 0; i < ARRAY_LENGTH(question->terms) && question->terms[i]; i++) {
		struct leaf_wish wish = {
			.term = question->terms[i],
			.condition = question->condition,
			.value = value,
			.length = length,
		};
		leaf_add(reading, parent, &wish);
	}
	if (question->and_term)
		leaf_is(reading, parent, question->and_term, question->and_value,
			strlen(question->and_value));
}
