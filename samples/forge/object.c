// Executive objects: pool block, optional headers, object header, body; and the object types.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

// Optional headers by bit, nearest to the object header first. A build that lacks one gives its bit
// to the next.
static const char *const optional_types[] = {
	"_OBJECT_HEADER_CREATOR_INFO",
	"_OBJECT_HEADER_NAME_INFO",
	"_OBJECT_HEADER_HANDLE_INFO",
	"_OBJECT_HEADER_QUOTA_INFO",
	"_OBJECT_HEADER_PROCESS_INFO",
	"_OBJECT_HEADER_AUDIT_INFO",
	"_OBJECT_HEADER_EXTENDED_INFO",
	"_OBJECT_HEADER_HANDLE_REVOCATION_INFO",
	"_OBJECT_HEADER_PADDING_INFO",
};
enum { HAS_CREATOR = 1, HAS_NAME = 1 << 1, HAS_HANDLES = 1 << 2, HAS_QUOTA = 1 << 3 };

// Names in index order; with an index the first two slots are never used.
static const char *const types_xp[] = { "Type", "Directory", "SymbolicLink", "Token", "Process",
	"Thread", "Job", "DebugObject", "Event", "EventPair", "Mutant", "Callback", "Semaphore",
	"Timer", "Profile", "KeyedEvent", "WindowStation", "Desktop", "Section", "Key", "Port",
	"WaitablePort", "Adapter", "Controller", "Device", "Driver", "IoCompletion", "File",
	"WmiGuid", "FilterConnectionPort", "FilterCommunicationPort", NULL };
static const char *const types_win7[] = { "Type", "Directory", "SymbolicLink", "Token", "Job",
	"Process", "Thread", "UserApcReserve", "IoCompletionReserve", "DebugObject", "Event",
	"EventPair", "Mutant", "Callback", "Semaphore", "Timer", "Profile", "KeyedEvent",
	"WindowStation", "Desktop", "TpWorkerFactory", "Adapter", "Controller", "Device", "Driver",
	"IoCompletion", "File", "TmTm", "TmTx", "TmRm", "TmEn", "Section", "Session", "Key",
	"ALPC Port", "PowerRequest", "WmiGuid", "EtwRegistration", "EtwConsumer",
	"FilterConnectionPort", "FilterCommunicationPort", "PcwObject", NULL };
static const char *const types_win10[] = { "Type", "Directory", "SymbolicLink", "Token", "Job",
	"Process", "Thread", "Partition", "UserApcReserve", "IoCompletionReserve",
	"ActivityReference", "PsSiloContextPaged", "PsSiloContextNonPaged", "DebugObject", "Event",
	"Mutant", "Callback", "Semaphore", "Timer", "IRTimer", "Profile", "KeyedEvent",
	"WindowStation", "Desktop", "Composition", "RawInputManager", "CoreMessaging",
	"TpWorkerFactory", "Adapter", "Controller", "Device", "Driver", "IoCompletion",
	"WaitCompletionPacket", "File", "TmTm", "TmTx", "TmRm", "TmEn", "Section", "Session", "Key",
	"RegistryTransaction", "ALPC Port", "EnergyTracker", "PowerRequest", "WmiGuid",
	"EtwRegistration", NULL };

// Before Windows 7 each header has offsets of its own, so what the profile does not name can have
// the size that it had.
static uint32_t optional_size(struct forge *f, uint32_t i)
{
	static const uint8_t old[4] = { 16, 16, 8, 16 };
	uint32_t size = profile_type_size(f->profile, optional_types[i]);
	return size || f->win7 || i >= ARRAY_LENGTH(old) ? size : old[i] * f->pointer / 4;
}

static uint32_t optional_bytes(struct forge *f, uint32_t mask)
{
	uint32_t bytes = 0, bit = 0;
	for (uint32_t i = 0; i < ARRAY_LENGTH(optional_types); i++) {
		uint32_t size = optional_size(f, i);
		// The first four are in every build, whatever a profile names of them.
		if (size || i < 4)
			bytes += mask >> bit++ & 1 ? size : 0;
	}
	return bytes;
}

// Distance from the object header back to the optional header of one bit.
static uint32_t optional_offset(struct forge *f, uint32_t mask, uint32_t bit)
{
	return optional_bytes(f, mask & (bit * 2 - 1));
}

static uint32_t body_offset(struct forge *f)
{
	struct member m;
	return profile_member(f->profile, "_OBJECT_HEADER", "Body", &m) ? m.offset : f->pointer * 6;
}

uint64_t object_header(struct forge *f, struct object o)
{
	return o.va - body_offset(f);
}

static uint32_t type_index(const struct forge *f, const char *name)
{
	for (uint32_t i = 0; i < f->type_count; i++) {
		if (f->type_name[i] && strcmp(f->type_name[i], name) == 0)
			return i;
	}
	return 0;
}

static void header_write_type(struct forge *f, struct object header, const char *name)
{
	uint32_t index = type_index(f, name);
	forge_put(f, header, "Type", f->type_va[index]);
	if (f->win10)
		index ^= f->cookie ^ (uint32_t)(header.va >> 8 & 0xff);
	forge_put(f, header, "TypeIndex", index);
}

static void header_write_masks(struct forge *f, struct object header, uint32_t mask)
{
	static const struct {
		uint32_t bit;
		const char *field; // before Windows 7
	} offsets[] = {
		{ HAS_NAME, "NameInfoOffset" },
		{ HAS_HANDLES, "HandleInfoOffset" },
		{ HAS_QUOTA, "QuotaInfoOffset" },
	};
	forge_put(f, header, "InfoMask", mask);
	for (size_t i = 0; i < ARRAY_LENGTH(offsets); i++) {
		if (mask & offsets[i].bit)
			forge_put(f, header, offsets[i].field,
				optional_offset(f, mask, offsets[i].bit));
	}
	if (mask & HAS_CREATOR)
		forge_put(f, header, "Flags", 0x4 | 0x10); // has a creator, permanent
}

static void header_write_name(
	struct forge *f, struct object header, uint32_t mask, const struct object_request *r)
{
	if (!(mask & HAS_NAME))
		return;
	struct object info = { &f->kernel, header.va - optional_offset(f, mask, HAS_NAME),
		"_OBJECT_HEADER_NAME_INFO" };
	uint32_t bytes;
	uint64_t text = pool_text(f, POOL_PAGED, r->name, &bytes);
	forge_put_string(f, info, "Name", text, bytes);
	forge_put(f, info, "Directory", r->directory);
	forge_put(f, info, "QueryReferences|ReferenceCount", 1);
}

static void header_write_extras(struct forge *f, struct object header, uint32_t mask, uint32_t body)
{
	if (mask & HAS_CREATOR) {
		struct object creator = { &f->kernel,
			header.va - optional_offset(f, mask, HAS_CREATOR),
			"_OBJECT_HEADER_CREATOR_INFO" };
		uint64_t list = forge_field(f, creator, "TypeList");
		if (list)
			list_init(f, &f->kernel, list);
		forge_put(f, creator, "CreatorUniqueProcess", 4);
	}
	if (mask & HAS_QUOTA) {
		struct object quota = { &f->kernel, header.va - optional_offset(f, mask, HAS_QUOTA),
			"_OBJECT_HEADER_QUOTA_INFO" };
		forge_put(f, quota, "NonPagedPoolCharge", body);
	}
}

void object_open(struct forge *f, uint64_t body)
{
	struct object header = { &f->kernel, body - body_offset(f), "_OBJECT_HEADER" };
	uint64_t count = forge_field(f, header, "HandleCount");
	if (!count)
		return;
	uint64_t handles = read_pointer(f, &f->kernel, count) + 1;
	forge_put(f, header, "HandleCount", handles);
	// From Windows 8 on a handle takes many references in advance.
	uint64_t each = f->win8 ? 32766 : 1;
	forge_put(f, header, "PointerCount", MIN(handles * each + 2, 0xffff00u));
}

// From Windows 8 on tags are plain; before, the top bit of the last letter marks a protected
// block.
static const char *object_tag(const struct forge *f, const char *tag, char buffer[5])
{
	memcpy(buffer, tag, 4);
	buffer[4] = 0;
	if (!f->win8)
		buffer[3] = (char)(buffer[3] | 0x80);
	return buffer;
}

static uint32_t request_mask(struct forge *f, const struct object_request *r)
{
	uint32_t mask = (r->creator ? HAS_CREATOR : 0) | (r->name ? HAS_NAME : 0) |
			(r->handles ? HAS_HANDLES : 0) | (r->quota ? HAS_QUOTA : 0);
	for (uint32_t i = 0; i < 4; i++) {
		if (!optional_size(f, i))
			mask &= ~(1u << i);
	}
	return mask;
}

struct object object_create(struct forge *f, const struct object_request *r)
{
	uint32_t unit = f->pointer * 2;
	uint32_t body = r->bytes ? r->bytes : forge_size(f, r->type, 64);
	body = (body + unit - 1) / unit * unit;
	uint32_t mask = request_mask(f, r);
	uint32_t before = optional_bytes(f, mask) + body_offset(f);
	char tag[5];
	uint64_t block = pool_take(f, r->kind, object_tag(f, r->tag, tag), before + body);
	struct object o = { &f->kernel, block + before, r->type };
	struct object header = { &f->kernel, object_header(f, o), "_OBJECT_HEADER" };
	forge_put(f, header, "PointerCount", 2);
	header_write_masks(f, header, mask);
	header_write_type(f, header, r->object_type);
	header_write_name(f, header, mask, r);
	header_write_extras(f, header, mask, body);
	return o;
}

static void type_create(struct forge *f, uint32_t index, const char *name)
{
	struct object o = object_create(f, &(struct object_request){ .object_type = "Type",
						   .type = "_OBJECT_TYPE",
						   .tag = "ObjT",
						   .name = name,
						   .creator = true,
						   .kind = POOL_NONPAGED });
	f->type_va[index] = o.va;
	uint32_t bytes;
	uint64_t text = pool_text(f, POOL_PAGED, name, &bytes);
	forge_put_string(f, o, "Name", text, bytes);
	forge_put(f, o, "Index", index);
	forge_put(f, o, "Key", load_u32(name));
	list_init(f, &f->kernel, o.va);
}

static void write_mask_table(struct forge *f)
{
	uint64_t table = kernel_symbol(f, "ObpInfoMaskToOffset");
	for (uint32_t mask = 0; table && mask < (f->win8 ? 256 : 64); mask++) {
		uint8_t bytes = (uint8_t)optional_bytes(f, mask);
		write_bytes(f, &f->kernel, table + mask, &bytes, 1);
	}
}

bool object_type_exists(const struct forge *f, const char *name)
{
	for (size_t i = 0; i < f->type_count; i++) {
		if (f->type_name[i] && strcmp(f->type_name[i], name) == 0)
			return true;
	}
	return false;
}

void object_create_types(struct forge *f)
{
	const char *const *names = f->win8 ? types_win10 : f->vista ? types_win7 : types_xp;
	// Tables with an index start at 2; the older array of pointers starts at 0.
	uint32_t first = f->win7 ? 2 : 0;
	f->type_count = first;
	for (uint32_t i = 0; names[i]; i++)
		f->type_name[f->type_count++] = names[i];
	for (uint32_t i = first; i < f->type_count; i++)
		type_create(f, i, f->type_name[i]);
	uint64_t table = kernel_symbol(f, f->win7 ? "ObTypeIndexTable" : "ObpObjectTypes");
	if (f->win7)
		f->type_va[1] = f->win10 ? region_take(f, REGION_SYSTEM, PAGE_SIZE) : 0xbad0b0b0;
	for (uint32_t i = 0; table && i < f->type_count; i++)
		write_pointer(f, &f->kernel, table + (uint64_t)i * f->pointer, f->type_va[i]);
	if (f->win10)
		kernel_set32(f, "ObHeaderCookie", f->cookie);
	write_mask_table(f);
}
