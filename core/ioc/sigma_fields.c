// Fields of Sigma rules, and the terms that say the same of a state.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/sigma.h"

#define SECTION "ProcessItem/SectionList/MemorySection/"
#define SECTION_VERSION SECTION "PEInfo/VersionInfoList/VersionInfoItem/"
#define PROCESS_VERSION "ProcessItem/PEInfo/VersionInfoList/VersionInfoItem/"

static const struct field {
	const char *category, *field, *term;
} fields[] = {
	// clang-format off
	{ "process_creation", "Image",             "ProcessItem/path" },
	{ "process_creation", "NewProcessName",    "ProcessItem/path" },
	{ "process_creation", "CommandLine",       "ProcessItem/arguments" },
	{ "process_creation", "ProcessCommandLine", "ProcessItem/arguments" },
	{ "process_creation", "ParentImage",       "ProcessItem/ParentProcessPath" },
	{ "process_creation", "ParentProcessName", "ProcessItem/ParentProcessPath" },
	{ "process_creation", "ParentCommandLine", "ProcessItem/ParentArguments" },
	{ "process_creation", "OriginalFileName",  PROCESS_VERSION "OriginalFilename" },
	{ "process_creation", "Product",           PROCESS_VERSION "ProductName" },
	{ "process_creation", "Description",       PROCESS_VERSION "FileDescription" },
	{ "process_creation", "Company",           PROCESS_VERSION "CompanyName" },
	{ "process_creation", "FileVersion",       PROCESS_VERSION "FileVersion" },
	{ "process_creation", "User",              "ProcessItem/Username" },
	{ "process_creation", "CurrentDirectory",  "ProcessItem/CurrentDirectory" },
	{ "process_creation", "IntegrityLevel",    "ProcessItem/IntegrityLevel" },
	{ "process_creation", "ProcessId",         "ProcessItem/pid" },
	{ "process_creation", "ParentProcessId",   "ProcessItem/parentpid" },
	{ "process_creation", "Hashes",            "ProcessItem/Hashes" },
	{ "process_creation", "Imphash",           "ProcessItem/PEInfo/ImportHash" },
	{ "image_load",       "Image",             "ProcessItem/path" },
	{ "image_load",       "ImageLoaded",       SECTION "Name" },
	{ "image_load",       "OriginalFileName",  SECTION_VERSION "OriginalFilename" },
	{ "image_load",       "Product",           SECTION_VERSION "ProductName" },
	{ "image_load",       "Description",       SECTION_VERSION "FileDescription" },
	{ "image_load",       "Company",           SECTION_VERSION "CompanyName" },
	{ "image_load",       "Hashes",            SECTION "Hashes" },
	{ "image_load",       "Signed",            SECTION "Signed" },
	{ "image_load",       "CommandLine",       "ProcessItem/arguments" },
	{ "image_load",       "User",              "ProcessItem/Username" },
	{ "driver_load",      "ImageLoaded",       "DriverItem/DriverPath" },
	{ "driver_load",      "Hashes",            "DriverItem/Hashes" },
	{ "driver_load",      "Signed",            "DriverItem/Signed" },
	{ "registry",         "TargetObject",      "RegistryItem/Path" },
	{ "registry",         "Details",           "RegistryItem/Text" },
	{ "registry",         "Image",             "RegistryItem/Writer" },
	{ "pipe_created",     "PipeName",          "ProcessItem/HandleList/Handle/Name" },
	{ "pipe_created",     "Image",             "ProcessItem/path" },
	{ "registry",         "EventType",         "RegistryItem/EventType" },
	{ "driver_load",      "Imphash",           "DriverItem/PEInfo/ImportHash" },
	{ "image_load",       "Imphash",           SECTION "PEInfo/ImportHash" },
	{ "network_connection", "Image",           "ProcessItem/path" },
	{ "network_connection", "CommandLine",     "ProcessItem/arguments" },
	{ "network_connection", "User",            "ProcessItem/Username" },
	{ "network_connection", "DestinationIp",   "PortItem/remoteIP" },
	{ "network_connection", "DestinationPort", "PortItem/remotePort" },
	{ "network_connection", "DestinationHostname", "Network/DNS" },
	{ "network_connection", "SourceIp",        "PortItem/localIP" },
	{ "network_connection", "SourcePort",      "PortItem/localPort" },
	{ "network_connection", "Protocol",        "PortItem/protocol" },
	// clang-format on
};

// They leave the same state. What was deleted leaves none.
static const char *category_of(const char *category)
{
	static const char *const names[] = { "registry_set", "registry_add", "registry_event" };
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (!strcmp(names[i], category))
			return "registry";
	return category;
}

bool sigma_category_known(const char *category)
{
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!strcmp(fields[i].category, category_of(category)))
			return true;
	return false;
}

const char *sigma_field(const char *category, const char *field, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!strcmp(fields[i].category, category_of(category)) &&
			text_is(field, length, fields[i].field))
			return fields[i].term;
	return NULL;
}
