# eidetic ioc: what is in indicators, what is wrong with them, what memory can answer of them.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
tab=$(printf '\t')
folder=$work/indicators
mkdir "$folder" "$folder/more"

# says NAME STATUS LINE ARGUMENT...: ends with STATUS, and exactly LINE is one line of stdout.
says() {
	claim_name=$1 want=$2 line=$3
	shift 3
	run "$@"
	why=
	[ "$status" = "$want" ] || why="exit status $status, want $want: $(cat "$work/err")"
	grep -qxF -- "$line" "$work/out" || why="$why; no line '$line' in: $(head -c 900 "$work/out")"
	claim "$claim_name" "$why"
}

cat >"$folder/a.ioc" <<'END'
<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="one">
<metadata><short_description>A tool</short_description></metadata>
<criteria><Indicator operator="OR">
<IndicatorItem condition="is" preserve-case="false" negate="false"><Context search="FileItem/Md5sum"/>
<Content type="md5">0123456789abcdef0123456789abcdef</Content></IndicatorItem>
<Indicator operator="AND">
<IndicatorItem condition="is" preserve-case="false" negate="false"><Context search="processEvent/process"/>
<Content type="string">a.exe</Content></IndicatorItem>
<IndicatorItem condition="contains" preserve-case="false" negate="true"><Context search="FileItem/FileName"/>
<Content type="string">b</Content></IndicatorItem>
</Indicator></Indicator></criteria></OpenIOC>
END
printf 'evil[.]example\n' >"$folder/list.txt"
printf 'type,value\nmutex,bad\n' >"$folder/more/t.csv"
printf 'This is\na licence\n' >"$folder/LICENSE"

# ---- check
says indicator_has_its_classes 0 "$folder/a.ioc${tab}1${tab}OpenIOC 1.1${tab}one${tab}A tool${tab}3${tab}1${tab}1${tab}0${tab}1${tab}0${tab}a+b" ioc check "$folder"
says list_is_read 0 "$folder/list.txt${tab}1${tab}list${tab}-${tab}evil.example${tab}1${tab}0${tab}0${tab}1${tab}0${tab}0${tab}a+b+c" ioc check "$folder"
claim folder_within_is_read "$(grep -q "^$folder/more/t.csv${tab}2${tab}CSV" "$work/out" || cat "$work/out")"
claim other_files_are_passed_over "$(grep -q "^# note: $folder/LICENSE: passed over: " "$work/out" || cat "$work/out")"
claim totals_are_given "$(grep -qF '# note: 4 files, 0 skipped; 3 indicators, 6 conditions; can become true: 1 by class a, 1 more with b, 1 more with c, 0 only with d, 0 never' "$work/out" || tail -1 "$work/out")"
run ioc check --leaves "$folder"
claim leaf_has_its_artefact_and_plugins "$(grep -q "^$folder/a.ioc${tab}7${tab}A tool${tab}processEvent/process${tab}false${tab}is${tab}a.exe${tab}a${tab}processes, as they are now${tab}[a-z,]*pslist[a-z,]*${tab}-\$" "$work/out" || cat "$work/out")"
run -r csv ioc check "$folder/a.ioc"
claim csv_has_the_columns "$(head -1 "$work/out" | grep -q '^file,line,format,id,name,leaves,a,b,c,d,not_asked,reach' || head -1 "$work/out")"
run -r jsonl ioc check "$folder/a.ioc" "$folder/list.txt"
claim json_has_rows_and_an_end "$([ "$status" = 0 ] && tail -1 "$work/out" | grep -q '"complete":true' && [ "$(grep -c '"reach":' "$work/out")" = 2 ] || cat "$work/out")"

# ---- what is wrong
printf '<OpenIOC><criteria>' >"$work/cut.ioc"
refused broken_file_alone_is_an_error 1 'cut.ioc' ioc check "$work/cut.ioc"
run ioc check "$work/cut.ioc" "$folder"
claim broken_file_does_not_stop_the_rest "$([ "$status" = 4 ] && grep -q "^# note: $work/cut.ioc: skipped: line 1" "$work/out" && grep -q "^$folder/a.ioc" "$work/out" || echo "status $status: $(cat "$work/out")")"
claim cut_listing_says_so "$(tail -1 "$work/out" | grep -q 'some files were skipped' || tail -1 "$work/out")"
printf '<OpenIOC><criteria><Indicator operator="OR"><IndicatorItem condition="matches"><Context search="ProcessItem/arguments"/><Content>(x</Content></IndicatorItem></Indicator></criteria></OpenIOC>' >"$work/regex.ioc"
run ioc check "$work/regex.ioc"
claim bad_expression_is_said "$(grep -q "^# note: $work/regex.ioc:1: 'ProcessItem/arguments' matches '(x': at character 3" "$work/out" || cat "$work/out")"
printf '<!DOCTYPE x [<!ENTITY a "b">]><OpenIOC id="&a;"/>' >"$work/entity.ioc"
refused document_types_are_refused 1 'document type' ioc check "$work/entity.ioc"
refused missing_file_is_said 1 'No such file' ioc check "$work/none"
refused device_is_no_file 1 'not a file' ioc check /dev/null
truncate -s 300M "$work/large.json"
refused large_file_is_refused 1 'at most 268435456' ioc check "$work/large.json"
printf '<OpenIOC id="\033[31m"><metadata><short_description>a\033[31mb</short_description></metadata></OpenIOC>' >"$work/control.ioc"
run ioc check "$work/control.ioc"
claim control_bytes_do_not_reach_the_terminal "$(LC_ALL=C grep -q "$(printf '\033')" "$work/out" "$work/err" && cat -v "$work/out")"

# ---- formats together
mixed=$work/mixed
mkdir -p "$mixed/below"
item='<Indicator operator="OR"><IndicatorItem condition="is"><Context search="ProcessItem/name"/><Content>a.exe</Content></IndicatorItem></Indicator>'
printf '<ioc id="old"><definition>%s</definition></ioc>' "$item" >"$mixed/old.ioc"
printf '<s:STIX_Package xmlns:s="s"><s:x><o:ioc xmlns:o="o" id="within"><definition>%s</definition></o:ioc></s:x></s:STIX_Package>' "$item" >"$mixed/package.xml"
cp "$folder/a.ioc" "$folder/list.txt" "$mixed"
printf '{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","pattern":"[process:name = \047a\047]"}]}' >"$mixed/below/bundle.json"
printf '{"Event":{"info":"e","Attribute":[{"uuid":"u","type":"mutex","value":"m","to_ids":true}]}}' >"$mixed/below/event.json"
printf 'type,value\nmutex,bad\n' >"$mixed/t.csv"
printf '0123456789abcdef0123456789abcdef;tool\n' >"$mixed/hash-iocs.txt"
printf 'rule r { condition: true }\n' >"$mixed/r.yar"
printf 'title: t\nlogsource: { category: process_creation }\ndetection: { a: { User: x }, condition: a }\n' >"$mixed/s.yml"
printf '{"objects":[' >"$mixed/broken.json"
run ioc check "$mixed"
formats=$(grep -v '^#' "$work/out" | cut -f3 | sort -u | tr '\n' ' ')
claim formats_may_be_mixed "$([ "$status" = 4 ] && [ "$formats" = 'CSV Loki MISP OpenIOC 1.0 OpenIOC 1.1 STIX Sigma YARA format list ' ] && grep -q '^# note: .*broken.json: skipped' "$work/out" || echo "status $status: $formats $(cat "$work/err")")"
claim documents_within_others_are_counted "$(grep -q "package.xml.*within" "$work/out" || cat "$work/out")"

# ---- wrong use
refused word_is_wanted 2 'want check' ioc
refused word_gets_a_suggestion 2 "is 'check' meant?" ioc chekc
refused file_is_wanted 2 'no file was named' ioc check
refused option_is_unknown 2 "no option '--levaes'" ioc check --levaes x
run ioc --help
claim help_is_printed "$([ "$status" = 0 ] && grep -q 'ioc check' "$work/out" || echo "status $status")"

# ---- recovery
printf '<ioc id="d"><definition><Indicator operator="OR"><IndicatorItem id="evil.example" condition="contains"><Context search="Network/DNS"/><Content/></IndicatorItem></Indicator></definition></ioc>' >"$work/empty.ioc"
run ioc check "$work/empty.ioc"
claim empty_condition_never_matches "$(grep -q "${tab}1${tab}never\$" "$work/out" || cat "$work/out")"
run ioc check --recover --leaves "$work/empty.ioc"
claim value_is_recovered_when_asked "$(grep -q "contains${tab}evil.example${tab}c" "$work/out" || cat "$work/out")"
finish
