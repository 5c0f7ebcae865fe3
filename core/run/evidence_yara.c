// Evidence by rules of YARA: matched against processes and the kernel.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_parts.h"

#include <eidetic/win.h>
#include <eidetic/yara.h>
#include <stdio.h>
#include <stdlib.h>

static const char source_name[] = "yara";
static const char rule_term[] = "Yara/Rule";

struct rules {
	struct evidence *evidence;
	ei_run *run;
	uint64_t pid; // being scanned; EVIDENCE_NO_PID: the kernel
	uint64_t matches;
	size_t first, count; // texts that are compiled together
};

// The atom "INDEX:RULE" of a rule, of any of the texts that were compiled together.
static uint32_t rule_atom(const struct rules *rules, const char *name)
{
	const struct ioc_program *program = rules->evidence->wish.program;
	uint32_t atom = ioc_atoms_of(program, rule_term);
	for (; atom != IOC_NO_ATOM; atom = ioc_atom(program, atom)->next) {
		const char *value = ioc_atom(program, atom)->value, *colon = strchr(value, ':');
		size_t index = strtoul(value, NULL, 10);
		if (colon && !strcmp(colon + 1, name) && index >= rules->first &&
			index < rules->first + rules->count)
			break;
	}
	return atom;
}

static struct known rule_holder(struct rules *rules, const char *domain)
{
	struct evidence *evidence = rules->evidence;
	struct holder holder = { .source = source_name, .pid = rules->pid };
	return evidence_same(evidence, (struct entity_key){ domain, { rules->pid, 1 } }, IOC_ROOT,
		rules->pid == EVIDENCE_NO_PID ? IOC_NO_LINK : rules->pid, &holder);
}

static bool found(ei_run *run, void *context, const ei_yara_match *match)
{
	struct rules *rules = context;
	struct evidence *evidence = rules->evidence;
	uint32_t atom = rule_atom(rules, match->rule);
	if (atom == IOC_NO_ATOM)
		return !ei_stopped(run);
	struct known known =
		rule_holder(rules, ioc_atom(evidence->wish.program, atom)->term->domain);
	if (known.entity == UINT32_MAX)
		return false;
	struct place place = { true, match->at, ei_has(match->name) ? match->name.s : NULL,
		source_name };
	char text[600];
	size_t length = (size_t)snprintf(
		text, sizeof text, "%s %s", match->rule, match->string ? match->string : "");
	if (ei_has(match->value))
		length += (size_t)snprintf(text + length, sizeof text - length, " %.*s",
			(int)MIN(match->value.length, 64u), (const char *)match->value.b);
	ioc_evidence_hit(evidence->logic, atom, known.entity, known.holder);
	evidence_fact(evidence, known.holder, rule_term, text, strnlen(text, sizeof text), &place);
	rules->matches++;
	return !ei_stopped(run);
}

// Rules are given as a command line would.
static ei_error *rules_open(struct rules *rules, ei_arena *arena, ei_yara **out)
{
	static const ei_option options[] = { EI_YARA_OPTIONS(0) };
	static const ei_plugin plugin = { .name = "ioc", EI_OPTIONS(options) };
	struct option_value *values = ei_alloc(arena, (rules->count + 1) * sizeof *values);
	if (!values)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < rules->count; i++) {
		const struct ioc_rules *text =
			ioc_set_rules(rules->evidence->wish.set, rules->first + i);
		values[i] = (struct option_value){ EI_YARA_RULES, ei_str(text->text) };
	}
	struct option_values *all = ei_alloc(arena, sizeof *all);
	if (!all)
		return ei_fail(EI_E_NOMEM, "out of memory");
	*all = (struct option_values){ values, rules->count };
	rules->run->plugin = &plugin;
	rules->run->options = all;
	return ei_yara_open(rules->run, 0, out);
}

static ei_error *rules_scan(struct rules *rules, ei_arena *arena)
{
	EI_OWNED(ei_yara) yara = NULL;
	ei_run *run = rules->run;
	EI_TRY(rules_open(rules, arena, &yara));
	ei_iter it = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p);) {
		rules->pid = ei_u64_or(ei_get(p, UniqueProcessId), EVIDENCE_NO_PID);
		EI_TRY(ei_yara_process(run, yara, &p, found, rules));
	}
	rules->pid = EVIDENCE_NO_PID;
	return ei_yara_kernel(run, yara, found, rules);
}

// Together where they can be: names of rules that two files share keep them apart. A scan costs
// more than to compile once more, so what cannot be together is halved.
static ei_error *part_scan(struct rules *rules, ei_arena *arena, size_t first, size_t count)
{
	rules->first = first;
	rules->count = count;
	ei_error *error = rules_scan(rules, arena);
	if (!error || count == 1 || ei_error_code(error) != EI_E_FORMAT)
		return error;
	ei_error_drop(error);
	EI_TRY(part_scan(rules, arena, first, count / 2));
	return part_scan(rules, arena, first + count / 2, count - count / 2);
}

ei_error *evidence_rules(struct evidence *evidence)
{
	uint64_t started = evidence_clock();
	if (!ioc_set_rules_count(evidence->wish.set) || !evidence_asks(evidence, rule_term))
		return NULL;
	EI_OWNED(ei_run) run = NULL;
	EI_OWNED(ei_arena) arena = NULL;
	EI_TRY(evidence_run(evidence, &run));
	EI_TRY(ei_arena_create(EVIDENCE_ARENA_MAX, &arena));
	struct rules rules = { .evidence = evidence, .run = run };
	ioc_evidence_answers(evidence->logic, rule_term, false);
	EI_OWNED(ei_error) failed =
		part_scan(&rules, arena, 0, ioc_set_rules_count(evidence->wish.set));
	evidence_source_add(evidence, source_name, rules.matches,
		failed ? ei_error_text(failed) : NULL, started);
	return NULL;
}
