// Things that keys of the registry stand for: scheduled tasks, accounts.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_EVIDENCE_KEYS_H
#define RUN_EVIDENCE_KEYS_H

#include "run/evidence_parts.h"
#include <eidetic/registry.h>

bool evidence_keys_wanted(const struct evidence *evidence);
void evidence_keys_answer(struct evidence *evidence);

// What a key stands for; `path` from its root in the kernel. Most stand for nothing else.
void evidence_key_give(
	struct evidence *evidence, const char *path, const ei_key *key, uint64_t hive);

#endif
