// Libraries that are loaded when they are wanted.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/library.h"

#include <dlfcn.h>
#include <stdio.h>

void library_load(const char *library, const struct library_function *functions, size_t count,
	char *why, size_t room)
{
	void *opened = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!opened) {
		const char *reason = dlerror();
		snprintf(why, room, "%s", reason ? reason : library);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		void *function = dlsym(opened, functions[i].name);
		if (!function) {
			snprintf(why, room, "%s has no %s", library, functions[i].name);
			return;
		}
		memcpy(functions[i].at, &function, sizeof function);
	}
}
