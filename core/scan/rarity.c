// How rare grams are: pairs of characters as text has them, and what a sample of the memory has.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

enum {
	GRAM_BITS = 16,
	GRAM_CHARS = 4,
	TEXT_WEIGHT = 1 << 14, // of text in general, in places of a sample
	GUESS = 1 << 30,       // of text in general, where there is no sample
};

// What a sample has, letters in lower case; in UTF-16 as in ASCII.
struct rarity {
	double places; // where GRAM_CHARS characters of text begin: all numbers are about these
	double weight; // of text in general beside them
	uint32_t bytes[256];
	uint32_t pairs[256][256];
	uint32_t grams[1 << GRAM_BITS];
};

// Classes of characters: a letter in both cases, digits, space, '.', slashes, '_' and '-', others.
enum { DIGIT = 26, SPACE, DOT, SLASH, DASH, OTHER, CLASSES };

// Halvings of chance, as hexadecimal digits: row, then column, is "this after that". Counted over
// 15 million characters of libraries, headers, scripts and documentation of a Debian system.
// clang-format off
static const char pairs[CLASSES][CLASSES + 1] = {
	"a645985a5a7343c5a34366776ca5977a",
	"4768368a35837747a5573ba94a95795a",
	"4668499359445927b55369b97da5896a",
	"588528973a768858a66768978d936a59",
	"6844647a7ca563767343a5757cc37a69",
	"5a8654a92ee38637c5664aac7f836c6a",
	"686628755dc37358b45667a9a9936859",
	"3a981aa93e987849a5754cab9db48b69",
	"6644545d9ca46246b644b6c8f6c6ad8c",
	"497719995a4988469858489aaa958b79",
	"694839895db87688c8676b7abeb47a28",
	"487636773da49938a854579a5cc48a49",
	"358726aa4d866843b84759bc6d94896a",
	"5954364b6c779858b83357bd8c94795a",
	"5655946b5a755264d345576aace49c6c",
	"497627965d54884594645a9a5e769c5a",
	"7ab7aba97bb999b885562b6b9774ab39",
	"486628594e865547b55467895cb47b69",
	"6a6838854e448665a733698a7a836969",
	"497838b33d86884794565a874a737b59",
	"555645773ca44395b343abb8db969d9c",
	"286828775d96584676679abaca66ab79",
	"397648a32ca78538c5696b6ab9b47a59",
	"584758a96eb968859a839ab79c448a58",
	"7789679a6da765528655897c99926b59",
	"579818974bc7946759658aa985868a5a",
	"888788ba8cbabaa99a7aa8a4cc546a47",
	"565776785ba77766a65567789b81b768",
	"664667546797675586467389ab62486a",
	"3656886778a67575b7656976caa383a7",
	"554555675b866554a4346687b887ae3b",
	"576577785ba77866b75778979a927767",
};
static const char singles[CLASSES + 1] = "575546664a7564559544678779837858";
// clang-format on

static unsigned class_of(uint8_t byte)
{
	if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
		return (byte | 0x20u) - 'a';
	if (byte >= '0' && byte <= '9')
		return DIGIT;
	switch (byte) {
	case ' ':
		return SPACE;
	case '.':
		return DOT;
	case '/':
	case '\\':
		return SLASH;
	case '_':
	case '-':
		return DASH;
	default:
		return OTHER;
	}
}

static unsigned halvings(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

// Zeroes are common wherever there is no text, other bytes less so.
static double other_chance(const uint8_t *gram, unsigned size)
{
	double chance = 2;
	for (unsigned i = 0; i < size; i++)
		chance *= gram[i] == 0 || gram[i] == 0xff ? 2 : 1;
	return chance;
}

// ---- of text --------------------------------------------------------------------------------

static double text_gram(const uint8_t *gram, unsigned size)
{
	unsigned before = class_of(gram[0]), bits = halvings(singles[before]);
	bool plain = gram[0] >= ' ' && gram[0] <= '~';
	for (unsigned i = 1; i < size; i++) {
		unsigned next = class_of(gram[i]);
		bits += halvings(pairs[before][next]);
		before = next;
		plain &= gram[i] >= ' ' && gram[i] <= '~';
	}
	return plain ? 1.0 / (double)(UINT64_C(1) << MIN(bits, 60u)) : other_chance(gram, size);
}

// A character of a class that has several is as common as the class is, shared among them.
static double class_share(uint8_t byte)
{
	static const unsigned sizes[CLASSES] = {
		[DIGIT] = 10, [SLASH] = 2, [DASH] = 2, [OTHER] = 28
	};
	unsigned class = class_of(byte);
	return sizes[class] ? 1.0 / sizes[class] : 1;
}

static double text_byte(uint8_t byte)
{
	if (byte < ' ' || byte > '~')
		return 0x1p-6;
	return class_share(byte) / (1 << halvings(singles[class_of(byte)]));
}

static double text_pair(uint8_t first, uint8_t second)
{
	if (first < ' ' || first > '~' || second < ' ' || second > '~')
		return 0x1p-10;
	unsigned after = halvings(pairs[class_of(first)][class_of(second)]);
	return text_byte(first) * class_share(second) / (1 << after);
}

// ---- of a sample ----------------------------------------------------------------------------

static uint32_t *gram_count(const struct rarity *rarity, const uint8_t *chars)
{
	uint32_t hash = load_u32(chars) * UINT32_C(0x9e3779b1);
	return (uint32_t *)&rarity->grams[hash >> (32 - GRAM_BITS)];
}

static bool is_text(uint8_t byte)
{
	return byte >= ' ' && byte <= '~';
}

// Counts the character at `chars`, and the pair and the gram that begin there.
static void place_count(struct rarity *rarity, const uint8_t chars[GRAM_CHARS])
{
	for (unsigned i = 0; i < GRAM_CHARS; i++)
		if (!is_text(chars[i]))
			return;
	rarity->places++;
	rarity->bytes[chars[0]]++;
	rarity->pairs[chars[0]][chars[1]]++;
	++*gram_count(rarity, chars);
}

ei_error *rarity_create(const uint8_t *sample, size_t size, struct rarity **out)
{
	struct rarity *rarity = calloc(1, sizeof *rarity);
	if (!rarity)
		return ei_fail(EI_E_NOMEM, "out of memory");
	rarity->weight = size ? TEXT_WEIGHT : GUESS;
	for (size_t at = 0; at + 2 * GRAM_CHARS <= size; at++) {
		uint8_t raw[GRAM_CHARS], wide[GRAM_CHARS];
		unsigned zeroes = 0;
		if (!is_text(sample[at]))
			continue;
		for (unsigned i = 0; i < GRAM_CHARS; i++) {
			raw[i] = fold_byte(sample[at + i]);
			wide[i] = fold_byte(sample[at + 2 * i]);
			zeroes += sample[at + 2 * i + 1] == 0;
		}
		place_count(rarity, zeroes == GRAM_CHARS ? wide : raw);
	}
	*out = rarity;
	return NULL;
}

void rarity_drop(struct rarity *rarity)
{
	free(rarity);
}

static double chance(const struct rarity *rarity, double text, double seen)
{
	return (seen + text * rarity->weight) / (rarity->places + rarity->weight);
}

double gram_chance(const struct rarity *rarity, const uint8_t *gram, unsigned size)
{
	double text = text_gram(gram, size), seen = size < GRAM_CHARS ? 0 : 1e300;
	for (unsigned i = 0; i + GRAM_CHARS <= size; i++)
		seen = MIN(seen, (double)*gram_count(rarity, gram + i));
	return chance(rarity, text, seen);
}

double byte_chance(const struct rarity *rarity, uint8_t byte)
{
	return chance(rarity, text_byte(byte), rarity->bytes[byte]);
}

double pair_chance(const struct rarity *rarity, uint8_t first, uint8_t second)
{
	return chance(rarity, text_pair(first, second), rarity->pairs[first][second]);
}
