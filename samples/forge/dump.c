// What the container formats and `info` are told about the image.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

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
	dump_bugcheck(f, &meta);
	return container_write(format, &memory, &meta, path);
}
