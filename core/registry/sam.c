// Local accounts: the boot key, the SAM's key, the hashes of passwords.
//
// Source: the public descriptions of the SAM's F and V values (impacket's structures, P. Djorup's
// and B. Dolan-Gavitt's articles). Keys of accounts are hidden with the SAM's, by RC4 to Windows 10
// 14393 and by AES since; under that each half of a hash is hidden by DES, with the account's RID.
// SPDX-License-Identifier: Apache-2.0
#include "registry/cipher.h"
#include "registry/hive.h"
#include <eidetic/secrets.h>

#include <stdio.h>

enum {
	F_KEY = 0x68, // revision of the key: 1 RC4, 2 AES
	F_RC4_SALT = 0x70,
	F_RC4_KEY = 0x80,
	F_AES_SALT = 0x78,
	F_AES_KEY = 0x88,
	F_KEY_BYTES = 32,
	F_SIZE = 0xa8,

	V_NAME = 0x0c, // each: offset from V_DATA, length
	V_LM = 0x9c,
	V_NT = 0xa8,
	V_DATA = 0xcc,

	HASH_REVISION = 2,
	HASH_RC4 = 4,
	HASH_RC4_SIZE = 20,
	HASH_AES_SALT = 8,
	HASH_AES = 24,
	HASH_AES_SIZE = 56,
};

struct ei_sam {
	ei_hive *hive;
	ei_subkeys users;
	uint8_t key[EI_SECRET_BYTES];
	bool key_known;
};

// ---- boot key -------------------------------------------------------------------------------

static bool hex_take(const char *text, uint32_t length, uint8_t *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	if (length != 2 * size)
		return false;
	for (uint32_t i = 0; i < length; i++) {
		const char *digit = text[i] ? strchr(digits, text[i] | 0x20) : NULL;
		if (!digit)
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit - digits));
	}
	return true;
}

static ei_key lsa_find(ei_hive *system)
{
	ei_key lsa = ei_key_find(system, "CurrentControlSet\\Control\\Lsa");
	return lsa.state == EI_OK ? lsa : ei_key_find(system, "ControlSet001\\Control\\Lsa");
}

bool ei_boot_key(ei_hive *system, uint8_t out[EI_SECRET_BYTES])
{
	static const char *const parts[] = { "JD", "Skew1", "GBG", "Data" };
	static const uint8_t order[EI_SECRET_BYTES] = { 8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14,
		10, 15, 7 };
	uint8_t key[EI_SECRET_BYTES] = { 0 };
	if (!system)
		return false;
	ei_key lsa = lsa_find(system);
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		ei_key part = ei_key_child(&lsa, parts[i], strlen(parts[i]));
		ei_val text = ei_key_class(&part);
		if (!ei_has(text) || !hex_take(text.s, text.length, key + 4 * i, 4)) {
			hive_note(system, "the boot key cannot be had: the class of Lsa\\%s is %s",
				parts[i], ei_has(text) ? "no part of one" : "not there");
			return false;
		}
	}
	for (int i = 0; i < EI_SECRET_BYTES; i++)
		out[i] = key[order[i]];
	return true;
}

// ---- the SAM's key --------------------------------------------------------------------------

static const char digits_salt[] = "0123456789012345678901234567890123456789";
static const char letters_salt[] = "!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%";

// MD5 of several pieces, one behind the other.
struct piece {
	const void *bytes;
	size_t size;
};

static ei_error *md5_of(const struct piece *pieces, size_t count, uint8_t out[CIPHER_BLOCK])
{
	uint8_t all[256];
	size_t size = 0;
	for (size_t i = 0; i < count && size + pieces[i].size <= sizeof all; i++) {
		memcpy(all + size, pieces[i].bytes, pieces[i].size);
		size += pieces[i].size;
	}
	return md5(all, size, out);
}

static ei_error *key_by_rc4(struct ei_sam *sam, const uint8_t *boot, const uint8_t *f)
{
	uint8_t rc4_key[CIPHER_BLOCK], plain[F_KEY_BYTES], sum[CIPHER_BLOCK];
	EI_TRY(md5_of((struct piece[]){ { f + F_RC4_SALT, CIPHER_BLOCK },
			      { letters_salt, sizeof letters_salt }, { boot, CIPHER_BLOCK },
			      { digits_salt, sizeof digits_salt } },
		4, rc4_key));
	memcpy(plain, f + F_RC4_KEY, sizeof plain);
	rc4(rc4_key, sizeof rc4_key, plain, sizeof plain);
	EI_TRY(md5_of(
		(struct piece[]){ { plain, CIPHER_BLOCK }, { digits_salt, sizeof digits_salt },
			{ plain, CIPHER_BLOCK }, { letters_salt, sizeof letters_salt } },
		4, sum));
	// What is behind the key proves that the boot key is the right one.
	sam->key_known = !memcmp(sum, plain + CIPHER_BLOCK, sizeof sum);
	if (!sam->key_known)
		hive_note(sam->hive, "the SAM's key does not fit the boot key");
	memcpy(sam->key, plain, sizeof sam->key);
	return NULL;
}

static ei_error *key_by_aes(struct ei_sam *sam, const uint8_t *boot, const uint8_t *f)
{
	uint8_t plain[F_KEY_BYTES];
	EI_TRY(aes_decrypt(boot, f + F_AES_SALT, f + F_AES_KEY, sizeof plain, plain));
	memcpy(sam->key, plain, sizeof sam->key);
	sam->key_known = true;
	return NULL;
}

static ei_error *sam_key(struct ei_sam *sam, const ei_key *account, const uint8_t *boot)
{
	ei_value value = ei_key_value(account, "F");
	ei_val f = ei_value_bytes(&value);
	if (!ei_has(f) || f.length < F_SIZE) {
		hive_note(sam->hive, "the SAM's key cannot be read");
		return NULL;
	}
	uint32_t revision = load_u32(f.b + F_KEY);
	if (revision == 1)
		return key_by_rc4(sam, boot, f.b);
	if (revision == 2)
		return key_by_aes(sam, boot, f.b);
	hive_note(sam->hive, "the SAM's key has the unknown revision %u", revision);
	return NULL;
}

ei_error *ei_sam_open(ei_hive *system, ei_hive *hive, ei_sam **out)
{
	static const char place[] = "SAM\\Domains\\Account";
	uint8_t boot[EI_SECRET_BYTES];
	if (!hive) {
		*out = NULL;
		return NULL;
	}
	struct ei_sam *sam = ei_alloc(hive->scratch, sizeof *sam);
	if (!sam)
		return ei_fail(EI_E_NOMEM, "out of memory");
	sam->hive = hive;
	ei_key account = ei_key_find(hive, place);
	if (account.state != EI_OK)
		hive_note(hive, "'%s' cannot be read", place);
	if (ei_boot_key(system, boot) && account.state == EI_OK)
		EI_TRY(sam_key(sam, &account, boot));
	ei_key users = ei_key_child(&account, "Users", strlen("Users"));
	sam->users = ei_key_subkeys(&users);
	*out = sam;
	return NULL;
}

// ---- users ----------------------------------------------------------------------------------

// A key of DES from seven bytes: seven bits in each of eight.
static void des_key(const uint8_t seven[7], uint8_t out[DES_BLOCK])
{
	uint64_t bits = 0;
	for (int i = 0; i < 7; i++)
		bits = bits << 8 | seven[i];
	for (int i = 0; i < DES_BLOCK; i++)
		out[i] = (uint8_t)((bits >> (49 - 7 * i) & 0x7f) << 1);
}

// Each half of the hash is hidden with a key made of the RID's bytes, over and over.
static void rid_unhide(uint32_t rid, const uint8_t *hidden, uint8_t out[CIPHER_BLOCK])
{
	for (int half = 0; half < 2; half++) {
		uint8_t seven[7], key[DES_BLOCK];
		for (int i = 0; i < 7; i++)
			seven[i] = (uint8_t)(rid >> 8 * ((i + 3 * half) % 4));
		des_key(seven, key);
		des_decrypt(key, hidden + DES_BLOCK * half, out + DES_BLOCK * half);
	}
}

static ei_val hash_text(struct ei_sam *sam, const uint8_t hash[CIPHER_BLOCK])
{
	char *text = ei_alloc(sam->hive->scratch, 2 * CIPHER_BLOCK + 1);
	for (int i = 0; text && i < CIPHER_BLOCK; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

static ei_error *hash_unhide(
	struct ei_sam *sam, uint32_t rid, const uint8_t *record, const char *what, uint8_t *out)
{
	uint8_t hidden[2 * CIPHER_BLOCK], key[CIPHER_BLOCK], number[4];
	memcpy(number, &rid, sizeof number);
	if (load_u16(record + HASH_REVISION) == 2) {
		EI_TRY(aes_decrypt(sam->key, record + HASH_AES_SALT, record + HASH_AES,
			sizeof hidden, hidden));
	} else {
		EI_TRY(md5_of((struct piece[]){ { sam->key, CIPHER_BLOCK }, { number, 4 },
				      { what, strlen(what) + 1 } },
			3, key));
		memcpy(hidden, record + HASH_RC4, CIPHER_BLOCK);
		rc4(key, sizeof key, hidden, CIPHER_BLOCK);
	}
	rid_unhide(rid, hidden, out);
	return NULL;
}

// The hash whose place and length stand at `at` in the V value.
static ei_val user_hash(struct ei_sam *sam, uint32_t rid, ei_val v, uint32_t at, const char *what)
{
	uint64_t offset = (uint64_t)load_u32(v.b + at) + V_DATA;
	uint32_t length = load_u32(v.b + at + 4);
	if (!span_inside(offset, length, v.length))
		return ei_absent(EI_GARBAGE);
	if (length < HASH_RC4)
		return ei_absent(EI_NONE);
	const uint8_t *record = v.b + offset;
	uint32_t revision = load_u16(record + HASH_REVISION);
	bool rc4_form = revision == 1 && length == HASH_RC4_SIZE;
	bool aes_form = revision == 2 && length == HASH_AES_SIZE;
	bool empty = length == HASH_RC4 || (revision == 2 && length == HASH_AES);
	if (!rc4_form && !aes_form)
		return ei_absent(empty ? EI_NONE : EI_GARBAGE);
	if (!sam->key_known)
		return ei_absent(EI_UNREADABLE);
	uint8_t hash[CIPHER_BLOCK];
	ei_error *error = hash_unhide(sam, rid, record, what, hash);
	if (!error)
		return hash_text(sam, hash);
	hive_note(sam->hive, "%s", ei_error_text(error));
	ei_error_drop(error);
	return ei_absent(EI_UNREADABLE);
}

static ei_val user_name(struct ei_sam *sam, ei_val v)
{
	uint64_t offset = (uint64_t)load_u32(v.b + V_NAME) + V_DATA;
	uint32_t length = load_u32(v.b + V_NAME + 4);
	if (!span_inside(offset, length, v.length))
		return ei_absent(EI_GARBAGE);
	char *text = ei_alloc(sam->hive->scratch, (size_t)length * 2 + 1);
	if (!text)
		return ei_absent(EI_UNREADABLE);
	size_t size = utf16_to_utf8(v.b + offset, length & ~1u, text);
	return (ei_val){ .s = text, .length = (uint32_t)size, .kind = EI_STR, .state = EI_OK };
}

// The key of a user is called by its RID, eight hexadecimal digits; Names is none.
static bool rid_take(const ei_key *key, uint32_t *rid)
{
	uint8_t bytes[4] = { 0 };
	ei_val name = ei_key_name(key);
	if (!ei_has(name) || !hex_take(name.s, name.length, bytes, sizeof bytes))
		return false;
	*rid = __builtin_bswap32(load_u32(bytes));
	return true;
}

bool ei_sam_next(ei_sam *sam, ei_sam_user *out)
{
	uint32_t rid;
	if (!sam)
		return false;
	for (ei_key key; ei_subkey_next(&sam->users, &key);) {
		if (!rid_take(&key, &rid))
			continue;
		ei_value value = ei_key_value(&key, "V");
		ei_val v = ei_value_bytes(&value);
		ei_val absent = ei_absent(ei_has(v) ? EI_GARBAGE : v.state);
		*out = (ei_sam_user){ absent, ei_uint(rid), absent, absent };
		if (!ei_has(v) || v.length < V_DATA)
			return true;
		out->name = user_name(sam, v);
		out->lm = user_hash(sam, rid, v, V_LM, "LMPASSWORD");
		out->nt = user_hash(sam, rid, v, V_NT, "NTPASSWORD");
		return true;
	}
	return false;
}
