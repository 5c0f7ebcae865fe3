# eidetic ioc match, new, collect, refine: the life of an indicator over three images, two infected.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
tab=$(printf '\t')

# campaign NAME SEED: an image of samples/scenarios/campaign-NAME.json at $work/NAME.
campaign() {
	"$build/forge" --profile win10-19041-x64 --scenario "samples/scenarios/campaign-$1.json" --format raw --size 1G \
		--seed "$2" -o "$work/$1" >"$work/forge.log" 2>&1 || { echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }
}
campaign first 1
campaign second 2
campaign clean 3

# ioc NAME CONDITION...: $work/NAME.ioc, of "TERM|CONDITION|VALUE[|not]" or "AND(", "OR(", ")".
ioc() {
	file=$work/$1.ioc
	echo "<OpenIOC xmlns=\"http://openioc.org/schemas/OpenIOC_1.1\" id=\"$1\"><metadata><short_description>$1</short_description></metadata><criteria><Indicator operator=\"OR\">" >"$file"
	shift
	for part in "$@"; do
		case $part in
		*'(') echo "<Indicator operator=\"${part%(}\">" ;;
		')') echo '</Indicator>' ;;
		*)
			negate=false
			case $part in *'|not') negate=true part=${part%|not} ;; esac
			term=${part%%|*} rest=${part#*|}
			echo "<IndicatorItem condition=\"${rest%%|*}\" preserve-case=\"false\" negate=\"$negate\"><Context search=\"$term\"/><Content type=\"string\">${rest#*|}</Content></IndicatorItem>"
			;;
		esac
	done >>"$file"
	echo '</Indicator></criteria></OpenIOC>' >>"$file"
}

# verdict CLAIM WANT IMAGE IOC: what is said of the one indicator in $work/IOC.ioc.
verdict() {
	run -f "$work/$3" ioc match --ioc "$work/$4.ioc"
	got=$(grep '^\* ' "$work/out" | cut -f1)
	claim "$1" "$([ "$got" = "* $2" ] || echo "'$got', want '$2': $(cat "$work/err" "$work/out")")"
}

# ---- a file by its MD5
md5=$("$eidetic" -f "$work/first" -r text filehash 2>/dev/null | awk -F '\t' '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
	$at["name"] == "prn.cfg" && length($at["md5"]) == 32 { print $at["md5"]; exit }')
claim file_has_an_md5 "$([ ${#md5} = 32 ] || echo "'$md5'")"
ioc md5 "FileItem/Md5sum|is|$md5"
verdict file_is_found_by_its_md5 true first md5
ioc md5other 'FileItem/Md5sum|is|0123456789abcdef0123456789abcdef'
verdict missing_md5_proves_nothing unknown first md5other

# ---- an entity in memory
ioc process 'AND(' 'ProcessItem/name|is|prnspool.exe' 'ProcessItem/ParentProcessName|is|explorer.exe' \
	'ProcessItem/HandleList/Handle/Name|is|prn-7f3a9c' 'ProcessItem/HandleList/Handle/Type|is|Mutant' \
	'ProcessItem/StringList/string|contains|updates.printdrivers.example' ')'
verdict process_is_one_entity true first process
claim evidence_has_process_address_and_bytes "$(grep -q "^\*\*\*\*\* -${tab}-${tab}updates.printdrivers.example${tab}prnspool.exe${tab}[0-9]*${tab}0x[0-9a-f]*${tab}private${tab}search${tab}" "$work/out" || cat "$work/out")"
claim evidence_is_of_that_process_alone "$(grep "${tab}Mutant${tab}" "$work/out" | grep -v "${tab}prnspool.exe${tab}")"
ioc apart 'AND(' 'ProcessItem/name|is|lsass.exe' 'ProcessItem/HandleList/Handle/Name|is|prn-7f3a9c' ')'
verdict parts_of_two_processes_are_not_one false first apart
ioc handle 'AND(' 'ProcessItem/HandleList/Handle/Name|is|prn-7f3a9c' 'ProcessItem/HandleList/Handle/Type|is|File' ')'
verdict parts_of_two_handles_are_not_one false first handle
verdict clean_image_lacks_the_process false clean process
ioc injected 'AND(' 'ProcessItem/name|is|explorer.exe' 'ProcessItem/SectionList/MemorySection/Injected|is|true' ')'
verdict injected_region_is_found true first injected
verdict clean_process_is_not_injected false clean injected
ioc port 'AND(' 'ProcessItem/name|is|prnspool.exe' 'PortItem/remoteIP|is|198.51.100.23' ')'
verdict process_and_its_endpoint_join true first port
ioc portother 'AND(' 'ProcessItem/name|is|lsass.exe' 'PortItem/remoteIP|is|198.51.100.23' ')'
verdict endpoint_of_another_process_does_not_join false first portother

# ---- registry keys and values
ioc value 'AND(' 'RegistryItem/KeyPath|is|HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run' \
	'RegistryItem/ValueName|is|PrintSpool' 'RegistryItem/Text|contains|prnspool.exe' ')'
verdict value_is_found true first value
ioc valueother 'AND(' 'RegistryItem/ValueName|is|OneDrive' 'RegistryItem/Text|contains|prnspool.exe' ')'
verdict name_and_data_are_of_one_value false first valueother
ioc key 'RegistryItem/Path|contains|HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run'
verdict key_is_found_by_its_short_root true first key

# ---- combinations, and what nobody answers
ioc tree 'AND(' 'ProcessItem/name|is|prnspool.exe' 'RegistryItem/Text|contains|prnspool.exe' 'OR(' "FileItem/Md5sum|is|$md5" 'Network/DNS|is|nothing.example' ')' ')'
verdict one_tree_combines_them true first tree
ioc dns 'Network/DNS|is|printdrivers.example'
verdict longer_name_is_another_name unknown first dns
ioc dnswhole 'Network/DNS|is|updates.printdrivers.example'
verdict name_is_found true first dnswhole
ioc nobody 'Snort/Snort|is|alert tcp any'
verdict term_that_nobody_answers_is_unknown unknown first nobody
claim term_that_nobody_answers_is_said "$(grep -q 'Snort/Snort: nothing here answers this term' "$work/out" || cat "$work/out")"
ioc nobodynot 'Snort/Snort|is|alert tcp any|not'
verdict negation_of_unknown_is_unknown unknown first nobodynot
run -v -f "$work/first" ioc match --ioc "$work/value.ioc"
claim only_what_is_named_is_run "$(grep '^# note: .* rows in' "$work/out" | grep -v ': processes: \|: registry: ')"

# ---- the life of an indicator
set -- --from handles --where process=prnspool.exe --where type=Mutant --from printkey --where 'key~CurrentVersion\Run' \
	--from netscan --where owner=prnspool.exe
run -f "$work/first" ioc new --name prnspool "$@" -o "$work/new.ioc"
claim new_is_written "$([ "$status" = 0 ] && [ -s "$work/new.ioc" ] || { echo "status $status"; cat "$work/err"; })"
schema=${EIDETIC_SHARED:-../shared}/data/openioc/spec/OpenIOC_1.1/schemas/ioc.xsd
if [ -f "$schema" ] && command -v xmllint >/dev/null; then
	claim new_is_valid "$(xmllint --noout --schema "$schema" "$work/new.ioc" 2>&1 | grep -v validates)"
else
	echo 'skip new_is_valid: the schema is not here'
fi
verdict new_is_true_where_it_is_from true first new
run -f "$work/first" ioc new --from mutantscan --where name=prn-7f3a9c -o "$work/mutant.ioc"
claim new_of_a_mutex_says_that_it_is_one "$(grep -q '>Mutant<' "$work/mutant.ioc" || cat "$work/err")"
verdict new_of_a_mutex_is_true_where_it_is_from true first mutant
verdict new_of_a_mutex_is_false_elsewhere false clean mutant
run -f "$work/first" ioc new --name prnspool "$@" -o "$work/new.json"
run -f "$work/first" ioc match --ioc "$work/new.json"
claim new_bundle_is_true_where_it_is_from "$(grep -q '^\* true' "$work/out" || cat "$work/out")"
claim new_bundle_splits_paths "$(run -f "$work/first" ioc new --from pstree --where name=prnspool.exe -o "$work/path.json"; grep -qF "process:image_ref.name = 'prnspool.exe' AND process:image_ref.parent_directory_ref.path MATCHES" "$work/path.json" || cat "$work/err" "$work/path.json")"
run -f "$work/first" ioc match --ioc "$work/path.json"
claim split_paths_are_true_where_they_are_from "$(grep -q '^\* true' "$work/out" || cat "$work/out")"
run -f "$work/first" ioc new --from handles --where process=prnspool.exe --where type=Mutant --from netscan --where pid=1 -o "$work/part.ioc"
claim new_says_which_rows_are_missing "$([ "$status" = 4 ] && grep -q 'no row of netscan with pid=1' "$work/err" && [ -s "$work/part.ioc" ] || { echo "status $status"; cat "$work/err"; })"
refused new_without_rows_is_nothing 1 'no row of netscan with pid=1' -f "$work/first" ioc new --from netscan --where pid=1 -o "$work/none.ioc"
run -f "$work/first" ioc new --from getsids --where pid=4 --from privileges --where pid=4 -o "$work/token.ioc"
run -f "$work/first" ioc match --all --ioc "$work/token.ioc"
claim each_row_of_new_is_true "$(grep '^\*\*\* ' "$work/out" | grep -v '^\*\*\* true')"
refused new_overwrites_nothing 1 'File exists' -f "$work/first" ioc new "$@" -o "$work/new.ioc"
run -f "$work/clean" -f "$work/first" -f "$work/second" ioc match --ioc "$work/new.ioc" --fail-on-hit
claim hit_is_a_status "$([ "$status" = 5 ] || echo "status $status")"
claim clean_image_is_ranked_last "$(grep "${tab}image${tab}" "$work/out" | tail -1 | grep -q "$work/clean" || cat "$work/out")"
run -f "$work/first" -o "$work/taken" ioc collect --ioc "$work/process.ioc" "$work/injected.ioc" "$work/md5.ioc" "$work/value.ioc"
for part in prnspool.exe 'vad' prn.cfg keys.jsonl; do
	claim "collect_takes_$part" "$(grep -q "$part.*\"sha256\":\"[0-9a-f]" "$work/taken/manifest.jsonl" || { cat "$work/out"; ls "$work/taken"; })"
done
claim collect_names_its_files_and_why "$(grep -q "^$work/first${tab}vadinfo${tab}prnspool.exe${tab}[0-9]*${tab}0x[0-9a-f]*${tab}pid[^${tab}]*.dmp${tab}process${tab}-\$" "$work/out" || cat "$work/out")"
claim collect_takes_a_region_once "$(ls "$work/taken" | grep -e '-1\.dmp')"
claim hashes_of_the_manifest_are_true "$(cd "$work/taken" && python3 -c 'import hashlib, json
for line in open("manifest.jsonl"):
    entry = json.loads(line)
    if hashlib.sha256(open(entry["file"], "rb").read()).hexdigest() != entry["sha256"]:
        print(entry["file"])')"
run -f "$work/first" -f "$work/clean" -f "$work/second" -o "$work/all" ioc collect --ioc "$work/process.ioc"
claim collect_makes_a_folder_for_each_suspect "$([ "$(ls "$work/all" | tr '\n' ' ')" = 'first second ' ] || ls "$work/all")"
run -f "$work/clean" -o "$work/nothing" ioc collect --ioc "$work/process.ioc"
claim collect_says_that_there_is_nothing "$(grep -q '^# note: no indicator is true' "$work/out" || cat "$work/out")"
refused collect_takes_no_file_for_a_folder 2 'is not a folder' -f "$work/first" -o "$work/out" ioc collect --ioc "$work/process.ioc"
run ioc refine --ioc "$work/new.ioc" --hits "$work/first" "$work/second" --clean "$work/clean" -o "$work/refined.ioc"
claim refine_says_why "$(grep -q "^removed${tab}prnspool${tab}.*OneDrive.*true in $work/clean, too" "$work/out" || cat "$work/out" "$work/err")"
claim refine_proposes_what_is_shared "$(grep -q "^shared${tab}.*FileItem/Md5sum is $md5${tab}in all 2 suspect" "$work/out" || cat "$work/out")"
verdict refined_is_true_of_the_first true first refined
verdict refined_is_true_of_the_second true second refined
verdict refined_is_false_of_the_clean false clean refined
ioc wide 'ProcessItem/name|is|explorer.exe' 'ProcessItem/name|is|prnspool.exe' 'AND(' 'ProcessItem/name|is|explorer.exe' 'ProcessItem/SectionList/MemorySection/Injected|is|true' ')'
run ioc refine --ioc "$work/wide.ioc" "$work/new.ioc" "$work/process.ioc" --hits "$work/first" "$work/second" --clean "$work/clean" -o "$work/both.ioc"
claim refine_keeps_names_and_reasons "$(tr '\n' ' ' <"$work/both.ioc" | grep -q '<description>wide: Refined from .*removed ProcessItem/name is explorer.exe, true in [^ ]*clean, too' || cat "$work/both.ioc")"
claim refine_says_where_kept_ones_are_true "$(grep -q 'true in 2 of 2 suspect ones' "$work/out" || cat "$work/out")"
run ioc refine --ioc "$work/both.ioc" --hits "$work/first" "$work/second" --clean "$work/clean" -o "$work/again.json"
run -f "$work/clean" -f "$work/first" -f "$work/second" ioc match --ioc "$work/again.json"
claim refined_again_is_true_of_suspects_alone "$([ "$(grep "${tab}image${tab}" "$work/out" | cut -f1 | tr '\n' ' ')" = 'suspect suspect nothing found ' ] || cat "$work/out")"
mkdir "$work/refined"
run ioc refine --ioc "$work/wide.ioc" "$work/new.ioc" --hits "$work/first" --clean "$work/clean" -o "$work/refined"
claim refine_writes_a_file_for_each "$([ "$(ls "$work/refined" | tr '\n' ' ')" = '1-wide.ioc 2-prnspool.ioc ' ] || ls "$work/refined")"
refused refine_needs_every_image 1 'every image is needed' ioc refine --ioc "$work/new.ioc" --hits "$work/first" --clean "$work/clean" "$work/nowhere" -o "$work/x.ioc"
run ioc refine --ioc "$work/process.ioc" --hits "$work/first" --clean "$work/second" -o "$work/x.ioc"
claim refine_with_nothing_left_says_so "$([ "$status" = 1 ] && grep -q 'nothing is left of the indicators' "$work/err" && [ ! -e "$work/x.ioc" ] || { echo "status $status"; cat "$work/err"; })"
claim lineage_is_kept "$(grep -q 'Refined from .*new.ioc' "$work/refined.ioc" || cat "$work/refined.ioc")"

# ---- for people
run -r pretty -f "$work/clean" -f "$work/first" -f "$work/nowhere" ioc match --ioc "$work/process.ioc" "$work/md5other.ioc"
claim drawing_has_suspects_first "$([ "$(sed -n 3p "$work/out" | cut -c1-7)" = SUSPECT ] || cat "$work/out")"
claim drawing_has_the_evidence "$(grep -q 'in prnspool.exe ([0-9]*) at 0x[0-9a-f]* (private)' "$work/out" || cat "$work/out")"
claim drawing_says_why_it_is_unknown "$(grep -q '^  unknown  md5other: FileItem/Md5sum: ' "$work/out" || cat "$work/out")"
claim drawing_says_what_could_not_be_read "$([ "$status" = 4 ] && grep -q "^UNREAD  $work/nowhere: cannot open" "$work/out" || { echo "status $status"; cat "$work/out"; })"
claim drawing_keeps_to_its_width "$(sed 's/[^ -~]/-/g; s/---/-/g' "$work/out" | awk 'length > 100')"
claim drawing_has_no_colour_off_a_terminal "$(LC_ALL=C grep -c "$(printf '\033')" "$work/out" | grep -v '^0')"
run -r pretty -f "$work/clean" ioc match --all --ioc "$work/process.ioc"
claim all_draws_what_is_not_true "$(grep -q '✗ ProcessItem/name is prnspool.exe' "$work/out" || cat "$work/out")"
run -r pretty --hide-columns image -f "$work/first" ioc match --ioc "$work/process.ioc"
claim chosen_columns_make_a_table "$(head -1 "$work/out" | grep -q '^verdict' || cat "$work/out")"
run -r json ioc match --ioc "$work/process.ioc" --images "$work/first" "$work/clean"
claim images_can_be_named_in_a_row "$(python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))
rows = rows["rows"] if isinstance(rows, dict) else rows
assert sum(r["kind"] == "image" for r in rows) == 2' "$work/out" 2>&1)"

# ---- the page
ioc markup 'ProcessItem/name|is|&lt;script&gt;alert(1)&lt;/script&gt;' 'ProcessItem/name|is|prnspool.exe'
run -f "$work/first" -r html -o "$work/page" ioc match --ioc "$work/markup.ioc" "$work/process.ioc"
page=$work/page/ioc-report.html
claim page_is_written "$([ "$status" = 0 ] && [ -s "$page" ] || { echo "status $status"; cat "$work/err"; })"
claim page_has_no_foreign_markup "$([ "$(grep -o '<script' "$page" | wc -l)" = 1 ] || grep -c '<script' "$page")"
claim page_lets_nothing_foreign_run "$(grep -q "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-[A-Za-z0-9+/]*='; script-src 'sha256-[A-Za-z0-9+/]*='\"" "$page" || grep -i security "$page")"
claim page_says_what_the_image_is "$(grep -q '2024-05-02T09:00:00.*Z' "$page" && grep -q '19041' "$page" || echo missing)"
claim page_shows_the_bytes "$(grep -q '<mark>75 70 64 61' "$page" || echo missing)"
claim page_shows_it_as_text "$(grep -q '&lt;script&gt;alert(1)' "$page" || echo missing)"
claim page_marks_the_process "$(grep -q 'class="p f m" id="i0p[0-9]*"><div class="row"><b>prnspool.exe' "$page" || echo missing)"
claim page_needs_no_network "$(grep -n 'https\?://[^<]*["'"'"')]' "$page" | head -3)"

# ---- evidence that is hostile to a page
cat >"$work/hostile.json" <<'END'
{ "population": "minimal", "build": 19041, "time": "2024-05-02T09:00:00Z", "processes": [ {
	"name": "<script>a<b\"", "path": "C:\\<img src=x onerror=alert(1)>\\'--><b>.exe",
	"cmdline": "x </code><script>alert(1)</script> \u202egnp.exe \u0007\u001b[31m javascript:alert(2)",
	"handles": [ { "type": "Mutant", "name": "\"><svg onload=alert(3)>" } ],
	"regions": [ { "protection": "rw", "size": 4096, "content": [ { "offset": 64, "text": "evilmark <script>alert(4)</script>" } ] } ] } ] }
END
"$build/forge" --profile win10-19041-x64 --scenario "$work/hostile.json" --size 512M -o "$work/<img src=x onerror=alert(5)>" >"$work/forge.log" 2>&1 || cat "$work/forge.log"
ioc hostile 'ProcessItem/name|contains|&lt;script' 'ProcessItem/arguments|contains|javascript:' 'ProcessItem/HandleList/Handle/Name|contains|onload=' 'ProcessItem/StringList/string|contains|evilmark'
run -f "$work/<img src=x onerror=alert(5)>" -r html -o "$work/hostile" ioc match --ioc "$work/hostile.ioc"
claim hostile_page_is_written "$([ "$status" = 0 ] && [ -s "$work/hostile/ioc-report.html" ] || { echo "status $status"; cat "$work/err"; })"
claim hostile_page_has_no_foreign_element "$(python3 - "$work/hostile/ioc-report.html" <<'END'
import html.parser, sys
known = set('html head meta title style body a header p h1 h2 h3 ul li b span main table thead tr th tbody td div label '
            'input button section dl dt dd code details summary pre mark script'.split())
names = {'true', 'unknown', 'false'}
class Page(html.parser.HTMLParser):
    scripts = 0
    def handle_starttag(self, tag, attributes):
        self.scripts += tag == 'script'
        if tag not in known:
            print('element', tag)
        for name, value in attributes:
            if name.startswith('on') or name in ('src', 'style') or (name == 'href' and not value.startswith('#')):
                print('attribute', name, value)
page = Page(convert_charrefs=True)
text = open(sys.argv[1], encoding='utf-8', newline='').read()
page.feed(text)
if page.scripts != 1:
    print(page.scripts, 'scripts')
for code in text:
    if (ord(code) < 32 and code != '\n') or 0x7f <= ord(code) < 0xa0 or 0x202a <= ord(code) <= 0x202e:
        print('byte', hex(ord(code)))
END
)"
claim hostile_page_shows_it_all "$(for text in '&lt;script&gt;a&lt;b' 'javascript:alert(2)' '&lt;svg onload=alert(3)&gt;' 'evilmark &lt;script&gt;' '\u{202e}gnp.exe' '&lt;img src=x onerror=alert(5)&gt;'; do
	grep -qF -- "$text" "$work/hostile/ioc-report.html" || echo "no $text"
done)"

# ---- wrong use
refused match_wants_an_image 2 'no image was named' ioc match --ioc "$work/md5.ioc"
refused match_wants_indicators 2 'no indicators were named' -f "$work/first" ioc match
refused match_knows_its_options 2 "no option '--iocs'" -f "$work/first" ioc match --iocs x
truncate -s 16M "$work/empty"
refused match_wants_windows 3 'no Windows kernel' -f "$work/empty" ioc match --ioc "$work/md5.ioc"
refused new_wants_rows 2 'from which rows' -f "$work/first" ioc new -o "$work/x.ioc"
refused new_knows_columns 2 'pslist has no such column' -f "$work/first" ioc new --from pslist --where nothing=1 -o "$work/x.ioc"
refused refine_wants_clean_images 2 'against what' ioc refine --ioc "$work/md5.ioc" --hits "$work/first" -o "$work/x.ioc"
refused collect_wants_a_folder 2 'into which folder' -f "$work/first" ioc collect --ioc "$work/md5.ioc"
finish
