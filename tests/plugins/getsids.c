// getsids: what is said of tokens that are not in the image.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define TOKEN UINT64_C(0xffffa0000e000060)
#define GROUPS UINT64_C(0xffffa0000e001ff0)
#define SID_AT UINT64_C(0xffffa0000e000800)

static void put(struct fx *fx, uint64_t va, const char *type, const char *field, uint64_t value)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, field, &member));
	fx_write(&fx->tables, va + member.offset, &value, member.size);
}

// A process of Local System with two groups, the second entry of which is on the next page.
static void process_with_token(struct fx *fx)
{
	static const uint8_t sid[] = { 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0 };
	const uint64_t entries[2][2] = { { SID_AT, 7 }, { SID_AT, 7 } };
	struct fx_object process = fx_process(fx, .pid = 500, .name = "a.exe");
	for (uint64_t page = TOKEN & ~UINT64_C(0xfff); page <= GROUPS + 16; page += PAGE_SIZE)
		fx_map_fresh(&fx->tables, page);
	put(fx, process.va, "_EPROCESS", "Token", TOKEN);
	put(fx, TOKEN, "_TOKEN", "UserAndGroupCount", 2);
	put(fx, TOKEN, "_TOKEN", "UserAndGroups", GROUPS);
	fx_write(&fx->tables, SID_AT, sid, sizeof sid);
	fx_write(&fx->tables, GROUPS, entries, sizeof entries);
}

static void missing_token_is_one_row(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	process_with_token(fx);
	fx_drop_page(fx, TOKEN & ~UINT64_C(0xfff));

	expect_rows(fx, "getsids",
		"pid  sid  attributes\n"
		"500  ?    ?\n");
}

static void missing_entry_costs_its_own_cells(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	process_with_token(fx);
	fx_drop_page(fx, GROUPS + 16);

	expect_rows(fx, "getsids",
		"pid  sid       attributes\n"
		"500  S-1-5-18  0x7\n"
		"500  ?         ?\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_token_is_one_row),
		cmocka_unit_test(missing_entry_costs_its_own_cells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
