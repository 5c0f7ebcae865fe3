// What a program offers and what it needs: exports, imports, and the digest of these.
// Source: the PE/COFF specification; for the digest, "Tracking malware with import hashing".
// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "run/pe_view.h"

#include <ctype.h>
#include <stdio.h>

enum { NAMES_MAX = 1 << 16, MODULES_MAX = 1024, MODULE_FUNCTIONS_MAX = 1 << 14 };

static const char dll_name[] = "Exports/DllName";
static const char number[] = "Exports/NumberOfFunctions";
static const char exported[] = "Exports/ExportedFunctions/string";
static const char module_name[] = "ImportedModules/Module/Name";
static const char imported[] = "ImportedModules/Module/ImportedFunctions/string";
static const char import_hash[] = "ImportHash";

static void absent_give(struct pe_view *view, const char *const *names, size_t count, ei_state why)
{
	for (size_t i = 0; i < count; i++)
		view_give(view, names[i], 0, ei_absent(why));
}

void pe_exports(struct pe_view *view)
{
	static const char *const names[] = { dll_name, number, exported };
	struct pe_range range = view->directories[PE_EXPORTS];
	uint8_t table[40];
	if (!range.rva || !range.size) {
		absent_give(view, names, ARRAY_LENGTH(names), EI_NONE);
		return;
	}
	if (!view_read(view, range.rva, table, sizeof table)) {
		absent_give(view, names, ARRAY_LENGTH(names), EI_UNREADABLE);
		return;
	}
	view_give(view, dll_name, 0, view_text(view, load_u32(table + 12)));
	view_give(view, number, 0, ei_uint(load_u32(table + 20)));
	uint32_t count = load_u32(table + 24), at = load_u32(table + 32), rva;
	if (!count || count > NAMES_MAX)
		view_give(view, exported, 0, ei_absent(count ? EI_GARBAGE : EI_NONE));
	for (uint32_t i = 0; i < count && count <= NAMES_MAX; i++)
		view_give(view, exported, 0,
			view_u32(view, at + i * 4, &rva) ? view_text(view, rva)
							 : ei_absent(EI_UNREADABLE));
}

// ---- imports --------------------------------------------------------------------------------
// The digest is of "module.function,module.function": lower case, modules without their ending.
struct hashing {
	struct digest *digest; // NULL: it cannot be told
	char module[64];
	bool any;
};

static void hash_drop(struct hashing *hashing)
{
	digest_drop(hashing->digest);
	hashing->digest = NULL;
}

static void hash_module(struct hashing *hashing, ei_val name)
{
	// Functions of these are told by number, and have names that only a table knows.
	static const char *const numbered[] = { "ws2_32.dll", "wsock32.dll", "oleaut32.dll" };
	static const char *const endings[] = { ".dll", ".ocx", ".sys" };
	if (!ei_has(name) || name.length >= sizeof hashing->module) {
		hash_drop(hashing);
		return;
	}
	for (uint32_t i = 0; i <= name.length; i++)
		hashing->module[i] = (char)tolower((unsigned char)name.s[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(numbered); i++)
		if (!strcmp(hashing->module, numbered[i]))
			hash_drop(hashing);
	for (size_t i = 0; i < ARRAY_LENGTH(endings); i++)
		if (name.length > 4 && !strcmp(hashing->module + name.length - 4, endings[i]))
			hashing->module[name.length - 4] = '\0';
}

static void hash_function(struct hashing *hashing, const char *name)
{
	char text[PE_TEXT_MAX + 80];
	int length = snprintf(
		text, sizeof text, "%s%s.%s", hashing->any ? "," : "", hashing->module, name);
	if (!hashing->digest || length < 0)
		return;
	for (int i = 0; i < length; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	digest_add(hashing->digest, text, MIN((size_t)length, sizeof text - 1));
	hashing->any = true;
}

// One entry of a module's functions; false after the last.
static bool function_give(struct pe_view *view, struct hashing *hashing, uint32_t at)
{
	uint8_t bytes[8] = { 0 };
	size_t size = view->wide ? 8 : 4;
	if (!view_read(view, at, bytes, size)) {
		hash_drop(hashing);
		view_give(view, imported, 0, ei_absent(EI_UNREADABLE));
		return false;
	}
	uint64_t entry = load_u64(bytes);
	if (!entry)
		return false;
	if (entry >> (size * 8 - 1)) {
		char ordinal[16];
		snprintf(ordinal, sizeof ordinal, "ord%u", (unsigned)(entry & 0xffff));
		hash_function(hashing, ordinal);
		return true;
	}
	ei_val name = view_text(view, (uint32_t)(entry & 0x7fffffff) + 2);
	view_give(view, imported, 0, name);
	if (ei_has(name))
		hash_function(hashing, name.s);
	else
		hash_drop(hashing);
	return true;
}

static bool module_give(struct pe_view *view, struct hashing *hashing, uint32_t at)
{
	uint8_t entry[20];
	if (!view_read(view, at, entry, sizeof entry)) {
		hash_drop(hashing);
		view_give(view, module_name, 0, ei_absent(EI_UNREADABLE));
		view_give(view, imported, 0, ei_absent(EI_UNREADABLE));
		return false;
	}
	uint32_t lookups = load_u32(entry), name = load_u32(entry + 12);
	if (!name)
		return false;
	ei_val text = view_text(view, name);
	hash_module(hashing, text);
	view_give(view, module_name, 0, text);
	if (!lookups) { // the loader has put addresses in their place
		hash_drop(hashing);
		view_give(view, imported, 0, ei_absent(EI_UNREADABLE));
		return true;
	}
	uint32_t step = view->wide ? 8 : 4;
	for (uint32_t i = 0; i < MODULE_FUNCTIONS_MAX; i++)
		if (!function_give(view, hashing, lookups + i * step))
			break;
	return true;
}

void pe_imports(struct pe_view *view)
{
	static const char *const names[] = { module_name, imported, import_hash };
	struct pe_range range = view->directories[PE_IMPORTS];
	struct hashing hashing = { 0 };
	struct digest_text text;
	if (!range.rva || !range.size) {
		absent_give(view, names, ARRAY_LENGTH(names), EI_NONE);
		return;
	}
	ei_error_drop(digest_create(DIGEST_MD5, &hashing.digest));
	for (uint32_t i = 0; i < MODULES_MAX; i++)
		if (!module_give(view, &hashing, range.rva + i * 20))
			break;
	EI_OWNED(ei_error) failed = NULL;
	bool known = hashing.digest && hashing.any;
	if (known)
		failed = digest_end(hashing.digest, &text);
	view_give(view, import_hash, 0,
		known && !failed ? ei_str(text.md5) : ei_absent(EI_UNREADABLE));
	hash_drop(&hashing);
}
