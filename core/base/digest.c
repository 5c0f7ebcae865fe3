// MD5, SHA-1 and SHA-256 of one stream of bytes, in one go, by libcrypto.
// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// libcrypto is loaded when it is wanted: linked, it would double the start-up of every run.
#define TEXT_OF(macro) TEXT_OF_(macro)
#define TEXT_OF_(text) #text
static const char library_name[] = "libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION);

static struct {
	__typeof__(EVP_MD_CTX_new) *create;
	__typeof__(EVP_MD_CTX_free) *drop;
	__typeof__(EVP_DigestInit_ex) *begin;
	__typeof__(EVP_DigestUpdate) *update;
	__typeof__(EVP_DigestFinal_ex) *end;
	const EVP_MD *(*kinds[DIGEST_KINDS])(void); // by bit of digest_kind
	char missing[256];                          // "": all is there
} library;

struct digest {
	EVP_MD_CTX *contexts[DIGEST_KINDS]; // NULL: not asked for
	bool failed;
};

static void library_load(void)
{
	const struct {
		const char *name;
		void *at;
	} functions[] = {
		{ "EVP_MD_CTX_new", &library.create },
		{ "EVP_MD_CTX_free", &library.drop },
		{ "EVP_DigestInit_ex", &library.begin },
		{ "EVP_DigestUpdate", &library.update },
		{ "EVP_DigestFinal_ex", &library.end },
		{ "EVP_md5", &library.kinds[0] },
		{ "EVP_sha1", &library.kinds[1] },
		{ "EVP_sha256", &library.kinds[2] },
	};
	void *opened = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
	if (!opened) {
		const char *why = dlerror();
		snprintf(library.missing, sizeof library.missing, "%s", why ? why : library_name);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++) {
		void *function = dlsym(opened, functions[i].name);
		if (!function) {
			snprintf(library.missing, sizeof library.missing, "it has no %s",
				functions[i].name);
			return;
		}
		memcpy(functions[i].at, &function, sizeof function);
	}
}

ei_error *digest_create(unsigned kinds, struct digest **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, library_load);
	if (library.missing[0])
		return ei_fail(
			EI_E_REQUIREMENT, "hashes need %s: %s", library_name, library.missing);
	EI_OWNED(digest) digest = calloc(1, sizeof *digest);
	if (!digest)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (unsigned i = 0; i < DIGEST_KINDS; i++) {
		if (!(kinds >> i & 1))
			continue;
		digest->contexts[i] = library.create();
		if (!digest->contexts[i] ||
			!library.begin(digest->contexts[i], library.kinds[i](), NULL))
			return ei_fail(EI_E_NOMEM, "out of memory");
	}
	*out = EI_GIVE(digest);
	return NULL;
}

void digest_drop(struct digest *digest)
{
	if (!digest)
		return;
	for (unsigned i = 0; i < DIGEST_KINDS; i++)
		if (digest->contexts[i])
			library.drop(digest->contexts[i]);
	free(digest);
}

void digest_add(struct digest *digest, const void *bytes, size_t length)
{
	for (unsigned i = 0; i < DIGEST_KINDS; i++)
		if (digest->contexts[i] && !library.update(digest->contexts[i], bytes, length))
			digest->failed = true;
}

void digest_add_zeroes(struct digest *digest, uint64_t length)
{
	static const uint8_t zeroes[16 * PAGE_SIZE];
	while (length) {
		size_t now = (size_t)MIN(length, (uint64_t)sizeof zeroes);
		digest_add(digest, zeroes, now);
		length -= now;
	}
}

static void hex_text(const uint8_t *bytes, unsigned length, char out[DIGEST_TEXT])
{
	for (unsigned i = 0; i < length && 2 * i + 2 < DIGEST_TEXT; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

ei_error *digest_end(struct digest *digest, struct digest_text *out)
{
	struct digest_text text = { "", "", "" };
	char *const texts[DIGEST_KINDS] = { text.md5, text.sha1, text.sha256 };
	for (unsigned i = 0; i < DIGEST_KINDS; i++) {
		uint8_t bytes[EVP_MAX_MD_SIZE];
		unsigned length = 0;
		if (!digest->contexts[i])
			continue;
		if (!library.end(digest->contexts[i], bytes, &length))
			digest->failed = true;
		hex_text(bytes, length, texts[i]);
	}
	if (digest->failed)
		return ei_fail(EI_E_NOMEM, "the hash library failed");
	*out = text;
	return NULL;
}
