// What the comparison looks for: text, bytes, expressions, places, sizes.
rule program { strings: $dos = "cannot be run in DOS mode" $mz = "MZ" condition: $mz at 0 and $dos }
rule injected { strings: $call = { fc 48 83 e4 f0 } $prologue = { 55 48 89 e5 48 83 ec ?? } condition: any of them }
rule wide_names { strings: $a = "KernelBase.dll" wide nocase $b = /[a-z]{4,8}\.exe/ ascii wide condition: any of them }
rule by_size { strings: $nops = { 90 90 90 90 90 90 90 90 } condition: filesize == 65536 and #nops > 10 and uint16(0) == 0x5a4d }
private rule not_shown { strings: $a = "desktop" nocase condition: $a }
rule needs_private { strings: $view = "shared with nobody" condition: not not_shown and $view }
