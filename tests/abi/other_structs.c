// other_structs: a struct that is passed by value has another size.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

EI_PLUGIN(other_structs) = { EI_HEAD(other_structs), .obj_size = sizeof(ei_obj) - 8, REST };
