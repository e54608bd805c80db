# Builds what make.sh and proof.sh run, into $out; sourced by them with $here, $root and $out set.
# The host's compiler and its own arithmetic: these programs run where the weights are made.
libraries=$("$root/vendor/build" --where glibc)
fast() { gcc -O3 -march=native -ffast-math -std=gnu17 -D_GNU_SOURCE -Wno-psabi "$@"; }
fast -o "$out/teacher" "$here/teacher.c" -lm
fast -I"$root/app" -I"$libraries/include" -o "$out/train" "$here/train.c" \
    "$root/app/data/detect/tagger_text.c" "$root/app/base/str.c" -L"$libraries/lib" -lzstd -lm
(cd "$root" && gcc -O2 -std=gnu17 -D_GNU_SOURCE -Iapp -I"$libraries/include" -o "$out/tag" \
    "$here/tag.c" app/data/detect/tagger*.c app/base/str.c app/base/memory.c app/base/assert.c \
    -L"$libraries/lib" -lzstd -lpthread)
