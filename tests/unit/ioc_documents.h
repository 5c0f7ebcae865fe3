// Indicators as C strings, and evidence in a few words: what the tests of core/ioc share.
//
//     with(fx, DOC(AND(IS("ProcessItem/name", "a.exe"), NOT_IS("ProcessItem/path", "b"))));
//     uint32_t p = process(fx, 4);
//     gives(fx, p, "ProcessItem/name", "a.exe");
//     assert_true(verdict(fx) == IOC_TRUE);
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_DOCUMENTS_H
#define IOC_DOCUMENTS_H

#include "ioc/ioc.h"
#include "tests/fx/test.h"

#define ITEM_OF(condition, flags, term, value)                                                     \
	"<IndicatorItem id='i' condition='" condition "' " flags ">"                               \
	"<Context document='' search='" term "' type='mir'/><Content type='string'>" value         \
	"</Content></IndicatorItem>"
#define PLAIN "preserve-case='false' negate='false'"
#define NEGATED "preserve-case='false' negate='true'"
#define CASED "preserve-case='true' negate='false'"

#define IS(term, value) ITEM_OF("is", PLAIN, term, value)
#define NOT_IS(term, value) ITEM_OF("is", NEGATED, term, value)
#define CONTAINS(term, value) ITEM_OF("contains", PLAIN, term, value)
#define MATCHES(term, value) ITEM_OF("matches", PLAIN, term, value)
#define AND(...) "<Indicator operator='AND'>" GLUE(__VA_ARGS__) "</Indicator>"
#define OR(...) "<Indicator operator='OR'>" GLUE(__VA_ARGS__) "</Indicator>"
#define GLUE_1(a) a
#define GLUE_2(a, b) a b
#define GLUE_3(a, b, c) a b c
#define GLUE_4(a, b, c, d) a b c d
#define GLUE_NTH(a, b, c, d, name, ...) name
#define GLUE(...) GLUE_NTH(__VA_ARGS__, GLUE_4, GLUE_3, GLUE_2, GLUE_1, )(__VA_ARGS__)

#define DOC(logic)                                                                                 \
	"<OpenIOC xmlns='http://openioc.org/schemas/OpenIOC_1.1' id='d'><metadata>"                \
	"<short_description>test</short_description></metadata><criteria>" logic                   \
	"</criteria></OpenIOC>"
#define DOC_10(logic)                                                                              \
	"<ioc xmlns='http://schemas.mandiant.com/2010/ioc' id='d'><definition>" logic              \
	"</definition></ioc>"

struct fx {
	struct ioc_set *set;
	struct ioc_program *program;
	struct ioc_evidence *evidence;
	ei_arena *arena;
	struct ioc_verdict verdict; // the last
};

static inline void worked(ei_error *error)
{
	if (error)
		fail_msg("%s", ei_error_text(error));
}

static inline void fx_deinit(struct fx *fx)
{
	ioc_evidence_drop(fx->evidence);
	ioc_program_drop(fx->program);
	ioc_set_drop(fx->set);
	ei_arena_drop(fx->arena);
	*fx = (struct fx){ 0 };
}

// Reads `text` as a file of this name into a new set.
static inline void reads_bytes(struct fx *fx, const char *name, const void *bytes, size_t size)
{
	fx_deinit(fx);
	worked(ioc_set_create(NULL, &fx->set));
	worked(ei_arena_create(64 << 20, &fx->arena));
	worked(ioc_set_add_bytes(fx->set, name, bytes, size));
}

static inline void reads(struct fx *fx, const char *name, const char *text)
{
	reads_bytes(fx, name, text, strlen(text));
}

// Compiles what was read, and begins evidence.
static inline void weighs(struct fx *fx)
{
	worked(ioc_compile(fx->set, &fx->program));
	worked(ioc_evidence_create(fx->program, &fx->evidence));
}

static inline void with(struct fx *fx, const char *document)
{
	reads(fx, "test.ioc", document);
	assert_true(ioc_set_count(fx->set) == 1);
	weighs(fx);
}

// Somebody answers these terms, of all entities that there are.
static inline void answers(struct fx *fx, const char *const *terms)
{
	for (; *terms; terms++)
		ioc_evidence_answers(fx->evidence, *terms, true);
}
#define ANSWERS(fx, ...) answers(fx, (const char *const[]){ __VA_ARGS__, NULL })

static inline uint32_t process(struct fx *fx, uint64_t pid)
{
	return ioc_evidence_entity(fx->evidence, "ProcessItem", IOC_ROOT, pid, pid);
}

static inline uint32_t item(struct fx *fx, const char *domain, uint32_t parent)
{
	return ioc_evidence_entity(fx->evidence, domain, parent, IOC_NO_LINK, 0);
}

static inline void gives(struct fx *fx, uint32_t entity, const char *term, const char *value)
{
	ioc_evidence_value(fx->evidence, term, entity, ei_str(value));
}

static inline enum ioc_truth verdict_at(struct fx *fx, size_t index)
{
	worked(ioc_evaluate(fx->evidence, ioc_set_at(fx->set, index), fx->arena, &fx->verdict));
	return fx->verdict.truth;
}

static inline enum ioc_truth verdict(struct fx *fx)
{
	return verdict_at(fx, 0);
}

#define assert_truth(actual, wanted)                                                               \
	assert_string_equal(ioc_truth_name(actual), ioc_truth_name(wanted))

#endif
