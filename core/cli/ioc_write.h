// Writing indicators: OpenIOC 1.1 documents and STIX 2.1 bundles.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_IOC_WRITE_H
#define CLI_IOC_WRITE_H

#include "ioc/ioc.h"

// By the name's end: ".json" and ".stix" are a bundle with an indicator for each; all else is one
// document, whose top groups they are. `notes` gets a line for each kind of condition that the
// format cannot say, which is left out; and with it the group, where all conditions must be met:
// what would be left of it is true of more than was meant, unless `rows`. A file that is there
// already is not overwritten: EI_E_IO; EI_E_USAGE when nothing could be said.
struct ioc_document {
	const char *path, *name, *description;
	const struct ioc_indicator *const *indicators;
	size_t count;
	bool rows; // its groups are rows of evidence, of which a part will do if it tells enough
};
EI_CHECKED ei_error *ioc_write(const struct ioc_document *document, struct text *notes);

enum { UUID_TEXT = 37 };

// The same refusals before any work is done: there is such a file, or its folder cannot be written.
EI_CHECKED ei_error *ioc_write_check(const char *path);

void uuid_make(char out[UUID_TEXT]);
void iso_now(char out[32]); // "2024-05-01T10:00:00Z"

// ---- between the two formats ----------------------------------------------------------------
enum { LEFT_KINDS = 64 };

struct writing {
	struct text out;
	size_t leaves; // that were said
	bool rows;     // ioc_document.rows
	struct left_out {
		const struct ioc_leaf *leaf; // the first of the term, for the reason
		const char *why;
		size_t count;
	} left[LEFT_KINDS];
	size_t left_count;
	size_t groups_left; // that must have all of their conditions
};

void leaf_left_out(struct writing *w, const struct ioc_leaf *leaf, const char *why);
bool leaf_is_negated(const struct ioc_leaf *leaf, bool negated); // within a negated group or not
bool text_is_writable(const char *text, size_t length);

void stix_bundle(struct writing *w, const struct ioc_document *document); // ioc_write_stix.c

#endif
