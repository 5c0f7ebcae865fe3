# Files whose content is in memory: what the forge put there has the hashes that the truth says, what
# is not whole has none, a file is found by its hash, and what is written is what was there.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2086
. tests/cli/common
profile=
cat >"$work/files.json" <<'END'
{ "processes": [{ "name": "reader.exe", "regions": [
    { "file": "C:\\Temp\\mapped.dat" }, { "file": "C:\\Temp\\holes.log" }, { "file": "C:\\Temp\\cached.txt" },
    { "file": "C:\\Temp\\huge.bin" }],
    "handles": [{ "type": "File", "name": "\\Temp\\cached.txt" }, { "type": "File", "name": "\\Temp\\large.bin" }] }],
  "files": [
    { "path": "C:\\Temp\\mapped.dat", "transition": [1], "content": [
        { "text": "a file that is mapped" }, { "offset": 8192, "fill": 90, "size": 3000 }] },
    { "path": "C:\\Temp\\holes.log", "size": 40000, "absent": [2, 3, 7], "content": [{ "text": "first" }] },
    { "path": "C:\\Temp\\cached.txt", "cached": true, "data": true, "content": [{ "offset": 6000, "fill": 66, "size": 300000 }] },
    { "path": "C:\\Temp\\views.bin", "cached": true, "content": [{ "offset": 600000, "fill": 67, "size": 1000001 }] },
    { "path": "C:\\Temp\\large.bin", "cached": true, "sparse": true, "size": 5242880, "content": [
        { "text": "at its start" }, { "offset": 3145728, "text": "at three MiB" }] },
    { "path": "C:\\Temp\\huge.bin", "cached": true, "data": true, "sparse": true, "size": 41943040, "content": [
        { "offset": 39845888, "text": "behind the first index" }] }] }
END

# Of the truth: cache, area, size, whole or not, MD5, SHA-256 (of what is not whole with zeroes in its place).
truth_files() {
	grep -F '"plugin":"dumpfiles"' "$work/truth" | grep -v ImageSection | awk '
	function field(name,    rest) {
		match($0, "\"" name "\":"); rest = substr($0, RSTART + RLENGTH)
		match(rest, /^"?[^,}"]*/); rest = substr(rest, 1, RLENGTH); sub(/^"/, "", rest); return rest
	}
	{ print field("cache"), field("area"), field("size"), (field("pages") == field("present") ? "true" : "false"),
		field("md5"), field("sha256") }' | sort
}

# cells COLUMN...: of the last run, apart by spaces.
cells() {
	awk -F '\t' -v names="$*" '
	NR == 1 { n = split(names, name, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
	/^#/ { next }
	{ line = ""; for (i = 1; i <= n; i++) line = line (i > 1 ? " " : "") $at[name[i]]; print line }' "$work/out" | sort
}

# Holes are pages of the truth that are absent; the last page ends with the file.
present_differ() {
	grep -F '"plugin":"dumpfiles"' "$work/truth" | sed -n 's/.*"area":"\([^"]*\)".*"pages":\([0-9]*\),"present":\([0-9]*\).*/\1 \2 \3/p' |
		sort >"$work/pages"
	cells area size present | awk '{ print $1, int(($2 + 4095) / 4096), int(($3 + 4095) / 4096) }' | sort |
		diff "$work/pages" - | head -4
}

differ() { diff "$1" "$2" | head -4; }

# build NAME FORGE-OPTION...
build() {
	built=$1
	shift
	mkdir -p "$work/symbols"
	forge image --scenario "$work/files.json" --truth "$work/truth" --write-isf "$work/symbols" "$@"
	profile="-s $work/symbols"
	truth_files >"$work/want"

	run -q -r text -f "$work/image" $profile dumpfiles
	cells cache area size complete md5 sha256 | grep -v ImageSection >"$work/have"
	claim "${built}_bytes_present_are_those_of_the_pages" "$(present_differ)"
	awk '$4 == "false" { $5 = $6 = "?" } { print }' "$work/want" >"$work/whole"
	claim "${built}_hashes_are_those_of_the_files" "$(differ "$work/whole" "$work/have")"

	rm -rf "$work/dump"
	mkdir "$work/dump"
	run -q -r text -o "$work/dump" -f "$work/image" $profile dumpfiles
	cells cache area file | grep -v ImageSection | while read -r cache area file; do
		echo "$cache $area $(wc -c <"$work/dump/$file") $(md5sum <"$work/dump/$file" | cut -d' ' -f1)"
	done >"$work/have"
	awk '{ print $1, $2, $3, $5 }' "$work/want" >"$work/written"
	claim "${built}_files_are_written_as_they_were" "$(differ "$work/written" "$work/have")"
}

build win10 --profile win10-19041-x64
cp "$work/image" "$work/kept"
cp "$work/want" "$work/kept.want"

# ---- a file by its hash ---------------------------------------------------------------------
md5=$(awk '$4 == "true" && $1 == "DataSectionObject" && $3 == 306000 { print $5 }' "$work/want")
sha256=$(awk '$4 == "true" && $1 == "DataSectionObject" && $3 == 306000 { print $6 }' "$work/want")
lost=$(awk '$4 == "false" { print $5; exit }' "$work/want")
found() { cells name | tr '\n' ' '; }
wrong() { [ "$(found)" = "$1" ] || echo "found '$(found)', want '$1'"; }

run -q -r text -f "$work/image" $profile filehash --md5 "$md5"
claim file_is_found_by_its_md5 "$(wrong 'cached.txt ')"
run -q -r text -f "$work/image" $profile filehash --md5 "$(echo "$md5" | tr a-f A-F)"
claim capitals_do_not_matter "$(wrong 'cached.txt ')"
run -q -r text -f "$work/image" $profile filehash --sha256 "$sha256" --md5 00000000000000000000000000000000
claim file_is_found_by_its_sha256 "$(wrong 'cached.txt ')"
printf '# bad files\n%s\nnothing else\n' "$sha256" >"$work/hashes"
run -q -r text -f "$work/image" $profile filehash --sha256 "$work/hashes"
claim file_is_found_by_a_list "$(wrong 'cached.txt ')"
run -q -r text -f "$work/image" $profile filehash --md5 "$lost"
claim what_has_holes_matches_nothing "$(wrong '')"
claim what_has_holes_is_said "$(grep -q 'not in memory as a whole' "$work/out" || head -3 "$work/out")"
run -q -r text -f "$work/image" $profile filehash --md5 abcd
claim hash_of_no_length_is_refused "$(grep -q "no hash of 32 digits" "$work/err" || cat "$work/err")"

run -q -r text -f "$work/image" $profile filehash
cells name complete md5 why | grep '^holes.log' >"$work/have"
echo 'holes.log false ? 12288 of 40000 bytes are not in the image' >"$work/hole"
claim hash_that_is_not_known_says_why "$(differ "$work/hole" "$work/have")"

# ---- options of dumpfiles -------------------------------------------------------------------
run -q -r text -f "$work/image" $profile dumpfiles --filter 'temp.*\.BIN$' --ignore-case
claim filter_takes_a_pattern "$([ "$(cells file_name | sort -u | tr '\n' ' ')" = 'huge.bin large.bin views.bin ' ] || cells file_name)"
run -q -r text -f "$work/image" $profile dumpfiles --filter 'temp.*\.BIN$'
claim case_counts_in_filters "$(cells file_name)"
run -q -r text -f "$work/image" $profile dumpfiles --filter '(('
claim pattern_that_is_none_is_refused "$(grep -q -- "--filter '(('" "$work/err" || cat "$work/err")"
offset=$(sed -n 's/.*"plugin":"filescan".*"offset":"\(0x[0-9a-f]*\)","physical":"\(0x[0-9a-f]*\)","name":"[^"]*mapped.dat.*/\1 \2/p' "$work/truth")
run -q -r text -f "$work/image" $profile dumpfiles --virtaddr ${offset% *}
claim file_object_is_taken_by_address "$([ "$(cells file_name)" = mapped.dat ] || cells file_name)"
run -q -r text -f "$work/image" $profile dumpfiles --physaddr ${offset#* }
claim file_object_is_taken_by_physical_address "$([ "$(cells file_name)" = mapped.dat ] || cells file_name)"

rm -rf "$work/dump"
mkdir "$work/dump"
run -q -r text -o "$work/dump" -f "$work/image" $profile dumpfiles --maxsize 10000
claim what_is_too_large_is_not_written "$(find "$work/dump" -name '*.dat' -size +20)"
claim what_is_not_written_is_said "$(grep -q 'has 306000 bytes and is not written' "$work/out" || head -3 "$work/out")"

# ---- other builds ---------------------------------------------------------------------------
build win11 --profile win11-22000.318-x64
build win10_ltsb --profile win10-14393.4583-x64
build win7 --profile win7-7601.24540-x64
build win7_x86 --profile win7-sp1-x86
sed 's/^{/{ "paging": "x86",/' "$work/files.json" >"$work/x86.json"
build xp --profile xp-sp3-x86 --scenario "$work/x86.json"

# ---- an image cut short ---------------------------------------------------------------------
# Whatever is lost: a hash is the file's own, or there is none.
profile="-s $work/symbols"
for rest in 1000 950 900 700; do
	head -c "$((rest << 20))" "$work/kept" >"$work/cut"
	run -q -r text -f "$work/cut" dumpfiles
	cells cache area md5 | grep -v ImageSection | grep -v '?$' >"$work/have"
	awk '{ print $1, $2, $5 }' "$work/kept.want" | sort >"$work/all"
	claim "cut_at_${rest}_no_hash_is_wrong" "$(comm -13 "$work/all" "$work/have" | head -3)"
done
finish
