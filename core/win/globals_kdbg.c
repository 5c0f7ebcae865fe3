// The kernel's data for its debugger: in clear, or decoded with what the kernel's own code names.
//
// Sources: offsets are those of wdbgexts.h (Windows SDK). The way it is encoded was compared with
// decompiled KdCopyDataBlock and KdEncodeDataBlock of four kernels up to 22631, which do 109 to 116
// words, and with the code of KeSetTimerEx of a 19041 kernel; the block itself says how long it is.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_kdbg.h"

#include "win/identify.h"
#include "win/kernel_pe.h"

enum {
	TAG_AT = 0x10,
	SIZE_AT = 0x14,
	BASE_AT = 0x18,
	SIZE_MIN = 0x100,
	TAG = 0x4742444b, // "KDBG"
	CALLEES_MAX = 64,
	REFERENCES_MAX = 6,   // of each kind: the function has two, one and two
	DUMP_BLOCK_AT = 0x80, // of DUMP_HEADER64
	WALK_LIMIT = 1024,
	COPY_LIMIT = 160,     // of the function that decodes: it is short
	BEFORE_SWAP = 0x80,   // bytes of it before the swap of bytes
	SCAN_LIMIT = 1 << 16, // instructions
};

// ---- globals it names -----------------------------------------------------------------------
// clang-format off
static const struct { uint32_t offset; const char *name; } fields[] = {
	{ 0x048, "PsLoadedModuleList" },
	{ 0x050, "PsActiveProcessHead" },
	{ 0x058, "PspCidTable" },
	{ 0x060, "ExpSystemResourcesList" },
	{ 0x080, "KeBugCheckCallbackListHead" },
	{ 0x090, "IopErrorLogListHead" },
	{ 0x098, "ObpRootDirectoryObject" },
	{ 0x0c0, "MmPfnDatabase" },
	{ 0x0f0, "MmHighestPhysicalPage" },
	{ 0x208, "NtBuildLab" },
	{ 0x218, "KiProcessorBlock" },
	{ 0x220, "MmUnloadedDrivers" },
	{ 0x228, "MmLastUnloadedDriver" },
	{ 0x268, "CmNtCSDVersion" },
};
// clang-format on

const char *kdbg_global(size_t index, uint32_t *offset)
{
	if (index >= ARRAY_LENGTH(fields))
		return NULL;
	*offset = fields[index].offset;
	return fields[index].name;
}

uint64_t kdbg_pointer(const struct kernel_image *kernel, const struct kdbg *kdbg, uint32_t offset)
{
	if (!span_inside(offset, 8, kdbg->size))
		return 0;
	return kernel->space->mode->canonical(load_u64(kdbg->bytes + offset));
}

// ---- is it the block? -----------------------------------------------------------------------
// Of `got` bytes that could be read.
static bool accept(const struct kernel_image *kernel, size_t got, struct kdbg *kdbg)
{
	uint32_t size = load_u32(kdbg->bytes + SIZE_AT);
	uint64_t base = kernel->space->mode->canonical(load_u64(kdbg->bytes + BASE_AT));
	if (got < SIZE_MIN || size < SIZE_MIN || base != kernel->base ||
		load_u32(kdbg->bytes + TAG_AT) != TAG)
		return false;
	kdbg->size = MIN(size, (uint32_t)got);
	return true;
}

static size_t read_block(const struct kernel_image *kernel, struct kdbg *kdbg)
{
	return space_read(
		kernel->space, kernel->reader, kdbg->va, kdbg->bytes, KDBG_BYTES_MAX, NULL);
}

bool kdbg_read(const struct kernel_image *kernel, uint64_t va, struct kdbg *out)
{
	struct kdbg kdbg = { .va = va, .witness = "debugger data" };
	if (!va || !accept(kernel, read_block(kernel, &kdbg), &kdbg))
		return false;
	*out = kdbg;
	return true;
}

static uint64_t rotate_left(uint64_t value, uint64_t by)
{
	by &= 63;
	return by ? value << by | value >> (64 - by) : value;
}

struct keys {
	uint64_t never, always, flag;
};

static uint64_t decode(const struct keys *keys, uint64_t value)
{
	value = rotate_left(keys->never ^ value, keys->never);
	return keys->always ^ __builtin_bswap64(keys->flag ^ value);
}

// Whether the first bytes that matter, decoded, say that this is the block.
static bool begins_block(const struct kernel_image *kernel, uint64_t block, const struct keys *keys)
{
	uint8_t bytes[16];
	if (!kernel_read(kernel, block + TAG_AT, bytes, sizeof bytes))
		return false;
	return (uint32_t)decode(keys, load_u64(bytes)) == TAG &&
	       kernel->space->mode->canonical(decode(keys, load_u64(bytes + 8))) == kernel->base;
}

bool kdbg_decode(const struct kernel_image *kernel, uint64_t block, uint64_t wait_never,
	uint64_t wait_always, uint64_t encoded_flag, struct kdbg *out)
{
	struct kdbg kdbg = { .va = block,
		.wait_never = wait_never,
		.wait_always = wait_always,
		.encoded_flag = encoded_flag,
		.witness = "decoded debugger data" };
	uint8_t never[8], always[8];
	if (!kernel_read(kernel, wait_never, never, sizeof never) ||
		!kernel_read(kernel, wait_always, always, sizeof always))
		return false;
	const struct keys keys = { load_u64(never), load_u64(always), encoded_flag };
	if (!begins_block(kernel, block, &keys))
		return false;
	size_t got = read_block(kernel, &kdbg);
	for (size_t at = 0; at < KDBG_BYTES_MAX; at += 8) {
		uint64_t value = decode(&keys, load_u64(kdbg.bytes + at));
		memcpy(kdbg.bytes + at, &value, sizeof value);
	}
	if (!accept(kernel, got, &kdbg))
		return false;
	*out = kdbg;
	return true;
}

// ---- the code that decodes it ---------------------------------------------------------------
struct addresses {
	uint64_t va[REFERENCES_MAX];
	size_t count;
};

static void addresses_add(struct addresses *set, uint64_t va)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->va[i] == va)
			return;
	if (set->count < REFERENCES_MAX)
		set->va[set->count++] = va;
}

// What a function that swaps bytes refers to.
struct decoder {
	struct addresses blocks; // addresses it takes
	struct addresses flags;  // bytes it tests
	struct addresses keys;   // eight bytes it reads
	bool swaps;
};

static bool decoder_visit(void *context, const struct code_ref *ref)
{
	struct decoder *decoder = context;
	decoder->swaps |= ref->use == CODE_SWAP && ref->size == 8;
	if (ref->use == CODE_ADDRESS)
		addresses_add(&decoder->blocks, ref->target);
	else if (ref->size == 1 && (ref->use & (CODE_TOUCH | CODE_LOAD)))
		addresses_add(&decoder->flags, ref->target);
	else if (ref->size == 8 && (ref->use & (CODE_TOUCH | CODE_LOAD)))
		addresses_add(&decoder->keys, ref->target);
	return true;
}

static bool try_keys(const struct kernel_image *kernel, const struct addresses *keys,
	uint64_t block, uint64_t flag, struct kdbg *out)
{
	for (size_t i = 0; i < keys->count; i++)
		for (size_t j = 0; j < keys->count; j++)
			if (i != j &&
				kdbg_decode(kernel, block, keys->va[i], keys->va[j], flag, out))
				return true;
	return false;
}

// The flag's address is used as a number, so it is taken, too.
static bool try_decoder(
	const struct kernel_image *kernel, const struct decoder *decoder, struct kdbg *out)
{
	if (!decoder->swaps)
		return false;
	for (size_t i = 0; i < decoder->blocks.count; i++)
		for (size_t j = 0; j < decoder->flags.count; j++)
			if (try_keys(kernel, &decoder->keys, decoder->blocks.va[i],
				    decoder->flags.va[j], out))
				return true;
	return false;
}

// `*budget` instructions are left to be read.
static bool try_function(const struct kernel_image *kernel, struct code *code, uint64_t va,
	uint32_t *budget, struct kdbg *out)
{
	struct decoder decoder = { 0 };
	uint32_t limit = MIN(*budget, (uint32_t)COPY_LIMIT);
	*budget -= code_walk(code, va, limit, decoder_visit, &decoder);
	return try_decoder(kernel, &decoder, out);
}

struct callees {
	uint64_t va[CALLEES_MAX];
	size_t count;
};

static bool callee_visit(void *context, const struct code_ref *ref)
{
	struct callees *callees = context;
	if (ref->use == CODE_CALL)
		callees->va[callees->count++] = ref->target;
	return callees->count < CALLEES_MAX;
}

// Exported functions that copy the block into a dump, by way of KdCopyDataBlock.
static const char *const dumpers[] = { "KeCapturePersistentThreadState", "IoFillTriageDumpBuffer",
	"KeInitializeCrashDumpHeader" };

static bool decode_by_exports(
	const struct kernel_image *kernel, struct code *code, struct kdbg *out)
{
	struct kernel_pe pe;
	uint32_t rva, budget = SCAN_LIMIT;
	if (!kernel_pe_open(kernel->space, kernel->reader, kernel->base, &pe))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(dumpers); i++) {
		struct callees callees = { 0 };
		if (!kernel_pe_export(&pe, dumpers[i], &rva))
			continue;
		code_walk(code, kernel->base + rva, WALK_LIMIT, callee_visit, &callees);
		for (size_t n = 0; n < callees.count; n++)
			if (try_function(kernel, code, callees.va[n], &budget, out))
				return true;
	}
	return false;
}

// ---- without that function ------------------------------------------------------------------
// Timers are obscured with the same keys, a dump's header has the block's address, and one word of
// the block is known: the kernel's base. Only the flag's address is not, and follows from them.
struct block_search {
	uint64_t block;
};

static bool block_visit(void *context, const struct code_ref *ref)
{
	struct block_search *search = context;
	if (ref->use == CODE_PUT_ADDRESS && ref->displacement == DUMP_BLOCK_AT)
		search->block = ref->target;
	return !search->block;
}

static uint64_t flag_of(
	const struct kernel_image *kernel, uint64_t block, uint64_t never_at, uint64_t always_at)
{
	uint64_t never = kernel_pointer(kernel, never_at);
	uint64_t always = kernel_pointer(kernel, always_at);
	uint64_t word = kernel_pointer(kernel, block + BASE_AT);
	return __builtin_bswap64(always ^ kernel->base) ^ rotate_left(never ^ word, never);
}

static bool try_flags(const struct kernel_image *kernel, uint64_t block,
	const struct addresses *keys, struct kdbg *out)
{
	for (size_t i = 0; i < keys->count; i++) {
		for (size_t j = 0; j < keys->count; j++) {
			uint64_t never = keys->va[i], always = keys->va[j];
			uint64_t flag = flag_of(kernel, block, never, always);
			if (i != j && kernel_holds(kernel, flag) &&
				kdbg_decode(kernel, block, never, always, flag, out))
				return true;
		}
	}
	return false;
}

static bool decode_by_timers(const struct kernel_image *kernel, struct code *code, struct kdbg *out)
{
	struct kernel_pe pe;
	struct block_search search = { 0 };
	struct decoder timers = { 0 };
	uint32_t dump, timer;
	if (!kernel_pe_open(kernel->space, kernel->reader, kernel->base, &pe) ||
		!kernel_pe_export(&pe, dumpers[0], &dump) ||
		!kernel_pe_export(&pe, "KeSetTimerEx", &timer))
		return false;
	code_walk(code, kernel->base + dump, WALK_LIMIT, block_visit, &search);
	code_walk(code, kernel->base + timer, COPY_LIMIT, decoder_visit, &timers);
	return search.block && timers.swaps && try_flags(kernel, search.block, &timers.keys, out);
}

// ---- without any export ---------------------------------------------------------------------
// Eight bytes are swapped at `code`: REX.W 0F C8+r.
static bool is_swap(const uint8_t *code)
{
	return (code[0] == 0x48 || code[0] == 0x49) && code[1] == 0x0f && (code[2] & 0xf8) == 0xc8;
}

// A rotation by cl before it, REX.W D3 /0, as only encoded data has them.
static bool is_rotation(const uint8_t *code)
{
	return (code[0] == 0x48 || code[0] == 0x49) && code[1] == 0xd3 && (code[2] & 0xf8) == 0xc0;
}

// Where the function begins is not known, but functions follow padding or the end of another.
static bool may_begin(const uint8_t *code)
{
	return code[-1] == 0xcc || code[-1] == 0x90 || code[-1] == 0xc3;
}

struct swap_scan {
	const struct kernel_image *kernel;
	struct code *code;
	struct kdbg *out;
	uint32_t budget;
	bool found;
};

static bool try_before(struct swap_scan *scan, uint64_t swap)
{
	uint8_t bytes[BEFORE_SWAP + 1];
	if (swap - scan->kernel->base < sizeof bytes ||
		!kernel_read(scan->kernel, swap - sizeof bytes, bytes, sizeof bytes))
		return false;
	for (size_t at = 1; at < sizeof bytes; at++) {
		uint64_t va = swap - sizeof bytes + at;
		if (va % 4 == 0 && may_begin(bytes + at) &&
			try_function(scan->kernel, scan->code, va, &scan->budget, scan->out))
			return true;
	}
	return false;
}

static bool is_rotated_before(const uint8_t *swap)
{
	for (size_t back = 3; back <= 16; back++)
		if (is_rotation(swap - back))
			return true;
	return false;
}

static void swaps_of_page(struct swap_scan *scan, uint64_t va)
{
	uint8_t bytes[PAGE_SIZE + 16];
	size_t got = space_read(
		scan->kernel->space, scan->kernel->reader, va, bytes, sizeof bytes, NULL);
	for (size_t at = 16; at + 3 <= got && scan->budget && !scan->found; at++)
		if (is_swap(bytes + at) && is_rotated_before(bytes + at))
			scan->found = try_before(scan, va + at);
}

static bool decode_by_scan(const struct kernel_image *kernel, struct code *code, struct kdbg *out)
{
	struct swap_scan scan = {
		.kernel = kernel, .code = code, .out = out, .budget = SCAN_LIMIT
	};
	uint64_t last = kernel->base + kernel->size - 1;
	struct page page;
	for (uint64_t va = kernel->base;
		space_next(kernel->space, kernel->reader, va, last, 0, &page);) {
		uint64_t end = MIN(page.va + page.size - 1, last);
		for (uint64_t at = MAX(page.va, va); at < end && !scan.found; at += PAGE_SIZE)
			swaps_of_page(&scan, at);
		va = page.va + page.size;
		if (scan.found || va - 1 >= last)
			break;
	}
	return scan.found;
}

bool kdbg_find(
	const struct kernel_image *kernel, struct code *code, uint64_t hint, struct kdbg *out)
{
	if (kdbg_read(kernel, hint, out))
		return true;
	uint64_t clear = identify_kdbg(kernel->space, kernel->reader, kernel->base, kernel->size);
	if (kdbg_read(kernel, clear, out))
		return true;
	if (!code || kernel->space->mode->pointer_size != 8)
		return false;
	return decode_by_exports(kernel, code, out) || decode_by_timers(kernel, code, out) ||
	       decode_by_scan(kernel, code, out);
}
