// Prints a hive file, a line for each key and value, and for each that was deleted, for the
// comparison with other readers; notes go to stderr.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"
#include <eidetic/registry.h>
#include <stdio.h>
#include <stdlib.h>

// Names too, so that a line is a line.
static void print_hex(ei_val bytes)
{
	if (!ei_has(bytes)) {
		printf("?%d", bytes.state);
		return;
	}
	for (uint32_t i = 0; i < bytes.length; i++)
		printf("%02x", bytes.b[i]);
}

// K cell name written class
static void print_key(const ei_key *key)
{
	printf("K %x ", key->cell);
	print_hex(ei_key_name(key));
	printf(" %llu ", (unsigned long long)key->last_write);
	ei_val class = ei_key_class(key);
	if (class.state == EI_NONE)
		printf("-");
	else
		print_hex(class);
	printf("\n");
}

// V cell-of-key name type data
static void print_values(const ei_key *key)
{
	ei_values values = ei_key_values(key);
	for (ei_value value; ei_value_next(&values, &value);) {
		printf("V %x ", key->cell);
		print_hex(ei_value_name(&value));
		printf(" %u %u ", value.type, value.length);
		print_hex(ei_value_bytes(&value));
		printf("\n");
	}
}

// D name written, E name type length: keys and values in free cells
static void print_deleted(ei_hive *hive)
{
	ei_remnants *all = ei_hive_remnants(hive);
	for (ei_remnant it; ei_remnant_next(all, &it);) {
		printf(it.is_value ? "E " : "D ");
		print_hex(it.is_value ? ei_value_name(&it.value) : ei_key_name(&it.key));
		if (it.is_value)
			printf(" %u %u\n", it.value.type, it.value.length);
		else
			printf(" %llu\n", (unsigned long long)it.key.last_write);
	}
}

static void print_note(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "N %s\n", text);
}

static ei_error *print_hive(ei_arena *arena, const uint8_t *bytes, size_t size)
{
	ei_hive *hive;
	EI_TRY(ei_hive_open_file(arena, bytes, size, &hive));
	ei_hive_set_note(hive, print_note, NULL);
	ei_key root = ei_hive_root(hive);
	print_key(&root);
	ei_key_walk *walk = ei_key_walk_begin(&root, true);
	for (ei_key_step step; ei_key_walk_next(walk, &step);) {
		if (step.leaving)
			print_values(&step.key);
		else
			print_key(&step.key);
	}
	print_deleted(hive);
	return NULL;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!file)
		return 2;
	fseek(file, 0, SEEK_END);
	size_t size = (size_t)ftell(file);
	rewind(file);
	uint8_t *bytes = malloc(size + 1);
	EI_OWNED(ei_arena) arena = NULL;
	EI_OWNED(ei_error) error = ei_arena_create((size_t)1 << 30, &arena);
	if (bytes && fread(bytes, 1, size, file) == size && !error)
		error = print_hive(arena, bytes, size);
	fclose(file);
	free(bytes);
	if (error)
		fprintf(stderr, "%s\n", ei_error_text(error));
	return error ? 1 : 0;
}
