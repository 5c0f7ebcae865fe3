# OpenIOC documents as trees, read by nothing of the project.
# SPDX-License-Identifier: Apache-2.0
import xml.etree.ElementTree as ElementTree


class Node:
    def __init__(self, kind):
        self.kind = kind  # 'AND', 'OR', 'leaf'
        self.children = []
        self.index = 0  # in the order of the file, groups included
        self.term = self.condition = self.value = self.id = ''
        self.negated = self.exclusion = self.case = False
        self.params = {}  # what parameters of the document say of it

    def __repr__(self):
        if self.kind != 'leaf':
            return '%s(%s)' % (self.kind, ', '.join(map(repr, self.children)))
        return '%s%s %s %r' % ('not ' if self.negated else '', self.term, self.condition,
                               self.value)

    def leaves(self):
        if self.kind == 'leaf':
            yield self
        for child in self.children:
            yield from child.leaves()


def local(element):
    return element.tag.rsplit('}', 1)[-1] if isinstance(element.tag, str) else ''


def part(element, name):
    return next((child for child in element if local(child) == name), None)


def leaf(item):
    node = Node('leaf')
    node.id = item.get('id')
    condition = (item.get('condition') or 'is').lower()
    node.exclusion = condition in ('isnot', 'containsnot')
    node.negated = node.exclusion or item.get('negate') == 'true'
    node.condition = condition[:-3] if node.exclusion else condition
    node.case = item.get('preserve-case') == 'true'
    node.term = part(item, 'Context').get('search')
    if node.term.lower().startswith('eventitem/'):
        node.term = node.term[len('eventItem/'):]
    content = part(item, 'Content')
    node.value = content.text or '' if content is not None else ''
    return node


def tree(element, count):
    node = leaf(element) if local(element) == 'IndicatorItem' else Node(element.get('operator'))
    node.id = element.get('id')
    node.index = count[0]
    count[0] += 1
    if node.kind != 'leaf':
        node.children = [tree(child, count) for child in element
                         if local(child) in ('Indicator', 'IndicatorItem')]
    return node


# What is said of a group is said of all that is in it.
def params_give(node, params, above):
    node.params = {**above, **params.get(node.id, {})}
    for child in node.children:
        params_give(child, params, node.params)


# The trees of a file: one in a document, many where STIX wraps them.
def read(path):
    roots, params = [], {}
    file = ElementTree.parse(path).getroot()
    for element in file.iter():
        if local(element) == 'param' and part(element, 'value') is not None:
            params.setdefault(element.get('ref-id'), {})[element.get('name')] = \
                part(element, 'value').text or ''
    for element in file.iter():
        holder = next((part(element, name) for name in ('definition', 'criteria')
                       if part(element, name) is not None), None)
        top = part(holder, 'Indicator') if holder is not None else None
        if top is not None:
            roots.append(tree(top, [0]))
            roots[-1].document = element.get('id') or ''
            params_give(roots[-1], params, {})
    return roots
