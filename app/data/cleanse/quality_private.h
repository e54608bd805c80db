// What a text is like, by measures that filters of training corpora use (C4, Gopher, data-juicer,
// datatrove), made for Chinese: characters instead of words, full-width signs, Chinese function
// words, broken encodings as they look in Chinese. Depends on data/language. A reader belongs to
// one thread.
#pragma once

#include "base/str.h"
#include "data/language/language.h"

enum quality_measure {
    QUALITY_LENGTH,      // characters that are no blanks; shares are of these
    QUALITY_HAN,         // share of Chinese characters
    QUALITY_SYMBOL,      // of symbols: no letters, digits, punctuation
    QUALITY_DIGIT,       // of digits
    QUALITY_PUNCTUATION, // of punctuation
    QUALITY_LINES,       // of characters in lines that stood in the text before
    QUALITY_REPEAT,      // of characters in 10-grams that stood in the text before
    QUALITY_NGRAM,       // of characters in the most frequent 2-gram, if it stands there thrice
    QUALITY_URL,         // of characters in web addresses
    QUALITY_GARBLED,     // of characters that a wrong encoding left
    QUALITY_BULLET,      // share of lines that begin with a list's mark; 0 below three lines
    QUALITY_ELLIPSIS,    // share of lines that end with an ellipsis; 0 below three lines
    QUALITY_RUN,         // times that one character stands in a row at most
    QUALITY_STOP,        // different function words; many (100) in a text below 20 characters
    QUALITY_COUNT
};
#define QUALITY_BIT(measure) (1u << (measure))

struct quality_reader;
enum err quality_reader_open(struct quality_reader **out) MUST_USE;
void quality_reader_close(struct quality_reader *reader); // NULL is fine
// Fills the values of the measures in `wanted` (bits), 0 for a text without characters. ERR_MEMORY.
enum err quality_read(struct quality_reader *reader, struct str text, uint32_t wanted,
                      double values[QUALITY_COUNT]) MUST_USE;
