// Writing indicators: OpenIOC 1.1 documents and STIX 2.1 bundles.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_IOC_WRITE_H
#define CLI_IOC_WRITE_H

#include "ioc/ioc.h"

// By the name's end: ".json" and ".stix" are a bundle with an indicator for each; all else is one
// document, whose top groups they are. `notes` gets a line for each condition that the format
// cannot say, which is left out; what is left of its group then says less than it did, or the group
// is left out, too. A file that is there already is not overwritten: EI_E_IO; EI_E_USAGE when
// nothing could be said.
struct ioc_document {
	const char *path, *name, *description;
	const struct ioc_indicator *const *indicators;
	size_t count;
};
EI_CHECKED ei_error *ioc_write(const struct ioc_document *document, struct text *notes);

enum { UUID_TEXT = 37 };
void uuid_make(char out[UUID_TEXT]);
void iso_now(char out[32]); // "2024-05-01T10:00:00Z"

#endif
