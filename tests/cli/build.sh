# Whole kernels' program databases, made of symbol tables by clang and lld-link, give those symbol
# tables again. With VOL3 (the path of Volatility's vol.py) it reads a forged image with one of them.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
export XDG_CACHE_HOME="$work/cache"
data=${EIDETIC_SHARED:-../shared}/data
for tool in clang lld-link python3; do
	command -v $tool >/dev/null 2>&1 || { echo "ok skipped: there is no $tool"; exit 0; }
done
[ -d "$data/isf" ] || { echo "ok skipped: no symbol tables in '$data' (set EIDETIC_SHARED)"; exit 0; }

# database TABLE MACHINE: $work/ntkrnlmp.pdb, with the types and symbols of a symbol table.
database() {
	python3 tests/fx/pdb/from_isf.py "$1" "$work/k.c" &&
		clang --target=$2-pc-windows-msvc -g -gcodeview -fstandalone-debug -w -c "$work/k.c" -o "$work/k.obj" &&
		lld-link /debug /dll /noentry /nodefaultlib /opt:noref /safeseh:no /pdb:"$work/ntkrnlmp.pdb" /out:"$work/k.dll" "$work/k.obj"
}

# again NAME TABLE MACHINE: what `build` makes of that database says what the table says.
again() {
	rm -f "$work/again.json.xz"
	why=$(database "$2" "$3" 2>&1)
	[ -n "$why" ] || why=$("$eidetic" profile build "$work/ntkrnlmp.pdb" -o "$work/again.json.xz" 2>&1 >/dev/null)
	[ -n "$why" ] || why=$(python3 tests/fx/pdb/same_isf.py "$2" "$work/again.json.xz" 2>&1)
	claim "$1" "$why"
}

again layout_of_32_bits_comes_out_again "$data/layouts/win10_x86_19041.json.xz" i686
for guid in 963525552734435D97B895F460B21A68 1B4A6F5E0766C552C90710C8ACC0295C; do
	table=$data/isf/windows/ntkrnlmp.pdb/$guid-1.json.xz
	[ ! -f "$table" ] || again "kernel_$guid" "$table" x86_64
done

# The same kernel as if its image had been rearranged after linking.
rm -f "$work/again.json.xz"
mkdir "$work/moved"
why=$(python3 tests/fx/pdb/move.py "$work/ntkrnlmp.pdb" "$work/moved/ntkrnlmp.pdb" "$table" "$work/moved.json" 2>&1)
[ -n "$why" ] || why=$("$eidetic" profile build "$work/moved/ntkrnlmp.pdb" -o "$work/again.json.xz" 2>&1 >/dev/null)
[ -n "$why" ] || why=$(python3 tests/fx/pdb/same_isf.py "$work/moved.json" "$work/again.json.xz" 2>&1)
claim rearranged_kernel_comes_out_again "$why"

# ---- another reader
[ -n "${VOL3:-}" ] && [ -f "$table" ] || { echo "ok skipped: set VOL3 to the path of Volatility 3's vol.py"; finish; }
mkdir "$work/symbols" "$work/vol"
"$eidetic" profile build "$work/ntkrnlmp.pdb" -o "$work/symbols" >/dev/null
built=$(find "$work/symbols" -name '*.json.xz')
made=${built##*/}
python3 - "$built" "$guid" <<'END' # the image's kernel asks for the GUID of the table
import lzma, os, re, sys
path, guid = sys.argv[1:]
text = re.sub(r'"GUID": "\w+"', '"GUID": "%s"' % guid, lzma.open(path, "rt").read())
os.unlink(path)
lzma.open(os.path.join(os.path.dirname(path), guid + "-1.json.xz"), "wt", preset=0).write(text)
END
"$build/forge" --isf "$table" --scenario samples/scenarios/small.json --format raw --size 1G --seed 1 -o "$work/image" >/dev/null
volatility() { /usr/bin/python3 "$VOL3" -q --offline --cache-path "$work/vol" -s "$1" -f "$work/image" "$2" 2>&1; }
for plugin in windows.pslist windows.dlllist windows.registry.hivelist; do
	volatility "$data/isf" $plugin >"$work/want"
	volatility "$work/symbols" $plugin >"$work/got"
	why=$(diff "$work/want" "$work/got" | head -4)
	[ "$(wc -l <"$work/want")" -gt 8 ] || why="hardly a row: $(head -c 300 "$work/want")"
	claim "another_reader_agrees_on_$plugin" "$why"
done
claim another_reader_lists_it "$(/usr/bin/python3 "$VOL3" -q --offline --cache-path "$work/vol" -s "$work/symbols" isfinfo 2>&1 | grep -q "$guid" || echo "not in isfinfo; $made was built")"
finish
