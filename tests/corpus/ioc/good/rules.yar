a.yar
private rule p { condition: true }
rule a { meta: description = "d" memory = 1 strings: $s = /a[bc]+/ $h = { 4d 5a ?? } condition: p and any of them }
