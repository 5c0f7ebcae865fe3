#!/usr/bin/env python3
"""Rearranges the image of a program database as tools did that put hot code together: each two
neighbouring blocks of 64 KiB change places. The database keeps the sections as they were, and says
where each block went (OMAP). Beside it, the symbol table that comes out of it.

  move.py IN.pdb OUT.pdb SYMBOLS.json[.xz] MOVED.json
SPDX-License-Identifier: Apache-2.0
"""
import json
import lzma
import struct
import sys

BLOCK, FIRST, END, NONE = 0x10000, 0x20000, 0x4000000, 0xFFFF  # to address 0 would mean "gone"
OMAP_TO, OMAP_FROM, SECTIONS, SECTIONS_WERE = 3, 4, 5, 10  # places in the debug header
DEBUG_SIZES, DEBUG_HEADER, HEADER = 24, 6, 64


def split(data, page):
    return [data[i:i + page].ljust(page, b"\0") for i in range(0, len(data), page)]


def streams_of(data):
    page, _, _, size = struct.unpack_from("<IIII", data, 32)

    def count(size):
        return (size + page - 1) // page

    def gather(numbers, size):
        return b"".join(data[n * page:(n + 1) * page] for n in numbers)[:size]
    roots = struct.unpack_from("<%dI" % count(count(size) * 4), data, 52)
    directory = gather(struct.unpack_from("<%dI" % count(size), gather(roots, count(size) * 4)), size)
    number, = struct.unpack_from("<I", directory)
    sizes = [0 if s == 0xFFFFFFFF else s for s in struct.unpack_from("<%dI" % number, directory, 4)]
    at, streams = 4 + 4 * number, []
    for size in sizes:
        streams.append(gather(struct.unpack_from("<%dI" % count(size), directory, at), size))
        at += 4 * count(size)
    return data[:32], page, streams


def whole(magic, page, streams):
    pages = [b"", bytes(page), bytes(page)]

    def add(data):
        first = len(pages)
        pages.extend(split(data, page))
        return struct.pack("<%dI" % (len(pages) - first), *range(first, len(pages)))
    numbers = b"".join(add(stream) for stream in streams)
    directory = struct.pack("<%dI" % (1 + len(streams)), len(streams), *map(len, streams)) + numbers
    roots = add(add(directory))
    pages[0] = (magic + struct.pack("<IIIII", page, 1, len(pages), len(directory), 0) + roots).ljust(page, b"\0")
    return b"".join(pages)


def move(streams):
    debug = bytearray(streams[3])
    sizes = struct.unpack_from("<8I", debug, DEBUG_SIZES)
    at = HEADER + sum(sizes[i] for i in (0, 1, 2, 3, 4, 7))
    places = list(struct.unpack_from("<%dH" % (sizes[DEBUG_HEADER] // 2), debug, at))
    places += [NONE] * (SECTIONS_WERE + 1 - len(places))
    rows = struct.pack("<II", 0x1000, 0x1000)
    rows += b"".join(struct.pack("<II", rva, rva ^ BLOCK) for rva in range(FIRST, END, BLOCK))
    sections = streams[places[SECTIONS]]
    decoy = b"".join(section[:12] + struct.pack("<I", 0x77000) + section[16:] for section in split(sections, 40))
    places[OMAP_TO] = places[OMAP_FROM] = len(streams)
    places[SECTIONS_WERE] = len(streams) + 1
    streams[places[SECTIONS]] = decoy
    struct.pack_into("<I", debug, DEBUG_SIZES + 4 * DEBUG_HEADER, 2 * len(places))
    streams[3] = bytes(debug[:at]) + struct.pack("<%dH" % len(places), *places)
    return streams + [rows, sections]


def main():
    source, target, symbols, moved = sys.argv[1:]
    with open(source, "rb") as file:
        magic, page, streams = streams_of(file.read())
    with open(target, "wb") as file:
        file.write(whole(magic, page, move(streams)))
    with (lzma.open if symbols.endswith(".xz") else open)(symbols) as file:
        table = json.load(file)
    for symbol in table["symbols"].values():
        symbol["address"] ^= BLOCK if symbol["address"] >= FIRST else 0
    with open(moved, "w") as file:
        json.dump(table, file)


main()
