// misnamed: the file has one name, what it exports another.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

EI_PLUGIN(something_else) = { EI_HEAD(something_else), REST };
