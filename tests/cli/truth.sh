# What the forge put into an image, and what the plugins say of it: the same rows, in every mode of
# paging and in every kind of container that holds all of memory.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common

# facts PLUGIN FIELD...: the truth as rows, absent cells as '-', hexadecimal where the name has a #.
facts() {
	plugin=$1
	shift
	grep -F "{\"plugin\":\"$plugin\"," "$work/truth" | awk -v fields="$*" '
	function field(name,    at, rest) {
		if (!match($0, "\"" name "\":")) return "-"
		rest = substr($0, RSTART + RLENGTH)
		if (substr(rest, 1, 1) != "\"") { match(rest, /^[^,}]*/); return substr(rest, 1, RLENGTH) }
		match(rest, /^"([^"\\]|\\.)*"/)
		rest = substr(rest, 2, RLENGTH - 2)
		gsub(/\\\\/, "\001", rest); gsub(/\\"/, "\"", rest); gsub("\001", "\\", rest)
		return rest
	}
	BEGIN { count = split(fields, names, " ") }
	/"listed":false/ && !/"plugin":"(psscan|modscan)"/ { next }
	{
		line = ""
		for (i = 1; i <= count; i++) {
			name = names[i]
			hex = sub(/^#/, "", name)
			cell = field(name)
			if (cell == "null" || cell == "") cell = "-"
			if (hex && cell !~ /^0x/) cell = sprintf("0x%x", cell)
			line = line (i > 1 ? "\t" : "") cell
		}
		print line
	}' | sort >"$work/want"
}

# rows FIELD... : the same columns of what the last run printed.
rows() {
	awk -F '\t' -v fields="$*" '
	NR == 1 { count = split(fields, names, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
	/^#/ { next }
	{ line = ""; for (i = 1; i <= count; i++) { name = names[i]; sub(/^#/, "", name); cell = $at[name]; line = line (i > 1 ? "\t" : "") (cell == "" ? "-" : cell) } print line }
	' "$work/out" | sort >"$work/have"
}

same() {
	difference=$(diff "$work/want" "$work/have" | head -4)
	[ -s "$work/want" ] || difference='the truth has no such rows'
	claim "$1" "$difference"
}

# agrees NAME PLUGIN FIELD...
agrees() {
	name=$1 plugin=$2
	shift 2
	run -q -r text -f "$work/image" -s "$work/symbols" "$plugin"
	facts "$plugin" "$@"
	rows "$@"
	if [ "$plugin" = cmdline ]; then # the truth leaves out who has none
		sed -i '/\t-$/d' "$work/have"
	fi
	same "${name}_$plugin"
}

# Keys and values, as "hive\key", name, and of values the type.
agrees_registry() {
	run -q -r text -f "$work/image" -s "$work/symbols" printkey --recurse
	facts printkey hive key value type written
	awk -F '\t' -v OFS='\t' '
	BEGIN { split("REG_SZ REG_EXPAND_SZ REG_BINARY REG_DWORD REG_DWORD_BIG_ENDIAN REG_LINK REG_MULTI_SZ", types, " ")
		types[11] = "REG_QWORD" }
	$1 == "-" { $1 = "[NONAME]" }
	$4 == "-" { if ($2 == "-") next # the root is where it begins
		parent = $2; name = $2
		if (sub(/\\[^\\]*$/, "", parent)) sub(/.*\\/, "", name); else parent = ""
		print $1 (parent == "" ? "" : "\\" parent), name, "Key", $5; next }
	{ print $1 ($2 == "-" ? "" : "\\" $2), ($3 == "-" ? "(Default)" : $3), types[$4], "-" }' "$work/want" | sort >"$work/facts"
	mv "$work/facts" "$work/want"
	rows key name type written
	awk -F '\t' -v OFS='\t' '$3 != "Key" { $4 = "-" } { sub(/^\*+ /, "", $4); print }' "$work/have" | sort >"$work/rows"
	mv "$work/rows" "$work/have"
	same "$1_printkey"
}

# mode NAME FORGE-OPTION...
mode() {
	name=$1
	shift
	mkdir -p "$work/symbols"
	forge image --truth "$work/truth" --write-isf "$work/symbols" "$@"
	agrees "$mode" pslist pid ppid name offset physical threads wow64 created exited
	agrees "$mode" psscan pid ppid name physical threads created exited
	agrees "$mode" modules offset base '#size' name path
	agrees "$mode" dlllist pid base '#size' name path
	agrees "$mode" cmdline pid args
	agrees "$mode" envars pid variable value
	agrees "$mode" hivelist offset name
	agrees_registry "$mode"
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
finish
