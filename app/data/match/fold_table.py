#!/usr/bin/env python3
"""Makes fold_table.c: characters that count as another one when keywords are looked for.

Sources: the Unicode Character Database as Python carries it (compatibility forms, case; Unicode
licence) and OpenCC's traditional-to-simplified characters by Debian's package `opencc`
(Apache-2.0), one character at a time. Run it here: ./fold_table.py > fold_table.c
"""
import subprocess
import sys
import unicodedata

BMP = [c for c in range(0x80, 0x10000) if not 0xD800 <= c < 0xE000 and not 0xE000 <= c < 0xF900]


def simplified(characters):
    text = "\n".join(characters) + "\n"
    out = subprocess.run(["opencc", "-c", "t2s.json"], input=text, capture_output=True, text=True,
                         check=True).stdout
    lines = out.split("\n")[:-1]
    assert len(lines) == len(characters)
    return lines


def compatible(c):
    """One character that means the same in another form or case, or the same again."""
    form = unicodedata.normalize("NFKC", c)
    form = form if len(form) == 1 else c
    small = form.lower()
    return small if len(small) == 1 else form


def main():
    first = {c: compatible(chr(c)) for c in BMP if unicodedata.category(chr(c)) != "Cn"}
    second = simplified(list(first.values()))
    pairs = []
    for (c, form), simple in zip(first.items(), second):
        to = simple if len(simple) == 1 and ord(simple) < 0x10000 else form
        if ord(to) != c and ord(to) < 0x10000 and not to.isspace() and unicodedata.category(to)[0] in "LN":
            pairs.append((c, ord(to)))
    print("// Made by fold_table.py from the Unicode Character Database (Unicode licence) and OpenCC's")
    print("// traditional-to-simplified characters (Apache-2.0). Do not edit.")
    print('#include "data/match/keyword_private.h"\n')
    print("// clang-format off")
    print("const struct fold_pair fold_pairs[] = {")
    for i in range(0, len(pairs), 5):
        print("    " + " ".join("{0x%04X, 0x%04X}," % p for p in pairs[i:i + 5]))
    print("};")
    print("// clang-format on")
    print("const uint32_t fold_pair_count = sizeof fold_pairs / sizeof fold_pairs[0];")
    print(len(pairs), file=sys.stderr)


main()
