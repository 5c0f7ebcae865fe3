# eidetic ioc match: things that several sources speak of, and that conditions must meet in.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common

cat >"$work/scenario.json" <<'END'
{
	"population": "minimal",
	"build": 19041,
	"time": "2024-05-02T09:00:00.0000000Z",
	"processes": [
		{ "name": "writer.exe", "path": "C:\\Temp\\writer.exe", "handles": [
			{ "type": "File", "name": "\\Temp\\data.bin", "access": 1179785 },
			{ "type": "File", "name": "\\Temp\\out.bin", "access": 1180063 } ] }
	],
	"files": [
		{ "path": "C:\\Temp\\data.bin", "data": true, "cached": true,
			"content": [ { "text": "some content" }, { "offset": 4096, "fill": 65, "size": 500 } ] },
		{ "path": "C:\\Temp\\other.bin", "data": true, "cached": true,
			"content": [ { "text": "other content" }, { "offset": 4096, "fill": 66, "size": 600 } ] }
	],
	"drivers": [ { "name": "hooker.sys" } ],
	"hives": [
		{ "extend": "SOFTWARE", "keys": [
			{ "path": "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\Folder\\Evil Task",
				"values": [ { "name": "Id", "type": "REG_SZ", "data": "{1}" } ] },
			{ "path": "Run", "values": [ { "name": "On", "type": "REG_DWORD", "data": 1 }, { "name": "", "type": "REG_SZ", "data": "nameless" } ] } ] },
		{ "file": "\\??\\C:\\Windows\\AppCompat\\Programs\\Amcache.hve", "root": "{11517B7C-E79D-4e20-961B-75A811715ADD}", "keys": [
			{ "path": "Root\\InventoryApplicationFile\\gone.exe|1", "values": [
				{ "name": "LowerCaseLongPath", "type": "REG_SZ", "data": "c:\\temp\\gone.exe" },
				{ "name": "FileId", "type": "REG_SZ", "data": "0000a94a8fe5ccb19ba61c4c0873d391e987982fbbd3" } ] } ] }
	]
}
END
"$build/forge" --profile win10-19041-x64 --scenario "$work/scenario.json" --format raw --size 1G --seed 1 \
	-o "$work/image" >"$work/forge.log" 2>&1 || { echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }

digest() {
	"$eidetic" -f "$work/image" -r text filehash 2>/dev/null | awk -F '\t' -v name="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$at["name"] == name && length($at["md5"]) == 32 { print $at["md5"], $at["size"], $at["sha256"]; exit }'
}
set -- $(digest data.bin) $(digest other.bin)
claim files_have_digests "$([ $# = 6 ] || echo "$@")"
md5=$1 size=$2 sha256=$3 other=$4

# leaf TERM CONDITION VALUE [not]
leaf() {
	printf '<IndicatorItem condition="%s" preserve-case="false" negate="%s"><Context search="%s"/><Content>%s</Content></IndicatorItem>' \
		"$2" "$([ "${4:-}" = not ] && echo true || echo false)" "$1" "$3"
}
mkdir "$work/iocs"
document() {
	name=$1 operator=$2
	shift 2
	printf '<OpenIOC id="%s"><metadata><short_description>%s</short_description></metadata><criteria><Indicator operator="%s">%s</Indicator></criteria></OpenIOC>' \
		"$name" "$name" "$operator" "$(printf '%s' "$@")" >"$work/iocs/$name.ioc"
}

# ---- one file, of which several plugins speak
document name_and_digest_are_of_one_file AND "$(leaf FileItem/FileName is data.bin)" "$(leaf FileItem/Md5sum is "$md5")"
document NOT_name_and_digest_of_two_files AND "$(leaf FileItem/FileName is data.bin)" "$(leaf FileItem/Md5sum is "$other")"
document path_size_and_digest_are_of_one_file AND "$(leaf FileItem/FilePath is 'C:\Temp')" "$(leaf FileItem/SizeInBytes is "$size")" "$(leaf FileItem/Md5sum is "$md5")"
document file_that_ran_is_known_by_its_sha1 AND "$(leaf FileItem/FileName is gone.exe)" "$(leaf FileItem/Sha1sum is a94a8fe5ccb19ba61c4c0873d391e987982fbbd3)"
document NOT_sha1_of_another_file AND "$(leaf FileItem/FileName is data.bin)" "$(leaf FileItem/Sha1sum is a94a8fe5ccb19ba61c4c0873d391e987982fbbd3)"
document file_is_known_by_its_sha256 AND "$(leaf FileItem/FileName is data.bin)" "$(leaf FileItem/Sha256sum is "$sha256")"
document NOT_sha256_of_another_file AND "$(leaf FileItem/FileName is other.bin)" "$(leaf FileItem/Sha256sum is "$sha256")"
document value_without_a_name_is_the_default AND "$(leaf RegistryItem/ValueName is '(Default)')" "$(leaf RegistryItem/Text is nameless)"
document who_writes_a_file AND "$(leaf fileWriteEvent/fileName is out.bin)" "$(leaf fileWriteEvent/process is writer.exe)" "$(leaf fileWriteEvent/processPath contains '\Temp\')"
document NOT_who_only_reads_a_file AND "$(leaf fileWriteEvent/fileName is data.bin)" "$(leaf fileWriteEvent/process is writer.exe)"
document how_a_file_begins AND "$(leaf fileWriteEvent/fileName is data.bin)" "$(leaf fileWriteEvent/textAtLowestOffset starts-with 'some content.')"
document NOT_how_another_file_begins AND "$(leaf fileWriteEvent/fileName is data.bin)" "$(leaf fileWriteEvent/textAtLowestOffset starts-with 'other content')"
document program_begins_as_one AND "$(leaf fileWriteEvent/fileName is hooker.sys not)" "$(leaf fileWriteEvent/textAtLowestOffset starts-with MZ)"
document NOT_written_by_another AND "$(leaf fileWriteEvent/fileName is out.bin)" "$(leaf fileWriteEvent/process is writer.exe not)"

# ---- programs
document kernel_says_what_it_is AND "$(leaf FileItem/FileName is ntoskrnl.exe)" "$(leaf FileItem/PEInfo/PdbPath is ntkrnlmp.pdb)" "$(leaf FileItem/PEInfo/PETimeStamp greater-than 1990-01-01)" "$(leaf FileItem/PEInfo/Sections/Section/Name is .text)"
document exports_are_of_the_program AND "$(leaf FileItem/FileName is ntoskrnl.exe)" "$(leaf FileItem/PEInfo/Exports/ExportedFunctions/string is PsLoadedModuleList)"
document NOT_exports_of_another AND "$(leaf FileItem/FileName is hooker.sys)" "$(leaf FileItem/PEInfo/Exports/ExportedFunctions/string is PsLoadedModuleList)"
document modules_are_asked_where_they_are AND "$(leaf ProcessItem/name is writer.exe)" "$(leaf FileItem/PEInfo/Type is Executable)"
document driver_is_one AND "$(leaf DriverItem/DriverName is hooker.sys)" "$(leaf DriverItem/DriverPath contains hooker.sys)"

# ---- processes
document privilege_is_enabled AND "$(leaf ProcessItem/name is lsass.exe)" "$(leaf ProcessItem/EnabledPrivilege/Name contains Privilege)"
document integrity_has_a_name AND "$(leaf ProcessItem/name is lsass.exe)" "$(leaf ProcessItem/IntegrityLevel is System)"
document NOT_integrity_of_another AND "$(leaf ProcessItem/name is lsass.exe)" "$(leaf ProcessItem/IntegrityLevel is Low)"

# ---- hooks, tasks
document NOT_module_that_hooks_nothing OR "$(leaf HookItem/HookingModule is ntoskrnl.exe)"
document task_is_found AND "$(leaf TaskItem/Name is 'Evil Task')" "$(leaf TaskItem/path is '\Folder\Evil Task')"
document NOT_folder_of_tasks OR "$(leaf TaskItem/Name is Folder)"

# ---- other languages about the same
cat >"$work/iocs/registry_number_is_read_from_a_log.yml" <<'END'
title: registry_number_is_read_from_a_log
id: registry_number_is_read_from_a_log
logsource: { category: registry_set, product: windows }
detection:
  a: { TargetObject|endswith: '\Run\On', Details: 'DWORD (0x00000001)', EventType: SetValue }
  condition: a
END
cat >"$work/iocs/NOT_other_number.yml" <<'END'
title: NOT_other_number
id: NOT_other_number
logsource: { category: registry_set, product: windows }
detection:
  a: { TargetObject|endswith: '\Run\On', Details: 'DWORD (0x00000002)' }
  condition: a
END
cat >"$work/iocs/bundle.json" <<END
{"type":"bundle","id":"bundle--1","objects":[
{"type":"indicator","id":"indicator--1","name":"stix_file_is_one","pattern":"[file:name = 'data.bin' AND file:hashes.MD5 = '$md5']"},
{"type":"indicator","id":"indicator--2","name":"NOT_stix_files_are_two","pattern":"[file:name = 'data.bin' AND file:hashes.MD5 = '$other']"},
{"type":"indicator","id":"indicator--3","name":"stix_key_is_found","pattern":"[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\\\\\\\SOFTWARE\\\\\\\\Run' AND windows-registry-key:values[*].name = 'On']"}]}
END
cat >"$work/iocs/event.json" <<END
{"Event":{"info":"misp","Attribute":[
{"uuid":"1","type":"filename|md5","value":"data.bin|$md5","to_ids":true},
{"uuid":"2","type":"filename|md5","value":"other.bin|$md5","to_ids":true},
{"uuid":"3","type":"regkey|value","value":"HKLM\\\\SOFTWARE\\\\Run|1","to_ids":true},
{"uuid":"4","type":"regkey|value","value":"HKLM\\\\SOFTWARE\\\\Run\\\\On|1","to_ids":true},
{"uuid":"5","type":"regkey|value","value":"HKLM\\\\SOFTWARE\\\\Run\\\\On|2","to_ids":true}]}}
END
printf 'rule {' >"$work/iocs/broken.yar"

run -f "$work/image" ioc match --ioc "$work/iocs"
claim broken_file_is_said_and_the_rest_runs "$(grep -q 'broken.yar' "$work/out" || { cat "$work/err"; tail -3 "$work/out"; })"
# truth NAME WANT
truth() { claim "$1" "$(grep -Eq "^\* $2	$1	" "$work/out" || grep "^\* .*$1" "$work/out" | head -3 | grep . || echo missing)"; }
for name in $(cd "$work/iocs" && ls | grep -v '^bundle\|^event\|^broken' | sed 's/\..*//') \
	stix_file_is_one NOT_stix_files_are_two stix_key_is_found; do
	case $name in NOT_*) truth "$name" '(unknown|false)' ;; *) truth "$name" true ;; esac
done
misp() { claim "$1" "$(grep -Fq "* $2	$3	" "$work/out" || grep -F "$3" "$work/out" | head -2 | grep . || echo missing)"; }
misp misp_file_is_one true "data.bin|$md5"
misp misp_file_of_another_name_is_not_it unknown "other.bin|$md5"
misp misp_key_and_data_meet true 'HKLM\SOFTWARE\Run|1'
misp misp_value_and_data_meet true 'HKLM\SOFTWARE\Run\On|1'
misp misp_other_data_is_not_it false 'HKLM\SOFTWARE\Run\On|2'

# ---- hooks of system calls, which lead to any module where addresses are short
printf '{ "population": "minimal", "drivers": [ { "name": "hooker.sys" } ], "service_hooks": [ { "index": 5, "module": "hooker.sys", "offset": "0x1100" } ] }' >"$work/short.json"
"$build/forge" --profile win7-sp1-x86 --scenario "$work/short.json" --format raw --size 512M --seed 1 -o "$work/short" >"$work/forge.log" 2>&1 ||
	{ echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }
mkdir "$work/hooks"
leaf HookItem/HookingModule is hooker.sys >"$work/item"
printf '<OpenIOC id="h"><criteria><Indicator operator="OR">%s</Indicator></criteria></OpenIOC>' "$(cat "$work/item")" >"$work/hooks/h.ioc"
run -f "$work/short" ioc match --ioc "$work/hooks"
claim hook_has_its_module "$(grep -q '^\* true' "$work/out" || cat "$work/out" "$work/err")"
run -f "$work/image" ioc match --ioc "$work/hooks"
claim module_without_a_hook_has_none "$(grep -q '^\* true' "$work/out" && cat "$work/out")"
finish
