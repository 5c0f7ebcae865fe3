// The object namespace: directories with their hash tables, symbolic links, and who is where.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <ctype.h>

enum { BUCKETS = 37 };

struct named_object {
	const char *type; // "Mutant"
	char *path;
	uint64_t va;
	struct named_object *next;
};

static const struct object_request directory_request = {
	.object_type = "Directory",
	.type = "_OBJECT_DIRECTORY",
	.tag = "Dire",
	.kind = POOL_PAGED,
};

uint64_t named_find(const struct forge *f, const char *object_type, const char *path)
{
	for (const struct named_object *o = f->named; o; o = o->next) {
		if (strcmp(o->path, path) == 0 && strcmp(o->type, object_type) == 0)
			return o->va;
	}
	return 0;
}

void named_note(struct forge *f, const char *type, const char *path, uint64_t va)
{
	struct named_object *o = forge_alloc(f, sizeof *o);
	if (!o)
		return;
	*o = (struct named_object){ type, forge_copy(f, path), va, f->named };
	f->named = o;
}

static uint32_t name_hash(const char *name)
{
	uint32_t hash = 0;
	for (; *name; name++)
		hash = hash + (hash << 1) + (hash >> 1) + (uint32_t)toupper((uint8_t)*name);
	return hash;
}

// New names go to the front of their chain.
static void directory_insert(struct forge *f, uint64_t directory, const char *name, uint64_t object)
{
	uint32_t bytes = profile_type_size(f->profile, "_OBJECT_DIRECTORY_ENTRY");
	struct object parent = { &f->kernel, directory, "_OBJECT_DIRECTORY" };
	uint64_t buckets = forge_field(f, parent, "HashBuckets");
	if (!bytes || !buckets)
		return;
	uint32_t hash = name_hash(name);
	uint64_t bucket = buckets + (uint64_t)(hash % BUCKETS) * f->pointer;
	struct object entry = { &f->kernel, pool_take(f, POOL_PAGED, "ObDi", bytes),
		"_OBJECT_DIRECTORY_ENTRY" };
	forge_put(f, entry, "ChainLink", read_pointer(f, &f->kernel, bucket));
	forge_put(f, entry, "Object", object);
	forge_put(f, entry, "HashValue", hash);
	write_pointer(f, &f->kernel, bucket, entry.va);
}

struct object named_create(struct forge *f, const struct object_request *request, const char *path)
{
	const char *slash = strrchr(path, '\\');
	struct object_request r = *request;
	char parent[512];
	bool root = strcmp(path, "\\") == 0;
	snprintf(parent, sizeof parent, "%.*s", (int)(slash ? slash - path : 0), path);
	r.name = root || !slash ? path : slash + 1;
	r.directory = root || !slash ? 0 : directory_find(f, *parent ? parent : "\\");
	struct object o = object_create(f, &r);
	if (r.directory)
		directory_insert(f, r.directory, r.name, o.va);
	named_note(f, request->object_type, path, o.va);
	return o;
}

uint64_t directory_find(struct forge *f, const char *path)
{
	uint64_t va = named_find(f, "Directory", path);
	return va ? va : named_create(f, &directory_request, path).va;
}

void symlink_create(struct forge *f, const char *path, const char *target)
{
	static const struct object_request request = {
		.object_type = "SymbolicLink",
		.type = "_OBJECT_SYMBOLIC_LINK",
		.tag = "Symb",
		.kind = POOL_PAGED,
	};
	struct object o = named_create(f, &request, path);
	uint64_t created = f->booted + 10000000 + forge_below(f, 600000000);
	uint32_t bytes;
	uint64_t text = pool_text(f, POOL_PAGED, target, &bytes);
	forge_put(f, o, "CreationTime", created);
	forge_put_string(f, o, "LinkTarget", text, bytes);
	truth_row(f, "symlinkscan", "{s:I, s:I, s:s, s:s, s:o}", "offset", (json_int_t)o.va,
		"physical", (json_int_t)paging_physical(f, &f->kernel, o.va), "from",
		strrchr(path, '\\') + 1, "to", target, "created", truth_time(created));
}

// ---- what every system has ----------------------------------------------------------------------
static const char *const directories[] = {
	"\\ObjectTypes",
	"\\Device",
	"\\Driver",
	"\\FileSystem",
	"\\KnownDlls",
	"\\BaseNamedObjects",
	"\\BaseNamedObjects\\Restricted",
	"\\GLOBAL??",
	"\\RPC Control",
	"\\Security",
	"\\Callback",
	"\\Windows\\WindowStations",
	"\\Sessions\\BNOLINKS",
	"\\Sessions\\1\\BaseNamedObjects",
	"\\Sessions\\1\\Windows\\WindowStations",
	"\\Sessions\\1\\DosDevices",
};

struct link {
	const char *path, *target;
};

static const struct link links[] = {
	{ "\\DosDevices", "\\??" },
	{ "\\SystemRoot", "\\Device\\BootDevice\\Windows" },
	{ "\\GLOBAL??\\C:", "\\Device\\HarddiskVolume2" },
	{ "\\GLOBAL??\\D:", "\\Device\\CdRom0" },
	{ "\\GLOBAL??\\GLOBALROOT", "" },
	{ "\\GLOBAL??\\Global", "\\Global??" },
	{ "\\GLOBAL??\\NUL", "\\Device\\Null" },
	{ "\\GLOBAL??\\CON", "\\Device\\ConDrv\\Console" },
	{ "\\GLOBAL??\\PIPE", "\\Device\\NamedPipe" },
	{ "\\GLOBAL??\\MAILSLOT", "\\Device\\MailSlot" },
	{ "\\GLOBAL??\\UNC", "\\Device\\Mup" },
	{ "\\GLOBAL??\\PhysicalDrive0", "\\Device\\Harddisk0\\DR0" },
	{ "\\BaseNamedObjects\\Local", "\\BaseNamedObjects" },
	{ "\\BaseNamedObjects\\Global", "\\BaseNamedObjects" },
	{ "\\Sessions\\1\\BaseNamedObjects\\Global", "\\BaseNamedObjects" },
	{ "\\Sessions\\1\\BaseNamedObjects\\Local", "\\Sessions\\1\\BaseNamedObjects" },
	{ "\\Sessions\\BNOLINKS\\0", "\\BaseNamedObjects" },
	{ "\\Sessions\\BNOLINKS\\1", "\\Sessions\\1\\BaseNamedObjects" },
	{ "\\KnownDlls\\KnownDllPath", "C:\\Windows\\System32" },
};

static void types_insert(struct forge *f)
{
	uint64_t directory = directory_find(f, "\\ObjectTypes");
	for (size_t i = 0; i < f->type_count; i++) {
		if (f->type_name[i])
			directory_insert(f, directory, f->type_name[i], f->type_va[i]);
	}
}

void namespace_create(struct forge *f)
{
	kernel_set(f, "ObpRootDirectoryObject", directory_find(f, "\\"));
	for (size_t i = 0; i < ARRAY_LENGTH(directories); i++)
		directory_find(f, directories[i]);
	kernel_set(f, "ObpTypeDirectoryObject", directory_find(f, "\\ObjectTypes"));
	types_insert(f);
	for (size_t i = 0; i < ARRAY_LENGTH(links); i++)
		symlink_create(f, links[i].path, links[i].target);
	size_t i;
	json_t *link;
	json_array_foreach(json_object_get(f->scenario, "symlinks"), i, link) symlink_create(f,
		scenario_text(link, "path", "\\GLOBAL??\\X:"), scenario_text(link, "target", ""));
}
