// Reads ISF, Volatility's JSON symbol files (formats 4.0.0 to 6.2.0), into the flat form.
// Source of truth: the JSON schemas of formats 4.0.0 to 6.2.0 and the files themselves.
// SPDX-License-Identifier: Apache-2.0
#include "profile/isf.h"
#include "base/json_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORMAT_MAJOR_MIN = 4, FORMAT_MAJOR_MAX = 6 };
enum { NESTING_MAX = 16 };              // "pointer to pointer to array of ..."
enum { ANONYMOUS_DEPTH_MAX = 8 };       // anonymous structures inside each other
enum { ANONYMOUS_MEMBERS_MAX = 65536 }; // lent by anonymous structures, in one file

// What a symbol file says of the kernel it describes.
struct identity {
	char pdb[64], guid[33], version[64];
	uint32_t age;
	uint32_t pointer_size;
};

struct isf {
	struct flat_builder *builder;
	struct tree_index base_types, user_types, enums;
	uint32_t pointer_size;
	uint32_t lent; // members lent by anonymous structures
};

// ---- JSON -----------------------------------------------------------------------------------
static const char *text_of(const struct tree *object, const char *key)
{
	return tree_text(tree_get(object, key));
}

// A non-negative integer below 2^32; false when it is missing or something else.
static bool u32_of(const struct tree *object, const char *key, uint32_t *out)
{
	int64_t number = 0;
	if (!tree_integer(tree_get(object, key), &number) || number < 0 || number > UINT32_MAX)
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool is_true(const struct tree *object, const char *key)
{
	const struct tree *value = tree_get(object, key);
	return value && value->kind == TREE_TRUE;
}

// ---- types ----------------------------------------------------------------------------------
static ei_error *describe(
	const struct isf *isf, const struct tree *type, unsigned depth, struct member *out);

static ei_error *describe_base(const struct isf *isf, const struct tree *type, struct member *out)
{
	const char *name = text_of(type, "name");
	const struct tree *base = tree_index_get(&isf->base_types, name);
	if (!u32_of(base, "size", &out->size))
		return ei_fail(EI_E_FORMAT, "base type '%s' is not defined", name);
	out->target = name;
	out->kind = MEMBER_UINT;
	if (!strcmp(text_of(base, "kind"), "float"))
		out->kind = MEMBER_FLOAT;
	else if (is_true(base, "signed"))
		out->kind = MEMBER_INT;
	return NULL;
}

static ei_error *describe_enum(const struct isf *isf, const struct tree *type, struct member *out)
{
	const char *name = text_of(type, "name");
	if (!u32_of(tree_index_get(&isf->enums, name), "size", &out->size))
		return ei_fail(EI_E_FORMAT, "enumeration '%s' is not defined", name);
	out->target = name;
	out->kind = MEMBER_UINT;
	return NULL;
}

// A structure that is only declared has size 0.
static ei_error *describe_struct(const struct isf *isf, const struct tree *type, struct member *out)
{
	out->target = text_of(type, "name");
	out->kind = MEMBER_STRUCT;
	out->size = 0;
	const struct tree *definition = tree_index_get(&isf->user_types, out->target);
	if (definition && !u32_of(definition, "size", &out->size))
		return ei_fail(EI_E_FORMAT, "type '%s' has no size", out->target);
	return NULL;
}

static const char *pointed_at(const struct tree *subtype)
{
	static const char *const nameless[] = { "", "function", "array", "bitfield" };
	const char *kind = text_of(subtype, "kind");
	for (size_t i = 0; i < ARRAY_LENGTH(nameless); i++)
		if (!strcmp(kind, nameless[i]))
			return "";
	if (!strcmp(kind, "pointer"))
		return "pointer";
	const char *name = text_of(subtype, "name");
	return strcmp(name, "void") ? name : "";
}

static ei_error *describe_pointer(
	const struct isf *isf, const struct tree *type, struct member *out)
{
	const char *base = text_of(type, "base");
	out->kind = MEMBER_POINTER;
	out->size = isf->pointer_size;
	out->target = pointed_at(tree_get(type, "subtype"));
	if (*base && !u32_of(tree_index_get(&isf->base_types, base), "size", &out->size))
		return ei_fail(EI_E_FORMAT, "base type '%s' is not defined", base);
	return NULL;
}

static ei_error *describe_bits(
	const struct isf *isf, const struct tree *type, unsigned depth, struct member *out)
{
	struct member whole = { 0 };
	EI_TRY(describe(isf, tree_get(type, "type"), depth + 1, &whole));
	if (!u32_of(type, "bit_position", &out->bit) || !u32_of(type, "bit_length", &out->width))
		return ei_fail(EI_E_FORMAT, "bit field has no bit_position or no bit_length");
	if (whole.size > 8 || !out->width || !span_inside(out->bit, out->width, whole.size * 8))
		return ei_fail(EI_E_FORMAT, "bits %u to %u are outside its %u bytes", out->bit,
			out->bit + out->width - 1, whole.size);
	out->kind = MEMBER_BITS;
	out->size = whole.size;
	out->target = whole.target;
	return NULL;
}

// A negative count is the array's size in bytes: files converted from Volatility 2's layouts have
// it for arrays of enumerations (XP's PCI_POWER_STATE.SystemStateMapping, -28).
static bool array_count(const struct tree *type, uint32_t element_size, uint32_t *out)
{
	int64_t count = 0;
	if (!tree_integer(tree_get(type, "count"), &count) || count >= 0 || count < INT32_MIN ||
		!element_size)
		return u32_of(type, "count", out);
	*out = (uint32_t)-count / element_size;
	return true;
}

static ei_error *describe_array(
	const struct isf *isf, const struct tree *type, unsigned depth, struct member *out)
{
	struct member element = { 0 };
	EI_TRY(describe(isf, tree_get(type, "subtype"), depth + 1, &element));
	if (!array_count(type, element.size, &out->count))
		return ei_fail(EI_E_FORMAT, "array has no sound count");
	uint64_t size = (uint64_t)element.size * out->count;
	if (size > UINT32_MAX)
		return ei_fail(EI_E_FORMAT, "array of %u times %u bytes is too large", out->count,
			element.size);
	member_of_elements(out, &element);
	out->size = (uint32_t)size;
	return NULL;
}

static ei_error *describe_function(const struct tree *type, struct member *out)
{
	(void)type;
	out->kind = MEMBER_STRUCT;
	out->target = "";
	return NULL;
}

// Kind, size and target of `type`; `out` is zero before.
static ei_error *describe(
	const struct isf *isf, const struct tree *type, unsigned depth, struct member *out)
{
	const char *kind = text_of(type, "kind");
	if (depth > NESTING_MAX)
		return ei_fail(EI_E_LIMIT, "its type is nested more than %d deep", NESTING_MAX);
	if (!strcmp(kind, "base"))
		return describe_base(isf, type, out);
	if (!strcmp(kind, "struct") || !strcmp(kind, "union") || !strcmp(kind, "class"))
		return describe_struct(isf, type, out);
	if (!strcmp(kind, "pointer"))
		return describe_pointer(isf, type, out);
	if (!strcmp(kind, "bitfield"))
		return describe_bits(isf, type, depth, out);
	if (!strcmp(kind, "array"))
		return describe_array(isf, type, depth, out);
	if (!strcmp(kind, "enum"))
		return describe_enum(isf, type, out);
	if (!strcmp(kind, "function"))
		return describe_function(type, out);
	return ei_fail(EI_E_FORMAT, "its type is of unknown kind '%s'", kind);
}

static ei_error *read_members(
	struct isf *isf, const struct tree *type, uint32_t base_offset, unsigned depth);

// An anonymous structure lends its members to its owner.
static ei_error *lend_members(struct isf *isf, const struct member *member, unsigned depth)
{
	const struct tree *type = tree_index_get(&isf->user_types, member->target);
	if (depth >= ANONYMOUS_DEPTH_MAX)
		return ei_fail(EI_E_LIMIT, "anonymous structures are nested more than %d deep",
			ANONYMOUS_DEPTH_MAX);
	isf->lent += tree_count(tree_get(type, "fields"));
	if (isf->lent > ANONYMOUS_MEMBERS_MAX)
		return ei_fail(EI_E_LIMIT, "anonymous structures have more than %d members",
			ANONYMOUS_MEMBERS_MAX);
	return read_members(isf, type, member->offset, depth + 1);
}

static ei_error *read_member(struct isf *isf, const char *name, const struct tree *field,
	uint32_t base_offset, unsigned depth)
{
	struct member member = { 0 };
	if (!u32_of(field, "offset", &member.offset) || member.offset > INT32_MAX)
		return ei_fail(EI_E_FORMAT, "member '%s' has no sound offset", name);
	EI_TRY_IN(describe(isf, tree_get(field, "type"), 0, &member), "member '%s'", name);
	if (member.offset > INT32_MAX - base_offset)
		return ei_fail(EI_E_FORMAT, "member '%s' has no sound offset", name);
	member.offset += base_offset;
	flat_add_member(isf->builder, name, &member);
	if (member.kind == MEMBER_STRUCT && is_true(field, "anonymous"))
		EI_TRY_IN(lend_members(isf, &member, depth), "member '%s'", name);
	return NULL;
}

static ei_error *read_members(
	struct isf *isf, const struct tree *type, uint32_t base_offset, unsigned depth)
{
	const struct tree *fields = tree_get(type, "fields");
	for (struct tree_member m = tree_first(fields); m.key; m = tree_next(m))
		EI_TRY(read_member(isf, m.key, m.value, base_offset, depth));
	return NULL;
}

static ei_error *read_types(struct isf *isf, const struct tree *types)
{
	for (struct tree_member m = tree_first(types); m.key; m = tree_next(m)) {
		uint32_t size = 0;
		if (!u32_of(m.value, "size", &size))
			return ei_fail(EI_E_FORMAT, "type '%s' has no size", m.key);
		flat_add_type(isf->builder, m.key, size);
		EI_TRY_IN(read_members(isf, m.value, 0, 0), "type '%s'", m.key);
	}
	return NULL;
}

// ---- enumerations and symbols ---------------------------------------------------------------
// Layouts converted from Volatility 2's have characters for some negative values: such a constant
// is not known, the rest of the file is.
static void read_constants(struct isf *isf, const struct tree *constants)
{
	for (struct tree_member m = tree_first(constants); m.key; m = tree_next(m)) {
		int64_t value = 0;
		if (tree_integer(m.value, &value))
			flat_add_constant(isf->builder, m.key, value);
	}
}

static ei_error *read_enums(struct isf *isf, const struct tree *enums)
{
	for (struct tree_member m = tree_first(enums); m.key; m = tree_next(m)) {
		uint32_t size = 0;
		if (!u32_of(m.value, "size", &size))
			return ei_fail(EI_E_FORMAT, "enumeration '%s' has no size", m.key);
		flat_add_enum(isf->builder, m.key, size);
		read_constants(isf, tree_get(m.value, "constants"));
	}
	return NULL;
}

static ei_error *read_symbols(struct isf *isf, const struct tree *symbols)
{
	for (struct tree_member m = tree_first(symbols); m.key; m = tree_next(m)) {
		int64_t address = 0;
		if (!tree_integer(tree_get(m.value, "address"), &address) || address < 0)
			return ei_fail(EI_E_FORMAT, "symbol '%s' has no address", m.key);
		flat_add_symbol(isf->builder, m.key, (uint64_t)address);
	}
	return NULL;
}

// ---- what it describes ----------------------------------------------------------------------
static ei_error *check_format(const struct tree *metadata)
{
	const char *format = text_of(metadata, "format");
	if (!*format)
		return ei_fail(EI_E_FORMAT, "it has no metadata.format: not a symbol file");
	long major = strtol(format, NULL, 10);
	if (major < FORMAT_MAJOR_MIN || major > FORMAT_MAJOR_MAX)
		return ei_fail(EI_E_FORMAT, "it is of format '%s', want %d to %d", format,
			FORMAT_MAJOR_MIN, FORMAT_MAJOR_MAX);
	return NULL;
}

static ei_error *read_guid(const struct tree *pdb, struct identity *out)
{
	const char *guid = text_of(pdb, "GUID");
	if (strlen(guid) != 32 || strspn(guid, "0123456789abcdefABCDEF") != 32)
		return ei_fail(EI_E_FORMAT, "its GUID '%.64s' is not 32 hexadecimal digits", guid);
	for (unsigned i = 0; i < 32; i++)
		out->guid[i] = (char)toupper((unsigned char)guid[i]);
	out->guid[32] = '\0';
	snprintf(out->pdb, sizeof out->pdb, "%s", text_of(pdb, "database"));
	u32_of(pdb, "age", &out->age);
	return NULL;
}

static void read_version(const struct tree *pe, struct identity *out)
{
	static const char *const parts[] = { "major", "minor", "revision", "build" };
	uint32_t number[ARRAY_LENGTH(parts)] = { 0 };
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		if (!u32_of(pe, parts[i], &number[i]))
			return;
	snprintf(out->version, sizeof out->version, "%u.%u.%u.%u", number[0], number[1], number[2],
		number[3]);
}

static ei_error *read_pointer_size(const struct isf *isf, const struct tree *pdb, uint32_t *out)
{
	static const struct {
		uint32_t machine, size;
	} machines[] = { { 0x8664, 8 }, { 0xaa64, 8 }, { 0x14c, 4 } };
	uint32_t machine = 0, size = 0;
	u32_of(pdb, "machine_type", &machine);
	for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
		if (machines[i].machine == machine)
			size = machines[i].size;
	if (!size && !u32_of(tree_index_get(&isf->base_types, "pointer"), "size", &size))
		return ei_fail(EI_E_FORMAT,
			"it has neither a known machine_type nor a base type 'pointer'");
	if (size != 4 && size != 8)
		return ei_fail(EI_E_FORMAT, "its pointers are %u bytes long, want 4 or 8", size);
	*out = size;
	return NULL;
}

static ei_error *read_identity(
	const struct isf *isf, const struct tree *metadata, struct identity *out)
{
	const struct tree *windows = tree_get(metadata, "windows");
	const struct tree *pdb = tree_get(windows, "pdb");
	EI_TRY(check_format(metadata));
	if (pdb)
		EI_TRY(read_guid(pdb, out));
	read_version(tree_get(windows, "pe"), out);
	return read_pointer_size(isf, pdb, &out->pointer_size);
}

static void add_build(struct isf *isf, const struct identity *id, uint32_t layout)
{
	char usual[128] = "";
	if (id->guid[0])
		snprintf(usual, sizeof usual, "%s/%s-%u", id->pdb, id->guid, id->age);
	flat_add_build(isf->builder, &(struct flat_build_spec){
					     .name = usual,
					     .pdb = id->pdb,
					     .guid = id->guid,
					     .version = id->version,
					     .age = id->age,
					     .layout = layout,
				     });
}

static ei_error *read_root(struct isf *isf, const struct tree *root, enum isf_part part)
{
	const struct tree *types = tree_get(root, "user_types"), *enums = tree_get(root, "enums");
	struct identity id = { 0 };
	EI_TRY(tree_index_init(&isf->base_types, tree_get(root, "base_types")));
	EI_TRY(tree_index_init(&isf->user_types, types));
	EI_TRY(tree_index_init(&isf->enums, enums));
	EI_TRY(read_identity(isf, tree_get(root, "metadata"), &id));
	isf->pointer_size = id.pointer_size;
	uint32_t layout = flat_add_layout(isf->builder, id.pointer_size);
	EI_TRY(read_types(isf, types));
	EI_TRY(read_enums(isf, enums));
	if (part == ISF_LAYOUT)
		return NULL;
	add_build(isf, &id, layout);
	return read_symbols(isf, tree_get(root, "symbols"));
}

ei_error *isf_read(struct flat_builder *builder, char *json, size_t length, enum isf_part part)
{
	struct isf isf = { .builder = builder };
	struct tree *root = NULL;
	EI_TRY(tree_parse(json, length, &root));
	ei_error *error = read_root(&isf, root, part);
	tree_index_deinit(&isf.base_types);
	tree_index_deinit(&isf.user_types);
	tree_index_deinit(&isf.enums);
	free(root);
	return error;
}
