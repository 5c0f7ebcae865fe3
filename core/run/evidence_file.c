// Files and drivers as evidence: one thing for each path, or place in memory, whoever speaks of it.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_parts.h"

#include <ctype.h>
#include <strings.h>

static const char domain[] = "FileItem";

// Sources write a volume in different ways, or leave it out.
static size_t volume_length(const char *path, size_t length)
{
	static const char *const heads[] = { "\\??\\", "\\\\?\\", "\\Device\\HarddiskVolume" };
	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
		size_t size = strlen(heads[i]);
		if (length < size || strncasecmp(path, heads[i], size) != 0)
			continue;
		while (size < length && path[size] != '\\')
			size++;
		return size;
	}
	return length > 2 && path[1] == ':' ? 2 : 0;
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = bytes[i] == '/' ? '\\' : bytes[i];
		hash = (hash ^ (uint8_t)tolower((unsigned char)c)) * UINT64_C(0x100000001b3);
	}
	return hash;
}

uint64_t evidence_path_key(ei_val path)
{
	static const char root[] = "\\SystemRoot", windows[] = "\\Windows";
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	if (!ei_has(path) || path.kind != EI_STR || !path.length)
		return 0;
	size_t skip = volume_length(path.s, path.length);
	if (path.length >= sizeof root && !strncasecmp(path.s, root, sizeof root - 1) &&
		path.s[sizeof root - 1] == '\\') {
		hash = hash_bytes(hash, windows, sizeof windows - 1);
		skip = sizeof root - 1;
	}
	hash = hash_bytes(hash, path.s + skip, path.length - skip);
	return hash ? hash : 1;
}

struct known evidence_file(struct evidence *evidence, ei_val path, const struct holder *holder)
{
	uint64_t key = evidence_path_key(path);
	if (!key)
		return evidence_new(evidence, domain, IOC_ROOT, IOC_NO_LINK, holder);
	return evidence_same(
		evidence, (struct entity_key){ domain, { key, 1 } }, IOC_ROOT, IOC_NO_LINK, holder);
}

struct known evidence_driver(struct evidence *evidence, uint64_t base, const char *source)
{
	static const char drivers[] = "DriverItem";
	struct holder holder = { .source = source, .pid = EVIDENCE_NO_PID, .address = base };
	if (!base)
		return evidence_new(evidence, drivers, IOC_ROOT, IOC_NO_LINK, &holder);
	return evidence_same(evidence, (struct entity_key){ drivers, { base, 0 } }, IOC_ROOT,
		IOC_NO_LINK, &holder);
}
