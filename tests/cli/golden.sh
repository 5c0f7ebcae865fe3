# The rows of plugins, as they were when somebody last looked at them: `make golden` writes them
# anew, and the change is then read like any other.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
tests/golden/make "$build" "$work/now" 2>"$work/err" || { echo "not ok golden: $(cat "$work/err")"; exit 1; }
for kept in tests/golden/*/*.jsonl "$work"/now/*/*.jsonl; do
	name=$(basename "$(dirname "$kept")")/$(basename "$kept")
	case $kept in
	tests/*) claim "golden_$name" "$(diff "$kept" "$work/now/$name" 2>&1 | cut -c1-300 | head -6)" ;;
	*) [ -f "tests/golden/$name" ] || claim "golden_$name" 'no rows are kept: make golden' ;;
	esac
done
finish
