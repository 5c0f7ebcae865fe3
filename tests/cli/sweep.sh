# Every plugin on images with pages missing, images cut short, and files that are no image: no
# crash, no hang, an exit status that means what it says, and no row that the whole image lacks.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
seconds=2
if grep -q __asan_init "$eidetic"; then
	seconds=20
fi
plugins=$("$eidetic" plugins | sed -n 's/^\([a-z][a-z0-9_]*\) .*/\1/p')

# words PLUGIN: the options that make it do its utmost.
words() {
	case $1 in
	printkey) echo printkey --recurse ;;
	poolscanner) echo poolscanner Proc File Driv ;;
	yarascan | vadyarascan) echo "$1" --yara-string needle ;;
	search) echo search needle-ascii needle-wide needle-in-pool zzzz-nowhere ;;
	*) echo "$1" ;;
	esac
}

# bounded ARGUMENT...: as run, but killed when it takes too long (status 124).
bounded() {
	timeout -k 1 "$seconds" "$eidetic" "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
}

# ended WHERE STATUS...: notes in $why when the run before did not end with one of them.
ended() {
	where=$1
	shift
	for good in "$@"; do
		[ "$status" = "$good" ] && return
	done
	why="$why $where: exit status $status: $(head -c 300 "$work/err");"
}

# ---- pages missing --------------------------------------------------------------------------
# A path that has lost its beginning begins with "?". Dropped pages read as zeroes: a cell of the damaged image is the whole one's, or its beginning,
# or nothing. Ranges of memmap, facts of info, ways in which a row was found and counts of what is missing do change.
known_rows() {
	awk -F '\t' '
	function nothing(cell) { return cell ~ /^([?!-]|n\/a|0|0x0|false|)$/ || cell ~ /\\x00|00 00 00 00/ }
	function cut(cell, whole) { return cell ~ /^\?./ && index(whole, substr(cell, 2)) }
	function fits(cell, whole) { return cell == whole || nothing(cell) || (cell != "" && index(whole, cell) == 1) || cut(cell, whole) }
	/^#/ { next }
	{ sub(/^\*+ /, "") }
	FNR == 1 { for (i = 1; i <= NF; i++) skip[i] = $i ~ /^(doubt|found_by|missing|state|process|pid|region|virtual)$/; next }
	NR == FNR { rows[++count] = $0; next }
	{
		for (r = 1; r <= count; r++) {
			n = split(rows[r], whole, "\t")
			for (i = 1; i <= n && (skip[i] || fits($i, whole[i])); i++) { }
			if (i > n) next
		}
		print
	}' "$1" "$2" | head -1
}

forge whole.raw
for plugin in $plugins; do
	bounded -r text -f "$work/whole.raw" $(words "$plugin")
	cp "$work/out" "$work/whole.$plugin"
done
for rate in 0.01 0.05 0.2; do
	sed "s/^{/{ \"damage\": { \"drop_pages\": { \"rate\": $rate, \"what\": \"any\" } },/" \
		samples/scenarios/small.json >"$work/dropped.json"
	forge dropped.raw --scenario "$work/dropped.json"
	for plugin in $plugins; do
		why=
		# The kernel's header may be among what is gone: then the tables are named.
		bounded -q -r text -f "$work/dropped.raw" --profile win10-19041-x64 $(words "$plugin")
		ended "$plugin" 0 1 3 4
		case $plugin in
		info | memmap | crashinfo | crashdrivers) ;;
		*)
			odd=$(known_rows "$work/whole.$plugin" "$work/out")
			[ -z "$odd" ] || why="$why a row of its own: $odd"
			;;
		esac
		claim "pages_missing_${rate}_$plugin" "$why"
	done
done

# ---- images cut short -----------------------------------------------------------------------
# Cuts at the sizes that are given, from the longest on: a file is cut in place.
cuts() {
	awk -v size="$1" 'BEGIN {
		for (i = 21; i > 0; i--) printf "%.0f\n", size * i / 22 + i
		for (at = 131072; at > 8; at = int(at * 0.5)) print at - 3
	}'
}

for format in raw crash crash-bitmap lime elf triage; do
	forge cut --format $format --size 512M
	why= count=0
	for size in $(cuts "$(wc -c <"$work/cut")"); do
		[ "$size" -lt "$(wc -c <"$work/cut")" ] || continue
		truncate -s "$size" "$work/cut"
		for plugin in info pslist hivelist; do
			bounded -q -r text -f "$work/cut" $plugin
			ended "$plugin at $size" 0 3 4
		done
		count=$((count + 1))
	done
	[ "$count" -ge 25 ] || why="$why only $count cuts"
	claim "cut_short_$format" "$why"
done

# ---- no image at all ------------------------------------------------------------------------
head -c 1000000 "$work/whole.raw" | tr '\000-\377' '\111\222' >"$work/random"
: >"$work/empty"
head -c 4096 "$work/whole.raw" >"$work/page"
for file in random empty page .; do
	why=
	for plugin in info pslist hivelist search; do
		bounded -q -f "$work/$file" $(words $plugin)
		# Bytes without a system: info says just that, and search needs none.
		ended "$plugin" 1 3 $(case $plugin in info | search) echo 0 ;; esac)
	done
	claim "no_image_$file" "$why"
done
finish
