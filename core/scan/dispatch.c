// Which kernel runs: the widest that the processor has, or the one that EIDETIC_SIMD names.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"

#if defined(__x86_64__)
static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
	       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2");
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

static bool has_ssse3(void)
{
	return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}
#endif

static bool always(void)
{
	return true;
}

// Best first.
static const struct kernel kernels[] = {
#if defined(__x86_64__)
	{ "avx512", scan_avx512, tags_avx2, false, has_avx512 },
	{ "avx2", scan_avx2, tags_avx2, true, has_avx2 },
	{ "sse", scan_ssse3, tags_ssse3, true, has_ssse3 },
#elif defined(__aarch64__)
	{ "neon", scan_neon, tags_neon, true, always }, // part of every such processor
#endif
	{ "scalar", NULL, tags_scalar, false, always },
};

static const struct kernel *kernel_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kernels); i++)
		if (!strcmp(name, kernels[i].name))
			return &kernels[i];
	return NULL;
}

ei_error *kernel_check(void)
{
	const char *wanted = getenv("EIDETIC_SIMD");
	const struct kernel *kernel = wanted ? kernel_named(wanted) : &kernels[0];
	if (wanted && !kernel)
		return ei_fail(EI_E_USAGE, "EIDETIC_SIMD: there are no kernels '%s'", wanted);
	if (wanted && !kernel->supported())
		return ei_fail(EI_E_REQUIREMENT,
			"EIDETIC_SIMD: this processor cannot run the kernels '%s'", wanted);
	return NULL;
}

const struct kernel *kernel_choose(void)
{
	const char *wanted = getenv("EIDETIC_SIMD");
	const struct kernel *kernel = wanted ? kernel_named(wanted) : NULL;
	if (kernel && kernel->supported())
		return kernel;
	for (kernel = kernels; !kernel->supported();)
		kernel++;
	return kernel;
}

const struct kernel *scan_kernel_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kernels); i++)
		if (kernels[i].supported() && !index--)
			return &kernels[i];
	return NULL;
}

const char *terms_kernel_name(void)
{
	return kernel_choose()->name;
}
