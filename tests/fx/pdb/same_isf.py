#!/usr/bin/env python3
"""Compares two symbol files: all that the first one says, the second has to say too.

  same_isf.py WANTED.json[.xz] GOT.json[.xz|.gz]

Prints up to ten differences; exit status 1 when there are any.
SPDX-License-Identifier: Apache-2.0
"""
import gzip
import json
import lzma
import re
import sys


def load(path):
    opener = lzma.open if path.endswith(".xz") else gzip.open if path.endswith(".gz") else open
    with opener(path) as file:
        return json.load(file)


def plain(name):
    return re.sub(r"\W", "_", name)


def size(isf, kind):
    what = kind["kind"]
    if what == "array":
        return kind["count"] * size(isf, kind["subtype"])
    if what == "bitfield":
        return size(isf, kind["type"])
    if what in ("pointer", "function"):
        return isf["base_types"][kind.get("base", "pointer")]["size"]
    table = {"base": "base_types", "enum": "enums"}.get(what, "user_types")
    return isf[table].get(kind["name"], {"size": 0})["size"]


def describe(isf, kind):
    """What readers of a field need; names of numbers differ between compilers."""
    what = kind["kind"]
    if what in ("struct", "union", "class"):
        return ("struct", plain(kind["name"]))
    if what == "enum":
        return ("enum", plain(kind["name"]), size(isf, kind))
    if what == "bitfield":
        return ("bits", kind["bit_position"], kind["bit_length"], size(isf, kind))
    if what == "array" and kind["subtype"]["kind"] == "array":
        inner = kind["subtype"]
        while inner["subtype"]["kind"] == "array":
            inner = inner["subtype"]
        return ("array of arrays", kind["count"], size(isf, kind), describe(isf, inner["subtype"]))
    if what == "array":
        return ("array", kind["count"], describe(isf, kind["subtype"]))
    if what == "pointer" or what == "function":
        to = kind.get("subtype", {"kind": "function"})
        named = to["kind"] in ("struct", "union", "class") and to["name"] in isf["user_types"]
        return ("pointer", plain(to["name"]) if named else "", size(isf, kind))
    base = isf["base_types"][kind["name"]]
    return (base["kind"] if base["kind"] in ("void", "float") else "int", base["size"])


def differences(wanted, got):
    types = {plain(n): t for n, t in got["user_types"].items()}
    for name, kind in wanted["user_types"].items():
        other = types.get(plain(name))
        if kind["size"] and (not other or other["size"] != kind["size"]):
            yield "%s: size %s, not %d" % (name, other and other["size"], kind["size"])
            continue
        fields = {plain(n): f for n, f in other["fields"].items()} if other else {}
        for member, field in kind["fields"].items():
            if not size(wanted, field["type"]):
                continue
            mine = fields.get(plain(member))
            what = mine and (mine["offset"], describe(got, mine["type"]))
            if what != (field["offset"], describe(wanted, field["type"])):
                yield "%s.%s: %s, not %s" % (name, member, what, (field["offset"], describe(wanted, field["type"])))
    for name, enum in wanted["enums"].items():
        mine = {k.split("__", 1)[1] if "__" in k else k: v for k, v in got["enums"].get(plain(name), {"constants": {}})["constants"].items()}
        for constant, value in enum["constants"].items():
            if -2**31 <= value < 2**31 and mine.get(constant) != value and value not in mine.values():
                yield "enum %s: no %s = %d" % (name, constant, value)
    last = 0
    for name, symbol in sorted(wanted["symbols"].items(), key=lambda i: i[1]["address"]):
        if re.fullmatch(r"\w+", name) and symbol["address"] >= 0x2000:
            address = got["symbols"].get(name, {"address": None})["address"]
            if address != symbol["address"]:
                yield "symbol %s: %s, not %#x" % (name, address, symbol["address"])


def main():
    found = list(differences(*map(load, sys.argv[1:])))
    for line in found[:10]:
        print(line)
    sys.exit(1 if found else 0)


main()
