// What the parts of the Sigma reader share.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_SIGMA_H
#define IOC_SIGMA_H

#include "ioc/internal.h"
#include <yaml.h>

// A document; aliases are references to nodes, so what is visited is counted, not what is there.
struct sigma {
	struct reading *reading;
	yaml_document_t *document;
	const char *category; // of the log source
	unsigned visits;
};

enum { SIGMA_VISITS_MAX = 100 * 1000, SIGMA_NESTING_MAX = 32 };

yaml_node_t *sigma_node(const struct sigma *sigma, int index);
yaml_node_t *sigma_get(const struct sigma *sigma, yaml_node_t *mapping, const char *key);
const char *sigma_text(yaml_node_t *scalar); // "" otherwise

// The term that a field asks for in rules of this category; NULL: memory does not tell.
const char *sigma_field(const char *category, const char *field, size_t length);
bool sigma_category_known(const char *category);

// The nodes of one named selection of the detection.
void sigma_selection(struct sigma *sigma, struct ioc_node *parent, yaml_node_t *node);

// The nodes of a condition such as "1 of selection_* and not filter". EI_E_FORMAT.
EI_CHECKED ei_error *sigma_condition(struct sigma *sigma, struct ioc_node *parent,
	yaml_node_t *detection, const char *condition);

#endif
