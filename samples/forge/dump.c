// What the container formats and `info` are told about the image.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

void info_write_truth(struct forge *f)
{
	truth_row(f, "info", "{s:I, s:I, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:o, s:I, s:I}",
		"kernel_base", (json_int_t)f->kernel_base, "dtb", (json_int_t)f->kernel.dtb, "pdb",
		f->pdb, "guid", f->guid, "age", (int)f->age, "major", (int)f->major, "minor",
		(int)f->minor, "build", (int)f->build, "processors", (int)f->processors,
		"build_lab", f->build_lab, "system_time", truth_time(f->now), "kdbg",
		(json_int_t)(scenario_damage(f, "no_kdbg")
				     ? 0
				     : kernel_symbol(f, "KdDebuggerDataBlock")),
		"timestamp", (json_int_t)f->timestamp);
	for (size_t i = 0; i < f->driver_count; i++)
		truth_row(f, "triage", "{s:I, s:I, s:s}", "base", (json_int_t)f->drivers[i].base,
			"size", (json_int_t)f->drivers[i].size_bytes, "name", f->drivers[i].name);
}

static void dump_bugcheck(const struct forge *f, struct dump_meta *meta)
{
	const json_t *dump = json_object_get(f->scenario, "dump");
	const json_t *params = json_object_get(dump, "parameters");
	meta->bugcheck = (uint32_t)scenario_number(dump, "bugcheck", 0xd1);
	meta->comment = scenario_text(dump, "comment", "");
	for (size_t i = 0; i < 4; i++)
		meta->bugcheck_params[i] = (uint64_t)json_integer_value(json_array_get(params, i));
}

struct dump_blobs {
	struct dump_range process, thread, kdbg, header;
};

static struct dump_range dump_copy(struct forge *f, uint64_t va, uint32_t length)
{
	bool there = va && length && paging_frame(f, &f->kernel, va) != UINT64_MAX;
	uint8_t *bytes = there ? forge_alloc(f, length) : NULL;
	if (!bytes)
		return (struct dump_range){ 0 };
	read_bytes(f, &f->kernel, va, bytes, length);
	return (struct dump_range){ va, bytes, length };
}

// What a triage dump carries besides its tables: the current process and thread, the debugger
// data, the kernel's header.
static void dump_add_blobs(struct forge *f, struct dump_meta *meta, struct dump_blobs *b)
{
	struct process *system = process_by_name(f, "System");
	struct member m;
	if (system && profile_member(f->profile, "_ETHREAD", "ThreadListEntry", &m)) {
		uint64_t head = forge_field(f, system->object, "ThreadListHead");
		uint64_t node = read_pointer(f, &f->kernel, head);
		b->process = dump_copy(f, system->object.va, forge_size(f, "_EPROCESS", 0));
		if (node != head)
			b->thread = dump_copy(f, node - m.offset, forge_size(f, "_ETHREAD", 0));
	}
	b->kdbg = dump_copy(f, meta->kdbg, 0x360);
	b->header = dump_copy(f, f->kernel_base, PAGE_SIZE);
	meta->process = b->process.bytes ? &b->process : NULL;
	meta->thread = b->thread.bytes ? &b->thread : NULL;
	meta->kdbg_block = b->kdbg.bytes ? &b->kdbg : NULL;
	meta->ranges = &b->header;
	meta->range_count = b->header.bytes != NULL;
}

static void dump_drop_blobs(struct dump_blobs *b)
{
	free((void *)b->process.bytes);
	free((void *)b->thread.bytes);
	free((void *)b->kdbg.bytes);
	free((void *)b->header.bytes);
}

ei_error *dump_write(struct forge *f, const char *format, const char *path)
{
	struct phys_view memory = memory_view(f);
	struct dump_meta meta = {
		.pointer_size = f->pointer,
		.pae = f->mode == PAGING_PAE,
		.dtb = f->kernel.dtb,
		.kernel_base = f->kernel_base,
		.module_list = kernel_symbol(f, "PsLoadedModuleList"),
		.process_head = kernel_symbol(f, "PsActiveProcessHead"),
		.kdbg = scenario_damage(f, "no_kdbg") ? 0 : kernel_symbol(f, "KdDebuggerDataBlock"),
		.pfn_database = f->pointer == 8 ? 0xfffffa8000000000 : 0x83000000,
		.major = 0xf,
		.build = f->build,
		.machine = f->pointer == 8 ? 0x8664 : 0x14c,
		.processors = f->processors,
		.system_time = f->now,
		.uptime = f->now - f->booted,
		.product_type = 1,
		.suite_mask = 0x110,
		.user_frame = memory_user_frame,
		.drivers = f->drivers,
		.driver_count = f->driver_count,
	};
	struct dump_blobs blobs = { 0 };
	dump_bugcheck(f, &meta);
	if (strcmp(format, "triage") == 0)
		dump_add_blobs(f, &meta, &blobs);
	ei_error *error = container_write(format, &memory, &meta, path);
	dump_drop_blobs(&blobs);
	return error;
}
