# eidetic profile: what is known, what is in it, and what a pile of images wants.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
export XDG_CACHE_HOME="$work/cache"
symbols=$work/symbols
good=tests/corpus/pdb/good
mkdir "$symbols"
tab=$(printf '\t')

# says NAME STATUS LINE ARGUMENT...: ends with STATUS, and exactly LINE is one line of stdout.
says() {
	claim_name=$1 want=$2 line=$3
	shift 3
	run "$@"
	why=
	[ "$status" = "$want" ] || why="exit status $status, want $want: $(cat "$work/err")"
	grep -qxF -- "$line" "$work/out" || why="$why; no line '$line' in: $(head -c 600 "$work/out")"
	claim "$claim_name" "$why"
}

# cell IMAGE COLUMN: of the line that `need` printed for an image.
cell() { awk -F'\t' -v image="$1" -v column="$2" '$1 == image { print $column }' "$work/out"; }

# ---- list
layout="xp-sp3-x86${tab}5.1.2600${tab}x86${tab}-${tab}-"
run profile list
claim list_is_all_of_them "$([ "$status" = 0 ] && [ "$(wc -l <"$work/out")" -gt 90 ] && [ ! -s "$work/err" ] || echo "status $status")"
claim list_is_sorted "$(tail -n +2 "$work/out" | cut -f 1 | LC_ALL=C sort -c 2>&1)"
claim list_has_no_name_twice "$(cut -f 1 "$work/out" | LC_ALL=C uniq -d)"
claim layout_has_no_symbols_in_the_list "$(grep "^$layout" "$work/out" | cut -f 7 | grep -qx -- - || grep xp-sp3 "$work/out")"
claim build_has_its_guid_in_the_list "$(grep -q "^win10-19041.1237-x64${tab}10.0.19041.1237${tab}x64${tab}ntkrnlmp.pdb${tab}1B4A6F5E0766C552C90710C8ACC0295C-1${tab}[0-9]*${tab}[0-9]*${tab}built-in\$" "$work/out" || grep 1237 "$work/out")"
run -r csv profile list
claim list_in_another_format "$(head -1 "$work/out" | grep -q '^name,version,arch,' || head -1 "$work/out")"

# ---- show
says summary_names_the_server_path 0 "Symbol server path${tab}ntkrnlmp.pdb/1B4A6F5E0766C552C90710C8ACC0295C1/ntkrnlmp.pdb" profile show win10-19041.1237-x64
says summary_of_a_layout_says_so 0 "Symbols${tab}none: a layout only" profile show xp-sp3-x86
says profile_has_its_guid_as_a_name 0 "Profile${tab}win10-19041.1237-x64" profile show 1B4A6F5E0766C552C90710C8ACC0295C-1
says type_begins_with_its_size 0 "0x0${tab}_EPROCESS${tab}234 members${tab}2624" profile show win10-19041.1237-x64 _EPROCESS
says pointer_is_shown 0 "0x550${tab}Peb${tab}_PEB *${tab}8" profile show win10-19041.1237-x64 _EPROCESS
says array_is_shown 0 "0x5a8${tab}ImageFileName${tab}unsigned char[15]${tab}15" profile show win10-19041.1237-x64 _EPROCESS
says bit_field_is_shown 0 "0x460${tab}DefaultPagePriority${tab}unsigned long : 3 @12${tab}4" profile show win10-19041.1237-x64 _EPROCESS
claim whole_stands_before_its_bits "$([ "$(grep -n "${tab}Flags${tab}" "$work/out" | cut -d: -f1)" -lt "$(grep -n "${tab}CreateReported${tab}" "$work/out" | cut -d: -f1)" ] || grep 0x464 "$work/out" | head -3)"
says member_keeps_its_offset_from_the_outermost 0 "0x440${tab}UniqueProcessId${tab}void *${tab}8" profile show win10-19041.1237-x64 _EPROCESS.UniqueProcessId
run profile show win10-19041.1237-x64 _EPROCESS.ActiveProcessLinks
claim path_opens_a_member "$([ "$(tail -n +2 "$work/out" | cut -f 1,2 | tr '\t\n' '  ')" = '0x448 ActiveProcessLinks 0x448 ActiveProcessLinks.Flink 0x450 ActiveProcessLinks.Blink ' ] || cat "$work/out")"
says array_of_arrays_is_shown 0 "0x24${tab}Grid${tab}unsigned char[3][16]${tab}48" profile show "$good/modern64.pdb" _OUTER
says symbol_is_shown 0 "PsActiveProcessHead${tab}0xc1e0a0" profile show win10-19041.2965-x64 PsActiveProcessHead
refused type_gets_a_suggestion 2 "is '_EPROCESS' meant?" profile show win10-19041-x64 EPROCESS
refused symbol_gets_a_suggestion 2 "is 'PsActiveProcessHead' meant?" profile show win10-19041-x64 PsActiveProcessHed
refused member_gets_a_suggestion 2 "is 'Pcb' meant?" profile show win10-19041-x64 _EPROCESS.Pbc
refused member_of_a_pointer_is_sent_to_its_type 2 "is '_PEB.Ldr' meant?" profile show win10-19041-x64 _EPROCESS.Peb.Ldr
refused member_of_a_number_is_refused 2 'has no members' profile show win10-19041-x64 _EPROCESS.Flags.x
refused empty_step_is_refused 2 "no member ''" profile show win10-19041-x64 _EPROCESS.
refused layout_has_no_symbols 2 'as a layout no symbol' profile show xp-sp3-x86 PsActiveProcessHead
refused profile_gets_a_suggestion 2 'meant?' profile show win10-19041-x46
refused profile_has_to_exist 2 "'eidetic profile list' lists them" profile show zzzzzzzzzzzz
refused guid_has_to_be_known 1 'no profile for' profile show 00112233445566778899AABBCCDDEEFF-1
printf 'not json' >"$work/bad.json"
refused bad_file_is_said 1 'bad.json' profile show "$work/bad.json"

# ---- need
forge known --profile win10-19041.1237-x64
forge given --profile win7-sp1-x64 --write-isf "$symbols"
forge unknown --profile win10-17134-x64
printf 'text' >"$work/note.txt"
head -c 200000 /dev/zero >"$work/zero"
"$build/forge" --profile win7-sp1-x64 --scenario samples/scenarios/small.json --format triage -o "$work/triage" >"$work/forge.log" 2>&1
says known_build_is_at_hand 0 "$work/known${tab}ntkrnlmp.pdb${tab}1B4A6F5E0766C552C90710C8ACC0295C${tab}1${tab}ntkrnlmp.pdb/1B4A6F5E0766C552C90710C8ACC0295C1/ntkrnlmp.pdb${tab}true${tab}built-in win10-19041.1237-x64" profile need "$work/known"
run profile need -f "$work/known" "$work/unknown"
claim image_of_f_is_the_first "$([ "$status" = 4 ] && [ "$(sed -n '2s/\t.*//p' "$work/out")" = "$work/known" ] || echo "status $status: $(cat "$work/out")")"
run -s "$symbols" profile need "$work/none" "$work/note.txt" "$work/zero" "$work" "$work/triage" "$work/unknown" "$work/given" "$work/known"
claim bad_images_do_not_stop_the_rest "$([ "$status" = 4 ] && [ "$(wc -l <"$work/out")" = 9 ] && [ ! -s "$work/err" ] || echo "status $status: $(cat "$work/out" "$work/err")")"
claim missing_image_says_why "$(cell "$work/none" 7 | grep -q 'No such file' || cell "$work/none" 7)"
claim small_file_says_why "$(cell "$work/note.txt" 7 | grep -q '4 bytes' || cell "$work/note.txt" 7)"
claim file_that_is_no_windows_says_why "$(cell "$work/zero" 7 | grep -q 'no Windows kernel was found' || cell "$work/zero" 7)"
claim folder_says_why "$(cell "$work" 7 | grep -q 'is a directory' || cell "$work" 7)"
claim triage_dump_says_why "$(cell "$work/triage" 7 | grep -q 'no physical memory' || cell "$work/triage" 7)"
claim unknown_build_is_lacking "$([ "$(cell "$work/unknown" 6)" = false ] && cell "$work/unknown" 7 | grep -q 'not in the symbol folders' || cell "$work/unknown" 7)"
claim server_path_is_pdb_guid_and_age "$([ "$(cell "$work/unknown" 5)" = "ntkrnlmp.pdb/$(cell "$work/unknown" 3)$(cell "$work/unknown" 4)/ntkrnlmp.pdb" ] || cell "$work/unknown" 5)"
claim given_build_is_at_hand "$([ "$(cell "$work/given" 6)" = true ] && [ -f "$(cell "$work/given" 7)" ] || cell "$work/given" 7)"
given=$(cell "$work/given" 3)-$(cell "$work/given" 4)
run -s "$symbols" profile need "$work/given" "$work/known"
claim status_is_0_when_all_are_at_hand "$([ "$status" = 0 ] || echo "status $status: $(cat "$work/out")")"
run --format lime profile need "$work/known"
claim format_is_forced "$([ "$status" = 3 ] && cell "$work/known" 7 | grep -qi lime || echo "status $status: $(cat "$work/out")")"
head -c 20000 /dev/urandom >"$work/urandom"
printf 'x' | cat - "$work/urandom" >"$work/$(printf 'a\033[31mb')"
run profile need "$work/$(printf 'a\033[31mb')"
claim control_bytes_of_a_name_are_escaped "$(grep -qF 'a\x1b[31mb' "$work/out" || cat -v "$work/out")"

run profile need "$work/zero" "$work/note.txt" "$work/triage"
claim dump_of_windows_is_recognised "$([ "$status" = 4 ] || echo "status $status")"
run profile need "$work/zero" "$work/note.txt" "$work/none"
claim status_is_3_when_none_is_windows "$([ "$status" = 3 ] && [ "$(wc -l <"$work/out")" = 4 ] && [ ! -s "$work/err" ] || echo "status $status: $(cat "$work/err")")"
run profile need "$work/none" "$work/none2"
claim status_is_1_when_none_can_be_opened "$([ "$status" = 1 ] && [ "$(wc -l <"$work/out")" = 3 ] && [ "$(wc -l <"$work/err")" = 1 ] || echo "status $status: $(cat "$work/err")")"

# ---- options of every table
run --limit 3 profile list
claim list_obeys_the_limit "$([ "$status" = 0 ] && [ "$(grep -vc '^#' "$work/out")" = 4 ] && grep -q '^# incomplete: limit' "$work/out" || cat "$work/out")"
run --filters '+name,xp-sp3' --filters 'version,6.0.6000' --hide-columns guid,pdb profile list
claim list_obeys_filters_and_hidden_columns "$([ "$(sort "$work/out" | cut -f 1 | tr '\n' ' ')" = 'name vista-sp0-x64 vista-sp0-x86 xp-sp3-x86 ' ] && [ "$(awk -F'\t' '{ print NF }' "$work/out" | sort -u)" = 6 ] || cat "$work/out")"
run --filters 'name,^Flink$!' -r csv profile show win10-19041-x64 _LIST_ENTRY
claim show_obeys_filters "$([ "$(wc -l <"$work/out")" = 2 ] || cat "$work/out")"
run --limit 1 profile need "$work/known" "$work/unknown"
claim need_stops_at_the_limit "$([ "$status" = 0 ] && [ "$(grep -vc '^#' "$work/out")" = 2 ] || cat "$work/out")"
refused filter_of_no_column_is_refused 2 "no column like 'nope'" --filters 'nope,x' profile list
refused all_columns_hidden_is_refused 2 'no column is left' --hide-columns symbol,rva profile show win10-19041.2965-x64 PsActiveProcessHead
for renderer in text pretty json jsonl csv none; do
	run -r $renderer --limit 2 profile check "$work/known"
	claim check_in_$renderer "$([ "$status" = 0 ] || echo "status $status: $(cat "$work/err")")"
done

# ---- build
built=$work/built.json
says build_says_what_it_read 0 "GUID and age${tab}0123456789ABCDEF0123456789ABCDEF-2" profile build "$good/modern64.pdb" -o "$built"
run profile build "$good/modern64.pdb" -o "$built.xz"
run profile build "$good/modern64.pdb" -o "$built.gz"
claim packed_files_hold_the_same "$(xz -dc "$built.xz" | cmp - "$built" 2>&1; gzip -dc "$built.gz" | cmp - "$built" 2>&1)"
run profile show "$good/modern64.pdb" _OUTER
mv "$work/out" "$work/want"
for file in "$built" "$built.xz" "$built.gz"; do
	run profile show "$file" _OUTER
	claim "built_${file##*.}_says_the_same" "$(diff "$work/want" "$work/out" | head -3 | grep '^[<>]')"
done
refused existing_file_is_not_overwritten 1 'is not overwritten' profile build "$good/modern64.pdb" -o "$built"
ln -s "$work/nowhere" "$work/link.json"
refused dangling_link_is_not_followed 1 'is not overwritten' profile build "$good/modern64.pdb" -o "$work/link.json"
refused name_says_the_form 2 'ends in .json, .json.xz or .json.gz' profile build "$good/modern64.pdb" -o "$work/x.pdb"
refused folder_of_the_output_has_to_exist 1 'No such file' profile build "$good/modern64.pdb" -o "$work/no/x.json"
refused missing_database_is_said 1 "'$work/none.pdb'" profile build "$work/none.pdb" -o "$work/x.json"
refused symbol_file_is_no_database 1 'a symbol file already' profile build "$built" -o "$work/x.json"
refused packed_file_is_no_database 1 'unpack it first' profile build "$built.xz" -o "$work/x.json"
refused text_is_no_database 1 'not a program database' profile build "$work/note.txt" -o "$work/x.json"
: >"$work/empty.pdb"
refused empty_file_is_no_database 1 'it is empty' profile build "$work/empty.pdb" -o "$work/x.json"
head -c 3000 "$good/modern64.pdb" >"$work/short.pdb"
refused cut_database_is_said 1 'it is cut' profile build "$work/short.pdb" -o "$work/x.json"
claim nothing_is_left_of_what_failed "$(ls "$work" | grep -E '^(x|link|built)\.json\..{6}$|^x\.')"
(
	trap '' XFSZ
	ulimit -f 1
	"$eidetic" profile build "$good/modern64.pdb" -o "$work/full.json" >"$work/out" 2>"$work/err"
)
claim disk_that_is_full_is_said "$([ "$(wc -l <"$work/err")" = 1 ] && grep -q "full.json': .*too large" "$work/err" && ! ls "$work"/full* 2>/dev/null || cat "$work/err")"
run profile build "$good/modern64.pdb" -o /proc/self/x.json
claim folder_that_cannot_be_written_is_said "$([ "$status" = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] || cat "$work/err")"
mkdir "$work/store"
says build_fills_a_symbol_folder 0 "Written to${tab}$work/store/windows/modern64.pdb/0123456789ABCDEF0123456789ABCDEF-2.json.xz" profile build "$good/modern64.pdb" -o "$work/store"
says built_file_is_found_there 0 "Symbol file${tab}modern64.pdb" -s "$work/store" profile show modern64.pdb/0123456789ABCDEF0123456789ABCDEF-2

# ---- check
run profile check "$work/known"
claim every_test_passes_on_an_exact_profile "$([ "$status" = 0 ] && [ "$(grep -c "^layout${tab}.*${tab}passed${tab}" "$work/out")" -ge 25 ] && ! grep -q "${tab}failed${tab}" "$work/out" || grep -v passed "$work/out")"
claim every_test_has_a_claim "$(tail -n +2 "$work/out" | awk -F'\t' '$4 == "-"')"
claim every_global_says_what_rests_on_it "$(run --profile win10-18362-x64 profile check "$work/known"; awk -F'\t' '$1 == "global" && $3 == "failed" && $6 == "-"' "$work/out")"
run profile check "$work/known"
claim global_names_its_witnesses "$(grep -q "^global${tab}PsActiveProcessHead${tab}passed${tab}it is at 0x[0-9a-f]*${tab}.*its list" "$work/out" || grep PsActive "$work/out")"
run profile check "$work/given"
claim nearest_profile_is_checked "$([ "$status" = 0 ] && grep -q '^# note: profile .*nearest' "$work/out" || echo "status $status: $(tail -3 "$work/out")")"
run --profile win7-sp1-x64 profile check "$work/given"
claim layout_is_checked_with_symbols_of_the_image "$([ "$status" = 0 ] && grep -q "^layout${tab}System is pid 4${tab}passed" "$work/out" || echo "status $status: $(grep -v passed "$work/out" | head -3)")"
run --profile win10-18362-x64 profile check "$work/known"
claim wrong_profile_fails_and_says_what_is_doubtful "$([ "$status" = 4 ] && grep -q "^layout${tab}System is pid 4${tab}failed${tab}.*everything about processes" "$work/out" && grep -q "^global${tab}PsActiveProcessHead${tab}failed${tab}.*its list says 0x" "$work/out" || echo "status $status: $(head -3 "$work/out")")"
refused check_wants_windows 3 'no Windows kernel was found' profile check "$work/zero"
refused checked_profile_has_to_exist 2 "'nope'" --profile nope profile check "$work/known"

# ---- folders
run -s "$symbols" profile list
claim given_file_is_listed "$(grep -q "^ntkrnlmp.pdb/$given$tab" "$work/out" || tail -2 "$work/out")"
says listed_name_is_understood 0 "GUID and age${tab}$given" -s "$symbols" profile show "ntkrnlmp.pdb/$given"
mkdir "$work/broken"
printf 'not json' >"$work/broken/00112233445566778899AABBCCDDEEFF-1.json"
printf 'not json' >"$work/broken/notes.json"
cp "$symbols"/windows/*/*.json* "$work/broken" 2>/dev/null || cp "$symbols"/*/*.json* "$work/broken"
run -s "$work/broken" profile list
claim broken_file_is_noted_and_the_rest_shown "$([ "$status" = 4 ] && grep -q '^# note: .*00112233445566778899AABBCCDDEEFF' "$work/out" && grep -q "^ntkrnlmp.pdb/$given$tab" "$work/out" || echo "status $status: $(tail -3 "$work/out")")"
claim file_that_is_never_looked_up_is_not_listed "$(grep notes.json "$work/out")"

# ---- words
refused profile_alone_wants_a_word 2 'want list, show, need, build or check' profile
refused profile_word_gets_a_suggestion 2 "is 'list' meant?" profile lst
refused build_is_told_where_to 2 'profile build FILE.pdb -o OUT' profile build "$good/modern64.pdb"
refused build_wants_one_database 2 'want one program database' profile build -o "$work/x.json"
refused check_wants_one_image 2 'want one image' profile check
refused check_wants_one_image_only 2 'want one image' -f "$work/known" profile check "$work/known"
refused list_takes_no_argument 2 "no argument 'x'" profile list x
refused option_that_is_not_there 2 "no option '--all'" profile list --all
refused show_wants_a_name 2 'want one profile' profile show
refused need_wants_an_image 2 'no image was named' profile need
refused image_format_has_to_exist 2 'want raw' --format floppy profile need "$work/known"
refused symbol_folder_has_to_exist 1 "'$work/none'" -s "$work/none" profile list
run profile --help
claim help_is_no_error "$([ "$status" = 0 ] && grep -q 'profile need IMAGE' "$work/out" && [ ! -s "$work/err" ] || echo "status $status")"
"$eidetic" profile list >/dev/full 2>"$work/err"
status=$?
claim full_disk_is_said "$([ $status = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] || echo "status $status: $(cat "$work/err")")"
"$eidetic" profile show win10-19041-x64 _EPROCESS 2>"$work/err" | head -1 >"$work/out"
claim closed_pipe_is_quiet "$([ -s "$work/out" ] && [ ! -s "$work/err" ] || cat "$work/err")"
finish
