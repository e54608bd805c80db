#!/usr/bin/env python3
"""Names, addresses and institutions: accuracy and speed of `courtyard detect`, beside jieba.

    tagger.py            ./build.sh bench cleansing tagger; needs build/courtyard
    tagger.py --setup    installs the peer (Debian's python3-jieba)

Sets of ../shared/data (or COURTYARD_DATA), never used for the weights: every tenth block of 500
sentences of MSRA, CLUENER, resume NER, address parsing. Spans count when kind and both ends agree;
"characters" are those of persons' names. jieba tags the first part of a set with its own HMM
(nr, ns, nt), as it is slow; both see the same sentences.
"""
import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("COURTYARD_DATA", ROOT.parent / "shared/data")) / "names_places"
KINDS = {"name": "PER", "address": "LOC", "organisation": "ORG"}
PEER_LINES = 400


def bio(lines, kinds):
    text, spans = "", []
    for line in lines:
        token, _, tag = line.rstrip("\r\n").partition(" ")
        if not tag:
            if text:
                yield text, spans
            text, spans = "", []
            continue
        kind = kinds.get(tag[2:])
        if kind and tag[0] in "IME" and spans and spans[-1][1] == len(text) and spans[-1][2] == kind:
            spans[-1][1] += len(token)
        elif kind:
            spans.append([len(text), len(text) + len(token), kind])
        text += token
    if text:
        yield text, spans


def msra():
    kinds = {"PER": "PER", "LOC": "LOC", "ORG": "ORG"}
    lines = gzip.open(DATA / "msra_ner_train.bio.gz", "rt")
    return [s for k, s in enumerate(bio(lines, kinds)) if k // 500 % 10 == 9]


def cluener():
    kinds = {"name": "PER", "address": "LOC", "organization": "ORG", "company": "ORG", "government": "ORG"}
    for line in open(DATA / "cluener_train.jsonl"):
        row = json.loads(line)
        yield row["text"].replace("\n", " "), [
            [e["entity_index"]["begin"], e["entity_index"]["end"], kinds[e["entity_type"]]]
            for e in row["entity_list"] if e["entity_type"] in kinds]


def resume():
    return bio(open(DATA / "resume_ner_train.bmes"), {"NAME": "PER", "ORG": "ORG"})


def addresses():
    return [(text, [[0, len(text), "LOC"]]) for text, _ in bio(open(DATA / "address_train.txt"), {})]


def ours(sentences, *options):
    """Spans by characters, and seconds of processor time."""
    before = os.times()
    out = subprocess.run([ROOT / "build/courtyard", "detect", "--json", "--kinds",
                          "name,address,organisation", *options],
                         input="".join(s + "\n" for s in sentences).encode(),
                         capture_output=True, check=True).stdout
    after = os.times()
    spans = []
    for sentence, line in zip(sentences, out.splitlines()):
        place, at, where = 0, 0, {}
        for character in sentence:
            where[at] = place
            at += len(character.encode())
            place += 1
        where[at] = place
        spans.append([[where[h["start"]], where[h["end"]], KINDS[h["kind"]]] for h in json.loads(line)])
    return spans, after.children_user + after.children_system - before.children_user - before.children_system


def peer(sentences):
    import jieba.posseg
    jieba.setLogLevel(60)
    jieba.initialize()
    list(jieba.posseg.cut("准备"))
    spans, start = [], time.process_time()
    for sentence in sentences:
        at, found = 0, []
        for word, flag in jieba.posseg.cut(sentence):
            kind = {"nr": "PER", "ns": "LOC", "nt": "ORG"}.get(flag[:2])
            if kind:
                found.append([at, at + len(word), kind])
            at += len(word)
        spans.append(found)
    return spans, time.process_time() - start


def scores(truth, found):
    hit, told, wanted = Counter(), Counter(), Counter()
    for right, guess in zip(truth, found):
        right, guess = set(map(tuple, right)), set(map(tuple, guess))
        for count, spans in ((hit, right & guess), (told, guess), (wanted, right)):
            count.update(s[2] for s in spans)
            count["all"] += len(spans)
    return {kind: (hit[kind] / max(told[kind], 1), hit[kind] / max(wanted[kind], 1),
                   2 * hit[kind] / max(told[kind] + wanted[kind], 1)) for kind in wanted}


def characters(truth, found, kind="PER"):
    hit = told = wanted = 0
    for right, guess in zip(truth, found):
        right = {k for a, b, s in right if s == kind for k in range(a, b)}
        guess = {k for a, b, s in guess if s == kind for k in range(a, b)}
        hit, told, wanted = hit + len(right & guess), told + len(guess), wanted + len(right)
    return hit / max(told, 1), hit / max(wanted, 1)


def row(what, mine, other="", ratio=""):
    print(f"{what:44} | {mine:>22} | {other:>22} | {ratio}")


def setup():
    sys.exit(subprocess.run(["apt-get", "install", "-y", "-q", "python3-jieba"]).returncode)


def other_python():
    """Debian's packages are seen by Debian's python3 alone."""
    try:
        import jieba  # noqa: F401
    except ImportError:
        if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3"):
            os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])


def main():
    if "--setup" in sys.argv:
        setup()
    other_python()
    if not DATA.is_dir():
        print("tagger: skipped, no", DATA)
        return
    sets = {"MSRA, held out": msra, "CLUENER": cluener, "resumes": resume}
    row("what", "ours", "jieba posseg", "ratio")
    idle = min(ours(["无"])[1] for _ in range(3))
    for name, read in sets.items():
        sentences, truth = zip(*read())
        spans, seconds = ours(sentences)
        few, few_truth, other = sentences[:PEER_LINES], truth[:PEER_LINES], None
        try:
            other, other_seconds = peer(few)
        except ImportError:
            pass
        mine, others = scores(truth, spans), other and scores(few_truth, other)
        for kind in ("PER", "LOC", "ORG", "all"):
            if kind in mine:
                p, r, f = mine[kind]
                theirs = f"{others[kind][2]:.3f}" if other and kind in others else ""
                row(f"{name}: {kind} F1 (P, R)", f"{f:.3f} ({p:.3f}, {r:.3f})", theirs)
        p, r = characters(truth, spans)
        pp, pr = characters(truth, ours(sentences, "--privacy")[0])
        row(f"{name}: characters of names, R (P)", f"{r:.3f} ({p:.3f})")
        row(f"{name}: the same, --privacy", f"{pr:.3f} ({pp:.3f})")
        size = sum(len(s.encode()) + 1 for s in sentences)
        speed = size / max(seconds - idle, 1e-3) / 1e6
        if other:
            slow = sum(len(s.encode()) for s in few) / other_seconds / 1e6
            row(f"{name}: MB/s/core", f"{speed:.1f}", f"{slow:.2f}", f"{speed / slow:.0f}")
        else:
            row(f"{name}: MB/s/core", f"{speed:.1f}")
    sentences, truth = zip(*addresses())
    spans, _ = ours(sentences)
    p, r = characters(truth, spans, "LOC")
    row("addresses: characters found", f"{r:.3f}")
    row("addresses: as one span from end to end", f"{scores(truth, spans)['LOC'][1]:.3f}")


main()
