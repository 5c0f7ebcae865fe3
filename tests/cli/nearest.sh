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

"$build/forge" --profile win7-sp1-x64 --scenario samples/scenarios/small.json --format triage -o "$work/triage" >"$work/forge.log" 2>&1
refused triage_dump_has_no_nearest 3 'holds no physical memory' -f "$work/triage" --profile none pslist
finish
