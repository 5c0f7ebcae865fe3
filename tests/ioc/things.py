# Artefacts of each kind, as a scenario for the forge has them.
# SPDX-License-Identifier: Apache-2.0
import datetime
import re

import logic
from plan import FOLDERS, TEXT_KINDS, Planner, path_parts
from values import CannotAnswer, text_for

PROCESS_NAMES = {'path': 'path', 'name': 'name'}
PARENT_NAMES = {'parent_path': 'path', 'parent_name': 'name'}
SECTION_NAMES = {'path': 'path', 'folder': 'folder', 'name': 'name'}
WRITER_NAMES = {'writer_path': 'path', 'writer': 'name'}
FILE_NAMES = dict(SECTION_NAMES, extension='extension')
# As the forge and as Windows call them.
ACCOUNTS = [('user', 'm.okafor'), ('system', 'NT AUTHORITY\\SYSTEM'),
            ('network service', 'NT AUTHORITY\\NETWORK SERVICE')]
HIVES = [('SOFTWARE', '\\REGISTRY\\MACHINE\\SOFTWARE'), ('SYSTEM', '\\REGISTRY\\MACHINE\\SYSTEM'),
         ('NTUSER', '\\REGISTRY\\USER\\S-1-5-21-1-2-3-1001')]
ROOTS = [('HKEY_LOCAL_MACHINE\\', '\\REGISTRY\\MACHINE\\'), ('HKLM\\', '\\REGISTRY\\MACHINE\\'),
         ('HKEY_CURRENT_USER', HIVES[2][1]), ('HKCU', HIVES[2][1]),
         ('HKEY_USERS\\', '\\REGISTRY\\USER\\')]


def hexadecimal(text, wide):
    return text.encode('utf-16-le' if wide else 'latin-1', 'replace').hex()


# Text stands alone: with zeroes before and behind it, never over the end of a page.
def region_of(texts):
    content, at = [], 64
    for text, wide in texts:
        raw = hexadecimal(text, wide)
        if at % 4096 + len(raw) // 2 + 16 > 4096:
            at = (at // 4096 + 1) * 4096 + 64
        content.append({'offset': at, 'hex': raw})
        at += len(raw) // 2 + 64
    return {'protection': 'rw', 'size': (at // 4096 + 1) * 4096, 'content': content}


# ---- processes -----------------------------------------------------------------------------------
def process_base(p, pid):
    kinds = {'process': PROCESS_NAMES}
    path = p.path('process', kinds['process'], pid, tails=('host.exe', 'cmd.exe', 'sample.com'))
    name = path.rsplit('\\', 1)[-1]
    command = p.text('process', 'command', ['"%s"' % path, path, name, path + ' ', name + ' '], pid)
    return {'name': name, 'path': path, 'cmdline': command, 'pid': pid, 'threads': 2,
            'created': '2024-03-14T12:42:01.4062500Z'}


def parent_of(p, process):
    if not p.leaves('process', 'parent_name') and not p.leaves('process', 'parent_path'):
        process['parent'] = 'services.exe'
        return
    pid = p.next_pid()
    path = p.path('process', {k: v for k, v in PARENT_NAMES.items()}, None, FOLDERS,
                  ('shell.exe', 'host.exe'))
    p.scenario['processes'].append({'name': path.rsplit('\\', 1)[-1], 'path': path, 'pid': pid,
                                    'cmdline': path, 'parent': 'services.exe', 'threads': 2,
                                    'created': '2024-03-14T12:41:00.0000000Z'})
    process['ppid'] = pid


def handles_of(p, process, pid):
    if 'process.handle' not in p.by_kind:
        return
    kind = p.text('process.handle', 'type', ['Mutant', 'Event', 'File'], pid)
    name = p.text('process.handle', 'object', ['sample-object', ''], pid)
    if name.startswith('\\Device\\') and not p.leaves('process.handle', 'type'):
        kind = 'File'
    process.setdefault('handles', []).append({'type': kind, 'name': name})


# A region is mapped from a file, or is one that something was injected into.
def section_of(p, process, pid):
    if 'process.section' not in p.by_kind:
        return
    injected = p.leaves('process.section', 'injected')
    if any(p.wanted(leaf) == (leaf.value.strip().lower() == 'true') for leaf in injected):
        leaf = injected[0]
        broken = p.twist.how == 'character' and p.twist.leaf is leaf
        p.note(injected, pid, '')
        if broken:
            p.twist.was, p.twist.now = 'rwx', 'rw'
        process.setdefault('regions', []).append({
            'protection': 'rw' if broken else 'rwx', 'size': 8192,
            'content': [{'offset': 0, 'hex': '4d5a90000300000004000000ffff0000b8'}]})
        return
    path = p.path('process.section', SECTION_NAMES, pid, tails=('data.dll', 'host.exe'))
    process.setdefault('dlls', []).append(path)
    if any(p.leaves('process.section', name) for name in logic.IMAGE):
        image_add(p, 'process.section', path, process)


def texts_of(p, kind, process, pid):
    own = []
    for name in ('text', 'host', 'bytes'):
        for leaf in p.leaves(kind, name):
            if leaf.negated or leaf.condition in ('greater-than', 'less-than'):
                continue
            text = text_for([leaf], name, lambda t, one=leaf, n=name: logic.texts(t, one, n), [''])
            text = p.twisted([leaf], text, lambda t, some: all(logic.texts(t, one, name)
                                                               for one in some))
            raw = name == 'bytes' or (leaf.condition == 'matches' and '\\x' in leaf.value)
            p.note([leaf], pid, '' if raw else text)
            wide = len(own) % 2 == 1 and not raw if kind != 'rule' else \
                'yara/wide' in leaf.params
            own.append((text, wide))
            p.texts.append((pid, None, text))
    if own:
        process.setdefault('regions', []).append(region_of(own))


def process_kinds(p):
    return [k for k in p.by_kind if k.split('.')[0] in ('process', 'port') + TEXT_KINDS]


def process_add(p):
    pid = p.next_pid()
    process = process_base(p, pid)
    parent_of(p, process)
    handles_of(p, process, pid)
    section_of(p, process, pid)
    for kind in ('process',) + TEXT_KINDS:
        texts_of(p, kind, process, pid)
    p.note(p.leaves('process', 'event'), pid, '')
    users = p.leaves('process', 'user')
    account = next((a for a, name in ACCOUNTS if all(p.holds(leaf, name, 'user')
                                                     for leaf in users)), None)
    if users and not account:
        raise CannotAnswer('no account for %s' % users)
    if users:
        process['account'] = account
    p.scenario['processes'].append(process)
    if 'port' in p.by_kind:
        port_add(p, process)


# ---- endpoints -----------------------------------------------------------------------------------
def port_add(p, process):
    def address(name, default):
        def check(text, some=None):
            return re.fullmatch(r'(\d{1,3}\.){3}\d{1,3}', text) and all(
                p.holds(leaf, text, name) for leaf in (some if some is not None
                                                       else p.leaves('port', name)))
        leaves = p.leaves('port', name)
        for head in [leaf.value.strip() for leaf in leaves if not leaf.negated] + [default]:
            for tail in ('', '7', '.7', '.7.7', '0.7', '1'):
                if check(head + tail):
                    value = p.twisted(leaves, head + tail, lambda t, some: check(t, some))
                    p.note(leaves, process['pid'], value)
                    return value
        raise CannotAnswer('no address for %s' % leaves)
    p.scenario['network'].append({
        'protocol': 'tcp', 'local': address('local', '10.20.0.31'),
        'local_port': p.number('port', 'local_port', 50127),
        'remote': address('remote', '203.0.113.77'),
        'remote_port': p.number('port', 'remote_port', 8443),
        'state': 'ESTABLISHED', 'process': process['name'],
        'created': '2024-03-14T12:42:09.3125000Z'})


# ---- programs ------------------------------------------------------------------------------------
def time_of(p, kind):
    leaves = p.leaves(kind, 'linked')
    for leaf in p.positive(leaves):
        text = leaf.value.strip().lstrip('[').split(' ')[0].rstrip('Z')
        value = logic.moment(text)
        broken = p.twist.how == 'character' and p.twist.leaf in leaves
        if broken:
            p.twist.was, value = text, value - datetime.timedelta(seconds=1)
        text = value.isoformat() + 'Z'
        p.twist.now = text if broken else p.twist.now
        if broken or all(p.holds(one, text, 'linked') for one in leaves):
            p.note(leaves, None, text[:19])
            return text
    return '2016-07-16T02:24:41Z'


# A library that some process has, with what it is to say of itself.
def image_add(p, kind, path, process=None):
    def own(name, defaults):
        return p.text(kind, name, defaults)
    # Two conditions on a list of names are about two of them.
    def many(name, default):
        found = []
        for leaf in p.positive(p.leaves(kind, name)):
            if leaf.negated:
                continue
            text = text_for([leaf], name, lambda t, one=leaf: logic.texts(t, one, name), [''])
            found.append(p.twisted([leaf], text, lambda t, some: all(
                logic.texts(t, one, name) for one in some)))
            p.note([leaf], None, found[-1])
        return found or [default]
    functions = many('exported', 'Sample')
    count = p.number(kind, 'export_count', len(functions))
    functions = (functions + ['Function%d' % i for i in range(count)])[:count]
    image = {'path': path, 'timestamp': time_of(p, kind),
             'exports': {'name': own('export_name', ['sample.dll']), 'functions': functions},
             'imports': {own('import_module', ['KERNEL32.dll']):
                         many('imported', 'GetTickCount') + ['ExitProcess']},
             'version': {name: own(name, ['Sample']) for name in logic.VERSION}}
    if p.leaves(kind, 'pe_section'):
        image['sections'] = [own('pe_section', ['.text'])]
    p.scenario['images'].append(image)
    if process is None:
        p.scenario['processes'].append({
            'name': 'loader.exe', 'path': 'C:\\Program Files\\Host\\loader.exe', 'parent':
            'services.exe', 'pid': p.next_pid(), 'threads': 1, 'dlls': [path]})


# ---- files ---------------------------------------------------------------------------------------
# Who has a file open for writing.
def writer_add(p, path):
    if not p.leaves('file', 'writer') and not p.leaves('file', 'writer_path'):
        return
    own = p.path('file', WRITER_NAMES, None, tails=('writer.exe',))
    p.scenario['processes'].append({
        'name': own.rsplit('\\', 1)[-1], 'path': own, 'cmdline': own, 'parent': 'services.exe',
        'pid': p.next_pid(), 'threads': 1,
        'handles': [{'type': 'File', 'name': path, 'access': '0x120116'}]})


def file_add(p):
    path = p.path('file', FILE_NAMES, None, tails=('sample.dat', 'host.exe', 'data.dll'))
    size = p.number('file', 'size', None if not p.leaves('file', 'size') else 0) \
        if p.leaves('file', 'size') else 4596
    texts = []
    for leaf in p.leaves('file', 'text'):
        if leaf.negated:
            continue
        text = text_for([leaf], 'text', lambda t, one=leaf: logic.texts(t, one, 'text'), [''])
        text = p.twisted([leaf], text, lambda t, some: all(logic.texts(t, one, 'text')
                                                           for one in some))
        p.note([leaf], None, text)
        texts.append((text, False))
        p.texts.append((None, path, text))
    region = region_of(texts)
    file = {'path': path, 'cached': True, 'size': max(size, region['size'] if texts else 0),
            'content': region['content'] if texts else [{'offset': 4000, 'text': 'sample'}]}
    if texts:
        file['data'] = True
    if not file.get('sparse'):
        p.heads[path] = '.' * 64  # zeroes, as text
    if p.leaves('file', 'head'):
        head = p.text('file', 'head', ['sample'])
        file['content'] = [{'offset': 0, 'hex': hexadecimal(head, False)}]
        p.heads[path] = head
    if size > 1 << 20:
        file['sparse'] = True
    writer_add(p, path)
    # A program that was copied and then run is in memory both ways.
    if any(p.leaves('file', name) for name in logic.IMAGE):
        image_add(p, 'file', path)
        if not p.leaves('file', 'size'):
            return
    p.scenario['files'].append(file)
    if texts:
        p.scenario['processes'].append({
            'name': 'reader.exe', 'path': 'C:\\Program Files\\Host\\reader.exe', 'parent':
            'services.exe', 'pid': p.next_pid(), 'threads': 1, 'regions': [{'file': path}]})


# ---- the registry --------------------------------------------------------------------------------
def rooted(key):
    for name, root in ROOTS:
        if key.upper().startswith(name):
            key = root + key[len(name):]
    return re.sub(r'(?i)\\CurrentControlSet(?=\\|$)', r'\\ControlSet001', key)


def key_candidates(texts):
    for text in texts:
        for one in (text, '\\' + text.strip('\\')):
            key = rooted(one)
            if key.upper().startswith('\\REGISTRY\\'):
                yield key
        bare = re.sub(r'(?i)CurrentControlSet(?=\\|$)', 'ControlSet001', text.strip('\\'))
        yield '\\REGISTRY\\MACHINE\\' + bare
        for _, mount in HIVES:
            for middle in ('\\', '\\Data\\', '\\Software\\', '\\Data\\x', '\\ControlSet001\\'):
                yield mount + middle + bare
    yield HIVES[0][1] + '\\Data\\Sample'


def registry_strings(p, name):
    leaves = [leaf for leaf in p.positive(p.leaves('registry', name)) if not leaf.negated]
    if not leaves:
        return []
    return [text_for(leaves, name, lambda t: all(logic.texts(t, leaf, name) for leaf in leaves),
                     [''])]


def registry_add(p):
    leaves = {name: p.leaves('registry', name) for name in ('path', 'key', 'name', 'data')}
    kept = {leaf: name for name, some in leaves.items() for leaf in some if name != 'data'}
    names = registry_strings(p, 'name') or ['Sample', '(Default)']
    keys = registry_strings(p, 'key')
    paths = registry_strings(p, 'path')

    def check(path, some=None):
        key, value = path.rsplit('\\', 1)
        parts = {'path': path, 'key': key, 'name': value}
        return all(logic.fits_one(parts[kept[leaf]], leaf, kept[leaf]) == p.wanted(leaf)
                   for leaf in (some if some is not None else kept))
    for key in key_candidates(keys + paths + [path.rsplit('\\', 1)[0] for path in paths
                                              if '\\' in path]):
        for tail in ['\\' + name for name in names] + ['']:
            path = key + tail
            mount = next((hive for hive in HIVES if path.upper().startswith(hive[1] + '\\')), None)
            if mount and check(path) and path.count('\\') > mount[1].count('\\') + 1:
                path = p.twisted(list(kept), path, check)
                for leaf, name in kept.items():
                    p.note([leaf], None, path.rsplit('\\', 1)[0] if name == 'key' else path)
                registry_value(p, mount, path)
                return
    raise CannotAnswer('no key for %s' % leaves)


def registry_value(p, hive, path):
    key, name = path[len(hive[1]) + 1:].rsplit('\\', 1)
    data = p.text('registry', 'data', ['sample', 'C:\\Data\\sample.exe'])
    p.scenario['hives'].append({'extend': hive[0], 'keys': [{
        'path': key, 'written': '2024-03-14T12:42:03.5156250Z',
        'values': [{'name': name, 'type': 'REG_SZ', 'data': data}]}]})


# ---- services and drivers ------------------------------------------------------------------------
def service_add(p):
    def own(name, defaults):
        return p.text('service', name, defaults)
    name = own('name', ['SampleSvc'])
    for fixed in ('status', 'mode'):
        p.note(p.leaves('service', fixed), None, '')
    path = p.path('service', {'path': 'path'}, tails=('svchost.exe', 'sample.exe'),
                  folders=['C:\\Windows\\System32'])
    dll = p.path('service', {'dll': 'path'}, tails=('sample.dll',))
    display = own('display', ['Sample Service'])
    p.scenario['services'].append({
        'name': name, 'display': display, 'type': 32, 'start': 2, 'binary': path,
        'state': 'running', 'process': 'svchost.exe'})
    key = 'ControlSet001\\Services\\' + name
    p.scenario['hives'].append({'extend': 'SYSTEM', 'keys': [
        {'path': key, 'values': [
            {'name': 'ImagePath', 'type': 'REG_EXPAND_SZ', 'data': path},
            {'name': 'DisplayName', 'type': 'REG_SZ', 'data': display},
            {'name': 'Description', 'type': 'REG_SZ', 'data':
             own('description', ['Does what samples do'])},
            {'name': 'Start', 'type': 'REG_DWORD', 'data': 2},
            {'name': 'Type', 'type': 'REG_DWORD', 'data': 32}]},
        {'path': key + '\\Parameters', 'values': [
            {'name': 'ServiceDll', 'type': 'REG_EXPAND_SZ', 'data': dll}]}]})


def driver_add(p):
    p.scenario['drivers'].append({'name': p.text('driver', 'name', ['sample.sys'])})


ADDERS = {'file': file_add, 'registry': registry_add, 'service': service_add, 'driver': driver_add}


def things_add(p):
    if process_kinds(p):
        process_add(p)
    for kind, add in ADDERS.items():
        if kind in p.by_kind:
            add(p)


# What a choice of conditions needs. Apart: one condition's artefact belongs to another thing.
def plan(choice, twist):
    p = Planner(choice, twist)
    things_add(p)
    if twist.how == 'apart':
        alone = Planner([twist.leaf], type(twist)())
        alone.pid = FIRST_APART
        things_add(alone)
        for name, some in alone.scenario.items():
            if isinstance(some, list):
                p.scenario[name] += some
        p.texts += alone.texts
        p.heads.update(alone.heads)
    return p


FIRST_APART = 9600
__all__ = ['plan', 'path_parts']
