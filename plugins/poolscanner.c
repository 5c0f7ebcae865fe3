// poolscanner: blocks of the kernel's pool by any tag, live or freed.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/drivers.h>
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <eidetic/threads.h>
#include <eidetic/win.h>
#include <string.h>

enum { TAG, TYPE, OFFSET, LAYER, NAME, PHYSICAL, SIZE, POOL, PROTECTED, COLUMNS };
enum { OPT_TAG, OPT_LEAST };
enum { TAG_LENGTH = 4, PROTECTED_BIT = 0x80 };

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

// Of a type, to have its size.
#define NO_FIELDS(F, ALT) ALT(none, "", UINT, MAY)
EI_TYPE(mutant, "_KMUTANT", NO_FIELDS);
EI_TYPE(symbolic_link, "_OBJECT_SYMBOLIC_LINK", NO_FIELDS);

// Windows Vista put this pointer there: the profile tells, whatever is missing from the image.
#define VAD_FIELDS(F, ALT) F(Subsection, PTR, MAY)
EI_TYPE(vad, "_MMVAD", VAD_FIELDS);

#define FILE_FIELDS(F, ALT)                                                                        \
	F(FileName, USTR, MAY)
EI_TYPE(file, "_FILE_OBJECT", FILE_FIELDS);

static const ei_column columns[COLUMNS] = {
	[TAG]       = { "tag",       EI_STR,  "tag of the block" },
	[TYPE]      = { "type",      EI_STR,  "what is in it, by the tag", .vol3 = "Tag", .vol3_only = true },
	[OFFSET]    = { "offset",    EI_ADDR, "address of its _POOL_HEADER: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[LAYER]     = { "layer",     EI_STR,  "whether that is virtual or physical", .vol3 = "Layer", .vol3_only = true },
	[NAME]      = { "name",      EI_STR,  "of processes and files: their names", .vol3 = "Name", .vol3_only = true },
	[PHYSICAL]  = { "physical",  EI_ADDR, "physical address of its _POOL_HEADER" },
	[SIZE]      = { "size",      EI_HEX,  "bytes of the block" },
	[POOL]      = { "pool",      EI_STR,  "paged, nonpaged or free" },
	[PROTECTED] = { "protected", EI_BOOL, "whoever frees it must name the tag" },
};

static const ei_option options[] = {
	[OPT_TAG]   = { "tag",   EI_STR,  EI_MANY | EI_POSITIONAL, "tags to look for: four characters each; without any those of well-known kinds" },
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

struct block {
	const ei_space *space;
	uint64_t at; // of its header
	const char *tag;
	ei_val type, name;
	bool is_vista; // or later
};

// Volatility's names for where a block was found.
static ei_val layer_text(ei_run *r)
{
	uint64_t cookie;
	return ei_str(ei_symbol(r, "ObHeaderCookie", &cookie) ? "layer_name" : "memory_layer");
}

static void block_emit(ei_run *r, const struct block *block)
{
	uint32_t unit = 2 * ei_pointer_size(r); // sizes are counted in them
	header h = ei_at_in(r, block->space, header, block->at);
	ei_val size = ei_get(h, BlockSize), bytes = ei_get(h, PoolTag);
	ei_emit(r, (ei_val[COLUMNS]){
			   [TAG] = ei_str(block->tag),
			   [TYPE] = block->type,
			   [OFFSET] = ei_scan_offset(r, &h.obj),
			   [LAYER] = layer_text(r),
			   [NAME] = block->name,
			   [PHYSICAL] = ei_physical(r, &h.obj),
			   [SIZE] = ei_has(size) ? ei_hex(size.u * unit) : size,
			   [POOL] = pool_text(ei_get(h, PoolType), block->is_vista),
			   [PROTECTED] = ei_has(bytes) && bytes.length == TAG_LENGTH
						 ? ei_bool(bytes.b[TAG_LENGTH - 1] & PROTECTED_BIT)
						 : bytes,
		   });
}

// ---- blocks -----------------------------------------------------------------------------------

// Whatever is in them.
static void blocks_emit(ei_run *r, const char *tag, bool is_vista)
{
	ei_val none = ei_absent(EI_NONE);
	ei_iter it = ei_pool_hits(r, &(ei_pool_wish){ .tag = tag,
					     .least = (uint32_t)ei_u64_or(ei_opt(r, OPT_LEAST), 0),
					     .type = &body_spec });
	for (body found = ei_handle(r, body); ei_next(&it, &found);)
		block_emit(r, &(struct block){ found.obj.space, ei_pool_block(&it), tag, none, none,
				      is_vista });
}

// ---- objects ----------------------------------------------------------------------------------

static ei_val process_name(ei_run *r, const ei_obj *object)
{
	eprocess p = ei_at_in(r, object->space, eprocess, object->va);
	return ei_get(p, ImageFileName);
}

static ei_val file_name(ei_run *r, const ei_obj *object)
{
	file f = ei_at_in(r, object->space, file, object->va);
	return ei_get(f, FileName);
}

// Blocks that Volatility looks for, and what it takes for an object in them.
static const struct kind {
	const char *tag, *type;
	const char *object_type; // NULL: no object of the object manager
	uint32_t least;          // bytes of a block
	const ei_type_spec *spec;
	ei_iter (*scan)(ei_run *run); // NULL: by what stands here
	ei_val (*name)(ei_run *run, const ei_obj *object);
	bool named; // those without a name are left out
} kinds[] = {
	// clang-format off
	{ "AtmT", "_RTL_ATOM_TABLE",       NULL,           200, &body_spec,          NULL,                 NULL,         false },
	{ "Proc", "_EPROCESS",             "Process",      600, &eprocess_spec,      ei_processes_scanned, process_name, false },
	{ "Thre", "_ETHREAD",              "Thread",       600, &ethread_spec,       ei_threads_scanned,   NULL,         false },
	{ "File", "_FILE_OBJECT",          "File",         150, &file_spec,          NULL,                 file_name,    true },
	{ "Muta", "_KMUTANT",              "Mutant",        64, &mutant_spec,        NULL,                 NULL,         false },
	{ "Driv", "_DRIVER_OBJECT",        "Driver",       248, &driver_spec,        ei_drivers_scanned,   NULL,         false },
	{ "MmLd", "_LDR_DATA_TABLE_ENTRY", NULL,            76, &body_spec,          NULL,                 NULL,         false },
	{ "Symb", "_OBJECT_SYMBOLIC_LINK", "SymbolicLink",  72, &symbolic_link_spec, NULL,                 NULL,         false },
	{ "CM10", "_CMHIVE",               NULL,           800, &body_spec,          NULL,                 NULL,         false },
	// clang-format on
};

static void objects_emit(ei_run *r, const struct kind *kind, bool is_vista)
{
	char *type = ei_text(ei_scratch(r), "symbol_table_name1!%s", kind->type);
	ei_iter it = kind->scan ? kind->scan(r)
				: ei_pool_hits(r, &(ei_pool_wish){
							  .tag = kind->tag,
							  .least = kind->least,
							  .has_header = kind->object_type != NULL,
							  .object_type = kind->object_type,
							  .type = kind->spec,
						  });
	ei_obj object;
	while (ei_iter_next(&it, &object, ei_resolve(r, kind->spec))) {
		ei_val name = kind->name ? kind->name(r, &object) : ei_absent(EI_NONE);
		if (kind->named && (!ei_has(name) || !name.length))
			continue;
		block_emit(r,
			&(struct block){ object.space, ei_pool_block(&it), kind->tag,
				type ? ei_str(type) : ei_absent(EI_UNREADABLE), name, is_vista });
	}
}

static ei_error *run(ei_run *r)
{
	size_t count = ei_opt_count(r, OPT_TAG);
	bool is_vista = ei_handle(r, vad).at->Subsection.offset >= 0;
	for (size_t i = 0; !count && i < EI_COUNT(kinds); i++)
		if (ei_compat_vol3(r))
			objects_emit(r, &kinds[i], is_vista);
		else
			blocks_emit(r, kinds[i].tag, is_vista);
	for (size_t i = 0; i < count; i++) {
		ei_val tag = ei_opt_at(r, OPT_TAG, i);
		if (tag.length != TAG_LENGTH)
			return ei_fail(EI_E_USAGE, "--tag '%.*s' does not have four characters",
				(int)tag.length, tag.s);
		blocks_emit(r, tag.s, is_vista);
	}
	return NULL;
}

EI_PLUGIN(poolscanner) = {
	EI_HEAD(poolscanner),
	.vol3 = "windows.poolscanner.PoolScanner",
	.purpose = "blocks of the kernel's pool by any tag",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&header_spec, &vad_spec),
	.run = run,
};
