#!/usr/bin/env python3
"""Labelled sentences again, with other persons, places and institutions in the same places.

    vary.py DIVISIONS SEED <labelled >varied

Takes sentences whose labels are sure (third column at least 70, or none), and only those that
change. A foreign name stays: its neighbours tell that it is one.
"""
import random
import re
import sys

from generate import Divisions, chance, company, hospital, bureau, person, pick, place, school
from phrases import SURNAMES

FAMILY = {name for name, _ in SURNAMES}


def other(text, kind, divisions):
    if kind == "PER" and len(text) in (2, 3) and text[0] in FAMILY and chance(0.9):
        return person()
    if kind == "LOC" and re.search("(省|市|县|区|镇|乡|村|州)$", text) and chance(0.7):
        return place(divisions)
    if kind == "ORG" and chance(0.6):
        for wanted, make in (("(医院|卫生院)$", hospital), ("(公司|集团|银行)$", company),
                             ("(局|委员会|政府|派出所|法院|检察院)$", bureau), ("(大学|学院|中学|小学)$", school)):
            if re.search(wanted, text):
                return make(divisions)
    return text


def main():
    divisions = Divisions(sys.argv[1])
    random.seed(int(sys.argv[2]))
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        if len(fields) > 2 and int(fields[2]) < 70:
            continue
        text, at, spans, out = fields[0], 0, [], ""
        for span in filter(None, fields[1].split(";")):
            start, end, kind = span.split(",")
            out += text[at:int(start)]
            name = other(text[int(start):int(end)], kind, divisions)
            spans.append(f"{len(out)},{len(out) + len(name)},{kind};")
            out += name
            at = int(end)
        out += text[at:]
        if out != text:
            print(out + "\t" + "".join(spans))


main()
