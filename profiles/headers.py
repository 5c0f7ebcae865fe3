#!/usr/bin/env python3
# Makes symbol files (ISF) of published headers, for builds that nobody publishes symbol files of:
#
#     headers.py --vergilius-rs DIR --ntoskrnlib DIR --root DATA -o OUT
#
# writes OUT/headers/NAME.json, which are sources like any other (see README.md).
# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import lzma
import os
import re

FACTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'facts')

# name: size, signed, kind. The names are those of symbol files made from PDBs.
BASES = {
    'void': (0, True, 'void'), 'char': (1, True, 'char'), 'unsigned char': (1, False, 'char'),
    'wchar': (2, True, 'int'), 'short': (2, True, 'int'), 'unsigned short': (2, False, 'int'),
    'int': (4, True, 'int'), 'unsigned int': (4, False, 'int'), 'long': (4, True, 'int'),
    'unsigned long': (4, False, 'int'), 'long long': (8, True, 'int'),
    'unsigned long long': (8, False, 'int'), 'HRESULT': (4, False, 'int'),
    'f32': (4, True, 'float'), 'double': (8, True, 'float'),
}
HEADER_BASES = {
    'VOID': 'void', 'CHAR': 'char', 'UCHAR': 'unsigned char', 'WCHAR': 'wchar', 'SHORT': 'short',
    'USHORT': 'unsigned short', 'LONG': 'long', 'ULONG': 'unsigned long', 'LONGLONG': 'long long',
    'ULONGLONG': 'unsigned long long', 'HRESULT': 'HRESULT', 'float': 'f32', 'double': 'double',
    'INT': 'int', 'UINT': 'unsigned int', 'int32_t': 'long', 'uint32_t': 'unsigned long',
    'int': 'int',
}
SHARP_BASES = {
    'byte': 'unsigned char', 'sbyte': 'char', 'short': 'short', 'ushort': 'unsigned short',
    'int': 'long', 'uint': 'unsigned long', 'long': 'long long', 'ulong': 'unsigned long long',
    'char': 'wchar', 'float': 'f32', 'double': 'double', 'bool': 'unsigned char',
}


def base(name):
    return {'kind': 'base', 'name': name}


def pointer(target):
    return {'kind': 'pointer', 'subtype': target}


def symbol_file(types, enums, pointer_size, origin):
    bases = {name: {'kind': kind, 'size': size, 'signed': signed, 'endian': 'little'}
             for name, (size, signed, kind) in BASES.items()}
    bases['pointer'] = {'kind': 'int', 'size': pointer_size, 'signed': False, 'endian': 'little'}
    return {'base_types': bases, 'enums': enums, 'symbols': {}, 'user_types': types,
            'metadata': {'format': '6.1.0', 'producer': {'name': origin, 'version': '1'}}}


def write(folder, name, content):
    os.makedirs(os.path.join(folder, 'headers'), exist_ok=True)
    with open(os.path.join(folder, 'headers', name + '.json'), 'w') as file:
        json.dump(content, file, sort_keys=True, indent=0)


# ---- headers of vergilius-rs ----------------------------------------------------------------
# C, where a comment before a type says its size and one behind a member says its offset. Members
# of unnamed members belong to the owner, as in PDBs of C sources.
TOKEN = re.compile(r'//[^\n]*|[A-Za-z_]\w*|0x[0-9a-fA-F]+|-?\d+|[{}()\[\]*:;,=<>]')


class Header:
    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.at = 0
        self.types, self.enums, self.unnamed = {}, {}, 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ''

    def take(self, wanted=None):
        token = self.peek()
        if wanted and token != wanted:
            raise ValueError(f'{wanted!r} wanted, {token!r} found: {self.tokens[self.at-9:self.at+9]}')
        self.at += 1
        return token

    def number_behind(self, mark):
        found = re.match(r'//\s*' + mark + r'(0x[0-9a-f]+)', self.peek())
        if not found:
            return None
        self.take()
        return int(found[1], 16)

    def skip_comments(self):
        while self.peek().startswith('//'):
            self.take()

    def parse(self):
        while self.peek():
            size = self.number_behind('')
            if size is None:
                if self.peek() == 'enum':
                    self.enumeration(4)
                elif self.peek() == 'typedef':
                    while self.take() != ';':
                        continue
                elif self.peek() in ('struct', 'union'):
                    raise ValueError(f'no size before {self.peek(1)}')
                else:
                    self.take()
            elif self.peek() == 'enum':
                self.enumeration(size)
            else:
                kind, name = self.take(), self.take()
                fields = {}
                self.members(fields)
                self.take(';')
                if size:
                    self.types[name] = {'kind': kind, 'size': size, 'fields': fields}

    def enumeration(self, size):
        self.take('enum')
        name, constants = self.take(), {}
        self.take('{')
        while self.peek() != '}':
            constant = self.take()
            self.take('=')
            constants[constant] = int(self.take(), 0)
            if self.peek() == ',':
                self.take()
        self.take('}')
        self.take(';')
        self.enums[name] = {'base': 'int', 'constants': constants, 'size': size}

    # The members between braces. Bit fields get their positions later: the header does not say
    # whether those of one unit follow each other or overlap.
    def members(self, fields):
        self.take('{')
        while True:
            self.skip_comments()
            if self.peek() == '}':
                break
            if self.peek() in ('struct', 'union') and self.peek(1) == '{':
                self.inner(fields)
                continue
            name, kind, width = self.declaration()
            offset = self.number_behind('offset: ')
            if offset is None:
                raise ValueError(f'{name} has no offset')
            if width is not None:
                kind = {'kind': 'bitfield', 'bit_length': width, 'bit_position': None, 'type': kind}
            fields[name] = {'offset': offset, 'type': kind}
        self.take('}')

    # A nested definition: part of its owner, or a type of its own if a name follows.
    def inner(self, fields):
        kind, inner = self.take(), {}
        self.members(inner)
        if self.peek() == ';':
            self.take()
            fields.update(inner)
            return
        name, dims = self.take(), self.dimensions()
        self.take(';')
        offset = self.number_behind('offset: ')
        first = min((field['offset'] for field in inner.values()), default=0)
        for field in inner.values():  # said from the owner's start, or from their own
            field['offset'] -= offset if first >= offset else 0
        self.unnamed += 1
        unnamed = f'__unnamed_{self.unnamed:04x}'
        self.types[unnamed] = {'kind': kind, 'size': None, 'fields': inner}
        fields[name] = {'offset': offset, 'type': wrapped({'kind': kind, 'name': unnamed}, dims)}

    def dimensions(self):
        dims = []
        while self.peek() == '[':
            self.take()
            dims.append(int(self.take(), 0))
            self.take(']')
        return dims

    # "TYPE name[2];", "TYPE name : 3;", "TYPE (*name)(...);": name, type, width in bits or None.
    def declaration(self):
        kind = self.specifier()
        while self.peek() in ('*', 'volatile', 'const'):
            if self.take() == '*':
                kind = pointer(kind)
        if self.peek() == '(':
            return self.function()
        name, dims, width = self.take(), self.dimensions(), None
        if self.peek() == ':':
            self.take()
            width = int(self.take(), 0)
        self.take(';')
        return name, wrapped(kind, dims), width

    def specifier(self):
        while self.peek() in ('volatile', 'const'):
            self.take()
        word = self.take()
        if word in ('struct', 'union', 'enum'):
            kind = {'kind': word, 'name': self.take()}
        else:
            kind = base(HEADER_BASES[word])
        while self.peek() in ('volatile', 'const'):
            self.take()
        return kind

    def function(self):
        self.take('(')
        stars = 0
        while self.peek() in ('*', 'volatile', 'const'):
            stars += self.take() == '*'
        if self.peek() == '(':  # a function that returns a function: its name is inside
            self.take()
            while self.peek() in ('*', 'volatile', 'const'):
                self.take()
        name, dims = self.take(), self.dimensions()
        while self.take() != ';':
            continue
        kind = {'kind': 'function'}
        for _ in range(max(stars, 1)):
            kind = pointer(kind)
        return name, wrapped(kind, dims), None


def wrapped(kind, dims):
    for count in reversed(dims):
        kind = {'kind': 'array', 'count': count, 'subtype': kind}
    return kind


def type_size(kind, types, enums, pointer_size):
    if kind['kind'] in ('pointer', 'function'):
        return pointer_size
    if kind['kind'] == 'base':
        return BASES[kind['name']][0]
    if kind['kind'] == 'array':
        return kind['count'] * type_size(kind['subtype'], types, enums, pointer_size)
    if kind['kind'] == 'bitfield':
        return type_size(kind['type'], types, enums, pointer_size)
    if kind['kind'] == 'enum':
        return enums.get(kind['name'], {'size': 4})['size']
    return (types.get(kind['name']) or {'size': 0})['size'] or 0


def alignment(kind, types, enums, pointer_size):
    if kind['kind'] in ('array', 'bitfield'):
        return alignment(kind.get('subtype') or kind['type'], types, enums, pointer_size)
    fields = types.get(kind.get('name'), {'fields': {}})['fields'].values()
    if kind['kind'] in ('struct', 'union'):
        return max([alignment(f['type'], types, enums, pointer_size) for f in fields], default=1)
    return type_size(kind, types, enums, pointer_size) or 1


# An unnamed type's size is not said: it ends behind its last member, aligned. What is inside
# another was read before it.
def size_unnamed(types, enums, pointer_size):
    sized = types, enums, pointer_size
    for definition in [d for d in types.values() if d['size'] is None]:
        fields = definition['fields'].values()
        end = max([f['offset'] + type_size(f['type'], *sized) for f in fields], default=0)
        align = max([alignment(f['type'], *sized) for f in fields], default=1)
        definition['size'] = -(-end // align) * align


def bit_units(fields):
    units = {}
    for name, field in fields.items():
        if field['type']['kind'] == 'bitfield':
            units.setdefault(field['offset'], []).append(name)
    return units


def widths(fields, names):
    return [(name, fields[name]['type']['bit_length']) for name in names]


# Positions of bit fields that fill their unit, once or several times, one after the other.
def filling(fields, names, unit_bits):
    positions, at = {}, 0
    for name in names:
        positions[name] = at
        at += fields[name]['type']['bit_length']
        if at > unit_bits:
            return None
        at %= unit_bits
    return positions if at == 0 else None


# A unit's positions are those of `model`, the nearest build whose PDB was read, if it has the same
# bit fields there; else they follow from the widths if those fill the unit; else the bit fields are
# left out, because nothing says where they are.
def place_bits(fields, model_fields, types, enums, pointer_size):
    model_units = list(bit_units(model_fields).values())
    for names in bit_units(fields).values():
        if all(fields[name]['type']['bit_position'] is not None for name in names):
            continue
        same = [unit for unit in model_units if set(unit) == set(names) and
                sorted(widths(model_fields, unit)) == sorted(widths(fields, names))]
        if same:
            for name in names:
                fields[name]['type']['bit_position'] = model_fields[name]['type']['bit_position']
            continue
        size = type_size(fields[names[0]]['type'], types, enums, pointer_size)
        positions = filling(fields, names, size * 8)
        for name in names:
            if positions:
                fields[name]['type']['bit_position'] = positions[name]
            else:
                del fields[name]


# The structure that a member is by value, through arrays.
def value_name(kind):
    while kind.get('kind') == 'array':
        kind = kind['subtype']
    return kind.get('name', '') if kind.get('kind') in ('struct', 'union') else ''


# A type's members and those of the model, and so on into unnamed types.
def beside_model(types, model, owner, name):
    there = model.get(name, {'fields': {}})['fields']
    yield types[owner]['fields'], there
    for member, field in list(types[owner]['fields'].items()):
        inner = value_name(field['type'])
        if inner.startswith('__unnamed'):
            yield from beside_model(types, model, inner,
                                    value_name(there.get(member, {'type': {}})['type']))


# Of some types the site that the headers were taken from shows the part that drivers may use.
def is_whole(name, definition, model):
    unnamed = name.startswith('__unnamed')
    return unnamed or name not in model or definition['size'] * 2 > model[name]['size']


def read_header(path, model):
    with open(path) as file:
        header = Header(re.sub(r'// offset:\s*\n\s*// ', '// offset: ', file.read()))
    header.parse()
    pointer_size = 4 if '-x86' in path else 8
    sized = header.types, header.enums, pointer_size
    size_unnamed(*sized)
    there = model['user_types']
    header.types = {name: definition for name, definition in header.types.items()
                    if is_whole(name, definition, there)}
    sized = header.types, header.enums, pointer_size
    for name in [name for name in header.types if not name.startswith('__unnamed')]:
        for fields, model_fields in beside_model(header.types, there, name, name):
            place_bits(fields, model_fields, *sized)
    for definition in header.types.values():  # of owners that were left out
        place_bits(definition['fields'], {}, *sized)
    return symbol_file(header.types, header.enums, pointer_size, 'vergilius-rs')


# ---- structures of ntoskrnlib ---------------------------------------------------------------
# C#, generated from a PDB: sizes, offsets and the types of members. It does not say which bits a
# bit field has, what a pointer leads to, and what is in unnamed members. Kept are the members that
# `model`, an earlier build, has too. Bit fields and unnamed members are taken from the model only
# where a line of the facts file says that another source was seen to have them alike. What remains
# is left out.
STRUCT = re.compile(r'Size = (\d+)\)\]\s+public partial struct (\w+)')
MEMBER = re.compile(r'\[FieldOffset\((\d+)\)\]\s+(?:\[MarshalAs\(UnmanagedType\.ByValArray, '
                    r'SizeConst = (\d+)\)\]\s+)?public (\w+)(?:\[\])? @?(\w+);')


def read_structs(folder):
    structs = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.cs'):
            continue
        with open(os.path.join(folder, name)) as file:
            text = file.read()
        head = STRUCT.search(text)
        if head and not head[2].startswith('_unnamed'):
            structs[head[2]] = int(head[1]), MEMBER.findall(text)
    return structs


# Lines "bits TYPE", "inner TYPE member", "plain TYPE member" and "bit TYPE member POSITION WIDTH"; "#"
# starts a comment.
def read_facts(path):
    facts = set()
    with open(path) as file:
        for line in file:
            words = line.split('#')[0].split()
            if words:
                facts.add(tuple(words))
    return facts


def sharp_size(word, count, structs):
    if word == 'IntPtr':
        size = 8
    elif word in SHARP_BASES:
        size = BASES[SHARP_BASES[word]][0]
    else:
        size = structs.get(word, (0, []))[0]
    return size * int(count or 1)


def kind_size(kind, structs):
    return type_size(kind, {name: {'size': size} for name, (size, _) in structs.items()}, {}, 8)


# Numbers are of the model's type, which knows characters from integers.
def is_number(kind):
    return kind['kind'] == 'base' or kind['kind'] == 'array' and is_number(kind['subtype'])


# A bit field of which a fact says where it is now.
def placed_bit(owner, name, word, facts):
    for fact in facts:
        if fact[:3] == ('bit', owner, name):
            return {'kind': 'bitfield', 'bit_position': int(fact[3]), 'bit_length': int(fact[4]),
                    'type': base(SHARP_BASES[word])}
    return None


def member_type(owner, member, there, facts, structs):
    _, count, word, name = member
    placed = placed_bit(owner, name, word, facts)
    if placed:
        return placed
    if word.startswith('_unnamed'):
        return there['type'] if there and ('inner', owner, name) in facts else None
    if there and there['type']['kind'] == 'bitfield':
        return there['type'] if ('bits', owner) in facts else None
    if there and word in SHARP_BASES:
        same = kind_size(there['type'], structs) == sharp_size(word, count, structs)
        return there['type'] if same and is_number(there['type']) else wrapped(
            base(SHARP_BASES[word]), [int(count)] if count else [])
    if there and word == 'IntPtr':
        return wrapped(pointer(base('void')), [int(count)] if count else [])
    if there:
        same = kind_size(there['type'], structs) == sharp_size(word, count, structs)
        return there['type'] if same else None
    if ('plain', owner, name) in facts:
        return base(SHARP_BASES[word]) if word in SHARP_BASES else {'kind': 'struct', 'name': word}
    return None


def read_sharp(folder, model, facts):
    structs, types = read_structs(folder), {}
    for name, definition in model['user_types'].items():
        if name.startswith('__unnamed'):
            types[name] = definition
        if name not in structs:
            continue
        size, members = structs[name]
        fields = {}
        for member in members:
            kind = member_type(name, member, definition['fields'].get(member[3]), facts, structs)
            if kind:
                fields[member[3]] = {'offset': int(member[0]), 'type': kind}
        types[name] = {'kind': definition['kind'], 'size': size, 'fields': fields}
    return symbol_file(types, model['enums'], 8, 'ntoskrnlib')


# ---- builds ---------------------------------------------------------------------------------
# name, header, model. A model is a symbol file below one of the data folders.
LATE_11 = 'windows/ntkrnlmp.pdb/0CE4A95C0CD782A7596B034D8648E585-1.json.xz'
EARLY_11 = 'windows/ntkrnlmp.pdb/32C1A669D5FFEFD41091F636CFDB6E99-1.json.xz'
HEADERS = [
    ('win10-10586.0-x64', 'bindings-10.0.10586.0-x64.h', 'layouts/win10_x64_1AC738FB.json.xz'),
    ('win10-10586.0-x86', 'bindings-10.0.10586.0-x86.h', 'layouts/win10_x86_44B89EEA.json.xz'),
    ('win10-19041.2965-x86', 'bindings-10.0.19045.2965-x86.h', 'layouts/win10_x86_19041.json.xz'),
    ('win11-22000.194-x64', 'bindings-10.0.22000.194-x64.h', EARLY_11),
    ('win11-22621.382-x64', 'bindings-10.0.22621.382-x64.h', LATE_11),
    ('win11-22631.2428-x64', 'bindings-10.0.22631.2428-x64.h', LATE_11),
]
SHARP = 'win11-26100-x64', 'ntoskrnlib/Generated/Win11/ntoskrnl', 'win11-22631.2428-x64'


def load(path):
    with (lzma.open(path) if path.endswith('.xz') else open(path, 'rb')) as file:
        return json.load(file)


def find(roots, path):
    for root in roots:
        if os.path.exists(os.path.join(root, path)):
            return os.path.join(root, path)
    raise SystemExit(f"headers.py: no '{path}' below any of the data folders")


def main():
    options = argparse.ArgumentParser(description='makes symbol files of published headers')
    options.add_argument('--vergilius-rs', required=True, help='checkout of novafacing/vergilius-rs')
    options.add_argument('--ntoskrnlib', required=True, help='checkout of Rickebo/ntoskrnlib')
    options.add_argument('--root', action='append', required=True, help='folder with models')
    options.add_argument('-o', required=True, help='folder to write to')
    given = options.parse_args()
    made = {}
    for name, header, model in HEADERS:
        path = os.path.join(given.vergilius_rs, 'headers', header)
        made[name] = read_header(path, load(find(given.root, model)))
        write(given.o, name, made[name])
    name, folder, model = SHARP
    facts = read_facts(os.path.join(FACTS, '26100.tsv'))
    for late, definition in load(find(given.root, LATE_11))['user_types'].items():
        if not late.startswith('__'):  # for what the header shows a part of
            made[model]['user_types'].setdefault(late, definition)
    write(given.o, name, read_sharp(os.path.join(given.ntoskrnlib, folder), made[model], facts))


if __name__ == '__main__':
    main()
