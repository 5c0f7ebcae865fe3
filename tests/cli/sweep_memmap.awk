# sweep_memmap.awk WHOLE DAMAGED: pages of a process that the whole image has elsewhere, or not at
# all. A range ends where a page is missing, so ranges are compared and not rows.
# SPDX-License-Identifier: Apache-2.0
BEGIN {
	FS = "\t"
	for (i = 0; i < 16; i++)
		digit[substr("0123456789abcdef", i + 1, 1)] = i
}
# Of the last 12 digits: as many as numbers here hold.
function number(hex,   i, n) {
	for (i = length(hex) > 14 ? length(hex) - 11 : 3; i <= length(hex); i++)
		n = n * 16 + digit[substr(hex, i, 1)]
	return n
}
/^#/ || FNR == 1 { next }
{ owner = $6 " " substr($1, 1, length($1) - 12); at = number($1); to = number($2) }
NR == FNR {
	i = ++count[owner]
	start[owner, i] = at
	end[owner, i] = at + number($3)
	moved[owner, i] = to - at
	next
}
$6 !~ /^[0-9]+$/ || $6 == 0 || $2 !~ /^0x/ { next }
{
	low = 1
	high = count[owner]
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (start[owner, middle] <= at)
			low = middle
		else
			high = middle - 1
	}
	if (!high || at < start[owner, low] || at + number($3) > end[owner, low] || to - at != moved[owner, low]) {
		print "a range of its own: " $0
		exit
	}
}
