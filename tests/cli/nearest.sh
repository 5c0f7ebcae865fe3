# Kernels that no exact profile is known of: the nearest built-in layout, with symbols found in
# memory, gives the rows that the exact symbol table gives. What does not hold is said.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
symbols=$work/symbols
mkdir "$symbols"

# profile: what `info` said of the profile.
profile() { sed -n 's/^Profile	//p' "$work/out"; }

# same NAME PLUGIN OPTION...: the rows with the exact table, and with OPTION... instead.
same() {
	name=$1 plugin=$2
	shift 2
	run -q -f "$work/image" -s "$symbols" "$plugin"
	mv "$work/out" "$work/want"
	run -q -f "$work/image" "$@" "$plugin"
	sed -i '/^# note: where all objects show it, /d' "$work/out" # of corrected profiles
	why=$(diff "$work/want" "$work/out" | head -4)
	[ "$status" = 0 ] || why="status $status: $(cat "$work/err")"
	[ "$(wc -l <"$work/want")" -gt 3 ] || why="hardly a row: $(head -c 300 "$work/want")"
	claim "${name}_$plugin" "$why"
}

# verified NAME OPTION...: info names a near profile of which every test holds.
verified() {
	name=$1
	shift
	run -q -f "$work/image" "$@" info
	all=$(profile | sed -n 's|^nearest: [0-9]* family, verified \([0-9]*\)/\1 ([a-z0-9.-]*)$|\1|p')
	claim "${name}_is_verified" "$([ "${all:-0}" -ge 20 ] || profile)"
}

for profile in xp-sp3-x86 win7-sp1-x86 win7-sp1-x64 win81-u1-x64 win10-17134-x64 win10-19041-x86; do
	forge image --profile $profile --write-isf "$symbols"
	verified $profile
	for plugin in pslist modules dlllist cmdline hivelist printkey; do
		same $profile $plugin
	done
done

# A known kernel, as if it were not; and one that names no symbol file at all.
forge image --profile win10-19041.1237-x64
run -q -f "$work/image" info
claim known_kernel_has_its_exact_profile "$([ "$(profile)" = 'exact: built-in' ] || profile)"
verified known_kernel_ignored --profile none
same known_kernel_ignored pslist --profile none
sed 's/^{/{ "paging": "x86",/' samples/scenarios/small.json >"$work/x86.json"
forge image --profile xp-sp3-x86 --scenario "$work/x86.json" --write-isf "$symbols"
verified x86_without_pae
same x86_without_pae pslist
forge image --profile win10-17134-x64 --scenario samples/scenarios/rsds-paged-out.json --write-isf "$symbols"
verified kernel_without_record
forge image --profile win7-sp1-x64 --scenario samples/scenarios/no-kdbg.json --format crash --write-isf "$symbols"
verified kernel_without_debugger_data
same kernel_without_debugger_data pslist

# A list that is broken in one place is no reason to doubt the layout; the rows are all there.
forge image --profile win7-sp1-x64 --scenario samples/scenarios/broken-lists.json --write-isf "$symbols"
same broken_lists pslist

# Nodes of address ranges are known by where they lead where they do, not by their pool tag; and no
# test that fails is a reason for another layout's members elsewhere, where it cannot be asked.
forge image --profile win2003-sp1-x86
LC_ALL=C sed -i 's/Vad\([lSFm ]\)/Wad\1/g' "$work/image"
verified nodes_with_another_tag
claim failed_test_is_no_reason_for_another_layout "$(profile | grep -q '(win2003-sp1-x86)' || profile)"

# Where nothing says where the number of system calls is, their table's descriptor has it.
forge image --profile xp-sp3-x86
run -q -f "$work/image" ssdt
claim system_calls_are_counted_by_the_descriptor "$([ "$(wc -l <"$work/out")" -gt 200 ] || cat "$work/err")"

# Without a record there is no symbol file to look for: what was tried instead is said.
forge image --profile win10-17134-x64 --scenario samples/scenarios/rsds-paged-out.json
LC_ALL=C sed -i 's/System\x00\x00\x00/Sxstem\x00\x00\x00/g' "$work/image"
run -q -f "$work/image" info
claim no_record_and_no_layout_says_both "$(
	profile | grep -q 'record cannot be read: the System process is found with none of' || profile)"

# ---- members that lie elsewhere -------------------------------------------------------------
# moved MEMBER BYTES: of the symbol file last written, $work/moved.json, where _EPROCESS has that
# member and all behind it further on.
moved() {
	xz -dc "$(ls -t "$symbols"/windows/*/*.json.xz | head -1)" | awk -v member="$1" -v bytes="$2" '
	{ text = text $0 }
	END {
		start = index(text, "\"_EPROCESS\":{")
		front = substr(text, 1, start - 1)
		text = substr(text, start)
		close_at = index(text, "}}}},\"_")
		type = substr(text, 1, close_at - 1)
		match(type, "\"" member "\":{\"offset\":[0-9]+")
		from = substr(type, RSTART, RLENGTH)
		sub(/.*:/, "", from)
		match(type, /"size":[0-9]+/)
		printf "%s%s\"size\":%d", front, substr(type, 1, RSTART - 1), substr(type, RSTART + 7, RLENGTH - 7) + bytes
		type = substr(type, RSTART + RLENGTH)
		while (match(type, /"offset":[0-9]+/)) {
			offset = substr(type, RSTART + 9, RLENGTH - 9) + 0
			if (offset >= from + 0) offset += bytes
			printf "%s\"offset\":%d", substr(type, 1, RSTART - 1), offset
			type = substr(type, RSTART + RLENGTH)
		}
		print type substr(text, close_at)
	}' >"$work/moved.json"
}

# corrected NAME: info names a near profile that was corrected, of which every test holds.
corrected() {
	run -q -f "$work/image" --profile none info
	all=$(profile | sed -n 's|^nearest: .* verified \([0-9]*\)/\1 (.*, corrected)$|\1|p')
	claim "$1_is_corrected" "$([ "${all:-0}" -ge 20 ] || profile)"
	for plugin in pslist psscan dlllist cmdline hivelist; do
		same "$1" $plugin --profile none
	done
}

moved_image() {
	forge image --profile "$1" --write-isf "$symbols"
	moved "$2" "$3"
	rm -r "$symbols"
	"$build/forge" --isf "$work/moved.json" --scenario samples/scenarios/small.json --format raw --size 1G \
		-o "$work/image" --write-isf "$symbols" >"$work/forge.log" 2>&1 || echo "not ok forge: $(cat "$work/forge.log")"
}

moved_image win10-16299-x64 UniqueProcessId 16
corrected all_members_moved
moved_image win10-16299-x64 ExitTime 8
corrected exit_time_moved
moved_image win7-sp1-x86 InheritedFromUniqueProcessId 8
corrected half_of_the_members_moved
moved_image win7-sp1-x64 ImageFileName 16
corrected names_moved

"$build/forge" --profile win7-sp1-x64 --scenario samples/scenarios/small.json --format triage -o "$work/triage" >"$work/forge.log" 2>&1
refused triage_dump_has_no_nearest 3 'holds no physical memory' -f "$work/triage" --profile none pslist
finish
