// Processes by their pool tag: exited, unlinked and hidden ones too.
// SPDX-License-Identifier: Apache-2.0
#include "win/pool.h"
#include "win/pool_fields.h"
#include "win/process.h"

enum { PROCESS_BLOCK_LEAST = 600, PID_SYSTEM = 4 };

// FILETIME of 1999-01-01 and of 2100-01-01.
static const uint64_t time_first = 125596224000000000, time_end = 157469184000000000;

static bool time_fits(ei_val time)
{
	return ei_has(time) && time.u >= time_first && time.u < time_end;
}

static bool name_fits(ei_val name)
{
	if (!ei_has(name) || !name.length)
		return false;
	for (uint32_t i = 0; i < name.length; i++)
		if ((uint8_t)name.s[i] < ' ' || name.s[i] == 0x7f)
			return false;
	return true;
}

static bool is_system(ei_val name, ei_val pid)
{
	return name.length == 6 && !memcmp(name.s, "System", 6) && pid.u == PID_SYSTEM;
}

// Heads of an empty list point to themselves, so even a process without threads has them.
static bool threads_fit(const ei_run *run, ei_val link)
{
	if (link.state == EI_NO_FIELD)
		return true;
	const struct space_mode *mode = run->session->identity.kernel.mode;
	return ei_has(link) && mode->canonical(link.u) >= mode->kernel_start;
}

static bool process_plausible(ei_run *run, const ei_obj *object)
{
	process_check p = ei_handle(run, process_check);
	p.obj = *object;
	ei_val name = ei_get(p, ImageFileName), pid = ei_get(p, UniqueProcessId);
	if (!name_fits(name) || !ei_has(pid) || pid.u % 4 || pid.u > UINT32_MAX)
		return false;
	ei_val created = ei_get(p, CreateTime), exited = ei_get(p, ExitTime);
	if (!time_fits(created) && !is_system(name, pid))
		return false;
	if (exited.state == EI_GARBAGE || (ei_has(exited) && exited.u < ei_u64_or(created, 0)))
		return false;
	// The low bits are the PCID; the 32-byte tables of PAE lie side by side in one page.
	if (ei_u64_or(ei_get(p, dtb), 0) >> 12 == 0)
		return false;
	return threads_fit(run, ei_get(p, thread_first)) &&
	       threads_fit(run, ei_get(p, thread_last));
}

ei_iter ei_processes_scanned(ei_run *run)
{
	struct pool_query query = {
		.tags = { "Proc" },
		.least = PROCESS_BLOCK_LEAST,
		.has_header = true,
		.type = &eprocess_spec,
		.check = &process_check_spec,
		.plausible = process_plausible,
	};
	struct list_query list;
	if (process_list(run, &list))
		query.listed = list_walk(run, &list, &query.listed_count);
	return pool_objects(run, &query);
}
