// Files that the program carries inside: EMBED(rules, "app/data/cleanse/rules.txt") makes
// `embedded_rules()`, the file's bytes, which live as long as the program. The path is from the
// project's root. A file that embeds is named *_embed.c: make builds those again when anything in
// an embed/ folder, a rules.txt or build/generated/ changes. Depends on base/str.h only.
#pragma once

#include "base/str.h"

// clang-format off
#define EMBED(name, path)                                                                 \
    __asm__(".section .rodata.embedded_" #name ", \"a\"\n"                                 \
            ".balign 64\n"                                                                \
            "embedded_" #name "_first:\n"                                                 \
            ".incbin \"" path "\"\n"                                                      \
            "embedded_" #name "_end:\n"                                                   \
            ".byte 0\n"                                                                   \
            ".previous\n");                                                               \
    extern const char embedded_##name##_first[] __attribute__((visibility("hidden")));    \
    extern const char embedded_##name##_end[] __attribute__((visibility("hidden")));      \
    static inline struct str embedded_##name(void) {                                      \
        return (struct str){embedded_##name##_first,                                      \
                            (size_t)(embedded_##name##_end - embedded_##name##_first)};   \
    }
// clang-format on
