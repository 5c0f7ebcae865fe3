// Conditions against values: every type, every spelling, and the limits.
// SPDX-License-Identifier: Apache-2.0
#include "base/regex.h"
#include "ioc/automaton.h"
#include "ioc/regex_literal.h"
#include "tests/unit/ioc_documents.h"

static struct fx fx;

static int tear_down(void **state)
{
	(void)state;
	fx_deinit(&fx);
	return 0;
}

// A document of one leaf.
static void with_leaf(const char *term, const char *condition, const char *flags, const char *value)
{
	char document[4096];
	snprintf(document, sizeof document,
		DOC(OR("<IndicatorItem id='i' condition='%s' %s><Context search='%s'/>"
		       "<Content>%s</Content></IndicatorItem>")),
		condition, flags, term, value);
	with(&fx, document);
}

// What the leaf says of one entity with this value.
static enum ioc_truth says(const char *term, ei_val value)
{
	const struct ioc_leaf *leaf = &ioc_set_at(fx.set, 0)->root->first->leaf;
	ioc_evidence_answers(fx.evidence, term, true);
	uint32_t parent = IOC_ROOT;
	if (strstr(leaf->term->domain, "HandleList"))
		parent = process(&fx, 1);
	ioc_evidence_answers(fx.evidence, "ProcessItem/name", true);
	uint32_t entity =
		ioc_evidence_entity(fx.evidence, leaf->term->domain, parent, IOC_NO_LINK, 0);
	ioc_evidence_value(fx.evidence, term, entity, value);
	return verdict(&fx);
}

struct claim {
	const char *term, *condition, *flags, *content, *value;
	enum ioc_truth wanted;
};

static void assert_claims(const struct claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct claim *claim = &claims[i];
		with_leaf(claim->term, claim->condition, claim->flags, claim->content);
		enum ioc_truth truth = says(claim->term, ei_str(claim->value));
		if (truth != claim->wanted)
			fail_msg("'%s' %s '%s' over '%s' is %s, want %s", claim->term,
				claim->condition, claim->content, claim->value,
				ioc_truth_name(truth), ioc_truth_name(claim->wanted));
	}
}

#define NAME "ProcessItem/name"
#define ARGS "ProcessItem/arguments"
#define TEXT "RegistryItem/Text"

static void text_is_compared_by_its_condition(void **state)
{
	static const struct claim claims[] = {
		{ NAME, "is", PLAIN, "Evil.EXE", "evil.exe", IOC_TRUE },
		{ NAME, "is", CASED, "Evil.EXE", "evil.exe", IOC_FALSE },
		{ NAME, "is", CASED, "Evil.EXE", "Evil.EXE", IOC_TRUE },
		{ NAME, "is", PLAIN, "evil", "evil.exe", IOC_FALSE },
		{ NAME, "contains", PLAIN, "VIL.", "evil.exe", IOC_TRUE },
		{ NAME, "contains", CASED, "VIL.", "evil.exe", IOC_FALSE },
		{ NAME, "contains", PLAIN, "evil.exe", "evil.exe", IOC_TRUE },
		{ NAME, "contains", PLAIN, "evil.exe2", "evil.exe", IOC_FALSE },
		{ NAME, "starts-with", PLAIN, "ev", "evil.exe", IOC_TRUE },
		{ NAME, "starts-with", PLAIN, "vil", "evil.exe", IOC_FALSE },
		{ NAME, "ends-with", PLAIN, ".exe", "evil.exe", IOC_TRUE },
		{ NAME, "ends-with", PLAIN, ".ex", "evil.exe", IOC_FALSE },
		{ NAME, "ends-with", PLAIN, "aa", "aaa", IOC_TRUE },
		{ NAME, "starts-with", PLAIN, "aa", "aab", IOC_TRUE },
		{ NAME, "is", PLAIN, "\xd0\x97\xd0\x9b\xd0\x9e", "\xd0\xb7\xd0\xbb\xd0\xbe",
			IOC_TRUE },
		{ NAME, "contains", PLAIN, "x", "", IOC_FALSE },
		{ NAME, "is", PLAIN, "x&quot;) or system(&apos;y&apos;", "x\") or system('y'",
			IOC_TRUE },
		{ NAME, "contains", NEGATED, "evil", "good.exe", IOC_TRUE },
		{ NAME, "starts-with", NEGATED, "ev", "evil.exe", IOC_FALSE },
		{ NAME, "ends-with", CASED, ".EXE", "evil.exe", IOC_FALSE },
		{ NAME, "ends-with", CASED, ".exe", "evil.exe", IOC_TRUE },
		{ NAME, "starts-with", CASED, "Ev", "evil.exe", IOC_FALSE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
}

static void blanks_count_where_the_type_means_them(void **state)
{
	static const struct claim claims[] = {
		{ ARGS, "contains", PLAIN, " /s ", "a /s b", IOC_TRUE },
		{ ARGS, "contains", PLAIN, " /s ", "a/s", IOC_FALSE },
		{ TEXT, "contains", PLAIN, " x", "a x", IOC_TRUE },
		{ TEXT, "contains", PLAIN, " x", "ax", IOC_FALSE },
		{ NAME, "is", PLAIN, " a.exe\n", "a.exe", IOC_TRUE },
		{ "FileItem/Sha1sum", "is", PLAIN, " 0123456789abcdef0123456789abcdef01234567 ",
			"0123456789ABCDEF0123456789ABCDEF01234567", IOC_TRUE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
}

static void doubled_backslashes_are_tried_both_ways(void **state)
{
	static const struct claim claims[] = {
		{ ARGS, "contains", PLAIN, "c:\\\\temp\\\\x", "run C:\\temp\\x", IOC_TRUE },
		{ ARGS, "contains", PLAIN, "c:\\\\temp\\\\x", "run C:\\\\temp\\\\x", IOC_TRUE },
		{ ARGS, "is", PLAIN, "\\\\Device\\\\Gpd1", "\\Device\\Gpd1", IOC_TRUE },
		{ ARGS, "is", PLAIN, "\\\\host\\share", "\\\\host\\share", IOC_TRUE },
		{ ARGS, "is", PLAIN, "\\\\host\\share", "\\host\\share", IOC_FALSE },
		{ ARGS, "contains", CASED, "a\\\\b", "a\\b", IOC_FALSE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
}

static void numbers_are_strict_and_know_ranges(void **state)
{
	static const char size[] = "FileItem/SizeInBytes";
	static const struct claim claims[] = {
		{ size, "is", PLAIN, "49152", "49152", IOC_TRUE },
		{ size, "is", PLAIN, "49152", "0xc000", IOC_TRUE },
		{ size, "is", PLAIN, "49152", "4915", IOC_FALSE },
		{ size, "is", PLAIN, "145900 TO 146000", "145900", IOC_TRUE },
		{ size, "is", PLAIN, "[145900 TO 146000]", "146000", IOC_TRUE },
		{ size, "is", PLAIN, "145900 TO 146000", "146001", IOC_FALSE },
		{ size, "greater-than", PLAIN, "100", "100", IOC_FALSE },
		{ size, "greater-than", PLAIN, "100", "101", IOC_TRUE },
		{ size, "less-than", PLAIN, "100", "99", IOC_TRUE },
		{ size, "less-than", PLAIN, "100", "100", IOC_FALSE },
		{ size, "less-than", PLAIN, "9", "10", IOC_FALSE }, // not as text
		{ "PortItem/localPort", "contains", PLAIN, "44", "445", IOC_TRUE },
		{ "PortItem/localPort", "is", PLAIN, "445", "445", IOC_TRUE },
	};
	static const char *const bad[] = { "12 apples", "", "0x", "99999999999999999999", "10 TO 5",
		"1 TO", "-1" };
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		with_leaf(size, "is", PLAIN, bad[i]);
		assert_truth(says(size, ei_uint(0)), IOC_UNKNOWN);
	}
	with_leaf(size, "greater-than", PLAIN, "10");
	assert_truth(says(size, ei_uint(11)), IOC_TRUE);
	with_leaf(size, "is", PLAIN, "0x10");
	assert_truth(says(size, ei_hex(16)), IOC_TRUE);
}

static void times_are_exact_to_what_is_written(void **state)
{
	static const char stamp[] = "FileItem/PEInfo/PETimeStamp";
	static const struct claim claims[] = {
		{ stamp, "is", PLAIN, "2009-04-28T10:00:00Z", "2009-04-28T10:00:00Z", IOC_TRUE },
		{ stamp, "is", PLAIN, "2009-04-28T10:00:00", "2009-04-28T10:00:00Z", IOC_TRUE },
		{ stamp, "is", PLAIN, "2009-04-28T12:00:00+02:00", "2009-04-28T10:00:00Z",
			IOC_TRUE },
		{ stamp, "is", PLAIN, "2009-04-28T10:00:00Z", "2009-04-28T10:00:01Z", IOC_FALSE },
		{ stamp, "is", PLAIN, "2009-04-28", "2009-04-28T23:59:59Z", IOC_TRUE },
		{ stamp, "is", PLAIN, "2009-04-28", "2009-04-29T00:00:00Z", IOC_FALSE },
		{ stamp, "is", PLAIN, "2009-04-28T10:00:00Z TO 2009-04-28T16:00:00Z",
			"2009-04-28T16:00:00Z", IOC_TRUE },
		{ stamp, "is", PLAIN, "2009-04-28T10:00:00Z TO 2009-04-28T16:00:00Z",
			"2009-04-28T16:00:01Z", IOC_FALSE },
		{ stamp, "greater-than", PLAIN, "2009-04-28T10:00:00Z", "2009-04-28T10:00:01Z",
			IOC_TRUE },
		{ stamp, "contains", PLAIN, "2009-04", "2009-04-28T10:00:00Z", IOC_TRUE },
		{ stamp, "is", PLAIN, "2009-13-28T10:00:00Z", "2009-04-28T10:00:00Z", IOC_UNKNOWN },
		{ stamp, "is", PLAIN, "yesterday", "2009-04-28T10:00:00Z", IOC_UNKNOWN },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
	with_leaf(stamp, "is", PLAIN, "1970-01-01T00:00:01Z");
	assert_truth(says(stamp, ei_of(EI_TIME, UINT64_C(116444736010000000))), IOC_TRUE);
	with_leaf(stamp, "is", PLAIN, "1970-01-01T00:00:01Z");
	assert_truth(says(stamp, ei_of(EI_TIME, UINT64_C(116444736015000000))), IOC_TRUE);
	with_leaf(stamp, "is", PLAIN, "1970-01-01T00:00:01.5Z");
	assert_truth(says(stamp, ei_of(EI_TIME, UINT64_C(116444736015000001))), IOC_FALSE);
}

static void addresses_know_networks_and_beginnings(void **state)
{
	static const char ip[] = "PortItem/remoteIP";
	static const struct claim claims[] = {
		{ ip, "is", PLAIN, "10.0.0.1", "10.0.0.1", IOC_TRUE },
		{ ip, "is", PLAIN, "10.0.0.1", "10.0.0.10", IOC_FALSE },
		{ ip, "contains", PLAIN, "103.41.124.", "103.41.124.7", IOC_TRUE },
		{ ip, "is", PLAIN, "58.246.0.0/15", "58.247.1.2", IOC_TRUE },
		{ ip, "is", PLAIN, "58.246.0.0/15", "58.248.1.2", IOC_FALSE },
		{ ip, "is", PLAIN, "0.0.0.0/0", "1.2.3.4", IOC_TRUE },
		{ ip, "is", PLAIN, "2001:DB8:0::1", "2001:db8::1", IOC_TRUE },
		{ ip, "is", PLAIN, "10.0.0.1", "::ffff:10.0.0.1", IOC_TRUE },
		{ ip, "is", PLAIN, "2001:db8::/32", "2001:db8:1::1", IOC_TRUE },
		{ ip, "is", PLAIN, "10.0.0.1/33", "10.0.0.1", IOC_UNKNOWN },
		{ ip, "is", PLAIN, "evil.example", "10.0.0.1", IOC_UNKNOWN },
		{ "RouteEntryItem/Destination", "is", PLAIN, "10.0.0.1", "10.0.0.1", IOC_TRUE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
}

static void truth_is_written_in_several_ways(void **state)
{
	static const char term[] = "FileItem/PEInfo/DigitalSignature/SignatureExists";
	static const struct claim claims[] = {
		{ term, "is", PLAIN, "true", "True", IOC_TRUE },
		{ term, "is", PLAIN, "false", "true", IOC_FALSE },
		{ term, "is", PLAIN, "1", "true", IOC_TRUE },
		{ term, "is", PLAIN, "maybe", "true", IOC_UNKNOWN },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
	with_leaf(term, "is", PLAIN, "true");
	assert_truth(says(term, ei_bool(true)), IOC_TRUE);
}

#define FULL "FileItem/FullPath"

static void paths_are_compared_in_every_spelling(void **state)
{
	static const char device[] = "\\Device\\HarddiskVolume2\\Windows\\System32\\a.exe";
	static const struct claim claims[] = {
		{ FULL, "is", PLAIN, "C:\\Windows\\System32\\a.exe", device, IOC_TRUE },
		{ FULL, "is", PLAIN, "\\Windows\\System32\\a.exe", device, IOC_TRUE },
		{ FULL, "is", PLAIN, "windows\\system32\\a.exe", device, IOC_TRUE },
		{ FULL, "is", PLAIN, "%SystemRoot%\\System32\\a.exe", device, IOC_TRUE },
		{ FULL, "is", PLAIN, "%windir%\\system32\\a.exe", device, IOC_TRUE },
		{ FULL, "is", PLAIN, "\\Device\\HarddiskVolume2\\Windows\\System32\\a.exe", device,
			IOC_TRUE },
		{ FULL, "is", PLAIN, "D:\\Windows\\System32\\a.exe", device, IOC_FALSE },
		{ FULL, "is", PLAIN, "C:\\Windows\\System32\\a.exe",
			"\\??\\C:\\Windows\\System32\\a.exe", IOC_TRUE },
		{ FULL, "is", PLAIN, "C:\\Windows\\System32\\a.exe",
			"\\SystemRoot\\System32\\a.exe", IOC_TRUE },
		{ FULL, "is", PLAIN, "%APPDATA%\\a.exe", "C:\\Users\\Ann\\AppData\\Roaming\\a.exe",
			IOC_TRUE },
		{ FULL, "is", PLAIN, "%TEMP%\\a.exe", "C:\\Users\\Ann\\AppData\\Local\\Temp\\a.exe",
			IOC_TRUE },
		{ FULL, "is", PLAIN, "%TEMP%\\a.exe",
			"C:\\Users\\Ann\\AppData\\Local\\Temporary\\a.exe", IOC_FALSE },
		{ FULL, "is", PLAIN, "%USERPROFILE%\\a.exe",
			"C:\\Documents and Settings\\Ann\\a.exe", IOC_TRUE },
		{ FULL, "is", PLAIN, "%ProgramData%\\a.exe", "C:\\ProgramData\\a.exe", IOC_TRUE },
		{ FULL, "ends-with", PLAIN, ":\\Windows\\System32\\a.exe", device, IOC_TRUE },
		{ FULL, "contains", PLAIN, "AppData\\Local", "C:\\Users\\Ann\\AppData\\Local\\x",
			IOC_TRUE },
		{ FULL, "is", PLAIN, "\\\\host\\share\\a.exe", "\\\\host\\share\\a.exe", IOC_TRUE },
		{ FULL, "is", PLAIN, "/etc/passwd", "/etc/passwd", IOC_TRUE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
}

static void a_known_volume_has_its_letter(void **state)
{
	(void)state;
	with_leaf(FULL, "is", PLAIN, "E:\\a.exe");
	ioc_evidence_volume(fx.evidence, "\\Device\\HarddiskVolume7", 'e');
	assert_truth(says(FULL, ei_str("\\Device\\HarddiskVolume7\\a.exe")), IOC_TRUE);
	size_t count;
	assert_false(ioc_hits(fx.evidence, 0, &count)->approximate);
	with_leaf(FULL, "is", PLAIN, "C:\\a.exe");
	ioc_evidence_volume(fx.evidence, "\\Device\\HarddiskVolume7", 'e');
	assert_truth(says(FULL, ei_str("\\Device\\HarddiskVolume7\\a.exe")), IOC_FALSE);
	with_leaf(FULL, "is", PLAIN, "C:\\a.exe");
	assert_truth(says(FULL, ei_str("\\Device\\HarddiskVolume7\\a.exe")), IOC_TRUE);
	assert_true(ioc_hits(fx.evidence, 0, &count)->approximate);
}

static void a_device_path_does_not_count_against_a_drive(void **state)
{
	static const char device[] = "\\Device\\HarddiskVolume2\\Windows\\x.dll";
	(void)state;
	// Written for events, which have device paths only where there is no drive.
	with_leaf(FULL, "starts-with", NEGATED, "\\Device\\HarddiskVolume");
	assert_truth(says(FULL, ei_str(device)), IOC_TRUE);
	with_leaf(FULL, "starts-with", PLAIN, "\\Device\\HarddiskVolume");
	assert_truth(says(FULL, ei_str(device)), IOC_TRUE);
	with_leaf(FULL, "starts-with", NEGATED, "\\Device\\Mup");
	assert_truth(says(FULL, ei_str("\\Device\\Mup\\host\\x.dll")), IOC_FALSE);
}

static void that_a_path_has_a_drive_does_not_count_against_it(void **state)
{
	(void)state;
	// Written for events that have drives where the file is not on the system's.
	with_leaf(FULL, "matches", NEGATED, "^[a-z]:\\d*\\\\");
	assert_truth(says(FULL, ei_str("C:\\Windows\\x.dll")), IOC_TRUE);
	with_leaf(FULL, "matches", PLAIN, "^[a-z]:\\d*\\\\");
	assert_truth(says(FULL, ei_str("C:\\Windows\\x.dll")), IOC_TRUE);
	with_leaf(FULL, "matches", NEGATED, "^[a-z]:\\\\Windows");
	assert_truth(says(FULL, ei_str("C:\\Windows\\x.dll")), IOC_FALSE);
	with_leaf(FULL, "matches", NEGATED, "^c:");
	assert_truth(says(FULL, ei_str("C:\\Windows\\x.dll")), IOC_FALSE);
	with_leaf(FULL, "matches", NEGATED, ".");
	assert_truth(says(FULL, ei_str("C:\\Windows\\x.dll")), IOC_FALSE);
}

static void parts_of_paths_answer_their_terms(void **state)
{
	static const struct claim claims[] = {
		{ "FileItem/FileName", "is", PLAIN, "a.exe", "C:\\x\\a.exe", IOC_TRUE },
		{ "FileItem/FileName", "contains", PLAIN, "x", "C:\\x\\a.txt", IOC_TRUE },
		{ "FileItem/FileName", "contains", PLAIN, "xy", "C:\\xy\\a.exe", IOC_FALSE },
		{ "FileItem/FilePath", "is", PLAIN, "C:\\x", "C:\\x\\a.exe", IOC_TRUE },
		{ "FileItem/FilePath", "is", PLAIN, "C:\\x\\", "C:\\x\\a.exe", IOC_TRUE },
		{ "FileItem/FilePath", "is", PLAIN, "windows\\temp", "C:\\Windows\\Temp\\a.exe",
			IOC_TRUE },
		{ "FileItem/FilePath", "is", PLAIN, "windows\\temp", "\\Windows\\Temp\\a.exe",
			IOC_TRUE },
		{ FULL, "is", PLAIN, "C:\\Windows\\a.exe", "\\Windows\\a.exe", IOC_TRUE },
		{ FULL, "starts-with", PLAIN, "C:\\host", "\\\\host\\share\\a.exe", IOC_FALSE },
		{ "FileItem/FilePath", "contains", PLAIN, "a.exe", "C:\\x\\a.exe", IOC_FALSE },
		{ "FileItem/FileExtension", "is", PLAIN, ".exe", "C:\\x\\a.exe", IOC_TRUE },
		{ "FileItem/FileExtension", "is", PLAIN, "exe", "C:\\x\\a.exe", IOC_TRUE },
		{ "FileItem/FileExtension", "contains", PLAIN, "exe", "C:\\exe\\a", IOC_FALSE },
		{ "fileWriteEvent/fileName", "is", PLAIN, "a.exe", "C:\\x\\a.exe", IOC_TRUE },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(claims); i++) {
		with_leaf(claims[i].term, claims[i].condition, claims[i].flags, claims[i].content);
		assert_truth(says(FULL, ei_str(claims[i].value)), claims[i].wanted);
	}
}

#define KEY "RegistryItem/Path"

static void keys_are_compared_from_every_root(void **state)
{
	static const char machine[] = "\\REGISTRY\\MACHINE\\SOFTWARE\\Microsoft\\Run\\x";
	static const char user[] = "\\REGISTRY\\USER\\S-1-5-21-1-2-3-1001\\Software\\Run";
	static const struct claim claims[] = {
		{ KEY, "is", PLAIN, "HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Run\\x", machine,
			IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\Software\\Microsoft\\Run\\x", machine, IOC_TRUE },
		{ KEY, "is", PLAIN, "\\Registry\\Machine\\Software\\Microsoft\\Run\\x", machine,
			IOC_TRUE },
		{ KEY, "is", PLAIN, "Software\\Microsoft\\Run\\x", machine, IOC_TRUE },
		{ KEY, "is", PLAIN, "Microsoft\\Run\\x", machine, IOC_TRUE },
		{ KEY, "is", PLAIN, "soft\\Run\\x", machine, IOC_FALSE }, // not at a step
		{ KEY, "is", PLAIN, "HKCU\\Software\\Microsoft\\Run\\x", machine, IOC_FALSE },
		{ KEY, "contains", PLAIN, "Microsoft\\Run", machine, IOC_TRUE },
		{ KEY, "starts-with", PLAIN, "HKEY_LOCAL_MACHINE\\SOFTWARE", machine, IOC_TRUE },
		{ KEY, "is", PLAIN, "HKEY_CURRENT_USER\\Software\\Run", user, IOC_TRUE },
		{ KEY, "is", PLAIN, "HKCU\\Software\\Run", user, IOC_TRUE },
		{ KEY, "is", PLAIN, "HKU\\S-1-5-21-1-2-3-1001\\Software\\Run", user, IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\SYSTEM\\CurrentControlSet\\Services\\x",
			"\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\x", IOC_TRUE },
		{ KEY, "contains", PLAIN, "\\CurrentControlSet\\Services\\",
			"\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\x", IOC_TRUE },
		{ KEY, "is", PLAIN, "HKCR\\.exe", "\\REGISTRY\\MACHINE\\SOFTWARE\\Classes\\.exe",
			IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\Software\\Run", "HKEY_LOCAL_MACHINE\\Software\\Run",
			IOC_TRUE },
		{ KEY, "is", PLAIN, "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\x",
			"\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\x", IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\SYSTEM\\ControlSet002\\Services\\x",
			"\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\x", IOC_FALSE },
		{ KEY, "is", PLAIN, "SYSTEM\\CurrentControlSet\\Services\\x",
			"\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\x", IOC_TRUE },
		{ KEY, "starts-with", PLAIN, "HKEY_USERS\\S-1-5-21-", user, IOC_TRUE },
		{ KEY, "is", PLAIN, "HKEY_CURRENT_USER\\Software\\Run", machine, IOC_FALSE },
		{ KEY, "is", PLAIN, "HKCU\\Software\\Classes\\x",
			"\\REGISTRY\\USER\\S-1-5-21-1-2-3-1001_Classes\\x", IOC_TRUE },
		{ KEY, "is", PLAIN, "HKU\\.DEFAULT\\x", "\\REGISTRY\\USER\\.DEFAULT\\x", IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\Software\\Microsoft\\Run\\x",
			"\\REGISTRY\\MACHINE\\SOFTWARE\\WOW6432Node\\Microsoft\\Run\\x", IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\Software\\Wow6432Node\\Microsoft\\Run\\x",
			"\\REGISTRY\\MACHINE\\SOFTWARE\\WOW6432Node\\Microsoft\\Run\\x", IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\Software\\Wow6432Node\\Microsoft\\Run\\x", machine,
			IOC_FALSE },
		{ KEY, "is", PLAIN, "Computer\\HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Run\\x",
			machine, IOC_TRUE },
		{ KEY, "is", PLAIN, "HKLM\\Software\\Microsoft\\Run\\x\\", machine, IOC_TRUE },
		{ KEY, "ends-with", PLAIN, "\\Run\\x", machine, IOC_TRUE },
		{ KEY, "contains", PLAIN, "\\Run\\x\\", machine, IOC_FALSE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
	size_t count;
	with_leaf(KEY, "is", PLAIN, "Microsoft\\Run\\x");
	says(KEY, ei_str(machine));
	assert_true(ioc_hits(fx.evidence, 0, &count)->approximate);
	with_leaf(KEY, "is", PLAIN, "HKLM\\Software\\Microsoft\\Run\\x");
	says(KEY, ei_str(machine));
	assert_false(ioc_hits(fx.evidence, 0, &count)->approximate);
	assert_int_equal(count, 1);
}

static void only_the_current_control_set_is_current(void **state)
{
	(void)state;
	with_leaf(KEY, "contains", PLAIN, "CurrentControlSet");
	ioc_evidence_control_set(fx.evidence, 1);
	assert_truth(says(KEY, ei_str("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet002\\x")), IOC_FALSE);
	assert_truth(says(KEY, ei_str("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\x")), IOC_TRUE);
}

#define OBJECT "ProcessItem/HandleList/Handle/Name"

static void objects_are_compared_by_name_and_path(void **state)
{
	static const struct claim claims[] = {
		{ OBJECT, "is", PLAIN, "bad", "\\Sessions\\1\\BaseNamedObjects\\bad", IOC_TRUE },
		{ OBJECT, "is", PLAIN, "Local\\bad", "\\Sessions\\1\\BaseNamedObjects\\bad",
			IOC_TRUE },
		{ OBJECT, "is", PLAIN, "Global\\bad", "\\BaseNamedObjects\\bad", IOC_TRUE },
		{ OBJECT, "is", PLAIN, "\\BaseNamedObjects\\bad", "\\BaseNamedObjects\\bad",
			IOC_TRUE },
		{ OBJECT, "is", PLAIN, "ad", "\\BaseNamedObjects\\bad", IOC_FALSE },
		{ OBJECT, "is", PLAIN, "bad", "bad", IOC_TRUE },
		{ OBJECT, "is", PLAIN, "\\\\.\\pipe\\evil", "\\Device\\NamedPipe\\evil", IOC_TRUE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
}

// ---- regular expressions --------------------------------------------------------------------
static void regular_expressions_search_and_fold_case(void **state)
{
	static const struct claim claims[] = {
		{ ARGS, "matches", PLAIN, "\\bevil\\d+\\.exe$", "run EVIL42.exe", IOC_TRUE },
		{ ARGS, "matches", CASED, "\\bevil\\d+\\.exe$", "run EVIL42.exe", IOC_FALSE },
		{ ARGS, "matches", PLAIN, "^evil", "run evil", IOC_FALSE },
		{ ARGS, "matches", PLAIN, ".", "x", IOC_TRUE },
		{ ARGS, "matches", PLAIN, ".", "", IOC_FALSE },
		{ ARGS, "matches", PLAIN, "\\s-\\w+[^\\w]\\d", "a -enc 1", IOC_TRUE },
		{ ARGS, "matches", PLAIN, "^a.*?b$", "a1b2b", IOC_TRUE },
		{ ARGS, "matches", PLAIN, "[^a-z0-9]msbuild(\\.exe)?[^a-z0-9]", "x\\MSBuild.exe /y",
			IOC_TRUE },
		{ ARGS, "matches", NEGATED, "evil", "good", IOC_TRUE },
		{ ARGS, "matches", NEGATED, "evil", "an EVIL", IOC_FALSE },
		{ ARGS, "matches", PLAIN, "a{2,3}?b", "xaab", IOC_TRUE },
		{ ARGS, "matches", PLAIN, "one|two", "say TWO", IOC_TRUE },
		{ ARGS, "matches", PLAIN, "a\\x20b", "a b", IOC_TRUE },
		{ ARGS, "matches", PLAIN, "(unclosed", "(unclosed", IOC_UNKNOWN },
		{ FULL, "matches", PLAIN, "^[a-z]:\\\\Windows\\\\",
			"\\Device\\HarddiskVolume1\\Windows\\x", IOC_TRUE },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims));
	with_leaf("ProcessItem/SectionList/MemorySection/InjectedHexPattern", "matches", PLAIN,
		"\\x4d\\x5a\\x00.\\xff");
	ioc_evidence_answers(
		fx.evidence, "ProcessItem/SectionList/MemorySection/InjectedHexPattern", true);
	uint32_t owner = process(&fx, 1);
	uint32_t section = item(&fx, "ProcessItem/SectionList/MemorySection", owner);
	ioc_evidence_value(fx.evidence, "ProcessItem/SectionList/MemorySection/InjectedHexPattern",
		section, ei_bytes("xMZ\0\x01\xff", 6));
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void catastrophic_expressions_end_unknown(void **state)
{
	char text[2000];
	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 2] = '!';
	text[sizeof text - 1] = '\0';
	static const char *const patterns[] = { "^(a+)+$b", "(a*)*b", "(a|aa)+b",
		"((a{1,9}){1,9}){1,9}b" };
	for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
		with_leaf(ARGS, "matches", PLAIN, patterns[i]);
		enum ioc_truth truth = says(ARGS, ei_str(text));
		assert_true(truth == IOC_UNKNOWN || truth == IOC_FALSE);
	}
	with_leaf(ARGS, "matches", PLAIN, "^(a+)+$");
	assert_truth(says(ARGS, ei_str(text)), IOC_UNKNOWN);
	assert_int_equal(fx.verdict.reason, IOC_OUT_OF_STEPS);
	with_leaf(ARGS, "matches", NEGATED, "^(a+)+$");
	assert_truth(says(ARGS, ei_str(text)), IOC_UNKNOWN);
}

// An image has as many values as its author likes: what an expression may cost in all is bounded.
static void an_expression_that_is_always_given_up_is_not_tried_for_ever(void **state)
{
	char text[2000];
	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 2] = '!';
	text[sizeof text - 1] = '\0';
	with_leaf(ARGS, "matches", PLAIN, "^(a+)+$");
	ANSWERS(&fx, ARGS);
	for (uint32_t i = 0; i < 2 * IOC_GIVE_UPS_MAX; i++)
		gives(&fx, process(&fx, i), ARGS, text);
	gives(&fx, process(&fx, 1000), ARGS, "aaa");
	assert_truth(verdict(&fx), IOC_UNKNOWN);
	assert_int_equal(fx.verdict.reason, IOC_OUT_OF_STEPS);
}

static void literals_are_what_every_match_has(void **state)
{
	static const struct {
		const char *pattern, *literal;
	} cases[] = {
		{ "evil\\.exe", "evil.exe" },
		{ "^EVIL$", "evil" },
		{ "ab?cdef", "cdef" },
		{ "abcd*", "abc" },
		{ "abc+def", "abc" },
		{ "abc{0,2}defg", "defg" },
		{ "one|other", "" },
		{ "(one|other)something", "something" },
		{ "[abc]+tail", "tail" },
		{ "\\d+name\\w", "name" },
		{ "\\x41bcd", "" },
		{ "\\x{41}bcd", "bcd" },
		{ "(?i)abcdef", "abcdef" },
		{ "(?x)a b c d", "" },
		{ "\\Qa.b|c\\E", "" },
		{ "(optional)?must", "must" },
		{ "(?!not)must", "must" },
		{ "a.b", "" },
		{ "abc(?#comment)def", "abc" },
		{ "[]abc]xyz", "xyz" },
		{ "[^]abc]xyz", "xyz" },
		{ "\\[xyz\\]", "[xyz]" },
		{ "caf\xc3\xa9s and more", "s and more" },
		{ "", "" },
		{ "abc\\", "abc" },
		{ "(((", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char literal[64] = "";
		size_t length = regex_literal(cases[i].pattern, strlen(cases[i].pattern), literal);
		literal[length] = '\0';
		if (strcmp(literal, cases[i].literal) != 0)
			fail_msg("'%s' has '%s', want '%s'", cases[i].pattern, literal,
				cases[i].literal);
	}
}

// Whatever is generated: a text that matches has the literal in it.
static void literals_never_lose_a_match(void **state)
{
	static const char *const pieces[] = { "abc", "d", "?", "*", "+", "(xy)", "(xy)?", "[ab]",
		"\\.", "\\d", "|", ".", "{0,1}", "{2}", "(?:ab|c)", "\\x61", "^", "$" };
	static const char *const texts[] = { "abcd", "abc", "aabcdd", "xyabc", "abcxy.", "ab",
		"abab.d1", "abcabcabc", "dxyd1abc", "" };
	uint32_t seed = 1;
	size_t matched = 0;
	struct regex_wish wish = { .bytes = true, .steps = 100000 };
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char pattern[128] = "", literal[128];
		size_t used = 0;
		for (int i = 0; i < 6; i++) {
			seed = seed * 1664525 + 1013904223;
			used += (size_t)snprintf(pattern + used, sizeof pattern - used, "%s",
				pieces[(seed >> 16) % ARRAY_LENGTH(pieces)]);
		}
		EI_OWNED(regex) regex = NULL;
		ei_error_drop(regex_create(pattern, used, &wish, &regex)); // many make no sense
		size_t length = regex_literal(pattern, used, literal);
		for (size_t t = 0; regex && t < ARRAY_LENGTH(texts); t++) {
			if (regex_find(regex, texts[t], strlen(texts[t])) != REGEX_FOUND)
				continue;
			matched++;
			if (length && !memmem(texts[t], strlen(texts[t]), literal, length))
				fail_msg("'%s' matches '%s' without '%.*s'", pattern, texts[t],
					(int)length, literal);
		}
	}
	assert_true(matched > 1000);
}

static void bytes_of_an_expression_are_looked_for(void **state)
{
	static const struct {
		const char *pattern, *bytes;
	} cases[] = {
		{ "\\xE8\\x00\\x00\\x00\\x00[\\x5D\\x58]", "E800000000" },
		{ "\\x64\\x8B.\\x30\\x8B.\\x0C\\x8B", "648B??308B??0C8B" },
		{ "\\x64\\x8B\\x01\\x02\\x03*", "648B0102" },
		{ "\\x64\\x8B\\x01\\x02..", "648B0102" },
		{ "\\x64\\x8B\\x01", "" },              // too few
		{ "\\x64..\\x8B..\\x01..\\x02", "" },   // none together
		{ "\\x64\\x8B\\x01\\x02|\\x03", "" },   // not certain
		{ "\\x64\\x8B\\x01\\x02(\\x03)?", "" }, // not bytes alone
		{ "^\\x64\\x8B\\x01\\x02", "" },
		{ "\\x64\\x8B\\x01\\x0", "" },
		{ "plain", "" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char bytes[128];
		size_t length = regex_bytes(cases[i].pattern, strlen(cases[i].pattern), bytes);
		if (length != strlen(cases[i].bytes) || memcmp(bytes, cases[i].bytes, length) != 0)
			fail_msg("'%s': '%.*s'", cases[i].pattern, (int)length, bytes);
	}
}

// ---- the automaton --------------------------------------------------------------------------
struct found {
	size_t count;
	uint64_t sum;
};

static void count_found(void *context, uint32_t tag, size_t start, size_t end)
{
	struct found *found = context;
	found->count++;
	found->sum += (tag + 1) * (start * 31 + end);
}

static void automaton_finds_what_a_plain_search_finds(void **state)
{
	uint32_t seed = 7;
	(void)state;
	for (int round = 0; round < 200; round++) {
		char texts[40][8], haystack[300];
		EI_OWNED(automaton) automaton = NULL;
		struct found found = { 0 }, plain = { 0 };
		worked(automaton_create(&automaton));
		for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
			seed = seed * 1664525 + 1013904223;
			size_t length = 1 + (seed >> 20) % 6;
			for (size_t at = 0; at < length; at++) {
				seed = seed * 1664525 + 1013904223;
				texts[i][at] = (char)('a' + (seed >> 24) % 3);
			}
			texts[i][length] = '\0';
			worked(automaton_add(automaton, texts[i], length, (uint32_t)i));
		}
		worked(automaton_finish(automaton));
		for (size_t at = 0; at < sizeof haystack; at++) {
			seed = seed * 1664525 + 1013904223;
			haystack[at] = (char)('a' + (seed >> 24) % 3);
		}
		automaton_run(automaton, haystack, sizeof haystack, count_found, &found);
		for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
			for (size_t at = 0; at + strlen(texts[i]) <= sizeof haystack; at++)
				if (!memcmp(haystack + at, texts[i], strlen(texts[i])))
					count_found(&plain, (uint32_t)i, at, at + strlen(texts[i]));
		assert_int_equal(found.count, plain.count);
		assert_int_equal(found.sum, plain.sum);
	}
}

// ---- what is left of a value ------------------------------------------------------------------
static void a_name_that_is_cut_may_be_a_longer_one(void **state)
{
	static const struct {
		const char *condition, *content, *name;
		enum ioc_truth wanted;
	} cases[] = {
		{ "is", "GoogleUpdateSetup.exe", "GoogleUpdateSe", IOC_UNKNOWN },
		{ "is", "GoogleUpdater.exe", "GoogleUpdateSe", IOC_FALSE },
		{ "starts-with", "Google", "GoogleUpdateSe", IOC_TRUE },
		{ "starts-with", "Noodle", "GoogleUpdateSe", IOC_FALSE },
		{ "contains", "UpdateS", "GoogleUpdateSe", IOC_TRUE },
		{ "contains", "Setup", "GoogleUpdateSe", IOC_UNKNOWN },
		{ "ends-with", "dateSe", "GoogleUpdateSe", IOC_UNKNOWN },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		with_leaf(NAME, cases[i].condition, PLAIN, cases[i].content);
		ioc_evidence_answers(fx.evidence, NAME, true);
		ioc_evidence_cut_value(fx.evidence, NAME, process(&fx, 1), ei_str(cases[i].name));
		if (verdict(&fx) != cases[i].wanted)
			fail_msg("'%s' %s is %s", cases[i].content, cases[i].condition,
				ioc_truth_name(fx.verdict.truth));
	}
}

static void the_same_question_is_one_atom(void **state)
{
	(void)state;
	with(&fx, DOC(OR(IS(NAME, "a.exe"), IS(NAME, "A.EXE"), NOT_IS(NAME, "a.exe"),
			  ITEM_OF("is", CASED, NAME, "a.exe") IS("ProcessItem/path", "a.exe"))));
	assert_int_equal(ioc_atom_count(fx.program), 3);
	assert_true(ioc_wants(fx.program, NAME));
	assert_true(ioc_wants(fx.program, "processitem/PATH"));
	assert_false(ioc_wants(fx.program, ARGS));
	assert_false(ioc_wants(fx.program, "No/Such/Term"));
	with(&fx, DOC(OR(IS("imageLoadEvent/fileName", "a.dll"))));
	assert_true(ioc_wants(fx.program, "ProcessItem/SectionList/MemorySection/Name"));
}

#define SCORED(id)                                                                                 \
	"<IndicatorItem id='" id "' condition='is' " PLAIN "><Context search='" NAME               \
	"'/><Content type='string'>a.exe</Content></IndicatorItem>"

static void leaves_of_one_atom_keep_their_own_parameters(void **state)
{
	(void)state;
	with(&fx, "<OpenIOC xmlns='http://openioc.org/schemas/OpenIOC_1.1' id='d'><criteria>" OR(
			  SCORED("one"), SCORED("two")) "</criteria><parameters>"
							"<param id='1' ref-id='one' "
							"name='score'><value>70</value></param>"
							"<param id='2' ref-id='two' "
							"name='score'><value>5</value></param>"
							"<param id='3' ref-id='two' "
							"name='note'><value>why</value></param>"
							"</parameters></OpenIOC>");
	const struct ioc_node *one = ioc_set_at(fx.set, 0)->root->first, *two = one->next;
	assert_int_equal(ioc_atom_count(fx.program), 1);
	assert_int_equal(one->leaf.atom, two->leaf.atom);
	assert_string_equal(ioc_param(one, "score"), "70");
	assert_null(ioc_param(one, "note"));
	assert_string_equal(ioc_param(two, "score"), "5");
	assert_string_equal(ioc_param(two, "note"), "why");
	ANSWERS(&fx, NAME);
	gives(&fx, process(&fx, 1), NAME, "a.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.score, 75);
}

// More than any table of words holds at a time: all are told apart, and the last is found.
static void twenty_thousand_texts_are_as_many_atoms(void **state)
{
	(void)state;
	enum { TEXTS = 20000 };
	struct text list;
	text_init(&list, 4 << 20);
	for (unsigned i = 0; i < TEXTS; i++)
		text_addf(&list, "host-%u.example.com\nHOST-%u.example.com\n", i, i);
	worked(ioc_set_create(NULL, &fx.set));
	worked(ioc_set_add_bytes(fx.set, "hosts.txt", list.data, list.length));
	text_deinit(&list);
	worked(ioc_compile(fx.set, &fx.program));
	assert_int_equal(ioc_set_count(fx.set), 2 * TEXTS);
	const struct ioc_node *last = ioc_set_at(fx.set, 2 * TEXTS - 1)->root;
	const struct ioc_node *before = ioc_set_at(fx.set, 2 * TEXTS - 2)->root;
	assert_int_equal(ioc_atom_count(fx.program) % TEXTS, 0);
	while (last->kind != IOC_LEAF) {
		last = last->first;
		before = before->first;
	}
	assert_int_equal(last->leaf.atom, before->leaf.atom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(text_is_compared_by_its_condition, tear_down),
		cmocka_unit_test_teardown(blanks_count_where_the_type_means_them, tear_down),
		cmocka_unit_test_teardown(doubled_backslashes_are_tried_both_ways, tear_down),
		cmocka_unit_test_teardown(numbers_are_strict_and_know_ranges, tear_down),
		cmocka_unit_test_teardown(times_are_exact_to_what_is_written, tear_down),
		cmocka_unit_test_teardown(addresses_know_networks_and_beginnings, tear_down),
		cmocka_unit_test_teardown(truth_is_written_in_several_ways, tear_down),
		cmocka_unit_test_teardown(paths_are_compared_in_every_spelling, tear_down),
		cmocka_unit_test_teardown(a_known_volume_has_its_letter, tear_down),
		cmocka_unit_test_teardown(a_device_path_does_not_count_against_a_drive, tear_down),
		cmocka_unit_test_teardown(
			that_a_path_has_a_drive_does_not_count_against_it, tear_down),
		cmocka_unit_test_teardown(parts_of_paths_answer_their_terms, tear_down),
		cmocka_unit_test_teardown(keys_are_compared_from_every_root, tear_down),
		cmocka_unit_test_teardown(only_the_current_control_set_is_current, tear_down),
		cmocka_unit_test_teardown(objects_are_compared_by_name_and_path, tear_down),
		cmocka_unit_test_teardown(regular_expressions_search_and_fold_case, tear_down),
		cmocka_unit_test_teardown(catastrophic_expressions_end_unknown, tear_down),
		cmocka_unit_test_teardown(
			an_expression_that_is_always_given_up_is_not_tried_for_ever, tear_down),
		cmocka_unit_test(bytes_of_an_expression_are_looked_for),
		cmocka_unit_test(literals_are_what_every_match_has),
		cmocka_unit_test(literals_never_lose_a_match),
		cmocka_unit_test(automaton_finds_what_a_plain_search_finds),
		cmocka_unit_test_teardown(a_name_that_is_cut_may_be_a_longer_one, tear_down),
		cmocka_unit_test_teardown(the_same_question_is_one_atom, tear_down),
		cmocka_unit_test_teardown(leaves_of_one_atom_keep_their_own_parameters, tear_down),
		cmocka_unit_test_teardown(twenty_thousand_texts_are_as_many_atoms, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
