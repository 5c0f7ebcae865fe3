// Values: the few constructors that are not inline.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

ei_val ei_str(const char *text)
{
	if (!text)
		return ei_absent(EI_NONE);
	size_t length = strlen(text);
	return (ei_val){ .s = text,
		.length = (uint32_t)MIN(length, (size_t)UINT32_MAX),
		.kind = EI_STR,
		.state = EI_OK };
}
