// Reading the kernel's code for what it refers to, with capstone.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_code.h"

#include <capstone/capstone.h>
#include <stdlib.h>

enum {
	LIMIT_MAX = 1024,
	SEEN_SLOTS = 4096, // four times the limit
	BRANCHES_MAX = 256,
	INSTRUCTION_MAX = 15,
	REGISTERS = 16,
	FAST_FAIL = 0x29,
};

// What a general register is known to hold: an address of the image, or what was loaded from one.
struct held {
	enum code_use use; // 0: nothing known
	uint64_t target;
};

struct code {
	struct kernel_image kernel;
	csh handle;
	cs_insn *instruction;
	struct held held[REGISTERS];
	uint64_t seen[SEEN_SLOTS]; // addresses of instructions; 0 is free
	uint64_t branches[BRANCHES_MAX];
	size_t branch_count, branch_next;
	bool (*visit)(void *context, const struct code_ref *ref);
	void *context;
	bool stopped;
};

// ---- the image ------------------------------------------------------------------------------
bool kernel_read(const struct kernel_image *kernel, uint64_t va, void *buffer, size_t size)
{
	return space_read(kernel->space, kernel->reader, va, buffer, size, NULL) == size;
}

uint64_t kernel_pointer(const struct kernel_image *kernel, uint64_t va)
{
	uint8_t bytes[8] = { 0 };
	uint32_t size = kernel->space->mode->pointer_size;
	if (!kernel_read(kernel, va, bytes, size))
		return 0;
	return size == 8 ? load_u64(bytes) : load_u32(bytes);
}

// ---- opening --------------------------------------------------------------------------------
ei_error *code_open(const struct kernel_image *kernel, struct code **out)
{
	bool wide = kernel->space->mode->pointer_size == 8;
	EI_OWNED(code) code = calloc(1, sizeof *code);
	if (!code)
		return ei_fail(EI_E_NOMEM, "out of memory");
	code->kernel = *kernel;
	if (cs_open(CS_ARCH_X86, wide ? CS_MODE_64 : CS_MODE_32, &code->handle) != CS_ERR_OK ||
		cs_option(code->handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK)
		return ei_fail(
			EI_E_REQUIREMENT, "no disassembler for %s", kernel->space->mode->name);
	code->instruction = cs_malloc(code->handle);
	if (!code->instruction)
		return ei_fail(EI_E_NOMEM, "out of memory");
	*out = EI_GIVE(code);
	return NULL;
}

void code_close(struct code *code)
{
	if (!code)
		return;
	if (code->instruction)
		cs_free(code->instruction, 1);
	if (code->handle)
		cs_close(&code->handle);
	free(code);
}

// ---- registers ------------------------------------------------------------------------------
// clang-format off
static const uint16_t registers[REGISTERS][5] = {
	{ X86_REG_RAX, X86_REG_EAX,  X86_REG_AX,   X86_REG_AL,   X86_REG_AH },
	{ X86_REG_RBX, X86_REG_EBX,  X86_REG_BX,   X86_REG_BL,   X86_REG_BH },
	{ X86_REG_RCX, X86_REG_ECX,  X86_REG_CX,   X86_REG_CL,   X86_REG_CH },
	{ X86_REG_RDX, X86_REG_EDX,  X86_REG_DX,   X86_REG_DL,   X86_REG_DH },
	{ X86_REG_RSI, X86_REG_ESI,  X86_REG_SI,   X86_REG_SIL },
	{ X86_REG_RDI, X86_REG_EDI,  X86_REG_DI,   X86_REG_DIL },
	{ X86_REG_RBP, X86_REG_EBP,  X86_REG_BP,   X86_REG_BPL },
	{ X86_REG_RSP, X86_REG_ESP,  X86_REG_SP,   X86_REG_SPL },
	{ X86_REG_R8,  X86_REG_R8D,  X86_REG_R8W,  X86_REG_R8B },
	{ X86_REG_R9,  X86_REG_R9D,  X86_REG_R9W,  X86_REG_R9B },
	{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
	{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
	{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B },
	{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B },
	{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B },
	{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B },
};
// clang-format on

// What is known of a register, by any of its names; NULL: not a general one.
static struct held *held_in(struct code *code, unsigned name)
{
	for (size_t i = 0; i < REGISTERS && name; i++)
		for (size_t j = 0; j < ARRAY_LENGTH(registers[i]); j++)
			if (registers[i][j] == name)
				return &code->held[i];
	return NULL;
}

static void forget_all(struct code *code)
{
	memset(code->held, 0, sizeof code->held);
}

// ---- references -----------------------------------------------------------------------------
static uint64_t canonical(const struct code *code, uint64_t va)
{
	return code->kernel.space->mode->canonical(va);
}

static void tell(struct code *code, struct code_ref ref)
{
	ref.at = code->instruction->address;
	ref.target = canonical(code, ref.target);
	bool outside = ref.use != CODE_CALL && ref.use != CODE_SWAP &&
		       !kernel_holds(&code->kernel, ref.target);
	if (!outside && !code->stopped && !code->visit(code->context, &ref))
		code->stopped = true;
}

static bool holds_base(struct code *code, unsigned name)
{
	const struct held *held = held_in(code, name);
	return held && held->use == CODE_ADDRESS && held->target == code->kernel.base;
}

// The address that a memory operand names by itself; 0: it depends on registers. `*table` is set
// when an element of something at that address is meant.
static uint64_t operand_target(struct code *code, const cs_x86_op *op, bool *table)
{
	const cs_insn *i = code->instruction;
	bool wide = code->kernel.space->mode->pointer_size == 8;
	*table = false;
	if (op->mem.segment != X86_REG_INVALID)
		return 0;
	if (op->mem.base == X86_REG_RIP)
		return i->address + i->size + (uint64_t)op->mem.disp;
	if (wide) {
		*table = holds_base(code, op->mem.base) || holds_base(code, op->mem.index);
		return *table ? code->kernel.base + (uint64_t)op->mem.disp : 0;
	}
	*table = op->mem.base != X86_REG_INVALID || op->mem.index != X86_REG_INVALID;
	return (uint32_t)op->mem.disp;
}

static bool is_move(unsigned id)
{
	return id == X86_INS_MOV || id == X86_INS_MOVZX || id == X86_INS_MOVSX ||
	       id == X86_INS_MOVSXD || id == X86_INS_MOVABS;
}

static enum code_use memory_use(const cs_insn *i, size_t operand, bool table)
{
	if (i->id == X86_INS_LEA)
		return CODE_ADDRESS;
	if (table)
		return CODE_TABLE;
	if (i->id == X86_INS_PUSH || (is_move(i->id) && operand))
		return CODE_LOAD;
	return is_move(i->id) ? CODE_STORE : CODE_TOUCH;
}

// A register or a constant goes to [register + displacement].
static void tell_put(struct code *code, const cs_x86 *x86)
{
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];
	struct code_ref ref = { .size = to->size, .displacement = to->mem.disp };
	if (from->type == X86_OP_IMM) {
		ref.use = CODE_PUT_ADDRESS;
		ref.target = (uint64_t)from->imm;
	} else if (from->type == X86_OP_REG) {
		const struct held *held = held_in(code, from->reg);
		if (!held || !held->use)
			return;
		ref.use = held->use == CODE_ADDRESS ? CODE_PUT_ADDRESS : CODE_PUT_VALUE;
		ref.target = held->target;
	}
	if (ref.use && to->size == code->kernel.space->mode->pointer_size)
		tell(code, ref);
}

// A constant that is an address: only where addresses fit into one.
static bool is_address(const struct code *code, const cs_x86_op *op)
{
	return op->type == X86_OP_IMM && code->kernel.space->mode->pointer_size == 4 &&
	       op->size == 4 && kernel_holds(&code->kernel, (uint32_t)op->imm);
}

static void learn(struct code *code, const cs_x86 *x86, struct held value)
{
	if (!x86->op_count || x86->operands[0].type != X86_OP_REG)
		return;
	struct held *held = held_in(code, x86->operands[0].reg);
	unsigned id = code->instruction->id;
	if (held && id != X86_INS_CMP && id != X86_INS_TEST && id != X86_INS_PUSH)
		*held = value;
}

// The first reference of the instruction's operands becomes what its register holds.
static struct held tell_operands(struct code *code, const cs_x86 *x86)
{
	struct held value = { 0 };
	const cs_insn *i = code->instruction;
	for (size_t n = 0; n < x86->op_count; n++) {
		const cs_x86_op *op = &x86->operands[n];
		struct code_ref ref = { .size = op->size };
		bool table = false;
		if (op->type == X86_OP_MEM) {
			ref.target = operand_target(code, op, &table);
			ref.use = memory_use(i, n, table);
		} else if (is_address(code, op)) {
			ref.target = (uint32_t)op->imm;
			ref.use = CODE_ADDRESS;
		}
		if (!ref.use || !ref.target)
			continue;
		if (ref.use & (CODE_ADDRESS | CODE_LOAD))
			value = (struct held){ ref.use, canonical(code, ref.target) };
		tell(code, ref);
	}
	return value;
}

static void tell_all(struct code *code)
{
	const cs_insn *i = code->instruction;
	const cs_x86 *x86 = &i->detail->x86;
	struct held value = tell_operands(code, x86);
	bool copies = i->id == X86_INS_MOV && x86->op_count == 2;
	if (copies && x86->operands[0].type == X86_OP_MEM &&
		x86->operands[0].mem.base != X86_REG_INVALID &&
		x86->operands[0].mem.base != X86_REG_RIP)
		tell_put(code, x86);
	if (copies && x86->operands[1].type == X86_OP_REG) {
		const struct held *from = held_in(code, x86->operands[1].reg);
		value = from ? *from : value;
	}
	if (i->id == X86_INS_BSWAP)
		tell(code, (struct code_ref){ .use = CODE_SWAP, .size = x86->operands[0].size });
	learn(code, x86, value);
}

// ---- the way through ------------------------------------------------------------------------
// False: it was there.
static bool seen_add(struct code *code, uint64_t va)
{
	size_t slot = (size_t)(va * UINT64_C(0x9e3779b97f4a7c15) >> 52) % SEEN_SLOTS;
	while (code->seen[slot] && code->seen[slot] != va)
		slot = (slot + 1) % SEEN_SLOTS;
	if (code->seen[slot] == va)
		return false;
	code->seen[slot] = va;
	return true;
}

static void branch_later(struct code *code, uint64_t va)
{
	if (code->branch_count < BRANCHES_MAX)
		code->branches[code->branch_count++] = va;
}

static bool decode(struct code *code, uint64_t va)
{
	uint8_t bytes[INSTRUCTION_MAX];
	size_t got =
		space_read(code->kernel.space, code->kernel.reader, va, bytes, sizeof bytes, NULL);
	const uint8_t *at = bytes;
	return got && cs_disasm_iter(code->handle, &at, &got, &va, code->instruction);
}

static bool ends_path(const cs_insn *i)
{
	switch (i->id) {
	case X86_INS_RET:
	case X86_INS_RETF:
	case X86_INS_IRET:
	case X86_INS_IRETD:
	case X86_INS_IRETQ:
	case X86_INS_INT3:
	case X86_INS_UD2:
	case X86_INS_HLT:
		return true;
	case X86_INS_INT:
		return i->detail->x86.operands[0].imm == FAST_FAIL;
	default:
		return false;
	}
}

// Where the instruction goes to by itself; 0: nowhere that it names.
static uint64_t jump_target(const struct code *code, const cs_insn *i)
{
	const cs_x86_op *op = &i->detail->x86.operands[0];
	bool named = i->detail->x86.op_count == 1 && op->type == X86_OP_IMM;
	return named ? canonical(code, (uint64_t)op->imm) : 0;
}

// The next instruction of the path; 0: the path ends.
static uint64_t step(struct code *code)
{
	const cs_insn *i = code->instruction;
	uint64_t next = canonical(code, i->address + i->size);
	if (ends_path(i))
		return 0;
	if (i->id == X86_INS_JMP)
		return jump_target(code, i);
	if (i->id == X86_INS_CALL) {
		uint64_t callee = jump_target(code, i);
		if (callee && kernel_holds(&code->kernel, callee))
			tell(code, (struct code_ref){ .use = CODE_CALL, .target = callee });
		forget_all(code);
		return next;
	}
	if (cs_insn_group(code->handle, i, CS_GRP_JUMP)) {
		uint64_t target = jump_target(code, i);
		if (target)
			branch_later(code, target);
		return next;
	}
	tell_all(code);
	return next;
}

static uint64_t branch_take(struct code *code)
{
	forget_all(code);
	return code->branch_next < code->branch_count ? code->branches[code->branch_next++] : 0;
}

uint32_t code_walk(struct code *code, uint64_t va, uint32_t limit,
	bool (*visit)(void *context, const struct code_ref *ref), void *context)
{
	memset(code->seen, 0, sizeof code->seen);
	forget_all(code);
	code->branch_count = code->branch_next = 0;
	code->visit = visit;
	code->context = context;
	code->stopped = false;
	limit = MIN(limit, (uint32_t)LIMIT_MAX);
	uint32_t read = 0;
	while (va && read < limit && !code->stopped) {
		bool fresh = kernel_holds(&code->kernel, va) && seen_add(code, va);
		if (!fresh || !decode(code, va)) {
			va = branch_take(code);
			continue;
		}
		read++;
		va = step(code);
		if (!va)
			va = branch_take(code);
	}
	return read;
}
