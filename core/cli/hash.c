// SHA-256 of a file, for the record of a run.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

// libcrypto is loaded when it is wanted: linked, it would double the start-up of every run.
#define TEXT_OF(macro) TEXT_OF_(macro)
#define TEXT_OF_(text) #text
static const char library_name[] = "libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION);

struct hasher {
	void *library;
	__typeof__(EVP_MD_CTX_new) *create;
	__typeof__(EVP_MD_CTX_free) *drop;
	__typeof__(EVP_sha256) *sha256;
	__typeof__(EVP_DigestInit_ex) *begin;
	__typeof__(EVP_DigestUpdate) *update;
	__typeof__(EVP_DigestFinal_ex) *end;
	EVP_MD_CTX *context;
	uint8_t *chunk;
};

static ei_error *hasher_init(struct hasher *hasher)
{
	*hasher = (struct hasher){ .library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL) };
	if (!hasher->library)
		return ei_fail(EI_E_REQUIREMENT, "--hash needs %s: %s", library_name, dlerror());
	const struct {
		const char *name;
		void *at;
	} functions[] = {
		{ "EVP_MD_CTX_new", &hasher->create },
		{ "EVP_MD_CTX_free", &hasher->drop },
		{ "EVP_sha256", &hasher->sha256 },
		{ "EVP_DigestInit_ex", &hasher->begin },
		{ "EVP_DigestUpdate", &hasher->update },
		{ "EVP_DigestFinal_ex", &hasher->end },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++) {
		void *function = dlsym(hasher->library, functions[i].name);
		if (!function)
			return ei_fail(EI_E_REQUIREMENT, "--hash: %s has no %s", library_name,
				functions[i].name);
		memcpy(functions[i].at, &function, sizeof function);
	}
	hasher->context = hasher->create();
	hasher->chunk = malloc(CHUNK);
	if (!hasher->context || !hasher->chunk ||
		!hasher->begin(hasher->context, hasher->sha256(), NULL))
		return ei_fail(EI_E_NOMEM, "out of memory");
	return NULL;
}

static void hasher_deinit(struct hasher *hasher)
{
	if (hasher->context)
		hasher->drop(hasher->context);
	free(hasher->chunk);
	if (hasher->library)
		dlclose(hasher->library);
}

static ei_error *hash_content(
	struct hasher *hasher, int file, const char *path, struct progress *progress)
{
	struct stat status;
	uint64_t total = fstat(file, &status) ? 0 : (uint64_t)status.st_size;
	for (uint64_t done = 0;;) {
		if (__atomic_load_n(cancelled, __ATOMIC_RELAXED))
			return ei_fail(EI_E_CANCELLED, "cancelled while hashing '%s'", path);
		ssize_t got = read(file, hasher->chunk, CHUNK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(errno));
		if (got == 0)
			return NULL;
		hasher->update(hasher->context, hasher->chunk, (size_t)got);
		done += (uint64_t)got;
		progress_draw(progress, done, total);
	}
}

static ei_error *hash_file(int file, const char *path, struct progress *progress, uint8_t *out)
{
	struct hasher hasher;
	ei_error *error = hasher_init(&hasher);
	if (!error)
		error = hash_content(&hasher, file, path, progress);
	if (!error && !hasher.end(hasher.context, out, NULL))
		error = ei_fail(EI_E_NOMEM, "out of memory");
	hasher_deinit(&hasher);
	return error;
}

ei_error *file_sha256(const char *path, struct progress *progress, char out[SHA256_TEXT])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	ei_error *error = hash_file(file, path, progress, digest);
	close(file);
	EI_TRY(error);
	for (size_t i = 0; i < SHA256_TEXT / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return NULL;
}
