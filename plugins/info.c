// info: what the image is, which Windows is in it, and how that was found out.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/plugin.h>
#include <eidetic/system.h>
#include <string.h>
#include <time.h>

enum { VARIABLE, VALUE, COLUMNS };

static const ei_column columns[COLUMNS] = {
	[VARIABLE] = { "variable", EI_STR, "what is told", .vol3 = "Variable" },
	[VALUE] = { "value", EI_STR, "what is known of it", .vol3 = "Value" },
};

static void tell(ei_run *r, const char *variable, ei_val value)
{
	ei_emit(r, (ei_val[COLUMNS]){ [VARIABLE] = ei_str(variable), [VALUE] = value });
}

// ---- values as text -------------------------------------------------------------------------
enum format { TEXT, NUMBER, ADDRESS, TIME, STAMP, PRODUCT };

// Volatility writes addresses without the sign extension of bit 47.
static ei_val address_text(ei_run *r, uint64_t address)
{
	uint64_t mask = ei_compat_vol3(r) ? UINT64_C(0xffffffffffff) : UINT64_MAX;

	return ei_str(ei_text(ei_scratch(r), "0x%llx", (unsigned long long)(address & mask)));
}

static ei_val time_text(ei_run *r, uint64_t filetime)
{
	const uint64_t epoch = UINT64_C(116444736000000000), end = UINT64_C(2650467744000000000);
	char text[32];
	struct tm parts;

	if (filetime < epoch || filetime >= end)
		return ei_absent(EI_GARBAGE);
	time_t seconds = (time_t)((filetime - epoch) / 10000000);
	unsigned micros = (unsigned)(filetime % 10000000 / 10);
	bool vol3 = ei_compat_vol3(r);
	gmtime_r(&seconds, &parts);
	strftime(text, sizeof text, vol3 ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &parts);
	if (!vol3)
		return ei_str(ei_text(ei_scratch(r), "%s.%06uZ", text, micros));
	return ei_str(ei_text(ei_scratch(r), "%s+00:00", text)); // it drops what is below a second
}

static ei_val stamp_text(ei_run *r, uint64_t unix_time)
{
	char text[32];
	struct tm parts;
	time_t seconds = (time_t)unix_time;

	gmtime_r(&seconds, &parts);
	strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &parts);
	return ei_str(ei_text(ei_scratch(r), "%s", text));
}

static ei_val product_text(uint64_t product)
{
	static const char *const names[] = { NULL, "NtProductWinNt", "NtProductLanManNt",
		"NtProductServer" };

	if (!product || product >= EI_COUNT(names))
		return ei_absent(EI_GARBAGE);
	return ei_str(names[product]);
}

static ei_val as_text(ei_run *r, ei_val value, enum format format)
{
	if (!ei_has(value))
		return value;
	switch (format) {
	case NUMBER:
		return ei_str(ei_text(ei_scratch(r), "%llu", (unsigned long long)value.u));
	case ADDRESS:
		return address_text(r, value.u);
	case TIME:
		return time_text(r, value.u);
	case STAMP:
		return stamp_text(r, value.u);
	case PRODUCT:
		return product_text(value.u);
	default:
		return value;
	}
}

static ei_val text_or(const char *text, ei_state otherwise)
{
	return *text ? ei_str(text) : ei_absent(otherwise);
}

static ei_val size_text(ei_run *r, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	double size = (double)bytes / 1024;

	for (; size >= 1024 && unit + 1 < EI_COUNT(units); unit++)
		size /= 1024;
	return ei_str(ei_text(ei_scratch(r), "%.1f %s (%llu bytes)", size, units[unit],
		(unsigned long long)bytes));
}

// ---- what Volatility tells too --------------------------------------------------------------
struct line {
	const char *variable;
	size_t member; // of ei_system
	enum format format;
};

// clang-format off
static const struct line debugger_lines[] = {
	{ "KdDebuggerDataBlock", offsetof(ei_system, kdbg),            ADDRESS },
	{ "NTBuildLab",          offsetof(ei_system, build_lab),       TEXT },
	{ "CSDVersion",          offsetof(ei_system, service_pack),    NUMBER },
};

static const struct line kernel_lines[] = {
	{ "KdVersionBlock",      offsetof(ei_system, version_block),   ADDRESS },
	{ "MachineType",         offsetof(ei_system, version_machine), NUMBER },
	{ "KeNumberProcessors",  offsetof(ei_system, processors),      NUMBER },
	{ "SystemTime",          offsetof(ei_system, time),            TIME },
	{ "NtSystemRoot",        offsetof(ei_system, root),            TEXT },
	{ "NtProductType",       offsetof(ei_system, product),         PRODUCT },
	{ "NtMajorVersion",      offsetof(ei_system, major),           NUMBER },
	{ "NtMinorVersion",      offsetof(ei_system, minor),           NUMBER },
	{ "PE MajorOperatingSystemVersion", offsetof(ei_system, pe_os_major),   NUMBER },
	{ "PE MinorOperatingSystemVersion", offsetof(ei_system, pe_os_minor),   NUMBER },
	{ "PE Machine",                     offsetof(ei_system, pe_machine),    NUMBER },
	{ "PE TimeDateStamp",               offsetof(ei_system, pe_time_stamp), STAMP },
};
// clang-format on

static ei_val line_value(ei_run *r, const ei_system *s, const struct line *line)
{
	ei_val value;

	memcpy(&value, (const char *)s + line->member, sizeof value);
	return as_text(r, value, line->format);
}

static ei_val version_text(ei_run *r, const ei_system *s)
{
	if (!ei_has(s->version_major) || !ei_has(s->version_minor))
		return ei_absent((ei_state)s->version_major.state);
	return ei_str(ei_text(ei_scratch(r), "%llu.%llu", (unsigned long long)s->version_major.u,
		(unsigned long long)s->version_minor.u));
}

static void tell_kernel(ei_run *r, const ei_system *s)
{
	// Volatility has these only where the block is not encoded.
	if (ei_has(s->kdbg) || !ei_compat_vol3(r))
		for (size_t i = 0; i < EI_COUNT(debugger_lines); i++)
			tell(r, debugger_lines[i].variable, line_value(r, s, &debugger_lines[i]));
	for (size_t i = 0; i < EI_COUNT(kernel_lines); i++) {
		tell(r, kernel_lines[i].variable, line_value(r, s, &kernel_lines[i]));
		if (i == 0)
			tell(r, "Major/Minor", version_text(r, s));
	}
}

static ei_val yes_no(const ei_system *s, const char *mode)
{
	if (!s->found)
		return ei_absent(EI_NONE);
	return ei_str(strcmp(s->mode, mode) ? "False" : "True");
}

static void tell_address_space(ei_run *r, const ei_system *s)
{
	tell(r, "Kernel Base", as_text(r, s->kernel_base, ADDRESS));
	tell(r, "DTB", as_text(r, s->dtb, ADDRESS));
	bool is_path = s->profile_origin[0] == '/';
	ei_val symbols = text_or(is_path ? s->profile_origin : s->profile, EI_NONE);
	if (is_path && ei_compat_vol3(r))
		symbols = ei_str(ei_text(ei_scratch(r), "file://%s", s->profile_origin));
	tell(r, "Symbols", symbols);
	tell(r, "Is64Bit", yes_no(s, "x64"));
	tell(r, "IsPAE", yes_no(s, "x86-pae"));
}

// ---- Volatility's stack of layers -----------------------------------------------------------
static void tell_layers(ei_run *r, const ei_system *s)
{
	static const char *const modes[][2] = { { "x64", "0 WindowsIntel32e" },
		{ "x86-pae", "0 WindowsIntelPAE" }, { "x86", "0 WindowsIntel" } };
	static const char *const formats[][2] = { { "crash64", "1 WindowsCrashDump64Layer" },
		{ "crash32", "1 WindowsCrashDump32Layer" }, { "lime", "1 LimeLayer" },
		{ "elf", "1 Elf64Layer" } };
	const char *container = NULL;

	for (size_t i = 0; i < EI_COUNT(modes); i++)
		if (!strcmp(modes[i][0], s->mode))
			tell(r, "layer_name", ei_str(modes[i][1]));
	for (size_t i = 0; i < EI_COUNT(formats); i++)
		if (!strncmp(formats[i][0], s->format, strlen(formats[i][0])))
			container = formats[i][1];
	tell(r, "memory_layer", ei_str(container ? container : "1 FileLayer"));
	if (container)
		tell(r, "base_layer", ei_str("2 FileLayer"));
}

// ---- what only we tell ----------------------------------------------------------------------
static ei_val machine_text(ei_run *r, const ei_system *s)
{
	static const struct {
		uint64_t machine;
		const char *text;
	} machines[] = { { 0x8664, "x64" }, { 0x14c, "x86" }, { 0xaa64, "ARM64" } };

	for (size_t i = 0; i < EI_COUNT(machines); i++)
		if (ei_u64_or(s->machine, 0) == machines[i].machine)
			return ei_str(machines[i].text);
	return as_text(r, s->machine, NUMBER);
}

static ei_val symbol_file_text(ei_run *r, const ei_system *s)
{
	if (!*s->pdb)
		return ei_absent(s->found ? EI_UNREADABLE : EI_NONE);
	return ei_str(ei_text(ei_scratch(r), "%s %s age %u", s->pdb, s->guid, s->age));
}

static void tell_image(ei_run *r, const ei_system *s)
{
	tell(r, "Image", ei_str(s->image_path));
	tell(r, "Image format", ei_str(s->format_text));
	tell(r, "Image memory",
		s->memory_bytes ? size_text(r, s->memory_bytes) : ei_absent(EI_NONE));
	tell(r, "Windows build", as_text(r, s->build, NUMBER));
	tell(r, "Machine", machine_text(r, s));
	tell(r, "Root found by", text_or(s->root_witness, EI_NONE));
	tell(r, "Kernel found by", text_or(s->kernel_witness, EI_NONE));
	tell(r, "Kernel size", as_text(r, s->kernel_size, ADDRESS));
	tell(r, "Symbol file", symbol_file_text(r, s));
	tell(r, "Profile", text_or(s->profile_how, EI_NONE));
}

static ei_val attempt_text(ei_run *r, const ei_attempt *attempt)
{
	unsigned long long at = attempt->seen_at, dtb = attempt->dtb;

	if (!at)
		return ei_str(ei_text(ei_scratch(r), "%s: root 0x%llx: %s", attempt->witness, dtb,
			attempt->outcome));
	return ei_str(ei_text(ei_scratch(r), "%s at 0x%llx: root 0x%llx: %s", attempt->witness, at,
		dtb, attempt->outcome));
}

// Where the symbols are not known: how each one was come by.
static void tell_globals(ei_run *r)
{
	ei_global globals[EI_GLOBALS_MAX];
	size_t count = ei_system_globals(r, globals);
	for (size_t i = 0; i < count; i++) {
		const ei_global *global = &globals[i];
		tell(r, ei_text(ei_scratch(r), "Global %s", global->name),
			ei_str(ei_text(ei_scratch(r), "0x%llx by %s%s%s",
				(unsigned long long)global->address, global->witnesses,
				global->against ? "; but " : "",
				global->against ? global->against : "")));
	}
}

static void tell_search(ei_run *r)
{
	ei_attempt attempt;
	for (size_t i = 0; ei_verbose(r) && ei_system_attempt(r, i, &attempt); i++)
		tell(r, "Tried", attempt_text(r, &attempt));
}

static ei_error *run(ei_run *r)
{
	ei_system s = ei_system_read(r);

	if (ei_compat_vol3(r)) {
		tell_address_space(r, &s);
		tell_layers(r, &s);
		tell_kernel(r, &s);
		return NULL;
	}
	tell_image(r, &s);
	tell_address_space(r, &s);
	tell_kernel(r, &s);
	tell_globals(r);
	tell_search(r);
	return NULL;
}

EI_PLUGIN(info) = {
	EI_HEAD(info),
	.vol3 = "windows.info.Info",
	.purpose = "what the image is, which Windows is in it, how that was found out",
	.needs = EI_NEEDS_IMAGE,
	EI_COLUMNS(columns),
	.run = run,
};
