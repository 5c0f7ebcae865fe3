# From a document to a scenario that makes it true: a choice of conditions, things that they are
# true of, and artefacts for these. `Twist` says what is to be changed so that it is nearly so.
# SPDX-License-Identifier: Apache-2.0
import itertools
import re

import logic
from values import CannotAnswer, nearly, text_for

FIRST_PID = 9400
CHOICES_MAX = 400
FOLDERS = ['C:\\Program Files\\Host', 'C:\\Data', 'C:\\Users\\Public\\Libraries',
           'C:\\Windows\\System32', 'C:\\Users\\m.okafor\\AppData\\Local\\Temp', 'C:\\Windows']
DIGESTS = ('md5', 'sha1', 'sha256')
TEXT_KINDS = ('network', 'history', 'request', 'resolver', 'mail', 'rule')


class Twist:
    """What a near miss changes: one leaf's artefact, by `how`: character, apart, excluded."""

    def __init__(self, leaf=None, how=None):
        self.leaf, self.how = leaf, how
        self.was = self.now = None  # for the report


# ---- choices -------------------------------------------------------------------------------------
def choices(node):
    if node.kind == 'leaf':
        if not node.value.strip():
            return
        yield [node]
    elif node.kind == 'OR':
        kept = [c for c in node.children if c.exclusion]
        for child in node.children:
            if not child.exclusion:
                for choice in choices(child):
                    yield choice + kept
    else:
        for parts in itertools.product(*[list(itertools.islice(choices(c), 60))
                                         for c in node.children]):
            yield [leaf for part in parts for leaf in part]


# Nobody can make a file of a published digest.
def answerable(choice):
    return all(logic.term(leaf) and (leaf.negated or logic.term(leaf)[1] not in DIGESTS)
               for leaf in choice)


# `want`: a property that some condition should be on, such as "process.handle.object".
def plans(root, want):
    found = []
    for choice in itertools.islice(choices(root), CHOICES_MAX * 20):
        if answerable(choice) and any(not leaf.negated for leaf in choice):
            found.append(choice)
        if len(found) == CHOICES_MAX:
            break
    return [choice for choice in found if not want or any(
        want == '.'.join(logic.term(leaf)) for leaf in choice if not leaf.negated)]


# ---- things --------------------------------------------------------------------------------------
class Planner:
    def __init__(self, choice, twist):
        self.twist = twist
        self.scenario = {'population': 'minimal', 'time': '2024-03-14T13:26:53.1234567Z',
                         'processes': [], 'files': [], 'drivers': [], 'hives': [],
                         'services': [], 'network': [], 'images': []}
        self.texts = []  # (pid, file, text)
        self.heads = {}  # path: how the file begins
        self.pid = FIRST_PID
        self.expected = {}  # leaf: (pid or None, text of the artefact)
        self.by_kind = {}
        for leaf in choice:
            kind, name = logic.term(leaf)
            self.by_kind.setdefault(kind, {}).setdefault(name, []).append(leaf)
        # An endpoint's owner is a process by that name.
        if 'owner' in self.by_kind.get('port', {}):
            self.by_kind.setdefault('process', {}).setdefault('name', []).extend(
                self.by_kind['port'].pop('owner'))

    def next_pid(self):
        self.pid += 4
        return self.pid

    def leaves(self, kind, name):
        found = self.by_kind.get(kind, {}).get(name, [])
        if self.twist.how == 'apart':
            return [leaf for leaf in found if leaf is not self.twist.leaf]
        return found

    def holds(self, leaf, value, name):
        truth = bool(logic.fits_one(str(value), leaf, name))
        wanted = not leaf.negated
        if self.twist.how == 'excluded' and leaf is self.twist.leaf:
            wanted = True
        return truth == wanted

    # The value, or what is nearly it where this is the leaf that is to fail.
    def twisted(self, leaves, text, check):
        leaf = self.twist.leaf
        if self.twist.how != 'character' or leaf not in leaves:
            return text
        others = [one for one in leaves if one is not leaf]
        variants = [v for v in nearly(text, leaf) if not check(v, [leaf])]
        if not variants:
            raise CannotAnswer('nothing is nearly %r' % text)
        best = next((v for v in variants if check(v, others)), variants[0])
        self.twist.was, self.twist.now = text, best
        return best

    def note(self, leaves, pid, text):
        for leaf in leaves:
            if not leaf.negated:
                self.expected[leaf.index] = (pid, text)

    def positive(self, leaves):
        if self.twist.how != 'excluded':
            return leaves
        return [Flipped(leaf) if leaf is self.twist.leaf else leaf for leaf in leaves]

    def text(self, kind, name, defaults, pid=None):
        leaves = self.leaves(kind, name)

        def check(text, some=leaves):
            return all(self.holds(leaf, text, name) for leaf in some)
        value = text_for(self.positive(leaves), name, check, defaults)
        value = self.twisted(leaves, value, check)
        self.note(leaves, pid, value)
        return value

    # One path that conditions on it, its folder and its name are true of.
    def path(self, kind, names, pid=None, folders=FOLDERS, tails=('host.exe', 'data.dll', 'x.txt')):
        by_name = {name: self.leaves(kind, own) for own, name in names.items()}
        leaves = [leaf for some in by_name.values() for leaf in some]
        kept = {leaf: name for name, some in by_name.items() for leaf in some}

        def check(path, some=leaves):
            parts = path_parts(path)
            return all(any(logic.fits_one(value, leaf, kept[leaf]) for value in parts[kept[leaf]])
                       == self.wanted(leaf) for leaf in some)
        for path in self.path_candidates(by_name, folders, tails):
            if re.match(r'[A-Z]:\\.', path) and '\\\\' not in path and check(path):
                path = self.twisted(leaves, path, check)
                self.note(leaves, pid, path)
                return path
        raise CannotAnswer('no path for %s' % leaves)

    def wanted(self, leaf):
        return not leaf.negated or (self.twist.how == 'excluded' and leaf is self.twist.leaf)

    def path_candidates(self, by_name, folders, tails):
        def some(name, defaults):
            leaves = self.positive(by_name.get(name, []))
            if not any(not leaf.negated for leaf in leaves):
                return list(defaults)
            own = [leaf for leaf in leaves if not leaf.negated]
            try:
                return [text_for(own, name, lambda t: all(
                    logic.texts(t, leaf, name) for leaf in own), [''])]
            except CannotAnswer:
                return list(defaults)
        extension = some('extension', [''])[0].lstrip('.')
        files = [f if not extension or f.endswith('.' + extension) else f + '.' + extension
                 for f in some('name', tails)]
        places = some('folder', folders)
        whole = some('path', [])
        for place, file in itertools.product(places, files):
            place = place.rstrip('\\')
            for head in ('', 'C:', 'C:\\', 'C:\\Data', 'C:\\Data\\'):
                for middle in ('\\', 'x\\', '\\x\\'):
                    yield head + place + middle + file
        for path, head, file in itertools.product(
                whole + ['C' + path[1:] for path in whole if path[1:3] == ':\\'],
                ('', 'C:', 'C:\\', 'C:\\Data', 'C:\\Data\\', 'C:\\Data\\x'),
                [''] + ['\\' + f for f in files] + files):
            yield head + path + file

    def number(self, kind, name, default):
        leaves = self.leaves(kind, name)
        tries = [default]
        for leaf in self.positive(leaves):
            for digits in re.findall(r'\d+', leaf.value):
                tries += [int(digits), int(digits) + 1, int(digits) - 1]
        for value in tries:
            if value is not None and all(self.holds(leaf, value, name) for leaf in leaves):
                if self.twist.how == 'character' and self.twist.leaf in leaves:
                    self.twist.was = value
                    value = next(v for v in (value + 1, value - 1, value * 3 + 7)
                                 if not logic.numbers(v, self.twist.leaf))
                    self.twist.now = value
                self.note(leaves, None, str(value))
                return value
        raise CannotAnswer('no number for %s' % leaves)


class Flipped:
    """A negated leaf that is to be true: the values that it excludes are asked for."""

    def __init__(self, leaf):
        self.__dict__.update(leaf.__dict__)
        self.negated = False


def path_parts(path):
    name = path.rsplit('\\', 1)[-1]
    folder = path[:len(path) - len(name)]
    return {'path': [path], 'name': [name], 'folder': [folder, folder.rstrip('\\')],
            'extension': ['.' + name.rsplit('.', 1)[-1], name.rsplit('.', 1)[-1]],
            'parent_path': [path], 'parent_name': [name], 'dll': [path],
            'writer_path': [path], 'writer': [name]}
