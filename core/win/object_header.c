// The header in front of every executive object: its type, its optional parts, its own name.
// SPDX-License-Identifier: Apache-2.0
#include "win/object_header.h"

#include "win/object_fields.h"
#include <eidetic/objects.h>

enum {
	HAS_CREATOR = 1, // of InfoMask
	HAS_NAME = 2,
	DIRECTORIES_MAX = 32, // levels of a path
};

// In the order of their bits in InfoMask, and of their distance from the object header.
static const char *const optional_types[] = { "_OBJECT_HEADER_CREATOR_INFO",
	"_OBJECT_HEADER_NAME_INFO", "_OBJECT_HEADER_HANDLE_INFO", "_OBJECT_HEADER_QUOTA_INFO",
	"_OBJECT_HEADER_PROCESS_INFO", "_OBJECT_HEADER_AUDIT_INFO",
	"_OBJECT_HEADER_EXTENDED_INFO" };

uint32_t object_optional_bytes(const ei_run *run, uint8_t mask)
{
	uint32_t bytes = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(optional_types); i++) {
		if (!(mask >> i & 1))
			continue;
		uint32_t size = profile_type_size(run->session->profile, optional_types[i]);
		bytes += size ? size : 2 * ei_pointer_size(run);
	}
	return bytes;
}

// ---- type -----------------------------------------------------------------------------------

// True when System has the type that it must have.
static bool cookie_fits(ei_run *run, const struct object_types *types)
{
	uint64_t pointer;
	if (!ei_symbol(run, "PsInitialSystemProcess", &pointer))
		return false;
	uint64_t system = ei_u64_or(ei_read_ptr(run, NULL, pointer), 0);
	if (!system)
		return false;
	object_header header = object_header_of(run, NULL, system);
	ei_val type = object_type_address(run, types, &header);
	if (!ei_has(type))
		return false;
	object_type about = ei_at(run, object_type, type.u);
	ei_val name = ei_get(about, Name);
	return ei_has(name) && name.length == 7 && !memcmp(name.s, "Process", 7);
}

struct object_types object_types_read(ei_run *run)
{
	struct object_types types = { 0 };
	uint64_t cookie;
	if (!ei_symbol(run, "ObTypeIndexTable", &types.table))
		return types;
	types.has_cookie = ei_symbol(run, "ObHeaderCookie", &cookie);
	if (!types.has_cookie)
		return types;
	ei_val value = ei_read_u32(run, NULL, cookie);
	if (!ei_has(value))
		types.table = 0;
	types.cookie = (uint8_t)ei_u64_or(value, 0);
	// It may be 0, and so may a page that is missing.
	if (types.table && !types.cookie && !cookie_fits(run, &types))
		types.table = 0;
	return types;
}

// A page that is missing may read as zeroes, which the disguise would make a type of.
static bool header_is_blank(const object_header *header)
{
	ei_val count = ei_get(*header, PointerCount), mask = ei_get(*header, InfoMask);
	return ei_has(count) && !count.i && ei_has(mask) && !mask.u &&
	       !ei_u64_or(ei_get(*header, TypeIndex), 0);
}

// Types are numbers; from Windows 10 on disguised with a cookie and the header's own address.
// Before Windows 7 they are pointers.
ei_val object_type_address(
	ei_run *run, const struct object_types *types, const object_header *header)
{
	ei_val index = ei_get(*header, TypeIndex);
	bool is_physical = header->obj.space == &run->session->physical;
	if (index.state == EI_NO_FIELD)
		return ei_get(*header, Type);
	if (!ei_has(index) || !types->table || (types->has_cookie && is_physical))
		return ei_absent(EI_NONE);
	uint64_t number = index.u;
	if (types->has_cookie && header_is_blank(header))
		return ei_absent(EI_GARBAGE);
	if (types->has_cookie)
		number ^= types->cookie ^ (header->obj.va >> 8 & 0xff);
	return ei_read_ptr(run, NULL, types->table + (number & 0xff) * ei_pointer_size(run));
}

object_header object_header_of(ei_run *run, const ei_space *space, uint64_t object)
{
	object_header header = ei_handle(run, object_header);
	int32_t body = header.at->Body.offset;
	if (body < 0)
		return header;
	header.obj = ei_open(run, space, object - (uint32_t)body, &header.at->layout);
	return header;
}

ei_val ei_object_type(ei_run *run, uint64_t object)
{
	const struct space_mode *mode = run->session->identity.kernel.mode;
	object_header header = object_header_of(run, NULL, object);
	if (header.at->Body.offset < 0)
		return ei_absent(EI_NO_FIELD);
	struct object_types types = object_types_read(run);
	ei_val type = object_type_address(run, &types, &header);
	if (!ei_has(type))
		return ei_absent(type.state == EI_NONE ? EI_UNREADABLE : (ei_state)type.state);
	// The first entries of the table are markers: nothing has that type.
	if (mode->canonical(type.u) < mode->kernel_start)
		return ei_absent(EI_GARBAGE);
	object_type about = ei_at(run, object_type, type.u);
	return ei_get(about, Name);
}

// ---- name -----------------------------------------------------------------------------------

// Distance from the header back to its name; 0: it has none.
static uint32_t name_distance(ei_run *run, const object_header *header)
{
	ei_val mask = ei_get(*header, InfoMask);
	if (mask.state == EI_NO_FIELD)
		return (uint32_t)ei_u64_or(ei_get(*header, NameInfoOffset), 0);
	if (!(ei_u64_or(mask, 0) & HAS_NAME))
		return 0;
	return object_optional_bytes(run, (uint8_t)mask.u & (HAS_CREATOR | HAS_NAME));
}

// A page that is missing may read as zeroes: those are no name.
static ei_val name_checked(ei_val name)
{
	if (!ei_has(name))
		return name;
	if (!name.length)
		return ei_absent(EI_NONE);
	for (uint32_t i = 0; i < name.length; i++)
		if (name.s[i])
			return name;
	return ei_absent(EI_UNREADABLE);
}

static ei_val name_and_directory(
	ei_run *run, const ei_space *space, uint64_t object, ei_val *directory)
{
	object_header header = object_header_of(run, space, object);
	*directory = ei_absent(EI_NONE);
	if (!header.obj.bytes)
		return ei_absent(header.at->Body.offset < 0 ? EI_NO_FIELD : EI_UNREADABLE);
	uint32_t back = name_distance(run, &header);
	if (!back)
		return ei_absent(EI_NONE);
	name_info info = ei_at_in(run, space, name_info, header.obj.va - back);
	*directory = ei_get(info, Directory);
	return name_checked(ei_get(info, Name));
}

static ei_val text_value(char *text)
{
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

// "?\name": what was above it is lost.
static ei_val path_cut(ei_run *run, ei_val path)
{
	if (run->session->compat_vol3)
		return path;
	return text_value(ei_text(run->scratch, "?\\%.*s", (int)path.length, path.s));
}

static ei_val object_path(ei_run *run, const ei_space *space, uint64_t object)
{
	ei_val directory, path = name_and_directory(run, space, object, &directory);
	for (int level = 0; level < DIRECTORIES_MAX && ei_u64_or(directory, 0); level++) {
		if (!ei_has(path))
			return path;
		ei_val name = name_and_directory(run, NULL, directory.u, &directory);
		bool is_root = ei_has(name) && name.length == 1 && name.s[0] == '\\';
		if (!ei_has(name))
			return path_cut(run, path);
		path = text_value(ei_text(run->scratch, "%.*s\\%.*s",
			is_root ? 0 : (int)name.length, name.s, (int)path.length, path.s));
		if (is_root)
			break;
	}
	return path;
}

ei_val ei_object_name(ei_run *run, uint64_t object)
{
	ei_val directory;
	return name_and_directory(run, NULL, object, &directory);
}

ei_val ei_object_name_of(ei_run *run, const ei_obj *object)
{
	ei_val directory;
	return name_and_directory(run, object->space, object->va, &directory);
}

ei_val ei_object_path(ei_run *run, uint64_t object)
{
	return object_path(run, NULL, object);
}

ei_val ei_object_path_of(ei_run *run, const ei_obj *object)
{
	return object_path(run, object->space, object->va);
}
