// Terms: found by name, guessed where they are not in the table; the domains they belong to.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/terms.h"

#include "ioc/internal.h"

// Lists whose items are told apart: conditions on several of their properties are meant for one
// item. Lists of one property, such as the functions that a file imports, are not: two conditions
// on them are meant for two items.
static const struct domain {
	const char *path, *parent;
} domains[] = {
	// clang-format off
	{ "ProcessItem/HandleList/Handle",                    "ProcessItem" },
	{ "ProcessItem/SectionList/MemorySection",            "ProcessItem" },
	{ "ProcessItem/SectionList/MemorySection/PEInfo/Sections/Section", "ProcessItem/SectionList/MemorySection" },
	{ "ProcessItem/SectionList/MemorySection/PEInfo/VersionInfoList/VersionInfoItem", "ProcessItem/SectionList/MemorySection" },
	{ "ProcessItem/Hooked/API",                           "ProcessItem" },
	{ "ProcessItem/PEInfo/VersionInfoList/VersionInfoItem", "ProcessItem" },
	{ "FileItem/PEInfo/Sections/Section",                 "FileItem" },
	{ "FileItem/PEInfo/VersionInfoList/VersionInfoItem",  "FileItem" },
	{ "FileItem/PEInfo/ResourceInfoList/ResourceInfoItem", "FileItem" },
	{ "DriverItem/DeviceItem",                            "DriverItem" },
	{ "TaskItem/ActionList/Action",                       "TaskItem" },
	{ "TaskItem/TriggerList/Trigger",                     "TaskItem" },
	// clang-format on
};

// What is said of an event is read as state of the thing that it happened to.
static const struct alias {
	const char *document, *domain;
} aliases[] = {
	// clang-format off
	{ "processEvent",                    "ProcessItem" },
	{ "imageLoadEvent",                  "ProcessItem/SectionList/MemorySection" },
	{ "regKeyEvent",                     "RegistryItem" },
	{ "fileWriteEvent",                  "FileItem" },
	{ "ipv4NetworkEvent",                "PortItem" },
	{ "dnsLookupEvent",                  "DnsEntryItem" },
	{ "ProcessItem/PortList/PortItem",   "PortItem" },
	{ "ProcessItem/portlist/PortItem",   "PortItem" },
	// clang-format on
};

// By the beginning of a name; the first that fits. What the class is for terms that are not listed.
static const struct group {
	const char *prefix;
	enum ioc_class class;
	const char *artefact;
} groups[] = {
	// clang-format off
	{ "ProcessItem/HandleList/",  IOC_CLASS_A, "handle tables" },
	{ "ProcessItem/SectionList/MemorySection/PEInfo/", IOC_CLASS_B, "executables mapped by processes" },
	{ "ProcessItem/SectionList/", IOC_CLASS_A, "memory regions and modules of processes" },
	{ "ProcessItem/PortList/",    IOC_CLASS_A, "network endpoints" },
	{ "ProcessItem/StringList/",  IOC_CLASS_C, "text in the memory of processes" },
	{ "ProcessItem/Hooked/",      IOC_CLASS_A, "hooks in the code of processes" },
	{ "ProcessItem/PEInfo/",      IOC_CLASS_B, "executables mapped by processes" },
	{ "ProcessItem/DllPath",      IOC_CLASS_A, "memory regions and modules of processes" },
	{ "ProcessItem/",             IOC_CLASS_A, "processes" },
	{ "processEvent/",            IOC_CLASS_A, "processes, as they are now" },
	{ "imageLoadEvent/",          IOC_CLASS_A, "modules of processes, as they are now" },
	{ "RegistryItem/ShimCache/",  IOC_CLASS_B, "the application compatibility cache" },
	{ "RegistryItem/",            IOC_CLASS_A, "hives in memory" },
	{ "regKeyEvent/",             IOC_CLASS_A, "hives in memory, as they are now" },
	{ "ServiceItem/",             IOC_CLASS_A, "services, from their manager and the registry" },
	{ "DriverItem/PEInfo/",       IOC_CLASS_B, "images of drivers" },
	{ "DriverItem/StringList/",   IOC_CLASS_C, "text in images of drivers" },
	{ "DriverItem/",              IOC_CLASS_A, "drivers and their devices" },
	{ "HookItem/",                IOC_CLASS_A, "hooks in the kernel" },
	{ "PortItem/",                IOC_CLASS_A, "network endpoints" },
	{ "ipv4NetworkEvent/",        IOC_CLASS_A, "network endpoints, as they are now" },
	{ "UserItem/",                IOC_CLASS_A, "accounts, from the registry" },
	{ "FileItem/PEInfo/",         IOC_CLASS_B, "executables mapped by anybody" },
	{ "FileItem/StringList/",     IOC_CLASS_C, "text in mapped and cached files" },
	{ "FileItem/",                IOC_CLASS_B, "file objects, file table records, traces of execution" },
	{ "fileWriteEvent/",          IOC_CLASS_B, "file objects: writing itself leaves no trace" },
	{ "TaskItem/",                IOC_CLASS_B, "scheduled tasks, from the registry" },
	{ "EventLogItem/",            IOC_CLASS_B, "event log pieces in memory" },
	{ "PrefetchItem/",            IOC_CLASS_B, "prefetch files in the cache" },
	{ "DnsEntryItem/",            IOC_CLASS_B, "the resolver's cache" },
	{ "dnsLookupEvent/",          IOC_CLASS_C, "text in memory" },
	{ "RouteEntryItem/",          IOC_CLASS_B, "network endpoints" },
	{ "VolumeItem/",              IOC_CLASS_B, "mounted volumes" },
	{ "DiskItem/",                IOC_CLASS_B, "disk devices" },
	{ "Network/",                 IOC_CLASS_C, "text in memory" },
	{ "urlMonitorEvent/",         IOC_CLASS_C, "text in memory" },
	{ "UrlHistoryItem/",          IOC_CLASS_C, "text in memory" },
	{ "Email/",                   IOC_CLASS_C, "text in memory" },
	{ "Memory/",                  IOC_CLASS_C, "text in memory" },
	{ "Yara/",                    IOC_CLASS_C, "memory, by YARA" },
	{ "Snort/",                   IOC_CLASS_D, "none: a rule for network traffic" },
	{ "",                         IOC_CLASS_D, "none that is known" },
	// clang-format on
};

static bool begins(const char *name, const char *prefix)
{
	return !strncasecmp(name, prefix, strlen(prefix));
}

// Whether `domain` is `name` or what `name` is in.
static bool holds(const char *domain, const char *name)
{
	size_t length = strlen(domain);
	return begins(name, domain) && (name[length] == '/' || !name[length]);
}

const char *domain_parent(const char *domain)
{
	for (size_t i = 0; i < ARRAY_LENGTH(domains); i++)
		if (!strcmp(domains[i].path, domain))
			return domains[i].parent;
	return NULL;
}

_Static_assert(ARRAY_LENGTH(domains) <= 64, "sets of domains are bits of a number");

uint64_t domain_bit(const char *domain)
{
	for (size_t i = 0; i < ARRAY_LENGTH(domains); i++)
		if (!strcmp(domains[i].path, domain))
			return UINT64_C(1) << i;
	return 0;
}

// The deepest domain that a term is in: a list's item, or the document.
static const char *domain_of(struct ioc_set *set, const char *name)
{
	const char *deepest = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(domains); i++)
		if (holds(domains[i].path, name) &&
			(!deepest || strlen(domains[i].path) > strlen(deepest)))
			deepest = domains[i].path;
	for (size_t i = 0; !deepest && i < ARRAY_LENGTH(aliases); i++)
		if (holds(aliases[i].document, name))
			deepest = aliases[i].domain;
	if (deepest)
		return deepest;
	// Spelled as terms of the table spell it, so that domains can be told apart by comparing.
	size_t length = strcspn(name, "/");
	for (size_t i = 0; i < set->terms.count; i++) {
		const char *domain = ioc_set_term(set, i)->domain;
		if (strlen(domain) == length && !strncasecmp(domain, name, length))
			return domain;
	}
	return arena_text(set->term_arena, name, length);
}

static const struct group *group_of(const char *name)
{
	const struct group *group = groups;
	while (!begins(name, group->prefix))
		group++;
	return group;
}

// ---- by name --------------------------------------------------------------------------------
static uint64_t name_hash(const char *name, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < length; i++) {
		char c = name[i];
		hash = (hash ^ (uint8_t)(c >= 'A' && c <= 'Z' ? c | 32 : c)) *
		       UINT64_C(0x100000001b3);
	}
	return hash ^ hash >> 29;
}

static const struct ioc_term **slot_of(const struct ioc_set *set, const char *name, size_t length)
{
	size_t at = name_hash(name, length) & (set->term_room - 1);
	for (;; at = (at + 1) & (set->term_room - 1)) {
		const struct ioc_term *term = set->term_slots[at];
		if (!term || (!strncasecmp(term->name, name, length) && !term->name[length]))
			return &set->term_slots[at];
	}
}

static bool slots_grow(struct ioc_set *set)
{
	if (set->terms.count * 2 < set->term_room)
		return true;
	size_t room = set->term_room ? set->term_room * 2 : 1024;
	const struct ioc_term **slots = calloc(room, sizeof(void *));
	if (!slots)
		return false;
	free(set->term_slots);
	set->term_slots = slots;
	set->term_room = room;
	for (size_t i = 0; i < set->terms.count; i++) {
		const struct ioc_term *term = ioc_set_term(set, i);
		*slot_of(set, term->name, strlen(term->name)) = term;
	}
	return true;
}

static struct ioc_term *term_new(struct ioc_set *set, const char *name)
{
	struct ioc_term *term = ei_alloc(set->term_arena, sizeof *term);
	if (!term || !vector_grow(&set->terms, sizeof(void *)) || !slots_grow(set))
		return NULL;
	const struct group *group = group_of(name);
	*term = (struct ioc_term){
		.name = name,
		.domain = domain_of(set, name),
		.type = IOC_NAME,
		.class = group->class,
		.artefact = group->artefact,
		.index = (uint32_t)set->terms.count,
	};
	if (!term->domain)
		return NULL;
	*slot_of(set, name, strlen(name)) = term;
	((const struct ioc_term **)set->terms.items)[set->terms.count++] = term;
	return term;
}

// Digests need the whole file, whatever they are of.
static bool is_digest(const char *name)
{
	static const char *const ends[] = { "md5", "md5sum", "sha1sum", "sha256sum" };
	const char *last = strrchr(name, '/');
	for (size_t i = 0; last && i < ARRAY_LENGTH(ends); i++)
		if (!strcasecmp(last + 1, ends[i]))
			return true;
	return false;
}

enum { TERM_NAME_MAX = 256 };

const struct ioc_term *term_get(struct ioc_set *set, const char *name, size_t length)
{
	static const char event[] = "eventItem/";
	if (length > sizeof event && !strncasecmp(name, event, sizeof event - 1)) {
		name += sizeof event - 1;
		length -= sizeof event - 1;
	}
	length = MIN(length, (size_t)TERM_NAME_MAX);
	const struct ioc_term *known = *slot_of(set, name, length);
	if (known || set->terms.count >= TERMS_MAX)
		return known;
	const char *copy = arena_text(set->term_arena, name, length);
	struct ioc_term *term = copy ? term_new(set, copy) : NULL;
	if (term && is_digest(copy)) {
		term->type = IOC_DIGEST;
		term->class = IOC_CLASS_D;
	}
	return term;
}

const struct ioc_term *term_find(const struct ioc_set *set, const char *name)
{
	return *slot_of(set, name, strlen(name));
}

// Those that are parts of others come after them, whatever the table's order.
static ei_error *term_init(struct ioc_set *set, const struct term_row *row)
{
	if (term_find(set, row->name))
		return NULL;
	const struct ioc_term *from = row->from ? term_find(set, row->from) : NULL;
	struct ioc_term *term = term_new(set, row->name);
	if (!term)
		return ei_fail(EI_E_NOMEM, "out of memory");
	term->type = row->type;
	term->class = row->class;
	term->from = from;
	term->part = row->part;
	term->listed = true;
	if (from)
		term->domain = from->domain;
	return NULL;
}

ei_error *terms_init(struct ioc_set *set)
{
	if (!slots_grow(set))
		return ei_fail(EI_E_NOMEM, "out of memory");
	// A chain of parts is at most two long.
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < term_row_count; i++)
			if (!term_rows[i].from || term_find(set, term_rows[i].from))
				EI_TRY(term_init(set, &term_rows[i]));
	return NULL;
}
