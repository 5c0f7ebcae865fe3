// Which Windows a profile is: said by the scenario, or read off the members its types have.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

struct build_probe {
	const char *type, *member; // present from this build on
	uint32_t major, minor, build;
	const char *branch; // of the build laboratory's text
};

// clang-format off
static const struct build_probe probes[] = {
	{ "_EPROCESS",          "UniqueProcessId",              5, 1,  2600, "xpsp.080413-2111" },
	{ "_EPROCESS",          "ImageNotifyDone",              5, 2,  3790, "srv03_sp2_rtm.070216-1710" },
	{ "_EPROCESS",          "AlpcContext",                  6, 0,  6000, "vista_rtm.061101-2205" },
	{ "_EPROCESS",          "AffinityPermanent",            6, 0,  6002, "lh_sp2rtm.090410-1830" },
	{ "_OBJECT_HEADER",     "TypeIndex",                    6, 1,  7601, "win7sp1_rtm.101119-1850" },
	{ "_EPROCESS",          "DiskCounters",                 6, 2,  9200, "win8_rtm.120725-1247" },
	{ "_EPROCESS",          "PicoContext",                  6, 3,  9600, "winblue_ltsb.200807-2030" },
	{ "_EPROCESS",          "DefaultCpuSets",              10, 0, 10240, "th1.150709-1700" },
	{ "_EPROCESS",          "ImageFilePointer",            10, 0, 14393, "rs1_release.210331-1730" },
	{ "_EPROCESS",          "EnergyContext",               10, 0, 15063, "rs2_release.170317-1834" },
	{ "_EPROCESS",          "MitigationFlags2",            10, 0, 16299, "rs3_release.170928-1534" },
	{ "_EPROCESS",          "CoverageSamplerContext",      10, 0, 17134, "rs4_release.180410-1804" },
	{ "_EPROCESS",          "ParentSecurityDomain",        10, 0, 17763, "rs5_release.180914-1434" },
	{ "_KPROCESS",          "IdealProcessor",              10, 0, 18362, "19h1_release.190318-1202" },
	{ "_EPROCESS",          "TimerResolutionIgnore",       10, 0, 19041, "vb_release.191206-1406" },
	{ "_EPROCESS",          "IdealProcessorAssignmentBlock", 10, 0, 20348, "fe_release.210507-1500" },
	{ "_EPROCESS",          "PageCombineSequence",         10, 0, 22000, "co_release.210604-1628" },
	{ "_EPROCESS",          "MmSlabIdentity",              10, 0, 26100, "ge_release.240331-1435" },
};
// clang-format on

static bool probe_holds(const struct forge *f, const struct build_probe *probe)
{
	struct member m;
	return profile_member(f->profile, probe->type, probe->member, &m);
}

// The newest probe that holds; with a build named by the scenario, the one of that build.
static const struct build_probe *probe_find(const struct forge *f, uint32_t build)
{
	for (size_t i = ARRAY_LENGTH(probes); i-- > 0;) {
		if (build ? probes[i].build <= build : probe_holds(f, &probes[i]))
			return &probes[i];
	}
	return &probes[0];
}

static ei_error *choose_mode(struct forge *f)
{
	f->pointer = profile_info(f->profile).pointer_size;
	bool wide = profile_type_size(f->profile, "_MMPTE") == 8;
	f->mode = f->pointer == 8 ? PAGING_X64 : f->vista || wide ? PAGING_PAE : PAGING_X86;
	const char *asked = scenario_text(f->scenario, "paging", NULL);
	if (!asked)
		return NULL;
	if (f->pointer == 4 && strcmp(asked, "pae") == 0)
		f->mode = PAGING_PAE;
	else if (f->pointer == 4 && strcmp(asked, "x86") == 0)
		f->mode = PAGING_X86;
	else if (f->pointer == 4 || strcmp(asked, "x64") != 0)
		return ei_fail(EI_E_FORMAT, "\"paging\" is '%s', which %u-bit types cannot have",
			asked, f->pointer * 8);
	return NULL;
}

static void choose_pdb(struct forge *f)
{
	static const char *const names[] = {
		[PAGING_X86] = "ntoskrnl.pdb",
		[PAGING_PAE] = "ntkrpamp.pdb",
		[PAGING_X64] = "ntkrnlmp.pdb",
	};
	struct profile_info info = profile_info(f->profile);
	f->pdb = *info.pdb ? info.pdb : names[f->mode];
	f->age = info.age ? info.age : 2;
	snprintf(f->guid, sizeof f->guid, "%s", info.guid);
	if (*info.guid)
		return;
	// One after the other: arguments would be drawn in the order that a compiler likes.
	unsigned long long high = forge_random(f), low = forge_random(f);
	snprintf(f->guid, sizeof f->guid, "%016llX%016llX", high, low);
}

static void write_build_lab(struct forge *f, const char *branch)
{
	const char *machine = f->pointer == 8 ? "amd64fre" : "x86fre";
	if (f->major < 10 && f->build < 6000)
		snprintf(f->build_lab, sizeof f->build_lab, "%u.%s", f->build, branch);
	else
		snprintf(f->build_lab, sizeof f->build_lab, "%u.%u.%s.%s", f->build, f->revision,
			machine, branch);
}

ei_error *kernel_identify(struct forge *f)
{
	uint32_t build = (uint32_t)scenario_number(f->scenario, "build", 0);
	struct profile_info info = profile_info(f->profile);
	unsigned major, minor, said, revision;
	const struct build_probe *probe = probe_find(f, build);
	f->major = probe->major;
	f->minor = probe->minor;
	f->build = build ? build : probe->build;
	f->revision = (uint32_t)scenario_number(f->scenario, "revision", 1);
	int parts = sscanf(info.version, "%u.%u.%u.%u", &major, &minor, &said, &revision);
	if (!build && parts >= 3) {
		f->major = major;
		f->minor = minor;
		f->build = said;
		f->revision = parts == 4 ? revision : f->revision;
	}
	// What the layout has decides how things are encoded, whatever build number is claimed.
	struct member m;
	f->vista = profile_member(f->profile, "_EPROCESS", "AlpcContext", &m);
	f->win7 = profile_member(f->profile, "_OBJECT_HEADER", "TypeIndex", &m);
	f->win8 = !profile_member(f->profile, "_HANDLE_TABLE", "HandleCount", &m);
	uint64_t rva;
	f->win10 = profile_member(f->profile, "_EPROCESS", "DefaultCpuSets", &m) ||
		   profile_symbol(f->profile, "ObHeaderCookie", &rva);
	f->wide_user = profile_member(f->profile, "_MMVAD_SHORT", "StartingVpnHigh", &m);
	f->registry_process = profile_member(f->profile, "_EPROCESS", "CoverageSamplerContext", &m);
	EI_TRY(choose_mode(f));
	// Two layouts must not get the same invented GUID from the same seed.
	f->random += (uint64_t)forge_size(f, "_EPROCESS", 0) << 32 |
		     (uint64_t)info.type_count << 16 | (f->build << 2 & 0xffff) | f->mode;
	choose_pdb(f);
	write_build_lab(f, probe->branch);
	f->timestamp = (uint32_t)(0x4a5bc600 + (uint64_t)f->build * 9973);
	f->processors = (uint32_t)scenario_number(f->scenario, "processors", 4);
	return NULL;
}
