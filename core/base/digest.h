// MD5, SHA-1 and SHA-256 of one stream of bytes, in one go.
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/base.h"

enum digest_kind { DIGEST_MD5 = 1, DIGEST_SHA1 = 2, DIGEST_SHA256 = 4 };
enum { DIGEST_ALL = 7, DIGEST_KINDS = 3, DIGEST_TEXT = 65 };

// Lower-case hexadecimal; "" for what was not asked for.
struct digest_text {
	char md5[DIGEST_TEXT], sha1[DIGEST_TEXT], sha256[DIGEST_TEXT];
};

struct digest;

// `kinds` is a set of digest_kind. EI_E_REQUIREMENT without libcrypto, EI_E_NOMEM.
EI_CHECKED ei_error *digest_create(unsigned kinds, struct digest **out);
void digest_drop(struct digest *digest); // NULL is allowed
EI_OWNER(digest, digest_drop);

void digest_add(struct digest *digest, const void *bytes, size_t length);
void digest_add_zeroes(struct digest *digest, uint64_t length);

// Once, after the last byte. EI_E_NOMEM when the library failed.
EI_CHECKED ei_error *digest_end(struct digest *digest, struct digest_text *out);

#endif
