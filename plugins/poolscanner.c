// poolscanner: blocks of the kernel's pool by any tag, live or freed.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <eidetic/win.h>
#include <string.h>

enum { TAG, OFFSET, PHYSICAL, SIZE, POOL, PROTECTED, COLUMNS };
enum { OPT_TAG, OPT_LEAST };
enum { TAG_LENGTH = 4, PROTECTED_BIT = 0x80, VISTA = 6 };

// clang-format off
#define HEADER_FIELDS(F, ALT)                                                                      \
	F(BlockSize, UINT, MAY)                                                                    \
	F(PoolType,  UINT, MAY)                                                                    \
	F(PoolTag,   BYTES, MAY)
EI_TYPE(header, "_POOL_HEADER", HEADER_FIELDS);

// What lies behind the header is anybody's.
#define BODY_FIELDS(F, ALT)                                                                        \
	F(Flink, PTR, MAY)
EI_TYPE(body, "_LIST_ENTRY", BODY_FIELDS);

static const ei_column columns[COLUMNS] = {
	[TAG]       = { "tag",       EI_STR,  "tag of the block" },
	[OFFSET]    = { "offset",    EI_ADDR, "address of its _POOL_HEADER: the kernel's, or physical where it has none" },
	[PHYSICAL]  = { "physical",  EI_ADDR, "physical address of its _POOL_HEADER" },
	[SIZE]      = { "size",      EI_HEX,  "bytes of the block" },
	[POOL]      = { "pool",      EI_STR,  "paged, nonpaged or free" },
	[PROTECTED] = { "protected", EI_BOOL, "whoever frees it must name the tag" },
};

static const ei_option options[] = {
	[OPT_TAG]   = { "tag",   EI_STR,  EI_MANY | EI_POSITIONAL, "tags to look for: four characters each" },
	[OPT_LEAST] = { "least", EI_UINT, 0,                       "only blocks of at least so many bytes" },
};
// clang-format on

// Zero is free. Windows Vista put a bit beside the kind of pool; before, one was added to it.
static ei_val pool_text(ei_val type, bool is_vista)
{
	if (!ei_has(type))
		return type;
	return ei_str(!type.u ? "free" : (type.u & 1) == is_vista ? "paged" : "nonpaged");
}

static void block_emit(ei_run *r, const body *found, const char *tag, bool is_vista)
{
	uint32_t unit = 2 * ei_pointer_size(r); // a header is one, sizes are counted in them
	header h = ei_at_in(r, found->obj.space, header, found->obj.va - unit);
	ei_val size = ei_get(h, BlockSize), bytes = ei_get(h, PoolTag);
	ei_emit(r, (ei_val[COLUMNS]){
			   [TAG] = ei_str(tag),
			   [OFFSET] = ei_addr(h.obj.va),
			   [PHYSICAL] = ei_physical(r, &h.obj),
			   [SIZE] = ei_has(size) ? ei_hex(size.u * unit) : size,
			   [POOL] = pool_text(ei_get(h, PoolType), is_vista),
			   [PROTECTED] = ei_has(bytes) && bytes.length == TAG_LENGTH
						 ? ei_bool(bytes.b[TAG_LENGTH - 1] & PROTECTED_BIT)
						 : bytes,
		   });
}

static ei_error *run(ei_run *r)
{
	size_t count = ei_opt_count(r, OPT_TAG);
	bool is_vista = ei_u64_or(ei_system_read(r).major, VISTA) >= VISTA;
	if (!count)
		return ei_fail(
			EI_E_USAGE, "poolscanner: which tags? for instance: poolscanner Proc");
	for (size_t i = 0; i < count; i++) {
		ei_val tag = ei_opt_at(r, OPT_TAG, i);
		if (tag.length != TAG_LENGTH)
			return ei_fail(EI_E_USAGE, "--tag '%.*s' does not have four characters",
				(int)tag.length, tag.s);
		ei_iter it = ei_pool_hits(
			r, &(ei_pool_wish){ .tag = tag.s,
				   .least = (uint32_t)ei_u64_or(ei_opt(r, OPT_LEAST), 0),
				   .type = &body_spec });
		for (body found = ei_handle(r, body); ei_next(&it, &found);)
			block_emit(r, &found, tag.s, is_vista);
	}
	return NULL;
}

EI_PLUGIN(poolscanner) = {
	EI_HEAD(poolscanner),
	.purpose = "blocks of the kernel's pool by any tag",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&header_spec),
	.run = run,
	.asks = "tags",
};
