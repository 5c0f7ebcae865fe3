// The kernels with 64-byte vectors: few terms by buckets, many by lanes. README.md explains both.
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "scan/places.h"

static inline __m512i load(const uint8_t *at)
{
	return _mm512_loadu_si512(at);
}

// Writes the places of the set bits behind `out`: 32 at a time, of which what is too much is
// overwritten by the next.
static inline uint16_t *places_write(uint16_t *out, uint64_t bits, size_t base)
{
	const __m512i each = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130,
		0x2f2e2d2c2b2a2928, 0x2726252423222120, 0x1f1e1d1c1b1a1918, 0x1716151413121110,
		0x0f0e0d0c0b0a0908, 0x0706050403020100);
	const __m512i from = _mm512_set1_epi16((short)base);
	__m512i in = _mm512_maskz_compress_epi8(bits, each);
	int count = __builtin_popcountll(bits);
	_mm512_storeu_si512(
		out, _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(in)), from));
	if (count > 32)
		_mm512_storeu_si512(out + 32,
			_mm512_add_epi16(
				_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(in, 1)), from));
	return out + count;
}

// Blocks with places, and which. Whether a block has any cannot be predicted, so none is asked.
struct marks {
	size_t count;
	uint64_t bits[PIECE / BLOCK + 1];
	uint32_t at[PIECE / BLOCK + 1];
};

static inline void marks_add(struct marks *marks, uint64_t bits, size_t at)
{
	marks->bits[marks->count] = bits;
	marks->at[marks->count] = (uint32_t)at;
	marks->count += bits != 0;
}

static inline size_t marks_write(const struct marks *marks, uint16_t *out)
{
	uint16_t *end = out;
	for (size_t i = 0; i < marks->count; i++)
		end = places_write(end, marks->bits[i], marks->at[i]);
	return (size_t)(end - out);
}

// Of a table of 128 bytes by the low 7 bits of each byte.
struct table {
	__m512i low, high;
};

static inline struct table table_load(const uint8_t bytes[128])
{
	return (struct table){ load(bytes), load(bytes + 64) };
}

static inline __m512i table_look(struct table table, __m512i bytes)
{
	return _mm512_permutex2var_epi8(table.low, bytes, table.high);
}

// ---- few terms ------------------------------------------------------------------------------

// Buckets that the bytes at `at` and behind it, `step` apart, may begin a gram of.
static inline __attribute__((always_inline)) __m512i buckets_look(
	const struct table tables[HEAD], const uint8_t *at, unsigned step)
{
	__m512i a = table_look(tables[0], load(at));
	__m512i b = table_look(tables[1], load(at + step));
	__m512i c = table_look(tables[2], load(at + 2 * step));
	__m512i d = table_look(tables[3], load(at + 3 * step));
	return _mm512_and_si512(_mm512_ternarylogic_epi64(a, b, c, 0x80), d);
}

static inline __attribute__((always_inline)) uint64_t buckets_any(
	const struct table tables[][HEAD], unsigned sets, const uint8_t *at, unsigned step)
{
	__m512i any = buckets_look(tables[0], at, step);
	if (sets > 1)
		any = _mm512_or_si512(any, buckets_look(tables[1], at, step));
	return _mm512_test_epi8_mask(any, any);
}

static inline uint64_t zeroes(const uint8_t *at)
{
	__m512i bytes = load(at);
	return _mm512_testn_epi8_mask(bytes, bytes);
}

static inline __attribute__((always_inline)) void few_find(
	struct search *search, const uint8_t *window, size_t size, unsigned sets, unsigned gram)
{
	struct table tables[BUCKET_SETS][HEAD];
#pragma GCC unroll 2
	for (unsigned set = 0; set < sets; set++)
#pragma GCC unroll 4
		for (unsigned i = 0; i < HEAD; i++)
			tables[set][i] = table_load(search->filter->buckets.sets[set][i]);
	struct marks raws, wides;
	raws.count = 0;
	wides.count = 0;
	uint64_t zero = zeroes(window);
	for (size_t at = 0; at < size; at += BLOCK) {
		uint64_t next = zeroes(window + at + BLOCK);
		uint64_t raw = buckets_any(tables, sets, window + at, 1);
		// A character of UTF-16 is a byte with a zero behind it.
		struct bits units = { ~zero & (zero >> 1 | next << (BLOCK - 1)),
			~next & next >> 1 };
		uint64_t wide = run_starts(units, gram, 2);
		zero = next;
		if (wide)
			wide &= buckets_any(tables, sets, window + at, 2);
		marks_add(&raws, raw, at);
		marks_add(&wides, wide, at);
	}
	search->raw_count = marks_write(&raws, search->raw);
	search->wide_count = marks_write(&wides, search->wide);
}

static void few(struct search *search, const uint8_t *window, size_t size)
{
	bool three = search->filter->gram < HEAD;
	if (search->filter->buckets.set_count == 1)
		three ? few_find(search, window, size, 1, 3) : few_find(search, window, size, 1, 4);
	else
		three ? few_find(search, window, size, 2, 3) : few_find(search, window, size, 2, 4);
}

// ---- many terms -----------------------------------------------------------------------------

struct sieve_tables {
	struct table bytes, bits, has[HEAD - 1];
};

// Bit n is about byte n and the next: whether they are at each place of some gram.
struct pair_bits {
	uint64_t at[HEAD - 1];
};

// Which byte of `has` a pair is in.
static inline __m512i pair_byte(const struct sieve_tables *sieve, __m512i first, __m512i second)
{
	const __m512i low = _mm512_set1_epi8(3);
	return _mm512_ternarylogic_epi64(
		low, table_look(sieve->bytes, second), table_look(sieve->bytes, first), 0xca);
}

static inline __m512i pair_bit(const struct sieve_tables *sieve, __m512i second)
{
	__mmask64 plain = ~_mm512_movepi8_mask(second);
	return _mm512_maskz_permutex2var_epi8(plain, sieve->bits.low, second, sieve->bits.high);
}

static inline __attribute__((always_inline)) struct pair_bits pairs_look(
	const struct sieve_tables *sieve, const uint8_t *at, unsigned places)
{
	__m512i first = load(at), second = load(at + 1);
	__m512i byte = pair_byte(sieve, first, second), bit = pair_bit(sieve, second);
	struct pair_bits out = { { 0 } };
#pragma GCC unroll 3
	for (unsigned i = 0; i < places; i++)
		out.at[i] = _mm512_test_epi8_mask(table_look(sieve->has[i], byte), bit);
	return out;
}

// The same for UTF-16, of a whole gram.
static inline __attribute__((always_inline)) uint64_t pairs_wide(
	const struct sieve_tables *sieve, const uint8_t *at, uint64_t among, unsigned places)
{
#pragma GCC unroll 3
	for (unsigned i = 0; i < places; i++) {
		__m512i first = load(at + 2 * i), second = load(at + 2 * i + 2);
		__m512i has = table_look(sieve->has[i], pair_byte(sieve, first, second));
		among = _mm512_mask_test_epi8_mask(among, has, pair_bit(sieve, second));
	}
	return among;
}

static inline __attribute__((always_inline)) void many_find(
	struct search *search, const uint8_t *window, size_t size, unsigned places)
{
	const struct pairs *pairs = &search->filter->pairs;
	struct sieve_tables sieve = { table_load(pairs->bytes), table_load(pairs->bits),
		{ table_load(pairs->has[0]), table_load(pairs->has[1]),
			table_load(pairs->has[2]) } };
	struct marks raws, wides;
	raws.count = 0;
	wides.count = 0;
	uint64_t zero = zeroes(window);
	struct pair_bits here = pairs_look(&sieve, window, places);
	for (size_t at = 0; at < size; at += BLOCK) {
		struct pair_bits behind = pairs_look(&sieve, window + at + BLOCK, places);
		uint64_t next = zeroes(window + at + BLOCK);
		uint64_t raw = here.at[0] & (here.at[1] >> 1 | behind.at[1] << 63);
		if (places > 2)
			raw &= here.at[2] >> 2 | behind.at[2] << 62;
		struct bits units = { ~zero & (zero >> 1 | next << (BLOCK - 1)),
			~next & next >> 1 };
		uint64_t wide = run_starts(units, places + 1, 2);
		zero = next;
		here = behind;
		if (wide)
			wide = pairs_wide(&sieve, window + at, wide, places);
		marks_add(&raws, raw, at);
		marks_add(&wides, wide, at);
	}
	search->raw_count = marks_write(&raws, search->raw);
	search->wide_count = marks_write(&wides, search->wide);
}

static void many(struct search *search, const uint8_t *window, size_t size)
{
	if (search->filter->gram < HEAD)
		many_find(search, window, size, 2);
	else
		many_find(search, window, size, 3);
}

// ---- screening ------------------------------------------------------------------------------

static inline __m512i heads_raw(const uint8_t *window, __m512i places)
{
	return _mm512_i32gather_epi32(places, window, 1);
}

// Four units become four bytes.
static inline __m512i heads_wide(const uint8_t *window, __m512i places)
{
	const __m512i low = _mm512_set1_epi32(0x00ff00ff);
	__m512i front = _mm512_and_si512(_mm512_i32gather_epi32(places, window, 1), low);
	__m512i back = _mm512_and_si512(_mm512_i32gather_epi32(places, window + 4, 1), low);
	front = _mm512_or_si512(front, _mm512_srli_epi32(front, 8));
	back = _mm512_or_si512(back, _mm512_srli_epi32(back, 8));
	return _mm512_or_si512(
		_mm512_and_si512(front, _mm512_set1_epi32(0xffff)), _mm512_slli_epi32(back, 16));
}

// Keeps the places whose gram's head some gram has; how many.
static inline __attribute__((always_inline)) size_t heads_screen(const struct filter *filter,
	const uint8_t *window, uint16_t *places, size_t count, bool wide)
{
	const __m512i fold = _mm512_set1_epi8(0x20);
	const __m512i factor = _mm512_set1_epi32(HEAD_FACTOR), one = _mm512_set1_epi32(1);
	const __m128i shift = _mm_cvtsi32_si128((int)filter->heads_shift);
	size_t kept = 0;
	for (size_t i = 0; i < count; i += 16) {
		unsigned here = (unsigned)MIN(count - i, (size_t)16);
		__mmask16 all = (__mmask16)((1u << here) - 1);
		__m512i at = _mm512_cvtepu16_epi32(
			_mm256_loadu_si256((const __m256i *)(const void *)(places + i)));
		at = _mm512_maskz_mov_epi32(all, at);
		__m512i head = wide ? heads_wide(window, at) : heads_raw(window, at);
		__m512i hash = _mm512_mullo_epi32(_mm512_or_si512(head, fold), factor);
		__m512i word =
			_mm512_i32gather_epi32(_mm512_srl_epi32(hash, shift), filter->heads, 4);
		__m512i a = _mm512_rorv_epi32(word, _mm512_srli_epi32(hash, HEAD_BIT_A));
		__m512i b = _mm512_rorv_epi32(word, _mm512_srli_epi32(hash, HEAD_BIT_B));
		all = _mm512_mask_test_epi32_mask(all, _mm512_and_si512(a, b), one);
		_mm256_storeu_si256((__m256i *)(void *)(places + kept),
			_mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(all, at)));
		kept += (unsigned)__builtin_popcount(all);
	}
	return kept;
}

// ---- all ------------------------------------------------------------------------------------

void scan_avx512(struct search *search, const uint8_t *window, size_t origin, size_t size)
{
	if (search->filter->sieve == SIEVE_NONE) {
		scan_avx2(search, window, origin, size);
		return;
	}
	if (search->filter->sieve == SIEVE_BUCKETS)
		few(search, window, size);
	else
		many(search, window, size);
	const struct filter *filter = search->filter;
	if (filter->heads) {
		search->raw_count =
			heads_screen(filter, window, search->raw, search->raw_count, false);
		search->wide_count =
			heads_screen(filter, window, search->wide, search->wide_count, true);
	}
	if (filter->gram != HEAD)
		places_screen(search, window);
}

#endif
