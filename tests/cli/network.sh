# Sockets and services as the forge put them into an image, of each generation of tcpip.sys and of
# services.exe; and of generations that are not the one that the build suggests.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
. tests/cli/facts

sockets='offset physical proto local_addr local_port foreign_addr foreign_port state pid owner created'
services='offset order pid start state type name display binary found_by'

# generation PROFILE
generation() {
	forge image --truth "$work/truth" --write-isf "$work/symbols" --profile "$1"
	agrees "$(echo "$1" | tr .- __)" netscan $sockets
	agrees "$(echo "$1" | tr .- __)" svcscan $services
}

mkdir -p "$work/symbols"
profile="-s $work/symbols"
for name in ${EIDETIC_PROFILES:-xp-sp3-x86 win2003-sp2-x64 vista-sp2-x86 win7-sp1-x64 win81-u1-x86 \
	win10-10240-x64 win10-15063-x64 win10-17134-x86 win10-19041-x64 win11-22000.318-x64}; do
	generation "$name"
done

# noted NAME WORD...: the last run has a note with these words.
noted() {
	grep -q "^# note: .*$2" "$work/out" || why="$why no note says '$2'"
	claim "$1" "$why"
}

# ---- another generation than the build's ----------------------------------------------------
# claims_build NUMBER: the objects are those of that build; the profile says 19041.
claims_build() {
	sed "s/^{/{ \"build\": $1,/" samples/scenarios/small.json >"$work/other.json"
	forge image --truth "$work/truth" --profile win10-19041-x64 --scenario "$work/other.json"
}

# noted NAME WORDS: the last run has a note with these words.
noted() {
	why="no note says '$2'"
	grep -q "^# note: .*$2" "$work/out" && why=
	claim "$1" "$why"
}

profile='--profile win10-19041-x64'
claims_build 19041
run -q -r text -f "$work/image" $profile netscan
noted the_build_suggests 'listeners: read as those of Windows 10 2004 x64: 5 of 5'
claims_build 26100
agrees newest netscan $sockets
noted places_are_found_on_the_image 'connections: .*found on the image: 1 of 1'
finish
