// other_major: built for another major number of the ABI.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

EI_PLUGIN(other_major) = { EI_HEAD(other_major), .abi = EI_ABI_MAJOR + 1, REST };
