#!/usr/bin/env python3
"""Gather the licensed text that the tagger's weights are taught on: one sentence a line.

    gather.py MIRRORS SHARED OUT

MIRRORS holds git directories of public repositories as OWNER+NAME/repo (see README.md for the
list and the licences); SHARED is the folder of shared data. Writes OUT/text.NAME, plain sentences
for the teacher, and OUT/gold.NAME, sentences that people labelled: "text TAB start,end,TYPE;…".
Nothing of it enters the repository.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

MIRRORS, SHARED, OUT = map(Path, sys.argv[1:4])
LONGEST = 220


def blob(repository, path):
    git = ["git", "-C", str(MIRRORS / repository / "repo"), "show", "HEAD:" + path]
    return subprocess.run(git, capture_output=True, check=True).stdout.decode("utf-8", "replace")


def paths(repository, wanted):
    git = ["git", "-C", str(MIRRORS / repository / "repo"), "-c", "core.quotepath=off", "ls-tree",
           "-r", "--name-only", "HEAD"]
    names = subprocess.run(git, capture_output=True, check=True).stdout.decode().splitlines()
    return [name for name in names if re.search(wanted, name)]


def simplify(text):
    return subprocess.run(["opencc", "-c", "t2s"], input=text.encode(), capture_output=True,
                          check=True).stdout.decode()


def sentences(text):
    """Split at sentence ends; too long pieces at commas; drop what is not Chinese."""
    for line in re.split(r"[\r\n\t]+", text):
        for piece in re.findall(r"[^。！？；]+[。！？；]*[”’」』）]?", line):
            piece = piece.strip()
            while len(piece) > LONGEST:
                cut = max(piece.rfind(mark, 40, LONGEST) for mark in "，、, ")
                cut = cut if cut > 0 else LONGEST
                yield piece[:cut + 1]
                piece = piece[cut + 1:]
            if len(re.findall(r"[\u4e00-\u9fff]", piece)) >= 4:
                yield piece


def write(name, text, seen=set()):
    kept = 0
    with open(OUT / name, "w") as file:
        for sentence in sentences(text):
            if sentence not in seen:
                seen.add(sentence)
                file.write(sentence + "\n")
                kept += len(sentence)
    print(name, kept, "characters")


def squad(text):
    data = json.loads(text)
    out = []
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            out.append(paragraph["context"])
            for question in paragraph["qas"]:
                out.append(question["question"])
    return "\n".join(out)


def gold(name, rows):
    """rows: lists of (token, tag) with BIO tags; tokens of one or more characters."""
    with open(OUT / name, "w") as file:
        count = 0
        for row in rows:
            text, spans = "", []
            for token, tag in row:
                if tag != "O":
                    kind = tag[2:]
                    if tag[0] == "I" and spans and spans[-1][2] == kind and spans[-1][1] == len(text):
                        spans[-1][1] += len(token)
                    else:
                        spans.append([len(text), len(text) + len(token), kind])
                text += token
            if len(text) > 1 and len(text) < 250 and "\t" not in text:
                file.write(text + "\t" + "".join(f"{a},{b},{k};" for a, b, k in spans) + "\n")
                count += len(text)
        print(name, count, "characters")


def bio_rows(text, token, tag):
    row = []
    for line in text.splitlines():
        parts = line.split("\t") if "\t" in line else line.split(" ")
        if line.startswith("# "):
            continue
        if not line.strip():
            if row:
                yield row
            row = []
        elif len(parts) > max(token, tag):
            row.append((parts[token], parts[tag].replace("OTH", "O") if parts[tag][2:] != "OTH"
                        else "O"))
    if row:
        yield row


def law_text():
    out = []
    for path in paths("LawRefBook+Laws", r"\.md$"):
        if path.startswith(("DLC", ".", "scripts")):
            continue
        text = blob("LawRefBook+Laws", path)
        out.append(re.sub(r"(?m)^(#+ |<!--.*-->|- )", "", text)[:12000])
    return "\n".join(out)


def medical_text():
    rows = [json.loads(line) for line in
            blob("SCIR-HI+Huatuo-Llama-Med-Chinese", "data/llama_data.json").splitlines() if line]
    out = [row["instruction"] + "\n" + row["output"] for row in rows]
    return "\n".join(out)


def main():
    aishell = []
    for part in ("dev", "test"):
        aishell += bio_rows(blob("Alibaba-NLP+AISHELL-NER", f"data/{part}.bio.txt"), 0, 1)
    gold("gold.aishell", aishell)
    uner = []
    for part in ("train", "dev", "test"):
        uner += bio_rows(blob("UniversalNER+UNER_Chinese-GSDSIMP", f"zh_gsdsimp-ud-{part}.iob2"), 1, 2)
    gold("gold.uner", uner)
    write("text.cmrc", squad((SHARED / "data/text/cmrc2018_dev.json").read_text()) +
          squad(blob("ymcui+cmrc2018", "squad-style-data/cmrc2018_trial.json")))
    write("text.drcd", simplify(squad(blob("DRCKnowledgeTeam+DRCD", "DRCD_dev.json")) +
                                squad(blob("DRCKnowledgeTeam+DRCD", "DRCD_test.json"))))
    write("text.xquad", squad(blob("google-deepmind+xquad", "xquad.zh.json")))
    write("text.ntrex", "\n".join(blob("MicrosoftTranslator+NTREX", path) for path in
                                  paths("MicrosoftTranslator+NTREX", r"ref\.zho-CN")))
    pud = re.findall(r"(?m)^# text = (.*)$", blob("UniversalDependencies+UD_Chinese-PUD",
                                                   "zh_pud-ud-test.conllu"))
    write("text.pud", simplify("\n".join(pud)))
    stories = json.loads(blob("ymcui+cmrc2019", "data/cmrc2019_dev.json"))["data"]
    stories += json.loads(blob("ymcui+cmrc2019", "data/cmrc2019_trial.json"))["data"]
    write("text.stories", re.sub(r"\[BLANK\d+\]", "", "\n".join(row["context"] for row in stories)))
    write("text.laws", law_text())
    write("text.medical", medical_text())
    comments = (SHARED / "data/text/cold_offensive_train.csv").read_text().splitlines()[1:]
    write("text.cold", "\n".join(line.split(",", 4)[-1].strip('"') for line in comments))


main()
