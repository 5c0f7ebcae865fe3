// What Windows keeps of passwords in the registry.
//
//     ei_sam *sam;
//     EI_TRY(ei_sam_open(system_hive, sam_hive, &sam));
//     for (ei_sam_user user; ei_sam_next(sam, &user);)
//             use(user.name, user.nt);
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_SECRETS_H
#define EIDETIC_SECRETS_H

#include <eidetic/registry.h>

enum { EI_SECRET_BYTES = 16 };

// The key that all others are hidden with: from the class names of four keys of the SYSTEM hive's
// current control set. False, with a note, when they are not all there.
EI_API bool ei_boot_key(ei_hive *system, uint8_t out[EI_SECRET_BYTES]);

typedef struct ei_sam ei_sam;

typedef struct ei_sam_user {
	ei_val name; // as the user logs on
	ei_val rid;  // the last number of the SID
	// 32 hexadecimal digits; EI_NONE: none is kept, as where the password is empty; EI_GARBAGE:
	// it is, but not in a form that can be.
	ei_val lm, nt;
} ei_sam_user;

// Local accounts and the hashes of their passwords. Either hive may be NULL or damaged, which is
// noted; there are no users then, or their hashes are EI_UNREADABLE. Scratch memory.
// EI_E_REQUIREMENT without libcrypto.
EI_API EI_CHECKED ei_error *ei_sam_open(ei_hive *system, ei_hive *sam, ei_sam **out);
EI_API bool ei_sam_next(ei_sam *sam, ei_sam_user *out);

#endif
