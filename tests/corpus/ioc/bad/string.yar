a.yar
rule a { strings: $a = condition: $a }
