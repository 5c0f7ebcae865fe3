// libyara, loaded when rules are used.
// SPDX-License-Identifier: Apache-2.0
#include "run/yara.h"

#include "ioc/library.h"
#include <pthread.h>

// The number in its name changed with 4.3.
#if YR_MAJOR_VERSION == 4 && YR_MINOR_VERSION < 3
static const char library_name[] = "libyara.so.9";
#else
static const char library_name[] = "libyara.so.10";
#endif

static struct yara_library yara;
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER; // it counts without a lock

static void yara_load(void)
{
	const struct library_function functions[] = {
		{ "yr_initialize", &yara.start },
		{ "yr_finalize", &yara.end },
		{ "yr_compiler_create", &yara.compiler_create },
		{ "yr_compiler_destroy", &yara.compiler_drop },
		{ "yr_compiler_set_callback", &yara.set_callback },
		{ "yr_compiler_set_include_callback", &yara.set_include },
		{ "yr_compiler_define_string_variable", &yara.define_text },
		{ "yr_compiler_add_string", &yara.add },
		{ "yr_compiler_get_rules", &yara.get_rules },
		{ "yr_rules_load", &yara.rules_load },
		{ "yr_rules_destroy", &yara.rules_drop },
		{ "yr_scanner_create", &yara.scanner_create },
		{ "yr_scanner_destroy", &yara.scanner_drop },
		{ "yr_scanner_set_callback", &yara.scanner_set_callback },
		{ "yr_scanner_set_flags", &yara.scanner_set_flags },
		{ "yr_scanner_set_timeout", &yara.scanner_set_timeout },
		{ "yr_scanner_scan_mem_blocks", &yara.scan },
	};
	library_load(library_name, functions, ARRAY_LENGTH(functions), yara.missing,
		sizeof yara.missing);
}

ei_error *yara_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, yara_load);
	if (*yara.missing)
		return ei_fail(EI_E_REQUIREMENT, "YARA rules need it: %s", yara.missing);
	pthread_mutex_lock(&starting);
	int status = yara.start();
	pthread_mutex_unlock(&starting);
	return status == ERROR_SUCCESS ? NULL : ei_fail(EI_E_NOMEM, "YARA cannot be started");
}

void yara_end(void)
{
	pthread_mutex_lock(&starting);
	yara.end();
	pthread_mutex_unlock(&starting);
}

const struct yara_library *yara_functions(void)
{
	return &yara;
}
