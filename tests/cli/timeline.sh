# timeliner: all times in order, as rows, as a body file, as Timesketch's lines.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common

forge image
image=$work/image

# ---- rows
run -q -f "$image" timeliner --bodyfile "$work/body" --timesketch "$work/sketch"
claim it_ends_complete "$([ "$status" = 0 ] || { echo "exit status $status"; cat "$work/err"; })"
sed '1d; /^#/d' "$work/out" >"$work/rows"
claim times_ascend "$(cut -f1 "$work/rows" | LC_ALL=C sort -c 2>&1)"
# events PLUGIN COLUMN: how many there are; shown PLUGIN COLUMN: how many the plugin itself shows.
events() { cut -f2,3 "$work/rows" | grep -c "^$1	$2\$"; }
shown() {
	"$eidetic" -q -r jsonl -f "$image" "$1" </dev/null | grep -c "\"$2\":\"[12]"
}
for pair in pslist:created pslist:exited psscan:created thrdscan:created dlllist:loaded netscan:created \
	symlinkscan:created unloadedmodules:time hivelist:written printkey:written; do
	plugin=${pair%:*} column=${pair#*:}
	claim all_times_of_${plugin}_${column}_are_there \
		"$([ "$(events $plugin $column)" = "$(shown $plugin $column)" ] || echo "$(events $plugin $column), want $(shown $plugin $column)")"
done
claim what_tells_again_is_left_out "$(cut -f2 "$work/rows" | grep -xE 'pstree|psxview|sessions|threads' | head -1)"
claim description_says_what_it_is_about "$(grep -q '	pslist	created	name System, pid 4, ' "$work/rows" || grep -m1 pslist "$work/rows")"
for threads in 1 2 7; do
	"$eidetic" -q --threads $threads -f "$image" timeliner </dev/null >"$work/again" 2>&1
	claim rows_are_the_same_with_${threads}_threads "$(cmp "$work/out" "$work/again" 2>&1)"
done
run -q -f "$image" timeliner --plugins threads,windows.pslist
claim plugins_can_be_named "$([ "$(sed '1d; /^#/d' "$work/out" | cut -f2 | sort -u | tr '\n' ' ')" = 'pslist threads ' ] || head -3 "$work/out")"
run -q -f "$image" timeliner.Timeliner --plugin-filter PsList unloaded
claim plugins_can_be_filtered "$([ "$(sed '1d; /^#/d' "$work/out" | cut -f2 | sort -u | tr '\n' ' ')" = 'pslist unloadedmodules ' ] || head -3 "$work/out")"
run -q -f "$image" timeliner --plugins printkey
topmost=$(wc -l <"$work/out")
run -q -f "$image" timeliner --plugins printkey --recurse
claim registry_is_whole_when_asked_for "$([ "$(wc -l <"$work/out")" -gt "$topmost" ] || echo "$topmost rows both times")"
run -q -r jsonl -f "$image" --limit 3 timeliner
claim limit_is_said "$(tail -1 "$work/out" | grep -q '"rows":3,.*"complete":false,"why":"limit"' || tail -1 "$work/out")"
run -q -r csv -f "$image" --filters event,exited timeliner
claim rows_can_be_filtered "$(sed 1d "$work/out" | cut -d, -f3 | grep -vx exited | head -1)"
run -q -r csv --compat vol3 -f "$image" timeliner
claim compat_has_volatilitys_columns "$([ "$(head -1 "$work/out" | tr -d '\r')" = 'TreeDepth,Plugin,Description,Created Date,Modified Date,Accessed Date,Changed Date' ] || head -1 "$work/out")"
claim compat_has_volatilitys_words "$(for words in 'PsList,Process: 4 System ([0-9]*),' 'PsScan,Process: 4 System ([0-9]*),' \
	'ThrdScan,Thread: Tid [0-9]* in Pid [0-9]* (Offset [0-9]*),' 'NetScan,.*Network connection: Process [0-9]* '; do
	grep -q "0,$words" "$work/out" || echo "nothing like $words"
done)"
claim compat_has_volatilitys_plugins "$(sed 1d "$work/out" | cut -d, -f2 | sort -u |
	grep -vxE 'PsList|PsScan|Sessions|SymlinkScan|Amcache|UserAssist|ThrdScan|NetScan|UnloadedModules|DllList')"
refused compat_has_no_others 2 'has no times of' --compat vol3 -f "$image" timeliner --plugins hivelist

# ---- files
claim body_has_eleven_fields "$(awk -F'|' 'NF != 11' "$work/body" | head -1)"
claim body_times_are_numbers "$(awk -F'|' '$8 $9 $10 $11 !~ /^[0-9]+$/ || !($8 + $9 + $10 + $11)' "$work/body" | head -1)"
# A process that exited is one line with both times.
claim body_has_a_line_a_row "$([ "$(grep -c '|pslist - ' "$work/body")" = "$(events pslist created)" ] || grep -c '|pslist - ' "$work/body")"
claim body_line_has_all_times "$([ "$(awk -F'|' '$2 ~ /^pslist - / && $9 && $11' "$work/body" | wc -l)" = "$(events pslist exited)" ] || grep -m1 pslist "$work/body")"
claim timesketch_has_a_line_an_event "$([ "$(wc -l <"$work/sketch")" = "$(wc -l <"$work/rows")" ] || wc -l <"$work/sketch")"
claim timesketch_is_json_with_its_members "$(python3 - "$work/sketch" <<'END' 2>&1
import datetime, json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    when = datetime.datetime.fromisoformat(event["datetime"].replace("Z", "+00:00"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    if (when - epoch) // datetime.timedelta(microseconds=1) != event["timestamp"]:
        print("datetime and timestamp differ:", line)
    if not event["message"] or not event["timestamp_desc"].startswith(event["plugin"] + " "):
        print("not for Timesketch:", line)
END
)"
claim no_file_is_left_marked "$(ls "$work" | grep partial)"
run -q -f "$image" timeliner --bodyfile "$work/body"
claim what_is_there_is_kept "$([ "$status" = 2 ] && grep -q 'is there already' "$work/err" || cat "$work/err")"
mkdir "$work/folder"
run -q -f "$image" -o "$work/folder" timeliner --create-bodyfile
claim body_goes_where_volatilitys_does "$(cmp "$work/body" "$work/folder/volatility.body" 2>&1)"
if [ -e /dev/full ]; then
	"$eidetic" -q -f "$image" timeliner </dev/null >/dev/full 2>"$work/err"
	status=$?
	claim full_disk_is_one_line "$([ "$status" = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] || cat "$work/err")"
fi

# ---- wrong use
refused image_is_needed 2 'no image was named' timeliner
refused option_is_known 2 'no option' -f "$image" timeliner --frobnicate
refused value_is_needed 2 '--bodyfile needs' -f "$image" timeliner --bodyfile
refused plugin_is_known 2 "is 'pslist' meant?" -f "$image" timeliner --plugins psliist
refused plugin_has_times 2 "'modules' has no times" -f "$image" timeliner --plugins modules
refused filter_fits_something 2 'no plugin' -f "$image" timeliner --plugin-filter Nothing
refused file_can_be_written 1 'cannot write' -f "$image" timeliner --bodyfile "$work/no/where"
head -c 100000 /dev/urandom >"$work/noise"
run -q -f "$work/noise" timeliner
claim image_that_is_none_is_said "$([ "$status" = 3 ] && [ "$(wc -l <"$work/err")" = 1 ] || cat "$work/err")"

finish
