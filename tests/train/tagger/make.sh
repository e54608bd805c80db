#!/bin/bash
# Makes the tagger's weights: make.sh MIRRORS SHARED OUT. MIRRORS: git directories of the public
# repositories that README.md names, as OWNER+NAME/repo. Needs python3-jieba, python3-numpy, opencc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
mirrors=$1 shared=$2 out=$3
jieba=${JIEBA:-/usr/lib/python3/dist-packages/jieba}
places=$shared/data/names_places terms=$shared/data/text/thuocl_medical.txt
mkdir -p "$out/text"
. "$here/tools.sh"

echo "== text"
python3 "$here/gather.py" "$mirrors" "$shared" "$out/text"
cd "$out/text"
draw() { shuf --random-source=<(yes) "$1" | head -c "$2" | iconv -c -f utf-8 -t utf-8; }
by_length() { awk '{ print length($0) "\t" $0 }' | sort -n | cut -f2-; }
{ cat text.ntrex text.pud text.xquad text.cmrc text.drcd text.stories
    draw text.medical 1600000; draw text.cold 2000000; draw text.laws 2600000; } | by_length >pool

echo "== the teacher"
"$out/teacher" "$jieba/lac_small" <pool | python3 "$here/mend.py" "$places" >mended

for name in uner aishell; do python3 "$here/mend.py" "$places" conventions <"gold.$name" >"people.$name"; done

material() { # TAUGHT NAME SEED: tables, generated and varied sentences for what was taught
    python3 "$here/generate.py" "$places" "$terms" 90000 "$3" |
        python3 "$here/mend.py" "$places" conventions >"$2.generated"
    cat "$1" people.uner people.aishell | python3 "$here/vary.py" "$places" "$3" |
        python3 "$here/mend.py" "$places" conventions >"$2.varied"
    /usr/bin/python3 "$here/tables.py" "$jieba/lac_small" "$jieba/dict.txt" "$terms" "$1" people.uner \
        people.aishell "$2.generated" "$2.varied" >"$2.tables"
}
train() { # TAUGHT NAME EPOCHS
    TRAIN_LEAST=4 TRAIN_ROUND=2 "$out/train" "$2.tables" note "$2.bin" "$3" 1.5 24 "$1" \
        'people.uner*2' people.aishell "$2.varied" "$2.generated*0.5"
}
echo "== a first tagger, whose opinion counts too"
echo first >note
material mended first 2
train mended first 3
cut -f1 mended | "$out/tag" first.bin 0,0,0 raw >student
# Of sentences without any name, that most laws and questions are, a third is enough.
python3 "$here/join.py" mended student | python3 "$here/vote.py" |
    python3 "$here/mend.py" "$places" | awk -F'\t' '$2 != "" || NR % 3 == 0' >voted

echo "== the weights"
material voted last 4
"$here/note.sh" "$shared" "$jieba" pool gold.uner gold.aishell last.generated >note
train voted last 3
cp last.bin "$out/tagger.bin"
