// The system in the image. Layouts here are the ones that never change between builds:
// _KUSER_SHARED_DATA (user mode depends on it) and the debugger's protocol.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_kdbg.h"
#include "win/identify.h"
#include "win/kernel_find.h"
#include "win/kernel_pe.h"
#include <eidetic/system.h>

enum {
	SHARED_TIME = 0x14,
	SHARED_ROOT = 0x30,
	SHARED_PRODUCT = 0x264,
	SHARED_MAJOR = 0x26c,
	SHARED_MINOR = 0x270,
	SHARED_ROOT_BYTES = 520,
	KDBG_SERVICE_PACK_AT = 0x268,
	BUILD_LAB_MAX = 32,
};

static ei_val read_u16(ei_run *run, uint64_t va)
{
	uint8_t bytes[2];

	if (ei_read(run, NULL, va, bytes, 2) != 2)
		return ei_absent(EI_UNREADABLE);
	return ei_uint(load_u16(bytes));
}

// A NUL-terminated ASCII string of at most `room` bytes, as far as it can be read.
static ei_val read_ascii(ei_run *run, uint64_t va, size_t room)
{
	char text[64];
	size_t got = va ? ei_read(run, NULL, va, text, MIN(room, sizeof text)) : 0;

	if (!got)
		return ei_absent(EI_UNREADABLE);
	return ei_str(arena_text(run->scratch, text, strnlen(text, got)));
}

// ---- parts ----------------------------------------------------------------------------------
static void read_container(const ei_run *run, ei_system *out)
{
	const struct image *image = run->session->image;

	out->image_path = image_path(image);
	out->format = image_format_name(image);
	out->format_text = image_format_text(image);
	out->file_bytes = image_file_size(image);
	out->memory_bytes = image_bytes(image);
}

static ei_val number_or(uint64_t value, ei_kind kind, ei_state otherwise)
{
	return value ? ei_of(kind, value) : ei_absent(otherwise);
}

static void read_identity(const ei_run *run, ei_system *out)
{
	const struct session *session = run->session;
	const struct identity *identity = &session->identity;
	struct profile_info profile = { .name = "", .origin = "" };

	if (session->profile)
		profile = profile_info(session->profile);
	out->found = identity->found;
	out->arm64 = identity->arm64;
	out->mode = identity->found ? identity->kernel.mode->name : "";
	out->root_witness = identity->root_witness;
	out->kernel_witness = identity->kernel_witness;
	out->pdb = identity->pdb;
	out->guid = identity->guid;
	out->age = identity->age;
	out->profile = profile.name;
	out->profile_origin = profile.origin;
	out->profile_how = session->profile_how;
	out->kernel_base = number_or(identity->kernel_base, EI_ADDR, EI_UNREADABLE);
	out->kernel_size = number_or(identity->kernel_size, EI_HEX, EI_UNREADABLE);
	out->dtb = identity->found ? ei_addr(identity->kernel.dtb) : ei_absent(EI_NONE);
	out->machine = number_or(identity->machine, EI_UINT, EI_UNREADABLE);
	out->build = number_or(identity->build, EI_UINT, EI_UNREADABLE);
}

// Decodes it where it is encoded. Volatility does not, and then has no rows of it.
static bool find_kdbg(
	const ei_run *run, const struct kernel_image *kernel, uint64_t va, struct kdbg *out)
{
	if (kdbg_read(kernel, va, out) || run->session->compat_vol3)
		return out->size;
	EI_OWNED(code) code = NULL;
	EI_OWNED(ei_error) error = code_open(kernel, &code);
	return !error && kdbg_find(kernel, code, 0, out);
}

static void read_kdbg(ei_run *run, ei_system *out)
{
	const struct identity *identity = &run->session->identity;
	const struct kernel_image kernel = { &identity->kernel, run->reader, identity->kernel_base,
		identity->kernel_size };
	uint64_t va = identity->kdbg;
	struct kdbg kdbg = { 0 };
	ei_symbol(run, "KdDebuggerDataBlock", &va);
	if (!find_kdbg(run, &kernel, va, &kdbg)) {
		bool encoded = va && ei_u64_or(ei_read_u32(run, NULL, va + KDBG_TAG_AT), 0);
		out->kdbg = ei_absent(encoded ? EI_NONE : EI_UNREADABLE);
		return;
	}
	out->kdbg = ei_addr(run_canonical(run, kdbg.va));
	out->build_lab =
		read_ascii(run, kdbg_pointer(&kernel, &kdbg, KDBG_BUILD_LAB_AT), BUILD_LAB_MAX);
	ei_val csd = ei_read_u32(run, NULL, kdbg_pointer(&kernel, &kdbg, KDBG_SERVICE_PACK_AT));
	out->service_pack = ei_has(csd) ? ei_uint(csd.u >> 8) : csd;
}

static void read_symbols(ei_run *run, ei_system *out)
{
	uint64_t va;

	if (ei_symbol(run, "KdVersionBlock", &va)) {
		out->version_block = ei_addr(run_canonical(run, va));
		out->version_major = read_u16(run, va);
		out->version_minor = read_u16(run, va + 2);
		out->version_machine = read_u16(run, va + 8);
	}
	if (ei_symbol(run, "KeNumberProcessors", &va))
		out->processors = ei_read_u32(run, NULL, va);
	if (!ei_has(out->build_lab) && ei_symbol(run, "NtBuildLab", &va))
		out->build_lab = read_ascii(run, va, BUILD_LAB_MAX);
}

static ei_val read_root(ei_run *run, uint64_t shared)
{
	uint8_t utf16[SHARED_ROOT_BYTES] = { 0 };
	size_t got = ei_read(run, NULL, shared + SHARED_ROOT, utf16, sizeof utf16), end = 0;

	while (end + 2 <= got && load_u16(utf16 + end))
		end += 2;
	if (!end)
		return ei_absent(got ? EI_GARBAGE : EI_UNREADABLE);
	char *text = ei_alloc(run->scratch, end / 2 * 3 + 1);
	if (text)
		utf16_to_utf8(utf16, end, text);
	return ei_str(text);
}

static void read_shared_data(ei_run *run, ei_system *out)
{
	bool wide = ei_pointer_size(run) == 8;
	uint64_t shared = wide ? UINT64_C(0xfffff78000000000) : 0xffdf0000;
	uint8_t time[8];

	if (ei_read(run, NULL, shared + SHARED_TIME, time, sizeof time) == sizeof time)
		out->time = ei_of(EI_TIME, load_u64(time));
	out->root = read_root(run, shared);
	out->product = ei_read_u32(run, NULL, shared + SHARED_PRODUCT);
	out->major = ei_read_u32(run, NULL, shared + SHARED_MAJOR);
	out->minor = ei_read_u32(run, NULL, shared + SHARED_MINOR);
}

static void read_header(ei_run *run, ei_system *out)
{
	const struct identity *identity = &run->session->identity;
	struct kernel_pe pe;

	if (!kernel_pe_open(&identity->kernel, run->reader, identity->kernel_base, &pe))
		return;
	out->pe_os_major = ei_uint(pe.os_major);
	out->pe_os_minor = ei_uint(pe.os_minor);
	out->pe_machine = ei_uint(pe.machine);
	out->pe_time_stamp = ei_uint(pe.time_stamp);
}

ei_system ei_system_read(ei_run *run)
{
	ei_system out = { 0 };
	bool found = run->session->identity.found;
	const ei_val unknown = ei_absent(found ? EI_UNREADABLE : EI_NONE);
	ei_val *const memory[] = { &out.kdbg, &out.build_lab, &out.service_pack, &out.version_block,
		&out.version_major, &out.version_minor, &out.version_machine, &out.processors,
		&out.time, &out.root, &out.product, &out.major, &out.minor, &out.pe_os_major,
		&out.pe_os_minor, &out.pe_machine, &out.pe_time_stamp };

	for (size_t i = 0; i < ARRAY_LENGTH(memory); i++)
		*memory[i] = unknown;
	read_container(run, &out);
	read_identity(run, &out);
	if (!found)
		return out;
	read_kdbg(run, &out);
	read_symbols(run, &out);
	read_shared_data(run, &out);
	read_header(run, &out);
	return out;
}

// ---- how it was found -----------------------------------------------------------------------
bool ei_system_attempt(const ei_run *run, size_t index, ei_attempt *out)
{
	if (index >= run->session->attempt_count)
		return false;
	const struct attempt *attempt = &run->session->attempts[index];
	*out = (ei_attempt){ .witness = attempt->witness,
		.dtb = attempt->dtb,
		.seen_at = attempt->pa,
		.outcome = attempt->outcome,
		.accepted = attempt->accepted };
	return true;
}

unsigned ei_verbose(const ei_run *run)
{
	return run->session->verbose;
}

bool ei_compat_vol3(const ei_run *run)
{
	return run->session->compat_vol3;
}
