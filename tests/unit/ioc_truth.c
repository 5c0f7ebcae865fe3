// Three-valued logic: complete tables, of truths, of sets, and of trees over evidence.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/kset.h"
#include "tests/unit/ioc_documents.h"

enum { F = IOC_FALSE, U = IOC_UNKNOWN, T = IOC_TRUE, TRUTHS = 3 };

// Kleene's tables, written out: they are the specification.
static const int and_table[TRUTHS][TRUTHS] = { { F, F, F }, { F, U, U }, { F, U, T } };
static const int or_table[TRUTHS][TRUTHS] = { { F, U, T }, { U, U, T }, { T, T, T } };
static const int not_table[TRUTHS] = { T, U, F };

static void tables_of_truths_are_kleenes(void **state)
{
	(void)state;
	for (int a = 0; a < TRUTHS; a++) {
		assert_truth(ioc_not((enum ioc_truth)a), (enum ioc_truth)not_table[a]);
		for (int b = 0; b < TRUTHS; b++) {
			assert_int_equal(
				ioc_and((enum ioc_truth)a, (enum ioc_truth)b), and_table[a][b]);
			assert_int_equal(
				ioc_or((enum ioc_truth)a, (enum ioc_truth)b), or_table[a][b]);
		}
	}
}

// A set in which entity i has the truth `pattern(i)`; with words even where all are the same.
static struct kset filled(ei_arena *arena, uint32_t count, unsigned divisor)
{
	struct kset all = kset_all(count, IOC_FALSE), set;
	assert_true(kset_open(arena, &all, &set));
	for (uint32_t i = 0; i < count; i++)
		kset_put(&set, i, (enum ioc_truth)(i / divisor % TRUTHS));
	kset_close(&set);
	return set;
}

static void assert_flags(const struct kset *set)
{
	bool any_true = false, any_unknown = false;
	for (uint32_t i = 0; i < set->count; i++) {
		any_true |= kset_at(set, i) == IOC_TRUE;
		any_unknown |= kset_at(set, i) == IOC_UNKNOWN;
	}
	assert_int_equal(set->any_true, any_true);
	assert_int_equal(set->any_unknown, any_unknown);
}

static void assert_operations(ei_arena *arena, const struct kset *a, const struct kset *b)
{
	struct kset both = kset_and(arena, a, b), either = kset_or(arena, a, b);
	struct kset other = kset_not(arena, a);
	for (uint32_t i = 0; i < a->count; i++) {
		int x = kset_at(a, i), y = kset_at(b, i);
		assert_int_equal(kset_at(&both, i), and_table[x][y]);
		assert_int_equal(kset_at(&either, i), or_table[x][y]);
		assert_int_equal(kset_at(&other, i), not_table[x]);
	}
	assert_flags(&both);
	assert_flags(&either);
	assert_flags(&other);
}

static void sets_agree_with_truths_at_every_size(void **state)
{
	(void)state;
	EI_OWNED(ei_arena) arena = NULL;
	worked(ei_arena_create(16 << 20, &arena));
	for (uint32_t count = 0; count <= 130; count++) {
		struct kset sets[] = { filled(arena, count, 1), filled(arena, count, 3),
			kset_all(count, IOC_FALSE), kset_all(count, IOC_UNKNOWN),
			kset_all(count, IOC_TRUE) };
		for (size_t a = 0; a < ARRAY_LENGTH(sets); a++)
			for (size_t b = 0; b < ARRAY_LENGTH(sets); b++)
				assert_operations(arena, &sets[a], &sets[b]);
	}
}

// ---- trees ----------------------------------------------------------------------------------
#define A IS("ProcessItem/name", "yes")
#define B IS("ProcessItem/path", "yes")
#define C IS("ProcessItem/arguments", "yes")
#define NOT_A NOT_IS("ProcessItem/name", "yes")
#define NOT_B NOT_IS("ProcessItem/path", "yes")

static int and_of(int a, int b)
{
	return and_table[a][b];
}

static int or_of(int a, int b)
{
	return or_table[a][b];
}

static int just_a(int a, int b, int c)
{
	(void)b, (void)c;
	return a;
}

static int not_a(int a, int b, int c)
{
	(void)b, (void)c;
	return not_table[a];
}

static int all(int a, int b, int c)
{
	return and_of(a, and_of(b, c));
}

static int any(int a, int b, int c)
{
	return or_of(a, or_of(b, c));
}

static int a_and_any(int a, int b, int c)
{
	return and_of(a, or_of(b, c));
}

static int a_or_all(int a, int b, int c)
{
	return or_of(a, and_of(b, c));
}

static int negated_mix(int a, int b, int c)
{
	return and_of(or_of(not_table[a], c), not_table[b]);
}

static const struct {
	const char *document;
	int (*wanted)(int a, int b, int c);
} trees[] = {
	{ DOC(OR(A)), just_a },
	{ DOC(AND(NOT_A)), not_a },
	{ DOC(AND(A, B, C)), all },
	{ DOC(OR(A, B, C)), any },
	{ DOC(AND(A, OR(B, C))), a_and_any },
	{ DOC(OR(A, AND(B, C))), a_or_all },
	{ DOC(AND(OR(NOT_A, C), NOT_B)), negated_mix },
};

static void one_value(struct fx *fx, uint32_t entity, const char *term, int truth)
{
	if (truth == U)
		ioc_evidence_value(fx->evidence, term, entity, ei_absent(EI_UNREADABLE));
	else
		gives(fx, entity, term, truth == T ? "yes" : "no");
}

// One process of which everything is known or not, and nothing else: the tree is its formula.
static void trees_over_one_entity_are_their_formulas(void **state)
{
	struct fx fx = { 0 };
	(void)state;
	for (size_t tree = 0; tree < ARRAY_LENGTH(trees); tree++)
		for (int truths = 0; truths < 27; truths++) {
			int a = truths % 3, b = truths / 3 % 3, c = truths / 9;
			with(&fx, trees[tree].document);
			ANSWERS(&fx, "ProcessItem/name", "ProcessItem/path",
				"ProcessItem/arguments");
			uint32_t entity = process(&fx, 4);
			one_value(&fx, entity, "ProcessItem/name", a);
			one_value(&fx, entity, "ProcessItem/path", b);
			one_value(&fx, entity, "ProcessItem/arguments", c);
			enum ioc_truth wanted = (enum ioc_truth)trees[tree].wanted(a, b, c);
			if (verdict(&fx) != wanted)
				fail_msg("tree %zu over %d%d%d is %s, want %s", tree, a, b, c,
					ioc_truth_name(fx.verdict.truth), ioc_truth_name(wanted));
		}
	fx_deinit(&fx);
}

// Two processes: what holds of either holds of the tree.
static void trees_over_two_entities_hold_if_they_hold_of_one(void **state)
{
	struct fx fx = { 0 };
	(void)state;
	for (size_t tree = 0; tree < ARRAY_LENGTH(trees); tree++)
		for (int truths = 0; truths < 27 * 27; truths++) {
			int of[2][3], rest = truths, wanted = F;
			with(&fx, trees[tree].document);
			ANSWERS(&fx, "ProcessItem/name", "ProcessItem/path",
				"ProcessItem/arguments");
			for (int p = 0; p < 2; p++) {
				uint32_t entity = process(&fx, (uint64_t)p);
				for (int i = 0; i < 3; i++, rest /= 3)
					of[p][i] = rest % 3;
				one_value(&fx, entity, "ProcessItem/name", of[p][0]);
				one_value(&fx, entity, "ProcessItem/path", of[p][1]);
				one_value(&fx, entity, "ProcessItem/arguments", of[p][2]);
				wanted = or_of(
					wanted, trees[tree].wanted(of[p][0], of[p][1], of[p][2]));
			}
			assert_truth(verdict(&fx), (enum ioc_truth)wanted);
		}
	fx_deinit(&fx);
}

// ---- items of lists -------------------------------------------------------------------------
#define HANDLE "ProcessItem/HandleList/Handle"
#define X IS(HANDLE "/Name", "yes")
#define Y IS(HANDLE "/Type", "yes")
#define NOT_X NOT_IS(HANDLE "/Name", "yes")
#define NOT_Y NOT_IS(HANDLE "/Type", "yes")

// What is said of the two items of one process, whose first condition is p.
static int some_item_has_both(int p, const int x[2], const int y[2])
{
	(void)p;
	return or_of(and_of(x[0], y[0]), and_of(x[1], y[1]));
}

static int some_item_has_x_and_not_y(int p, const int x[2], const int y[2])
{
	(void)p;
	return or_of(and_of(x[0], not_table[y[0]]), and_of(x[1], not_table[y[1]]));
}

static int no_item_has_x(int p, const int x[2], const int y[2])
{
	(void)p, (void)y;
	return not_table[or_of(x[0], x[1])];
}

static int some_item_has_either(int p, const int x[2], const int y[2])
{
	(void)p;
	return or_of(or_of(x[0], x[1]), or_of(y[0], y[1]));
}

static int process_and_item(int p, const int x[2], const int y[2])
{
	return and_of(p, some_item_has_both(p, x, y));
}

static int process_and_no_item(int p, const int x[2], const int y[2])
{
	return and_of(p, no_item_has_x(p, x, y));
}

static int process_or_item(int p, const int x[2], const int y[2])
{
	return or_of(p, some_item_has_both(p, x, y));
}

static int nested_groups(int p, const int x[2], const int y[2])
{
	int both = F;
	for (int i = 0; i < 2; i++)
		both = or_of(both, and_of(x[i], or_of(p, y[i])));
	return both;
}

static const struct {
	const char *document;
	int (*wanted)(int p, const int x[2], const int y[2]);
} item_trees[] = {
	{ DOC(AND(X, Y)), some_item_has_both },
	{ DOC(AND(X, NOT_Y)), some_item_has_x_and_not_y },
	{ DOC(AND(NOT_X)), no_item_has_x },
	{ DOC(OR(X, Y)), some_item_has_either },
	{ DOC(AND(A, X, Y)), process_and_item },
	{ DOC(AND(A, AND(Y, X))), process_and_item },
	{ DOC(AND(A, NOT_X)), process_and_no_item },
	{ DOC(OR(A, AND(X, Y))), process_or_item },
	{ DOC(AND(X, OR(A, Y))), nested_groups },
};

static void trees_over_items_bind_to_one_item(void **state)
{
	struct fx fx = { 0 };
	(void)state;
	for (size_t tree = 0; tree < ARRAY_LENGTH(item_trees); tree++)
		for (int truths = 0; truths < 243; truths++) {
			int p = truths % 3, rest = truths / 3, x[2], y[2];
			with(&fx, item_trees[tree].document);
			ANSWERS(&fx, "ProcessItem/name", HANDLE "/Name", HANDLE "/Type");
			uint32_t owner = process(&fx, 4);
			one_value(&fx, owner, "ProcessItem/name", p);
			for (int i = 0; i < 2; i++, rest /= 9) {
				uint32_t entity = item(&fx, HANDLE, owner);
				x[i] = rest % 3, y[i] = rest / 3 % 3;
				one_value(&fx, entity, HANDLE "/Name", x[i]);
				one_value(&fx, entity, HANDLE "/Type", y[i]);
			}
			enum ioc_truth wanted = (enum ioc_truth)item_trees[tree].wanted(p, x, y);
			if (verdict(&fx) != wanted)
				fail_msg("tree %zu over %d, %d%d, %d%d is %s, want %s", tree, p,
					x[0], y[0], x[1], y[1], ioc_truth_name(fx.verdict.truth),
					ioc_truth_name(wanted));
		}
	fx_deinit(&fx);
}

// ---- two documents --------------------------------------------------------------------------
// A process and an endpoint, of it or of another: only of it do both count together.
static void trees_over_linked_documents_hold_of_one_process(void **state)
{
	static const struct {
		const char *document;
		bool or, negated;
	} documents[] = {
		{ DOC(AND(A, IS("PortItem/state", "yes"))), false, false },
		{ DOC(OR(A, IS("PortItem/state", "yes"))), true, false },
		{ DOC(AND(A, NOT_IS("PortItem/state", "yes"))), false, true },
	};
	struct fx fx = { 0 };
	(void)state;
	for (size_t d = 0; d < ARRAY_LENGTH(documents); d++)
		for (int truths = 0; truths < 18; truths++) {
			int a = truths % 3, b = truths / 3 % 3;
			bool same = truths / 9;
			with(&fx, documents[d].document);
			ANSWERS(&fx, "ProcessItem/name", "PortItem/state");
			one_value(&fx, process(&fx, 4), "ProcessItem/name", a);
			one_value(&fx, process(&fx, 5), "ProcessItem/name", F);
			uint32_t port = ioc_evidence_entity(
				fx.evidence, "PortItem", IOC_ROOT, same ? 4 : 5, 0);
			one_value(&fx, port, "PortItem/state", b);
			int second = documents[d].negated ? not_table[b] : b;
			int wanted = documents[d].or ? or_of(a, second)
				     : same          ? and_of(a, second)
						     : F;
			if (verdict(&fx) != (enum ioc_truth)wanted)
				fail_msg("document %zu over %d%d, %s process, is %s", d, a, b,
					same ? "one" : "another", ioc_truth_name(fx.verdict.truth));
		}
	fx_deinit(&fx);
}

// ---- NOT before groups ------------------------------------------------------------------------
static int not_both(int a, int b, int c)
{
	(void)c;
	return not_table[and_of(a, b)];
}

static int a_and_not_any(int a, int b, int c)
{
	return and_of(a, not_table[or_of(b, c)]);
}

static int a_and_not_all(int a, int b, int c)
{
	return and_of(a, not_table[and_of(b, c)]);
}

static int not_not(int a, int b, int c)
{
	(void)b, (void)c;
	return a;
}

static int a_or_not_b(int a, int b, int c)
{
	(void)c;
	return or_of(a, not_table[b]);
}

static void groups_are_negated_as_formulas(void **state)
{
	static const struct {
		const char *condition;
		int (*wanted)(int a, int b, int c);
	} rules[] = { { "not (a and b)", not_both }, { "a and not (b or c)", a_and_not_any },
		{ "a and not (b and c)", a_and_not_all }, { "not not a", not_not },
		{ "a or not b", a_or_not_b } };
	struct fx fx = { 0 };
	(void)state;
	for (size_t rule = 0; rule < ARRAY_LENGTH(rules); rule++)
		for (int truths = 0; truths < 27; truths++) {
			int a = truths % 3, b = truths / 3 % 3, c = truths / 9;
			char text[512];
			snprintf(text, sizeof text,
				"title: t\nlogsource: {category: process_creation, product: "
				"windows}\n"
				"detection:\n  a: {CurrentDirectory: 'yes'}\n  b: {Image: 'yes'}\n"
				"  c: {CommandLine: 'yes'}\n  condition: %s\n",
				rules[rule].condition);
			reads(&fx, "r.yml", text);
			assert_int_equal(ioc_set_count(fx.set), 1);
			weighs(&fx);
			ANSWERS(&fx, "ProcessItem/CurrentDirectory", "ProcessItem/path",
				"ProcessItem/arguments");
			uint32_t entity = process(&fx, 4);
			one_value(&fx, entity, "ProcessItem/CurrentDirectory", a);
			one_value(&fx, entity, "ProcessItem/path", b);
			one_value(&fx, entity, "ProcessItem/arguments", c);
			enum ioc_truth wanted = (enum ioc_truth)rules[rule].wanted(a, b, c);
			if (verdict(&fx) != wanted)
				fail_msg("'%s' over %d%d%d is %s, want %s", rules[rule].condition,
					a, b, c, ioc_truth_name(fx.verdict.truth),
					ioc_truth_name(wanted));
		}
	fx_deinit(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_truths_are_kleenes),
		cmocka_unit_test(sets_agree_with_truths_at_every_size),
		cmocka_unit_test(trees_over_one_entity_are_their_formulas),
		cmocka_unit_test(trees_over_two_entities_hold_if_they_hold_of_one),
		cmocka_unit_test(trees_over_items_bind_to_one_item),
		cmocka_unit_test(trees_over_linked_documents_hold_of_one_process),
		cmocka_unit_test(groups_are_negated_as_formulas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
