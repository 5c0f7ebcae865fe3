# eidetic ioc over files that mean harm: each ends soon, is said in one line, and the rest is read.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
tab=$(printf '\t')
eidetic_plain=$eidetic
SECONDS_MAX=120

# Ends what does not end by itself, with status 124, which no test wants.
cat >"$work/eidetic" <<END
#!/bin/sh
exec timeout $SECONDS_MAX "$eidetic_plain" "\$@"
END
chmod +x "$work/eidetic"
eidetic=$work/eidetic

# many COUNT TEXT: TEXT so many times, on one line.
many() { awk -v n="$1" -v text="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", text }'; }

# item TERM CONDITION: the value is what stands between it and item_end.
item() { printf '<IndicatorItem id="i" condition="%s"><Context search="%s"/><Content type="string">' "$2" "$1"; }
item_end='</Content></IndicatorItem>'
document='<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="d"><short_description>d</short_description><definition><Indicator operator="OR" id="o">'
document_end='</Indicator></definition></ioc>'

# ---- what is refused, each in one line -----------------------------------------------------------
{ printf '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
	for pair in ba cb dc ed fe gf hg ih ji; do printf '<!ENTITY %s "%s">' "${pair%?}" "$(many 10 "&${pair#?};")"; done
	printf ']><ioc>&j;</ioc>'; } >"$work/laughs.ioc"
refused entities_are_not_expanded 1 'document type' ioc check "$work/laughs.ioc"
{ printf %s "$document"; many 10000 '<Indicator operator="AND">'; many 10000 '</Indicator>'; printf %s "$document_end"; } >"$work/nested.ioc"
refused groups_without_end_are_refused 1 'more than 64 conditions are within each other' ioc check "$work/nested.ioc"
{ printf %s "$document"; item FileItem/FileName is; printf 'a\000b%s%s' "$item_end" "$document_end"; } >"$work/nul.ioc"
refused zero_bytes_are_refused 1 'line 1' ioc check "$work/nul.ioc"
{ printf %s "$document"; item FileItem/FileName is; printf '\377\300\200%s%s' "$item_end" "$document_end"; } >"$work/utf8.ioc"
refused invalid_utf8_is_refused 1 'not proper UTF-8' ioc check "$work/utf8.ioc"
printf '\037\213\010\000' | cat - /dev/zero | head -c 1000000 >"$work/bomb.ioc.gz"
refused archives_are_not_unpacked 1 'it is binary' ioc check "$work/bomb.ioc.gz"
many 1000000 '[' >"$work/deep.json"
refused open_brackets_are_no_indicators 1 'no format that is known' ioc check "$work/deep.json"
many 1000000 '{"a":' >"$work/objects.json"
refused objects_without_end_are_refused 1 'nested more than 64 deep' ioc check "$work/objects.json"
{ printf 'title: t\nlogsource: {category: process_creation}\ndetection: '; many 100000 '['; } >"$work/brackets.yml"
refused yaml_without_end_is_refused 1 'brackets are open' ioc check "$work/brackets.yml"
{ printf 'title: t\nlogsource: {category: process_creation}\ndetection:\n  s: {Image: a}\n  condition: '; many 100000 'not '; echo s; } >"$work/nots.yml"
refused negation_without_end_is_refused 1 'too much is within each other' ioc check "$work/nots.yml"
many 16000000 evil >"$work/line.txt"
refused a_line_of_64_mb_is_no_value 1 'no list of values' ioc check "$work/line.txt"
{ printf 'type,value\nmd5,'; many 16000000 aaaa; } >"$work/line.csv"
refused a_cell_of_64_mb_is_no_value 1 'no column holds values' ioc check "$work/line.csv"
: >"$work/empty.ioc"
refused nothing_is_no_indicator 1 'no format that is known' ioc check "$work/empty.ioc"
mkfifo "$work/pipe"
refused a_pipe_is_not_waited_for 1 'not a file' ioc check "$work/pipe"
if [ "$(id -u)" != 0 ]; then
	printf 'evil.example\n' >"$work/closed.txt" && chmod 0 "$work/closed.txt"
	refused unreadable_file_is_said 1 'Permission denied' ioc check "$work/closed.txt"
fi

# ---- folders -------------------------------------------------------------------------------------
mkdir "$work/loop" "$work/loop/in"
ln -s .. "$work/loop/in/up"
ln -s . "$work/loop/self"
ln -s nowhere "$work/loop/dangling"
mkfifo "$work/loop/pipe"
printf 'evil.example\n' >"$work/loop/list.txt"
run -r csv ioc check "$work/loop"
claim links_to_folders_are_not_followed "$([ "$status" = 0 ] && [ "$(grep -c evil.example "$work/out")" = 1 ] || cat "$work/out" "$work/err")"
mkdir "$work/many"
(cd "$work/many" && seq 20000 | awk '{ name = $1 ".txt"; print "host-" $1 ".example.com" >name; close(name) }')
run -r csv ioc check "$work/many"
claim twenty_thousand_files_are_read "$([ "$status" = 0 ] && [ "$(wc -l <"$work/out")" -ge 20001 ] || head -c 300 "$work/err")"

# ---- what is read, and what comes of it ----------------------------------------------------------
{ printf '<?xml version="1.0" encoding="UTF-16"?>'; printf %s "$document"; item ProcessItem/name is; printf 'victim.exe%s%s' "$item_end" "$document_end"; } |
	iconv -f UTF-8 -t UTF-16 >"$work/wide.ioc"
{ printf %s "$document"; item ProcessItem/arguments matches; printf '(a+)+$%s' "$item_end"; printf %s "$document_end"; } >"$work/openioc.ioc"
printf 'title: sigma\nlogsource: {category: process_creation, product: windows}\ndetection:\n  s:\n    CommandLine|re: "(a+)+$"\n  condition: s\n' >"$work/sigma.yml"
printf '{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","name":"stix","pattern_type":"stix","pattern":"[process:command_line MATCHES %s]"}]}' "'(a+)+\$'" >"$work/stix.json"
printf '{ "population": "minimal", "processes": [{ "name": "victim.exe", "cmdline": "%s!" }] }' "$(many 4000 a)" >"$work/victim.json"
"$build/forge" --profile win10-19041-x64 --scenario "$work/victim.json" --format raw --size 512M -o "$work/victim" >/dev/null
run -f "$work/victim" ioc match --ioc "$work/wide.ioc" "$work/openioc.ioc" "$work/sigma.yml" "$work/stix.json" "$work/nested.ioc" "$work/utf8.ioc" "$work/line.txt" "$work/pipe" "$work/empty.ioc"
claim the_rest_is_matched "$(grep -q "^\* true${tab}d${tab}" "$work/out" || cat "$work/err" "$work/out")"
claim broken_files_make_it_incomplete "$([ "$status" = 4 ] || echo "status $status")"
claim each_broken_file_is_said "$([ "$(grep -c 'skipped: \|passed over: ' "$work/out")" = 5 ] || grep note "$work/out")"
claim catastrophic_expressions_end_unknown "$([ "$(grep -c '^\* unknown.*a limit was reached' "$work/out")" = 3 ] || grep '^\*' "$work/out")"

# ---- many ----------------------------------------------------------------------------------------
"$build/forge" --profile win10-19041-x64 --scenario samples/scenarios/campaign-first.json --format raw --size 512M -o "$work/first" >/dev/null
{ seq 20000 | sed 's/.*/host-&.example.com/'; echo updates.printdrivers.example; } >"$work/hosts.txt"
run -f "$work/first" -r csv ioc match --ioc "$work/hosts.txt"
claim one_of_twenty_thousand_texts_is_found "$([ "$(grep -c '^true,updates.printdrivers.example,.*,indicator,' "$work/out")" = 1 ] || head -3 "$work/out")"
finish
