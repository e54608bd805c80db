#!/bin/bash
# The note at the beginning of the weights: note.sh SHARED JIEBA FILE… (what was trained on).
set -eu
shared=$1 jieba=$2
shift 2
cat <<END
Courtyard tagger weights: persons, places and institutions in Chinese text.
Made $(date -u +%F) by tests/train/tagger/make.sh. Licence of this file: CC BY-SA 4.0, as some of the
text it was taught on asks for; the program around it keeps its own licence.
Teacher and embeddings' clusters: jieba lac_small (PaddlePaddle LAC), Apache-2.0.
Lexicon: jieba's dictionary (MIT), THUOCL medical terms (MIT). Variants: OpenCC, Apache-2.0.
Labelled by people: AISHELL-NER (Apache-2.0), UNER Chinese-GSDSimp (CC BY-SA 4.0).
Text: CMRC 2018 and 2019 (CC BY-SA 4.0), DRCD (CC BY-SA 3.0), XQuAD zh (CC BY-SA 4.0), NTREX-128
(CC BY-SA 4.0), UD Chinese-PUD (CC BY-SA 3.0), Huatuo (Apache-2.0), COLD (Apache-2.0), laws of the
People's Republic of China (no copyright); divisions: modood (WTFPL); generated sentences: ours.
END
sum() { sha256sum "$1" | cut -c1-64; }
echo "sha256 $(sum "$jieba/lac_small/model_baseline/word_emb") lac_small/word_emb"
echo "sha256 $(sum "$jieba/dict.txt") jieba/dict.txt"
echo "sha256 $(sum "$shared/data/text/thuocl_medical.txt") thuocl_medical.txt"
for file in "$@"; do echo "sha256 $(sum "$file") ${file##*/}"; done
