// Plugins in shared objects: NAME.so exports ei_plugin_NAME, and the two descriptors shake hands.
// SPDX-License-Identifier: Apache-2.0
#include "run/plugin_set.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>

// ---- the handshake --------------------------------------------------------------------------

static const struct {
	const char *what;
	size_t offset; // of the plugin's figure
	size_t ours;
} by_value[] = {
	{ "ei_val", offsetof(ei_plugin, val_size), sizeof(ei_val) },
	{ "ei_field", offsetof(ei_plugin, field_size), sizeof(ei_field) },
	{ "ei_obj", offsetof(ei_plugin, obj_size), sizeof(ei_obj) },
	{ "ei_iter", offsetof(ei_plugin, iter_size), sizeof(ei_iter) },
	{ "ei_column", offsetof(ei_plugin, column_size), sizeof(ei_column) },
	{ "ei_option", offsetof(ei_plugin, option_size), sizeof(ei_option) },
};

enum {
	DESCRIPTOR_MIN = offsetof(ei_plugin, needs), // what the handshake itself reads
	DESCRIPTOR_MAX = 4096,
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static ei_error *sizes_check(const ei_plugin *theirs, const char *file)
{
	for (size_t i = 0; i < ARRAY_LENGTH(by_value); i++) {
		uint16_t size = load_u16((const uint8_t *)theirs + by_value[i].offset);
		if (size != by_value[i].ours)
			return ei_fail(EI_E_REQUIREMENT,
				"plugin '%s' was built with other headers: its %s has %u bytes, "
				"ours %zu",
				file, by_value[i].what, size, by_value[i].ours);
	}
	return NULL;
}

static ei_error *columns_check(const ei_plugin *plugin, const char *file)
{
	if (!plugin->columns || !plugin->column_count)
		return ei_fail(EI_E_FORMAT, "plugin '%s' declares no columns", file);
	for (unsigned i = 0; i < plugin->column_count; i++) {
		const ei_column *column = &plugin->columns[i];
		if (!column->name || !column->doc || column->kind < EI_UINT ||
			column->kind > EI_ANY)
			return ei_fail(EI_E_FORMAT,
				"plugin '%s': column %u has no name, no kind or no description",
				file, i);
	}
	return NULL;
}

static ei_error *options_check(const ei_plugin *plugin, const char *file)
{
	for (unsigned i = 0; i < plugin->option_count; i++) {
		const ei_option *option = &plugin->options[i];
		bool kind = option->kind == EI_UINT || option->kind == EI_ADDR ||
			    option->kind == EI_HEX || option->kind == EI_STR ||
			    option->kind == EI_BOOL;
		if (!option->name || !option->doc || !kind)
			return ei_fail(EI_E_FORMAT,
				"plugin '%s': option %u has no name, no description, or is no "
				"number, text or switch",
				file, i);
	}
	return NULL;
}

static ei_error *content_check(const ei_plugin *plugin, const char *file)
{
	if (!plugin->name || !*plugin->name || !plugin->run || !plugin->purpose)
		return ei_fail(EI_E_FORMAT,
			"plugin '%s' has no name, no purpose or no run function", file);
	if ((plugin->option_count && !plugin->options) || (plugin->type_count && !plugin->types) ||
		(plugin->symbol_count && !plugin->symbols))
		return ei_fail(EI_E_FORMAT, "plugin '%s' counts what it does not have", file);
	EI_TRY(columns_check(plugin, file));
	return options_check(plugin, file);
}

ei_error *plugin_accept(const ei_plugin *theirs, const char *file, ei_plugin *ours)
{
	if (theirs->abi != EI_ABI_MAJOR)
		return ei_fail(EI_E_REQUIREMENT,
			"plugin '%s' has ABI %u, this is %d: build it again", file, theirs->abi,
			EI_ABI_MAJOR);
	if (theirs->size < DESCRIPTOR_MIN || theirs->size > DESCRIPTOR_MAX)
		return ei_fail(EI_E_FORMAT, "plugin '%s' says its descriptor has %u bytes", file,
			theirs->size);
	size_t common = MIN((size_t)theirs->size, sizeof *ours);
	// A newer plugin is welcome as long as it uses nothing that we lack.
	if (!is_zero((const uint8_t *)theirs + common, theirs->size - common))
		return ei_fail(EI_E_REQUIREMENT,
			"plugin '%s' uses what this version lacks: its descriptor has %u bytes, "
			"ours %zu",
			file, theirs->size, sizeof *ours);
	EI_TRY(sizes_check(theirs, file));
	ei_plugin copy = { 0 };
	memcpy(&copy, theirs, common);
	EI_TRY(content_check(&copy, file));
	*ours = copy;
	return NULL;
}

// ---- shared objects -------------------------------------------------------------------------

void plugin_library_close(void *library)
{
	if (library)
		dlclose(library);
}

// "DIR/orphans.so" exports ei_plugin_orphans.
static ei_error *load_one(struct plugin_set *set, const char *dir, const char *file)
{
	char path[4096], symbol[300];
	int stem = (int)(strlen(file) - strlen(".so"));
	// With a slash: a bare name would make dlopen search the system's folders.
	if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
		return ei_fail(EI_E_USAGE, "the path of plugin folder '%s' is too long", dir);
	snprintf(symbol, sizeof symbol, "ei_plugin_%.*s", stem, file);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return ei_fail(EI_E_FORMAT, "cannot load plugin '%s': %s", path, dlerror());
	const ei_plugin *theirs = dlsym(library, symbol);
	ei_error *error =
		!theirs ? ei_fail(EI_E_FORMAT, "plugin '%s' does not export %s", path, symbol)
			: plugin_set_add(set, theirs, library, path);
	if (error)
		dlclose(library);
	return error;
}

static int is_shared_object(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return entry->d_name[0] != '.' && length > 3 && length < 256 &&
	       !strcmp(entry->d_name + length - 3, ".so");
}

ei_error *plugin_set_load(struct plugin_set *set, const char *dir)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, is_shared_object, alphasort);
	if (count < 0)
		return ei_fail(EI_E_IO, "cannot read plugin folder '%s': %s", dir, strerror(errno));
	ei_error *error = NULL;
	for (int i = 0; i < count; i++) {
		if (!error)
			error = load_one(set, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return error;
}
