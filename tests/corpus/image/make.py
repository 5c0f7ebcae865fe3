#!/usr/bin/env python3
"""Writes the small images beside it: good/ must open, bad/ must be refused with a message.

Offsets as core/image describes them; written independently of it and of the forge.
SPDX-License-Identifier: Apache-2.0
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = 4096
ALL = 2**64 - 1


def page(frame):
    return struct.pack("<Q", frame) * (PAGE // 8)


def patch(data, *sets):
    """Each of `sets` is (offset, struct format, value...); the data grow where needed."""
    data = bytearray(data)
    for offset, form, *values in sets:
        packed = struct.pack("<" + form, *values)
        data.extend(bytes(max(0, offset + len(packed) - len(data))))
        data[offset:offset + len(packed)] = packed
    return bytes(data)


def head64(kind):
    return patch(b"PAGEDU64" + b"PAGE" * 2046, (8, "IIQ", 15, 19041, 0x1AD000), (0x30, "III", 0x8664, 1, 0xEF),
                 (0x80, "Q", 0xFFFFF8000C600B20), (0xF98, "I", kind), (0xFA8, "Q", 132223104000000000))


def head32(kind):
    return patch(b"PAGEDUMP" + b"PAGE" * 1022, (8, "III", 15, 7601, 0x185000), (0x20, "III", 0x14C, 1, 0xD1),
                 (0x5C, "B", 1), (0x60, "I", 0x82B31C28), (0xF88, "I", kind))


def bitmap(header, magic, frames, pages=None, bits=64, first=None):
    at = len(header)
    body = magic + bytes(24) + struct.pack("<QQQ", at + 0x1000 if first is None else first,
                                           len(frames) if pages is None else pages, bits)
    body += sum(1 << f for f in frames).to_bytes(8, "little")
    return header + body.ljust(0x1000, b"\0") + b"".join(map(page, frames))


def triage(header, wide):
    at = len(header)
    names = at + 0x400
    head = bytearray(0x80)
    struct.pack_into("<I", head, 8, at + 0xFFC)
    struct.pack_into("<II", head, 0x30, at + 0x200, 1)
    struct.pack_into("<II", head, 0x78 if wide else 0x60, at + 0x600, 2)
    driver = bytearray(0x90)
    struct.pack_into("<I", driver, 0, names)
    struct.pack_into("<Q" if wide else "<I", driver, 0x38 if wide else 0x1C, 0xFFFFF80000100000 if wide else 0x82A00000)
    block = "<QII" if wide else "<III"
    base = 0xFFFFF80000300000 if wide else 0x8A000000
    body = bytearray(0x1000)
    body[:0x80] = head
    body[0x200:0x290] = driver
    name = "ntoskrnl.exe"
    body[0x400:0x404] = struct.pack("<I", len(name))
    body[0x404:0x404 + 2 * len(name)] = name.encode("utf-16-le")
    body[0x600:0x600 + 2 * struct.calcsize(block)] = (struct.pack(block, base + 0x20, at + 0x700, 0x40) +
                                                      struct.pack(block, base, at + 0x6E0, 0x40))
    body[0xFFC:] = b"TRGD"
    return header + bytes(body)


def ranges(kind):
    body = struct.pack("<I", 0x40) + b"RDMPDUMP" + bytes(4) + struct.pack("<QQ", 0xFE0, 0x3000)
    body = body.ljust(0x30, b"\0") + struct.pack("<4Q", 3, 1, 0, 0)
    return head64(kind) + body.ljust(0x1000, b"\0") + page(3)


def lime(*spans, version=1):
    return b"".join(b"EMiL" + struct.pack("<IQQQ", version, a, a + len(d) - 1, 0) + d for a, d in spans)


def elf(loads, kind=4):
    notes = struct.pack("<III", 5, 440, 0) + b"QEMU\0\0\0\0" + bytes(392 + 24) + struct.pack("<QQ", 0x1AD000, 0x6F8) + bytes(8)
    headers, offset = [(4, 0x400, 0, len(notes))], 0x1000
    for pa, data in loads:
        headers.append((1, offset, pa, len(data)))
        offset += len(data)
    out = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
    for t, o, pa, size in headers:
        out += struct.pack("<IIQQQQQQ", t, 0, o, 0, pa, size, size, 0)
    return (out.ljust(0x400, b"\0") + notes).ljust(0x1000, b"\0") + b"".join(d for _, d in loads)


FULL64 = patch(head64(1), (0x88, "IIQ4Q", 2, 0, 2, 1, 1, 5, 1)) + page(1) + page(5)
FULL32 = patch(head32(1), (0x64, "6I", 2, 2, 1, 1, 5, 1)) + page(1) + page(5)
BITMAP = bitmap(head64(5), b"FDMPDUMP", [63])
OLD = patch(head64(2) + b"SDMPDUMP".ljust(0x1000, b"\0") + page(3), (0x200C, "IIII", 0x3000, 64, 1, 64), (0x2028, "Q", 8))
TRIAGE = triage(head64(4), True)
LIME = lime((0x1000, page(1)), (0x5000, page(5)))
ELF = elf([(0x1000, page(1)), (0x5000, page(5))])

GOOD = {
    "raw": page(0) + page(1),
    "raw-odd-size": page(0) + b"tail",
    "full64": FULL64,
    "full64-short": FULL64[:-100],
    "full64-overlap": patch(FULL64, (0xA8, "Q", 1)),
    "full64-descending": patch(FULL64, (0x98, "Q", 9)),
    "full64-far": patch(FULL64, (0xA8, "Q", (1 << 40) - 1)),
    "full64-huge": patch(FULL64, (0xB0, "Q", 1 << 39)),
    "header64": head64(3),
    "full32": FULL32,
    "bitmap64": BITMAP,
    "bitmap64-short": BITMAP[:-PAGE],
    "bitmap32": bitmap(head32(5), b"FDMPDUMP", [0, 63]),
    "active64": bitmap(head64(6), b"SDMPDUMP", [8]),
    "kernel64": OLD,
    "ranges8": ranges(8),
    "ranges10": ranges(10),
    "triage64": TRIAGE,
    "triage64-counts": patch(TRIAGE, (0x2034, "I", 2**32 - 1), (0x207C, "I", 2**32 - 1)),
    "triage64-names": patch(TRIAGE, (0x2400, "I", 2**32 - 1)),
    "triage64-arm64": patch(TRIAGE, (0x30, "I", 0xAA64)),
    "triage32": triage(head32(4), False),
    "lime": LIME,
    "lime-cut": LIME[:-20],
    "lime-garbage-after": lime((0x1000, page(1))) + b"not a header at all, but longer than one",
    "elf": ELF,
    "elf-overlap": elf([(0x1000, page(1)), (0x1800, page(5))]),
    "elf-notes": patch(ELF, (0x400, "II", 2**32 - 1, 2**32 - 1)),
    "elf-vbox": patch(ELF, (0x400, "III", 7, 24, 0xB00), (0x40C, "8s", b"VBCORE")),
}

BAD = {
    "empty": b"",
    "byte": b"x",
    "less-than-a-page": bytes(4095),
    "full64-header-cut": FULL64[:0x1800],
    "full64-no-runs": patch(FULL64, (0x88, "I", 0)),
    "full64-many-runs": patch(FULL64, (0x88, "I", 2**32 - 1)),
    "full64-unset": patch(FULL64, (0x88, "4s", b"PAGE")),
    "full64-wrap": patch(FULL64, (0x98, "QQ", ALL, 2)),
    "full64-wrap-count": patch(FULL64, (0x98, "QQ", 1, ALL)),
    "full64-past-52-bits": patch(FULL64, (0x98, "Q", 1 << 40)),
    "type-0": head64(0),
    "type-huge": head64(2**32 - 1),
    "bitmap64-no-magic": head64(5) + bytes(PAGE),
    "bitmap64-no-bits": bitmap(head64(5), b"FDMPDUMP", [1], bits=0),
    "bitmap64-all-bits": bitmap(head64(5), b"FDMPDUMP", [1], bits=ALL),
    "bitmap64-gigantic": bitmap(head64(5), b"FDMPDUMP", [1], bits=1 << 34, first=1 << 40),
    "bitmap64-in-itself": bitmap(head64(5), b"FDMPDUMP", [1], first=0x2000),
    "bitmap64-far": bitmap(head64(5), b"FDMPDUMP", [1], first=ALL),
    "bitmap64-more-than-bits": bitmap(head64(5), b"FDMPDUMP", [1], pages=65),
    "bitmap64-cut": BITMAP[:0x2020],
    "kernel32-nothing": head32(2),
    "ranges8-wrap": patch(ranges(8), (0x2038, "Q", ALL)),
    "ranges8-backwards": patch(ranges(8), (0x2018, "Q", 0x2000)),
    "triage64-cut": TRIAGE[:0x2040],
    "lime-version": lime((0, page(0)), version=2),
    "lime-backwards": patch(LIME, (16, "Q", 0xFFF)),
    "lime-all": patch(LIME, (8, "QQ", 0, ALL)),
    "lime-header-only": LIME[:32],
    "elf32": patch(ELF, (4, "B", 1)).ljust(8192, b"\0"),
    "elf-program": elf([(0x1000, page(1))], kind=2),
    "elf-no-segments": patch(ELF, (56, "H", 0)),
    "elf-many-segments": patch(ELF, (40, "Q", 0x800), (56, "H", 0xFFFF), (0x82C, "I", 2**32 - 1)),
    "elf-far-headers": patch(ELF, (32, "Q", ALL - 8)),
    "elf-wrap": patch(ELF, (120 + 0x18, "QQ", ALL, 2)),
    "gzip": b"\x1f\x8b\x08".ljust(PAGE, b"\0"),
    "hibernation": b"HIBR".ljust(PAGE, b"\0"),
    "minidump": b"MDMP".ljust(PAGE, b"\0"),
    "vmss": b"\xd2\xbe\xd2\xbe".ljust(PAGE, b"\0"),
}

for folder, files in (("good", GOOD), ("bad", BAD)):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    for name, data in files.items():
        assert len(data) <= 16384, name
        with open(os.path.join(HERE, folder, name), "wb") as out:
            out.write(data)
