// JSON: STIX bundles and MISP events, told apart by what is in them.
// SPDX-License-Identifier: Apache-2.0
#include "base/json_tree.h"
#include "ioc/internal.h"

ei_error *json_read(struct reading *reading, char *text, size_t length)
{
	struct tree *root = NULL;
	EI_TRY(tree_parse(text, length, &root));
	ei_error *error;
	if (stix_claims(root)) {
		reading->format = IOC_STIX;
		error = stix_read(reading, root);
	} else if (misp_claims(root)) {
		reading->format = IOC_MISP;
		error = misp_read(reading, root);
	} else {
		error = misp_is_manifest(root)
				? ei_fail(EI_E_UNKNOWN, "it is the manifest of a MISP feed: its "
							"events are files of their own")
				: ei_fail(EI_E_UNKNOWN,
					  "this JSON is neither a STIX bundle nor a MISP event");
	}
	free(root);
	return error;
}
