// Files of several plugins in one folder: a file by its own name is whole; what could not be ended,
// or still is being written, has ".partial" behind it.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "out/out.h"

struct output_file {
	const char *name; // of the plugin
	FILE *stream;     // NULL: ended
	FILE *notes;      // of formats that have no place for them; NULL: none came
	char *notes_text;
	size_t notes_size;
};

struct output_files {
	const char *path;      // of the folder
	const char *extension; // "csv"; also the renderer
	int folder;            // -1: not opened
	struct output_file *items;
	size_t count;
};

// Makes the folder and all files, so that a folder that cannot be written is found before any work
// is done. EI_E_USAGE when a file is there and `force` is false; nothing has been made then. What
// was there with `force` is removed. Names are borrowed; the rest is in `arena`.
EI_CHECKED ei_error *outputs_open(ei_arena *arena, const char *path, const char *extension,
	const char *const *names, size_t count, bool force, struct output_files *out);

// The renderer of one, on its file. Its notes, where the format has no place for them, go to
// NAME.notes.txt.
EI_CHECKED ei_error *output_sink(struct output_files *files, size_t index, struct row_sink **out);

enum output_end {
	OUTPUT_WHOLE,   // by its own name from now on
	OUTPUT_PARTIAL, // stays marked
	OUTPUT_NONE,    // nothing was shown: removed
};
// The sink has been dropped.
EI_CHECKED ei_error *output_end(struct output_files *files, size_t index, enum output_end how);

// Removes what was not ended.
void outputs_deinit(struct output_files *files);

#endif
