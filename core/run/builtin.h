// The list of built-in plugins; written by the Makefile from the files in plugins/.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_BUILTIN_H
#define RUN_BUILTIN_H

#include <eidetic/plugin.h>

extern const ei_plugin *const builtin_plugins[]; // in name order, NULL-terminated

#endif
