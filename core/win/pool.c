// Pool blocks to objects: tags from the shared pass, headers, the object's place in its block.
// SPDX-License-Identifier: Apache-2.0
#include "win/pool.h"

#include "scan/scan.h"
#include "win/object_header.h"
#include "win/page_map.h"
#include "win/shared.h"
#include <eidetic/scan.h>

enum {
	POOL_HITS_MAX = 4 << 20,
	FRONT_MAX = 0x140, // bytes of a block in which an object header can start
	RECENT = 16,       // objects remembered, so that none is given twice
	PROTECTED = (int)0x80000000,
};

// ---- tags -----------------------------------------------------------------------------------

static const char *const known_tags[] = { "Proc", "Thre", "File", "Muta", "Driv", "Devi", "Symb",
	"MmLd", "CM10", "AtmT", "TcpL", "TcpE", "UdpA", "TTcb", "Even", "Sema", "Key ", "Sect",
	"Obtb", "Toke", "Cbrb", "IoFs", "IoSh", "DbCb", "Pnp9", "PnpD", "PnpC" };

static uint32_t tag_value(const char *tag)
{
	return load_u32(tag);
}

// Tags, and where they are; found in a pass. The table of SHARED_TAGS.
struct tag_table {
	struct tag_set set;
	struct hit_list list;
	struct found_context found;
};

static struct tag_table *tags_begin(ei_run *run, const uint32_t *tags, size_t count)
{
	struct tag_table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	hit_list_init(&table->list, POOL_HITS_MAX);
	tag_set_init(
		&table->set, ei_pointer_size(run) == 8 ? TAG_ALIGN_64 : TAG_ALIGN_32, tags, count);
	table->found = (struct found_context){ .tags = &table->set, .list = &table->list };
	return table;
}

static void tags_end(ei_run *run, struct tag_table *table, const ei_error *error)
{
	hit_list_sort(&table->list);
	if (error)
		ei_note(run, "pool tags: %s", ei_error_text(error));
	if (table->list.cut || table->list.no_memory)
		ei_note(run, "pool tags: only the %zu at the lowest addresses are looked at",
			table->list.count);
}

static void tags_drop(void *dropped)
{
	struct tag_table *table = dropped;
	if (table)
		hit_list_deinit(&table->list);
	free(table);
}

// A pass of its own; what waits for one joins it.
static struct tag_table *tags_find(ei_run *run, struct tag_table *table)
{
	if (!table)
		return NULL;
	struct pass_consumer consumer = tags_consumer(&table->found);
	EI_OWNED(ei_error) error = scan_pass(run, &consumer, 1);
	tags_end(run, table, error);
	return table;
}

// Those that are always looked for, those that plugins have named, and the protected form of each.
static struct tag_table *known_tags_begin(ei_run *run)
{
	uint32_t tags[TAGS_MAX];
	size_t count = 0;
	_Static_assert(ARRAY_LENGTH(known_tags) <= TAGS_MAX / 2, "both forms of all fit");
	for (; count < ARRAY_LENGTH(known_tags); count++)
		tags[count] = tag_value(known_tags[count]);
	count += scan_planned_tags(run->session, tags + count, TAGS_MAX / 2 - count);
	for (size_t i = 0; i < count; i++)
		tags[count + i] = tags[i] | (uint32_t)PROTECTED;
	return tags_begin(run, tags, 2 * count);
}

static void *known_tags_find(ei_run *run)
{
	return tags_find(run, known_tags_begin(run));
}

static bool part_begin(ei_run *run, void *context, void **state, struct pass_consumer *out)
{
	(void)context;
	if (!run->session->identity.found || !shared_begin(run, SHARED_TAGS))
		return false;
	struct tag_table *table = known_tags_begin(run);
	if (!table) {
		shared_end(run, SHARED_TAGS, NULL, tags_drop);
		return false;
	}
	*out = tags_consumer(&table->found);
	*state = table;
	return true;
}

static void part_end(ei_run *run, void *context, void *state, const ei_error *error)
{
	(void)context;
	shared_notes_begin(run, SHARED_TAGS);
	tags_end(run, state, error);
	shared_end(run, SHARED_TAGS, state, tags_drop);
}

const struct scan_part pool_tags_part = { part_begin, part_end, NULL };

// ---- the iterator ---------------------------------------------------------------------------

struct pool_state {
	struct pool_query query;
	uint32_t tags[2 * POOL_QUERY_TAGS_MAX];
	size_t tag_count;
	const struct hit *hits;
	size_t hit_count, next;
	uint64_t block_at;       // of the present object: its block's address, in its space
	uint64_t recent[RECENT]; // physical addresses of objects given
	size_t recent_next;
	pool_header header; // tables, without an object
	object_header object;
	uint32_t unit;        // sizes are counted in this
	uint32_t header_size; // of the pool header: a unit
	struct object_types types;
};

// A block whose header is sound, and the bytes at its front.
struct block {
	uint64_t pa;
	uint64_t va; // 0: the kernel does not map it
	uint32_t size;
	uint8_t front[FRONT_MAX + 64];
	size_t have;
};

static bool wanted_tag(const struct pool_state *state, uint32_t tag)
{
	for (size_t i = 0; i < state->tag_count; i++)
		if (state->tags[i] == tag)
			return true;
	return false;
}

static void block_where(ei_run *run, const struct block *block, uint32_t offset,
	const ei_space **space, uint64_t *address)
{
	*space = block->va ? &run->session->identity.kernel : &run->session->physical;
	*address = (block->va ? block->va : block->pa) + offset;
}

// Some builds' symbols lack _POOL_HEADER. Those that have it all agree, from XP to 11: the size is
// in the second half of the first four bytes, in 8 bits or, on 32-bit systems, 9.
static uint64_t block_size(ei_run *run, const struct pool_state *state, uint64_t pa)
{
	const ei_space *physical = &run->session->physical;
	pool_header header = state->header;
	if (header.at->BlockSize.offset < 0) {
		uint64_t front = ei_u64_or(ei_read_u32(run, physical, pa), 0);
		return (front >> 16 & (ei_pointer_size(run) == 8 ? 0xff : 0x1ff)) * state->unit;
	}
	header.obj = ei_open(run, physical, pa, &header.at->layout);
	return ei_u64_or(ei_get(header, BlockSize), 0) * state->unit;
}

static bool block_read(
	ei_run *run, const struct pool_state *state, uint64_t pa, struct block *block)
{
	uint64_t size = block_size(run, state, pa);
	if (size < MAX(state->query.least, state->header_size + state->unit))
		return false;
	*block = (struct block){ .pa = pa, .size = (uint32_t)size };
	if (!kernel_address(run, pa, &block->va))
		block->va = 0;
	const ei_space *space;
	uint64_t address;
	block_where(run, block, 0, &space, &address);
	size_t want = MIN(sizeof block->front, (size_t)block->size);
	block->have = ei_read(run, space, address, block->front, want);
	return block->have > state->header_size;
}

// ---- the object in the block ----------------------------------------------------------------

// True when an object header at `at` of the block accounts for all bytes in front of it; with
// `loose`, for no more than there are (padding, headers of later builds).
static bool header_fits(const ei_run *run, const struct pool_state *state,
	const struct block *block, uint32_t at, bool loose)
{
	size_t mask_at = at + (size_t)state->object.at->InfoMask.offset;
	if (mask_at >= block->have)
		return false;
	uint32_t front = at - state->header_size;
	uint32_t optional = object_optional_bytes(run, block->front[mask_at]);
	return loose ? optional < front : optional == front;
}

// What an object header says of its object's type.
enum type_says { TYPE_OTHER, TYPE_UNKNOWN, TYPE_WANTED };

static enum type_says header_type(
	ei_run *run, const struct pool_state *state, const ei_space *space, uint64_t at)
{
	const struct space_mode *mode = run->session->identity.kernel.mode;
	const char *wanted = state->query.object_type;
	object_header header = state->object;
	header.obj = ei_open(run, space, at, &header.at->layout);
	ei_val type = object_type_address(run, &state->types, &header);
	if (!ei_has(type))
		return TYPE_UNKNOWN;
	// The first entries of the table are markers, and bytes that are no header may name them.
	if (mode->canonical(type.u) < mode->kernel_start)
		return wanted ? TYPE_OTHER : TYPE_UNKNOWN;
	object_type object = ei_at(run, object_type, type.u);
	ei_val name = ei_get(object, Name);
	if (!ei_has(name) || !name.length)
		return TYPE_UNKNOWN;
	return !wanted || (name.length == strlen(wanted) && !memcmp(name.s, wanted, name.length))
		       ? TYPE_WANTED
		       : TYPE_OTHER;
}

// Objects of these types begin with a number that no build has changed: two bytes of the I/O
// manager's, whose size follows, one of the dispatcher's.
static const struct front {
	const char *type;
	uint16_t number, mask;
	uint16_t least, most; // size
} fronts[] = {
	{ "Device", 3, 0xffff, 0xb8, 0xffff },
	{ "Driver", 4, 0xffff, 0xa8, 0x150 },
	{ "File", 5, 0xffff, 0x70, 0x180 },
	{ "Mutant", 2, 0xff, 0, 0xffff },
};

// Random bytes with a tag in front of them pass much else, and on the stack of who allocates an
// object are its tag and its type. Of bytes that cannot be read only the header tells.
static bool front_fits(ei_run *run, const struct pool_state *state, const ei_space *space,
	uint64_t at, enum type_says says)
{
	uint8_t bytes[4];
	if (ei_read(run, space, at, bytes, sizeof bytes) < sizeof bytes)
		return says == TYPE_WANTED;
	uint16_t number = load_u16(bytes), size = load_u16(bytes + 2);
	for (size_t i = 0; state->query.object_type && i < ARRAY_LENGTH(fronts); i++) {
		const struct front *front = &fronts[i];
		if (!strcmp(front->type, state->query.object_type))
			return (number & front->mask) == front->number && size >= front->least &&
			       size <= front->most;
	}
	return true;
}

static bool is_recent(const struct pool_state *state, uint64_t pa)
{
	for (size_t i = 0; i < RECENT; i++)
		if (state->recent[i] == pa + 1)
			return true;
	return false;
}

// One way to find the object in its block.
struct manner {
	bool at_end;      // the object ends where the block does; else behind a header at the front
	bool mask_exact;  // the header's mask accounts for all bytes in front of it
	bool mask_loose;  // for no more than there are
	bool type_wanted; // the header names the type; else it need not be readable
	bool no_mask;     // for builds whose headers have no mask: only the type tells
};

// Best first: bytes of the optional headers may look like a header that stands in front of them,
// even like one of the type.
static const struct manner manners[] = {
	{ .at_end = true, .mask_exact = true, .type_wanted = true },
	{ .mask_exact = true, .type_wanted = true },
	{ .at_end = true, .type_wanted = true },
	{ .no_mask = true, .type_wanted = true },
	{ .mask_loose = true, .type_wanted = true },
	{ .at_end = true, .mask_exact = true },
	{ .mask_exact = true },
	{ .at_end = true },
	{ .mask_loose = true },
};

// True when the object at `offset` of the block passes the query's test.
static bool object_try(ei_run *run, const struct pool_state *state, const struct block *block,
	uint32_t offset, bool type_wanted)
{
	const ei_space *space;
	uint64_t address;
	if (offset < state->header_size || offset >= block->size ||
		is_recent(state, block->pa + offset))
		return false;
	block_where(run, block, offset, &space, &address);
	if (state->query.has_header) {
		uint64_t at = address - (uint64_t)(uint32_t)state->object.at->Body.offset;
		enum type_says says = header_type(run, state, space, at);
		if (says == TYPE_OTHER || (says == TYPE_UNKNOWN && type_wanted))
			return false;
		if (!front_fits(run, state, space, address, says))
			return false;
	}
	if (!state->query.plausible)
		return true;
	ei_obj object = ei_open(run, space, address, ei_resolve(run, state->query.check));
	return state->query.plausible(run, &object);
}

static bool object_at_end(ei_run *run, const struct pool_state *state, const struct block *block,
	const struct manner *manner, uint32_t *offset)
{
	uint32_t size = ei_resolve(run, state->query.type)->type_size;
	size = (size + state->unit - 1) / state->unit * state->unit;
	if (!size || size >= block->size)
		return false;
	*offset = block->size - size;
	uint32_t body = (uint32_t)state->object.at->Body.offset;
	if (manner->mask_exact && (*offset < state->header_size + body ||
					  !header_fits(run, state, block, *offset - body, false)))
		return false;
	return object_try(run, state, block, *offset, manner->type_wanted);
}

static bool object_at_front(ei_run *run, const struct pool_state *state, const struct block *block,
	const struct manner *manner, uint32_t *offset)
{
	uint32_t end = MIN((uint32_t)FRONT_MAX, block->size);
	// A test of the object itself is wanted where so little else is asked.
	if (manner->mask_loose && !manner->type_wanted && !state->query.plausible)
		return false;
	uint32_t places = (end - state->header_size + state->unit - 1) / state->unit;
	for (uint32_t i = 0; i < places; i++) {
		// Zeroes are a mask, so what stands in front of a header often looks like one: of
		// masks that account for all bytes, the one for the most bytes is right.
		uint32_t place = manner->mask_exact ? places - 1 - i : i;
		uint32_t at = state->header_size + place * state->unit;
		*offset = at + (uint32_t)state->object.at->Body.offset;
		bool fits =
			manner->no_mask || header_fits(run, state, block, at, manner->mask_loose);
		if (fits && object_try(run, state, block, *offset, manner->type_wanted))
			return true;
	}
	return false;
}

static bool object_find(
	ei_run *run, const struct pool_state *state, const struct block *block, uint32_t *offset)
{
	bool has_mask = state->object.at->InfoMask.offset >= 0;
	if (!state->query.has_header) {
		*offset = state->header_size;
		return object_try(run, state, block, *offset, false);
	}
	if (state->object.at->Body.offset < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(manners); i++) {
		const struct manner *manner = &manners[i];
		if (has_mask ? manner->no_mask : manner->mask_exact || manner->mask_loose)
			continue;
		if (manner->at_end ? object_at_end(run, state, block, manner, offset)
				   : object_at_front(run, state, block, manner, offset))
			return true;
	}
	return false;
}

static int compare_nodes(const void *left, const void *right)
{
	const struct list_node *a = left, *b = right;
	return (a->va > b->va) - (a->va < b->va);
}

static uint32_t found_listed(const struct pool_query *query, uint64_t va)
{
	const struct list_node key = { .va = va };
	const struct list_node *node = query->listed
					       ? bsearch(&key, query->listed, query->listed_count,
							 sizeof key, compare_nodes)
					       : NULL;
	return node ? node->found : 0;
}

static bool pool_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	struct pool_state *state = it->state;
	ei_run *run = it->run;
	while (state->next < state->hit_count && !ei_stopped(run)) {
		struct hit hit = state->hits[state->next++];
		struct block block;
		uint32_t offset;
		ei_arena_rewind(run->scratch, it->mark);
		if (!wanted_tag(state, hit.what) || !block_read(run, state, hit.pa, &block) ||
			!object_find(run, state, &block, &offset))
			continue;
		state->recent[state->recent_next++ % RECENT] = block.pa + offset + 1;
		const ei_space *space;
		uint64_t address;
		block_where(run, &block, offset, &space, &address);
		state->block_at = address - offset;
		ei_arena_rewind(run->scratch, it->mark);
		*object = ei_open(run, space, address, layout);
		it->found = EI_BY_SCAN | (block.va ? found_listed(&state->query, address) : 0);
		return true;
	}
	return false;
}

// ---- beginning ------------------------------------------------------------------------------

static bool has_all(const struct tag_table *table, const struct pool_state *state)
{
	for (size_t i = 0; i < state->tag_count; i++)
		if (!tag_set_has(&table->set, state->tags[i]))
			return false;
	return true;
}

// Tags that the shared pass did not look for cost a pass of their own.
static bool hits_get(ei_run *run, struct pool_state *state)
{
	for (size_t i = 0; i < POOL_QUERY_TAGS_MAX && state->query.tags[i]; i++) {
		uint32_t tag = tag_value(state->query.tags[i]);
		state->tags[state->tag_count++] = tag;
		state->tags[state->tag_count++] = tag | (uint32_t)PROTECTED;
	}
	const struct tag_table *shared = shared_table(run, SHARED_TAGS, known_tags_find, tags_drop);
	if (!shared)
		return false;
	if (has_all(shared, state)) {
		state->hits = shared->list.items;
		state->hit_count = shared->list.count;
		return true;
	}
	struct tag_table *own = tags_find(run, tags_begin(run, state->tags, state->tag_count));
	size_t count = own ? own->list.count : 0;
	struct hit *hits = ei_alloc(run->scratch, (count + 1) * sizeof *hits);
	if (hits && count)
		memcpy(hits, own->list.items, count * sizeof *hits);
	state->hits = hits;
	state->hit_count = hits ? count : 0;
	tags_drop(own);
	return hits != NULL;
}

ei_iter pool_objects(ei_run *run, const struct pool_query *query)
{
	struct pool_state *state = ei_alloc(run->scratch, sizeof *state);
	if (!state)
		return iter_empty(run, query->type);
	state->query = *query;
	state->header = ei_handle(run, pool_header);
	state->object = ei_handle(run, object_header);
	state->unit = 2 * ei_pointer_size(run);
	state->header_size = state->unit;
	state->types = object_types_read(run);
	if (query->listed)
		qsort(query->listed, query->listed_count, sizeof *query->listed, compare_nodes);
	if (!hits_get(run, state))
		return iter_empty(run, query->type);
	(void)kernel_map(run); // its notes, before the first row
	return (ei_iter){ .run = run,
		.advance = pool_advance,
		.state = state,
		.type = query->type->type,
		.mark = ei_arena_mark(run->scratch) };
}

ei_iter ei_pool_hits(ei_run *run, const ei_pool_wish *wish)
{
	struct pool_query query = {
		.tags = { wish->tag },
		.least = wish->least,
		.has_header = wish->has_header,
		.object_type = wish->object_type,
		.type = wish->type,
	};
	return pool_objects(run, &query);
}

uint64_t ei_pool_block(const ei_iter *it)
{
	const struct pool_state *state = it->state;
	return it->advance == pool_advance ? state->block_at : 0;
}

ei_val ei_scan_offset(ei_run *run, const ei_obj *object)
{
	uint64_t cookie;
	if (run->session->compat_vol3 && !ei_symbol(run, "ObHeaderCookie", &cookie))
		return ei_physical(run, object);
	return ei_addr(object->va);
}
