// Profiles over flat blocks: loading, sharing, asking.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "profile/pdb.h"

#include <stdatomic.h>
#include <stdlib.h>

struct profile {
	atomic_uint references;
	void *block; // freed with the profile; NULL: it is part of the binary
	char *origin;
	struct flat flat;
	const struct flat_build *build;
	const struct flat_layout *layout;
	// Symbols in place of the block's, by name; then `types` owns the block.
	struct profile *types;
	struct symbol_at *symbols;
	size_t symbol_count;
	const struct flat_layout *lent; // has the types of these names; NULL: none
	const char *const *lent_types;
	struct type_shift shifts[TYPE_SHIFTS_MAX];
	size_t shift_count;
};

// ---- making ---------------------------------------------------------------------------------
ei_error *profile_create(const struct flat *flat, uint32_t build, void *block, const char *origin,
	struct profile **out)
{
	struct profile *profile = calloc(1, sizeof *profile);
	char *copy = strdup(origin);
	if (!profile || !copy) {
		free(profile);
		free(copy);
		return ei_fail(EI_E_NOMEM, "loading profile '%s'", origin);
	}
	atomic_init(&profile->references, 1);
	profile->block = block;
	profile->origin = copy;
	profile->flat = *flat;
	profile->build = &flat->builds[build];
	profile->layout = &flat->layouts[profile->build->layout];
	*out = profile;
	return NULL;
}

struct profile *profile_ref(struct profile *profile)
{
	atomic_fetch_add_explicit(&profile->references, 1, memory_order_relaxed);
	return profile;
}

void profile_unref(struct profile *profile)
{
	if (!profile)
		return;
	if (atomic_fetch_sub_explicit(&profile->references, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < profile->symbol_count; i++)
		free((char *)profile->symbols[i].name);
	free(profile->symbols);
	profile_unref(profile->types);
	free(profile->origin);
	free(profile->block);
	free(profile);
}

ei_error *profile_from_block(struct bytes *block, const char *origin, struct profile **out)
{
	struct flat flat;
	EI_TRY(flat_open(block->data, block->size, &flat));
	if (!flat.header->count[FLAT_BUILDS])
		return ei_fail(EI_E_FORMAT, "flat profile describes no build");
	EI_TRY(profile_create(&flat, 0, block->data, origin, out));
	*block = (struct bytes){ 0 };
	return NULL;
}

const void *profile_block(const struct profile *profile, size_t *size_bytes)
{
	*size_bytes = profile->flat.header->size;
	return profile->flat.header;
}

const struct flat_layout *profile_layout(const struct profile *profile, struct flat *flat)
{
	*flat = profile->flat;
	return profile->layout;
}

static ei_error *read_isf(struct flat_builder *builder, const void *isf, size_t size_bytes)
{
	BYTES_OWNED json = { 0 };
	EI_TRY(bytes_unpack(isf, size_bytes, &json));
	return isf_read(builder, (char *)json.data, json.size, ISF_WHOLE);
}

static ei_error *parse(const void *file, size_t size_bytes, const char *name, struct profile **out)
{
	BYTES_OWNED block = { 0 };
	EI_OWNED(flat_builder) builder = NULL;
	EI_TRY(flat_builder_create(&builder));
	if (msf_is_signature(file, size_bytes))
		EI_TRY(pdb_read(builder, file, size_bytes, name));
	else
		EI_TRY(read_isf(builder, file, size_bytes));
	EI_TRY(flat_builder_finish(builder, (void **)&block.data, &block.size));
	return profile_from_block(&block, name, out);
}

ei_error *profile_parse(const void *file, size_t size_bytes, const char *name, struct profile **out)
{
	EI_TRY_IN(parse(file, size_bytes, name, out), "reading symbol file '%s'", name);
	return NULL;
}

ei_error *profile_load(const char *path, struct profile **out)
{
	BYTES_OWNED file = { 0 };
	EI_TRY(file_read(path, ISF_MAX, &file));
	return profile_parse(file.data, file.size, path, out);
}

// ---- other symbols --------------------------------------------------------------------------
static int compare_symbols(const void *a, const void *b)
{
	const struct symbol_at *left = a, *right = b;
	return strcmp(left->name, right->name);
}

ei_error *profile_with_symbols(
	struct profile *types, const struct symbol_at *symbols, size_t count, struct profile **out)
{
	EI_OWNED(profile) profile = NULL;
	uint32_t build = (uint32_t)(types->build - types->flat.builds);
	EI_TRY(profile_create(&types->flat, build, NULL, types->origin, &profile));
	profile->types = profile_ref(types);
	profile_shift(profile, types->shifts, types->shift_count);
	profile->symbols = calloc(count + 1, sizeof *profile->symbols);
	if (!profile->symbols)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		char *name = strdup(symbols[i].name);
		if (!name)
			return ei_fail(EI_E_NOMEM, "out of memory");
		profile->symbols[profile->symbol_count++] =
			(struct symbol_at){ name, symbols[i].rva };
	}
	qsort(profile->symbols, count, sizeof *profile->symbols, compare_symbols);
	*out = EI_GIVE(profile);
	return NULL;
}

bool profile_lend(struct profile *profile, const struct profile *lender, const char *const *types)
{
	if (!profile->types || profile->flat.header != lender->flat.header)
		return false;
	profile->lent = lender->layout;
	profile->lent_types = types;
	return true;
}

void profile_shift(struct profile *profile, const struct type_shift *shifts, size_t count)
{
	profile->shift_count = MIN(count, (size_t)TYPE_SHIFTS_MAX);
	for (size_t i = 0; i < profile->shift_count; i++)
		profile->shifts[i] = shifts[i];
}

// ---- asking ---------------------------------------------------------------------------------
static const char *string_of(const struct profile *profile, uint32_t at)
{
	return profile->flat.strings + at;
}

struct profile_info profile_info(const struct profile *profile)
{
	const struct flat_build *build = profile->build;
	bool own = !profile->symbols; // a GUID names a block's symbols, not others
	return (struct profile_info){
		.name = string_of(profile, build->name),
		.origin = profile->origin,
		.pdb = own ? string_of(profile, build->pdb) : "",
		.guid = own ? string_of(profile, build->guid) : "",
		.age = own ? build->age : 0,
		.version = string_of(profile, build->version),
		.pointer_size = profile->layout->pointer_size,
		.type_count = profile->layout->type_count,
		.symbol_count = own ? build->symbol_count : (uint32_t)profile->symbol_count,
	};
}

static bool is_lent(const struct profile *profile, const char *type)
{
	for (const char *const *name = profile->lent_types; name && *name; name++)
		if (!strcmp(*name, type))
			return true;
	return false;
}

static const struct flat_type *find_type(const struct profile *profile, const char *type)
{
	const struct flat_layout *layout = is_lent(profile, type) ? profile->lent : profile->layout;
	return flat_find_type(&profile->flat, layout, type, strlen(type));
}

bool profile_has_type(const struct profile *profile, const char *type)
{
	return find_type(profile, type);
}

bool profile_first_type(const struct profile *profile, const char *names, char *out, size_t room)
{
	while (names_next(&names, out, room))
		if (find_type(profile, out))
			return true;
	return false;
}

uint32_t profile_type_size(const struct profile *profile, const char *type)
{
	const struct flat_type *found = find_type(profile, type);
	return found ? found->size : 0;
}

static uint32_t shifted(const struct profile *profile, const char *type, uint32_t offset)
{
	for (size_t i = 0; i < profile->shift_count; i++) {
		const struct type_shift *shift = &profile->shifts[i];
		if (offset >= shift->from && offset < shift->to && !strcmp(shift->type, type))
			return offset + (uint32_t)shift->delta;
	}
	return offset;
}

static struct member member_view(
	const struct profile *profile, const char *type, const struct flat_member *member)
{
	const struct flat_ref *ref = &profile->flat.refs[member->ref];
	return (struct member){
		.offset = shifted(profile, type, member->offset),
		.size = ref->size,
		.kind = ref->kind,
		.element_kind = ref->element_kind,
		.element_size = ref->element_size,
		.count = ref->count,
		.bit = ref->bit,
		.width = ref->width,
		.target = string_of(profile, ref->target),
	};
}

bool profile_member(
	const struct profile *profile, const char *type, const char *path, struct member *out)
{
	struct member member = { .kind = MEMBER_STRUCT, .target = type };
	uint64_t offset = 0;
	for (const char *step = path;; step++) {
		size_t length = strcspn(step, ".");
		if (member.kind != MEMBER_STRUCT)
			return false;
		const struct flat_type *owner = find_type(profile, member.target);
		const struct flat_member *found =
			owner ? flat_find_member(&profile->flat, owner, step, length) : NULL;
		if (!found)
			return false;
		member = member_view(profile, member.target, found);
		offset += member.offset;
		step += length;
		if (!*step)
			break;
	}
	if (offset > UINT32_MAX)
		return false;
	member.offset = (uint32_t)offset;
	*out = member;
	return true;
}

bool profile_member_at(const struct profile *profile, const char *type, uint32_t index,
	const char **name, struct member *out)
{
	const struct flat_type *found = find_type(profile, type);
	if (!found || index >= found->count)
		return false;
	const struct flat_member *member = &profile->flat.members[found->first + index];
	*name = string_of(profile, member->name);
	*out = member_view(profile, type, member);
	return true;
}

const char *profile_type_at(const struct profile *profile, uint32_t index)
{
	if (index >= profile->layout->type_count)
		return NULL;
	uint32_t id = profile->flat.layout_types[profile->layout->first_type + index];
	return string_of(profile, profile->flat.types[id].name);
}

bool profile_same_types(const struct profile *a, const struct profile *b)
{
	return a->layout == b->layout;
}

static uint64_t symbol_address(const struct flat_symbol *symbol)
{
	return (uint64_t)symbol->high << 32 | symbol->low;
}

bool profile_symbol(const struct profile *profile, const char *name, uint64_t *rva)
{
	if (profile->symbols) {
		struct symbol_at key = { .name = name };
		const struct symbol_at *other = bsearch(
			&key, profile->symbols, profile->symbol_count, sizeof key, compare_symbols);
		if (other)
			*rva = other->rva;
		return other;
	}
	const struct flat_symbol *found = flat_find_symbol(&profile->flat, profile->build, name);
	if (!found)
		return false;
	*rva = symbol_address(found);
	return true;
}

const char *profile_symbol_at(const struct profile *profile, uint32_t index, uint64_t *rva)
{
	if (index >= profile_info(profile).symbol_count)
		return NULL;
	if (profile->symbols) {
		*rva = profile->symbols[index].rva;
		return profile->symbols[index].name;
	}
	const struct flat_symbol *symbol =
		&profile->flat.symbols[profile->build->first_symbol + index];
	*rva = symbol_address(symbol);
	return string_of(profile, symbol->name);
}

static bool constant_value(const struct profile *profile, const struct flat_enum *enumeration,
	const char *name, int64_t *value)
{
	const struct flat_constant *found = flat_find_constant(&profile->flat, enumeration, name);
	if (!found)
		return false;
	*value = (int64_t)((uint64_t)found->high << 32 | found->low);
	return true;
}

bool profile_constant(
	const struct profile *profile, const char *enumeration, const char *name, int64_t *value)
{
	const struct flat *flat = &profile->flat;
	const struct flat_layout *layout = profile->layout;
	if (*enumeration) {
		const struct flat_enum *found = flat_find_enum(flat, layout, enumeration);
		return found && constant_value(profile, found, name, value);
	}
	for (uint32_t i = 0; i < layout->enum_count; i++) {
		uint32_t id = flat->layout_enums[layout->first_enum + i];
		if (constant_value(profile, &flat->enums[id], name, value))
			return true;
	}
	return false;
}
