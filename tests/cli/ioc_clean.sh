# eidetic ioc match: published indicators say nothing of clean systems, and nothing of what is no Windows.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
data=${EIDETIC_SHARED:-../shared}/data
if [ ! -d "$data/openioc" ]; then
	echo "skip clean: there is no $data/openioc"
	finish
fi

# Two documents are about every Windows: one finds Windows, one finds whatever is a program.
expected='Embedded signature text - PE Check
FIND WINDOWS'
for profile in xp-sp3-x86 win7-sp1-x86 win7-sp1-x64 win81-9600-x64 win10-19041-x64 win11-22000.194-x64 \
	win2022-20348.2227-x64; do
	sed '/"build":/d' samples/scenarios/campaign-clean.json >"$work/clean.json"
	"$build/forge" --profile "$profile" --scenario "$work/clean.json" --format raw --size 1G --seed 7 -o "$work/clean" \
		>"$work/forge.log" 2>&1 || { echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }
	run -q -f "$work/clean" ioc match --ioc "$data/openioc" "$data/indicators"
	found=$(grep '^\* true' "$work/out" | cut -f2 | sort)
	all=$(grep -c '^\* ' "$work/out")
	why=
	[ "$status" = 0 ] || why="exit status $status: $(grep -v '^note' "$work/err" | head -3)"
	[ "$all" -gt 10000 ] || why="$why; only $all indicators"
	[ "$found" = "$expected" ] || why="$why; true: $found"
	claim "$profile.is_clean" "$why"
done

# Memory of another system is refused, not searched for structures that it cannot have.
{ head -c 4096 /dev/zero; cat /usr/bin/* 2>/dev/null | head -c 300000000; } >"$work/other"
refused memory_of_another_system_gets_no_verdict 3 'no Windows kernel was found' -q -f "$work/other" ioc match --ioc "$data/openioc"
finish
