// Values that come with the name of their type.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_TYPED_H
#define IOC_TYPED_H

#include "ioc/internal.h"

// Adds what a value asks for: types as MISP and tables call them, "domain|ip" too. The value is
// refanged in place. False: nothing was added, the type or the form of the value is not known.
bool typed_add(struct reading *reading, struct ioc_node *parent, const char *type, char *value,
	size_t length);
bool typed_known(const char *type);

// The kind that a value has, where `kind` was said: NONE when its form cannot be of it.
enum observable typed_kind(enum observable kind, const char *value, size_t length);

#endif
