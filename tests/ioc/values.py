# Values that conditions are true of: a text for many conditions at once, and one that is nearly it.
# SPDX-License-Identifier: Apache-2.0
import itertools
import re

import logic

try:
    import re._constants as sre
    import re._parser as parser
except ImportError:  # before Python 3.11
    import sre_constants as sre
    import sre_parse as parser

CATEGORIES = {sre.CATEGORY_DIGIT: '0', sre.CATEGORY_SPACE: ' ', sre.CATEGORY_WORD: 'a',
              sre.CATEGORY_NOT_DIGIT: 'x', sre.CATEGORY_NOT_SPACE: 'x', sre.CATEGORY_NOT_WORD: ' '}
ANY = 'axqz01 ._-\\/"'


class CannotAnswer(Exception):
    pass


# ---- a text that a regular expression matches ----------------------------------------------------
def set_sample(items):
    negated = items and items[0][0] == sre.NEGATE
    inside = [c for c in ANY + ''.join(chr(i) for i in [*range(33, 127), *range(256)])
              if any(set_has(c, item) for item in items if item[0] != sre.NEGATE) != negated]
    if not inside:
        raise CannotAnswer('no sample of a set')
    return inside[0]


def set_has(c, item):
    kind, value = item
    if kind == sre.LITERAL:
        return ord(c) == value
    if kind == sre.RANGE:
        return value[0] <= ord(c) <= value[1]
    return re.match({sre.CATEGORY_DIGIT: r'\d', sre.CATEGORY_SPACE: r'\s',
                     sre.CATEGORY_WORD: r'\w', sre.CATEGORY_NOT_DIGIT: r'\D',
                     sre.CATEGORY_NOT_SPACE: r'\S', sre.CATEGORY_NOT_WORD: r'\W'}[value], c)


def piece(op, value, branch):
    if op == sre.LITERAL:
        return chr(value)
    if op == sre.NOT_LITERAL:
        return next(c for c in ANY if ord(c) != value)
    if op == sre.ANY:
        return 'x'
    if op == sre.IN:
        return set_sample(value)
    if op == sre.CATEGORY:
        return CATEGORIES[value]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return sample_of(value[2], branch) * max(value[0], 1 if value[0] == 0 and branch % 2 else
                                                 value[0])
    if op == sre.SUBPATTERN:
        return sample_of(value[3], branch)
    if op == sre.BRANCH:
        return sample_of(value[1][branch % len(value[1])], branch)
    return ''  # anchors, and what looks around


def sample_of(parsed, branch):
    return ''.join(piece(op, value, branch) for op, value in parsed)


def samples(pattern):
    parsed = parser.parse(pattern, re.IGNORECASE)
    for branch in range(6):
        yield sample_of(parsed, branch)


# ---- a text that many conditions are true of -----------------------------------------------------
def is_anchored(leaf, sign):
    text = leaf.value.strip()
    return leaf.condition == 'matches' and (
        text.startswith('^') if sign == '^' else text.endswith('$') and not text.endswith('\\$'))


def alternatives(leaf, name):
    if name == 'bytes':
        return list(dict.fromkeys(samples('(?s)' + logic.bytes_pattern(leaf.value))))
    if leaf.condition == 'matches':
        return list(dict.fromkeys(samples(leaf.value)))
    value = leaf.value if name in logic.AS_WRITTEN else leaf.value.strip()
    return [value]


# `check`: whether all conditions are true of a text; `defaults`: texts for where none says what.
def text_for(leaves, name, check, defaults, glue=('', ' ', '\\')):
    wanted = [leaf for leaf in leaves if not leaf.negated and leaf.value.strip()]
    exact = [leaf for leaf in wanted if leaf.condition == 'is']
    first = [leaf for leaf in wanted if leaf.condition == 'starts-with' or is_anchored(leaf, '^')]
    final = [leaf for leaf in wanted if leaf not in first and
             (leaf.condition == 'ends-with' or is_anchored(leaf, '$'))]
    inner = [leaf for leaf in wanted if leaf not in exact + first + final]
    if not wanted:
        orders = [[]]
    elif exact:
        orders = [[exact[0]]]
    else:
        orders = [first + list(order) + final for order in
                  itertools.islice(itertools.permutations(inner), 24)]
    for order in orders:
        for parts in itertools.islice(itertools.product(
                *[alternatives(leaf, name) for leaf in order]), 64):
            for between in glue:
                for head, tail in itertools.product(defaults, ('', 'x', '.exe')):
                    for text in ((between.join(parts),) if parts else (head,)):
                        for whole in (text, head + text, head + between + text + tail,
                                      text + tail):
                            if whole.strip() and check(whole):
                                return whole
    raise CannotAnswer('no value for %s' % leaves)


# ---- and one that is nearly it -------------------------------------------------------------------
def other(c):
    if c.isdigit():
        return str((int(c) + 1) % 10)
    return 'q' if c.lower() not in 'qw' else 'k'


# Texts that differ in one character, the likeliest first: within what the condition names.
def nearly(text, leaf):
    at = text.lower().find(leaf.value.strip().lower())
    inside = range(at, at + len(leaf.value.strip())) if at >= 0 else []
    places = list(reversed([i for i in inside if text[i].isalnum()]))
    places += [i for i in range(len(text)) if text[i].isalnum() and i not in places] or inside
    for i in places:
        yield text[:i] + other(text[i]) + text[i + 1:]
