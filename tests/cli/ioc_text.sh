# eidetic ioc match: text in memory, by whoever holds it, where it is whole, in every spelling.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common

# Two processes, one with each of the texts, the other with what is nearly one.
cat >"$work/scenario.json" <<'END'
{
	"population": "minimal",
	"build": 19041,
	"time": "2024-05-02T09:00:00.0000000Z",
	"processes": [
		{ "name": "holder.exe", "regions": [ { "protection": "rw", "size": 16384, "content": [
			{ "offset": 64, "text": "Host: plain.example\r\n" },
			{ "offset": 512, "utf16": "http://wide.example/x" },
			{ "offset": 1024, "hex": "00ff0477697265076578616d706c6500" },
			{ "offset": 1536, "text": "GET http://192.0.2.77:8080/x" },
			{ "offset": 2048, "text": "Visited: user@http://visited.example/a.php" },
			{ "offset": 2560, "text": "MiXeD words" },
			{ "offset": 3072, "utf16": "From: <someone@mail.example>" },
			{ "offset": 8192, "text": "edge.example" },
			{ "offset": 12272, "text": "a@ends.example.." }
		] } ] },
		{ "name": "nearly.exe", "regions": [ { "protection": "rw", "size": 20480, "content": [
			{ "offset": 64, "text": "notplain.example plain.example.org near.example.org" },
			{ "offset": 512, "utf16": "notwide.example" },
			{ "offset": 1024, "hex": "00ff06756e77697265076578616d706c6500" },
			{ "offset": 1280, "hex": "00ff066f6e77697265076578616d706c65026f7200" },
			{ "offset": 1536, "text": "1198.51.100.7 198.51.100.71 198.51.100.7.1" },
			{ "offset": 2048, "text": "http://near.example/a.php.txt http://near.example/a.php?x" },
			{ "offset": 8189, "text": "notborder.example" },
			{ "offset": 12276, "text": "behind.example.org" }
		] } ] }
	]
}
END
"$build/forge" --profile win10-19041-x64 --scenario "$work/scenario.json" --format raw --size 1G --seed 1 \
	-o "$work/image" >"$work/forge.log" 2>&1 || { echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }

# leaf TERM CONDITION VALUE [CASE]
leaf() {
	printf '<IndicatorItem condition="%s" preserve-case="%s" negate="false"><Context search="%s"/><Content>%s</Content></IndicatorItem>' \
		"$2" "${4:-false}" "$1" "$3"
}

# document NAME OPERATOR LEAF...: one document for each, in one folder: an image is read once for all.
mkdir "$work/iocs"
document() {
	name=$1 operator=$2
	shift 2
	printf '<OpenIOC id="%s"><metadata><short_description>%s</short_description></metadata><criteria><Indicator operator="%s">%s</Indicator></criteria></OpenIOC>' \
		"$name" "$name" "$operator" "$(printf '%s' "$@")" >"$work/iocs/$name.ioc"
}
holder=$(leaf ProcessItem/name is holder.exe)
nearly=$(leaf ProcessItem/name is nearly.exe)

document plain_name_is_found OR "$(leaf Network/DNS is plain.example)"
document wide_name_is_found OR "$(leaf Network/DNS is wide.example)"
document name_on_the_wire_is_found OR "$(leaf DnsEntryItem/Host is wire.example)"
document address_is_found OR "$(leaf Network/IP is 192.0.2.77)"
document link_is_found OR "$(leaf UrlHistoryItem/URL is http://visited.example/a.php)"
document mail_is_found OR "$(leaf Email/From is someone@mail.example)"
document case_does_not_count OR "$(leaf Memory/Text contains 'mixed WORDS')"
document case_is_kept OR "$(leaf Memory/Text contains 'MiXeD' true)"
document name_is_of_its_holder AND "$holder" "$(leaf Network/DNS is plain.example)"
document wire_is_of_its_holder AND "$holder" "$(leaf Network/DNS is wire.example)"
document string_is_of_its_holder AND "$holder" "$(leaf ProcessItem/StringList/string contains 'mixed words')"
document string_is_whole AND "$holder" "$(leaf ProcessItem/StringList/string is 'mixed words')"
document string_is_matched AND "$holder" "$(leaf ProcessItem/StringList/string matches '^GET http://[0-9.]+:8080/x$')"
document two_texts_are_of_one_holder AND "$(leaf Network/DNS is plain.example)" "$(leaf Network/DNS is wide.example)" "$(leaf Network/IP is 192.0.2.77)"
document part_is_contained AND "$nearly" "$(leaf Network/DNS contains plain.example)"

document name_is_found_where_a_page_begins AND "$holder" "$(leaf Network/DNS is edge.example)"
document name_is_found_where_a_page_ends AND "$holder" "$(leaf Network/DNS is ends.example)"

document NOT_name_that_began_on_the_page_before OR "$(leaf Network/DNS is border.example)"
document NOT_name_that_goes_on_on_the_next_page OR "$(leaf Network/DNS is behind.exam)"
document NOT_name_with_more_on_the_next_page OR "$(leaf Network/DNS is behind.example)"
document NOT_other_case OR "$(leaf Memory/Text contains 'mixed' true)"
document NOT_name_that_goes_on_on_the_wire OR "$(leaf Network/DNS is onwire.example)"
document NOT_name_of_another AND "$nearly" "$(leaf Network/DNS is plain.example)"
document NOT_wide_name_of_another AND "$nearly" "$(leaf Network/DNS is wide.example)"
document NOT_wire_of_another AND "$nearly" "$(leaf Network/DNS is wire.example)"
document NOT_address_within_addresses OR "$(leaf Network/IP is 198.51.100.7)"
document NOT_link_that_goes_on OR "$(leaf UrlHistoryItem/URL is http://near.example/a.php)"
document NOT_string_of_another AND "$nearly" "$(leaf ProcessItem/StringList/string contains 'mixed words')"
document NOT_part_of_a_string AND "$holder" "$(leaf ProcessItem/StringList/string is 'mixed')"
document NOT_texts_of_two_holders AND "$(leaf Memory/Text contains 'MiXeD words')" "$(leaf Memory/Text contains notplain.example)"

run -f "$work/image" -r jsonl ioc match --ioc "$work/iocs"
claim all_were_asked "$([ "$status" = 0 ] || { cat "$work/err"; head -c 500 "$work/out"; })"
run -f "$work/image" ioc match --ioc "$work/iocs"
for file in "$work"/iocs/*.ioc; do
	name=$(basename "$file" .ioc)
	want=true
	case $name in NOT_*) want='(unknown|false)' ;; esac
	claim "$name" "$(grep -Eq "^\* $want	.*	$name(	|\$)|^\* $want	$name" "$work/out" || grep "$name" "$work/out" | head -3)"
done
finish
