// The list of all field tables and symbols of this library: what a distilled profile keeps.
// SPDX-License-Identifier: Apache-2.0
#include "win/fields.h"
#include "win/object_fields.h"
#include "win/pool_fields.h"
#include "win/region_fields.h"
#include "win/section_fields.h"
#include "win/vad_fields.h"

#include <eidetic/drivers.h>
#include <eidetic/objects.h>
#include <eidetic/registry.h>
#include <eidetic/threads.h>
#include <eidetic/tokens.h>

const ei_type_spec *const win_type_specs[] = {
	&eprocess_spec,
	&kldr_entry_spec,
	&ldr_entry_spec,
	&list_entry_spec,
	&peb_spec,
	&peb_ldr_spec,
	&parameters_spec,
	&session_space_spec,
	&handle_table_spec,
	&object_name_spec,
	&cmhive_spec,
	&dual_spec,
	&hmap_entry_spec,
	&pool_header_spec,
	&object_header_spec,
	&object_type_spec,
	&process_check_spec,
	&module_check_spec,
	&process_vads_spec,
	&vad_node_spec,
	&vad_tree_spec,
	&vad_long_spec,
	&subsection_spec,
	&control_area_spec,
	&file_object_spec,
	&process_threads_spec,
	&thread_block_spec,
	&teb_stack_spec,
	&peb_heaps_spec,
	&big_pages_spec,
	&frame_entry_spec,
	&name_info_spec,
	&named_file_spec,
	&key_body_spec,
	&key_block_spec,
	&key_name_spec,
	&thread_id_spec,
	&ethread_spec,
	&token_spec,
	&driver_spec,
	&process_id_spec,
	&handle_bits_spec,
	&held_file_spec,
	&file_sections_spec,
	&file_stream_spec,
	&section_area_spec,
	&section_large_area_spec,
	&section_segment_spec,
	&section_part_spec,
	&section_entry_spec,
	&cache_map_spec,
	&cache_view_spec,
	&file_device_spec,
	NULL,
};

const char *const win_symbols[] = {
	"CmpHiveListHead",
	"HandleTableListHead",
	"MmPfnDatabase",
	"ObHeaderCookie",
	"ObTypeIndexTable",
	"PoolBigPageTable",
	"PoolBigPageTableSize",
	"PsActiveProcessHead",
	"PsInitialSystemProcess",
	"PsLoadedModuleList",
	NULL,
};
