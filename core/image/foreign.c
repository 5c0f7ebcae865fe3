// Files that are known, but not as images: each is refused with what to do about it.
// SPDX-License-Identifier: Apache-2.0
#include "image/internal.h"

struct foreign {
	const char *magic; // '?' is any byte
	uint8_t length;
	const char *what;
	const char *advice;
	const char *command; // the path is put after it; NULL: none
};

#define MAGIC(bytes) (bytes), sizeof(bytes) - 1
#define UNPACK "unpack it first: "
#define STATE "VMware state without memory pages"
#define VMEM "give the .vmem file that lies beside it"
#define HIBERNATION "a hibernation file"
#define CONVERT "this version does not read it; convert it to a raw image first"

// clang-format off
static const struct foreign table[] = {
	{ MAGIC("\x1f\x8b\x08"),           "gzip",  UNPACK, "gzip -dk" },
	{ MAGIC("\xfd" "7zXZ\0"),          "xz",    UNPACK, "xz -dk" },
	{ MAGIC("\x28\xb5\x2f\xfd"),       "zstd",  UNPACK, "zstd -d" },
	{ MAGIC("BZh?1AY&SY"),             "bzip2", UNPACK, "bzip2 -dk" },
	{ MAGIC("\x04\x22\x4d\x18"),       "lz4",   UNPACK, "lz4 -dk" },
	{ MAGIC("7z\xbc\xaf\x27\x1c"),     "7z",    UNPACK, "7z x" },
	{ MAGIC("Rar!\x1a\x07"),           "rar",   UNPACK, "unrar x" },
	{ MAGIC("PK\x03\x04"),             "zip (or AFF4, which is kept in one)", UNPACK, "unzip" },
	{ MAGIC("hibr"),                   HIBERNATION, CONVERT, NULL },
	{ MAGIC("HIBR"),                   HIBERNATION, CONVERT, NULL },
	{ MAGIC("RSTR"),                   HIBERNATION, CONVERT, NULL },
	{ MAGIC("wake"),                   HIBERNATION " after resume", CONVERT, NULL },
	{ MAGIC("WAKE"),                   HIBERNATION " after resume", CONVERT, NULL },
	{ MAGIC("\x81\x81xpress"),         HIBERNATION " whose header was wiped", CONVERT, NULL },
	{ MAGIC("\xd0\xbe\xd2\xbe"),       STATE, VMEM, NULL },
	{ MAGIC("\xd1\xba\xd1\xba"),       STATE, VMEM, NULL },
	{ MAGIC("\xd2\xbe\xd2\xbe"),       STATE, VMEM, NULL },
	{ MAGIC("\xd3\xbe\xd3\xbe"),       STATE, VMEM, NULL },
	{ MAGIC("AVML"),                   "compressed AVML", "convert it to LiME with avml-convert first", NULL },
	{ MAGIC("EVF\x09\x0d\x0a\xff"),    "EWF (E01)",  "export it first: ", "ewfexport -f raw" },
	{ MAGIC("EVF2\x0d\x0a\x81"),       "EWF (Ex01)", "export it first: ", "ewfexport -f raw" },
	{ MAGIC("MDMP"),                   "a minidump of one process", "it holds no physical memory; open it in a debugger", NULL },
	{ MAGIC("KDMV"),                   "a VMware disk", "it is not a memory image", NULL },
	{ MAGIC("QFI\xfb"),                "a QEMU disk", "take the memory with dump-guest-memory instead", NULL },
	{ MAGIC("QEVM"),                   "QEMU's saved state", "take the memory with dump-guest-memory instead", NULL },
	{ MAGIC("KDUMP   "),               "a kdump, which is of Linux", "it is not a Windows image", NULL },
	{ MAGIC("regf"),                   "a registry hive", "it is not a memory image", NULL },
};
// clang-format on

static bool matches(const struct foreign *foreign, const uint8_t *head, size_t length)
{
	if (length < foreign->length)
		return false;
	for (size_t i = 0; i < foreign->length; i++)
		if (foreign->magic[i] != '?' && (uint8_t)foreign->magic[i] != head[i])
			return false;
	return true;
}

ei_error *foreign_check(const char *path, const uint8_t *head, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		const struct foreign *foreign = &table[i];
		if (!matches(foreign, head, length))
			continue;
		if (!foreign->command)
			return ei_fail(EI_E_UNKNOWN, "'%s' is %s: %s", path, foreign->what,
				foreign->advice);
		return ei_fail(EI_E_UNKNOWN, "'%s' is %s: %s%s '%s'", path, foreign->what,
			foreign->advice, foreign->command, path);
	}
	return NULL;
}
