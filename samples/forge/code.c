// Placing the kernel's code, and the variables it refers to that the profile does not place.
// SPDX-License-Identifier: Apache-2.0
#include "code.h"
#include <stdlib.h>

enum {
	CODE_RVA = 0x30000,
	CODE_PAGES = 4,
	DATA_PAGES = 8,
	PLACES_MAX = 128,
	NAME_ROOM = 64,
	SERVICES = 0x1d9,
	BODY_MAX = 512,
	PADDING = 8, // behind each function
};

struct place_size {
	const char *name;
	uint32_t bytes; // others have 16
};

static const struct place_size sizes[] = {
	{ "KeServiceDescriptorTable", 128 },
	{ "KeServiceDescriptorTableShadow", 128 },
	{ "KiServiceTable", SERVICES * 8 },
	{ "KiArgumentTable", SERVICES },
	{ "PspCreateProcessNotifyRoutine", 512 },
	{ "PspCreateThreadNotifyRoutine", 512 },
	{ "PspLoadImageNotifyRoutine", 512 },
	{ "IopDatabaseResource", 104 },
};

// Lists that nobody is on.
static const char *const empty_lists[] = { "CallbackListHead", "KeBugCheckCallbackListHead",
	"KeBugCheckReasonCallbackListHead", "KeBugCheckAddRemovePagesCallbackListHead",
	"IopNotifyShutdownQueueHead", "IopNotifyLastChanceShutdownQueueHead",
	"IopFsNotifyChangeQueueHead", "IopDatabaseResource" };

static bool is_for(const struct forge *f, const struct code_shape *shape)
{
	return shape->pointer_size == f->pointer && f->build >= shape->first &&
	       (!shape->last || f->build <= shape->last);
}

// ---- places ---------------------------------------------------------------------------------
static void place(struct forge *f, const char *name, uint64_t rva)
{
	if (f->placed_count < PLACES_MAX)
		f->placed[f->placed_count++] = (struct symbol){ name, rva };
	else
		forge_fail(f, EI_E_LIMIT, "no place for '%s'", name);
}

// The first page from `rva` on of `count` that hold none of the kernel's variables.
static uint64_t free_pages(struct forge *f, uint64_t rva, uint64_t count)
{
	while (symbol_near(f, rva, count * PAGE_SIZE))
		rva += PAGE_SIZE;
	return rva;
}

static uint32_t place_bytes(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
		if (!strcmp(sizes[i].name, name))
			return (sizes[i].bytes + 15) & ~15u;
	return 16;
}

// A variable, if neither the profile nor anybody else has placed it.
static void place_variable(struct forge *f, const char *name, uint64_t *rva)
{
	if (kernel_symbol(f, name))
		return;
	place(f, forge_copy(f, name), *rva);
	*rva += place_bytes(name);
}

// ---- bodies ---------------------------------------------------------------------------------
// One element of a body: a byte, or a reference.
struct element {
	char name[NAME_ROOM]; // "": a byte
	uint8_t byte;
	uint32_t add, after;
	bool absolute;
};

static const char *parse_reference(const char *at, struct element *out)
{
	size_t length = strcspn(at + 1, "+:]}");
	out->absolute = *at == '[';
	snprintf(out->name, sizeof out->name, "%.*s", (int)length, at + 1);
	at += 1 + length;
	if (*at == '+')
		out->add = (uint32_t)strtoul(at + 1, (char **)&at, 16);
	if (*at == ':')
		out->after = (uint32_t)strtoul(at + 1, (char **)&at, 16);
	return at + 1;
}

// The text behind the element; NULL at the end.
static const char *parse_element(const char *at, struct element *out)
{
	*out = (struct element){ 0 };
	at += strspn(at, " |");
	if (!*at)
		return NULL;
	if (*at == '{' || *at == '[')
		return parse_reference(at, out);
	const char text[3] = { at[0], at[1], 0 };
	out->byte = (uint8_t)strtoul(text, NULL, 16);
	return at + 2;
}

static uint32_t body_bytes(const char *body)
{
	struct element element;
	uint32_t bytes = 0;
	while ((body = parse_element(body, &element)))
		bytes += element.name[0] ? 4 : 1;
	return bytes;
}

static void body_write(struct forge *f, const char *body, uint64_t va)
{
	struct element element;
	uint8_t bytes[BODY_MAX];
	uint32_t length = 0;
	while ((body = parse_element(body, &element)) && length + 4 < BODY_MAX) {
		if (!element.name[0]) {
			bytes[length++] = element.byte;
			continue;
		}
		uint64_t target = kernel_symbol(f, element.name) + element.add;
		uint64_t end = va + length + 4 + element.after;
		uint32_t value = (uint32_t)(element.absolute ? target : target - end);
		memcpy(bytes + length, &value, sizeof value);
		length += 4;
	}
	write_bytes(f, &f->kernel, va, bytes, length);
}

// ---- functions ------------------------------------------------------------------------------
// Where the profile says a function is there may be no room for ours: then that is a jump to it.
static void jump_write(struct forge *f, uint64_t from, uint64_t to)
{
	uint8_t jump[5] = { 0xe9 };
	uint32_t distance = (uint32_t)(to - from - sizeof jump);
	memcpy(jump + 1, &distance, sizeof distance);
	write_bytes(f, &f->kernel, from, jump, sizeof jump);
}

static uint64_t function_after(const struct code_shape *shape, uint64_t rva)
{
	return (rva + body_bytes(shape->body) + PADDING + 15) & ~15ULL;
}

static void place_functions(struct forge *f, uint64_t rva)
{
	for (size_t i = 0; i < code_shape_count; i++) {
		if (!is_for(f, &code_shapes[i]))
			continue;
		if (!kernel_symbol(f, code_shapes[i].name))
			place(f, code_shapes[i].name, rva);
		rva = function_after(&code_shapes[i], rva);
	}
}

static void place_variables(struct forge *f)
{
	struct element element;
	uint64_t rva = free_pages(f, f->kernel_size / 2 & ~0xfffu, DATA_PAGES);
	for (size_t i = 0; i < code_shape_count; i++) {
		if (!is_for(f, &code_shapes[i]))
			continue;
		for (const char *at = code_shapes[i].body; (at = parse_element(at, &element));)
			if (element.name[0])
				place_variable(f, element.name, &rva);
	}
	place_variable(f, "KiServiceTable", &rva);
	place_variable(f, "KiArgumentTable", &rva);
	place_variable(f, "PsProcessType", &rva);
}

static void write_functions(struct forge *f, uint64_t rva)
{
	static const uint8_t padding[PADDING] = { 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc };
	for (size_t i = 0; i < code_shape_count; i++) {
		if (!is_for(f, &code_shapes[i]))
			continue;
		uint64_t va = f->kernel_base + rva, known = kernel_symbol(f, code_shapes[i].name);
		body_write(f, code_shapes[i].body, va);
		if (known != va)
			jump_write(f, known, va);
		rva = function_after(&code_shapes[i], rva);
		write_bytes(f, &f->kernel, f->kernel_base + rva - PADDING, padding, PADDING);
	}
}

// ---- what is in the variables ---------------------------------------------------------------
static void write_services(struct forge *f, const char *name)
{
	uint64_t table = kernel_symbol(f, name);
	if (!table)
		return;
	write_pointer(f, &f->kernel, table, kernel_symbol(f, "KiServiceTable"));
	write_u32(f, &f->kernel, table + 2ULL * f->pointer, SERVICES);
	write_pointer(
		f, &f->kernel, table + 3ULL * f->pointer, kernel_symbol(f, "KiArgumentTable"));
}

static void write_lists(struct forge *f)
{
	for (size_t i = 0; i < ARRAY_LENGTH(empty_lists); i++) {
		uint64_t head = kernel_symbol(f, empty_lists[i]);
		if (head)
			list_init(f, &f->kernel, head);
	}
}

static uint64_t random_key(struct forge *f, const char *name)
{
	uint64_t key = forge_random(f) | 1, va = kernel_symbol(f, name);
	write_bytes(f, &f->kernel, va, &key, sizeof key);
	return key;
}

static uint64_t rotate_right(uint64_t value, uint64_t by)
{
	by &= 63;
	return by ? value >> by | value << (64 - by) : value;
}

void code_encode_debugger_data(struct forge *f, uint64_t block, uint32_t bytes)
{
	uint64_t flag = kernel_symbol(f, "KdpDataBlockEncoded");
	uint64_t random = f->random; // the rest of the image does not depend on the keys
	uint64_t never = random_key(f, "KiWaitNever"), always = random_key(f, "KiWaitAlways");
	f->random = random;
	for (uint32_t at = 0; at < bytes; at += 8) {
		uint64_t value;
		read_bytes(f, &f->kernel, block + at, &value, sizeof value);
		value = flag ^ __builtin_bswap64(always ^ value);
		value = never ^ rotate_right(value, never);
		write_bytes(f, &f->kernel, block + at, &value, sizeof value);
	}
	write_bytes(f, &f->kernel, flag, "\1", 1);
}

// ---- from outside ---------------------------------------------------------------------------
void code_create(struct forge *f)
{
	f->placed = forge_alloc(f, PLACES_MAX * sizeof *f->placed);
	if (!f->placed || scenario_damage(f, "no_code"))
		return;
	uint64_t rva = free_pages(f, CODE_RVA, CODE_PAGES);
	place_functions(f, rva);
	place_variables(f);
	write_functions(f, rva);
	write_lists(f);
	write_services(f, "KeServiceDescriptorTable");
	write_services(f, "KeServiceDescriptorTableShadow");
}

const char *code_export(const struct forge *f, size_t index)
{
	for (size_t i = 0; i < code_shape_count; i++)
		if (code_shapes[i].exported && is_for(f, &code_shapes[i]) && !index--)
			return code_shapes[i].name;
	return NULL;
}

void code_finish(struct forge *f)
{
	struct process *system = process_by_name(f, "System");
	for (size_t i = 0; i < f->type_count; i++)
		if (f->type_name[i] && !strcmp(f->type_name[i], "Process"))
			kernel_set(f, "PsProcessType", f->type_va[i]);
	uint64_t field = system ? forge_field(f, system->object, "ObjectTable") : 0;
	if (field)
		kernel_set(f, "ObpKernelHandleTable", read_pointer(f, &f->kernel, field));
}
