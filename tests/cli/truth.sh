# What the forge put into an image, and what the plugins say of it: the same rows, in every mode of
# paging and in every kind of container that holds all of memory.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
. tests/cli/facts
profile="-s $work/symbols"

# mode NAME FORGE-OPTION...
mode() {
	name=$1
	shift
	mkdir -p "$work/symbols"
	forge image --truth "$work/truth" --write-isf "$work/symbols" "$@"
	agrees_in_all "$mode"
}

mode=x64 && mode x64
mode=x64_22000 && mode x64 --profile win11-22000.318-x64
mode=x64_win7 && mode x64 --profile win7-7601.24540-x64
mode=pae && mode pae --profile win7-sp1-x86
sed 's/^{/{ "paging": "x86",/' samples/scenarios/small.json >"$work/x86.json"
mode=x86 && mode x86 --profile xp-sp3-x86 --scenario "$work/x86.json"
for format in crash crash-bitmap lime elf; do
	mode=$(echo $format | tr - _)
	forge image --truth "$work/truth" --format $format
	agrees "$mode" pslist pid ppid name offset physical
	agrees "$mode" dlllist pid base name
	agrees "$mode" hivelist offset name
done
run -q -f "$work/image" poolscanner Proc
processes=$(grep -c '^Proc' "$work/out")
run -q -f "$work/image" poolscanner
claim pool_blocks_of_all_known_kinds_without_tags "$([ "$processes" -gt 0 ] && [ "$(grep -c '^Proc' "$work/out")" = "$processes" ] &&
	grep -q '^File' "$work/out" || cut -f1 "$work/out" | sort | uniq -c)"
run -q -r csv --compat vol3 -f "$work/image" poolscanner
claim pool_blocks_are_told_as_volatility_does "$(grep -q '^0,symbol_table_name1!_EPROCESS,0x[0-9a-f]*,layer_name,System' "$work/out" || head -3 "$work/out")"
finish
