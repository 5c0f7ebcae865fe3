// Fuzz entry: a condition against a value. The first bytes say which; a line with the condition's
// value follows, and the rest is what is found.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const terms[] = { "ProcessItem/name", "FileItem/FullPath", "RegistryItem/Path",
	"ProcessItem/HandleList/Handle/Name", "FileItem/SizeInBytes", "FileItem/PEInfo/PETimeStamp",
	"PortItem/remoteIP", "FileItem/Md5sum", "RegistryItem/Text",
	"FileItem/PEInfo/DigitalSignature/SignatureExists", "FileItem/FileName",
	"FileItem/FilePath" };

static void count_match(void *context, const struct match *match)
{
	*(size_t *)context += match->atom + 1;
}

// The node is built as readers build it: sets take indicators from files alone.
static struct ioc_set *set_of(const uint8_t *data, size_t length, unsigned which, unsigned how)
{
	struct ioc_set *set = NULL;
	ei_error *error = ioc_set_create(NULL, &set);
	if (error) {
		ei_error_drop(error);
		return NULL;
	}
	struct reading reading = { .set = set, .arena = set->arena, .file = "fuzz" };
	struct leaf_wish wish = {
		.term = terms[which % ARRAY_LENGTH(terms)],
		.condition = (enum ioc_condition)(IOC_IS + how % IOC_PRESENT),
		.value = (const char *)data,
		.length = length,
		.case_sensitive = how & 64,
		.negated = how & 128,
	};
	indicator_begin(&reading, "i", "n", "d");
	if (how & 32)
		wildcard_leaf(
			&reading, &wish, (struct wildcard){ '*', '?', '\\' }, wish.value, length);
	leaf_add(&reading, NULL, &wish);
	indicator_end(&reading);
	ei_error_drop(reading.failure);
	return set;
}

static void run(struct ioc_set *set, const uint8_t *data, size_t size, unsigned how)
{
	EI_OWNED(ioc_program) program = NULL;
	EI_OWNED(matcher) matcher = NULL;
	struct volumes volumes = { .control_set = how % 3 };
	size_t sum = 0;
	const struct ioc_term *term = ioc_set_at(set, 0)->root->leaf.term;
	ei_error *error = ioc_compile(set, &program);
	if (!error)
		error = matcher_create(program, term, &matcher);
	struct candidate candidate = {
		.value = { .b = data,
			.length = (uint32_t)size,
			.kind = how & 16 ? EI_BYTES : EI_STR,
			.state = EI_OK },
		.type = term->from ? term->from->type : term->type,
		.part = term->part,
		.cut = how & 8,
		.volumes = &volumes,
	};
	if (!error)
		matcher_run(matcher, &candidate, count_match, &sum);
	ei_error_drop(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	const uint8_t *line = memchr(data + 2, '\n', size - 2);
	if (!line)
		return 0;
	EI_OWNED(ioc_set) set = set_of(data + 2, (size_t)(line - data - 2), data[0], data[1]);
	if (set && ioc_set_count(set))
		run(set, line + 1, size - (size_t)(line + 1 - data), data[1]);
	return 0;
}
