// SHA-256 of a file, for the record of a run.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "base/digest.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

static ei_error *hash_content(struct digest *digest, int file, const char *path,
	struct progress *progress, uint8_t *chunk)
{
	struct stat status;
	uint64_t total = fstat(file, &status) ? 0 : (uint64_t)status.st_size;
	for (uint64_t done = 0;;) {
		if (__atomic_load_n(cancelled, __ATOMIC_RELAXED))
			return ei_fail(EI_E_CANCELLED, "cancelled while hashing '%s'", path);
		ssize_t got = read(file, chunk, CHUNK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(errno));
		if (got == 0)
			return NULL;
		digest_add(digest, chunk, (size_t)got);
		done += (uint64_t)got;
		progress_draw(progress, done, total);
	}
}

static ei_error *hash_file(
	int file, const char *path, struct progress *progress, struct digest_text *out)
{
	EI_OWNED(digest) digest = NULL;
	EI_TRY_IN(digest_create(DIGEST_SHA256, &digest), "--hash");
	uint8_t *chunk = malloc(CHUNK);
	ei_error *error = chunk ? hash_content(digest, file, path, progress, chunk)
				: ei_fail(EI_E_NOMEM, "out of memory");
	free(chunk);
	EI_TRY(error);
	return digest_end(digest, out);
}

ei_error *file_sha256(const char *path, struct progress *progress, char out[SHA256_TEXT])
{
	struct digest_text text;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	ei_error *error = hash_file(file, path, progress, &text);
	close(file);
	EI_TRY(error);
	memcpy(out, text.sha256, SHA256_TEXT);
	return NULL;
}
