// Names of what is enumerated.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/ioc.h"

const char *ioc_truth_name(enum ioc_truth truth)
{
	static const char *const names[] = { "false", "unknown", "true" };
	return names[truth];
}

const char *ioc_reason_text(enum ioc_reason reason)
{
	static const char *const texts[] = {
		// clang-format off
		[IOC_NO_REASON]    = "",
		[IOC_ABSENT]       = "not seen, which proves nothing: not all of it is in memory",
		[IOC_UNREADABLE]   = "what says it is not in the image",
		[IOC_CUT]          = "only the beginning of the value is in the image",
		[IOC_OUT_OF_STEPS] = "a limit was reached",
		[IOC_NO_SOURCE]    = "nothing here answers this term",
		[IOC_NO_VALUE]     = "the indicator gives no value",
		[IOC_BAD_VALUE]    = "the indicator's value is not of the term's type",
		[IOC_UNSUPPORTED]  = "the condition cannot be asked here",
		// clang-format on
	};
	return texts[reason];
}

const char *ioc_format_name(enum ioc_format format)
{
	static const char *const names[] = {
		[0] = "?",
		[IOC_OPENIOC_10] = "OpenIOC 1.0",
		[IOC_OPENIOC_11] = "OpenIOC 1.1",
		[IOC_STIX] = "STIX",
		[IOC_MISP] = "MISP",
		[IOC_CSV] = "CSV",
		[IOC_LIST] = "list",
		[IOC_LOKI] = "Loki",
		[IOC_YARA] = "YARA",
		[IOC_SIGMA] = "Sigma",
	};
	return names[format];
}

const char *ioc_condition_name(enum ioc_condition condition)
{
	static const char *const names[] = {
		[0] = "?",
		[IOC_IS] = "is",
		[IOC_CONTAINS] = "contains",
		[IOC_STARTS] = "starts-with",
		[IOC_ENDS] = "ends-with",
		[IOC_MATCHES] = "matches",
		[IOC_GREATER] = "greater-than",
		[IOC_LESS] = "less-than",
		[IOC_AT_LEAST] = "at-least",
		[IOC_AT_MOST] = "at-most",
		[IOC_PRESENT] = "present",
	};
	return names[condition];
}
