#!/bin/bash
# Shows what the technique can do: proof.sh SHARED OUT. Trains on MSRA's training set less every
# tenth block of 500 sentences and measures on those blocks. These weights may not be given away.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
shared=$1 out=$2
jieba=${JIEBA:-/usr/lib/python3/dist-packages/jieba}
mkdir -p "$out"
. "$here/tools.sh"
cd "$out"
bio() { zcat "$shared/data/names_places/msra_ner_train.bio.gz" | python3 "$here/bio_lines.py" "$@"; }
bio 9 10 >msra.held_out
bio -9 10 >msra.train
/usr/bin/python3 "$here/tables.py" "$jieba/lac_small" "$jieba/dict.txt" \
    "$shared/data/text/thuocl_medical.txt" msra.train >msra.tables
echo "trained on MSRA less every tenth block of 500 sentences; never ships" >msra.note
"$out/train" msra.tables msra.note msra.bin "${EPOCHS:-6}" 0.4 24 msra.train -- msra.held_out
cut -f1 msra.held_out | "$out/tag" msra.bin plain raw >msra.tagged
python3 "$here/score.py" msra.held_out msra.tagged
