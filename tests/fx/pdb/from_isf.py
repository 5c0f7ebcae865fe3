#!/usr/bin/env python3
"""Writes C that declares all types of a symbol file, and assembly that puts its symbols where they
are: clang and lld-link make a kernel's program database of it, which the symbol file then checks.

  from_isf.py SYMBOLS.json[.xz] OUT.c

Members that only fill gaps are called __gap and a number.
SPDX-License-Identifier: Apache-2.0
"""
import json
import lzma
import re
import sys

NUMBERS = {
    ("int", 1, False): "unsigned char", ("int", 1, True): "signed char", ("char", 1, True): "char",
    ("char", 1, False): "unsigned char", ("int", 2, True): "short", ("int", 2, False): "unsigned short",
    ("int", 4, True): "int", ("int", 4, False): "unsigned int", ("int", 8, True): "long long",
    ("int", 8, False): "unsigned long long", ("bool", 1, False): "_Bool",
    ("float", 4, True): "float", ("float", 8, True): "double",
}
NAMES = {"long": "long", "unsigned long": "unsigned long"}
SECTION = 0x2000  # where the first section begins: the linker has one before it


class Writer:
    def __init__(self, isf):
        self.isf, self.out, self.done, self.gaps = isf, [], set(), 0

    def name(self, name):
        return re.sub(r"\W", "_", name)

    def number(self, name):
        if name in NAMES:
            return NAMES[name]
        base = self.isf["base_types"][name]
        if base["kind"] == "void":
            return "void"
        return NUMBERS.get((base["kind"], base["size"], base["signed"])) or NUMBERS["int", base["size"], base["signed"]]

    def declare(self, kind, inner):
        """C's declaration of a type: what stands before and behind the name."""
        what = kind["kind"]
        if what == "base":
            return self.number(kind["name"]) + " " + inner
        if what == "enum":
            return "enum %s %s" % (self.name(kind["name"]), inner)
        if what == "pointer":
            if kind["subtype"]["kind"] == "function":
                return "void (*%s)(void)" % inner
            if kind["subtype"]["kind"] == "array":
                return self.declare(kind["subtype"], "(*%s)" % inner)
            return self.declare(kind["subtype"], "*" + inner)
        if what == "array":
            return self.declare(kind["subtype"], "%s[%d]" % (inner, kind["count"]))
        if what == "function":
            return "void (*%s)(void)" % inner
        tag = "union" if self.isf["user_types"].get(kind["name"], {}).get("kind") == "union" else "struct"
        return "%s %s %s" % (tag, self.name(kind["name"]), inner)

    def size(self, kind):
        what = kind["kind"]
        if what == "array":
            return kind["count"] * self.size(kind["subtype"])
        if what == "bitfield":
            return self.size(kind["type"])
        if what in ("pointer", "function"):
            return self.isf["base_types"]["pointer"]["size"]
        table = {"base": "base_types", "enum": "enums"}.get(what, "user_types")
        return self.isf[table].get(kind["name"], {"size": 0})["size"]

    def needs(self, kind):
        while kind["kind"] == "array":
            kind = kind["subtype"]
        if kind["kind"] in ("struct", "union", "class") and kind["name"] in self.isf["user_types"]:
            self.type(kind["name"])

    def gap(self, size):
        self.gaps += 1
        return "char __gap%d[%d];" % (self.gaps, size) if size else ""

    def member(self, name, field):
        kind = field["type"]
        if not self.size(kind):
            return ""
        if kind["kind"] == "bitfield":
            whole = self.declare(kind["type"], "")
            text = "%s : %d; " % (whole, kind["bit_position"]) if kind["bit_position"] else ""
            text += "%s %s : %d;" % (whole, self.name(name), kind["bit_length"])
        else:
            self.needs(kind)
            text = self.declare(kind, self.name(name)) + ";"
        return "\tstruct { %s %s };" % (self.gap(field["offset"]), text)

    def type(self, name):
        if name in self.done:
            return
        self.done.add(name)
        kind = self.isf["user_types"][name]
        tag = "union" if kind["kind"] == "union" else "struct"
        members = [self.member(n, f) for n, f in kind["fields"].items()]
        self.out.append("%s %s {\n\tunion {\n%s\n\t%s\n\t};\n};" % (
            tag, self.name(name), "\n".join(m for m in members if m), self.gap(kind["size"])))

    def enums(self):
        for name, enum in self.isf["enums"].items():
            values = ", ".join("%s__%s = %d" % (self.name(name), self.name(k), v)
                               for k, v in sorted(enum["constants"].items(), key=lambda i: i[1]) if -2**31 <= v < 2**31)
            self.out.append("enum %s { %s };" % (self.name(name), values or "%s__none" % self.name(name)))

    def symbols(self):
        at, lines = SECTION, [".section .kernel,\\\"dw\\\""]
        mark = "" if self.isf["base_types"]["pointer"]["size"] == 8 else "_"
        for name, symbol in sorted(self.isf["symbols"].items(), key=lambda i: i[1]["address"]):
            if symbol["address"] < at or not re.fullmatch(r"\w+", name):
                continue
            lines += [".zero %d" % (symbol["address"] - at), ".globl %s%s" % (mark, name), "%s%s:" % (mark, name)]
            at = symbol["address"]
        lines += [".zero 16"]
        self.out.append("\n".join('__asm__("%s");' % line for line in lines))

    def write(self, path):
        self.out.append("#pragma pack(1)")
        self.enums()
        for name in self.isf["user_types"]:
            self.type(name)
        uses = "".join("%s %s *u%d; " % ("union" if t["kind"] == "union" else "struct", self.name(n), i)
                       for i, (n, t) in enumerate(self.isf["user_types"].items()))
        uses += "".join("enum %s *e%d; " % (self.name(n), i) for i, n in enumerate(self.isf["enums"]))
        self.out.append("struct __uses { %s };\n__attribute__((section(\".uses\"))) struct __uses __uses_of_types = { 0 };" % uses)
        self.symbols()
        with open(path, "w") as out:
            out.write("\n".join(self.out) + "\n")


def main():
    source, path = sys.argv[1:]
    reader = lzma.open if source.endswith(".xz") else open
    with reader(source) as file:
        Writer(json.load(file)).write(path)


main()
