// Which kernel runs: the widest that the processor has, or the one that EIDETIC_SIMD names.
// SPDX-License-Identifier: Apache-2.0
#include "scan/filter.h"

#if defined(__x86_64__)
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
	{ "avx2", scan_avx2, tags_avx2, has_avx2 },
	{ "sse", scan_ssse3, tags_ssse3, has_ssse3 },
#endif
	{ "scalar", NULL, tags_scalar, always },
};

const struct kernel *kernel_choose(void)
{
	const char *wanted = getenv("EIDETIC_SIMD");
	for (size_t i = 0; i < ARRAY_LENGTH(kernels); i++)
		if (kernels[i].supported() && (!wanted || !strcmp(wanted, kernels[i].name)))
			return &kernels[i];
	return wanted ? &kernels[ARRAY_LENGTH(kernels) - 1] : &kernels[0];
}

const char *terms_kernel_name(void)
{
	return kernel_choose()->name;
}
