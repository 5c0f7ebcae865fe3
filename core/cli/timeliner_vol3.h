// Volatility 3's timeliner: which plugins it has, and how it words what they tell.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_TIMELINER_VOL3_H
#define CLI_TIMELINER_VOL3_H

#include "out/timeline.h"

// NULL: its timeliner does not have the plugin.
const struct timeline_forms *vol3_forms(const ei_plugin *plugin);

#endif
