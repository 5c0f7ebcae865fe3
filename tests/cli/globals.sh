# The kernel's variables, found without symbols: what `info` says of each is where the symbol table
# that the image was made with has it. Witnesses that disagree are told.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
symbols=$work/symbols
isfs=${EIDETIC_SHARED:-../shared}/data/isf/windows/ntkrnlmp.pdb

# scenario OPTION: the small scenario with the kernel's OPTION.
scenario() { sed "s/^{/{ \"kernel\": { $1 },/" samples/scenarios/small.json >"$work/scenario.json"; }

# addresses FILE: "NAME RVA" of each symbol in a symbol table.
addresses() {
	case $1 in *.xz) xz -dc "$1" ;; *) cat "$1" ;; esac | python3 -c '
import json, sys
for name, symbol in json.load(sys.stdin)["symbols"].items():
    print(name, symbol["address"])'
}

# told: "NAME RVA" of each global that info tells, from $work/out.
told() {
	python3 - "$work/out" <<'EOF'
import sys
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
base = next(int(row[1], 16) for row in rows if row[0] == "Kernel Base")
for row in rows:
    if row[0].startswith("Global "):
        print(row[0][7:], int(row[1].split()[0], 16) - base)
EOF
}

# PoolBigPageTable is told by its entries, of which small images of old builds have hardly any.
everywhere='PsActiveProcessHead PsLoadedModuleList PsInitialSystemProcess PspCidTable CmpHiveListHead MmPfnDatabase
KiServiceTable KeServiceDescriptorTable PspCreateProcessNotifyRoutine PspCreateThreadNotifyRoutine PspLoadImageNotifyRoutine
MmUnloadedDrivers ObpRootDirectoryObject KdDebuggerDataBlock KeBugCheckCallbackListHead ObpKernelHandleTable
HandleTableListHead'

# found NAME TABLE WANTED: all of WANTED is told, and nothing is wrong or disputed.
found() {
	run -q -f "$work/image" --profile none info
	told | sort >"$work/told"
	addresses "$2" | sort >"$work/true"
	why=
	for global in $everywhere $3; do
		grep -q "^$global " "$work/told" || why="$why $global is not told;"
	done
	wrong=$(join "$work/told" "$work/true" | awk '$2 != $3 { print $1 }' | tr '\n' ' ')
	[ -z "$wrong" ] || why="$why wrong: $wrong;"
	disputed=$(grep '^Global.*; but' "$work/out" | cut -f1 | tr '\n' ' ')
	[ -z "$disputed" ] || why="$why disputed: $disputed;"
	claim "$1" "$why"
}

# forged NAME PROFILE WANTED
forged() {
	rm -rf "$symbols" && mkdir "$symbols"
	forge image --profile "$2" --scenario "$work/scenario.json" --write-isf "$symbols"
	found "$1" "$(find "$symbols" -name '*.json*')" "$3"
}

types=ObTypeIndexTable
recent='PoolBigPageTable ObTypeIndexTable ObHeaderCookie CallbackListHead ObpInfoMaskToOffset KdpDataBlockEncoded KiWaitNever KiWaitAlways'

scenario '"kdbg": "clear"'
forged xp_x86 xp-sp3-x86 ''
forged vista_x64 vista-sp1-x64 CallbackListHead
forged win7_x86 win7-sp1-x86 $types
forged win7_x64 win7-sp1-x64 "$types ObpInfoMaskToOffset"
scenario '"kdbg": "encoded"'
forged win81_encoded win81-u1-x64 "$types KdpDataBlockEncoded"
forged win10_encoded win10-17134-x64 "$recent"
forged win10_x86 win10-19041-x86 "$types ObHeaderCookie"

# Kernels whose symbol table is complete: everything is where it really was.
if [ -d "$isfs" ]; then
	for file in 610455A6355B4DEFB6BAA86D9F7967EE-1 517E128F7B7C4EA79491DE6B9B9CE190-1 \
		89284D0CA6ACC8274B9A44BD5AF9290B-1 48EA1338C74F3DC23C2B033F0A3DEAF0-1; do
		table=$isfs/$file.json.xz
		"$build/forge" --isf "$table" --scenario "$work/scenario.json" --format raw --size 1G --seed 1 \
			-o "$work/image" >"$work/forge.log" 2>&1
		case $file in 6104*) wanted=$types ;; *) wanted=$recent ;; esac
		found "true_addresses_$file" "$table" "$wanted"
	done
else
	echo "skip true_addresses: there is no $isfs"
fi

# Without code and debugger data there are still lists and exports.
sed 's/^{/{ "damage": { "no_code": true, "no_kdbg": true },/' samples/scenarios/small.json >"$work/scenario.json"
forge image --profile win10-17134-x64 --scenario "$work/scenario.json"
run -q -f "$work/image" --profile none info
told >"$work/told"
claim lists_and_exports_remain "$(for global in PsActiveProcessHead PsLoadedModuleList CmpHiveListHead PsInitialSystemProcess; do
	grep -q "^$global " "$work/told" || echo "$global is not told"
done)"
claim nothing_is_made_up "$(grep -c -E '^(PspCidTable|ObTypeIndexTable|KdDebuggerDataBlock) ' "$work/told" | grep -v '^0$')"

# A dump header that names another place: both are told, and a note says so.
scenario '"kdbg": "clear"'
forge image --profile win10-17134-x64 --scenario "$work/scenario.json" --format crash
head=$(od -An -tu8 -j40 -N8 "$work/image")
python3 - "$work/image" "$head" <<'EOF'
import struct, sys
with open(sys.argv[1], "r+b") as image:
    image.seek(0x28)
    image.write(struct.pack("<Q", (int(sys.argv[2]) + 0x40) % 2**64))
EOF
run -q -f "$work/image" --profile none info
claim disputes_are_told "$(grep -q '^Global PsActiveProcessHead.*; but 0x[0-9a-f]* by dump header' "$work/out" || echo "info: $(grep '^Global PsActive' "$work/out")")"
run -f "$work/image" --profile none pslist
claim disputes_are_noted "$(grep -q 'PsActiveProcessHead is at' "$work/out" "$work/err" || echo 'no note')"
finish
