// Errors with context: one allocation, text built from the inside out.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ERROR_TEXT_MAX = 1024 };

struct ei_error {
	ei_code code;
	const char *text; // behind the struct, in the same allocation; or static
};

static const ei_error no_memory = { EI_E_NOMEM, "out of memory" };

static ei_error *error_static(void)
{
	return (ei_error *)&no_memory;
}

static ei_error *error_create(ei_code code, const char *text)
{
	size_t length = strlen(text) + 1;
	ei_error *error = malloc(sizeof *error + length);
	if (!error)
		return error_static();
	error->code = code;
	error->text = memcpy(error + 1, text, length);
	return error;
}

ei_error *ei_fail(ei_code code, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return error_create(code, text);
}

ei_error *ei_wrap(ei_error *error, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (length < 0)
		length = 0;
	size_t used = MIN((size_t)length, sizeof text - 1);
	snprintf(text + used, sizeof text - used, ": %s", error->text);
	ei_error *wrapped = error_create(error->code, text);
	ei_error_drop(error);
	return wrapped;
}

ei_code ei_error_code(const ei_error *error)
{
	return error->code;
}

const char *ei_error_text(const ei_error *error)
{
	return error->text;
}

void ei_error_drop(ei_error *error)
{
	if (error != error_static())
		free(error);
}
