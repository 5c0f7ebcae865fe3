// The forge's command: options, the order of work, writing the file.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

struct options {
	const char *profile, *isf, *scenario, *format, *out, *truth, *isf_dir;
	uint64_t size, seed;
};

static const char usage[] =
	"usage: forge --profile NAME|--isf FILE --scenario FILE --format FORMAT -o OUT [options]\n"
	"Writes a Windows memory image that looks like the scenario says.\n"
	"\n"
	"  --profile NAME     a built-in profile, or the path of one\n"
	"  --isf FILE         an ISF symbol table (.json, .json.xz, .json.gz); types alone will "
	"do\n"
	"  --scenario FILE    what is in the image (samples/README.md)\n"
	"  --format FORMAT    %s\n"
	"  --size SIZE        end of physical memory: 512M, 4G, 64G (default 2G)\n"
	"  --seed N           same seed, same image (default 1)\n"
	"  -o OUT             the image\n"
	"  --truth FILE       what a reader should find, one line of JSON per fact\n"
	"  --write-isf DIR    a symbol table for this image, as DIR/windows/PDB/GUID-AGE.json.xz\n";

static ei_error *parse_size(const char *text, uint64_t *out)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);
	static const char units[] = "KMGT";
	const char *unit = *end ? strchr(units, *end) : NULL;
	uint32_t shift = unit ? (uint32_t)(unit - units + 1) * 10 : 0;
	if (end == text || (*end && (!unit || end[1])) || value > (1ULL << 44) >> shift)
		return ei_fail(EI_E_USAGE, "'%s' is not a size like 512M or 4G", text);
	value <<= shift;
	if (value < 32 << 20 || value % PAGE_SIZE)
		return ei_fail(EI_E_USAGE, "size '%s' is not a multiple of 4K from 32M up", text);
	*out = value;
	return NULL;
}

static ei_error *parse_seed(const char *text, uint64_t *out)
{
	char *end;
	*out = strtoull(text, &end, 0);
	return *text && !*end ? NULL : ei_fail(EI_E_USAGE, "seed '%s' is not a number", text);
}

enum {
	OPT_PROFILE = 256,
	OPT_ISF,
	OPT_SCENARIO,
	OPT_FORMAT,
	OPT_SIZE,
	OPT_SEED,
	OPT_TRUTH,
	OPT_WRITE_ISF,
	OPT_HELP
};

static const struct option option_table[] = {
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "isf", required_argument, NULL, OPT_ISF },
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "output", required_argument, NULL, 'o' },
	{ "truth", required_argument, NULL, OPT_TRUTH },
	{ "write-isf", required_argument, NULL, OPT_WRITE_ISF },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static ei_error *parse_one(struct options *o, int option)
{
	switch (option) {
	case OPT_PROFILE:
		o->profile = optarg;
		return NULL;
	case OPT_ISF:
		o->isf = optarg;
		return NULL;
	case OPT_SCENARIO:
		o->scenario = optarg;
		return NULL;
	case OPT_FORMAT:
		o->format = optarg;
		return NULL;
	case OPT_TRUTH:
		o->truth = optarg;
		return NULL;
	case OPT_WRITE_ISF:
		o->isf_dir = optarg;
		return NULL;
	case 'o':
		o->out = optarg;
		return NULL;
	case OPT_SIZE:
		return parse_size(optarg, &o->size);
	case OPT_SEED:
		return parse_seed(optarg, &o->seed);
	case OPT_HELP:
		printf(usage, container_formats());
		exit(0);
	}
	return ei_fail(EI_E_USAGE, "see 'forge --help'");
}

static ei_error *parse_options(int argc, char **argv, struct options *o)
{
	int option;
	while ((option = getopt_long(argc, argv, "o:", option_table, NULL)) != -1)
		EI_TRY(parse_one(o, option));
	if (optind < argc)
		return ei_fail(EI_E_USAGE, "unexpected '%s'; see 'forge --help'", argv[optind]);
	if (!o->profile == !o->isf)
		return ei_fail(EI_E_USAGE, "want one of --profile NAME and --isf FILE");
	if (!o->scenario || !o->out)
		return ei_fail(EI_E_USAGE, "want --scenario FILE and -o OUT; see 'forge --help'");
	return NULL;
}

static ei_error *load(struct forge *f, const struct options *o)
{
	f->size_bytes = o->size;
	f->random = o->seed;
	f->scenario_path = o->scenario;
	f->isf_path = o->isf;
	f->crashed = strncmp(o->format, "crash", 5) == 0 || strcmp(o->format, "triage") == 0;
	if (o->isf)
		EI_TRY(profile_load(o->isf, &f->profile));
	else
		EI_TRY(profile_by_name(o->profile, &f->profile));
	EI_TRY(scenario_load(f));
	EI_TRY(kernel_identify(f));
	EI_TRY(scenario_populate(f));
	if (f->mode != PAGING_X64 && f->size_bytes > (1ULL << 32))
		return ei_fail(EI_E_USAGE, "a 32-bit image ends at 4G");
	return memory_create(f);
}

// The order matters: lists need the kernel's variables, objects need their types, page tables are
// shared when all of the kernel is mapped, damage comes last.
static void build(struct forge *f)
{
	region_init(f);
	f->cookie = (uint8_t)forge_random(f);
	paging_create_kernel(f);
	kernel_create(f);
	kernel_write(f);
	object_create_types(f);
	namespace_create(f);
	file_create_volume(f);
	module_create_all(f);
	driver_create_all(f);
	callback_create_all(f);
	service_create_all(f);
	unloaded_create_all(f);
	cached_create_all(f);
	process_create_all(f);
	registry_create_all(f);
	handle_create_all(f);
	code_finish(f);
	term_write_all(f);
	net_create_all(f);
	manager_create(f);
	pool_write_big_table(f);
	paging_seal(f);
	info_write_truth(f);
	damage_apply(f);
}

static ei_error *run(const struct options *o, struct forge *f)
{
	EI_TRY(load(f, o));
	if (o->truth && !(f->truth = fopen(o->truth, "w")))
		return ei_fail(EI_E_IO, "cannot write '%s': %s", o->truth, strerror(errno));
	if (!f->error)
		build(f);
	if (f->error)
		return EI_GIVE(f->error);
	EI_TRY(dump_write(f, o->format, o->out));
	if (o->isf_dir)
		EI_TRY(isf_write(f, o->isf_dir));
	if (f->truth && fclose(f->truth) != 0)
		return ei_fail(EI_E_IO, "cannot write '%s': %s", o->truth, strerror(errno));
	return NULL;
}

int main(int argc, char **argv)
{
	struct options o = { .format = "raw", .size = 2ULL << 30, .seed = 1 };
	static struct forge f; // what it holds lives as long as the program
	EI_OWNED(ei_error) error = parse_options(argc, argv, &o);
	if (!error)
		error = run(&o, &f);
	memory_drop(&f);
	json_decref(f.scenario);
	profile_unref(f.profile);
	if (!error)
		return 0;
	fprintf(stderr, "forge: %s\n", ei_error_text(error));
	return ei_error_code(error) == EI_E_USAGE ? 2 : 1;
}
