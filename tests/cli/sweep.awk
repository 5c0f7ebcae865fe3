# sweep.awk -v plugin=NAME WHOLE DAMAGED: rows of an image with pages missing that are not the whole
# image's. Dropped pages read as zeroes, or cannot be read: a cell of a row must be the whole row's,
# or its beginning, or nothing.
# SPDX-License-Identifier: Apache-2.0
BEGIN {
	FS = "\t"
	# How a row was found, what is known of it now, and counts of what is missing do change.
	change["*"] = "doubt found_by missing"
	# Who owns a match, or has a file open: whoever can still be seen to.
	change["search"] = "process pid region virtual state"
	change["filehash"] = "process pid"
	change["handles"] = "state"
	change["callbacks"] = "record"
	# Where the region's first page was, the next one is looked at, which it says.
	change["malfind"] = "score reasons at output notes hexdump disasm"
	# Ranges end where a page is missing.
	change["yarascan"] = "start size matches before"
	change["vadyarascan"] = "matches before"
	change["yarascan_physical"] = "owner pid virtual region start size matches before"
	# So has whatever is named after it.
	change["dumpfiles"] = "file pid process"
	split(change["*"] " " change[plugin], names, " ")
	for (i in names)
		may_change[names[i]] = 1
	free = plugin ~ /^(info|crashinfo|crashdrivers)$/ # says how much is there
}
function nothing(cell) { return cell ~ /^([?!-]|n\/a|0|0x0|false|)$/ || cell ~ /\\x00|00 00 00 00/ }
# A path that has lost its beginning begins with "?"; the hive that it is in may be without a name.
function cut(cell, whole) {
	return cell ~ /^\?./ && index(whole, substr(cell, 2)) || cell ~ /^\[NONAME\]/
}
function is_number(cell) { return cell ~ /^-?[0-9.]+$/ || cell ~ /^0x[0-9a-f]+$/ }
function fits(cell, whole) {
	return cell == whole || nothing(cell) || cut(cell, whole) ||
		(cell != "" && !is_number(cell) && index(whole, cell) == 1)
}
function row_fits(r,   i, n, whole) {
	n = split(rows[r], whole, "\t")
	for (i = 1; i <= n && (skip[i] || fits($i, whole[i]) || (i == offset && $i == $physical)); i++) { }
	return i > n
}
# Rows that have a cell in common come first: there are few that have the rarest.
function is_known(   i, r, rarest, some, n) {
	for (i = 1; i <= NF; i++)
		if (!skip[i] && (i, $i) in count_of && (!rarest || count_of[i, $i] < count_of[rarest, $rarest]))
			rarest = i
	if (rarest) {
		n = split(rows_of[rarest, $rarest], some, " ")
		for (r = 1; r <= n; r++)
			if (row_fits(some[r]))
				return 1
	}
	for (r = 1; r <= count; r++)
		if (row_fits(r))
			return 1
	return 0
}
/^#/ || free { next }
{ sub(/^\*+ /, "") }
FNR == 1 {
	offset = physical = 0
	for (i = 1; i <= NF; i++) {
		skip[i] = $i in may_change
		# Of what no page table leads to any more the physical address is told.
		if ($i == "offset")
			offset = i
		if ($i == "physical")
			physical = i
	}
	next
}
NR == FNR {
	rows[++count] = $0
	known[$0] = 1
	for (i = 1; i <= NF; i++)
		if (!skip[i] && count_of[i, $i]++ < 100)
			rows_of[i, $i] = rows_of[i, $i] " " count
	next
}
!($0 in known) && !is_known() {
	print "a row of its own: " substr($0, 1, 400)
	exit
}
