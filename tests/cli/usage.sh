# Wrong use, bad files, full disks, closed pipes, Ctrl-C: one line each, and the right exit status.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
forge image
image=$work/image
: >"$work/empty"
mkdir "$work/folder"
head -c 200000 /dev/urandom >"$work/random"
head -c 100 "$work/random" >"$work/tiny"
printf 'not json' >"$work/bad.json"

# ---- the image
refused no_image_is_wrong_use 2 'no image was named' pslist
refused missing_file_is_said 1 "'$work/none'" -f "$work/none" pslist
refused empty_file_is_no_image 3 'is empty' -f "$work/empty" pslist
refused folder_is_no_image 3 'is a directory' -f "$work/folder" pslist
refused tiny_file_is_no_image 3 '100 bytes' -f "$work/tiny" pslist
refused random_file_is_not_windows 3 'no Windows kernel was found' -f "$work/random" pslist
refused device_is_not_read_for_ever 3 'device' -f /dev/zero pslist
refused wrong_root_is_not_windows 3 'no Windows kernel was found' -f "$image" --dtb 0x7654000 pslist
refused control_bytes_in_a_name_are_escaped 1 'a\x1b[31m\nb\u{9b}c' -f "$(printf 'a\033[31m\nb\302\233c')" pslist
if [ "$(id -u)" = 0 ]; then
	as_other='setpriv --reuid 65534 --clear-groups'
else
	as_other=
fi
cp "$work/tiny" "$work/locked" && chmod 0 "$work/locked" && chmod 755 "$work"
if ${as_other:-:} true 2>/dev/null && $as_other test -x "$eidetic"; then
	$as_other "$eidetic" -f "$work/locked" pslist >"$work/out" 2>"$work/err"
	status=$?
	[ "$status" = 1 ] && [ "$(grep -c 'Permission denied' "$work/err")" = 1 ]
	claim unreadable_file_is_said "$([ $? = 0 ] || echo "status $status: $(cat "$work/err")")"
fi

# ---- words
refused plugin_gets_a_suggestion 2 "is 'pslist' meant?" -f "$image" pslst
refused long_plugin_name_gets_a_suggestion 2 "is 'pslist' meant?" -f "$image" windows.pslst
refused plugin_without_likeness_is_said 2 "'eidetic plugins' lists them" -f "$image" qqqqqqqq
refused option_gets_a_suggestion 2 "is '--pid' meant?" -f "$image" pslist --pdi 4
refused global_option_gets_a_suggestion 2 "is '--renderer' meant?" --rendrer text -f "$image" pslist
refused letter_is_refused 2 "'-Z'" -f "$image" -Z pslist
refused option_wants_its_value 2 '--pid needs a value' -f "$image" pslist --pid
refused global_option_wants_its_value 2 '--file needs a value' pslist -f
refused switch_takes_no_value 2 'takes no value' --version=1
refused bad_number_is_said 2 "'4x' is not a number" -f "$image" pslist --pid 4x
refused empty_number_is_said 2 "'' is not a number" -f "$image" pslist --pid 4,
refused huge_number_is_said 2 'is not a number' -f "$image" pslist --pid 99999999999999999999999
refused bad_global_number_is_said 2 "'many' is not a number" -f "$image" --limit many pslist
refused word_too_many_is_said 2 "no argument 'more'" -f "$image" pslist more
refused renderer_is_one_of_a_list 2 'text, pretty, json, jsonl, csv' -f "$image" -r xml pslist
refused compat_knows_vol3_only 2 'only vol3' -f "$image" --compat vol2 pslist
refused progress_is_one_of_three 2 'auto, always or never' -f "$image" --progress maybe pslist
refused format_is_one_of_a_list 2 'want raw' -f "$image" --format floppy pslist
refused profile_has_to_exist 2 "'nope'" -f "$image" --profile nope pslist
refused bad_symbol_file_is_said 1 'bad.json' -f "$image" --profile "$work/bad.json" pslist
refused plugin_folder_has_to_exist 1 "'$work/none'" -f "$image" -p "$work/none" pslist
refused output_folder_has_to_exist 1 "'$work/none'" -f "$image" -o "$work/none" pslist
refused output_folder_has_to_be_one 2 'is not a folder' -f "$image" -o "$work/tiny" pslist
refused symbol_folder_has_to_exist 1 "'$work/none'" -f "$image" -s "$work/none" pslist
refused bad_expression_is_placed 2 'at character 2' -f "$image" --filters 'name,(!' pslist
refused filter_wants_a_column_that_exists 2 "like 'nme'" -f "$image" --filters 'nme,x' pslist
refused hiding_all_columns_is_refused 2 'no column is left' -f "$image" --hide-columns p,n,o,t,h,s,w,c,e,f pslist
refused plugins_takes_one_name 2 'want one plugin' plugins pslist pstree
refused why_says_what_is_missing 3 'no Windows kernel' -f "$work/random" plugins --why pslist

# ---- what is asked for is what comes
rows() { grep -vc '^pid	\|^#' "$work/out"; }
run -f "$image" pslist
all=$(rows)
claim complete_run_ends_with_0 "$([ "$status" = 0 ] && [ "$all" -gt 10 ] || echo "status $status, $all rows")"
run -f "$image" windows.pslist.PsList
claim volatility_name_is_understood "$([ "$status" = 0 ] && [ "$(rows)" = "$all" ] || echo "status $status, $(rows) rows")"
run -f "$image" pslist --limit 3
claim limit_is_kept_and_said "$([ "$status" = 0 ] && [ "$(rows)" = 3 ] && grep -q '^# incomplete: limit' "$work/out" || echo "status $status, $(rows) rows")"
run -f "$image" pslist --filters name,svchost
some=$(rows)
run -f "$image" pslist --filters -name,svchost
claim filter_and_its_opposite_make_the_whole "$([ "$some" -gt 1 ] && [ "$((some + $(rows)))" = "$all" ] || echo "$some and $(rows), of $all")"
run -f "$image" pslist --filters 'name,^(svchost|lsass)[.]exe$!'
claim filter_takes_an_expression "$([ "$(rows)" = "$((some + 1))" ] || echo "$(rows) rows")"
run -f "$image" pslist --hide-columns p --hide-columns name,wow
claim hidden_columns_are_gone "$(head -1 "$work/out" | grep -qE '(^|	)(p[a-z]*|name|wow64)(	|$)' && head -1 "$work/out")"
run -f "$image" pslist --pid 4,500 --pid 0x5c
claim pids_may_be_given_in_every_way "$([ "$(rows)" = 2 ] || echo "$(rows) rows")"
run -f "$image" -r none pslist
claim none_prints_nothing "$([ "$status" = 0 ] && [ ! -s "$work/out" ] && [ ! -s "$work/err" ] || echo "status $status")"
run --help
claim help_is_no_error "$([ "$status" = 0 ] && [ ! -s "$work/err" ] || echo "status $status")"
run
claim no_command_is_wrong_use "$([ "$status" = 2 ] && [ ! -s "$work/out" ] || echo "status $status")"

# ---- an output that fails
for renderer in text pretty json jsonl csv; do
	"$eidetic" -f "$image" -r $renderer pslist >/dev/full 2>"$work/err"
	status=$?
	claim "full_disk_is_said_by_$renderer" "$([ $status = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] || echo "status $status: $(cat "$work/err")")"
done
for words in plugins --help --version 'pslist --help'; do
	"$eidetic" $words >/dev/full 2>"$work/err"
	status=$?
	claim "full_disk_is_said_by $words" "$([ $status = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] || echo "status $status: $(cat "$work/err")")"
done
"$eidetic" -f "$image" memmap --pid 4 2>"$work/err" | head -1 >"$work/out"
claim closed_pipe_is_quiet "$([ -s "$work/out" ] && [ ! -s "$work/err" ] || cat "$work/err")"

# ---- Ctrl-C: a plugin that would never end
mkdir "$work/plugins"
${CC:-cc} -std=gnu11 -fPIC -shared -fvisibility=hidden -Icore/include tests/abi/endless.c -o "$work/plugins/endless.so"
# Scripts start what is in the background with SIGINT ignored; env(1) gives it back its default.
env --default-signal=INT "$eidetic" -f "$image" -r jsonl -p "$work/plugins" endless >"$work/out" 2>"$work/err" &
pid=$!
sleep 0.3
kill -INT $pid
tries=0
while kill -0 $pid 2>/dev/null && [ $tries -lt 20 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
kill -KILL $pid 2>/dev/null
wait $pid
status=$?
claim interrupt_ends_a_run_at_once "$([ $tries -lt 20 ] && [ $status = 4 ] || echo "status $status after $tries tenths of a second")"
claim interrupted_listing_says_so "$(tail -1 "$work/out" | grep -q '"complete":false,"why":"cancelled"' || tail -1 "$work/out")"
finish
