# The tests that core/ioc/SEMANTICS.md names for its points exist, and each point names some.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
points=core/ioc/SEMANTICS.md

grep -o '`[a-z_]*\(\.sh\)\?: [A-Za-z0-9_]*`' "$points" | tr -d '`' | sort -u >"$work/named"
claim points_name_tests "$([ "$(wc -l <"$work/named")" -gt 100 ] || wc -l "$work/named")"
while IFS=': ' read -r file name; do
	case $file in
	*.sh) grep -q "\b$name\b" "tests/cli/$file" || echo "$file: $name" ;;
	*) grep -q "cmocka_unit_test[a-z_]*($name\b\|^[[:space:]]*$name," "tests/unit/$file.c" || echo "$file: $name" ;;
	esac
done <"$work/named" >"$work/missing"
claim tests_that_are_named_exist "$(cat "$work/missing")"
claim every_point_has_a_test "$(grep '^[0-9]*\. ' "$points" | grep -v '`[a-z_]*\(\.sh\)\?: ')"
finish
