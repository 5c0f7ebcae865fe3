// Which terms evidence can be had for, without an image.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_rows.h"

#include <strings.h>

static bool says(const char *(*list)(size_t nth), const char *term)
{
	const char *one;
	for (size_t i = 0; (one = list(i)); i++)
		if (!strcasecmp(one, term))
			return true;
	return false;
}

static void put(struct text *out, const char *name)
{
	text_addf(out, "%s%s", out->length ? "," : "", name);
}

static bool plugin_says(const ei_plugin *plugin, const char *term)
{
	const char *also;
	for (unsigned c = 0; c < plugin->column_count; c++)
		if (plugin->columns[c].ioc && !strcasecmp(plugin->columns[c].ioc, term))
			return true;
	for (size_t i = 0; (also = evidence_row_term(plugin, i)); i++)
		if (!strcasecmp(also, term))
			return true;
	return false;
}

void evidence_answerers(
	const struct plugin_set *plugins, const struct ioc_term *term, struct text *out)
{
	for (size_t i = 0; i < plugin_set_count(plugins); i++)
		if (plugin_says(plugin_set_at(plugins, i), term->name))
			put(out, plugin_set_at(plugins, i)->name);
	if (says(evidence_processes_say, term->name))
		put(out, "processes");
	if (says(evidence_registry_says, term->name) || says(evidence_keys_say, term->name))
		put(out, "registry");
	if (says(evidence_first_says, term->name))
		put(out, "files");
	if (evidence_programs_say(term->name))
		put(out, "programs");
	if (evidence_texts_say(term))
		put(out, "search");
	if (!strcmp(term->name, "Yara/Rule"))
		put(out, "yara");
}
