// Machine code in words, by capstone.
// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include <capstone/capstone.h>
#include <eidetic/code.h>
#include <eidetic/system.h>

enum { CODE_MAX = 4096, TEXT_MAX = 64 << 10 };

static void line_add(struct text *text, const cs_insn *code, bool compat)
{
	if (compat)
		text_addf(text, "\n0x%llx:\t%s\t%s", (unsigned long long)code->address,
			code->mnemonic, code->op_str);
	else
		text_addf(text, "%s%s%s%s", text->length ? "; " : "", code->mnemonic,
			*code->op_str ? " " : "", code->op_str);
}

ei_val ei_disassemble(
	ei_run *run, const uint8_t *bytes, size_t size, uint64_t va, unsigned bits, size_t *decoded)
{
	csh handle;
	cs_insn *code;
	struct text text;
	const size_t all = MIN(size, (size_t)CODE_MAX);
	size_t left = all;
	if (decoded)
		*decoded = 0;
	if (cs_open(CS_ARCH_X86, bits == 32 ? CS_MODE_32 : CS_MODE_64, &handle) != CS_ERR_OK)
		return ei_absent(EI_NONE);
	text_init(&text, TEXT_MAX);
	code = cs_malloc(handle);
	while (code && left && cs_disasm_iter(handle, &bytes, &left, &va, code))
		line_add(&text, code, ei_compat_vol3(run));
	if (decoded)
		*decoded = all - left;
	if (code)
		cs_free(code, 1);
	cs_close(&handle);
	ei_val words = text.length ? ei_str(arena_text(run->scratch, text.data, text.length))
				   : ei_absent(EI_NONE);
	text_deinit(&text);
	return words;
}
