# run: many plugins at once, a file each; what is left when it cannot be done, or is broken off.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common

forge image
image=$work/image

# cell PLUGIN N: the nth cell of its line in the list on stdout.
cell() { grep "^$1	" "$work/out" | cut -f"$2"; }

# ---- the files are what the plugins show alone, whatever the threads do
run -q run -f "$image" --plugins all -o "$work/all"
claim all_ends_complete "$([ "$status" = 0 ] || { echo "exit status $status"; cat "$work/err"; })"
cp "$work/out" "$work/list"
why=
for file in "$work"/all/*.csv; do
	plugin=$(basename "$file" .csv)
	"$eidetic" -q -r csv -f "$image" "$plugin" </dev/null 2>"$work/alone.err" | cmp -s - "$file" || why="$why $plugin"
done
claim files_are_what_plugins_show_alone "$why"
claim list_counts_the_rows "$([ "$(cell pslist 2)" = "$(($(wc -l <"$work/all/pslist.csv") - 1))" ] || cat "$work/out")"
claim nothing_is_left_marked "$(find "$work/all" -name '*.partial')"
for threads in 1 3 16; do
	run -q --threads $threads run -f "$image" --plugins all -o "$work/threads-$threads"
	claim files_are_the_same_with_${threads}_threads "$(diff -rq "$work/all" "$work/threads-$threads" 2>&1 | head -3)"
done
claim list_has_the_order_of_names "$(cut -f1 "$work/list" | tail -n +2 | LC_ALL=C sort -c 2>&1)"
cp "$work/list" "$work/out"
claim what_asks_for_more_is_left_out "$(cell yarascan 5 | grep -q 'left out: asks for rules' && [ ! -e "$work/all/yarascan.csv" ] || cell yarascan 5)"
claim what_the_image_has_nothing_for_is_said "$(cell crashinfo 5 | grep -q 'not a Windows crash dump' || cell crashinfo 5)"
asks=$("$eidetic" plugins | sed -n 's/^\([a-z0-9]*\) .*/\1/p' | while read -r plugin; do
	grep -q "^$plugin	" "$work/list" || echo "$plugin"
done)
claim every_plugin_has_a_line "$asks"

# ---- notes of tables that several plugins share are in the file of each, whoever came first
"$build/forge" --profile win10-19041-x64 --scenario samples/scenarios/broken-lists.json --format raw --size 1G --seed 3 \
	-o "$work/broken" >"$work/forge.log" 2>&1 || { echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }
run -q --threads 1 run -f "$work/broken" --plugins all -o "$work/notes-1"
run -q --threads 8 run -f "$work/broken" --plugins all -o "$work/notes-8"
claim notes_are_the_same_with_8_threads "$(diff -rq "$work/notes-1" "$work/notes-8" 2>&1 | head -3)"
why=
for file in "$work"/notes-1/*.notes.txt; do
	plugin=$(basename "$file" .notes.txt)
	"$eidetic" -r csv -f "$work/broken" "$plugin" </dev/null 2>&1 >/dev/null | cmp -s - "$file" || why="$why $plugin"
done
claim notes_are_those_of_plugins_alone "$why$([ -s "$work/notes-1/hivelist.notes.txt" ] || echo ' there are none')"

# ---- formats
run -q run -f "$image" -r jsonl --plugins pslist,windows.psscan,pslist -o "$work/jsonl"
claim jsonl_has_its_trailer "$(tail -1 "$work/jsonl/psscan.jsonl" | grep -q '"complete":true' || ls "$work/jsonl")"
claim plugin_named_twice_is_run_once "$([ "$(wc -l <"$work/out")" = 3 ] || cat "$work/out")"
run -q run -f "$image" --compat vol3 -r json --plugins pslist -o "$work/compat"
claim compat_holds_for_the_files "$(grep -q '"ImageFileName"' "$work/compat/pslist.json" || head -c 200 "$work/compat/pslist.json")"
run -q run -f "$image" --limit 2 --plugins pslist -o "$work/limit"
claim limit_leaves_a_whole_file "$([ "$status" = 0 ] && [ "$(wc -l <"$work/limit/pslist.csv")" = 3 ] || cat "$work/out")"
run -q run -f "$image" --plugins svcscan -o "$work/notes"
claim notes_are_beside_a_csv "$([ "$(cell svcscan 3)" = 0 ] || [ -s "$work/notes/svcscan.notes.txt" ] || ls "$work/notes")"

# ---- several images
cp --sparse=always "$image" "$work/other"
mkdir "$work/deeper" && ln "$work/other" "$work/deeper/other"
run -q run --plugins pslist,info -o "$work/many" "$image" "$work/other" "$work/deeper/other"
why=
for folder in image other other-2; do [ -s "$work/many/$folder/pslist.csv" ] || why="$why $folder"; done
claim images_have_a_folder_each "$why$([ "$status" = 0 ] || cat "$work/err")"
head -c 100000 /dev/urandom >"$work/noise"
run -q run --plugins pslist -o "$work/mixed" "$work/noise" "$image"
claim image_that_is_none_stops_no_other "$([ "$status" = 4 ] && [ -s "$work/mixed/image/pslist.csv" ] && [ "$(wc -l <"$work/err")" = 1 ] || cat "$work/out" "$work/err")"

# ---- what is there is not written over
run -q run -f "$image" --plugins pslist -o "$work/limit"
claim what_is_there_is_kept "$([ "$status" = 2 ] && grep -q 'is there already; --force' "$work/err" && [ "$(wc -l <"$work/limit/pslist.csv")" = 3 ] || cat "$work/err")"
run -q run -f "$image" --force --plugins pslist -o "$work/limit"
claim force_replaces_it "$([ "$status" = 0 ] && [ "$(wc -l <"$work/limit/pslist.csv")" -gt 3 ] || cat "$work/err")"
mkdir "$work/linked" && echo kept >"$work/precious" && ln -s "$work/precious" "$work/linked/pslist.csv.partial"
run -q run -f "$image" --force --plugins pslist -o "$work/linked"
claim links_are_not_written_through "$([ "$(cat "$work/precious")" = kept ] && [ "$status" != 0 ] || cat "$work/err")"

# ---- wrong use
refused image_is_needed 2 'no image was named' run --plugins pslist -o "$work/x"
refused plugins_are_needed 2 'which plugins?' run -f "$image" -o "$work/x"
refused folder_is_needed 2 'where to?' run -f "$image" --plugins pslist
refused misspelt_plugin_is_said 2 "is 'pslist' meant?" run -f "$image" --plugins psliist -o "$work/x"
refused format_is_a_files 2 "not 'pretty'" run -f "$image" -r pretty --plugins pslist -o "$work/x"
refused option_is_known 2 'no option' run -f "$image" --plugins pslist --frobnicate -o "$work/x"
refused log_is_of_one_plugin 2 '--log' run -f "$image" --plugins pslist --log "$work/log" -o "$work/x"
refused file_is_no_folder 1 'output folder' run -f "$image" --plugins pslist -o "$image"
refused missing_image_is_said 1 'cannot open' run -f "$work/nothing" --plugins pslist -o "$work/x"
claim wrong_use_leaves_no_folder "$(ls -d "$work/x" 2>/dev/null)"
run -q run -f "$image" --plugins yarascan,pslist -o "$work/failing"
claim one_that_fails_stops_no_other "$([ "$status" = 4 ] && [ -s "$work/failing/pslist.csv" ] && grep -q 'yarascan' "$work/err" || cat "$work/out" "$work/err")"
claim one_that_fails_leaves_no_file "$(ls "$work/failing" | grep -v '^pslist.csv$')"

# ---- folders that cannot be written, disks that are full
mkdir "$work/locked" && chmod 555 "$work/locked" && chmod 755 "$work"
as_other=
[ "$(id -u)" != 0 ] || as_other='setpriv --reuid 65534 --clear-groups'
if ${as_other:-:} true 2>/dev/null && ${as_other:-env} test -x "$eidetic" -a -r "$image"; then
	$as_other "$eidetic" -q run -f "$image" --plugins all -o "$work/locked" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	claim locked_folder_is_one_line "$([ "$status" = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q 'Permission denied' "$work/err" && [ ! -s "$work/out" ] || cat "$work/out" "$work/err")"
fi
mkdir "$work/full"
if mount -t tmpfs -o size=64k none "$work/full" 2>/dev/null; then
	run -q run -f "$image" --plugins all -o "$work/full"
	claim full_disk_is_one_line "$([ "$status" != 0 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q 'No space left' "$work/err" || cat "$work/out" "$work/err")"
	why=
	for file in "$work"/full/*.csv; do
		[ -e "$file" ] || continue
		cmp -s "$file" "$work/all/$(basename "$file")" || why="$why $file"
	done
	claim full_disk_leaves_whole_files_or_marked_ones "$why"
	umount "$work/full"
fi

# ---- broken off
# Behind the memory of the image is more that is not sparse, so that there is time to break it off.
"$build/forge" --profile win10-19041-x64 --scenario samples/scenarios/small.json --format raw --size 1G --seed 1 -o "$work/large" >/dev/null 2>&1
yes 'nothing that means anything to anybody' | dd of="$work/large" bs=1M seek=1024 count=448 iflag=fullblock conv=notrunc 2>/dev/null
for wait in 0.02 0.06 0.15; do
	rm -rf "$work/cut"
	"$eidetic" -q run -f "$work/large" --threads 1 --plugins all -o "$work/cut" >"$work/out" 2>"$work/err" </dev/null &
	process=$!
	sleep $wait
	start=$(date +%s%N)
	kill -INT $process 2>/dev/null
	wait $process
	status=$?
	took=$((($(date +%s%N) - start) / 1000000))
	why=
	[ "$status" = 0 ] || [ "$status" = 4 ] || [ "$status" = 130 ] || why="exit status $status: $(cat "$work/err")"
	[ "$took" -lt 1000 ] || why="$why; it took $took ms to end"
	for file in "$work"/cut/*.csv; do
		[ -e "$file" ] || continue
		"$eidetic" -q -r csv -f "$work/large" "$(basename "$file" .csv)" 2>/dev/null </dev/null | cmp -s - "$file" || why="$why; $(basename "$file") is cut and not marked"
	done
	claim broken_off_after_${wait}_leaves_whole_files_or_marked_ones "$why"
done

finish
