// The inside of the language guess: what kind of character each one is. Any thread.
#pragma once

#include "data/language/language.h"

enum script {
    SCRIPT_NONE, // digits, punctuation, symbols, blanks
    SCRIPT_HAN,
    SCRIPT_KANA,
    SCRIPT_HANGUL,
    SCRIPT_LATIN,
    SCRIPT_CYRILLIC,
    SCRIPT_ARABIC,
    SCRIPT_TIBETAN,
    SCRIPT_MONGOLIAN,
    SCRIPT_YI,
    SCRIPT_THAI,
    SCRIPT_GREEK,
    SCRIPT_HEBREW,
    SCRIPT_DEVANAGARI,
    SCRIPT_DAI,
    SCRIPT_OTHER,
    SCRIPT_COUNT
};
enum character_kind {
    CHARACTER_LETTER,
    CHARACTER_DIGIT,
    CHARACTER_SPACE,
    CHARACTER_PUNCTUATION,
    CHARACTER_SYMBOL,  // mathematics, arrows, boxes, emoji, private use
    CHARACTER_CONTROL, // and what is invisible
};
struct character_class {
    uint8_t script, kind;
};
struct character_class character_class(uint32_t c);

// Bit c - 0x4E00: only simplified, only traditional writing uses the character.
extern const uint32_t language_simplified[], language_traditional[];
