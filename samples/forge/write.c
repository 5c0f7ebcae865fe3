// Bytes, fields by name, strings and list links at virtual addresses.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

// Host memory behind a virtual address; `room` gets the bytes to the end of the page.
static uint8_t *at(struct forge *f, struct space *space, uint64_t va, size_t *room)
{
	uint64_t frame = paging_frame(f, space, va);
	*room = PAGE_SIZE - va % PAGE_SIZE;
	if (frame == UINT64_MAX) {
		forge_fail(f, EI_E_FORMAT, "address 0x%llx is not mapped", (unsigned long long)va);
		frame = 0;
	}
	return memory_page(f, frame) + va % PAGE_SIZE;
}

void write_bytes(
	struct forge *f, struct space *space, uint64_t va, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	while (length && !f->error) {
		size_t room;
		uint8_t *to = at(f, space, va, &room);
		size_t part = MIN(room, length);
		memcpy(to, from, part);
		from += part;
		va += part;
		length -= part;
	}
}

void read_bytes(struct forge *f, struct space *space, uint64_t va, void *bytes, size_t length)
{
	uint8_t *to = bytes;
	memset(to, 0, length);
	while (length && !f->error) {
		size_t room;
		const uint8_t *from = at(f, space, va, &room);
		size_t part = MIN(room, length);
		memcpy(to, from, part);
		to += part;
		va += part;
		length -= part;
	}
}

void write_u32(struct forge *f, struct space *space, uint64_t va, uint32_t value)
{
	write_bytes(f, space, va, &value, sizeof value);
}

void write_pointer(struct forge *f, struct space *space, uint64_t va, uint64_t value)
{
	write_bytes(f, space, va, &value, f->pointer);
}

uint64_t read_pointer(struct forge *f, struct space *space, uint64_t va)
{
	uint64_t value = 0;
	read_bytes(f, space, va, &value, f->pointer);
	return value;
}

// ---- UTF-16 -------------------------------------------------------------------------------------
static uint32_t utf8_next(const char **text)
{
	const uint8_t *at8 = (const uint8_t *)*text;
	size_t length = utf8_sequence(at8, strlen(*text));
	if (length <= 1) {
		(*text)++;
		return at8[0];
	}
	uint32_t code = at8[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (at8[i] & 0x3f);
	*text += length;
	return code;
}

static uint32_t utf16_encode(uint32_t code, uint16_t out[2])
{
	if (code < 0x10000) {
		out[0] = (uint16_t)code;
		return 1;
	}
	out[0] = (uint16_t)(0xd800 + ((code - 0x10000) >> 10));
	out[1] = (uint16_t)(0xdc00 + (code & 0x3ff));
	return 2;
}

uint32_t utf16_bytes(const char *utf8)
{
	uint32_t units = 0;
	while (*utf8)
		units += utf8_next(&utf8) >= 0x10000 ? 2 : 1;
	return units * 2;
}

uint32_t write_utf16(struct forge *f, struct space *space, uint64_t va, const char *utf8)
{
	uint64_t start = va;
	while (*utf8) {
		uint16_t unit[2];
		uint32_t count = utf16_encode(utf8_next(&utf8), unit);
		write_bytes(f, space, va, unit, count * 2);
		va += count * 2;
	}
	write_bytes(f, space, va, (uint16_t[]){ 0 }, 2);
	return (uint32_t)(va - start);
}

// ---- fields -------------------------------------------------------------------------------------
static bool field_find(struct forge *f, const char *type, const char *paths, struct member *out)
{
	char path[128];
	while (*paths) {
		size_t length = strcspn(paths, "|");
		if (length < sizeof path) {
			memcpy(path, paths, length);
			path[length] = 0;
			if (profile_member(f->profile, type, path, out))
				return true;
		}
		paths += length + (paths[length] == '|');
	}
	return false;
}

uint64_t forge_field(struct forge *f, struct object o, const char *path)
{
	struct member m;
	return field_find(f, o.type, path, &m) ? o.va + m.offset : 0;
}

uint32_t forge_size(struct forge *f, const char *type, uint32_t otherwise)
{
	uint32_t size = profile_type_size(f->profile, type);
	return size ? size : otherwise;
}

static uint64_t bits_insert(uint64_t word, const struct member *m, uint64_t value)
{
	uint64_t mask = (m->width < 64 ? 1ULL << m->width : 0) - 1;
	return (word & ~(mask << m->bit)) | (value & mask) << m->bit;
}

void forge_put(struct forge *f, struct object o, const char *path, uint64_t value)
{
	struct member m;
	if (!field_find(f, o.type, path, &m))
		return;
	uint64_t to = o.va + m.offset;
	uint32_t bytes = m.kind == MEMBER_ARRAY ? m.element_size : m.size;
	if (m.kind == MEMBER_BITS && bytes <= sizeof value) {
		uint64_t word = 0;
		read_bytes(f, o.space, to, &word, bytes);
		value = bits_insert(word, &m, value);
	}
	write_bytes(f, o.space, to, &value, MIN(bytes, sizeof value));
}

void forge_put_text(struct forge *f, struct object o, const char *path, const char *text)
{
	struct member m;
	if (!field_find(f, o.type, path, &m))
		return;
	// Image names keep a NUL at their end, whatever is cut.
	size_t length = MIN(strlen(text), m.size - 1);
	write_bytes(f, o.space, o.va + m.offset, text, length);
}

void forge_put_string(
	struct forge *f, struct object o, const char *path, uint64_t buffer, uint32_t bytes)
{
	uint64_t field = forge_field(f, o, path);
	if (!field)
		return;
	struct object string = { o.space, field, "_UNICODE_STRING" };
	forge_put(f, string, "Length", bytes);
	forge_put(f, string, "MaximumLength", bytes + 2);
	forge_put(f, string, "Buffer", buffer);
}

// ---- rings --------------------------------------------------------------------------------------
void list_init(struct forge *f, struct space *space, uint64_t head)
{
	write_pointer(f, space, head, head);
	write_pointer(f, space, head + f->pointer, head);
}

void list_add(struct forge *f, struct space *space, uint64_t head, uint64_t node)
{
	uint64_t last = read_pointer(f, space, head + f->pointer);
	write_pointer(f, space, node, head);
	write_pointer(f, space, node + f->pointer, last);
	write_pointer(f, space, last, node);
	write_pointer(f, space, head + f->pointer, node);
}
