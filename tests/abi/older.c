// older: its descriptor ends before a member that this one has; what lies behind it is not its own.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

EI_PLUGIN(older) = { EI_HEAD(older), .size = offsetof(ei_plugin, run), REST };
