// vadinfo: which nodes of the tree are believed.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define NODES UINT64_C(0xffffa0000c000000)

enum { TAG_AT = 12, NODE_APART = 0x100, ROOT = 1, LEFT, RIGHT };

// Node `number`, in a pool block with that tag.
static uint64_t node_at(unsigned number)
{
	return NODES + number * NODE_APART;
}

static void put(struct fx *fx, uint64_t va, const char *type, const char *field, uint64_t value)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, field, &member));
	fx_write(&fx->tables, va + member.offset, &value, member.size);
}

static void put_node(struct fx *fx, unsigned number, const char *tag, uint64_t page)
{
	uint64_t va = node_at(number);
	fx_write(&fx->tables, va - TAG_AT, tag, 4);
	put(fx, va, "_MMVAD_SHORT", "StartingVpn", page);
	put(fx, va, "_MMVAD_SHORT", "EndingVpn", page);
}

static void link_left(struct fx *fx, unsigned parent, unsigned child)
{
	put(fx, node_at(parent), "_MMVAD_SHORT", "VadNode.Left", node_at(child));
	put(fx, node_at(child), "_MMVAD_SHORT", "VadNode.ParentValue", node_at(parent) | 1);
}

static void link_right(struct fx *fx, unsigned parent, unsigned child)
{
	put(fx, node_at(parent), "_MMVAD_SHORT", "VadNode.Right", node_at(child));
	put(fx, node_at(child), "_MMVAD_SHORT", "VadNode.ParentValue", node_at(parent) | 1);
}

static void tree_of_three(struct fx *fx, const char *root, const char *left, const char *right)
{
	struct fx_object process = fx_process(fx, .pid = 500, .name = "a.exe");
	fx_map_fresh(&fx->tables, NODES);
	put(fx, process.va, "_EPROCESS", "VadRoot.Root", node_at(ROOT));
	put_node(fx, ROOT, root, 0x20);
	put_node(fx, LEFT, left, 0x10);
	put_node(fx, RIGHT, right, 0x30);
	link_left(fx, ROOT, LEFT);
	link_right(fx, ROOT, RIGHT);
}

static void node_with_another_tag_is_shown_where_the_tree_leads_back_to_it(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	tree_of_three(fx, "MARE", "VadS", "\0\0\0");

	expect_rows(fx, "vadinfo",
		"start    tag   file\n"
		"0x10000  VadS  -\n"
		"0x20000  MARE  ?\n"
		"0x30000  ?     ?\n");
}

static void bytes_that_no_node_leads_back_to_are_none(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	tree_of_three(fx, "VadS", "VadS", "Io  ");
	put(fx, node_at(RIGHT), "_MMVAD_SHORT", "VadNode.ParentValue", node_at(LEFT));

	expect_rows(fx, "vadinfo",
		"start    tag\n"
		"0x10000  VadS\n"
		"0x20000  VadS\n"
		"#1 parts of the tree cannot be read\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_with_another_tag_is_shown_where_the_tree_leads_back_to_it),
		cmocka_unit_test(bytes_that_no_node_leads_back_to_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
