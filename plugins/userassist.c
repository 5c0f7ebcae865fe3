// userassist: what a user has started from the desktop, how often, and when last.
//
// Explorer keeps it in its user's hive, names in ROT13, a key named Count for each kind of thing.
// To Windows Vista a value has 16 bytes, since Windows 7 72.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/system.h>
#include <string.h>
#include <strings.h>

enum {
	HIVE,
	HIVE_NAME,
	PATH,
	WRITTEN,
	TYPE,
	NAME,
	ID,
	COUNT,
	FOCUS_COUNT,
	FOCUS,
	FOCUS_TEXT,
	UPDATED,
	RAW,
	COLUMNS
};
enum { OPT_OFFSET };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[HIVE]        = { "hive",        EI_ADDR, "virtual address of the hive's _CMHIVE", .vol3 = "Hive Offset" },
	[HIVE_NAME]   = { "hive_name",   EI_STR,  "the hive's name", .vol3 = "Hive Name" },
	[PATH]        = { "path",        EI_STR,  "path of the Count key", .vol3 = "Path" },
	[WRITTEN]     = { "written",     EI_TIME, "when the Count key was last written, UTC", .vol3 = "Last Write Time" },
	[TYPE]        = { "type",        EI_STR,  "Key, Subkey or Value", .vol3 = "Type" },
	[NAME]        = { "name",        EI_STR,  "what was started, in clear; GUIDs of folders by the folder's name", .vol3 = "Name" },
	[ID]          = { "id",          EI_UINT, "session; to Windows Vista", .vol3 = "ID" },
	[COUNT]       = { "count",       EI_UINT, "how often it was started", .vol3 = "Count" },
	[FOCUS_COUNT] = { "focus_count", EI_UINT, "how often it got the focus; since Windows 7", .vol3 = "Focus Count" },
	[FOCUS]       = { "focus",       EI_UINT, "milliseconds for which it had the focus; since Windows 7" },
	[FOCUS_TEXT]  = { "focus_text",  EI_STR,  "the same, rounded up by half a second, as text", .vol3 = "Time Focused", .vol3_only = true },
	[UPDATED]     = { "updated",     EI_TIME, "when it was started last, UTC", .vol3 = "Last Updated" },
	[RAW]         = { "raw",         EI_ANY,  "the value's data", .vol3 = "Raw Data", .vol3_absent = "" },
};

static const ei_option options[] = {
	[OPT_OFFSET] = { "offset", EI_UINT, 0, "the hive at this virtual address, listed or not" },
};

// Microsoft's list of known folders, with the places that it gives for them.
static const struct {
	const char guid[37], *place;
} folders[] = {
	{ "0139D44E-6AFE-49F2-8690-3DAFCAE6FFB8", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Start Menu\\Programs" },
	{ "054FAE61-4DD8-4787-80B6-090220C4B700", "GameExplorer" },
	{ "0762D272-C50A-4BB0-A382-697DCD729B80", "%SystemDrive%\\Users" },
	{ "0AC0837C-BBF8-452A-850D-79D08E667CA7", "(My) Computer" },
	{ "0F214138-B1D3-4A90-BBA9-27CBC0C5389A", "Sync Setup" },
	{ "15CA69B3-30EE-49C1-ACE1-6B5EC372AFB5", "%PUBLIC%\\Music\\Sample Playlists" },
	{ "1777F761-68AD-4D8A-87BD-30B759FA33DD", "%USERPROFILE%\\Favorites" },
	{ "18989B1D-99B5-455B-841C-AB7C74E4DDFC", "%USERPROFILE%\\Videos" },
	{ "190337D1-B8CA-4121-A639-6D472D16972A", "Search Results" },
	{ "1A6FDBA2-F42D-4358-A798-B74D745926C5", "%PUBLIC%\\RecordedTV.library-ms" },
	{ "1AC14E77-02E7-4E5D-B744-2EB1AE5198B7", "%windir%\\system32" },
	{ "1B3EA5DC-B587-4786-B4EF-BD1DC332AEAE", "%APPDATA%\\Microsoft\\Windows\\Libraries" },
	{ "2112AB0A-C86A-4FFE-A368-0DE96E47012E", "%APPDATA%\\Microsoft\\Windows\\Libraries\\Music.library-ms" },
	{ "2400183A-6185-49FB-A2D8-4A392A602BA3", "%PUBLIC%\\Videos" },
	{ "289A9A43-BE44-4057-A41B-587A76D7E7F9", "Sync Results" },
	{ "2A00375E-224C-49DE-B8D1-440DF7EF3DDC", "%windir%\\resources\\0409 (code page)" },
	{ "2B0F765D-C0E9-4171-908E-08A611B84FF6", "%APPDATA%\\Microsoft\\Windows\\Cookies" },
	{ "2C36C0AA-5812-4B87-BFD0-4CD0DFB19B39", "%LOCALAPPDATA%\\Microsoft\\Windows Photo Gallery\\Original Images" },
	{ "3214FAB5-9757-4298-BB61-92A9DEAA44FF", "%PUBLIC%\\Music" },
	{ "33E28130-4E1E-4676-835A-98395C3BC3BB", "%USERPROFILE%\\Pictures" },
	{ "352481E8-33BE-4251-BA85-6007CAEDCF9D", "%LOCALAPPDATA%\\Microsoft\\Windows\\Temporary Internet Files" },
	{ "374DE290-123F-4565-9164-39C4925E467B", "%USERPROFILE%\\Downloads" },
	{ "3D644C9B-1FB8-4F30-9B45-F670235F79C0", "%PUBLIC%\\Downloads" },
	{ "3EB685DB-65F9-4CF6-A03A-E3EF65729F3D", "%APPDATA% (%USERPROFILE%\\AppData\\Roaming)" },
	{ "43668BF8-C14E-49B2-97C9-747784D784B7", "Sync Center" },
	{ "48DAF80B-E6CF-4F4E-B800-0E69D84EE384", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Libraries" },
	{ "491E922F-5643-4AF4-A7EB-4E7A138D8174", "%APPDATA%\\Microsoft\\Windows\\Libraries\\Videos.library-ms" },
	{ "4BD8D571-6D19-48D3-BE97-422220080E43", "%USERPROFILE%\\Music" },
	{ "4BFEFB45-347D-4006-A5BE-AC0CB0567192", "Conflicts" },
	{ "4C5C32FF-BB9D-43B0-B5B4-2D72E54EAAA4", "%USERPROFILE%\\Saved Games" },
	{ "4D9F7874-4E0C-4904-967B-40B0D20C3E4B", "The Internet" },
	{ "52528A6B-B9E3-4ADD-B60D-588C2DBA842D", "Homegroup" },
	{ "52A4F021-7B75-48A9-9F6B-4B87A210BC8F", "%APPDATA%\\Microsoft\\Internet Explorer\\Quick Launch" },
	{ "56784854-C6CB-462B-8169-88E350ACB882", "%USERPROFILE%\\Contacts" },
	{ "5CD7AEE2-2219-4A67-B85D-6C9CE15660CB", "%LOCALAPPDATA%\\Programs" },
	{ "5CE4A5E9-E4EB-479D-B89F-130C02886155", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\DeviceMetadataStore" },
	{ "5E6C858F-0E22-4760-9AFE-EA3317B67173", "%USERPROFILE% (%SystemDrive%\\Users\\%USERNAME%)" },
	{ "625B53C3-AB48-4EC1-BA1F-A1EF4146FC19", "%APPDATA%\\Microsoft\\Windows\\Start Menu" },
	{ "62AB5D82-FDC1-4DC3-A9DD-070D1D495D97", "%ALLUSERSPROFILE% (%ProgramData%, %SystemDrive%\\ProgramData)" },
	{ "6365D5A7-0F0D-45E5-87F6-0DA56B6A4F7D", "%ProgramFiles%\\Common Files" },
	{ "69D2CF90-FC33-4FB7-9A0C-EBB0F0FCB43C", "%USERPROFILE%\\Pictures\\Slide Shows" },
	{ "6D809377-6AF0-444B-8957-A3773F02200E", "%ProgramFiles%" },
	{ "6F0CD92B-2E97-45D1-88FF-B0D186B8DEDD", "Network Connections" },
	{ "724EF170-A42D-4FEF-9F26-B60E846FBA4F", "%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs\\Administrative Tools" },
	{ "76FC4E2D-D6AD-4519-A663-37BD56068185", "Printers" },
	{ "7B0DB17D-9CD2-4A93-9733-46CC89022E7C", "%APPDATA%\\Microsoft\\Windows\\Libraries\\Documents.library-ms" },
	{ "7B396E54-9EC5-4300-BE0A-2482EBAE1A26", "%ProgramFiles%\\Windows Sidebar\\Gadgets" },
	{ "7C5A40EF-A0FB-4BFC-874A-C0F2E0B9FA8E", "%ProgramFiles%" },
	{ "7D1D3A04-DEBB-4115-95CF-2F29DA2920DA", "%USERPROFILE%\\Searches" },
	{ "82A5EA35-D9CD-47C5-9629-E15D2F714E6E", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp" },
	{ "82A74AEB-AEB4-465C-A014-D097EE346D63", "Control Panel" },
	{ "859EAD94-2E85-48AD-A71A-0969CB56A6CD", "%PUBLIC%\\Videos\\Sample Videos" },
	{ "8983036C-27C0-404B-8F08-102D10DCFD74", "%APPDATA%\\Microsoft\\Windows\\SendTo" },
	{ "8AD10C31-2ADB-4296-A8F7-E4701232C972", "%windir%\\Resources" },
	{ "905E63B6-C1BF-494E-B29C-65B732D3D21A", "%ProgramFiles%" },
	{ "9274BD8D-CFD1-41C3-B35E-B13F55A758F4", "%APPDATA%\\Microsoft\\Windows\\Printer Shortcuts" },
	{ "98EC0E18-2098-4D44-8644-66979315A281", "Microsoft Office Outlook" },
	{ "9E3995AB-1F9C-4F13-B827-48B24B6C7174", "%APPDATA%\\Microsoft\\Internet Explorer\\Quick Launch\\User Pinned" },
	{ "9E52AB10-F80D-49DF-ACB8-4330F5687855", "%LOCALAPPDATA%\\Microsoft\\Windows\\Burn\\Burn" },
	{ "A302545D-DEFF-464B-ABE8-61C8648D939B", "Libraries" },
	{ "A305CE99-F527-492B-8B1A-7E76FA98D6E4", "Installed Updates" },
	{ "A4115719-D62E-491D-AA7C-E74B8BE3B067", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Start Menu" },
	{ "A520A1A4-1780-4FF6-BD18-167343C5AF16", "%USERPROFILE%\\AppData\\LocalLow" },
	{ "A63293E8-664E-48DB-A079-DF759E0509F7", "%APPDATA%\\Microsoft\\Windows\\Templates" },
	{ "A75D362E-50FC-4FB7-AC2C-A8BEAA314493", "%LOCALAPPDATA%\\Microsoft\\Windows Sidebar\\Gadgets" },
	{ "A77F5D77-2E2B-44C3-A6A2-ABA601054A51", "%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs" },
	{ "A990AE9F-A03B-4E80-94BC-9912D7504104", "%APPDATA%\\Microsoft\\Windows\\Libraries\\Pictures.library-ms" },
	{ "AE50C081-EBD2-438A-8655-8A092E34987A", "%APPDATA%\\Microsoft\\Windows\\Recent" },
	{ "B250C668-F57D-4EE1-A63C-290EE7D1AA1F", "%PUBLIC%\\Music\\Sample Music" },
	{ "B4BFCC3A-DB2C-424C-B029-7FE99A87C641", "Desktop" },
	{ "B6EBFB86-6907-413C-9AF7-4FC2ABF07CC5", "%PUBLIC%\\Pictures" },
	{ "B7534046-3ECB-4C18-BE4E-64CD4CB7D6AC", "Recycle Bin" },
	{ "B94237E7-57AC-4347-9151-B08C6C32D1F7", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Templates" },
	{ "B97D20BB-F46A-4C97-BA10-5E3608430854", "%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp" },
	{ "BCB5256F-79F6-4CEE-B725-DC34E402FD46", "%APPDATA%\\Microsoft\\Internet Explorer\\Quick Launch\\User Pinned\\ImplicitAppShortcuts" },
	{ "BCBD3057-CA5C-4622-B42D-BC56DB0AE516", "%LOCALAPPDATA%\\Programs\\Common" },
	{ "BFB9D5E0-C6A9-404C-B2B2-AE6DB6AF4968", "%USERPROFILE%\\Links" },
	{ "C1BAE2D0-10DF-4334-BEDD-7AA20B227A9D", "%ALLUSERSPROFILE%\\OEM Links" },
	{ "C4900540-2379-4C75-844B-64E6FAF8716B", "%PUBLIC%\\Pictures\\Sample Pictures" },
	{ "C4AA340D-F20F-4863-AFEF-F87EF2E6BA25", "%PUBLIC%\\Desktop" },
	{ "C5ABBF53-E17F-4121-8900-86626FC2C973", "%APPDATA%\\Microsoft\\Windows\\Network Shortcuts" },
	{ "C870044B-F49E-4126-A9C3-B52A1FF411E8", "%LOCALAPPDATA%\\Microsoft\\Windows\\Ringtones" },
	{ "CAC52C1A-B53D-4EDC-92D7-6B2E8AC19434", "Games" },
	{ "D0384E7D-BAC3-4797-8F14-CBA229B392B5", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Start Menu\\Programs\\Administrative Tools" },
	{ "D20BEEC4-5CA8-4905-AE3B-BF251EA09B53", "Network" },
	{ "D65231B0-B2F1-4857-A4CE-A8E7C6EA7D27", "%windir%\\system32" },
	{ "D9DC8A3B-B784-432E-A781-5A1130A75963", "%LOCALAPPDATA%\\Microsoft\\Windows\\History" },
	{ "DE61D971-5EBC-4F02-A3A9-6C82895E5C04", "Add or Remove Programs (Control Panel)" },
	{ "DE92C1C7-837F-4F69-A3BB-86E631204A23", "%USERPROFILE%\\Music\\Playlists" },
	{ "DE974D24-D9C6-4D3E-BF91-F4455120B917", "%ProgramFiles%\\Common Files" },
	{ "DEBF2536-E1A8-4C59-B6A2-414586476AEA", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\GameExplorer" },
	{ "DF7266AC-9274-4867-8D55-3BD661DE872D", "Programs and Features" },
	{ "DFDF76A2-C82A-4D63-906A-5644AC457385", "%PUBLIC% (%SystemDrive%\\Users\\Public)" },
	{ "E555AB60-153B-4D17-9F04-A5FE99FC15EC", "%ALLUSERSPROFILE%\\Microsoft\\Windows\\Ringtones" },
	{ "ED4824AF-DCE4-45A8-81E2-FC7965083634", "%PUBLIC%\\Documents" },
	{ "EE32E446-31CA-4ABA-814F-A5EBD2FD6D5E", "Offline Files" },
	{ "F1B32785-6FBA-4FCF-9D55-7B8E7F157091", "%LOCALAPPDATA% (%USERPROFILE%\\AppData\\Local)" },
	{ "F38BF404-1D43-42F2-9305-67DE0B28FC23", "%windir%" },
	{ "F3CE0F7C-4901-4ACC-8648-D5D44B04EF8F", "The user's full name" },
	{ "F7F1ED05-9F6D-47A2-AAAE-29D317C6F066", "%ProgramFiles%\\Common Files" },
	{ "FD228CB7-AE11-4AE3-864C-16F3910AB8FE", "%windir%\\Fonts" },
};
// clang-format on

enum {
	OLD_ID = 0,
	OLD_COUNT = 4,
	OLD_UPDATED = 8,
	OLD_SIZE = 16,
	NEW_COUNT = 4,
	NEW_FOCUS_COUNT = 8,
	NEW_FOCUS = 12,
	NEW_UPDATED = 60,
	NEW_SIZE = 72,
	GUID_TEXT = 38, // with its braces
};

// ---- names ----------------------------------------------------------------------------------

static char rot13(char c)
{
	char base = (char)(c & 0x20 ? 'a' : 'A');
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return letter ? (char)(base + (c - base + 13) % 26) : c;
}

static const char *folder_place(const char *name)
{
	size_t length = strcspn(name, "\\");
	if (length != GUID_TEXT || name[0] != '{' || name[GUID_TEXT - 1] != '}')
		return NULL;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (!strncasecmp(folders[i].guid, name + 1, GUID_TEXT - 2))
			return folders[i].place;
	return NULL;
}

static ei_val clear_name(ei_run *r, ei_val name)
{
	char *text = ei_has(name) ? ei_text(ei_scratch(r), "%.*s", (int)name.length, name.s) : NULL;
	if (!text)
		return ei_has(name) ? ei_absent(EI_UNREADABLE) : name;
	for (char *at = text; *at; at++)
		*at = rot13(*at);
	const char *place = folder_place(text);
	if (place)
		text = ei_text(ei_scratch(r), "%s%s", place, text + GUID_TEXT);
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

// ---- data -----------------------------------------------------------------------------------

static uint32_t u32_at(const uint8_t *bytes, size_t at)
{
	uint32_t value;
	memcpy(&value, bytes + at, sizeof value);
	return value;
}

static ei_val time_at(const uint8_t *bytes, size_t at)
{
	uint64_t value;
	memcpy(&value, bytes + at, sizeof value);
	return value ? ei_of(EI_TIME, value) : ei_absent(EI_NONE);
}

// "1 day, 2:03:04.500000", as Python writes a length of time.
static ei_val focus_text(ei_run *r, uint32_t milliseconds)
{
	uint64_t all = (uint64_t)milliseconds + 500, seconds = all / 1000;
	unsigned days = (unsigned)(seconds / 86400), micro = (unsigned)(all % 1000 * 1000);
	ei_arena *scratch = ei_scratch(r);
	char *text = ei_text(scratch, "%u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
		(unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
	if (text && micro)
		text = ei_text(scratch, "%s.%06u", text, micro);
	if (text && days)
		text = ei_text(scratch, "%u day%s, %s", days, days == 1 ? "" : "s", text);
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

static void old_cells(const uint8_t *bytes, ei_val *cells)
{
	uint32_t count = u32_at(bytes, OLD_COUNT);
	cells[ID] = ei_uint(u32_at(bytes, OLD_ID));
	// Counting begins at five, so that what was never started differs from what was reset.
	cells[COUNT] = ei_uint(count < 5 ? count : count - 5);
	cells[UPDATED] = time_at(bytes, OLD_UPDATED);
}

static void new_cells(ei_run *r, const uint8_t *bytes, ei_val *cells)
{
	uint32_t focus = u32_at(bytes, NEW_FOCUS);
	cells[COUNT] = ei_uint(u32_at(bytes, NEW_COUNT));
	cells[FOCUS_COUNT] = ei_uint(u32_at(bytes, NEW_FOCUS_COUNT));
	cells[FOCUS] = ei_uint(focus);
	cells[FOCUS_TEXT] = focus_text(r, focus);
	cells[UPDATED] = time_at(bytes, NEW_UPDATED);
}

// ---- rows -----------------------------------------------------------------------------------

struct listing {
	ei_run *run;
	uint64_t hive;
	ei_val name, path, written;
	bool compat;
};

static void emit(
	const struct listing *l, uint32_t depth, const char *type, ei_val name, const ei_val *data)
{
	ei_val cells[COLUMNS];
	for (int i = 0; i < COLUMNS; i++)
		cells[i] = data ? data[i] : ei_absent(EI_NONE);
	cells[HIVE] = ei_addr(l->hive);
	cells[HIVE_NAME] = l->name;
	cells[PATH] = l->path;
	cells[WRITTEN] = l->written;
	cells[TYPE] = ei_str(type);
	cells[NAME] = name;
	ei_emit_at(l->run, depth, cells);
}

static void emit_value(const struct listing *l, const ei_value *value)
{
	ei_val name = clear_name(l->run, ei_value_name(value)), bytes = ei_value_bytes(value);
	ei_val cells[COLUMNS];
	// UEME_CTLSESSION and the like are longer: they are about all the others.
	uint32_t length = ei_has(bytes) ? bytes.length : 0;
	bool is_known = length == OLD_SIZE || length >= NEW_SIZE;
	for (int i = 0; i < COLUMNS; i++)
		cells[i] = ei_absent(!ei_has(bytes) ? bytes.state
				     : is_known     ? EI_NONE
						    : EI_GARBAGE);
	cells[RAW] = l->compat ? ei_value_vol3(value) : bytes;
	if (length == NEW_SIZE || (l->compat && length > NEW_SIZE))
		new_cells(l->run, bytes.b, cells);
	else if (length == OLD_SIZE)
		old_cells(bytes.b, cells);
	emit(l, 1, "Value", name, cells);
}

// What paths begin with: the hive's name; to Volatility its last part.
static const char *hive_root(const struct listing *l)
{
	const char *name = ei_has(l->name) ? l->name.s : "";
	const char *last = l->compat ? strrchr(name, '\\') : NULL;
	return last ? last + 1 : name;
}

static void emit_count(struct listing *l, const ei_key *count)
{
	ei_val path = ei_key_path(count);
	char *text = ei_has(path) ? ei_text(ei_scratch(l->run), "%s\\%.*s", hive_root(l),
					    (int)path.length, path.s)
				  : NULL;
	l->path = text ? ei_str(text) : ei_absent(EI_UNREADABLE);
	l->written = ei_key_written(count);
	emit(l, 0, "Key", ei_absent(EI_NONE), NULL);
	ei_subkeys subkeys = ei_key_subkeys(count);
	for (ei_key key; ei_subkey_next(&subkeys, &key);)
		emit(l, 1, "Subkey", ei_key_name(&key), NULL);
	ei_values values = ei_key_values(count);
	for (ei_value value; ei_value_next(&values, &value);)
		emit_value(l, &value);
}

static void emit_unreadable(struct listing *l)
{
	ei_val cells[COLUMNS];
	for (int i = 0; i < COLUMNS; i++)
		cells[i] = ei_absent(EI_UNREADABLE);
	cells[HIVE] = ei_addr(l->hive);
	cells[HIVE_NAME] = l->name;
	ei_emit(l->run, cells);
}

static bool is_user(ei_val name)
{
	static const char file[] = "ntuser.dat";
	for (size_t at = 0; ei_has(name) && at + sizeof file - 1 <= name.length; at++)
		if (!strncasecmp(name.s + at, file, sizeof file - 1))
			return true;
	return false;
}

static void list_hive(ei_run *r, const cmhive *h)
{
	static const char place[] =
		"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";
	struct listing l = {
		.run = r, .hive = h->obj.va, .name = ei_hive_name(h), .compat = ei_compat_vol3(r)
	};
	ei_hive *hive = ei_hive_open(r, h);
	ei_key top = ei_key_find(hive, place);
	// The reader notes what is damaged; Volatility has a row for it, and for what is not there.
	if (top.state != EI_OK) {
		if (l.compat)
			emit_unreadable(&l);
		return;
	}
	ei_subkeys guids = ei_key_subkeys(&top);
	for (ei_key guid; ei_subkey_next(&guids, &guid);) {
		ei_subkeys counts = ei_key_subkeys(&guid);
		for (ei_key count; ei_subkey_next(&counts, &count);)
			if (count.state == EI_OK)
				emit_count(&l, &count);
	}
}

static ei_error *run(ei_run *r)
{
	ei_val offset = ei_opt(r, OPT_OFFSET);
	if (ei_has(offset)) {
		cmhive h = ei_at(r, cmhive, offset.u);
		if (ei_u64_or(ei_get(h, signature), 0) != EI_HIVE_SIGNATURE)
			return ei_fail(EI_E_USAGE,
				"there is no hive at 0x%llx; hivelist and hivescan list them",
				(unsigned long long)offset.u);
		list_hive(r, &h);
		return NULL;
	}
	ei_iter it = ei_hives(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);)
		if (!ei_compat_vol3(r) || is_user(ei_hive_name(&h)))
			list_hive(r, &h);
	return NULL;
}

EI_PLUGIN(userassist) = {
	EI_HEAD(userassist),
	.vol3 = "windows.registry.userassist.UserAssist",
	.purpose = "what a user has started from the desktop, how often, and when last",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&cmhive_spec),
	EI_SYMBOLS("CmpHiveListHead"),
	.run = run,
};
