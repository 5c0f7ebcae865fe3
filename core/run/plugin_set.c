// The plugins that there are: built in, and loaded from folders that were named.
// SPDX-License-Identifier: Apache-2.0
#include "run/plugin_set.h"
#include "base/nearest.h"
#include "run/builtin.h"
#include <strings.h>

enum { PLUGINS_MAX = 512 };

ei_error *plugin_set_create(struct plugin_set **out)
{
	EI_OWNED(plugin_set) set = calloc(1, sizeof *set);
	if (!set)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; builtin_plugins[i]; i++)
		EI_TRY(plugin_set_add(set, builtin_plugins[i], NULL, builtin_plugins[i]->name));
	*out = EI_GIVE(set);
	return NULL;
}

static bool is_taken(const struct plugin_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (!strcmp(plugin_set_at(set, i)->name, name))
			return true;
	return false;
}

// Room for one more, in its place by name.
static ei_error *slot_insert(struct plugin_set *set, struct plugin_slot *slot)
{
	struct plugin_slot **grown = realloc(set->slots, (set->count + 1) * sizeof(*grown));
	if (!grown)
		return ei_fail(EI_E_NOMEM, "out of memory");
	set->slots = grown;
	size_t at = set->count++;
	for (; at > 0 && strcmp(grown[at - 1]->plugin.name, slot->plugin.name) > 0; at--)
		grown[at] = grown[at - 1];
	grown[at] = slot;
	return NULL;
}

ei_error *plugin_set_add(
	struct plugin_set *set, const ei_plugin *theirs, void *library, const char *file)
{
	if (set->count >= PLUGINS_MAX)
		return ei_fail(EI_E_LIMIT, "more than %d plugins", PLUGINS_MAX);
	struct plugin_slot *slot = calloc(1, sizeof *slot);
	if (!slot)
		return ei_fail(EI_E_NOMEM, "out of memory");
	ei_error *error = plugin_accept(theirs, file, &slot->plugin);
	if (!error && is_taken(set, slot->plugin.name))
		error = ei_fail(EI_E_REQUIREMENT, "plugin '%s': there is one named '%s' already",
			file, slot->plugin.name);
	if (!error)
		error = slot_insert(set, slot);
	if (error)
		free(slot);
	else
		slot->library = library;
	return error;
}

void plugin_set_drop(struct plugin_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++) {
		plugin_library_close(set->slots[i]->library);
		free(set->slots[i]);
	}
	free(set->slots);
	free(set);
}

size_t plugin_set_count(const struct plugin_set *set)
{
	return set->count;
}

const ei_plugin *plugin_set_at(const struct plugin_set *set, size_t index)
{
	return &set->slots[index]->plugin;
}

// "windows.pslist.PsList" is also "windows.pslist".
static bool answers_to(const ei_plugin *plugin, const char *name)
{
	if (!strcmp(plugin->name, name))
		return true;
	if (!plugin->vol3)
		return false;
	if (!strcasecmp(plugin->vol3, name))
		return true;
	const char *class = strrchr(plugin->vol3, '.');
	size_t length = class ? (size_t)(class - plugin->vol3) : strlen(plugin->vol3);
	return strlen(name) == length && !strncasecmp(plugin->vol3, name, length);
}

ei_error *plugin_set_find(const struct plugin_set *set, const char *name, const ei_plugin **out)
{
	const char *names[PLUGINS_MAX];
	for (size_t i = 0; i < set->count; i++) {
		const ei_plugin *plugin = plugin_set_at(set, i);
		if (answers_to(plugin, name)) {
			*out = plugin;
			return NULL;
		}
		names[i] = plugin->name;
	}
	const char *last = strrchr(name, '.');
	const char *nearest = nearest_name(last ? last + 1 : name, names, set->count);
	if (nearest)
		return ei_fail(
			EI_E_USAGE, "there is no plugin '%s'; is '%s' meant?", name, nearest);
	return ei_fail(EI_E_USAGE, "there is no plugin '%s'; 'eidetic plugins' lists them", name);
}
