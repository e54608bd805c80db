#!/usr/bin/env python3
"""Two opinions on the same sentences as one: the first's spans, and those of the second's that
touch none of them.

    join.py FIRST SECOND >joined        both in the same order; the first may have a third column
"""
import sys


def spans_of(field):
    return [(int(a), int(b), k) for a, b, k in (s.split(",") for s in field.split(";") if s)]


def main():
    for one, two in zip(open(sys.argv[1]), open(sys.argv[2])):
        first, second = one.rstrip("\n").split("\t"), two.rstrip("\n").split("\t")
        if first[0] != second[0]:
            sys.exit("not the same sentences: " + first[0])
        kept = spans_of(first[1])
        for span in spans_of(second[1]):
            if all(span[1] <= s[0] or span[0] >= s[1] for s in kept):
                kept.append(span)
        first[1] = "".join(f"{a},{b},{k};" for a, b, k in sorted(kept))
        print("\t".join(first))


main()
