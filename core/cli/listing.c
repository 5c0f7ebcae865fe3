// Tables that no plugin makes, shown by the renderers that show plugins' rows.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

ei_error *listing_init(struct listing *listing, const struct global *global, const char *name,
	const ei_column *columns, size_t count)
{
	*listing = (struct listing){
		.record = { .version = EI_VERSION,
			.plugin = name,
			.image = "",
			.format = "",
			.profile = "",
			.profile_how = "",
			.image_sha256 = "",
			.command = global->line,
			.started = "" },
	};
	for (size_t i = 0; i < MIN(count, (size_t)LISTING_COLUMNS_MAX); i++)
		listing->shown[listing->table.count++] =
			(struct shown_column){ &columns[i], columns[i].name, (unsigned)i };
	listing->table.record = &listing->record;
	listing->table.columns = listing->shown;
	listing->table.address_mask = UINT64_MAX;
	return sink_open(global, &listing->sink);
}

// Not before there is something to show: what fails before that leaves no header on stdout.
static ei_error *begin(struct listing *listing)
{
	if (listing->begun)
		return NULL;
	listing->begun = true;
	return listing->sink->begin(listing->sink, &listing->table);
}

ei_error *listing_row(struct listing *listing, const ei_val *cells)
{
	EI_TRY(begin(listing));
	listing->rows++;
	return listing->sink->row(listing->sink, 0, cells);
}

ei_error *listing_note(struct listing *listing, const char *text)
{
	EI_TRY(begin(listing));
	listing->notes++;
	return listing->sink->note(listing->sink, text);
}

ei_error *listing_end(struct listing *listing, const char *why)
{
	struct trailer trailer = {
		.rows = listing->rows,
		.notes = listing->notes,
		.complete = !why,
		.why = why ? why : "",
	};
	EI_TRY(begin(listing));
	return listing->sink->end(listing->sink, &trailer);
}

void listing_deinit(struct listing *listing)
{
	if (listing->sink)
		row_sink_drop(listing->sink);
	listing->sink = NULL;
}
