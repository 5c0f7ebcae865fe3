// What a reader wants to see for an object: a file's path, a key's path, a process's name...
// SPDX-License-Identifier: Apache-2.0
#include "win/object_fields.h"
#include "win/session.h"
#include <eidetic/objects.h>

enum {
	KEY_LEVELS_MAX = 512, // as deep as the registry can be
	KEY_NAME_MAX = 512,   // bytes of one name
	PATH_MAX_BYTES = 64 << 10,
	KEY_HIVE_ENTRY = 4, // the root of a hive
};

static ei_val text_value(char *text)
{
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

// Of a file whose device has no name, or of one whose device is lost: "?\name".
static ei_val path_alone(ei_run *run, uint64_t device, ei_val where, ei_val name)
{
	if (!ei_has(name) || !device || run->session->compat_vol3)
		return name;
	if (where.state == EI_NONE && ei_has(ei_object_type(run, device)))
		return name;
	return text_value(ei_text(run->scratch, "?%.*s", (int)name.length, name.s));
}

ei_val ei_file_path(ei_run *run, uint64_t object)
{
	named_file file = ei_at(run, named_file, object);
	ei_val name = ei_get(file, FileName), device = ei_get(file, DeviceObject);
	ei_val where = ei_u64_or(device, 0) ? ei_object_path(run, device.u) : ei_absent(EI_NONE);
	if (!ei_has(where))
		return ei_has(name) && !name.length
			       ? ei_absent(EI_NONE)
			       : path_alone(run, ei_u64_or(device, 0), where, name);
	if (!ei_has(name))
		return where;
	return text_value(ei_text(
		run->scratch, "%.*s%.*s", (int)where.length, where.s, (int)name.length, name.s));
}

// ---- keys -----------------------------------------------------------------------------------

static ei_val latin1(ei_run *run, uint64_t va, size_t length)
{
	uint8_t *from = ei_alloc(run->scratch, length + 1);
	char *to = ei_alloc(run->scratch, 2 * length + 1);
	if (!from || !to || ei_read(run, NULL, va, from, length) < length)
		return ei_absent(EI_UNREADABLE);
	ei_val text = ei_str(to);
	text.length = (uint32_t)latin1_to_utf8(from, length, to);
	return text;
}

static ei_val block_name(ei_run *run, const key_block *block)
{
	ei_val pointer = ei_get(*block, NameBlock);
	if (!ei_u64_or(pointer, 0))
		return ei_absent(EI_UNREADABLE);
	key_name name = ei_at(run, key_name, pointer.u);
	ei_val length = ei_get(name, NameLength), here = ei_get(name, Name);
	if (!ei_has(length) || !ei_has(here) || length.u > KEY_NAME_MAX)
		return ei_absent(EI_UNREADABLE);
	if (ei_u64_or(ei_get(name, Compressed), 0))
		return latin1(run, here.u, length.u);
	return ei_read_utf16(run, NULL, here.u, length.u);
}

// Since Windows 10 1607 where a hive is mounted has two blocks: the key that leads there, and the
// root of the hive, whose own name is no part of a path.
static bool is_named(const key_body *body, const key_block *block)
{
	return body->at->Trans.offset < 0 ||
	       !(ei_u64_or(ei_get(*block, Flags), 0) & KEY_HIVE_ENTRY);
}

static ei_val path_prepend(ei_run *run, const key_block *block, ei_val path)
{
	ei_val name = block_name(run, block);
	if (!ei_has(name))
		return path.length ? path : name;
	path = text_value(ei_text(
		run->scratch, "\\%.*s%.*s", (int)name.length, name.s, (int)path.length, path.s));
	return ei_has(path) && path.length > PATH_MAX_BYTES ? ei_absent(EI_GARBAGE) : path;
}

// The root of all keys; a path that does not begin there has lost its beginning, and says so.
static ei_val path_finish(ei_run *run, ei_val path)
{
	static const char root[] = "\\REGISTRY";
	if (run->session->compat_vol3 || !path.length ||
		(path.length >= sizeof root - 1 && !memcmp(path.s, root, sizeof root - 1)))
		return path;
	return text_value(ei_text(run->scratch, "?%.*s", (int)path.length, path.s));
}

ei_val ei_key_object_path(ei_run *run, uint64_t object)
{
	key_body body = ei_at(run, key_body, object);
	ei_val pointer = ei_get(body, KeyControlBlock), path = ei_str("");
	if (!ei_u64_or(pointer, 0))
		return ei_absent(ei_has(pointer) ? EI_NONE : (ei_state)pointer.state);
	for (int level = 0; level < KEY_LEVELS_MAX && ei_u64_or(pointer, 0); level++) {
		key_block block = ei_at(run, key_block, pointer.u);
		uint32_t before = path.length;
		if (is_named(&body, &block))
			path = path_prepend(run, &block, path);
		if (!ei_has(path))
			return path;
		if (is_named(&body, &block) && path.length == before)
			break;
		pointer = ei_get(block, ParentKcb);
	}
	return path_finish(run, path);
}

// ---- by type --------------------------------------------------------------------------------

static ei_val process_title(ei_run *run, uint64_t object)
{
	process_id process = ei_at(run, process_id, object);
	ei_val name = ei_get(process, ImageFileName), pid = ei_get(process, UniqueProcessId);
	if (!ei_has(name) || !ei_has(pid))
		return ei_has(name) ? pid : name;
	return text_value(ei_text(run->scratch, "%.*s Pid %llu", (int)name.length, name.s,
		(unsigned long long)pid.u));
}

static ei_val thread_title(ei_run *run, uint64_t object)
{
	thread_id thread = ei_at(run, thread_id, object);
	ei_val tid = ei_get(thread, tid), pid = ei_get(thread, pid);
	if (!ei_has(tid) || !ei_has(pid))
		return ei_has(tid) ? pid : tid;
	return text_value(ei_text(run->scratch, "Tid %llu Pid %llu", (unsigned long long)tid.u,
		(unsigned long long)pid.u));
}

static const struct title {
	const char *type;
	ei_val (*make)(ei_run *run, uint64_t object);
} titles[] = {
	{ "File", ei_file_path },
	{ "Key", ei_key_object_path },
	{ "Process", process_title },
	{ "Thread", thread_title },
};

ei_val ei_object_title(ei_run *run, uint64_t object)
{
	ei_val type = ei_object_type(run, object);
	for (size_t i = 0; ei_has(type) && i < ARRAY_LENGTH(titles); i++)
		if (type.length == strlen(titles[i].type) &&
			!memcmp(type.s, titles[i].type, type.length))
			return titles[i].make(run, object);
	return ei_object_path(run, object);
}
