// Open registry keys: control blocks, one per part of a path, shared by all who open it.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum { KEY_HIVE_EXIT = 0x2, KEY_HIVE_ENTRY = 0x4 };

struct key_block {
	char *path;  // "MACHINE\\SYSTEM", "" for the root
	uint64_t va; // where its subkeys hang
	struct key_block *next;
};

static uint64_t name_block(struct forge *f, const char *name, size_t length)
{
	uint32_t head = forge_size(f, "_CM_NAME_CONTROL_BLOCK", f->pointer * 4);
	struct object o = { &f->kernel, pool_take(f, POOL_PAGED, "CMNb", head + (uint32_t)length),
		"_CM_NAME_CONTROL_BLOCK" };
	forge_put(f, o, "Compressed", 1);
	forge_put(f, o, "RefCount", 1);
	forge_put(f, o, "NameLength", length);
	uint64_t text = forge_field(f, o, "Name");
	if (text)
		write_bytes(f, &f->kernel, text, name, length);
	return o.va;
}

static struct object control_block(
	struct forge *f, uint64_t parent, const char *name, size_t length)
{
	uint32_t bytes = forge_size(f, "_CM_KEY_CONTROL_BLOCK", 0x128);
	struct object o = { &f->kernel, pool_take(f, POOL_PAGED, "CMkb", bytes),
		"_CM_KEY_CONTROL_BLOCK" };
	forge_put(f, o, "ParentKcb", parent);
	forge_put(f, o, "NameBlock", name_block(f, name, length));
	forge_put(f, o, "RefCount", 1);
	return o;
}

static const json_t *hive_at(const struct forge *f, const char *path)
{
	static const char prefix[] = "\\REGISTRY\\";
	size_t i;
	json_t *hive;
	json_array_foreach(json_object_get(f->scenario, "hives"), i, hive)
	{
		const char *mount = scenario_text(hive, "mount", "");
		if (strncmp(mount, prefix, sizeof prefix - 1) == 0 &&
			strcmp(mount + sizeof prefix - 1, path) == 0)
			return hive;
	}
	return NULL;
}

// Since key bodies know transactions (Windows 10 1607), where a hive is mounted there are two
// blocks: the key that leads into the hive, and the hive's root.
static uint64_t enter_hive(struct forge *f, struct object block, const json_t *hive)
{
	struct member m;
	if (!profile_member(f->profile, "_CM_KEY_BODY", "Trans", &m))
		return block.va;
	const char *root = scenario_text(hive, "root", "ROOT");
	forge_put(f, block, "Flags", KEY_HIVE_EXIT);
	struct object inner = control_block(f, block.va, root, strlen(root));
	forge_put(f, inner, "Flags", KEY_HIVE_ENTRY);
	return inner.va;
}

static uint64_t block_create(struct forge *f, const char *path)
{
	if (!*path)
		return control_block(f, 0, "REGISTRY", 8).va;
	const char *slash = strrchr(path, '\\');
	const char *name = slash ? slash + 1 : path;
	char parent[512];
	snprintf(parent, sizeof parent, "%.*s", (int)(slash ? slash - path : 0), path);
	struct object block = control_block(f, key_block_find(f, parent), name, strlen(name));
	const json_t *hive = hive_at(f, path);
	return hive ? enter_hive(f, block, hive) : block.va;
}

uint64_t key_block_find(struct forge *f, const char *path)
{
	for (const struct key_block *b = f->key_blocks; b; b = b->next) {
		if (strcmp(b->path, path) == 0)
			return b->va;
	}
	uint64_t va = block_create(f, path);
	struct key_block *block = forge_alloc(f, sizeof *block);
	if (!block)
		return 0;
	*block = (struct key_block){ forge_copy(f, path), va, f->key_blocks };
	f->key_blocks = block;
	return va;
}
