// Hives: what every source of them has in common.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

#include <stdarg.h>
#include <stdio.h>

enum { NOTES_MAX = 64 };

void hive_note(struct ei_hive *hive, const char *format, ...)
{
	char text[sizeof hive->last_note];
	if (hive->note_count > NOTES_MAX || !hive->note || hive->quiet)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!strcmp(text, hive->last_note))
		return;
	if (hive->note_count++ == NOTES_MAX) {
		hive->note(hive->note_context, "more is wrong with this hive than is told here");
		return;
	}
	memcpy(hive->last_note, text, sizeof text);
	hive->note(hive->note_context, text);
}

void ei_hive_set_note(ei_hive *hive, void (*note)(void *context, const char *text), void *context)
{
	hive->note = note;
	hive->note_context = context;
}

void hive_init(struct ei_hive *hive, struct hive_source *source, const uint8_t *base_block)
{
	hive->source = source;
	hive->budget = UINT64_MAX;
	hive->root = ROOT_DEFAULT;
	// Indices have 31 bits; a storage that says more has no cells there.
	for (int i = 0; i < STORAGES; i++)
		source->length[i] = MIN(source->length[i], 1u << 31);
	hive->base_block = base_block && !memcmp(base_block, "regf", 4);
	if (!hive->base_block)
		return;
	hive->major = load_u32(base_block + BASE_MAJOR);
	hive->minor = load_u32(base_block + BASE_MINOR);
	hive->root = load_u32(base_block + BASE_ROOT);
	hive->written = load_u64(base_block + BASE_WRITTEN);
}

uint64_t hive_bytes(const struct ei_hive *hive)
{
	return (uint64_t)hive->source->length[STABLE] + hive->source->length[VOLATILE];
}

static void blocks_count(struct ei_hive *hive, uint32_t storage, ei_hive_facts *facts)
{
	uint8_t byte;
	uint32_t length = hive->source->length[storage];
	for (uint64_t at = 0; at < length; at += BLOCK_SIZE) {
		uint32_t index = (uint32_t)at | storage << 31;
		facts->blocks++;
		facts->missing += hive->source->read(hive->source, index, &byte, 1) != 1;
		if (hive->run && ei_stopped(hive->run))
			return;
	}
}

ei_hive_facts ei_hive_describe(ei_hive *hive)
{
	ei_hive_facts facts = {
		.major = hive->major,
		.minor = hive->minor,
		.root = hive->root,
		.stable_bytes = hive->source->length[STABLE],
		.volatile_bytes = hive->source->length[VOLATILE],
		.written = hive->written,
		.base_block = hive->base_block,
	};
	blocks_count(hive, STABLE, &facts);
	blocks_count(hive, VOLATILE, &facts);
	return facts;
}
