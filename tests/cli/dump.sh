# What is taken out of memory, as other tools read it; and what malfind and YARA find in it.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
. tests/cli/facts
profile="-s $work/symbols"
rules=tests/parity/rules.yar
out=$work/out.d

# files PATTERN: how many there are in the output folder.
files() { find "$out" -name "$1" -type f | wc -l; }

# dumped NAME PATTERN COUNT ARGUMENT...: into an empty folder; so many files of that name.
dumped() {
	claim_name=$1 pattern=$2 count=$3
	shift 3
	rm -rf "$out" && mkdir "$out"
	run -q -r text -o "$out" -f "$work/image" $profile "$@"
	why=
	[ "$status" = 0 ] || why="exit status $status: $(head -c 300 "$work/err")"
	[ "$(files "$pattern")" = "$count" ] || why="$why $(files "$pattern") files, want $count"
	claim "$claim_name" "$why"
	manifest_agrees "$claim_name"
}

# The manifest's hashes are those of the files, and every file has its line.
manifest_agrees() {
	sed 's/.*"file":"\([^"]*\)".*"sha256":"\([^"]*\)".*/\2  \1/' "$out/manifest.jsonl" >"$work/sums"
	why=$(cd "$out" && sha256sum -c --quiet "$work/sums" 2>&1 | head -3)
	[ "$(wc -l <"$work/sums")" = "$(find "$out" -name '*.dmp' | wc -l)" ] || why="$why not every file has its line"
	claim "$1_manifest" "$why"
}

# programs_open NAME: objdump finds the sections where the headers put them, pefile has no complaint.
programs_open() {
	why=
	if command -v objdump >/dev/null 2>&1; then
		for file in "$out"/*.dmp; do
			objdump -h "$file" 2>/dev/null | awk '
			$2 == ".text" { found = 1; if (substr($6, 6) != substr($4, length($4) - 2) && $6 !~ /000$/) bad = 1 }
			END { exit !(found && !bad) }' || why="$why objdump: $(basename "$file")"
		done
	fi
	/usr/bin/python3 -c 'import pefile' 2>/dev/null && why="$why $(/usr/bin/python3 - "$out"/*.dmp <<'PYTHON'
import pefile, sys
for path in sys.argv[1:]:
    pe = pefile.PE(path)
    for s in pe.sections:
        if s.PointerToRawData != s.VirtualAddress or s.SizeOfRawData % 4096:
            print(path, s.Name, hex(s.PointerToRawData), hex(s.SizeOfRawData))
    base = int(path.rsplit(".", 2)[1], 16)
    if pe.OPTIONAL_HEADER.ImageBase != base:
        print(path, "ImageBase", hex(pe.OPTIONAL_HEADER.ImageBase))
PYTHON
)"
	claim "$1" "$(echo $why | head -c 300)"
}

# regions_agree NAME: python3-yara finds in the regions as dumped what vadyarascan finds in memory.
regions_agree() {
	/usr/bin/python3 -c 'import yara' 2>/dev/null || { echo "ok $1 # skipped: no python3-yara"; return; }
	pid=$(awk -F'\t' '$2 == "injected.exe" { print $1; exit }' "$work/processes")
	dumped "$1_dump" 'pid.*.vad.*.dmp' "$(regions_of "$pid")" vadinfo --pid "$pid" --dump
	/usr/bin/python3 - $rules "$out" >"$work/want" <<'PYTHON'
import glob, re, sys, yara
rules = yara.compile(sys.argv[1])
rows = set()
for path in glob.glob(sys.argv[2] + "/*.dmp"):
    start = int(re.search(r"vad\.(0x[0-9a-f]+)", path).group(1), 16)
    for match in rules.match(path):
        for offset, name, value in match.strings:
            rows.add("0x%x\t%s\t%s\t%s" % (start + offset, match.rule, name, value.hex(" ")))
print("\n".join(sorted(rows)))
PYTHON
	run -q -r text -f "$work/image" $profile vadyarascan --pid "$pid" --max-matches 0 --yara-file $rules
	rows offset rule component value
	LC_ALL=C sort -o "$work/want" "$work/want"
	LC_ALL=C sort -o "$work/have" "$work/have"
	same "$1"
}

regions_of() {
	"$eidetic" -q -r text -f "$work/image" $profile vadinfo --pid "$1" | grep -vc '^pid\|^#'
}

# mode NAME FORGE-OPTION...
mode() {
	mode=$1
	shift
	mkdir -p "$work/symbols"
	forge image --scenario samples/scenarios/parity.json --truth "$work/truth" --write-isf "$work/symbols" "$@"
	"$eidetic" -q -r text -f "$work/image" $profile pslist >"$work/processes"
	pid=$(awk -F'\t' '$2 == "injected.exe" || $3 == "injected.exe" { print $1; exit }' "$work/processes")
	awk -F'\t' -v OFS='\t' '{ print $1, $3 }' "$work/processes" >"$work/names" && mv "$work/names" "$work/processes"

	dumped "${mode}_program" "$pid.injected.exe.0x*.dmp" 1 pslist --pid "$pid" --dump
	programs_open "${mode}_program_opens"
	dumped "${mode}_libraries" "pid.$pid.*.0x*.0x*.dmp" 8 dlllist --pid "$pid" --dump
	programs_open "${mode}_libraries_open"
	dumped "${mode}_drivers" '*.0x*.0x*.dmp' 3 modules --name '^(hal|disk|ndis)\.' --dump
	programs_open "${mode}_drivers_open"
	dumped "${mode}_pages" "pid.$pid.dmp" 1 memmap --pid "$pid" --dump
	size=$(awk -F'\t' '/^0x/ { print $4, $3 }' "$work/out" | tail -1)
	claim "${mode}_pages_all" "$([ "$(wc -c <"$out/pid.$pid.dmp")" = $((${size% *} + ${size#* })) ] || echo "the file ends elsewhere than the last row")"
	dumped "${mode}_injected" "pid.*.vad.0x*.dmp" 10 malfind --dump
	grep -c 'made executable after it was allocated' "$work/out" >"$work/count"
	claim "${mode}_made_executable_later" "$([ "$(cat "$work/count")" = 2 ] || echo "$(cat "$work/count") regions, want 2")"
	virtual=$(grep '"plugin":"patches"' "$work/truth" | sed 's/.*"virtual":"\{0,1\}\([0-9a-fx]*\).*/\1/')
	claim "${mode}_changed_code" "$(grep "code of a file changed" "$work/out" | grep -q "$(printf '0x%x' "$virtual")" || echo "not found at $virtual")"
	regions_agree "${mode}_yara"
}

mode x64
mode pae --profile win7-sp1-x86
finish
