// How rare a gram is in text: pairs of characters, as programs, their data and documents have them.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

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
static uint64_t other_chance(const uint8_t *gram, unsigned size)
{
	unsigned common = 0;
	for (unsigned i = 0; i < size; i++)
		common += gram[i] == 0 || gram[i] == 0xff;
	return UINT64_C(1) << (CHANCE_BITS + 1 + common);
}

uint64_t gram_chance(const uint8_t *gram, unsigned size)
{
	unsigned before = class_of(gram[0]), bits = halvings(singles[before]);
	bool plain = gram[0] >= ' ' && gram[0] <= '~';
	for (unsigned i = 1; i < size; i++) {
		unsigned next = class_of(gram[i]);
		bits += halvings(pairs[before][next]);
		before = next;
		plain &= gram[i] >= ' ' && gram[i] <= '~';
	}
	return plain ? UINT64_C(1) << (CHANCE_BITS - MIN(bits, (unsigned)CHANCE_BITS))
		     : other_chance(gram, size);
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

double byte_chance(uint8_t byte)
{
	if (byte < ' ' || byte > '~')
		return 0x1p-6;
	return class_share(byte) / (1 << halvings(singles[class_of(byte)]));
}

double pair_chance(uint8_t first, uint8_t second)
{
	if (first < ' ' || first > '~' || second < ' ' || second > '~')
		return 0x1p-10;
	unsigned after = halvings(pairs[class_of(first)][class_of(second)]);
	return byte_chance(first) * class_share(second) / (1 << after);
}
