// Where members lie, by what all objects show: for builds that moved some of a layout's members.
//
// A clue says of one object whether a member can lie at an offset. An offset stands when no object
// contradicts it and enough confirm it; a member is moved when the layout's own offset does not
// stand and exactly one other does. Members between two that moved equally far moved with them.
// SPDX-License-Identifier: Apache-2.0
#include "win/nearest_herd.h"

#include <eidetic/system.h>
#include <stdlib.h>

enum {
	REACH = 0x200, // bytes that a member is looked for before and behind its place
	PLACES_MAX = 16,
	MEMBERS_MAX = 24,
	SHIFT_ARENA_MAX = 4 << 20,
	PID_SYSTEM = 4,
	PID_MAX = 1 << 26,
	NAME_BYTES = 15, // of ImageFileName
	THREADS_MAX = 512,
	STRING_MAX = 0x2000,
	ALLOCATION_MASK = 0xffff,
	PAGE_MASK = 0xfff,
	REGISTRY_PATH = 9, // characters of "\REGISTRY"
};

static const uint64_t time_minute = 600000000;
static const uint64_t time_year = 315576000000000;

// What one object says of one place.
enum opinion { CONTRADICTS, ALLOWS, CONFIRMS };

struct clue {
	const char *type, *member;
	enum opinion (*ask)(const struct herd *herd, uint32_t object, uint32_t offset);
	// Of four objects so many must confirm; 0: one of all.
	uint32_t quarters;
	// What others need to know is kept by this, once the place is known.
	void (*keep)(struct herd *herd, uint32_t object, uint32_t offset);
};

static enum opinion opinion_of(bool allows, bool confirms)
{
	return !allows ? CONTRADICTS : confirms ? CONFIRMS : ALLOWS;
}

// ---- reading --------------------------------------------------------------------------------
static size_t read_at(
	const struct herd *herd, const struct space *space, uint64_t va, void *buffer, size_t size)
{
	return space_read(space, herd->wish->reader, va, buffer, size, NULL);
}

static const struct space *kernel_of(const struct herd *herd)
{
	return &herd->wish->session->identity.kernel;
}

static bool is_user(const struct herd *herd, uint64_t va)
{
	return va && va <= kernel_of(herd)->mode->user_end;
}

static bool has_mz(const struct herd *herd, uint32_t object, uint64_t va)
{
	uint8_t magic[2];
	return read_at(herd, &herd->space[object], va, magic, 2) == 2 && !memcmp(magic, "MZ", 2);
}

static bool is_recent(const struct herd *herd, uint64_t time)
{
	return time <= herd->now + 10 * time_minute && time + 20 * time_year > herd->now;
}

static bool is_pid(const struct herd *herd, uint64_t pid)
{
	for (uint32_t i = 0; i < herd->count; i++)
		if (herd->pid[i] == pid)
			return true;
	return false;
}

// ---- clues on processes ---------------------------------------------------------------------
static enum opinion ask_pid(const struct herd *herd, uint32_t i, uint32_t offset)
{
	bool same = herd_pointer(herd, i, offset) == herd->pid[i];
	return opinion_of(same, same);
}

static enum opinion ask_link(const struct herd *herd, uint32_t i, uint32_t offset)
{
	return ask_pid(herd, i, offset - herd->pointer_size);
}

static enum opinion ask_name(const struct herd *herd, uint32_t i, uint32_t offset)
{
	if (!span_inside(offset, NAME_BYTES, HERD_WINDOW))
		return CONTRADICTS;
	const char *name = (const char *)herd->bytes[i] + offset;
	size_t length = strnlen(name, NAME_BYTES);
	for (size_t c = 0; c < length; c++)
		if (name[c] < ' ' || name[c] > '~')
			return CONTRADICTS;
	bool fits = length && (herd->pid[i] != PID_SYSTEM || !strncmp(name, "System", 7));
	return opinion_of(fits, fits);
}

static enum opinion ask_parent(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t parent = herd_pointer(herd, i, offset);
	if (herd->pid[i] == PID_SYSTEM)
		return opinion_of(!parent, true);
	bool allows = parent && parent % 4 == 0 && parent < PID_MAX && parent != herd->pid[i];
	return opinion_of(allows, allows && is_pid(herd, parent));
}

static enum opinion ask_created(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t time = herd_u64(herd, i, offset);
	if (herd->pid[i] == PID_SYSTEM) // before Windows Vista it has none
		return opinion_of(!time || is_recent(herd, time), true);
	return opinion_of(is_recent(herd, time), true);
}

static void keep_created(struct herd *herd, uint32_t i, uint32_t offset)
{
	herd->created[i] = herd_u64(herd, i, offset);
}

static enum opinion ask_exited(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t time = herd_u64(herd, i, offset), created = herd->created[i];
	return opinion_of(!time || (is_recent(herd, time) && created && time > created), time);
}

static enum opinion ask_peb(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t peb = herd_pointer(herd, i, offset);
	struct member base;
	uint8_t bytes[8] = { 0 };
	bool allows = !peb || (is_user(herd, peb) && !(peb & PAGE_MASK));
	if (herd->pid[i] == PID_SYSTEM || !allows || !peb)
		return opinion_of(!peb || (allows && herd->pid[i] != PID_SYSTEM), false);
	if (!profile_member(herd->types, "_PEB", "ImageBaseAddress", &base) ||
		read_at(herd, &herd->space[i], peb + base.offset, bytes, herd->pointer_size) !=
			herd->pointer_size)
		return ALLOWS;
	uint64_t image = herd->pointer_size == 8 ? load_u64(bytes) : load_u32(bytes);
	bool fits = is_user(herd, image) && !(image & ALLOCATION_MASK);
	return opinion_of(fits, fits);
}

static enum opinion ask_section(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t base = herd_pointer(herd, i, offset);
	bool allows = !base || (is_user(herd, base) && !(base & ALLOCATION_MASK));
	return opinion_of(allows, allows && base && has_mz(herd, i, base));
}

// The table names its process by id.
static enum opinion ask_handles(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t table = herd_pointer(herd, i, offset);
	struct member owner;
	if (!table)
		return ALLOWS;
	if (!herd_is_kernel(herd, table))
		return CONTRADICTS;
	if (!profile_member(herd->types, "_HANDLE_TABLE", "UniqueProcessId", &owner))
		return ALLOWS;
	uint64_t pid = herd_follow(herd, table + owner.offset) & UINT32_MAX;
	return opinion_of(true, pid == herd->pid[i]);
}

// Length, room and buffer of a counted string in the kernel; the first characters go to `start`.
static enum opinion ask_string(
	const struct herd *herd, const uint8_t *string, char *start, size_t characters)
{
	uint32_t length = load_u16(string), room = load_u16(string + 2);
	uint64_t buffer = herd->pointer_size == 8 ? load_u64(string + 8) : load_u32(string + 4);
	uint8_t units[2 * STRING_MAX / 512];
	if (!length && !buffer)
		return ALLOWS;
	if (length % 2 || length > room || room > STRING_MAX || !herd_is_kernel(herd, buffer))
		return CONTRADICTS;
	size_t want = MIN(MIN((size_t)length, 2 * characters), sizeof units);
	if (!length || read_at(herd, kernel_of(herd), buffer, units, want) != want)
		return ALLOWS;
	for (size_t c = 0; c < want / 2; c++) {
		start[c] = (char)units[2 * c];
		if (units[2 * c + 1] || units[2 * c] < ' ')
			return CONTRADICTS;
	}
	start[want / 2] = 0;
	return CONFIRMS;
}

static enum opinion ask_audit(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t name = herd_pointer(herd, i, offset);
	uint8_t string[16];
	char start[8] = "";
	if (!name)
		return ALLOWS;
	if (!herd_is_kernel(herd, name))
		return CONTRADICTS;
	if (read_at(herd, kernel_of(herd), name, string, sizeof string) != sizeof string)
		return ALLOWS;
	enum opinion opinion = ask_string(herd, string, start, 1);
	return opinion == CONFIRMS ? opinion_of(*start == '\\' || herd->pid[i] == PID_SYSTEM, true)
				   : opinion;
}

// Nodes of a list that begins there, are no processes and lead back; -1: there is no such list.
static int32_t list_length(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t head = herd->at[i] + offset, node = herd_pointer(herd, i, offset);
	int32_t length = 0;
	for (uint64_t before = head; node != head && length < THREADS_MAX; length++) {
		if (!herd_is_kernel(herd, node) ||
			herd_follow(herd, node + herd->pointer_size) != before)
			return -1;
		before = node;
		node = herd_follow(herd, node);
	}
	for (uint32_t p = 0; length && p < herd->count; p++)
		if (herd_pointer(herd, i, offset) == herd->at[p] + offset)
			return -1;
	return length;
}

static enum opinion ask_thread_list(const struct herd *herd, uint32_t i, uint32_t offset)
{
	int32_t length = list_length(herd, i, offset);
	return opinion_of(length >= 0, length > 0);
}

static void keep_threads(struct herd *herd, uint32_t i, uint32_t offset)
{
	herd->threads[i] = (uint64_t)MAX(list_length(herd, i, offset), 0);
}

static enum opinion ask_thread_count(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t count = herd_u32(herd, i, offset);
	return opinion_of(count <= herd->threads[i] || herd->threads[i] == THREADS_MAX,
		count && count == herd->threads[i]);
}

// The tree's root has a pool tag; that of the older trees, which are tables, leads back to it: the
// table has a pointer to another node too.
static enum opinion ask_vads(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint32_t back = herd->pointer_size == 8 ? 12 : 4;
	struct member root;
	uint8_t tag[3];
	bool is_table = profile_member(herd->types, "_EPROCESS", "VadRoot.BalancedRoot", &root);
	uint32_t right = is_table ? 2 * herd->pointer_size : 0;
	uint64_t node = herd_pointer(herd, i, offset + right);
	if (!node)
		return ALLOWS;
	if (!herd_is_kernel(herd, node))
		return CONTRADICTS;
	if (is_table) {
		uint64_t parent = herd_follow(herd, node) & ~(uint64_t)VAD_PARENT_FLAGS;
		return opinion_of(parent == herd->at[i] + offset, true);
	}
	return opinion_of(true,
		read_at(herd, kernel_of(herd), node - back, tag, 3) == 3 && !memcmp(tag, "Vad", 3));
}

// ---- clues on hives -------------------------------------------------------------------------
static enum opinion ask_hive_name(
	const struct herd *herd, uint32_t i, uint32_t offset, bool of_registry)
{
	char start[REGISTRY_PATH + 1] = "";
	uint32_t size = herd->pointer_size * 2;
	if (!span_inside(offset, size, HERD_WINDOW))
		return CONTRADICTS;
	enum opinion opinion = ask_string(herd, herd->bytes[i] + offset, start, REGISTRY_PATH);
	if (opinion != CONFIRMS)
		return opinion;
	return opinion_of(*start == '\\' && !strcmp(start, "\\REGISTRY") == of_registry, true);
}

static enum opinion ask_file(const struct herd *herd, uint32_t i, uint32_t offset)
{
	return ask_hive_name(herd, i, offset, false);
}

static enum opinion ask_mount(const struct herd *herd, uint32_t i, uint32_t offset)
{
	return ask_hive_name(herd, i, offset, true);
}

static enum opinion ask_base_block(const struct herd *herd, uint32_t i, uint32_t offset)
{
	uint64_t block = herd_pointer(herd, i, offset);
	uint8_t magic[4];
	if (!herd_is_kernel(herd, block))
		return CONTRADICTS;
	if (read_at(herd, kernel_of(herd), block, magic, 4) != 4)
		return ALLOWS;
	bool fits = !memcmp(magic, "regf", 4);
	return opinion_of(fits, fits);
}

static enum opinion ask_storage(const struct herd *herd, uint32_t i, uint32_t offset)
{
	struct member length, map;
	if (!profile_member(herd->types, "_DUAL", "Length", &length) ||
		!profile_member(herd->types, "_DUAL", "Map", &map))
		return CONTRADICTS;
	uint32_t bytes = herd_u32(herd, i, offset + length.offset);
	bool fits = bytes && !(bytes & PAGE_MASK) &&
		    herd_is_kernel(herd, herd_pointer(herd, i, offset + map.offset));
	return opinion_of(fits, fits);
}

// clang-format off
// Those that others need stand before them.
static const struct clue process_clues[] = {
	{ "_EPROCESS", "UniqueProcessId",              ask_pid,          4, NULL },
	{ "_EPROCESS", "ActiveProcessLinks",           ask_link,         4, NULL },
	{ "_EPROCESS", "ImageFileName",                ask_name,         4, NULL },
	{ "_EPROCESS", "InheritedFromUniqueProcessId", ask_parent,       2, NULL },
	{ "_EPROCESS", "CreateTime",                   ask_created,      4, keep_created },
	{ "_EPROCESS", "ExitTime",                     ask_exited,       0, NULL },
	{ "_EPROCESS", "Peb",                          ask_peb,          2, NULL },
	{ "_EPROCESS", "SectionBaseAddress",           ask_section,      2, NULL },
	{ "_EPROCESS", "ObjectTable",                  ask_handles,      3, NULL },
	{ "_EPROCESS", "SeAuditProcessCreationInfo",   ask_audit,        2, NULL },
	{ "_EPROCESS", "ThreadListHead",               ask_thread_list,  3, keep_threads },
	{ "_EPROCESS", "ActiveThreads",                ask_thread_count, 3, NULL },
	{ "_EPROCESS", "VadRoot",                      ask_vads,         2, NULL },
};
static const struct clue hive_clues[] = {
	{ "_HHIVE",  "BaseBlock",    ask_base_block, 4, NULL },
	{ "_HHIVE",  "Storage",      ask_storage,    4, NULL },
	{ "_CMHIVE", "FileFullPath", ask_file,       0, NULL },
	{ "_CMHIVE", "FileUserName", ask_file,       0, NULL },
	{ "_CMHIVE", "HiveRootPath", ask_mount,      0, NULL },
};
// clang-format on

// ---- places ---------------------------------------------------------------------------------
// A member with a clue, and where it can be.
struct sought {
	const struct clue *clue;
	struct member member; // by the layout
	uint32_t places[PLACES_MAX];
	uint32_t place_count;
	bool is_known;
	int32_t delta; // where known
};

static bool stands(const struct herd *herd, const struct clue *clue, uint32_t offset)
{
	uint32_t confirmed = 0;
	for (uint32_t i = 0; i < herd->count; i++) {
		enum opinion opinion = clue->ask(herd, i, offset);
		if (opinion == CONTRADICTS)
			return false;
		confirmed += opinion == CONFIRMS;
	}
	return confirmed && confirmed * 4 >= herd->count * clue->quarters;
}

static void settle(struct herd *herd, struct sought *s, uint32_t place)
{
	s->is_known = true;
	s->delta = (int32_t)(place - s->member.offset);
	for (uint32_t i = 0; s->clue->keep && i < herd->count; i++)
		s->clue->keep(herd, i, place);
}

static bool is_other(const struct sought *s, const struct sought *other)
{
	return s->member.offset != other->member.offset &&
	       !strcmp(s->clue->type, other->clue->type);
}

static bool is_known_place(const struct sought *all, size_t count, const struct sought *s)
{
	for (size_t i = 0; i < count; i++)
		if (is_other(s, &all[i]) && all[i].is_known &&
			all[i].member.offset + (uint32_t)all[i].delta == s->places[0])
			return true;
	return false;
}

// Whether another member is known to lie there, or has nowhere else to be.
static bool is_claimed(
	const struct sought *all, size_t count, const struct sought *s, uint32_t place)
{
	for (size_t i = 0; i < count; i++)
		if (is_other(s, &all[i]) && !all[i].is_known && all[i].place_count == 1 &&
			all[i].places[0] == place)
			return true;
	return is_known_place(all, count, s);
}

static uint32_t place_distance(const struct sought *s)
{
	return (uint32_t)abs((int32_t)(s->places[0] - s->member.offset));
}

static void seek(struct herd *herd, struct sought *s)
{
	uint32_t place = s->member.offset, step = MIN(s->member.size, herd->pointer_size);
	uint32_t first = place > REACH ? place - REACH : 0;
	step = step < 4 || s->clue->ask == ask_name ? 4 : step;
	s->place_count = 0;
	for (uint32_t at = first - first % step + place % step;
		at < place + REACH && s->place_count < PLACES_MAX; at += step)
		if (stands(herd, s->clue, at))
			s->places[s->place_count++] = at;
}

// ---- from members to shifts -----------------------------------------------------------------
static int compare_sought(const void *a, const void *b)
{
	const struct sought *x = a, *y = b;
	int types = strcmp(x->clue->type, y->clue->type);
	if (types)
		return types;
	return (x->member.offset > y->member.offset) - (x->member.offset < y->member.offset);
}

static const struct sought *known_neighbour(
	const struct sought *all, size_t count, size_t at, int direction)
{
	const char *type = all[at].clue->type;
	for (size_t i = at + (size_t)direction; i < count; i += (size_t)direction) {
		if (strcmp(all[i].clue->type, type) != 0)
			return NULL;
		if (all[i].is_known)
			return &all[i];
	}
	return NULL;
}

// Of several places that which a neighbour's move leads to.
static void settle_by_neighbours(struct herd *herd, struct sought *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (int direction = -1; direction <= 1; direction += 2) {
			const struct sought *other = known_neighbour(all, count, i, direction);
			for (uint32_t p = 0; other && !all[i].is_known && p < all[i].place_count;
				p++)
				if ((int32_t)(all[i].places[p] - all[i].member.offset) ==
					other->delta)
					settle(herd, &all[i], all[i].places[p]);
		}
	}
}

static void shift_add(struct shifts *shifts, const struct sought *s, uint32_t from, uint32_t to)
{
	if (s->delta && from < to && shifts->count < TYPE_SHIFTS_MAX)
		shifts->of[shifts->count++] =
			(struct type_shift){ s->clue->type, from, to, s->delta };
}

// Each known member by itself; with what lies between it and the next one where that moved alike,
// and with all that follows where it is the last.
static void shifts_make(
	ei_arena *arena, const struct sought *all, size_t count, struct shifts *shifts)
{
	for (size_t i = 0; i < count; i++) {
		const struct sought *s = &all[i], *next = known_neighbour(all, count, i, 1);
		uint32_t to = s->member.offset + MAX(s->member.size, 1u);
		if (!s->is_known || !s->delta)
			continue;
		if (!next)
			to = UINT32_MAX;
		else if (next->delta == s->delta)
			to = MAX(next->member.offset, to);
		shift_add(shifts, s, s->member.offset, to);
		const char *text = ei_text(arena, "%s%s%s %s0x%x", shifts->text ? shifts->text : "",
			shifts->text ? ", " : "", s->clue->member, s->delta < 0 ? "-" : "+",
			(unsigned)abs(s->delta));
		shifts->text = text ? text : shifts->text;
	}
}

static void seek_all(struct herd *herd, struct sought *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!all[i].is_known)
			seek(herd, &all[i]);
	for (size_t i = 0; i < count; i++)
		if (!all[i].is_known && all[i].place_count == 1 &&
			!is_claimed(all, count, &all[i], all[i].places[0]))
			settle(herd, &all[i], all[i].places[0]);
}

// Of two members that each have one place, the same, that which it is nearer to.
static void settle_by_distance(struct herd *herd, struct sought *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sought *s = &all[i], *nearer = NULL;
		for (size_t j = i; !s->is_known && s->place_count == 1 && j < count; j++) {
			struct sought *other = &all[j];
			if (other->is_known || other->place_count != 1 ||
				other->places[0] != s->places[0])
				continue;
			if (!nearer || place_distance(other) < place_distance(nearer))
				nearer = other;
		}
		if (nearer && !is_known_place(all, count, nearer))
			settle(herd, nearer, nearer->places[0]);
	}
}

static void shifts_of(struct herd *herd, const struct clue *clues, size_t clue_count,
	struct sought *all, size_t *count)
{
	for (size_t i = 0; i < clue_count && *count < MEMBERS_MAX; i++) {
		struct sought s = { .clue = &clues[i] };
		if (!profile_member(herd->types, s.clue->type, s.clue->member, &s.member))
			continue;
		if (stands(herd, s.clue, s.member.offset))
			settle(herd, &s, s.member.offset);
		all[(*count)++] = s;
	}
	qsort(all, *count, sizeof *all, compare_sought);
	// What the first round finds, some clues of the second need.
	for (int round = 0; round < 2; round++) {
		seek_all(herd, all, *count);
		settle_by_neighbours(herd, all, *count);
	}
	settle_by_distance(herd, all, *count);
}

// The links are known already: they are what the hives were found by.
static void seek_hive_links(
	const struct herd *herd, uint32_t link, struct sought *all, size_t *count)
{
	static const struct clue links = { "_CMHIVE", "HiveList", NULL, 0, NULL };
	struct sought s = { .clue = &links, .is_known = true };
	if (!profile_member(herd->types, links.type, links.member, &s.member))
		return;
	s.delta = (int32_t)(link - s.member.offset);
	all[(*count)++] = s;
}

static uint64_t time_now(const struct nearest_wish *wish, ei_arena *arena)
{
	ei_run run = {
		.session = wish->session, .reader = wish->reader, .scratch = arena, .arena = arena
	};
	ei_val now = ei_system_read(&run).time;
	return ei_has(now) ? now.u : 0;
}

ei_error *shifts_find(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, struct shifts *out)
{
	struct shifts shifts = { 0 };
	struct herd herd;
	uint32_t link;
	EI_OWNED(ei_arena) arena = NULL;
	EI_TRY(ei_arena_create(SHIFT_ARENA_MAX, &arena));
	if (herd_processes(wish, globals, types, arena, &herd, &link) && herd.count > 2) {
		struct sought all[MEMBERS_MAX];
		size_t count = 0;
		herd.now = time_now(wish, arena);
		shifts_of(&herd, process_clues, ARRAY_LENGTH(process_clues), all, &count);
		shifts_make(wish->session->arena, all, count, &shifts);
	}
	if (herd_hives(wish, globals, types, arena, &herd, &link)) {
		struct sought all[MEMBERS_MAX];
		size_t count = 0;
		seek_hive_links(&herd, link, all, &count);
		shifts_of(&herd, hive_clues, ARRAY_LENGTH(hive_clues), all, &count);
		shifts_make(wish->session->arena, all, count, &shifts);
	}
	*out = shifts;
	return NULL;
}
