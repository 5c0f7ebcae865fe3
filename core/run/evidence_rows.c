// What rows of plugins say beside the terms of their columns: which of them count, and what else
// follows from one.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_rows.h"

#include <strings.h>

static int column_of(const ei_plugin *plugin, const char *name)
{
	for (unsigned i = 0; i < plugin->column_count; i++)
		if (!strcmp(plugin->columns[i].name, name))
			return (int)i;
	return -1;
}

static ei_val cell_of(const ei_plugin *plugin, const ei_val *cells, const char *name)
{
	int column = column_of(plugin, name);
	return column < 0 ? ei_absent(EI_NONE) : cells[column];
}

static bool is(const ei_plugin *plugin, const char *name)
{
	return !strcmp(plugin->name, name);
}

static bool has_text(ei_val value, const char *text)
{
	return ei_has(value) && value.kind == EI_STR &&
	       memmem(value.s, value.length, text, strlen(text));
}

bool evidence_row_counts(const ei_plugin *plugin, const ei_val *cells)
{
	if (is(plugin, "ssdt")) // all routines are listed
		return ei_u64_or(cell_of(plugin, cells, "hooked"), 0);
	if (is(plugin, "privileges"))
		return has_text(cell_of(plugin, cells, "attributes"), "Enabled");
	return true;
}

bool evidence_rows_are_all(const ei_plugin *plugin)
{
	return !is(plugin, "ssdt");
}

// ---- files that processes have open to write --------------------------------------------------
static const char writer[] = "fileWriteEvent/process";
static const char writer_path[] = "fileWriteEvent/processPath";

enum { CAN_WRITE = 6, GENERIC_WRITE = 0x40000000 }; // FILE_WRITE_DATA, FILE_APPEND_DATA

static const char *last_step(const char *path)
{
	const char *slash = strrchr(path, '\\');
	return slash ? slash + 1 : path;
}

static void writer_give(struct evidence *evidence, const ei_plugin *plugin, const ei_val *cells)
{
	uint64_t pid = ei_u64_or(cell_of(plugin, cells, "pid"), EVIDENCE_NO_PID);
	uint64_t access = ei_u64_or(cell_of(plugin, cells, "access"), 0);
	ei_val path = cell_of(plugin, cells, "name");
	const struct evidence_process *process = evidence_process_of(evidence, pid);
	if (!process || !has_text(cell_of(plugin, cells, "type"), "File") || !ei_has(path) ||
		!(access & (CAN_WRITE | GENERIC_WRITE)))
		return;
	struct holder holder = { .source = plugin->name, .pid = pid };
	struct known known = evidence_file(evidence, path, &holder);
	if (known.entity == UINT32_MAX)
		return;
	const char *name = *process->path ? last_step(process->path) : process->name;
	evidence_value(evidence, "FileItem/FullPath", known, path, NULL);
	evidence_value(evidence, writer, known, ei_str(name), NULL);
	evidence_value(evidence, writer_path, known,
		*process->path ? ei_str(process->path) : ei_absent(EI_UNREADABLE), NULL);
}

// ---- programs of processes --------------------------------------------------------------------
static void digests_give(struct evidence *evidence, const ei_plugin *plugin, const ei_val *cells)
{
	static const struct {
		const char *column, *term;
	} digests[] = { { "md5", "ProcessItem/Md5sum" }, { "sha1", "ProcessItem/Sha1sum" },
		{ "sha256", "ProcessItem/Sha256sum" } };
	bool known_file = ei_has(cell_of(plugin, cells, "md5"));
	uint64_t key = known_file ? evidence_path_key(cell_of(plugin, cells, "path")) : 0;
	for (size_t i = 0; key && i < evidence->process_count; i++) {
		const struct evidence_process *process = &evidence->processes[i];
		if (!*process->path || evidence_path_key(ei_str(process->path)) != key)
			continue;
		struct known known = evidence_process(evidence, process->pid, plugin->name);
		for (size_t d = 0; d < ARRAY_LENGTH(digests); d++)
			evidence_value(evidence, digests[d].term, known,
				cell_of(plugin, cells, digests[d].column), NULL);
	}
}

// ---- endpoints ------------------------------------------------------------------------------
// "TCPv4" is meant by "TCP", too. Whose it is has a path.
static void endpoint_give(
	struct evidence *evidence, const ei_plugin *plugin, struct known known, const ei_val *cells)
{
	ei_val protocol = cell_of(plugin, cells, "proto");
	uint64_t pid = ei_u64_or(cell_of(plugin, cells, "pid"), EVIDENCE_NO_PID);
	const struct evidence_process *process = evidence_process_of(evidence, pid);
	if (ei_has(protocol) && protocol.length > 2 && protocol.s[protocol.length - 2] == 'v') {
		protocol.length -= 2;
		evidence_value(evidence, "PortItem/protocol", known, protocol, NULL);
	}
	evidence_value(evidence, "PortItem/path", known,
		process && *process->path ? ei_str(process->path) : ei_absent(EI_UNREADABLE), NULL);
}

// ---- levels of integrity ----------------------------------------------------------------------
static void integrity_give(struct evidence *evidence, const ei_plugin *plugin, const ei_val *cells)
{
	static const struct {
		const char *sid, *level;
	} levels[] = { { "S-1-16-0", "Untrusted" }, { "S-1-16-4096", "Low" },
		{ "S-1-16-8192", "Medium" }, { "S-1-16-8448", "MediumPlus" },
		{ "S-1-16-12288", "High" }, { "S-1-16-16384", "System" } };
	ei_val sid = cell_of(plugin, cells, "sid");
	uint64_t pid = ei_u64_or(cell_of(plugin, cells, "pid"), EVIDENCE_NO_PID);
	for (size_t i = 0; ei_has(sid) && i < ARRAY_LENGTH(levels); i++) {
		if (sid.length != strlen(levels[i].sid) ||
			memcmp(sid.s, levels[i].sid, sid.length) != 0)
			continue;
		struct known known = evidence_process(evidence, pid, plugin->name);
		evidence_value(evidence, "ProcessItem/IntegrityLevel", known,
			ei_str(levels[i].level), NULL);
		evidence_value(evidence, "ProcessItem/IntegrityLevel", known, sid, NULL);
	}
}

// ---- all of them ----------------------------------------------------------------------------
static const struct also {
	const char *plugin, *term;
} alsos[] = {
	{ "handles", writer },
	{ "handles", writer_path },
	{ "filehash", "ProcessItem/Md5sum" },
	{ "filehash", "ProcessItem/Sha1sum" },
	{ "filehash", "ProcessItem/Sha256sum" },
	{ "netscan", "PortItem/path" },
	{ "getsids", "ProcessItem/IntegrityLevel" },
};

const char *evidence_row_term(const ei_plugin *plugin, size_t nth)
{
	for (size_t i = 0; i < ARRAY_LENGTH(alsos); i++)
		if (is(plugin, alsos[i].plugin) && !nth--)
			return alsos[i].term;
	return NULL;
}

bool evidence_row_wanted(const struct evidence *evidence, const ei_plugin *plugin)
{
	const char *term;
	for (size_t i = 0; (term = evidence_row_term(plugin, i)); i++)
		if (evidence_asks(evidence, term))
			return true;
	return false;
}

void evidence_row_answers(struct evidence *evidence, const ei_plugin *plugin)
{
	const char *term;
	bool all = is(plugin, "getsids") || is(plugin, "netscan");
	for (size_t i = 0; (term = evidence_row_term(plugin, i)); i++)
		if (evidence_asks(evidence, term))
			ioc_evidence_answers(evidence->logic, term, all);
}

void evidence_row_give(
	struct evidence *evidence, const ei_plugin *plugin, struct known known, const ei_val *cells)
{
	if (is(plugin, "netscan") && known.entity != UINT32_MAX)
		endpoint_give(evidence, plugin, known, cells);
	if (!evidence_row_wanted(evidence, plugin))
		return;
	if (is(plugin, "handles"))
		writer_give(evidence, plugin, cells);
	else if (is(plugin, "filehash"))
		digests_give(evidence, plugin, cells);
	else if (is(plugin, "getsids"))
		integrity_give(evidence, plugin, cells);
}
