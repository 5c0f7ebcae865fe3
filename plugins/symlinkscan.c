// symlinkscan: symbolic links of the object namespace, by their pool tag.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <eidetic/win.h>

enum { OFFSET, CREATED, FROM, TO, PHYSICAL, PATH, COLUMNS };
enum { LINK_BLOCK_LEAST = 72 };

// clang-format off
#define LINK_FIELDS(F, ALT)                                                                        \
	F(CreationTime, TIME, MUST)                                                                \
	F(LinkTarget,   USTR, MUST)
EI_TYPE(symbolic_link, "_OBJECT_SYMBOLIC_LINK", LINK_FIELDS);

static const ei_column columns[COLUMNS] = {
	[OFFSET]   = { "offset",   EI_ADDR, "address of the _OBJECT_SYMBOLIC_LINK: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[CREATED]  = { "created",  EI_TIME, "creation time, UTC", .vol3 = "CreateTime" },
	[FROM]     = { "from",     EI_STR,  "its name", .vol3 = "From Name" },
	[TO]       = { "to",       EI_STR,  "what it stands for", .vol3 = "To Name" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the _OBJECT_SYMBOLIC_LINK" },
	[PATH]     = { "path",     EI_STR,  "its name, with the directories that it is in" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_pool_hits(r, &(ei_pool_wish){
					     .tag = "Symb",
					     .least = LINK_BLOCK_LEAST,
					     .has_header = true,
					     .object_type = "SymbolicLink",
					     .type = &symbolic_link_spec,
				     });
	for (symbolic_link l = ei_handle(r, symbolic_link); ei_next(&it, &l);) {
		ei_val from = ei_object_name_of(r, &l.obj), to = ei_get(l, LinkTarget);
		if (!ei_has(from) && !ei_has(to))
			continue;
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_scan_offset(r, &l.obj),
				   [CREATED] = ei_get(l, CreationTime),
				   [FROM] = from,
				   [TO] = to,
				   [PHYSICAL] = ei_physical(r, &l.obj),
				   [PATH] = ei_object_path_of(r, &l.obj),
			   });
	}
	return NULL;
}

EI_PLUGIN(symlinkscan) = {
	EI_HEAD(symlinkscan),
	.vol3 = "windows.symlinkscan.SymlinkScan",
	.purpose = "symbolic links of the object namespace, by their pool tag",
	EI_COLUMNS(columns),
	EI_TYPES(&symbolic_link_spec),
	.run = run,
};
