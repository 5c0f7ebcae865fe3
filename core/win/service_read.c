// Fields of a service record, and what follows from its state and type.
// SPDX-License-Identifier: Apache-2.0
#include "win/service_read.h"

enum {
	ORDER_LAST = 0xffff,
	TYPE_PROCESSES = 0x30, // with a process of its own, or in one with others
	TYPE_BITS = 0x3ff,     // those that any Windows knows
	STATE_RUNNING = 4,
	TEXT_BYTES = 512,
};

static const char *const starts[] = { "SERVICE_BOOT_START", "SERVICE_SYSTEM_START",
	"SERVICE_AUTO_START", "SERVICE_DEMAND_START", "SERVICE_DISABLED" };
static const char *const states[] = { NULL, "SERVICE_STOPPED", "SERVICE_START_PENDING",
	"SERVICE_STOP_PENDING", "SERVICE_RUNNING", "SERVICE_CONTINUE_PENDING",
	"SERVICE_PAUSE_PENDING", "SERVICE_PAUSED" };

static const struct {
	uint32_t bit;
	const char *name;
} types[] = {
	{ 1, "SERVICE_KERNEL_DRIVER" },
	{ 2, "SERVICE_FILE_SYSTEM_DRIVER" },
	{ 4, "SERVICE_ADAPTOR" },
	{ 8, "SERVICE_RECOGNIZER_DRIVER" },
	{ 16, "SERVICE_WIN32_OWN_PROCESS" },
	{ 32, "SERVICE_WIN32_SHARE_PROCESS" },
	{ 256, "SERVICE_INTERACTIVE_PROCESS" },
};

static ei_val number_get(const struct service_manager *m, uint64_t va, uint16_t offset)
{
	return ei_read_u32(m->run, m->space, va + offset);
}

static ei_val pointer_get(const struct service_manager *m, uint64_t va, uint16_t offset)
{
	return ei_read_ptr(m->run, m->space, va + offset);
}

// UTF-16 up to its NUL, or as far as it goes.
static ei_val text_at(const struct service_manager *m, ei_val pointer)
{
	uint8_t bytes[TEXT_BYTES];
	if (!ei_u64_or(pointer, 0))
		return ei_has(pointer) ? ei_absent(EI_NONE) : pointer;
	size_t have = ei_read(m->run, m->space, pointer.u, bytes, sizeof bytes), length = 0;
	while (length + 2 <= have && load_u16(bytes + length))
		length += 2;
	if (have < 2)
		return ei_absent(EI_UNREADABLE);
	char *text = ei_alloc(m->run->scratch, length / 2 * 3 + 1);
	if (!text)
		return ei_absent(EI_UNREADABLE);
	ei_val value = ei_str(text);
	value.length = (uint32_t)utf16_to_utf8(bytes, length, text);
	return value;
}

static ei_val named(ei_val number, const char *const *names, size_t count)
{
	if (!ei_has(number))
		return number;
	return number.u < count && names[number.u] ? ei_str(names[number.u])
						   : ei_absent(EI_GARBAGE);
}

ei_val ei_service_start_text(ei_val start)
{
	return named(start, starts, ARRAY_LENGTH(starts));
}

ei_val ei_service_type_text(ei_run *run, ei_val type)
{
	char text[256];
	size_t length = 0;
	if (!ei_has(type))
		return type;
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		if (type.u & types[i].bit)
			length += (size_t)snprintf(text + length, sizeof text - length, "%s%s",
				length ? "|" : "", types[i].name);
	return length ? ei_str(arena_text(run->scratch, text, length)) : ei_absent(EI_GARBAGE);
}

bool service_is_record(const struct service_manager *m, uint64_t va)
{
	ei_val order = number_get(m, va, m->layout->order);
	ei_val state = number_get(m, va, m->layout->state);
	ei_val start = number_get(m, va, m->layout->start);
	return ei_u64_or(order, UINT64_MAX) <= ORDER_LAST &&
	       ei_has(named(state, states, ARRAY_LENGTH(states))) &&
	       ei_has(ei_service_start_text(start));
}

bool service_fits(const struct service_manager *m, uint64_t va)
{
	if (!service_is_record(m, va))
		return false;
	uint64_t type = ei_u64_or(number_get(m, va, m->layout->type), 0);
	if (!type || type & ~(uint64_t)TYPE_BITS)
		return false;
	ei_mark mark = ei_arena_mark(m->run->scratch);
	ei_val name = text_at(m, pointer_get(m, va, m->layout->name));
	bool fits = ei_has(name) && name.length > 0;
	for (uint32_t i = 0; fits && i < name.length; i++)
		fits = (uint8_t)name.s[i] >= ' ' && name.s[i] != '\\';
	ei_arena_rewind(m->run->scratch, mark);
	return fits;
}

uint64_t service_order(const struct service_manager *m, uint64_t va)
{
	return ei_u64_or(number_get(m, va, m->layout->order), 0);
}

uint64_t service_previous(const struct service_manager *m, uint64_t va)
{
	return m->layout->previous == SERVICE_NOWHERE
		       ? 0
		       : ei_u64_or(pointer_get(m, va, m->layout->previous), 0);
}

// A driver's name is kept in the record, what runs in a process behind another pointer.
static void running_read(
	const struct service_manager *m, uint64_t va, bool in_process, ei_service *out)
{
	if (!in_process) {
		out->binary = text_at(m, pointer_get(m, va, m->layout->driver));
		return;
	}
	ei_val process = pointer_get(m, va, m->layout->process);
	if (!ei_u64_or(process, 0)) {
		out->pid = out->binary = ei_absent(EI_UNREADABLE);
		return;
	}
	out->pid = number_get(m, process.u, m->layout->pid);
	out->binary = text_at(m, pointer_get(m, process.u, m->layout->path));
}

void service_read(const struct service_manager *m, uint64_t va, ei_service *out)
{
	ei_val state = number_get(m, va, m->layout->state);
	ei_val type = number_get(m, va, m->layout->type);
	*out = (ei_service){
		.record = va,
		.manager = m->pid,
		.order = number_get(m, va, m->layout->order),
		.start = ei_service_start_text(number_get(m, va, m->layout->start)),
		.state = named(state, states, ARRAY_LENGTH(states)),
		.type = ei_service_type_text(m->run, type),
		.name = text_at(m, pointer_get(m, va, m->layout->name)),
		.display = text_at(m, pointer_get(m, va, m->layout->display)),
		.pid = ei_absent(EI_NONE),
		.binary = ei_absent(EI_NONE),
		.chained = m->layout->previous != SERVICE_NOWHERE,
	};
	if (ei_u64_or(state, 0) == STATE_RUNNING)
		running_read(m, va, ei_u64_or(type, 0) & (TYPE_PROCESSES | 0x100), out);
}
