# Other readers of hives, each as (keys, values, lost): {cell: (name, written)}, {cell of key: [(name, type, data)]},
# and what they could not read. Names and data in hexadecimal; a reader that is not installed raises ImportError,
# one that refuses the hive Refused.
# SPDX-License-Identifier: Apache-2.0
import io
import struct

FROM_FILE = 4096  # cells are counted from behind the base block
VALUE_FLAGS = 3  # all that values have; what has others was written over


class Refused(Exception):
    pass


def text(name):
    return name.encode("utf-8", "replace" if "\ufffd" in name else "surrogatepass").hex()


def hivex(path):
    import hivex as library

    try:
        hive = library.Hivex(path)
    except (RuntimeError, OSError) as error:
        raise Refused(str(error))
    keys, values, lost = {}, {}, []

    def attempt(what, number, call, *words):
        try:
            return call(*words)
        except (RuntimeError, UnicodeDecodeError) as error:
            lost.append("%s %x: %s" % (what, number, error))
            return None

    stack = [hive.root()]
    while stack:
        node = stack.pop()
        cell = node - FROM_FILE
        name = attempt("name of key", cell, hive.node_name, node)
        if name is not None:
            keys[cell] = (text(name), hive.node_timestamp(node))
        stack.extend(attempt("subkeys of", cell, hive.node_children, node) or [])
        for value in attempt("values of", cell, hive.node_values, node) or []:
            where = value - FROM_FILE
            name = attempt("name of value", where, hive.value_key, value)
            got = attempt("data of value", where, hive.value_value, value)
            if name is not None and got is not None:
                values.setdefault(cell, []).append((text(name), got[0], got[1].hex()))
    return keys, values, lost


def libregf(path):
    import pyregf

    file = pyregf.file()
    try:
        file.open(path)
        root = file.get_root_key()
    except OSError as error:
        raise Refused(str(error))
    if root is None:
        raise Refused("no root")
    keys, values, lost = {}, {}, []

    def one_value(cell, value):
        # Its names are without the NUL that some have at their end, its data None where there are none.
        name = value.get_name() or ""
        values.setdefault(cell, []).append((text(name), value.get_type(), (value.get_data() or b"").hex()))

    stack = [root]
    while stack:
        key = stack.pop()
        # The offset is that of the record, behind the size of its cell.
        cell = key.get_offset() - FROM_FILE - 4
        try:
            keys[cell] = (text(key.get_name() or ""), key.get_last_written_time_as_integer())
        except (OSError, UnicodeDecodeError) as error:
            lost.append("name of key %x: %.80s" % (cell, error))
        for what, count, get, take in (
            ("subkeys of", key.get_number_of_sub_keys, key.get_sub_key, stack.append),
            ("values of", key.get_number_of_values, key.get_value, lambda value: one_value(cell, value)),
        ):
            try:
                for i in range(count()):
                    try:
                        take(get(i))
                    except (OSError, UnicodeDecodeError) as error:
                        lost.append("%s %x: %.80s" % (what, cell, error))
            except OSError as error:
                lost.append("%s %x: %.80s" % (what, cell, error))
    file.close()
    return keys, values, lost


def yarp_key(key):
    # Its times are without the last digit: the record's are taken.
    return text(key.name()), key.key_node.get_last_written_timestamp()


def yarp_value(value):
    return text(value.name()), value.type_raw(), (value.data_raw() or b"").hex()


def yarp_hive(path):
    from yarp import Registry, RegistryFile

    with open(path, "rb") as file:
        bytes_ = file.read()
    try:
        return Registry.RegistryHive(io.BytesIO(bytes_))
    except (Registry.RegistryException, RegistryFile.RegistryException, struct.error) as error:
        raise Refused(str(error) or type(error).__name__)


def yarp(path):
    hive = yarp_hive(path)
    from yarp import Registry, RegistryFile

    wrong = (Registry.RegistryException, RegistryFile.RegistryException, struct.error, UnicodeDecodeError, ValueError)
    keys, values, lost = {}, {}, []
    try:
        root = hive.root_key()
        stack = [(root, hive.registry_file.baseblock.effective_root_cell_offset)]
    except wrong as error:
        raise Refused(str(error))
    while stack:
        key, cell = stack.pop()
        try:
            keys[cell] = yarp_key(key)
        except wrong as error:
            lost.append("name of key %x: %.80s" % (cell, error))
        try:
            for below in key.subkeys():
                stack.append((below, below.cell_relative_offset))
        except wrong as error:
            lost.append("subkeys of %x: %.80s" % (cell, error))
        try:
            for value in key.values():
                try:
                    values.setdefault(cell, []).append(yarp_value(value))
                except wrong as error:
                    lost.append("value of %x: %.80s" % (cell, error))
        except wrong as error:
            lost.append("values of %x: %.80s" % (cell, error))
    return keys, values, lost


def yarp_deleted(path):
    """[(name, written)], [(name, type, length)] of deleted keys and values, wherever they lie"""
    hive = yarp_hive(path)
    from yarp import Registry, RegistryRecover

    try:
        hive.walk_everywhere()
    except Exception as error:
        raise Refused("%.80s" % error)
    keys, values = [], []
    for it in RegistryRecover.Scanner(hive, scan_slack_space=False).scan():
        if isinstance(it, Registry.RegistryKey):
            keys.append(yarp_key(it))
        elif it.flags_raw() <= VALUE_FLAGS:
            values.append((text(it.name()), it.type_raw(), it.key_value.get_data_size_real()))
    return keys, values


def yarp_complete(path, logs):
    """The hive as its logs complete it; None where none of them applies."""
    hive = yarp_hive(path)
    named = {name: None for name in ("log", "log1", "log2")}
    for log in logs:
        with open(log, "rb") as file:
            # One of two logs alone is refused by that name.
            named[log.rsplit(".", 1)[1].lower() if len(logs) > 1 else "log"] = io.BytesIO(file.read())
    try:
        done = hive.recover_auto(named["log"], named["log1"], named["log2"])
    except Exception as error:
        raise Refused(str(error) or type(error).__name__)
    if not done.recovered or not hive.registry_file.log_apply_count:
        return None
    file = hive.registry_file.file_object
    file.seek(0)
    return file.read()[: FROM_FILE + hive.registry_file.baseblock.effective_hbins_data_size]


def plain(name, number, data):
    return name, number, data


def libregf_plain(name, number, data):
    """What libregf 20201007 and we can agree on. It gives texts as it understood them: cut at a NUL, with a NUL that is
    not there, or with what lies behind them; and data of less than four bytes, which lie in the record itself, moved by
    some bytes: 00 c2 01 of a file are c2 01 00. hivex and yarp, as we, give them as they are in the file."""
    bytes_ = bytes.fromhex(data) if "?" not in data else b""
    if number in (1, 2, 6):
        bytes_ = bytes_[:16].split(b"\0\0")[0]
    elif len(bytes_) < 4:
        bytes_ = bytes(len(bytes_))
    return name[:-2] if name.endswith("00") else name, number, bytes_.hex()


# What both sides are put through before values are compared.
PLAIN = {"libregf": libregf_plain}

READERS = {"hivex": hivex, "libregf": libregf, "yarp": yarp}
