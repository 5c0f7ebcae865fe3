// borrowed_name: exports the right symbol, but calls itself as a built-in does.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

EI_PLUGIN(borrowed_name) = { EI_HEAD(pslist), REST };
