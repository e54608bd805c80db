#!/usr/bin/env python3
"""BIO lines ("character tag", blank line between sentences) to labelled sentences.

    bio_lines.py <bio >labelled [FROM STEP]   of every STEP blocks of 500 sentences keeps block FROM; -FROM: the others
"""
import sys


def main():
    start, step = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (0, 1)
    number = 0
    text, spans = "", []
    for line in list(sys.stdin) + ["\n"]:
        character, _, tag = line.rstrip("\r\n").partition(" ")
        if character or tag:
            if tag and tag != "O":
                kind = tag[2:]
                if tag[0] in "IME" and spans and spans[-1][1] == len(text) and spans[-1][2] == kind:
                    spans[-1][1] += 1
                else:
                    spans.append([len(text), len(text) + 1, kind])
            text += character or " "
            continue
        picked = number // 500 % step == abs(start) if step > 1 else True
        if text and picked == (start >= 0):
            print(text + "\t" + "".join(f"{a},{b},{k};" for a, b, k in spans))
        number += bool(text)
        text, spans = "", []


main()
