# Plugins of other builds: which are welcome, which are refused, and what is said.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
head -c 200000 /dev/zero >"$work/image"

# build NAME: $work/NAME/NAME.so, from tests/abi/NAME.c
build() {
	mkdir -p "$work/$1"
	${CC:-cc} -std=gnu11 -Wall -fPIC -shared -fvisibility=hidden -Icore/include "tests/abi/$1.c" \
		-o "$work/$1/$1.so" || claim "$1 compiles" 'it does not'
}

# welcome NAME: loads, and gives its row. The image is not Windows: status 3.
welcome() {
	build "$1"
	run -f "$work/image" -q -p "$work/$1" "$1"
	claim "$1 is welcome" "$([ "$status" = 3 ] && [ "$(sed -n 2p "$work/out")" = here ] || echo "status $status: $(cat "$work/err")")"
}

# unwelcome NAME TEXT: refused with TEXT in the one line.
unwelcome() {
	build "$1"
	refused "$1 is refused" 1 "$2" -f "$work/image" -p "$work/$1" "$1"
}

welcome first
welcome newer_unused
unwelcome other_major 'has ABI 2, this is 1: build it again'
unwelcome older 'has no name, no purpose or no run function' # zero, not the bytes behind the end
unwelcome newer_used 'uses what this version lacks'
unwelcome other_structs 'its ei_obj has 40 bytes, ours 48'
unwelcome misnamed 'does not export ei_plugin_misnamed'
unwelcome borrowed_name "there is one named 'pslist' already"
unwelcome no_run 'has no name, no purpose or no run function'

mkdir "$work/junk" && echo 'no library' >"$work/junk/junk.so"
refused file_that_is_no_library_is_refused 1 "$work/junk/junk.so" -f "$work/image" -p "$work/junk" junk

build unset_cell
run -f "$work/image" -q -p "$work/unset_cell" unset_cell
claim forgotten_cell_ends_the_run "$([ "$status" = 1 ] && grep -q "left its column 'word' unset" "$work/err" || echo "status $status: $(cat "$work/err")")"

refused plugin_is_not_there_twice 1 "there is one named 'first' already" -f "$work/image" -p "$work/first" -p "$work/first" first
cd "$work/first" || exit 1
refused present_folder_is_not_searched 2 "no plugin 'first'" -f "$work/image" first
run -f "$work/image" -q -p . first
claim present_folder_may_be_named "$([ "$status" = 3 ] || cat "$work/err")"
finish
