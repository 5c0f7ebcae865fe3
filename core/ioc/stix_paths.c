// Object paths of STIX, and the terms that they ask for.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/stix_paths.h"

#include "base/base.h"

static const struct stix_path paths[] = {
	// clang-format off
	{ "domain-name:value",            { "Network/DNS" } },
	{ "hostname:value",               { "Network/DNS" } },
	{ "ipv4-addr:value",              { "PortItem/remoteIP", "Network/IP" } },
	{ "ipv6-addr:value",              { "PortItem/remoteIP", "Network/IP" } },
	{ "url:value",                    { "Network/URI" } },
	{ "email-addr:value",             { "Email/Address" } },
	{ "email-message:subject",        { "Email/Subject" } },
	{ "email-message:from_ref.value", { "Email/From" } },
	{ "email-message:sender_ref.value", { "Email/From" } },
	{ "email-message:to_refs.value",  { "Email/To" } },
	{ "email-message:body_multipart.body_raw_ref.name", { "Email/Attachment/Name" } },
	{ "file:name",                    { "FileItem/FileName", "ProcessItem/name", "imageLoadEvent/fileName" } },
	{ "file:path",                    { "FileItem/FullPath", "ProcessItem/path", "ProcessItem/SectionList/MemorySection/Name" } },
	{ "file:size",                    { "FileItem/SizeInBytes" } },
	{ "file:created",                 { "FileItem/Created" } },
	{ "file:modified",                { "FileItem/Modified" } },
	{ "file:parent_directory_ref.path", { "FileItem/FilePath" } },
	{ "directory:path",               { "FileItem/FilePath" } },
	{ "file:hashes.md5",              { "FileItem/Md5sum" } },
	{ "file:hashes.sha1",             { "FileItem/Sha1sum" } },
	{ "file:hashes.sha-1",            { "FileItem/Sha1sum" } },
	{ "file:hashes.sha256",           { "FileItem/Sha256sum" } },
	{ "file:hashes.sha-256",          { "FileItem/Sha256sum" } },
	{ "file:extensions.windows-pebinary-ext.pe_type", { "FileItem/PEInfo/Type" } },
	{ "file:extensions.windows-pebinary-ext.imphash", { "FileItem/PEInfo/ImportHash" } },
	{ "file:extensions.windows-pebinary-ext.time_date_stamp", { "FileItem/PEInfo/PETimeStamp" } },
	{ "file:extensions.windows-pebinary-ext.sections.name", { "FileItem/PEInfo/Sections/Section/Name" } },
	{ "process:name",                 { "ProcessItem/name" } },
	{ "process:pid",                  { "ProcessItem/pid" } },
	{ "process:cwd",                  { "ProcessItem/CurrentDirectory" } },
	{ "process:created_time",         { "ProcessItem/startTime" } },
	{ "process:command_line",         { "ProcessItem/arguments" } },
	{ "process:arguments",            { "ProcessItem/arguments" } },
	{ "process:image_ref.name",       { "ProcessItem/name" } },
	{ "process:binary_ref.name",      { "ProcessItem/name" } },
	{ "process:image_ref.parent_directory_ref.path", { "ProcessItem/FilePath" } },
	{ "process:binary_ref.parent_directory_ref.path", { "ProcessItem/FilePath" } },
	{ "process:image_ref.hashes.md5",     { "ProcessItem/Md5sum" } },
	{ "process:image_ref.hashes.sha-1",   { "ProcessItem/Sha1sum" } },
	{ "process:image_ref.hashes.sha-256", { "ProcessItem/Sha256sum" } },
	{ "process:binary_ref.hashes.md5",     { "ProcessItem/Md5sum" } },
	{ "process:binary_ref.hashes.sha-1",   { "ProcessItem/Sha1sum" } },
	{ "process:binary_ref.hashes.sha-256", { "ProcessItem/Sha256sum" } },
	{ "process:parent_ref.pid",       { "ProcessItem/parentpid" } },
	{ "process:creator_user_ref.user_id", { "ProcessItem/SecurityID" } },
	{ "process:opened_connection_refs.dst_ref.value", { "PortItem/remoteIP" } },
	{ "process:opened_connection_refs.dst_port", { "PortItem/remotePort" } },
	{ "process:opened_connection_refs.src_port", { "PortItem/localPort" } },
	{ "process:is_hidden",            { "ProcessItem/hidden" } },
	{ "process:creator_user_ref.account_login", { "ProcessItem/Username" } },
	{ "process:parent_ref.name",      { "ProcessItem/ParentProcessName" } },
	{ "process:parent_ref.image_ref.name", { "ProcessItem/ParentProcessName" } },
	{ "process:parent_ref.command_line", { "ProcessItem/ParentArguments" } },
	{ "process:extensions.windows-service-ext.service_name", { "ServiceItem/name" } },
	{ "process:extensions.windows-service-ext.display_name", { "ServiceItem/descriptiveName" } },
	{ "windows-registry-key:key",     { "RegistryItem/KeyPath" } },
	{ "windows-registry-key:values.name", { "RegistryItem/ValueName" } },
	{ "windows-registry-key:values.data", { "RegistryItem/Text" } },
	{ "windows-registry-key:values.data_type", { "RegistryItem/Type" } },
	{ "mutex:name",                   { "ProcessItem/HandleList/Handle/Name" } },
	{ "network-traffic:dst_ref.value", { "PortItem/remoteIP" } },
	{ "network-traffic:src_ref.value", { "PortItem/localIP" } },
	{ "network-traffic:dst_port",     { "PortItem/remotePort" } },
	{ "network-traffic:src_port",     { "PortItem/localPort" } },
	{ "network-traffic:protocols",    { "PortItem/protocol" } },
	{ "network-traffic:extensions.http-request-ext.request_value", { "Network/URI" } },
	{ "network-traffic:extensions.http-request-ext.request_header.user-agent", { "Network/UserAgent" } },
	{ "user-account:account_login",   { "UserItem/Username" } },
	{ "user-account:user_id",         { "UserItem/SecurityID" } },
	// clang-format on
};

const struct stix_path *stix_path_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
		if (!strcmp(paths[i].path, path))
			return &paths[i];
	return NULL;
}
