# search: terms from files, over images and over plain files; what it is told wrongly.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common

# same NAME WANT: what `run` printed, without its first line and without notes, is WANT.
same() {
	sed '1d; /^#/d' "$work/out" >"$work/rows"
	printf '%s' "$2" >"$work/want"
	why=$(diff "$work/want" "$work/rows" | head -5)
	[ "$status" = 0 ] || why="exit status $status; $(head -c 300 "$work/err") $why"
	claim "$1" "$why"
}

# noted NAME TEXT: the note is there, on one line.
noted() { claim "$1" "$(grep -cF -- "$2" "$work/out" | grep -qx 1 || echo "no '$2' in: $(grep '^#' "$work/out" | head -c 300)")"; }

fields='--hide-columns virtual,process,pid,state,region,protection,across,context,hits'
tab=$(printf '\t')

# ---- plain files
mkdir -p "$work/dumps/deeper" "$work/elsewhere"
printf 'xx Evil.Example yy' >"$work/dumps/b.bin"
printf 'e\0v\0i\0l\0.\0e\0x\0a\0m\0p\0l\0e\0 10.9.8.7 http://evil.example/x,y' >"$work/dumps/deeper/a.bin"
: >"$work/dumps/empty"
printf z >"$work/dumps/one"
ln -s .. "$work/dumps/deeper/loop"
ln -s "$work/elsewhere" "$work/dumps/link"
printf 'evil.example' >"$work/elsewhere/not-searched"
mkfifo "$work/dumps/pipe"
run -q search $fields evil.example --raw "$work/dumps"
same folder_is_searched_in_the_order_of_names \
	"evil.example${tab}ascii${tab}0x3${tab}$work/dumps/b.bin
evil.example${tab}utf16${tab}0x0${tab}$work/dumps/deeper/a.bin
evil.example${tab}ascii${tab}0x29${tab}$work/dumps/deeper/a.bin
"
run -q search $fields evil.example --raw "$work/elsewhere/not-searched" "$work/dumps/b.bin"
same files_are_searched_in_the_order_given \
	"evil.example${tab}ascii${tab}0x0${tab}$work/elsewhere/not-searched
evil.example${tab}ascii${tab}0x3${tab}$work/dumps/b.bin
"
run -q search --summary --hide-columns virtual,process,pid,state,region,protection,across,context,physical evil.example \
	--raw "$work/dumps/deeper"
same files_can_be_summed_up \
	"evil.example${tab}utf16${tab}1${tab}$work/dumps/deeper/a.bin
evil.example${tab}ascii${tab}1${tab}$work/dumps/deeper/a.bin
"
run -q search --context 3 --hide-columns term,virtual,process,pid,state,region,protection,across,hits,file,physical evil.example \
	--raw "$work/dumps/b.bin"
same context_is_as_long_as_asked "ascii${tab}xx Evil.Example yy
"
run -q -r jsonl search evil.example --raw "$work/dumps/b.bin"
claim rows_are_json_too "$(grep -q '"physical":3,.*"file":".*b.bin"' "$work/out" || head -c 300 "$work/out")"
if [ "$(id -u)" = 0 ]; then
	as_other='setpriv --reuid 65534 --clear-groups'
else
	as_other=
fi
cp "$work/dumps/b.bin" "$work/dumps/locked" && chmod 0 "$work/dumps/locked" && chmod 755 "$work"
if ${as_other:-:} true 2>/dev/null && $as_other test -x "$eidetic"; then
	$as_other "$eidetic" -q search evil.example --raw "$work/dumps" >"$work/out" 2>"$work/err"
	status=$?
	noted file_that_cannot_be_read_is_said "cannot open '$work/dumps/locked': Permission denied"
	claim others_are_searched_all_the_same "$([ "$(grep -c '^evil' "$work/out")" = 3 ] || cat "$work/out" "$work/err")"
fi
rm -f "$work/dumps/locked"

# ---- lists
cat >"$work/table.csv" <<END
# exported
type,value,comment
domain,evil[.]example,"seen, often"
url,"hxxp[:]//evil[.]example/x,y",
ip-dst|port,10.9.8[.]7|443,
END
run -q search $fields --terms "$work/table.csv" --raw "$work/dumps/deeper"
same tables_are_read_and_refanged \
	"evil.example${tab}utf16${tab}0x0${tab}$work/dumps/deeper/a.bin
10.9.8.7${tab}ascii${tab}0x19${tab}$work/dumps/deeper/a.bin
http://evil.example/x,y${tab}ascii${tab}0x22${tab}$work/dumps/deeper/a.bin
evil.example${tab}ascii${tab}0x29${tab}$work/dumps/deeper/a.bin
"
printf 'domain,evil.example\nxx, evil\n' >"$work/mixed"
run -q search $fields --terms "$work/mixed" --raw "$work/dumps/b.bin"
same known_types_make_a_table "evil.example${tab}ascii${tab}0x3${tab}$work/dumps/b.bin
"
printf '\377\376e\0v\0i\0l\0\r\0\n\0' >"$work/utf16"
run -q search $fields --terms "$work/utf16" --raw "$work/dumps/b.bin"
same lists_may_be_utf16 "evil${tab}ascii${tab}0x3${tab}$work/dumps/b.bin
"
printf 'x\nevil.example\n' >"$work/short"
run -q search --terms "$work/short" --raw "$work/dumps/b.bin"
noted short_term_is_left_out 'short:1: a term of 1 bytes is left out'
printf 'evil\n\300\257\300\257\n' >"$work/bytes"
run -q search --terms "$work/bytes" --raw "$work/dumps/b.bin"
noted bytes_that_are_not_text_are_said '1 terms are not UTF-8'
run -q search --literal 'evil[.]example' --raw "$work/dumps"
same literal_is_not_refanged ''
run -q search 'evil[.]example' --raw "$work/dumps"
noted refanged_word_is_said "'evil[.]example' is looked for as 'evil.example'"

# ---- how terms are meant
printf 'aa Evil.example evil.exampled \4evil\7example\0 xMZ\220\0\3' >"$work/kinds"
kinds() { # NAME WANT OPTION...: offsets at which it is found
	name=$1 offsets=$2
	shift 2
	run -q search --hide-columns term,encoding,virtual,process,pid,state,region,protection,across,context,hits,file "$@" \
		--raw "$work/kinds"
	same "$name" "$(printf '%s' "$offsets" | tr ' ' '\n')
"
}
kinds case_does_not_matter '0x3 0x10' evil.example
kinds case_matters_when_asked 0x10 --case-sensitive evil.example
kinds words_are_whole_when_asked 0x3 --word evil.example
kinds names_are_found_as_dns_has_them '0x3 0x10 0x1e' --dns evil.example
kinds bytes_may_have_open_digits 0x2e --hex '4d 5a ?? 00 03'

# ---- wrong use: one line
# failed NAME STATUS TEXT ARGUMENT...: like refused, but after the first line of a listing.
failed() {
	claim_name=$1 want=$2 text=$3
	shift 3
	run "$@"
	why=
	[ "$status" = "$want" ] || why="exit status $status, want $want"
	[ "$(wc -l <"$work/err")" = 1 ] || why="$why; $(wc -l <"$work/err") lines on stderr, want 1"
	grep -qF -- "$text" "$work/err" || why="$why; no '$text' in: $(head -c 300 "$work/err")"
	claim "$claim_name" "$why"
}
: >"$work/none"
head -c 300 "$eidetic" >"$work/binary"
failed image_or_raw_is_needed 2 'no image was named' -q search evil
failed empty_list_is_said 2 "there are no terms in '$work/none'" -q search --terms "$work/none" --raw "$work/dumps"
failed binary_list_is_said 1 'is not a list of terms: line 1 has a zero byte' -q search --terms "$work/binary" --raw "$work/dumps"
failed missing_list_is_said 1 "cannot open '$work/nolist'" -q search --terms "$work/nolist" --raw "$work/dumps"
failed missing_file_is_said 1 "cannot open '$work/nofile'" -q search evil --raw "$work/nofile"
failed empty_file_is_said 3 'is empty' -q search evil --raw "$work/none"
failed long_context_is_refused 2 '1024 at most' -q search evil --context 9999 --raw "$work/dumps"
failed files_have_no_processes 2 'files have no processes' -q search evil --pid 4 --raw "$work/dumps"
forge image
failed image_and_files_exclude_each_other 2 'leave out -f' -q -f "$work/image" search evil --raw "$work/dumps"

# ---- scattered pages
for profile in win10-19041-x64 win7-sp1-x86 win11-22000-x64; do
	"$build/forge" --profile $profile --scenario samples/scenarios/scattered.json --format raw --size 512M --seed 3 \
		-o "$work/scattered" --truth "$work/truth" --write-isf "$work/isf" >"$work/forge.log" 2>&1 ||
		{ echo "not ok forge: $(cat "$work/forge.log")"; exit 1; }
	run -q -r jsonl -f "$work/scattered" -s "$work/isf" search edge- one-page-only
	grep -o '"term":"[^"]*","encoding":"[^"]*","physical":[0-9]*,"virtual":[0-9]*' "$work/out" | sort >"$work/rows"
	claim "${profile}_edges_are_found" "$([ "$(grep -c '"term":"edge-"' "$work/rows")" = 7 ] || cat "$work/rows")"
	sed -n 's/.*"search".*"term": *"\([^"]*\)".*/\1/p' "$work/truth" | sort -u >"$work/terms"
	run -q -r jsonl -f "$work/scattered" -s "$work/isf" search --terms "$work/terms"
	claim "${profile}_all_terms_are_found" "$([ "$(grep -c '"across":"virtual"' "$work/out")" = 7 ] || cut -c1-200 "$work/out")"
	claim "${profile}_one_page_is_one_page" "$(grep '"one-page-only"' "$work/out" | grep -q '"across":null' || grep one-page "$work/out")"
done
run -q -f "$work/scattered" -s "$work/isf" search edge-after --process 4
same process_is_an_option ''

finish
