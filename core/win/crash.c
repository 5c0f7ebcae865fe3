// What plugins may ask about the header of a crash dump.
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "win/session.h"

const ei_crash *ei_crash_header(ei_run *run)
{
	const struct crash_header *header = image_crash_header(run->session->image);
	return header ? &header->facts : NULL;
}

// `facts` is the first member of the header that it is part of.
static const struct crash_header *header_of(const ei_crash *crash)
{
	return (const struct crash_header *)crash;
}

_Static_assert(offsetof(struct crash_header, facts) == 0, "header_of() relies on it");

const ei_crash_driver *ei_crash_driver_at(const ei_crash *crash, size_t index)
{
	return index < crash->driver_count ? &header_of(crash)->drivers[index] : NULL;
}

const ei_crash_driver *ei_crash_unloaded_at(const ei_crash *crash, size_t index)
{
	return index < crash->unloaded_count ? &header_of(crash)->unloaded[index] : NULL;
}
