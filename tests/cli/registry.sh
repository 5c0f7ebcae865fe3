# Hive files: written out of memory and read back, completed from their logs, and what was deleted.
# Real hives come from $EIDETIC_SHARED; other readers (hivex, libregf) are asked where they are installed.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
hives=${EIDETIC_SHARED:-../shared}/data/hives

# rows FILE...: key, name, type and data of a text listing, sorted; the header, notes and the tree's stars left out.
rows() { grep -v '^#' "$1" | sed 's/^\**  *//' | awk -F '\t' 'NR > 1 { print $3, $4, $5, $6, $8 }' | sort; }

# ---- out of memory ------------------------------------------------------------------------------
forge whole.raw
mkdir "$work/dump"
run -q -f "$work/whole.raw" -o "$work/dump" -r text hivelist --dump
why=
[ "$status" = 0 ] || why="exit status $status: $(cat "$work/err")"
listed=$(sed -n 's/.*\t\(registry\.[^\t]*\.hive\)\t.*/\1/p' "$work/out")
[ -n "$listed" ] || why="$why; no file is listed"
for file in $listed; do
	[ -s "$work/dump/$file" ] || why="$why; no file $file"
	grep -qF "\"$file\"" "$work/dump/manifest.jsonl" || why="$why; $file is not in the manifest"
done
claim hives_are_written_out_of_memory "$why"

why=
for file in $listed; do
	offset=$(echo "$file" | sed 's/.*\.0x\([0-9a-f]*\)\.hive/0xffff\1/')
	run -q -r text registry --hive "$work/dump/$file" --recurse
	[ "$status" = 0 ] || why="$why; $file: exit status $status: $(head -c 200 "$work/err")"
	rows "$work/out" | awk '{ $1 = ""; print }' | sort >"$work/from_file"
	run -q -r text -f "$work/whole.raw" printkey --recurse --offset "$offset"
	# The volatile part is in no file.
	grep -v '	true	' "$work/out" | sed 's/^\**  *//' |
		awk -F '\t' 'NR > 1 && !/^#/ { print $3, $4, $5, $6, $8 }' | awk '{ $1 = ""; print }' | sort >"$work/from_memory"
	[ "$(wc -l <"$work/from_file")" = "$(wc -l <"$work/from_memory")" ] ||
		why="$why; $file has $(wc -l <"$work/from_file") rows, memory $(wc -l <"$work/from_memory")"
done
claim what_was_written_reads_as_memory_does "$why"

if python3 -c 'import hivex' 2>/dev/null; then python=python3; else python=/usr/bin/python3; fi
if $python -c 'import hivex' 2>/dev/null; then
	why=
	for file in $listed; do
		$python -c '
import hivex, sys
h = hivex.Hivex(sys.argv[1])
def walk(key):
    for value in h.node_values(key):
        h.value_value(value)
    for child in h.node_children(key):
        walk(child)
walk(h.root())' "$work/dump/$file" 2>"$work/err" || why="$why; $file: $(tail -1 "$work/err")"
	done
	claim hivex_reads_what_was_written "$why"
else
	echo "hivex is not installed: what was written is not read by it"
fi
if command -v regfinfo >"$work/out"; then
	why=
	for file in $listed; do
		regfinfo "$work/dump/$file" >"$work/out" 2>&1 || why="$why; $file: $(tail -1 "$work/out")"
		grep -qi corrupt "$work/out" && why="$why; $file is corrupt to it"
	done
	claim libregf_reads_what_was_written "$why"
else
	echo "libregf is not installed: what was written is not read by it"
fi

# With pages dropped, hives still open, unless the page of their root is among them.
why= opened=0
for seed in 1 2 3 4 5 6; do
	sed 's/^{/{ "damage": { "drop_pages": { "rate": 0.05, "what": "any" } },/' samples/scenarios/small.json >"$work/dropped.json"
	forge dropped.raw --scenario "$work/dropped.json" --seed "$seed"
	rm -rf "$work/dump5" && mkdir "$work/dump5"
	run -q -f "$work/dropped.raw" --profile win10-19041-x64 -o "$work/dump5" -r none hivelist --dump
	[ "$status" -le 4 ] || why="$why; seed $seed: exit status $status"
	for file in "$work/dump5"/*.hive; do
		[ -f "$file" ] || continue
		run -q -r none registry --hive "$file" --recurse --deleted
		case $status in
		0) opened=$((opened + 1)) ;;
		1) grep -q 'root of the hive' "$work/err" || why="$why; $file: $(head -c 200 "$work/err")" ;;
		*) why="$why; $file: exit status $status" ;;
		esac
	done
done
[ "$opened" -ge 10 ] || why="$why; only $opened hives opened"
claim hives_with_pages_missing_are_written "$why"

# ---- logs ---------------------------------------------------------------------------------------
# log_case NAME HIVE NOTE LOG...: the hive is completed, with NOTE, and is complete when it is written.
log_case() {
	name=$1 hive=$2 note=$3
	shift 3
	why=
	rm -rf "$work/logs" && mkdir "$work/logs"
	for file in "$hive" "$@"; do
		from=$hives/$file
		if [ -f "$from.xz" ]; then xz -dc "$from.xz"; else cat "$from"; fi >"$work/logs/${file##*/}"
	done
	logs=$(for file in "$@"; do echo "$work/logs/${file##*/}"; done)
	run -r none registry --hive "$work/logs/${hive##*/}" --log $logs --write "$work/logs/whole"
	[ "$status" = 0 ] || why="exit status $status"
	grep -qF "$note" "$work/err" || why="$why; no '$note' in: $(head -c 300 "$work/err")"
	run -r none registry --hive "$work/logs/whole" --no-log --recurse
	grep -qF dirty "$work/err" && why="$why; what was written is dirty"
	claim "$name" "$why"
}
if [ -d "$hives" ]; then
	at=mkorman90+regipy
	# The number of pages is that of regipy's own tests.
	log_case one_of_two_logs_applies $at/transactions_NTUSER.DAT '23 entries, 132 pages' \
		$at/transactions_ntuser.dat.log1 $at/transactions_ntuser.dat.log2
	log_case both_logs_apply $at/SYSTEM_B '24 entries, 315 pages' $at/SYSTEM_B.LOG1 $at/SYSTEM_B.LOG2
	log_case logs_apply_in_any_order $at/UsrClass.dat '14 entries, 158 pages' $at/UsrClass.dat.LOG2 $at/UsrClass.dat.LOG1
	why=
	mv "$work/logs/UsrClass.dat.LOG1" "$work/logs/UsrClass.dat.LOG1.away"
	cp "$work/logs/UsrClass.dat.LOG1.away" "$work/logs/UsrClass.dat.log1"
	run -r none registry --hive "$work/logs/UsrClass.dat"
	grep -qF '14 entries' "$work/err" || why="$(head -c 300 "$work/err")"
	run -r none registry --hive "$work/logs/UsrClass.dat" --no-log
	[ "$status" = 0 ] || why="$why; --no-log: exit status $status"
	claim logs_beside_the_hive_are_found "$why"
	rm "$work"/logs/UsrClass.dat.*
	run -r none registry --hive "$work/logs/UsrClass.dat"
	why=
	[ "$status" = 4 ] || why="exit status $status, want 4"
	claim a_dirty_hive_without_logs_is_incomplete "$why"

	run -q -r text registry --hive "$hives/EricZimmerman+Registry/UsrClassDeletedBags.dat" --deleted
	why=
	keys=$(awk -F '\t' '$NF ~ /live|deleted|unknown/ && $3 == "Key"' "$work/out" | wc -l)
	values=$(awk -F '\t' '$NF ~ /^(live|deleted|unknown)$/ && $3 != "Key"' "$work/out" | wc -l)
	# As many as an independent reader (yarp) finds.
	[ "$keys $values" = "4 113" ] || why="$keys keys and $values values, want 4 and 113"
	claim deleted_keys_and_values_are_listed "$why"
else
	echo "no $hives: real logs and deleted keys are not tried"
fi

# ---- secrets ------------------------------------------------------------------------------------
forge secrets.raw --scenario samples/scenarios/parity.json
run -q -f "$work/secrets.raw" envars
everything=$(cut -f4 "$work/out" | sort -u)
run -q -f "$work/secrets.raw" envars --silent
claim variables_that_all_have_can_be_left_out "$(for name in TEMP ComSpec USERNAME; do
	echo "$everything" | grep -qx $name || echo "$name is nowhere"
	cut -f4 "$work/out" | grep -x $name
done)"
claim variables_of_ones_own_stay "$(cut -f4 "$work/out" | grep -qx NUMBER_OF_PROCESSORS || cut -f4 "$work/out" | sort -u)"
run -q -f "$work/secrets.raw" dlllist --pid "$("$eidetic" -q -f "$work/secrets.raw" pslist </dev/null | awk '$3 == "wow.exe" { print $1 }')"
claim both_halves_of_a_wow64_process_have_their_modules "$([ "$(awk -F'\t' '$5 == "kernel32.dll" { print $10 ":" $6 }' "$work/out" | tr '\n' ' ')" = \
	'64:C:\Windows\System32\kernel32.dll 32:C:\Windows\SysWOW64\kernel32.dll ' ] || cat "$work/out")"
run -q -r text -f "$work/secrets.raw" hashdump
why=
grep -q '^Administrator	500	-	8846f7eaee8fb117ad06bdd830b7586c$' "$work/out" || why="no Administrator"
grep -q '^Guest	501	-	-$' "$work/out" || why="$why; no Guest"
grep -q '^m.okafor	1001	e52cac67419a9a224a3b108f3fa6cb6d	8846f7eaee8fb117ad06bdd830b7586c$' "$work/out" ||
	why="$why; no m.okafor"
claim hashes_are_those_of_the_password "$why"
run -q -r text -f "$work/secrets.raw" userassist
why=
grep -q '	%windir%\\system32\\cmd.exe	-	7	12	345678	2024-03-14T07:06:53.000000Z	' "$work/out" || why="$(cat "$work/out" | head -c 500)"
claim what_was_started_is_said_in_clear "$why"

# ---- wrong use ----------------------------------------------------------------------------------
file=$work/dump/$(echo "$listed" | head -1)
refused no_hive 2 'no hive was named' registry
refused no_such_hive 1 'cannot open' registry --hive "$work/nowhere"
refused a_folder_is_no_hive 1 'is not a file' registry --hive "$work"
refused what_is_no_hive 1 "want 'regf'" registry --hive "$work/whole.raw" --no-log
refused no_such_key 2 'has no key' registry --hive "$file" --key 'No\Such\Key'
refused value_missing 2 'needs a value' registry --hive "$file" --key
refused unknown_word 2 'is not understood' registry --hive "$file" --frobnicate
refused log_and_no_log 2 'exclude each other' registry --hive "$file" --log "$file" --no-log
refused nothing_is_overwritten 1 'cannot create' registry --hive "$file" --write "$file"
finish
