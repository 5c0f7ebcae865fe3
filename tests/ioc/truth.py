# The world that the forge says it wrote: its truth file as things with properties. Beside it goes
# what the truth does not repeat of the scenario: files that were mapped and texts in them.
# SPDX-License-Identifier: Apache-2.0
import collections
import json
import re

from logic import VERSION, Thing, paths

SERVICES = '\\REGISTRY\\MACHINE\\SYSTEM'
USERS = {'S-1-5-18': 'NT AUTHORITY\\SYSTEM', 'S-1-5-19': 'NT AUTHORITY\\LOCAL SERVICE',
         'S-1-5-20': 'NT AUTHORITY\\NETWORK SERVICE'}
WRITING = 6  # FILE_WRITE_DATA, FILE_APPEND_DATA
VALUE_TYPES = ['REG_NONE', 'REG_SZ', 'REG_EXPAND_SZ', 'REG_BINARY', 'REG_DWORD',
               'REG_DWORD_BIG_ENDIAN', 'REG_LINK', 'REG_MULTI_SZ']


def rows(path):
    table = collections.defaultdict(list)
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            row = json.loads(line)
            table[row['plugin']].append(row)
    return table


def last(path):
    return re.split(r'[\\/]', path)[-1]


def path_parts(path):
    folder, name = path[:len(path) - len(last(path))], last(path)
    return {'path': [path], 'name': [name], 'folder': [folder.rstrip('\\') or folder],
            'extension': [name.rsplit('.', 1)[-1], '.' + name.rsplit('.', 1)[-1]]
            if '.' in name else []}


# A program's path is that of the first module of its loader's list.
def processes(table):
    things = {}
    modules = collections.defaultdict(list)
    for row in table['dlllist']:
        modules[row['pid']].append(row)
    users = {}
    for row in table['getsids']:
        user = 'm.okafor' if row['sid'].endswith('-1001') else None
        users.setdefault(row['pid'], USERS.get(row['sid'], user))
    commands = {row['pid']: row['args'] for row in table['cmdline']}
    seen = {row['pid']: row for row in table['psscan']}
    seen.update({row['pid']: row for row in table['pslist']})
    for pid, row in seen.items():
        own = modules[pid][0] if modules[pid] else None
        path = own['path'] if own and own['name'].lower().startswith(row['name'][:14].lower()) \
            else None
        things[pid] = Thing(
            pid=[pid], ppid=[row['ppid']], name=[last(path) if path else row['name']],
            path=[path] if path else None, command=command_of(commands, pid),
            user=[users[pid]] if users.get(pid) else None,
            event=['start', 'end' if row['exited'] else 'running'], text=None)
    for pid, thing in things.items():
        parent = things.get(thing.properties['ppid'][0])
        thing.properties['parent_name'] = parent.properties['name'] if parent else None
        thing.properties['parent_path'] = parent.properties['path'] if parent else None
    return things


def command_of(commands, pid):
    return [commands[pid]] if commands.get(pid) else [] if pid in commands else None


def add_parts(table, things):
    for thing in things.values():
        thing.parts = {'handle': [], 'section': []}
    for row in table['handles']:
        if row['pid'] in things:
            things[row['pid']].parts['handle'].append(
                Thing(object=[row['name']] if row['name'] else [], type=[row['type']]))
    injected = {(row['pid'], row['start']) for row in table['malfind']}
    for row in table['vadinfo']:
        if row['pid'] not in things:
            continue
        mapped = row['mapped'] or row['file']
        section = path_parts(mapped) if mapped else {'path': [], 'name': [], 'folder': []}
        section['injected'] = ['true' if (row['pid'], row['start']) in injected else 'false']
        things[row['pid']].parts['section'].append(Thing(**section))


def files(table):
    seen, things = {}, []
    for row in table['filescan']:
        if row['name']:
            things.append(Thing(size=None, md5=None, sha256=None, text=None,
                                **path_parts(row['name'])))
            seen[row['name'].lower()] = True
    for row in table['dumpfiles']:
        if 'size' not in row:
            continue
        whole = row['pages'] == row['present'] and row.get('md5')
        things.append(Thing(size=[row['size']], md5=[row['md5']] if whole else None,
                            sha256=[row['sha256']] if whole else None, text=None,
                            **path_parts(row['name'])))
    return things


def decode(number, data):
    kind = VALUE_TYPES[number] if number < len(VALUE_TYPES) else ''
    raw = bytes.fromhex(data or '')
    if kind in ('REG_SZ', 'REG_EXPAND_SZ', 'REG_MULTI_SZ'):
        text = raw.decode('utf-16-le', 'replace')
        parts = text.split('\0')
        return [' '.join(p for p in parts if p)] if kind == 'REG_MULTI_SZ' else [parts[0]]
    if kind == 'REG_DWORD' and len(raw) == 4:
        return [str(int.from_bytes(raw, 'little'))]
    return [raw.hex()] if raw else []


def registry(table):
    things, known = [], {}
    for row in table['printkey']:
        key = row['hive'] + ('\\' + row['key'] if row['key'] else '')
        if 'value' not in row:
            things.append(Thing(path=[key], key=[key], name=[], data=[], type=[]))
            continue
        data = decode(row['type'], row.get('data'))
        known[(key.lower(), row['value'].lower())] = data
        things.append(Thing(path=[key + '\\' + row['value']], key=[key],
                            name=[row['value']] if row['value'] else [], data=data,
                            type=[VALUE_TYPES[row['type']] if row['type'] < 8 else
                                  str(row['type'])]))
    return things, known


def services(table, known):
    things = []
    for row in table['svcscan']:
        key = (SERVICES + '\\ControlSet001\\Services\\' + row['name']).lower()

        def value(name, below=''):
            return known.get((key + below, name))
        things.append(Thing(
            name=[row['name']], display=[row['display']] if row['display'] else [],
            mode=[row['start']], status=[row['state']], description=value('description'),
            path=value('imagepath'), dll=value('servicedll', '\\parameters')))
    return things


def ports(table):
    things = []
    for row in table['netscan']:
        def some(name, row=row):
            return [row[name]] if row.get(name) not in (None, '') else []
        things.append(Thing(pid=[row['pid']], remote=some('foreign_addr'),
                            remote_port=some('foreign_port'), local=some('local_addr'),
                            local_port=some('local_port'), owner=some('owner'),
                            protocol=some('proto'), state=some('state')))
    return things


# Who writes a file: whoever has it open so.
def add_writers(table, world, things):
    writers = {}
    for row in table['handles']:
        if row['type'] == 'File' and row['name'] and row['access'] & WRITING and \
                row['pid'] in things:
            writers.setdefault(paths(row['name'])[0].lower(), []).append(
                things[row['pid']].properties)
    for thing in world['file']:
        found = writers.get(paths(thing.properties['path'][0])[0].lower())
        for name, of in (('writer', 'name'), ('writer_path', 'path')):
            thing.properties[name] = [value for one in found for value in one[of] or []] \
                if found else None


# What the scenario says of programs is known of those files, and of where they are mapped.
def add_images(table, world):
    known = {}
    for row in table['images']:
        image = row['image']
        exports, imports = image.get('exports', {}), image.get('imports', {})
        properties = {
            'linked': [image['timestamp']] if 'timestamp' in image else None,
            'export_name': [exports['name']] if exports else [],
            'exported': exports.get('functions', []),
            'export_count': [len(exports['functions'])] if exports else [],
            'import_module': list(imports), 'imported': sum(imports.values(), []),
            'pe_section': image.get('sections') or None}
        properties.update({name: [image['version'][name]] if name in image.get('version', {})
                           else [] for name in VERSION})
        known[paths(row['path'])[0].lower()] = properties
    parts = [part for thing in world['process'] for part in thing.parts.get('section', [])]
    for thing in world['file'] + parts:
        path = thing.properties['path']
        thing.properties.update(known.get(paths(path[0])[0].lower() if path else '', {}))


# `texts`: (pid, path of a file or None, text) that the scenario has put somewhere.
def add_texts(world, things, texts):
    for pid, path, text in texts:
        if pid in things:
            values = things[pid].properties
            values['text'] = (values['text'] or []) + [text]
        if path:
            world['file'].append(Thing(size=None, md5=None, sha256=None, text=[text],
                                       **path_parts(path)))
        for kind in ('network', 'history', 'request', 'resolver', 'mail', 'rule'):
            holder = next((t for t in world[kind] if t.pid == pid), None)
            if holder is None:
                holder = Thing(pid=[pid], text=[], host=[], bytes=[])
                world[kind].append(holder)
            holder.properties['text'].append(text)
            holder.properties['host'].append(text)
            holder.properties['bytes'].append(text)


def world(path, texts, heads):
    table = rows(path)
    things = processes(table)
    add_parts(table, things)
    keys, known = registry(table)
    result = {
        'process': list(things.values()), 'file': files(table), 'registry': keys,
        'service': services(table, known), 'port': ports(table),
        'driver': [Thing(name=[row['name']]) for row in table['modules'] + table['driverscan']],
        'network': [], 'history': [], 'request': [], 'resolver': [], 'mail': [], 'rule': [],
    }
    # How a file begins is known where the plan has written it, and of programs.
    mapped = {paths(row['mapped'] or row['file'])[0].lower() for row in table['vadinfo']
              if row['mapped'] or row['file']}
    for thing in result['file']:
        own = paths(thing.properties['path'][0])[0]
        head = heads.get('C:' + own) or ('MZ' if own.lower() in mapped else None)
        thing.properties['head'] = None if head is None else [head]
    add_images(table, result)
    add_writers(table, result, things)
    add_texts(result, things, texts)
    return result
