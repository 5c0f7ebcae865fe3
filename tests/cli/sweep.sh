# Every plugin on images with pages missing, images cut short, and files that are no image: no
# crash, no hang, an exit status that means what it says, and no row that the whole image lacks.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/sweep_parts

# ---- pages missing --------------------------------------------------------------------------
# Of each paging mode one, old and new, in containers that have zeroes for what is missing and in
# those that have nothing; sweep_all takes every family of builds, and many seeds.
sh tests/cli/sweep_image win10-19041-x64 raw 1 0.01 0.05 0.2 || failures=1
sh tests/cli/sweep_image win7-sp1-x86 crash 2 0.05 || failures=1
sh tests/cli/sweep_image xp-sp3-x86 raw 3 0.2 || failures=1
sh tests/cli/sweep_image win11-26100-x64 lime 4 0.05 || failures=1

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
forge whole.raw
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
