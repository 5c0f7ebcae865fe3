// Hives in memory: bins are anywhere, a map of three levels finds each 4 KiB block of them.
//
// _HHIVE.Storage[n].Map->Directory[index bits 21..30]->Table[index bits 12..20] is the _HMAP_ENTRY
// of a block. A storage of one table has its directory of one entry in the hive itself (SmallDir).
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_memory.h"

#include "win/fields.h"
#include "win/shared.h"
#include <eidetic/system.h>

enum {
	ENTRY_SIZE_MAX = 64,
	ADDRESS_FLAGS = 0xf, // low bits of PermanentBinAddress say how the bin was allocated
	CACHE_BLOCKS = 64,
	TABLE_BITS = 9, // blocks of a table
	BLOCK_BITS = 12,
	SYSTEM_PID = 4,
};

struct block {
	uint32_t number; // + 1; 0 is free
	uint64_t va;
};

struct memory_source {
	struct hive_source source;
	ei_run *run;
	const struct hmap_entry_at *entry;
	const ei_space *user; // of the process that maps bins in its user half; NULL: none
	uint64_t base_block;
	uint64_t map[STORAGES];
	uint64_t small_table[STORAGES];
	uint64_t table[STORAGES]; // the last table used, and its place in the directory
	uint32_t table_place[STORAGES];
	struct block cache[CACHE_BLOCKS];
};

// ---- blocks ---------------------------------------------------------------------------------

static const ei_space *space_of(const struct memory_source *m, uint64_t va)
{
	return m->user && va <= m->user->mode->user_end ? m->user : NULL;
}

static uint64_t table_of(struct memory_source *m, uint32_t storage, uint32_t place)
{
	if (m->table[storage] && m->table_place[storage] == place)
		return m->table[storage];
	uint64_t slot = m->map[storage] + (uint64_t)place * ei_pointer_size(m->run);
	uint64_t table = ei_u64_or(ei_read_ptr(m->run, space_of(m, slot), slot), 0);
	if (!table && !place)
		table = m->small_table[storage];
	m->table[storage] = table;
	m->table_place[storage] = place;
	return table;
}

static uint64_t load_sized(const uint8_t *entry, const ei_field *field)
{
	uint64_t value = 0;
	if (field->offset >= 0 && span_inside((uint64_t)field->offset, field->size, ENTRY_SIZE_MAX))
		memcpy(&value, entry + field->offset, MIN(field->size, 8u));
	return value;
}

// Since Windows 10 an entry has the bin and the block's place in it, which some of its builds map
// for a while only (win10-10240 to win10-15063); before, the block itself.
static uint64_t entry_address(const struct memory_source *m, const uint8_t *entry)
{
	const struct hmap_entry_at *at = m->entry;
	if (at->PermanentBinAddress.offset < 0)
		return load_sized(entry, &at->BlockAddress);
	uint64_t bin = load_sized(entry, &at->PermanentBinAddress) & ~(uint64_t)ADDRESS_FLAGS;
	if (!bin)
		bin = load_sized(entry, &at->TemporaryBinAddress) & ~(uint64_t)ADDRESS_FLAGS;
	return bin ? bin + load_sized(entry, &at->BlockOffset) : 0;
}

static uint64_t block_find(struct memory_source *m, uint32_t number)
{
	uint8_t entry[ENTRY_SIZE_MAX] = { 0 };
	uint32_t storage = number >> (31 - BLOCK_BITS), size = m->entry->layout.type_size;
	uint32_t in_storage = number & (INDEX_OFFSET >> BLOCK_BITS);
	uint64_t table = table_of(m, storage, in_storage >> TABLE_BITS);
	uint64_t va = table + (uint64_t)(in_storage & ((1 << TABLE_BITS) - 1)) * size;
	if (!table || ei_read(m->run, space_of(m, va), va, entry, size) != size)
		return 0;
	return entry_address(m, entry);
}

static uint64_t block_address(struct memory_source *m, uint32_t number)
{
	struct block *cached = &m->cache[number % CACHE_BLOCKS];
	if (cached->number == number + 1)
		return cached->va;
	uint64_t va = block_find(m, number);
	*cached = (struct block){ number + 1, va };
	return va;
}

static size_t memory_read(struct hive_source *source, uint32_t index, void *buffer, size_t size)
{
	struct memory_source *m = (struct memory_source *)source;
	size_t done = 0;
	while (done < size) {
		uint32_t at = index + (uint32_t)done, inside = at % BLOCK_SIZE;
		size_t want = MIN(size - done, (size_t)(BLOCK_SIZE - inside));
		uint64_t block = block_address(m, at >> BLOCK_BITS);
		if (!block)
			break;
		size_t got = ei_read(
			m->run, space_of(m, block), block + inside, (uint8_t *)buffer + done, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

// ---- who maps the bins ----------------------------------------------------------------------

static bool is_registry_process(const eprocess *process)
{
	ei_val name = ei_get(*process, ImageFileName);
	ei_val parent = ei_get(*process, InheritedFromUniqueProcessId);
	return ei_has(name) && name.length == strlen("Registry") &&
	       !memcmp(name.s, "Registry", name.length) &&
	       ei_u64_or(parent, SYSTEM_PID) == SYSTEM_PID;
}

static void *registry_space_build(ei_run *run)
{
	ei_space *space = calloc(1, sizeof *space);
	ei_mark mark = ei_arena_mark(run->scratch);
	ei_iter it = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); space && ei_next(&it, &p);) {
		if (!is_registry_process(&p))
			continue;
		const ei_space *found = ei_process_space(run, &p);
		if (found)
			*space = *found;
		break;
	}
	ei_arena_rewind(run->scratch, mark);
	return space;
}

// Windows 10 17134 moved bins to the user half of a process of their own; other builds have none.
static const ei_space *registry_space(ei_run *run)
{
	const ei_space *space =
		shared_table(run, SHARED_REGISTRY_SPACE, registry_space_build, free);
	return space && space->mode ? space : NULL;
}

// ---- opening --------------------------------------------------------------------------------

// Whatever is missing of a storage makes it shorter, at worst empty; its cells then say so.
static void storage_open(struct memory_source *m, uint32_t storage, uint64_t va)
{
	dual dual_ = ei_at(m->run, dual, va);
	m->source.length[storage] = (uint32_t)ei_u64_or(ei_get(dual_, Length), 0);
	ei_val small = ei_get(dual_, SmallDir);
	m->small_table[storage] = ei_u64_or(small, 0);
	m->map[storage] = ei_u64_or(ei_get(dual_, Map), 0);
}

static struct memory_source *source_open(ei_run *run, const cmhive *hive)
{
	hmap_entry entry = ei_handle(run, hmap_entry);
	dual storage = ei_handle(run, dual);
	ei_val storages = ei_get(*hive, storage);
	uint32_t size = entry.at->layout.type_size, stride = storage.at->layout.type_size;
	if (!ei_has(storages) || !size || size > ENTRY_SIZE_MAX || !stride)
		return NULL;
	struct memory_source *m = ei_alloc(run->scratch, sizeof *m);
	if (!m)
		return NULL;
	m->source.read = memory_read;
	m->run = run;
	m->entry = entry.at;
	m->user = registry_space(run);
	for (uint32_t i = 0; i < STORAGES; i++)
		storage_open(m, i, storages.u + (uint64_t)i * stride);
	return m;
}

static const char *name_copy(ei_run *run, ei_val name)
{
	const char *copy = ei_has(name) ? arena_text(run->scratch, name.s, name.length) : NULL;
	return copy ? copy : "";
}

static void note_to_run(void *context, const char *text)
{
	const struct hive_in_run *hive = context;
	ei_note(hive->hive.run, "hive 0x%llx (%s): %s", (unsigned long long)hive->va, hive->name,
		text);
}

ei_hive *ei_hive_open(ei_run *run, const cmhive *cm)
{
	struct hive_in_run *hive = ei_alloc(run->scratch, sizeof *hive);
	struct memory_source *m = source_open(run, cm);
	if (!hive || !m) {
		ei_note(run, "hive 0x%llx: how this build keeps hives is not known",
			(unsigned long long)cm->obj.va);
		return NULL;
	}
	hive->va = cm->obj.va;
	hive->name = name_copy(run, ei_hive_name(cm));
	hive->hive = (struct ei_hive){
		.scratch = run->scratch,
		.run = run,
		.compat = ei_compat_vol3(run),
		.note = note_to_run,
		.note_context = hive,
		.mount = name_copy(run, ei_get(*cm, HiveRootPath)),
		.file = hive->name,
	};
	uint8_t base[BASE_READ];
	uint64_t va = m->base_block = ei_u64_or(ei_get(*cm, base_block), 0);
	bool known = va && ei_read(run, space_of(m, va), va, base, sizeof base) == sizeof base;
	hive_init(&hive->hive, &m->source, known ? base : NULL);
	if (!hive->hive.base_block)
		hive->hive.minor = (uint32_t)ei_u64_or(ei_get(*cm, version), 0);
	return &hive->hive;
}

bool hive_base_block(struct ei_hive *hive, uint8_t *out)
{
	struct memory_source *m = (struct memory_source *)hive->source;
	uint64_t va = m->base_block;
	return va && ei_read(m->run, space_of(m, va), va, out, BASE_SIZE) == BASE_SIZE &&
	       !memcmp(out, "regf", 4);
}
