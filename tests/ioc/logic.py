# What a tree says of a world, by trying everything: no sets, no atoms, no order. Slow, and plain
# enough to be checked by reading. Truth is one of NO < PERHAPS < YES.
# SPDX-License-Identifier: Apache-2.0
import datetime
import itertools
import re

NO, PERHAPS, YES = 0, 1, 2
NAMES = ['false', 'unknown', 'true']

# Term: thing, and which of its properties. A thing within another stands behind a dot.
TERMS = {
    'processitem/name': ('process', 'name'),
    'processitem/pid': ('process', 'pid'),
    'processitem/parentpid': ('process', 'ppid'),
    'processitem/path': ('process', 'path'),
    'processitem/arguments': ('process', 'command'),
    'processitem/cmdline': ('process', 'command'),
    'processitem/parentprocessname': ('process', 'parent_name'),
    'processitem/parentprocesspath': ('process', 'parent_path'),
    'processitem/username': ('process', 'user'),
    'processitem/stringlist/string': ('process', 'text'),
    'processevent/process': ('process', 'name'),
    'processevent/processpath': ('process', 'path'),
    'processevent/processcmdline': ('process', 'command'),
    'processevent/parentprocess': ('process', 'parent_name'),
    'processevent/parentprocesspath': ('process', 'parent_path'),
    'processevent/pid': ('process', 'pid'),
    'processevent/parentpid': ('process', 'ppid'),
    'processevent/eventtype': ('process', 'event'),
    'processevent/username': ('process', 'user'),
    'imageloadevent/process': ('process', 'name'),
    'imageloadevent/processpath': ('process', 'path'),
    'imageloadevent/filename': ('process.section', 'name'),
    'imageloadevent/filepath': ('process.section', 'folder'),
    'imageloadevent/fullpath': ('process.section', 'path'),
    'processitem/dllpath': ('process.section', 'path'),
    'processitem/sectionlist/memorysection/name': ('process.section', 'path'),
    'processitem/sectionlist/memorysection/injected': ('process.section', 'injected'),
    'processitem/handlelist/handle/name': ('process.handle', 'object'),
    'processitem/handlelist/handle/type': ('process.handle', 'type'),
    'fileitem/filename': ('file', 'name'),
    'fileitem/filepath': ('file', 'folder'),
    'fileitem/fullpath': ('file', 'path'),
    'fileitem/fileextension': ('file', 'extension'),
    'fileitem/sizeinbytes': ('file', 'size'),
    'fileitem/md5sum': ('file', 'md5'),
    'fileitem/sha256sum': ('file', 'sha256'),
    'fileitem/stringlist/string': ('file', 'text'),
    'filewriteevent/filename': ('file', 'name'),
    'filewriteevent/filepath': ('file', 'folder'),
    'filewriteevent/fullpath': ('file', 'path'),
    'filewriteevent/fileextension': ('file', 'extension'),
    'filewriteevent/md5': ('file', 'md5'),
    'filewriteevent/textatlowestoffset': ('file', 'head'),
    'filewriteevent/process': ('file', 'writer'),
    'filewriteevent/processpath': ('file', 'writer_path'),
    'fileitem/peinfo/petimestamp': ('file', 'linked'),
    'fileitem/peinfo/exports/dllname': ('file', 'export_name'),
    'fileitem/peinfo/exports/exportedfunctions/string': ('file', 'exported'),
    'fileitem/peinfo/exports/numberoffunctions': ('file', 'export_count'),
    'fileitem/peinfo/importedmodules/module/name': ('file', 'import_module'),
    'fileitem/peinfo/importedmodules/module/importedfunctions/string': ('file', 'imported'),
    'fileitem/peinfo/sections/section/name': ('file', 'pe_section'),
    'fileitem/peinfo/versioninfolist/versioninfoitem/originalfilename':
        ('file', 'OriginalFilename'),
    'fileitem/peinfo/versioninfolist/versioninfoitem/filedescription': ('file', 'FileDescription'),
    'processitem/sectionlist/memorysection/peinfo/exports/dllname':
        ('process.section', 'export_name'),
    'registryitem/path': ('registry', 'path'),
    'registryitem/keypath': ('registry', 'key'),
    'registryitem/valuename': ('registry', 'name'),
    'registryitem/text': ('registry', 'data'),
    'registryitem/value': ('registry', 'data'),
    'registryitem/type': ('registry', 'type'),
    'regkeyevent/path': ('registry', 'path'),
    'regkeyevent/keypath': ('registry', 'key'),
    'regkeyevent/valuename': ('registry', 'name'),
    'regkeyevent/text': ('registry', 'data'),
    'serviceitem/name': ('service', 'name'),
    'serviceitem/descriptivename': ('service', 'display'),
    'serviceitem/description': ('service', 'description'),
    'serviceitem/path': ('service', 'path'),
    'serviceitem/servicedll': ('service', 'dll'),
    'serviceitem/mode': ('service', 'mode'),
    'serviceitem/status': ('service', 'status'),
    'driveritem/drivername': ('driver', 'name'),
    'portitem/remoteip': ('port', 'remote'),
    'portitem/remoteport': ('port', 'remote_port'),
    'portitem/localip': ('port', 'local'),
    'portitem/localport': ('port', 'local_port'),
    'portitem/process': ('port', 'owner'),
    'portitem/pid': ('port', 'pid'),
    'portitem/protocol': ('port', 'protocol'),
    'portitem/state': ('port', 'state'),
    'processitem/portlist/portitem/remoteip': ('port', 'remote'),
    'processitem/portlist/portitem/remoteport': ('port', 'remote_port'),
    'ipv4networkevent/remoteip': ('port', 'remote'),
    'ipv4networkevent/remoteport': ('port', 'remote_port'),
    'ipv4networkevent/localport': ('port', 'local_port'),
    'ipv4networkevent/process': ('port', 'owner'),
    'routeentryitem/destination': ('port', 'remote'),
    'network/dns': ('network', 'host'),
    'network/uri': ('network', 'text'),
    'network/useragent': ('network', 'text'),
    'network/http_referr': ('network', 'text'),
    'network/string': ('network', 'text'),
    'network/text': ('network', 'text'),
    'urlhistoryitem/url': ('history', 'text'),
    'urlmonitorevent/requesturl': ('request', 'text'),
    'urlmonitorevent/httpheader': ('request', 'text'),
    'urlmonitorevent/useragent': ('request', 'text'),
    'urlmonitorevent/urlmethod': ('request', 'text'),
    'urlmonitorevent/hostname': ('request', 'host'),
    'dnsentryitem/recordname': ('resolver', 'host'),
    'dnsentryitem/host': ('resolver', 'host'),
    'dnslookupevent/hostname': ('resolver', 'host'),
    'email/from': ('mail', 'text'),
    'email/subject': ('mail', 'text'),
    'email/attachment/name': ('mail', 'text'),
    'yara/textstring': ('rule', 'text'),
    'yara/hexstring': ('rule', 'bytes'),
}
PATHS = ('path', 'folder', 'parent_path', 'dll', 'writer_path')
NUMBERS = ('pid', 'ppid', 'size', 'remote_port', 'local_port', 'export_count')
VERSION = ('OriginalFilename', 'FileDescription')
# What a program says of itself; of most it is not known here.
IMAGE = ('linked', 'export_name', 'exported', 'export_count', 'import_module', 'imported',
         'pe_section') + VERSION
# Blanks at the ends of these are a part of what is meant.
AS_WRITTEN = ('command', 'data', 'text', 'host', 'head', 'bytes', 'description')
# In these blanks never count; in all others but those above they do not where the whole is meant.
NAMED = ('name', 'parent_name', 'object', 'type', 'owner', 'display', 'writer')
# Not all of them are in memory, so that what is not found may be there.
OPEN = ('file', 'network', 'history', 'request', 'resolver', 'mail', 'rule')


class Thing:
    def __init__(self, **properties):
        self.properties = properties  # property: list of values; None: not known
        self.parts = {}  # 'handle': [Thing]
        self.pid = properties.get('pid', [None])[0]

    def values(self, name):
        return self.properties.get(name, None)


# Places in a file, and whether its strings are counted, say nothing of memory.
FILE_PARAMS = ('yara/offset/at', 'yara/offset/in', 'yara/count', 'yara/set')


def term(leaf):
    if any(name in leaf.params for name in FILE_PARAMS):
        return None
    return TERMS.get(leaf.term.lower())


# ---- values --------------------------------------------------------------------------------------
# A path that the kernel knows without its volume is on drive C.
def paths(value):
    for device in ('\\Device\\HarddiskVolume2', '\\??\\C:', '\\\\?\\C:'):
        if value.lower().startswith(device.lower()):
            value = value[len(device):]
    if value.lower().startswith('\\systemroot'):
        value = '\\Windows' + value[len('\\systemroot'):]
    rest = value[2:] if value[1:2] == ':' else value
    return [value] if not rest.startswith('\\') else [rest, rest[1:], 'C:' + rest]


def keys(value):
    yield value
    roots = [('\\REGISTRY\\MACHINE\\', ['HKEY_LOCAL_MACHINE\\', 'HKLM\\']),
             ('\\REGISTRY\\USER\\', ['HKEY_USERS\\', 'HKU\\'])]
    spelled = [value]
    for root, names in roots:
        if value.upper().startswith(root):
            spelled += [name + value[len(root):] for name in names]
    user = re.match(r'(?i)\\REGISTRY\\USER\\S-1-5-21[-0-9]*(\\.*)', value)
    if user:
        spelled += ['HKEY_CURRENT_USER' + user.group(1), 'HKCU' + user.group(1)]
    for one in spelled:
        yield one
        yield re.sub(r'(?i)\\ControlSet001\\', r'\\CurrentControlSet\\', one)


def number(text):
    text = text.strip()
    if re.fullmatch(r'\d+', text):
        return int(text)
    return int(text, 16) if re.fullmatch(r'0x[0-9a-fA-F]+', text) else None


def numbers(value, leaf):
    wanted = re.fullmatch(r'\[?\s*(\S+) TO (\S+?)\s*\]?', leaf.value)
    value = number(str(value))
    if value is None:
        return False
    if wanted:
        return number(wanted.group(1)) <= value <= number(wanted.group(2))
    limit = number(leaf.value)
    if limit is None:
        return None
    return {'is': value == limit, 'greater-than': value > limit, 'less-than': value < limit,
            'contains': leaf.value.strip() in str(value)}.get(leaf.condition)


def moment(text):
    return datetime.datetime.fromisoformat(text.strip().rstrip('Z'))


def times(value, leaf):
    ends = re.fullmatch(r'\[?\s*(\S+) TO (\S+?)\s*\]?', leaf.value.strip())
    if ends:
        return moment(ends.group(1)) <= moment(value) <= moment(ends.group(2))
    return moment(value) == moment(leaf.value)


def is_host(text, name):
    return re.search(r'(?i)(?<![\w.-])%s(?![\w-]|\.[\w-])' % re.escape(name), text) is not None


# A pattern of bytes, as an expression over text of a byte a character.
def bytes_pattern(pattern):
    parts = []
    for word in re.findall(r'[0-9a-fA-F?]{2}|\[[^]]*\]|[(|)]', pattern):
        jump = re.fullmatch(r'\[(\d*)-?(\d*)\]', word)
        if jump:
            parts.append('.{%s,%s}' % (jump.group(1) or 0, jump.group(2) or
                                       ('' if '-' in word else jump.group(1))))
        elif word in '(|)':
            parts.append(word)
        elif '?' in word:
            parts.append('[%s]' % ''.join('\\x%02x' % i for i in range(256) if all(
                c in ('?', d) for c, d in zip(word.lower(), '%02x' % i))))
        else:
            parts.append('\\x' + word)
    return ''.join(parts)


def texts(value, leaf, kind):
    if kind == 'bytes':
        return re.search('(?s)' + bytes_pattern(leaf.value), value) is not None
    wanted = leaf.value
    if leaf.condition == 'is' and kind not in AS_WRITTEN or kind in NAMED:
        wanted = wanted.strip()
    if leaf.condition == 'matches':
        return re.search(wanted, value, 0 if leaf.case else re.IGNORECASE) is not None
    if kind == 'host' and leaf.condition == 'is':
        return is_host(value, wanted.strip())
    if not leaf.case:
        value, wanted = value.lower(), wanted.lower()
    if leaf.condition == 'is':
        return value == wanted
    if leaf.condition == 'starts-with':
        return value.startswith(wanted)
    if leaf.condition == 'ends-with':
        return value.endswith(wanted)
    return wanted in value if leaf.condition == 'contains' else None


# An address may be given by its beginning; objects by their last name, keys by their last steps.
def fits_one(value, leaf, kind):
    if kind in NUMBERS:
        return numbers(value, leaf)
    if kind == 'linked':
        return times(value, leaf)
    if kind in PATHS:
        spelled = paths(value)
        # That a path has a drive is no reason to leave a file out.
        if leaf.negated and leaf.condition == 'matches' and all(
                re.search(leaf.value, drive, re.IGNORECASE) for drive in ('q:\\', 'z:\\')):
            spelled = [one for one in spelled if one[1:2] != ':'] or spelled[:1]
        if kind == 'folder':
            spelled = [s for one in spelled for s in (one, one + '\\')]
    elif kind in ('key',) or (kind == 'path' and value.upper().startswith('\\REGISTRY\\')):
        spelled = list(keys(value))
    elif kind == 'object':
        spelled = [value, value.rsplit('\\', 1)[-1]]
    else:
        spelled = [value]
    fits = any(texts(one, leaf, kind) for one in spelled)
    if not fits and leaf.condition == 'is' and kind in ('key', 'registry_path'):
        end = '\\' + leaf.value.strip().strip('\\').lower()
        fits = any(one.lower().endswith(end) for one in spelled)
    return fits


def fits(thing, leaf, name):
    values = thing.values(name)
    if values is None or leaf.value.strip() == '':
        return PERHAPS
    if any(fits_one(str(value), leaf, name) for value in values):
        return YES
    return PERHAPS if name in ('text', 'host', 'head', 'bytes') else NO


# ---- trees ---------------------------------------------------------------------------------------
def things_of(node):
    return {term(leaf)[0] for leaf in node.leaves() if term(leaf)}


# Which parts of a thing something under a node must be true of.
def parts_wanted(node):
    return {term(leaf)[0] for leaf in node.leaves()
            if term(leaf) and '.' in term(leaf)[0] and not leaf.negated}


# One choice of a thing of each kind. `part`: a leaf about parts asks the one that was chosen, or,
# where it is negated and nothing else is asked of that part, all of them.
def leaf_truth(leaf, bound, wanted):
    known = term(leaf)
    if not known:
        return PERHAPS
    kind, name = known
    thing = bound[kind.split('.')[0]]
    if thing is None:
        return PERHAPS
    if '.' not in kind:
        truth = fits(thing, leaf, name)
    elif leaf.negated and kind not in wanted:
        parts = thing.parts.get(kind.split('.')[1])
        truth = PERHAPS if parts is None else max([fits(p, leaf, name) for p in parts] + [NO])
    else:
        item = bound[kind]
        truth = NO if item is None else fits(item, leaf, name)
    return YES - truth if leaf.negated and not leaf.exclusion else truth


def bound_truth(node, bound, wanted):
    if node.kind == 'leaf':
        truth = leaf_truth(node, bound, wanted)
        return YES - truth if node.exclusion else truth
    others = {child: set().union(*[parts_wanted(c) for c in node.children if c is not child])
              if node.kind == 'AND' else set() for child in node.children}
    truths = {child: bound_truth(child, bound, wanted | others[child]) for child in node.children}
    if node.kind == 'AND':
        return min(truths.values())
    taken = [truths[c] for c in node.children if not c.exclusion]
    kept = [truths[c] for c in node.children if c.exclusion]
    return min([max(taken + [NO])] + kept)


def choices(kinds, world):
    tops = sorted({kind.split('.')[0] for kind in kinds})
    pools = [world.get(top, []) + ([None] if top in OPEN or top not in world else [])
             for top in tops]
    for chosen in itertools.product(*pools):
        bound = dict(zip(tops, chosen))
        pids = {thing.pid for kind, thing in bound.items()
                if thing is not None and kind in ('process', 'port', 'network', 'request')}
        if len(pids) > 1:
            continue
        inner = [kind for kind in kinds if '.' in kind]
        items = []
        for kind in inner:
            top, part = kind.split('.')
            items.append((bound[top].parts.get(part) if bound[top] else None) or [None])
        for parts in itertools.product(*items):
            yield {**bound, **dict(zip(inner, parts))}


# Nothing above a node that is free wants more of it than whether it is true.
def evaluate(node, world):
    excludes = any(child.exclusion for child in node.children)
    if node.kind == 'OR' and not excludes:
        return max([evaluate(child, world) for child in node.children])
    if node.exclusion:
        return NO
    best = NO
    for bound in choices(things_of(node), world):
        best = max(best, bound_truth(node, bound, set()))
        if best == YES:
            break
    return best
