#!/usr/bin/env python3
"""Writes the small program databases beside it: good/ must load, bad/ must be refused.

Written independently of core/profile, from the record layouts that Microsoft published.
SPDX-License-Identifier: Apache-2.0
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
GUID = bytes.fromhex("67452301ab89efcd0123456789abcdef")  # 01234567-89AB-CDEF-0123-456789ABCDEF
NONE = 0xFFFF


def p(form, *values):
    return struct.pack("<" + form, *values)


def patch(data, offset, form, *values):
    packed = p(form, *values)
    return data[:offset] + packed + data[offset + len(packed):]


# ---- the container ---------------------------------------------------------------------------
def msf(streams, page=512, scramble=True):
    """Streams to a file; pages of a stream are neither in order nor adjacent."""
    def split(data):
        return [data[i:i + page].ljust(page, b"\0") for i in range(0, len(data), page)]
    pages = [None, bytes(page), bytes(page)]
    chunks = [(i, j, c) for i, s in enumerate(streams) for j, c in enumerate(split(s))]
    if scramble:
        chunks = chunks[::-1]
    numbers = {}
    for i, j, chunk in chunks:
        numbers[i, j] = len(pages)
        pages.append(chunk)
    directory = p("I", len(streams)) + b"".join(p("I", len(s)) for s in streams)
    directory += b"".join(p("I", numbers[i, j]) for i, s in enumerate(streams) for j in range(len(split(s))))

    def append(data):
        first = len(pages)
        pages.extend(split(data))
        return b"".join(p("I", n) for n in range(first, len(pages)))
    root = append(append(directory))
    pages[0] = (MAGIC + p("IIIII", page, 1, len(pages), len(directory), 0) + root).ljust(page, b"\0")
    return b"".join(pages)


def info(age=3, version=20000404):
    return p("III", version, 0x12345678, age) + GUID + p("IIIII", 0, 0, 0, 0, 0)


def dbi(symbols, age=2, machine=0x8664, debug=(), modules=b"M" * 12):
    parts = b"".join(p("H", d) for d in debug)
    return p("iIIHHHHHHiiiiiIiiHHI", -1, 19990903, age, NONE, 0, NONE, 0, symbols, 0,
             len(modules), 0, 0, 0, 0, 0, len(parts), 4, 0, machine, 0) + modules + b"EEEE" + parts


def tpi(records, count=None, first=0x1000):
    data = b"".join(records)
    return p("IIIII", 20040203, 56, first, first + (len(records) if count is None else count), len(data)) \
        + p("HHII", NONE, NONE, 4, 0x1000) + bytes(24) + data


def record(leaf, body):
    body = p("H", leaf) + body
    body += bytes(0xF0 + n for n in range(-(len(body) + 2) % 4, 0, -1))
    return p("H", len(body)) + body


def section(name, address, size=0x1000):
    return name.ljust(8, b"\0") + p("IIIIIIHHI", size, address, size, address, 0, 0, 0, 0, 0x40000040)


def symbol(kind, body):
    body = p("H", kind) + body
    body += bytes(-(len(body) + 2) % 4)
    return p("H", len(body)) + body


def module(name, stream, size):
    """What is said of one source file: the stream of its symbols, and how many bytes they are."""
    data = bytes(34) + p("HIIIHHIII", stream, size, 0, 0, 0, 0, 0, 0, 0)
    data = data.ljust(64, b"\0") + name.encode() + b".obj\0" + name.encode() + b".lib\0"
    return data + bytes(-len(data) % 4)


# ---- names and numbers -----------------------------------------------------------------------
def zero(name):
    return name.encode() + b"\0"


def counted(name):
    return p("B", len(name)) + name.encode()


def number(value):
    if 0 <= value < 0x8000:
        return p("H", value)
    if value < 0:
        return p("Hb", 0x8000, value) if value >= -128 else p("Hi", 0x8003, value)
    return p("HI", 0x8004, value) if value < 2**32 else p("HQ", 0x800A, value)


# ---- three generations of compilers ----------------------------------------------------------
class Zero:
    """32-bit type indexes, names that end with a NUL."""
    name = staticmethod(zero)
    POINTER, BITS, LIST = 0x1002, 0x1205, 0x1203
    ARRAY, STRUCT, UNION, ENUM = 0x1503, 0x1505, 0x1506, 0x1507
    MEMBER, VALUE, NEXT, NESTED, STATIC, METHOD = 0x150D, 0x1502, 0x1404, 0x1510, 0x150E, 0x1511
    PUBLIC, GLOBAL, LOCAL = 0x110E, 0x110D, 0x110C

    def modifier(self, of):
        return record(0x1001, p("IHH", of, 1, 0))

    def pointer(self, to, size=8):
        return record(self.POINTER, p("II", to, (12 if size == 8 else 10) | size << 13))

    def array(self, of, size, name=""):
        return record(self.ARRAY, p("II", of, 0x22) + number(size) + self.name(name))

    def struct(self, name, size, fields, count=1, properties=0):
        return record(self.STRUCT, p("HHIII", count, properties, fields, 0, 0) + number(size) + self.name(name))

    def union(self, name, size, fields, properties=0):
        return record(self.UNION, p("HHI", 1, properties, fields) + number(size) + self.name(name))

    def enum(self, name, fields, base=0x74, properties=0):
        return record(self.ENUM, p("HHII", 1, properties, base, fields) + self.name(name))

    def bits(self, of, width, position):
        return record(self.BITS, p("IBB", of, width, position))

    def fields(self, *entries):
        data = b""
        for entry in entries:
            data += entry
            data += bytes(0xF0 + n for n in range(-len(data) % 4, 0, -1))
        return record(self.LIST, data)

    def member(self, name, kind, offset):
        return p("HHI", self.MEMBER, 3, kind) + number(offset) + self.name(name)

    def value(self, name, value):
        return p("HH", self.VALUE, 3) + number(value) + self.name(name)

    def next(self, to):
        return p("HHI", self.NEXT, 0, to)

    def nested(self, name, to):
        return p("HHI", self.NESTED, 0, to) + self.name(name)

    def static(self, name, to):
        return p("HHI", self.STATIC, 3, to) + self.name(name)

    def method(self, name, virtual):
        return p("HHI", self.METHOD, 3 | (4 << 2 if virtual else 0), 0) + (p("I", 8) if virtual else b"") \
            + self.name(name)

    def sym(self, kind, name, segment, offset):
        return symbol(kind, p("IIH", 0, offset, segment) + self.name(name))


class Newer(Zero):
    """Compilers since 2019 write structures with properties of 32 bits."""
    def modifier(self, of):
        return record(0x150A, p("I", of) + self.name("ALIAS"))

    def struct(self, name, size, fields, count=1, properties=0):
        return record(0x1609, p("IIIIH", properties, fields, 0, 0, count) + number(size) + self.name(name))

    def union(self, name, size, fields, properties=0):
        return record(0x160A, p("IIH", properties, fields, 1) + number(size) + self.name(name))


class Counted(Zero):
    """32-bit type indexes, names that start with their length."""
    name = staticmethod(counted)
    ARRAY, STRUCT, UNION, ENUM = 0x1003, 0x1005, 0x1006, 0x1007
    MEMBER, VALUE, NESTED, STATIC, METHOD = 0x1405, 0x0403, 0x1408, 0x1406, 0x140B
    PUBLIC, GLOBAL, LOCAL = 0x1009, 0x1008, 0x1007


class Short(Counted):
    """16-bit type indexes."""
    PUBLIC, GLOBAL, LOCAL = 0x0203, 0x0202, 0x0201

    def modifier(self, of):
        return record(0x0001, p("HH", 1, of))

    def pointer(self, to, size=4):
        return record(0x0002, p("HH", 10, to))

    def array(self, of, size, name=""):
        return record(0x0003, p("HH", of, 0x22) + number(size) + self.name(name))

    def struct(self, name, size, fields, count=1, properties=0):
        return record(0x0005, p("HHHHH", count, fields, properties, 0, 0) + number(size) + self.name(name))

    def union(self, name, size, fields, properties=0):
        return record(0x0006, p("HHH", 1, fields, properties) + number(size) + self.name(name))

    def enum(self, name, fields, base=0x74, properties=0):
        return record(0x0007, p("HHHH", 1, base, fields, properties) + self.name(name))

    def bits(self, of, width, position):
        return record(0x0206, p("BBH", width, position, of))

    LIST = 0x0204

    def member(self, name, kind, offset):
        return p("HHH", 0x0406, kind, 3) + number(offset) + self.name(name)

    def next(self, to):
        return p("HH", 0x0405, to)

    def nested(self, name, to):
        return p("HH", 0x0409, to) + self.name(name)

    def static(self, name, to):
        return p("HHH", 0x0407, to, 3) + self.name(name)

    def method(self, name, virtual):
        return p("HHH", 0x040C, 3 | (4 << 2 if virtual else 0), 0) + (p("I", 8) if virtual else b"") \
            + self.name(name)

    def sym(self, kind, name, segment, offset):
        return symbol(kind, p("IHH", offset, segment, 0) + self.name(name))


def kernel_types(c, w):
    """The same types in each generation; `w` is the size of a pointer."""
    return [
        c.struct("_LIST_ENTRY", 0, 0, properties=0x80),             # 1000: declared
        c.pointer(0x1000, w),                                       # 1001
        c.fields(c.member("Flink", 0x1001, 0), c.member("Blink", 0x1001, w)),
        c.struct("_LIST_ENTRY", 2 * w, 0x1002, 2),                  # 1003
        c.fields(c.value("Initialized", 0), c.value("Ready", 1), c.value("Least", -2),
                 c.value("Most", 0x7FFFFFFF)),
        c.enum("_STATE", 0x1004),                                   # 1005
        c.bits(0x22, 3, 0), c.bits(0x22, 29, 3),                    # 1006, 1007
        c.fields(c.member("Low", 0x1006, 0), c.member("High", 0x1007, 0)),
        c.struct("__unnamed", 4, 0x1008, 2),                        # 1009
        c.fields(c.member("All", 0x22, 0), c.member("Bits", 0x1009, 0)),
        c.union("__unnamed", 4, 0x100A),                            # 100A, 100B
        c.array(0x20, 16), c.array(0x100C, 48),                     # 100C, 100D
        c.modifier(0x75),                                           # 100E
        c.pointer(0x1001, w),                                       # 100F: to a pointer
        c.fields(c.member("Far", 0x77, 0x9000), c.static("Count", 0x74), c.method("Plain", False),
                 c.method("Virtual", True), c.member("Last", 0x70, 0x9008)),
        c.fields(c.member("Links", 0x1000, 0), c.nested("Inner", 0x100B), c.member("Inner", 0x100B, 2 * w),
                 c.member("Name", 0x100C, 2 * w + 4), c.member("Grid", 0x100D, 2 * w + 20),
                 c.member("State", 0x1005, 2 * w + 68), c.member("Steady", 0x100E, 2 * w + 72),
                 c.member("Next", 0x100F, 2 * w + 80), c.next(0x1010)),
        c.struct("_OUTER", 0x9010, 0x1011, 14),                     # 1012
    ]


def kernel(c, w, moved=False, page=512, scramble=True, machine=None, types=None, symbols=None, **kw):
    sections = section(b".text", 0x1000) + section(b".data", 0x5000)
    if symbols is None:
        symbols = b"".join([
            c.sym(c.LOCAL, "Hidden", 2, 0x30), c.sym(c.LOCAL, "Gone", 2, 0x24), c.sym(c.GLOBAL, "PsActiveProcessHead", 2, 0x99),
            c.sym(c.PUBLIC, "_PsActiveProcessHead" if w == 4 else "PsActiveProcessHead", 2, 0x10),
            c.sym(c.PUBLIC, "_NtClose@4" if w == 4 else "NtClose", 1, 0x20),
            c.sym(c.PUBLIC, "@Fast@8" if w == 4 else "Fast", 1, 0x40),
            c.sym(c.PUBLIC, "?Cpp@@YAXH@Z", 1, 0x80), c.sym(c.PUBLIC, "__guard" if w == 4 else "_guard", 1, 0x90),
            c.sym(c.PUBLIC, "Absolute", 0, 0x40), c.sym(c.PUBLIC, "Dropped", 7, 0x40),
            symbol(0x1125, p("IIH", 0, 0, 1) + zero("Procedure"))])
    streams = [b"", info(), tpi(kernel_types(c, w) if types is None else types), b"", symbols, sections]
    debug = [NONE] * 11
    debug[5] = 5
    if moved:
        # Code went up by 0x100; the first 0x20 bytes of data went away, the rest to 0x8000.
        streams += [p("IIIIIIII", 0x1000, 0x1100, 0x5000, 0x8000, 0x5020, 0, 0x5030, 0x8100), sections]
        streams[5] = section(b".text", 0x1100) + section(b".data", 0x8000)
        debug[4], debug[10] = 6, 7
    if kw.get("moved_twice"):  # only the sections as they were are kept, and what is gone has the highest bit
        streams += [p("IIIIIIII", 0x1000, 0x1100, 0x5000, 0x8000, 0x5020, 1 << 31, 0x5030, 0x8100)]
        debug[4] = 6
    streams += kw.get("more", [])
    modules = {"modules": kw["modules"]} if "modules" in kw else {}
    streams[3] = dbi(4, **modules, machine=(0x8664 if w == 8 else 0x14C) if machine is None else machine, debug=debug)
    for i, stream in kw.get("replace", {}).items():
        streams[i] = stream
    return msf(streams, page, scramble)


def unique_types():
    """A declaration without a unique name whose definition has one; and two definitions of one name."""
    def named(name, unique, size, fields):
        return record(Z.STRUCT, p("HHIII", 1, 0x200, fields, 0, 0) + number(size) + zero(name) + zero(unique))
    return kernel_types(Z, 8) + [
        Z.struct("_LATE", 0, 0, properties=0x80),                   # 1013
        Z.fields(Z.member("Low", 0x22, 0)),
        named("_LATE", ".?AU_LATE@1@@", 4, 0x1014),
        named("_LATE", ".?AU_LATE@2@@", 12, 0x1014),
        Z.fields(Z.member("Late", 0x1013, 4)),
        Z.struct("_USER", 16, 0x1017),
    ]


def private():
    """Data of source files: one sound, one that is cut, one without symbols, one beyond the file."""
    sound = p("I", 4) + b"".join([
        symbol(0x1110, bytes(33) + zero("Procedure")), Z.sym(Z.LOCAL, "OnlyHere", 2, 0x50),
        Z.sym(Z.LOCAL, "PsActiveProcessHead", 2, 0x60), Z.sym(Z.GLOBAL, "Hidden", 2, 0x70)])
    cut = p("I", 4) + Z.sym(Z.LOCAL, "BeforeTheCut", 2, 0x54) + p("HH", 4000, 0x110C)
    return kernel(Z, 8, more=[sound, cut], modules=module("a", 6, len(sound)) + module("b", 7, len(cut))
                  + module("c", NONE, 0) + module("d", 99, 8))


Z = Zero()
GOOD = {
    "modern64.pdb": kernel(Z, 8),
    "modern32.pdb": kernel(Z, 4),
    "counted32.pdb": kernel(Counted(), 4, machine=0),
    "short32.pdb": kernel(Short(), 4, moved=True, page=1024),
    "moved64.pdb": kernel(Z, 8, moved=True),
    "moved_twice64.pdb": kernel(Z, 8, moved_twice=True),
    "newer64.pdb": kernel(Newer(), 8),
    "private64.pdb": private(),
    "no_symbols.pdb": kernel(Z, 8, symbols=b""),
    "unique64.pdb": kernel(Z, 8, types=unique_types()),
    "no_types.pdb": kernel(Z, 8, types=[]),
    "pages_2048.pdb": kernel(Z, 8, page=2048, scramble=False),
}


def types(*records):
    return kernel(Z, 8, types=list(records))


def looped_list():
    return types(Z.fields(Z.member("A", 0x22, 0), Z.next(0x1000)), Z.struct("_LOOP", 4, 0x1000))


def bad():
    whole = GOOD["modern64.pdb"]
    pages = len(whole) // 512
    root = struct.unpack_from("<I", whole, 52)[0]
    directory = struct.unpack_from("<I", whole, root * 512)[0] * 512
    yield "empty.pdb", MAGIC
    yield "cut.pdb", whole[:-600]
    yield "cut_early.pdb", whole[:2000]
    for name, size in ("page_0", 0), ("page_511", 511), ("page_1000", 1000), ("page_huge", 1 << 31):
        yield name + ".pdb", patch(whole, 32, "I", size)
    yield "no_pages.pdb", patch(whole, 40, "I", 0)
    yield "many_pages.pdb", patch(patch(whole, 40, "I", 2**32 - 1), 52, "I", 2**32 - 2)
    yield "directory_0.pdb", patch(whole, 44, "I", 0)
    yield "directory_huge.pdb", patch(whole, 44, "I", 2**32 - 1)
    yield "directory_page.pdb", patch(whole, 52, "I", pages)
    yield "map_page.pdb", patch(whole, root * 512, "I", pages + 7)
    yield "many_streams.pdb", patch(whole, directory, "I", 2**30)
    yield "no_streams.pdb", patch(whole, directory, "I", 1)
    yield "stream_huge.pdb", patch(whole, directory + 4 + 8, "I", 2**31)
    yield "stream_long.pdb", patch(whole, directory + 4 + 8, "I", 8192)
    yield "info_short.pdb", kernel(Z, 8, replace={1: info()[:20]})
    yield "info_old.pdb", kernel(Z, 8, replace={1: info(version=19960502)})
    yield "debug_short.pdb", kernel(Z, 8, replace={3: dbi(4)[:40]})
    yield "debug_old.pdb", kernel(Z, 8, replace={3: patch(dbi(4), 0, "I", 5)})
    yield "no_sections.pdb", kernel(Z, 8, replace={3: dbi(4)})
    yield "sections_outside.pdb", kernel(Z, 8, replace={3: dbi(4, debug=[NONE] * 5 + [99])})
    yield "modules_huge.pdb", kernel(Z, 8, modules=module("a", 4, 1 << 30) + module("b", 4, 1 << 30))
    yield "symbols_cut.pdb", kernel(Z, 8, symbols=p("HH", 400, 0x110E))
    yield "symbol_of_none.pdb", kernel(Z, 8, symbols=p("HH", 0, 0))
    yield "types_short.pdb", kernel(Z, 8, replace={2: tpi([])[:16]})
    yield "types_cut.pdb", kernel(Z, 8, replace={2: tpi([Z.modifier(0x22)], count=2)})
    yield "types_many.pdb", kernel(Z, 8, replace={2: tpi([Z.modifier(0x22)], count=1 << 30)})
    yield "types_first.pdb", kernel(Z, 8, replace={2: tpi([Z.modifier(0x22)], first=0x10)})
    yield "record_of_none.pdb", types(p("H", 0))
    yield "record_short.pdb", types(record(0x1505, b"\0\0"))
    yield "name_open.pdb", types(p("HHHHIIIH", 22, 0x1505, 0, 0, 0, 0, 0, 4) + b"ab")
    yield "name_long.pdb", types(record(0x1005, p("HHIIIHB", 0, 0, 0, 0, 0, 4, 200) + b"abc"))
    yield "size_negative.pdb", types(Z.struct("_A", -4, 0))
    yield "size_kind.pdb", types(record(0x1505, p("HHIIIHI", 0, 0, 0, 0, 0, 0x8099, 0) + b"a\0"))
    yield "looped_list.pdb", looped_list()
    yield "list_is_none.pdb", types(Z.modifier(0x22), Z.struct("_A", 4, 0x1000))
    yield "list_outside.pdb", types(Z.struct("_A", 4, 0x7777))
    yield "list_unknown.pdb", types(Z.fields(p("HHI", 0x7777, 0, 0)), Z.struct("_A", 4, 0x1000))
    yield "list_cut.pdb", types(record(0x1203, p("HHI", 0x150D, 3, 0x22)), Z.struct("_A", 4, 0x1000))
    yield "member_of_none.pdb", types(Z.fields(Z.member("A", 0x9999, 0)), Z.struct("_A", 4, 0x1000))
    yield "member_before.pdb", types(Z.fields(Z.member("A", 0x22, -4)), Z.struct("_A", 4, 0x1000))
    yield "value_in_struct.pdb", types(Z.fields(Z.value("A", 1)), Z.struct("_A", 4, 0x1000))
    yield "member_in_enum.pdb", types(Z.fields(Z.member("A", 0x22, 1)), Z.enum("_A", 0x1000))
    yield "modifier_loop.pdb", types(Z.modifier(0x1000), Z.fields(Z.member("A", 0x1000, 0)),
                                     Z.struct("_A", 4, 0x1001))
    yield "array_loop.pdb", types(Z.array(0x1000, 8), Z.fields(Z.member("A", 0x1000, 0)),
                                  Z.struct("_A", 4, 0x1001))
    yield "bits_outside.pdb", types(Z.bits(0x22, 8, 30), Z.fields(Z.member("A", 0x1000, 0)),
                                    Z.struct("_A", 4, 0x1001))
    yield "bits_of_none.pdb", types(Z.bits(0x22, 0, 0), Z.fields(Z.member("A", 0x1000, 0)),
                                    Z.struct("_A", 4, 0x1001))
    shared = [Z.fields(*(Z.member("M%d" % i, 0x22, 4 * i) for i in range(100)))]
    yield "list_shared.pdb", types(*shared, *(Z.struct("_S%d" % i, 4, 0x1000) for i in range(100)))


def main():
    for folder, files in ("good", GOOD.items()), ("bad", bad()):
        os.makedirs(os.path.join(HERE, folder), exist_ok=True)
        for name, data in files:
            with open(os.path.join(HERE, folder, name), "wb") as file:
                file.write(data)


main()
