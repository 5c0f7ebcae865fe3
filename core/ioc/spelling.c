// Spellings.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/spelling.h"

#include "ioc/internal.h"
#include <ctype.h>

struct speller {
	spelling_take *take;
	void *context;
	enum ioc_part part;
	unsigned control_set;
};

// ---- parts ----------------------------------------------------------------------------------
static const char *last_step(const char *text, size_t length)
{
	const char *at = text + length;
	while (at > text && at[-1] != '\\' && at[-1] != '/')
		at--;
	return at;
}

static void give_extension(
	const struct speller *speller, const char *file, size_t length, unsigned flags)
{
	const char *dot = memrchr(file, '.', length);
	if (!dot)
		return;
	size_t size = (size_t)(file + length - dot);
	speller->take(speller->context, dot, size, flags);
	speller->take(speller->context, dot + 1, size - 1, flags);
}

static void give(const struct speller *speller, const char *text, size_t length, unsigned flags)
{
	const char *file = last_step(text, length);
	size_t folder = (size_t)(file - text), size = length - folder;
	switch (speller->part) {
	case IOC_PART_FILE:
		speller->take(speller->context, file, size, flags);
		return;
	case IOC_PART_EXTENSION:
		give_extension(speller, file, size, flags);
		return;
	case IOC_PART_FOLDER:
		// Written with and without what separates it from the name.
		if (folder)
			speller->take(speller->context, text, folder, flags);
		if (folder > 1)
			speller->take(speller->context, text, folder - 1, flags);
		return;
	default:
		speller->take(speller->context, text, length, flags);
	}
}

static void give_joined(const struct speller *speller, const char *head, const char *tail,
	size_t tail_length, unsigned flags)
{
	char text[SPELLING_MAX];
	size_t head_length = strlen(head);
	if (head_length + tail_length > sizeof text)
		return;
	memcpy(text, head, head_length);
	memcpy(text + head_length, tail, tail_length);
	give(speller, text, head_length + tail_length, flags);
}

static size_t prefix(const char *text, size_t length, const char *wanted)
{
	size_t size = strlen(wanted);
	return size <= length && !strncasecmp(text, wanted, size) ? size : 0;
}

// ---- paths of files -------------------------------------------------------------------------
// Folders that are written as variables; `skip` steps after the first text are anybody's.
static const struct variable {
	const char *before, *after, *name;
} variables[] = {
	// clang-format off
	{ "\\windows\\temp",  NULL, "%windir%\\temp" },
	{ "\\windows",        NULL, "%systemroot%" },
	{ "\\windows",        NULL, "%windir%" },
	{ "\\winnt",          NULL, "%systemroot%" },
	{ "\\program files (x86)", NULL, "%programfiles(x86)%" },
	{ "\\program files",  NULL, "%programfiles%" },
	{ "\\programdata",    NULL, "%programdata%" },
	{ "\\programdata",    NULL, "%allusersprofile%" },
	{ "\\documents and settings\\all users", NULL, "%allusersprofile%" },
	{ "\\users\\",        "\\appdata\\local\\temp", "%temp%" },
	{ "\\users\\",        "\\appdata\\local\\temp", "%tmp%" },
	{ "\\users\\",        "\\appdata\\local", "%localappdata%" },
	{ "\\users\\",        "\\appdata\\roaming", "%appdata%" },
	{ "\\users\\public",  NULL, "%public%" },
	{ "\\users\\",        "", "%userprofile%" },
	{ "\\documents and settings\\", "\\local settings\\temp", "%temp%" },
	{ "\\documents and settings\\", "\\application data", "%appdata%" },
	{ "\\documents and settings\\", "", "%userprofile%" },
	// clang-format on
};

// How much of a path stands for the variable; 0: it is not in there.
static size_t variable_length(const struct variable *variable, const char *path, size_t length)
{
	size_t size = prefix(path, length, variable->before);
	if (!size)
		return 0;
	if (variable->after) {
		while (size < length && path[size] != '\\')
			size++;
		size_t after = prefix(path + size, length - size, variable->after);
		if (*variable->after && !after)
			return 0;
		size += after;
	}
	return size == length || path[size] == '\\' ? size : 0;
}

static void give_variables(const struct speller *speller, const char *path, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(variables); i++) {
		size_t size = variable_length(&variables[i], path, length);
		if (size)
			give_joined(speller, variables[i].name, path + size, length - size, 0);
	}
}

// `path` is what follows the drive: "\Windows\a.exe".
static void give_drive(
	const struct speller *speller, char letter, const char *path, size_t length, unsigned flags)
{
	char drive[3] = { letter, ':', '\0' };
	give_joined(speller, drive, path, length, flags);
	give(speller, path, length, flags);
	if (length > 1)
		give(speller, path + 1, length - 1, flags);
	give_variables(speller, path, length);
	if ((letter | 32) == 'c')
		give_joined(speller, "%systemdrive%", path, length, flags);
}

// "\Device\HarddiskVolume3": its length, and the letter of the volume.
static size_t volume_of(
	const struct volumes *volumes, const char *text, size_t length, char *letter, bool *guessed)
{
	for (size_t i = 0; i < volumes->count; i++) {
		size_t size = prefix(text, length, volumes->items[i].device);
		if (size && (size == length || text[size] == '\\')) {
			*letter = volumes->items[i].letter;
			return size;
		}
	}
	size_t size = prefix(text, length, "\\Device\\HarddiskVolume");
	if (!size)
		return 0;
	while (size < length && text[size] != '\\')
		size++;
	*letter = 'C';
	*guessed = true;
	return size;
}

static bool is_drive(const char *text, size_t length)
{
	return length >= 3 && isalpha((unsigned char)text[0]) && text[1] == ':' && text[2] == '\\';
}

// "\Windows\a.exe": of a volume that is not said. What is under a root of the kernel's own, or on
// another machine, is not.
static bool is_below_volume(const char *text, size_t length)
{
	static const char *const roots_of_kernel[] = { "\\\\", "\\Device\\", "\\REGISTRY\\",
		"\\BaseNamedObjects\\", "\\Sessions\\" };
	if (length < 2 || text[0] != '\\')
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(roots_of_kernel); i++)
		if (prefix(text, length, roots_of_kernel[i]))
			return false;
	return true;
}

static void spell_path(const struct speller *speller, const struct volumes *volumes,
	const char *text, size_t length)
{
	static const char *const dos[] = { "\\??\\", "\\\\?\\", "\\DosDevices\\", "\\GLOBAL??\\" };
	const char *path = text;
	size_t size = length;
	char letter = 0;
	bool guessed = false;
	for (size_t i = 0; i < ARRAY_LENGTH(dos); i++) {
		size_t head = prefix(path, size, dos[i]);
		path += head, size -= head;
	}
	size_t root = prefix(path, size, "\\SystemRoot\\");
	size_t volume = volume_of(volumes, path, size, &letter, &guessed);
	if (is_drive(path, size)) {
		give_drive(speller, path[0], path + 2, size - 2, 0);
	} else if (root) {
		char windows[SPELLING_MAX];
		int written = snprintf(windows, sizeof windows, "\\Windows\\%.*s",
			(int)MIN(size - root, sizeof windows), path + root);
		if (written > 0 && (size_t)written < sizeof windows)
			give_drive(speller, 'C', windows, (size_t)written, SPELLING_GUESSED);
	} else if (volume && volume < size) {
		give_drive(speller, letter, path + volume, size - volume,
			guessed ? SPELLING_GUESSED : 0);
	} else if (is_below_volume(path, size)) {
		give_drive(speller, 'C', path, size, SPELLING_GUESSED);
	} else {
		give(speller, text, length, 0);
		return;
	}
	if (path != text || root || volume)
		give(speller, text, length, SPELLING_DEVICE);
}

// ---- keys of the registry -------------------------------------------------------------------
static const struct root {
	const char *kernel, *name, *brief;
} roots[] = {
	{ "\\REGISTRY\\MACHINE", "HKEY_LOCAL_MACHINE", "HKLM" },
	{ "\\REGISTRY\\USER", "HKEY_USERS", "HKU" },
};

// What programs of 32 bits call "\SOFTWARE\x" is kept in "\SOFTWARE\WOW6432Node\x": where that step
// is in a path, 0: it is not.
static size_t wow_step(const char *path, size_t length)
{
	static const char step[] = "\\Wow6432Node\\";
	for (size_t at = 1; at + sizeof step - 1 <= length && at < 80; at++)
		if (path[at] == '\\' && !strncasecmp(path + at, step, sizeof step - 1))
			return at;
	return 0;
}

static void give_key(
	const struct speller *speller, const char *root, const char *path, size_t length)
{
	static const char set[] = "\\SYSTEM\\ControlSet00";
	char text[SPELLING_MAX];
	// The steps are the same behind every root: once is enough.
	unsigned steps = *root == '\\' ? SPELLING_STEPS : 0;
	give_joined(speller, root, path, length, steps);
	size_t wow = wow_step(path, length);
	if (wow) {
		int brief = snprintf(text, sizeof text, "%.*s%.*s", (int)wow, path,
			(int)(length - wow - 12), path + wow + 12);
		if (brief > 0 && (size_t)brief < sizeof text)
			give_joined(speller, root, text, (size_t)brief, SPELLING_GUESSED);
	}
	size_t size = prefix(path, length, set);
	if (!size || size >= length || !isdigit((unsigned char)path[size]) ||
		(size + 1 < length && path[size + 1] != '\\'))
		return;
	if (speller->control_set && speller->control_set != (unsigned)(path[size] - '0'))
		return;
	int written = snprintf(text, sizeof text, "\\SYSTEM\\CurrentControlSet%.*s",
		(int)MIN(length - size - 1, sizeof text), path + size + 1);
	if (written > 0 && (size_t)written < sizeof text)
		give_joined(speller, root, text, (size_t)written, steps);
}

// Behind "\REGISTRY\USER\S-1-5-21-...": the user's own root, and that of classes.
static void give_user(const struct speller *speller, const char *path, size_t length)
{
	size_t size = prefix(path, length, "\\S-1-5-");
	if (!size && prefix(path, length, "\\.DEFAULT"))
		size = 1;
	if (!size)
		return;
	while (size < length && path[size] != '\\')
		size++;
	bool classes = size > 8 && !strncasecmp(path + size - 8, "_Classes", 8);
	const char *rest = path + size;
	size_t rest_length = length - size;
	if (classes) {
		give_joined(speller, "HKEY_CURRENT_USER\\Software\\Classes", rest, rest_length, 0);
		give_joined(speller, "HKCU\\Software\\Classes", rest, rest_length, 0);
		give_joined(speller, "HKEY_CLASSES_ROOT", rest, rest_length, 0);
		return;
	}
	give_joined(speller, "HKEY_CURRENT_USER", rest, rest_length, 0);
	give_joined(speller, "HKCU", rest, rest_length, 0);
}

static void spell_key(const struct speller *speller, const char *text, size_t length)
{
	const char *path = text;
	size_t size = length;
	const struct root *root = NULL;
	for (size_t i = 0; !root && i < ARRAY_LENGTH(roots); i++) {
		const char *const names[] = { roots[i].kernel, roots[i].name, roots[i].brief };
		for (size_t n = 0; !root && n < ARRAY_LENGTH(names); n++) {
			size_t head = prefix(text, length, names[n]);
			if (!head || (head < length && text[head] != '\\'))
				continue;
			root = &roots[i];
			path = text + head;
			size = length - head;
		}
	}
	if (!root) {
		give(speller, text, length, SPELLING_STEPS);
		return;
	}
	give_key(speller, root->kernel, path, size);
	give_key(speller, root->name, path, size);
	give_key(speller, root->brief, path, size);
	size_t classes = prefix(path, size, "\\SOFTWARE\\Classes");
	if (root == &roots[0] && classes) {
		give_joined(speller, "HKEY_CLASSES_ROOT", path + classes, size - classes, 0);
		give_joined(speller, "HKCR", path + classes, size - classes, 0);
	}
	if (root == &roots[1])
		give_user(speller, path, size);
}

// ---- kernel objects -------------------------------------------------------------------------
static void spell_object(const struct speller *speller, const char *text, size_t length)
{
	static const char folder[] = "\\BaseNamedObjects\\";
	const char *at = memmem(text, length, folder, sizeof folder - 1);
	give(speller, text, length, 0);
	if (at) {
		const char *name = at + sizeof folder - 1;
		size_t size = (size_t)(text + length - name);
		give(speller, name, size, 0);
		give_joined(speller, at == text ? "Global\\" : "Local\\", name, size, 0);
		return;
	}
	const char *name = last_step(text, length);
	if (name > text)
		give(speller, name, (size_t)(text + length - name), 0);
	size_t pipe = prefix(text, length, "\\Device\\NamedPipe\\");
	if (pipe) {
		give_joined(speller, "\\\\.\\pipe\\", text + pipe, length - pipe, 0);
		give_joined(speller, "\\pipe\\", text + pipe, length - pipe, 0);
		give_joined(speller, "\\", text + pipe, length - pipe, 0);
	}
}

void spell(const struct volumes *volumes, enum ioc_type type, enum ioc_part part, const char *text,
	size_t length, spelling_take *take, void *context)
{
	struct speller speller = { take, context, part, volumes->control_set };
	if (part == IOC_PART_FILE || part == IOC_PART_EXTENSION)
		type = IOC_TEXT; // the same in every spelling
	if (type == IOC_PATH && length < SPELLING_MAX)
		spell_path(&speller, volumes, text, length);
	else if (type == IOC_KEY && length < SPELLING_MAX)
		spell_key(&speller, text, length);
	else if (type == IOC_OBJECT && length < SPELLING_MAX)
		spell_object(&speller, text, length);
	else
		give(&speller, text, length, 0);
}
