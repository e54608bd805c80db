#!/bin/sh
# Packs OpenCC's dictionaries (Apache-2.0; vendor/LOCK names the archive) into what is embedded:
#   app/data/language/opencc.sh FOLDER OUT      FOLDER: the archive's data/dictionary
# Plain text under gzip. A line "@NAME" begins a dictionary, then one line a word: the word, a tab
# and the first of its values, ascending. NAME_rev has the pairs turned round, with the first word
# that has a value, as OpenCC's own reverse.py does. The same files give the same bytes.
set -eu
export LC_ALL=C
folder=$1
out=$2

first_values() { # FILE
    awk -F'\t' '!/^#/ && NF > 1 { split($2, value, " "); print $1 "\t" value[1] }' \
        "$folder/$1.txt" | sort -u -t'	' -k1,1
}

reversed() { # FILE
    awk -F'\t' '!/^#/ && NF > 1 {
        n = split($2, value, " ")
        for (i = 1; i <= n; i++) {
            if (!(value[i] in seen)) print value[i] "\t" $1
            seen[value[i]] = 1
        }
    }' "$folder/$1.txt" | sort -t'	' -k1,1
}

mkdir -p "$(dirname "$out")"
{
    for name in STCharacters STPhrases TSCharacters TSPhrases TWVariants HKVariants \
        TWVariantsRevPhrases HKVariantsRevPhrases; do
        echo "@$name"
        first_values $name
    done
    for name in TWVariants HKVariants; do
        echo "@${name}_rev"
        reversed $name
    done
} | gzip -9n >"$out.new"
mv "$out.new" "$out"
