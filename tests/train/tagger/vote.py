#!/usr/bin/env python3
"""One text, one opinion: a string that is mostly labelled one way is labelled so everywhere.

    vote.py <labelled >voted

Reads all sentences first. A string labelled at least three times and in most of the places where it
stands free of other spans gets its most frequent kind in all of them; one labelled in few of many
places loses its labels there.
"""
import sys
from collections import Counter, defaultdict

LONGEST, LEAST, MOST_KIND, MOST_PLACES, FEW_PLACES = 14, 3, 0.65, 0.6, 0.12


def read():
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        spans = [(int(a), int(b), k) for a, b, k in
                 (s.split(",") for s in fields[1].split(";") if s)]
        yield fields, spans


def main():
    sentences = list(read())
    kinds = defaultdict(Counter)
    for fields, spans in sentences:
        for start, end, kind in spans:
            if 2 <= end - start <= LONGEST:
                kinds[fields[0][start:end]][kind] += 1
    known = {text: count for text, count in kinds.items() if sum(count.values()) >= LEAST}
    heads = defaultdict(set)
    for text in known:
        heads[text[:2]].add(len(text))
    places = Counter()

    def standing(text, at):
        """Known strings that begin at this place, the longest first."""
        for size in sorted(heads.get(text[at:at + 2], ()), reverse=True):
            if text[at:at + size] in known:
                yield at + size

    for fields, spans in sentences:
        text, at, starts = fields[0], 0, {s[0]: s[1] for s in spans}
        while at < len(text) - 1:
            if at in starts:
                places[text[at:starts[at]]] += 1
                at = starts[at]
                continue
            for end in standing(text, at):
                if not any(s[0] < end and s[1] > at for s in spans):
                    places[text[at:end]] += 1
            at += 1
    verdict = {}
    for text, count in known.items():
        total = sum(count.values())
        kind, most = count.most_common(1)[0]
        share = total / max(places[text], total)
        if share >= MOST_PLACES and most / total >= MOST_KIND:
            verdict[text] = kind
        elif share <= FEW_PLACES:
            verdict[text] = None
    changed = 0
    for fields, spans in sentences:
        text, out = fields[0], []
        for start, end, kind in spans:
            new = verdict.get(text[start:end], kind)
            changed += new != kind
            if new:
                out.append((start, end, new))
        taken = [False] * (len(text) + 1)
        for start, end, _ in out:
            taken[start:end] = [True] * (end - start)
        at = 0
        while at < len(text) - 1:
            for end in standing(text, at):
                if verdict.get(text[at:end]) and not any(taken[at:end]):
                    out.append((at, end, verdict[text[at:end]]))
                    taken[at:end] = [True] * (end - at)
                    changed += 1
                    break
            at += 1
        fields[1] = "".join(f"{a},{b},{k};" for a, b, k in sorted(out))
        print("\t".join(fields))
    print(f"{changed} labels changed, {len(verdict)} strings decided", file=sys.stderr)


main()
