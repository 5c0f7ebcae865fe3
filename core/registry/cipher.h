// The ciphers that Windows hides secrets of the registry with.
// SPDX-License-Identifier: Apache-2.0
#ifndef REGISTRY_CIPHER_H
#define REGISTRY_CIPHER_H

#include "base/base.h"

enum { CIPHER_BLOCK = 16, DES_BLOCK = 8 };

// RC4 and DES are our own: libcrypto keeps them in a module that is often not installed, and does
// not load it by itself. MD5 and AES are libcrypto's; EI_E_REQUIREMENT without it.

void rc4(const uint8_t *key, size_t key_size, uint8_t *bytes, size_t size);

// Parity bits of the key are not looked at.
void des_decrypt(const uint8_t key[DES_BLOCK], const uint8_t in[DES_BLOCK], uint8_t out[DES_BLOCK]);

EI_CHECKED ei_error *md5(const void *bytes, size_t size, uint8_t out[CIPHER_BLOCK]);

// AES-128 in CBC mode without padding; `size` is a multiple of CIPHER_BLOCK.
EI_CHECKED ei_error *aes_decrypt(const uint8_t key[CIPHER_BLOCK], const uint8_t iv[CIPHER_BLOCK],
	const uint8_t *in, size_t size, uint8_t *out);

#endif
