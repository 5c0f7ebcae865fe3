// Tables that no plugin makes, shown by the renderers that show plugins' rows.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

enum { LISTING_ARENA_MAX = 1 << 20 };

// Column choices and filters are those of plugins, so a listing passes for one.
static ei_error *columns_choose(struct listing *listing, const struct global *global,
	const char *name, const ei_column *columns, size_t count)
{
	const ei_plugin plugin = {
		.name = name,
		.columns = columns,
		.column_count = (unsigned)count,
	};
	const struct run_wish wish = {
		.plugin = &plugin,
		.hidden = global->hidden.items,
		.hidden_count = global->hidden.count,
	};
	return output_columns(listing->arena, &wish, &listing->output);
}

static ei_error *filters_parse(struct listing *listing, const struct global *global)
{
	struct output *output = &listing->output;
	output->filters =
		ei_alloc(listing->arena, (global->filters.count + 1) * sizeof *output->filters);
	if (!output->filters)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < global->filters.count; i++) {
		EI_TRY(row_filter_parse(listing->arena, &output->table, global->filters.items[i],
			&output->filters[i]));
		output->filter_count++;
	}
	return NULL;
}

ei_error *listing_init(struct listing *listing, const struct global *global, const char *name,
	const ei_column *columns, size_t count)
{
	*listing = (struct listing){
		.limit = global->limit,
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
	EI_TRY(ei_arena_create(LISTING_ARENA_MAX, &listing->arena));
	EI_TRY(columns_choose(listing, global, name, columns, count));
	listing->output.table.record = &listing->record;
	listing->output.table.address_mask = UINT64_MAX;
	EI_TRY(filters_parse(listing, global));
	return sink_open(global, &listing->output.sink);
}

// Not before there is something to show: what fails before that leaves no header on stdout.
static ei_error *begin(struct listing *listing)
{
	struct row_sink *sink = listing->output.sink;
	if (listing->begun)
		return NULL;
	listing->begun = true;
	return row_sink_begin(sink, &listing->output.table);
}

bool listing_is_full(const struct listing *listing)
{
	return listing->limit && listing->rows >= listing->limit;
}

ei_error *listing_row(struct listing *listing, const ei_val *cells)
{
	return listing_row_at(listing, 0, cells);
}

ei_error *listing_row_at(struct listing *listing, uint32_t depth, const ei_val *cells)
{
	struct output *output = &listing->output;
	EI_TRY(begin(listing));
	if (listing_is_full(listing) ||
		!row_filters_pass(output->filters, output->filter_count, &output->table, cells))
		return NULL;
	listing->rows++;
	return row_sink_row(output->sink, depth, cells);
}

ei_error *listing_note(struct listing *listing, const char *text)
{
	EI_TRY(begin(listing));
	listing->notes++;
	return row_sink_note(listing->output.sink, text);
}

ei_error *listing_end(struct listing *listing, const char *why)
{
	if (!why && listing_is_full(listing))
		why = "limit";
	struct trailer trailer = {
		.rows = listing->rows,
		.notes = listing->notes,
		.complete = !why,
		.why = why ? why : "",
	};
	EI_TRY(begin(listing));
	return row_sink_end(listing->output.sink, &trailer);
}

void listing_deinit(struct listing *listing)
{
	struct output *output = &listing->output;
	for (size_t i = 0; i < output->filter_count; i++)
		row_filter_deinit(&output->filters[i]);
	if (output->sink)
		row_sink_drop(output->sink);
	ei_arena_drop(listing->arena);
	*listing = (struct listing){ 0 };
}
