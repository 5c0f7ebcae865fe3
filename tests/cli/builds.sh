# Builds: the first one of each family and processor, in two kinds of container. `make check-profiles`
# takes them all.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
"$eidetic" -q profile list | awk -F '\t' '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	{ split($at["version"], part, "."); family = part[3] " " $at["arch"] }
	!(family in seen) { seen[family] = 1; print $at["name"] }' >"$work/builds"
count=$(wc -l <"$work/builds")
claim families_are_many "$([ "$count" -ge 30 ] || echo "only $count")"
sh tests/cli/builds_run <"$work/builds" || failures=1
finish
