// Tables of the default population.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_POPULATION_H
#define FORGE_POPULATION_H

#include <stdbool.h>
#include <stdint.h>

enum { DLL_NATIVE = 1, DLL_BASE = 2, DLL_SERVICE = 4, DLL_GUI = 8, DLL_NET = 16, DLL_WOW = 32 };

struct desktop_process {
	const char *name, *parent, *path, *arguments;
	int session; // -1: none
	uint32_t threads, dlls;
	uint32_t since, until; // builds
	uint32_t fixed_pid, late_minutes;
	bool minimal, wow64, exited;
};

struct desktop_dll {
	const char *name;
	uint32_t set;
	bool modern; // not before Windows 7
};

struct desktop_hive {
	const char *name, *file, *mount, *root;
	int minor;
};

struct desktop_value {
	const char *hive, *key, *name, *type, *data;
	bool transient;
};

struct desktop_handle {
	const char *type, *name;
	bool gui; // of programs with windows only
};

struct desktop_callback {
	const char *kind, *module, *altitude;
};

// All end with a row of zeroes.
extern const struct desktop_process desktop_processes[];
extern const struct desktop_dll desktop_dlls[];
extern const char *const desktop_drivers[];
extern const struct desktop_hive desktop_hives[];
extern const struct desktop_value desktop_values[];
extern const struct desktop_handle desktop_handles[];
extern const struct desktop_handle system_handles[];
extern const struct desktop_callback desktop_callbacks[];

#endif
