#!/usr/bin/env python3
"""Precision, recall and F1 of labelled sentences against the truth.

    score.py TRUTH LABELLED [EXAMPLES]     shows so many of what was missed and invented
"""
import random
import sys
from collections import Counter

KINDS = ("PER", "LOC", "ORG")


def read(path):
    sentences = {}
    for line in open(path):
        fields = line.rstrip("\n").split("\t")
        sentences[fields[0]] = {tuple(span.split(",")) for span in fields[1].split(";") if span}
    return sentences


def f1(hit, told, wanted):
    precision, recall = hit / max(told, 1), hit / max(wanted, 1)
    return f"P {precision:.4f} R {recall:.4f} F {2 * precision * recall / (precision + recall + 1e-9):.4f}"


def main():
    truth, labelled = read(sys.argv[1]), read(sys.argv[2])
    hit, told, wanted = Counter(), Counter(), Counter()
    missed, invented = [], []
    for text, spans in truth.items():
        if text not in labelled:
            continue
        other = labelled[text]
        wanted.update(span[2] for span in spans)
        told.update(span[2] for span in other)
        hit.update(span[2] for span in spans & other)
        missed += [(text[int(a):int(b)], kind, text) for a, b, kind in spans - other]
        invented += [(text[int(a):int(b)], kind, text) for a, b, kind in other - spans]
    print(*(f"{kind} {f1(hit[kind], told[kind], wanted[kind])}" for kind in KINDS),
          f"all {f1(sum(hit.values()), sum(told.values()), sum(wanted.values()))}")
    random.seed(1)
    for name, found in (("missed", missed), ("invented", invented)):
        for text, kind, sentence in random.sample(found, min(len(found), int(sys.argv[3] if len(sys.argv) > 3 else 0))):
            print(name, kind, text, "|", sentence[:70])


main()
