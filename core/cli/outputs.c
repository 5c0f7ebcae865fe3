// Files of several plugins in one folder, whole or marked as partial.
// SPDX-License-Identifier: Apache-2.0
#include "cli/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 320, STREAM_BUFFER = 1 << 16 };

enum form { FORM_WHOLE, FORM_PARTIAL, FORM_NOTES, FORMS };

static void file_name(
	const struct output_files *files, size_t index, enum form form, char out[NAME_ROOM])
{
	const char *name = files->items[index].name;
	if (form == FORM_NOTES)
		snprintf(out, NAME_ROOM, "%s.notes.txt", name);
	else
		snprintf(out, NAME_ROOM, "%s.%s%s", name, files->extension,
			form == FORM_PARTIAL ? ".partial" : "");
}

static ei_error *cannot_write(const struct output_files *files, const char *name, int why)
{
	return ei_fail(EI_E_IO, "cannot write '%s/%s': %s", files->path, name, strerror(why));
}

static ei_error *folder_open(struct output_files *files)
{
	if (mkdir(files->path, 0777) && errno != EEXIST)
		return ei_fail(
			EI_E_IO, "cannot make the folder '%s': %s", files->path, strerror(errno));
	files->folder = open(files->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->folder < 0)
		return ei_fail(EI_E_IO, "output folder '%s': %s", files->path, strerror(errno));
	return NULL;
}

static ei_error *absence_check(const struct output_files *files)
{
	char name[NAME_ROOM];
	struct stat status;
	for (size_t i = 0; i < files->count; i++)
		for (enum form form = FORM_WHOLE; form < FORMS; form++) {
			file_name(files, i, form, name);
			if (!fstatat(files->folder, name, &status, AT_SYMLINK_NOFOLLOW))
				return ei_fail(EI_E_USAGE,
					"'%s/%s' is there already; --force replaces it",
					files->path, name);
		}
	return NULL;
}

static ei_error *file_open(struct output_files *files, size_t index)
{
	char name[NAME_ROOM];
	file_name(files, index, FORM_PARTIAL, name);
	int file = openat(
		files->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (file < 0)
		return cannot_write(files, name, errno);
	files->items[index].stream = fdopen(file, "w");
	if (!files->items[index].stream) {
		close(file);
		return ei_fail(EI_E_NOMEM, "out of memory");
	}
	return NULL;
}

static ei_error *files_open(struct output_files *files, bool force)
{
	char name[NAME_ROOM];
	EI_TRY(folder_open(files));
	if (!force)
		EI_TRY(absence_check(files));
	for (size_t i = 0; i < files->count; i++)
		EI_TRY(file_open(files, i));
	// What an earlier run left would pass for this one's.
	for (size_t i = 0; force && i < files->count; i++)
		for (enum form form = FORM_WHOLE; form < FORMS; form++) {
			file_name(files, i, form, name);
			if (form != FORM_PARTIAL)
				unlinkat(files->folder, name, 0);
		}
	return NULL;
}

ei_error *outputs_open(ei_arena *arena, const char *path, const char *extension,
	const char *const *names, size_t count, bool force, struct output_files *out)
{
	struct output_files files = {
		.path = path,
		.extension = extension,
		.folder = -1,
		.items = ei_alloc(arena, (count + 1) * sizeof *files.items),
		.count = count,
	};
	if (!files.items)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		files.items[i].name = names[i];
	ei_error *error = files_open(&files, force);
	if (error)
		outputs_deinit(&files);
	else
		*out = files;
	return error;
}

ei_error *output_sink(struct output_files *files, size_t index, struct row_sink **out)
{
	struct output_file *file = &files->items[index];
	file->notes = open_memstream(&file->notes_text, &file->notes_size);
	if (!file->notes)
		return ei_fail(EI_E_NOMEM, "out of memory");
	setvbuf(file->stream, NULL, _IOFBF, STREAM_BUFFER);
	return out_create(
		&(struct out_wish){
			.renderer = files->extension, .stream = file->stream, .side = file->notes },
		out);
}

// ---- the end --------------------------------------------------------------------------------

static ei_error *notes_write(struct output_files *files, size_t index)
{
	struct output_file *file = &files->items[index];
	char name[NAME_ROOM];
	file_name(files, index, FORM_NOTES, name);
	int target = openat(
		files->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	ssize_t done = target < 0 ? -1 : write(target, file->notes_text, file->notes_size);
	int why = done < 0 ? errno : ENOSPC;
	if (target >= 0)
		close(target);
	return done == (ssize_t)file->notes_size ? NULL : cannot_write(files, name, why);
}

static ei_error *notes_end(struct output_files *files, size_t index, bool keep)
{
	struct output_file *file = &files->items[index];
	ei_error *error = NULL;
	if (file->notes && fclose(file->notes))
		error = ei_fail(EI_E_NOMEM, "out of memory");
	file->notes = NULL;
	if (!error && keep && file->notes_size)
		error = notes_write(files, index);
	free(file->notes_text);
	file->notes_text = NULL;
	return error;
}

static ei_error *file_end(struct output_files *files, size_t index, enum output_end how)
{
	struct output_file *file = &files->items[index];
	char partial[NAME_ROOM], whole[NAME_ROOM];
	file_name(files, index, FORM_PARTIAL, partial);
	file_name(files, index, FORM_WHOLE, whole);
	bool failed = fclose(file->stream) != 0;
	int why = errno;
	file->stream = NULL;
	if (how == OUTPUT_NONE)
		unlinkat(files->folder, partial, 0);
	else if (failed)
		return cannot_write(files, partial, why);
	else if (how == OUTPUT_WHOLE && renameat(files->folder, partial, files->folder, whole))
		return cannot_write(files, whole, errno);
	return NULL;
}

ei_error *output_end(struct output_files *files, size_t index, enum output_end how)
{
	ei_error *error = file_end(files, index, how);
	ei_error *notes = notes_end(files, index, how != OUTPUT_NONE);
	if (!error)
		return notes;
	ei_error_drop(notes);
	return error;
}

void outputs_deinit(struct output_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->items[i].stream)
			ei_error_drop(output_end(files, i, OUTPUT_NONE));
	if (files->folder >= 0)
		close(files->folder);
	*files = (struct output_files){ .folder = -1 };
}
