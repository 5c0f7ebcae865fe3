// Writes a profile as ISF 6.2.0, the JSON symbol files that Volatility 3 reads.
// Source of truth: the JSON schema of that format.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "profile/pdb_leaf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// A number's type, as far as the refs tell; of several for one name the surest counts.
struct base {
	uint32_t name;
	uint32_t doubt; // how the kind is known: 0 from a member, 1 from a bit field, 2 from the
			// name
	uint32_t kind, size;
};

struct writer {
	FILE *out;
	const struct profile *profile;
	struct flat flat;
	const struct flat_layout *layout;
	struct base *bases; // by name, each once
	uint32_t base_count;
};

// In every file: what enumerations, pointers and nested arrays are made of.
static const struct {
	const char *name, *kind;
	uint32_t size; // UINT32_MAX: a pointer's
	bool is_signed;
} usual[] = {
	{ "void", "void", 0, false },
	{ "pointer", "int", UINT32_MAX, false },
	{ "char", "char", 1, true },
	{ "short", "int", 2, true },
	{ "int", "int", 4, true },
	{ "long long", "int", 8, true },
	{ "unsigned char", "char", 1, false },
	{ "unsigned long", "int", 4, false },
	{ "unsigned long long", "int", 8, false },
};

// ---- text -----------------------------------------------------------------------------------
// Bytes that are not UTF-8 become U+FFFD: the file must stay readable.
static void put_string(FILE *out, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t left = strlen(text);
	fputc('"', out);
	while (left) {
		size_t length = utf8_sequence(at, left);
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else if (!length)
			fputs("\\ufffd", out);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
		left -= length ? length : 1;
	}
	fputc('"', out);
}

static void put_key(FILE *out, const char *before, const char *key)
{
	fputs(before, out);
	put_string(out, key);
	fputs(": ", out);
}

static const char *name_at(const struct writer *writer, uint32_t at)
{
	return writer->flat.strings + at;
}

// ---- the numbers' types ---------------------------------------------------------------------
static bool is_usual(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++)
		if (!strcmp(usual[i].name, name))
			return true;
	return false;
}

static bool is_number(uint32_t kind)
{
	return kind == MEMBER_UINT || kind == MEMBER_INT || kind == MEMBER_FLOAT;
}

// The number's type that a ref names, if it does.
static bool base_of(const struct writer *writer, const struct flat_ref *ref, struct base *out)
{
	const char *name = name_at(writer, ref->target);
	struct member basic = { 0 };
	*out = (struct base){ .name = ref->target, .kind = ref->kind, .size = ref->size };
	if (!*name || is_usual(name) || flat_find_enum(&writer->flat, writer->layout, name))
		return false;
	if (is_number(ref->kind))
		return true;
	if (ref->kind == MEMBER_ARRAY && is_number(ref->element_kind)) {
		out->kind = ref->element_kind;
		out->size = ref->element_size;
		return true;
	}
	if (ref->kind == MEMBER_ARRAY && is_number(ref->bit)) {
		out->kind = ref->bit;
		out->size = ref->width;
		return true;
	}
	if (ref->kind == MEMBER_BITS) {
		out->doubt = 1;
		out->kind = MEMBER_UINT;
		return true;
	}
	if (ref->kind == MEMBER_STRUCT || !basic_named(name, &basic))
		return false;
	out->doubt = 2;
	out->kind = basic.kind;
	out->size = basic.size;
	return true;
}

static int base_order(const void *a, const void *b)
{
	const struct base *left = a, *right = b;
	if (left->name != right->name)
		return left->name < right->name ? -1 : 1;
	return (left->doubt > right->doubt) - (left->doubt < right->doubt);
}

static ei_error *collect_bases(struct writer *writer)
{
	uint32_t count = 0, refs = writer->flat.header->count[FLAT_REFS];
	writer->bases = calloc(refs + 1u, sizeof *writer->bases);
	if (!writer->bases)
		return ei_fail(EI_E_NOMEM, "writing a symbol file");
	for (uint32_t i = 0; i < refs; i++)
		count += base_of(writer, &writer->flat.refs[i], &writer->bases[count]);
	qsort(writer->bases, count, sizeof *writer->bases, base_order);
	for (uint32_t i = 0; i < count; i++)
		if (!i || writer->bases[i].name != writer->bases[i - 1].name)
			writer->bases[writer->base_count++] = writer->bases[i];
	return NULL;
}

static bool is_base(const struct writer *writer, uint32_t name)
{
	uint32_t low = 0, high = writer->base_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (writer->bases[middle].name < name)
			low = middle + 1;
		else
			high = middle;
	}
	return (low < writer->base_count && writer->bases[low].name == name) ||
	       is_usual(name_at(writer, name));
}

static void put_base(FILE *out, const char *kind, bool is_signed, uint32_t size)
{
	fprintf(out, "{\"kind\": \"%s\", \"size\": %u, \"signed\": %s, \"endian\": \"little\"}",
		kind, size, is_signed ? "true" : "false");
}

static void put_bases(const struct writer *writer)
{
	FILE *out = writer->out;
	const char *before = "\n";
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++, before = ",\n") {
		put_key(out, before, usual[i].name);
		put_base(out, usual[i].kind, usual[i].is_signed,
			usual[i].size == UINT32_MAX ? writer->layout->pointer_size : usual[i].size);
	}
	for (uint32_t i = 0; i < writer->base_count; i++) {
		const struct base *base = &writer->bases[i];
		put_key(out, before, name_at(writer, base->name));
		put_base(out, base->kind == MEMBER_FLOAT ? "float" : "int",
			base->kind != MEMBER_UINT, base->size);
	}
}

// ---- types ----------------------------------------------------------------------------------
static void put_named(const struct writer *writer, const char *kind, const char *name)
{
	fprintf(writer->out, "{\"kind\": \"%s\", \"name\": ", kind);
	put_string(writer->out, name);
	fputc('}', writer->out);
}

// By name alone: what a pointer points to, what a number is.
static void put_target(const struct writer *writer, uint32_t target)
{
	const char *name = name_at(writer, target);
	if (!*name)
		put_named(writer, "base", "void");
	else if (flat_find_enum(&writer->flat, writer->layout, name))
		put_named(writer, "enum", name);
	else
		put_named(writer, is_base(writer, target) ? "base" : "struct", name);
}

// A pointer of the other kind of process says what number it is.
static void put_pointer(const struct writer *writer, uint32_t size, uint32_t target)
{
	fputs("{\"kind\": \"pointer\", ", writer->out);
	if (size != writer->layout->pointer_size)
		fprintf(writer->out, "\"base\": \"%s\", ",
			size == 4 ? "unsigned long" : "unsigned long long");
	fputs("\"subtype\": ", writer->out);
	if (!strcmp(name_at(writer, target), "pointer"))
		fputs("{\"kind\": \"pointer\", \"subtype\": {\"kind\": \"base\", \"name\": "
		      "\"void\"}}",
			writer->out);
	else
		put_target(writer, target);
	fputc('}', writer->out);
}

static void put_plain(const struct writer *writer, uint32_t kind, uint32_t size, uint32_t target)
{
	if (kind == MEMBER_POINTER)
		put_pointer(writer, size, target);
	else if (kind == MEMBER_STRUCT && *name_at(writer, target))
		put_named(writer, "struct", name_at(writer, target));
	else
		put_target(writer, target);
}

// Bytes of the innermost element of an array of arrays; 0 when that is not known.
static uint32_t inner_size(const struct writer *writer, const struct flat_ref *ref)
{
	const char *name = name_at(writer, ref->target);
	const struct flat_type *type =
		ref->bit == MEMBER_STRUCT
			? flat_find_type(&writer->flat, writer->layout, name, strlen(name))
			: NULL;
	return type ? type->size : ref->width;
}

// Of more than two dimensions all but the first come out as one.
static void put_inner(const struct writer *writer, const struct flat_ref *ref)
{
	uint32_t size = inner_size(writer, ref);
	bool is_known = size && ref->element_size % size == 0;
	fprintf(writer->out, "{\"kind\": \"array\", \"count\": %u, \"subtype\": ",
		is_known ? ref->element_size / size : ref->element_size);
	if (is_known)
		put_plain(writer, ref->bit, size, ref->target);
	else
		put_named(writer, "base", "unsigned char");
	fputc('}', writer->out);
}

static void put_array(const struct writer *writer, const struct flat_ref *ref)
{
	fprintf(writer->out, "{\"kind\": \"array\", \"count\": %u, \"subtype\": ", ref->count);
	if (ref->element_kind == MEMBER_ARRAY)
		put_inner(writer, ref);
	else
		put_plain(writer, ref->element_kind, ref->element_size, ref->target);
	fputc('}', writer->out);
}

static void put_member(const struct writer *writer, const struct flat_member *member)
{
	const struct flat_ref *ref = &writer->flat.refs[member->ref];
	fprintf(writer->out, "{\"offset\": %u, \"type\": ", member->offset);
	if (ref->kind == MEMBER_BITS) {
		fprintf(writer->out,
			"{\"kind\": \"bitfield\", \"bit_position\": %u, \"bit_length\": %u, "
			"\"type\": ",
			ref->bit, ref->width);
		put_target(writer, ref->target);
		fputc('}', writer->out);
	} else if (ref->kind == MEMBER_ARRAY) {
		put_array(writer, ref);
	} else {
		put_plain(writer, ref->kind, ref->size, ref->target);
	}
	fputc('}', writer->out);
}

static void put_types(const struct writer *writer)
{
	for (uint32_t i = 0; i < writer->layout->type_count; i++) {
		uint32_t id = writer->flat.layout_types[writer->layout->first_type + i];
		const struct flat_type *type = &writer->flat.types[id];
		put_key(writer->out, i ? ",\n" : "\n", name_at(writer, type->name));
		fprintf(writer->out, "{\"kind\": \"struct\", \"size\": %u, \"fields\": {",
			type->size);
		for (uint32_t j = 0; j < type->count; j++) {
			const struct flat_member *member = &writer->flat.members[type->first + j];
			put_key(writer->out, j ? ",\n " : "\n ", name_at(writer, member->name));
			put_member(writer, member);
		}
		fputs("}}", writer->out);
	}
}

// ---- enumerations and symbols ---------------------------------------------------------------
static const char *integer_of(uint32_t size)
{
	switch (size) {
	case 1:
		return "char";
	case 2:
		return "short";
	case 8:
		return "long long";
	default:
		return "int";
	}
}

static void put_enums(const struct writer *writer)
{
	for (uint32_t i = 0; i < writer->layout->enum_count; i++) {
		uint32_t id = writer->flat.layout_enums[writer->layout->first_enum + i];
		const struct flat_enum *each = &writer->flat.enums[id];
		put_key(writer->out, i ? ",\n" : "\n", name_at(writer, each->name));
		fprintf(writer->out, "{\"size\": %u, \"base\": \"%s\", \"constants\": {",
			each->size, integer_of(each->size));
		for (uint32_t j = 0; j < each->count; j++) {
			const struct flat_constant *constant =
				&writer->flat.constants[each->first + j];
			put_key(writer->out, j ? ", " : "", name_at(writer, constant->name));
			fprintf(writer->out, "%lld",
				(long long)((uint64_t)constant->high << 32 | constant->low));
		}
		fputs("}}", writer->out);
	}
}

static void put_symbols(const struct writer *writer)
{
	uint64_t rva = 0;
	const char *name = NULL;
	for (uint32_t i = 0; (name = profile_symbol_at(writer->profile, i, &rva)); i++) {
		put_key(writer->out, i ? ",\n" : "\n", name);
		fprintf(writer->out, "{\"address\": %llu}", (unsigned long long)rva);
	}
}

// ---- what it describes ----------------------------------------------------------------------
static void put_metadata(const struct writer *writer)
{
	struct profile_info info = profile_info(writer->profile);
	FILE *out = writer->out;
	unsigned version[4];
	const char *before = "";
	fputs("{\"format\": \"6.2.0\", \"producer\": {\"name\": \"eidetic\", \"version\": "
	      "\"" EI_VERSION "\"}, \"windows\": {",
		out);
	if (*info.guid) {
		fputs("\"pdb\": {\"GUID\": ", out);
		put_string(out, info.guid);
		fprintf(out, ", \"age\": %u, \"machine_type\": %u, \"database\": ", info.age,
			info.pointer_size == 8 ? 0x8664 : 0x14c);
		put_string(out, info.pdb);
		fputc('}', out);
		before = ", ";
	}
	if (sscanf(info.version, "%u.%u.%u.%u", &version[0], &version[1], &version[2],
		    &version[3]) == 4)
		fprintf(out,
			"%s\"pe\": {\"major\": %u, \"minor\": %u, \"revision\": %u, \"build\": "
			"%u}",
			before, version[0], version[1], version[2], version[3]);
	fputs("}}", out);
}

static ei_error *write_all(struct writer *writer)
{
	static const struct {
		const char *key;
		void (*put)(const struct writer *writer);
	} parts[] = {
		{ "base_types", put_bases },
		{ "user_types", put_types },
		{ "enums", put_enums },
		{ "symbols", put_symbols },
	};
	EI_TRY(collect_bases(writer));
	put_key(writer->out, "{", "metadata");
	put_metadata(writer);
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		put_key(writer->out, ",\n", parts[i].key);
		fputc('{', writer->out);
		parts[i].put(writer);
		fputc('}', writer->out);
	}
	fputs("}\n", writer->out);
	if (fflush(writer->out) || ferror(writer->out))
		return ei_fail(EI_E_IO, "cannot write the symbol file: %s", strerror(errno));
	return NULL;
}

ei_error *profile_write_isf(const struct profile *profile, FILE *out)
{
	struct writer writer = { .out = out, .profile = profile };
	writer.layout = profile_layout(profile, &writer.flat);
	ei_error *error = write_all(&writer);
	free(writer.bases);
	return error;
}
