# Images of builds on each side of every change that core/win/VERSIONS.md names: what plugins say is
# what the forge put there.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2086
. tests/cli/common
. tests/cli/facts
profile="-s $work/symbols"
mkdir "$work/symbols"

# Built-ins of a machine, oldest first: of those of one version in the order of their names.
"$eidetic" -q -r text --hide-columns pdb,guid,types,symbols,origin profile list |
	awk -F'\t' 'NR > 1 && $2 != "-" { split($2 ".0.0", v, "."); printf "%04d%04d%06d%06d %s %s\n", v[1], v[2], v[3], v[4], $1, $3 }' |
	LC_ALL=C sort >"$work/builds"

# sides MACHINE: of each change the build that first shows it, and the one before.
sides() {
	awk -F'|' -v machine="$1" '
	NR == FNR { split($0, part, " "); if (part[3] == machine) { order[++count] = part[2]; at[part[2]] = count }; next }
	/^\| `_/ {
		gsub(/[ `]/, "", $3); gsub(/ /, "", $4)
		if ($3 != machine && $3 != "both") next
		name = $4 "-" machine
		if (!(name in at)) { print "missing-" name; next }
		print order[at[name] - 1]
		print name
	}' "$work/builds" core/win/VERSIONS.md | awk '!seen[$0]++'
}

# Regions and the files in them, which the kernel knows without a drive.
agrees_regions() {
	run -q -r text -f "$work/image" $profile vadinfo
	facts vadinfo pid offset start end tag commit mapped
	rows pid offset start end tag commit file
	same "$1_vadinfo"
}

# sides_agree NAME: whatever shows a member that has changed.
sides_agree() {
	agrees "$1" pslist pid ppid name offset physical threads wow64 created exited
	agrees "$1" psscan pid ppid name physical threads created exited
	agrees "$1" modules offset base '#size' name path
	agrees "$1" dlllist pid base '#size' name path loaded bits
	agrees "$1" envars pid block variable value
	agrees "$1" handles pid offset '#handle' type
	agrees_regions "$1"
	agrees "$1" hivelist offset name
	agrees_registry "$1"
}

for machine in x86 x64; do
	for each in $(sides $machine); do
		forge image --profile "$each" --size 512M --truth "$work/truth" --write-isf "$work/symbols"
		sides_agree "$(echo "$each" | tr '.-' '__')"
	done
done
finish
