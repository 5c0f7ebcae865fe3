// The ciphers that Windows hides secrets of the registry with.
// SPDX-License-Identifier: Apache-2.0
#include "registry/cipher.h"

#include "base/digest.h"
#include <dlfcn.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>

void rc4(const uint8_t *key, size_t key_size, uint8_t *bytes, size_t size)
{
	uint8_t state[256];
	for (unsigned i = 0; i < 256; i++)
		state[i] = (uint8_t)i;
	for (unsigned i = 0, j = 0; i < 256; i++) {
		j = (j + state[i] + key[i % key_size]) & 0xff;
		uint8_t swap = state[i];
		state[i] = state[j];
		state[j] = swap;
	}
	unsigned i = 0, j = 0;
	for (size_t at = 0; at < size; at++) {
		i = (i + 1) & 0xff;
		j = (j + state[i]) & 0xff;
		uint8_t swap = state[i];
		state[i] = state[j];
		state[j] = swap;
		bytes[at] ^= state[(state[i] + state[j]) & 0xff];
	}
}

// ---- DES: FIPS 46-3, bit by bit; bits are numbered from 1 at the left -----------------------
// clang-format off
static const uint8_t key_choice[56] = {
	57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
	63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
};
static const uint8_t round_choice[48] = {
	14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
	41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
};
static const uint8_t first_order[64] = {
	58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
	57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
};
static const uint8_t last_order[64] = {
	40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21, 61, 29,
	36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
};
static const uint8_t expansion[48] = {
	32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17,
	16, 17, 18, 19, 20, 21, 20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
};
static const uint8_t permutation[32] = {
	16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
};
static const uint8_t shifts[16] = { 1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1 };
static const uint8_t boxes[8][64] = {
	{ 14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
	  4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13 },
	{ 15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
	  0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9 },
	{ 10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
	  13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12 },
	{ 7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
	  10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14 },
	{ 2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
	  4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3 },
	{ 12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
	  9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13 },
	{ 4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
	  1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12 },
	{ 13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
	  7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11 },
};
// clang-format on

// The bits of `value`, which has `width` of them, that `order` names.
static uint64_t bits_choose(uint64_t value, int width, const uint8_t *order, int count)
{
	uint64_t chosen = 0;
	for (int i = 0; i < count; i++)
		chosen = chosen << 1 | (value >> (width - order[i]) & 1);
	return chosen;
}

static void round_keys(uint64_t key, uint64_t keys[16])
{
	static const uint32_t half = 0xfffffff;
	uint64_t chosen = bits_choose(key, 64, key_choice, 56);
	uint32_t left = (uint32_t)(chosen >> 28), right = (uint32_t)chosen & half;
	for (int i = 0; i < 16; i++) {
		int by = shifts[i];
		left = (left << by | left >> (28 - by)) & half;
		right = (right << by | right >> (28 - by)) & half;
		keys[i] = bits_choose((uint64_t)left << 28 | right, 56, round_choice, 48);
	}
}

static uint32_t round_function(uint32_t half, uint64_t key)
{
	uint64_t wide = bits_choose(half, 32, expansion, 48) ^ key;
	uint32_t out = 0;
	for (int i = 0; i < 8; i++) {
		uint32_t six = (uint32_t)(wide >> (42 - 6 * i)) & 0x3f;
		uint32_t row = (six >> 4 & 2) | (six & 1), column = six >> 1 & 0xf;
		out = out << 4 | boxes[i][row * 16 + column];
	}
	return (uint32_t)bits_choose(out, 32, permutation, 32);
}

void des_decrypt(const uint8_t key[DES_BLOCK], const uint8_t in[DES_BLOCK], uint8_t out[DES_BLOCK])
{
	uint64_t keys[16];
	round_keys(__builtin_bswap64(load_u64(key)), keys);
	uint64_t block = bits_choose(__builtin_bswap64(load_u64(in)), 64, first_order, 64);
	uint32_t left = (uint32_t)(block >> 32), right = (uint32_t)block;
	for (int i = 15; i >= 0; i--) {
		uint32_t next = left ^ round_function(right, keys[i]);
		left = right;
		right = next;
	}
	block = bits_choose((uint64_t)right << 32 | left, 64, last_order, 64);
	block = __builtin_bswap64(block);
	memcpy(out, &block, sizeof block);
}

// ---- libcrypto's ----------------------------------------------------------------------------

static uint8_t hex_digit(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

ei_error *md5(const void *bytes, size_t size, uint8_t out[CIPHER_BLOCK])
{
	EI_OWNED(digest) digest = NULL;
	struct digest_text text;
	EI_TRY(digest_create(DIGEST_MD5, &digest));
	digest_add(digest, bytes, size);
	EI_TRY(digest_end(digest, &text));
	for (int i = 0; i < CIPHER_BLOCK; i++)
		out[i] =
			(uint8_t)(hex_digit(text.md5[2 * i]) << 4 | hex_digit(text.md5[2 * i + 1]));
	return NULL;
}

#define TEXT_OF(macro) TEXT_OF_(macro)
#define TEXT_OF_(text) #text
static const char library_name[] = "libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION);

// Loaded when it is wanted, as core/base/digest.c does.
static struct {
	__typeof__(EVP_CIPHER_CTX_new) *create;
	__typeof__(EVP_CIPHER_CTX_free) *drop;
	__typeof__(EVP_DecryptInit_ex) *begin;
	__typeof__(EVP_CIPHER_CTX_set_padding) *padding;
	__typeof__(EVP_DecryptUpdate) *update;
	__typeof__(EVP_aes_128_cbc) *aes;
	bool whole;
} library;

static void library_load(void)
{
	const struct {
		const char *name;
		void *at;
	} functions[] = {
		{ "EVP_CIPHER_CTX_new", &library.create },
		{ "EVP_CIPHER_CTX_free", &library.drop },
		{ "EVP_DecryptInit_ex", &library.begin },
		{ "EVP_CIPHER_CTX_set_padding", &library.padding },
		{ "EVP_DecryptUpdate", &library.update },
		{ "EVP_aes_128_cbc", &library.aes },
	};
	void *opened = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; opened && i < ARRAY_LENGTH(functions); i++) {
		void *function = dlsym(opened, functions[i].name);
		if (!function)
			return;
		memcpy(functions[i].at, &function, sizeof function);
	}
	library.whole = opened != NULL;
}

ei_error *aes_decrypt(const uint8_t key[CIPHER_BLOCK], const uint8_t iv[CIPHER_BLOCK],
	const uint8_t *in, size_t size, uint8_t *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, library_load);
	if (!library.whole)
		return ei_fail(EI_E_REQUIREMENT, "AES needs %s", library_name);
	EVP_CIPHER_CTX *context = library.create();
	int written = 0;
	bool done = context && library.begin(context, library.aes(), NULL, key, iv) &&
		    library.padding(context, 0) &&
		    library.update(context, out, &written, in, (int)size) &&
		    (size_t)written == size;
	library.drop(context);
	return done ? NULL : ei_fail(EI_E_NOMEM, "the cipher library failed");
}
