// Text functions: HTML to text, repair of garbled text, normal forms, traditional and simplified
// Chinese, the language of a text, and the shares that quality rules measure. Text comes in as a
// str (any bytes: what is not UTF-8 is treated as U+FFFD, nothing crashes) and goes out appended to
// a buf, always as valid UTF-8. All functions take time in proportion to their input, keep nothing
// and may be called by any thread; handles are read-only once they are open. Depends on base/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

// ---- HTML ------------------------------------------------------------------------------------
// A tolerant tokenizer and the text that a person would read. No tree is built, so nesting costs
// nothing; a tag that is not closed, a quote that never ends or a comment without an end costs only
// itself. '<' before anything but a letter, '/', '!' or '?' is text ("血压<140"), and so is what
// only looks like a tag ("<c and d>").

enum html_kind {
    HTML_END,     // nothing more
    HTML_TEXT,    // with character references, see html_unescape
    HTML_CDATA,   // text as it is
    HTML_OPEN,    // <name attributes>, also <name/>
    HTML_CLOSE,   // </name>
    HTML_COMMENT, // also <!DOCTYPE> and <?...>
};
struct html_reader {
    struct str in;
    size_t at;
    // What was looked for in vain up to the end: not looked for again.
    bool no_comment_end, no_cdata_end, no_greater, no_quote, no_apostrophe;
    uint64_t no_raw_end[3];
    struct str raw; // the name of the element (script, style, ...) whose content is not markup
};
struct html_token {
    enum html_kind kind;
    struct str name;       // OPEN, CLOSE: as written, any case
    struct str attributes; // OPEN: what stands between the name and '>'
    struct str text;       // TEXT, CDATA, COMMENT
    bool raw; // the content of an element without markup; COMMENT where it is never read
};
void html_start(struct html_reader *reader, struct str in);
// The next token; false at the end (kind HTML_END). Slices of the input.
bool html_next(struct html_reader *reader, struct html_token *token);
bool html_name_is(struct str name, const char *lower_case); // any case
// The value of an attribute, as written (html_unescape it); false if it is not there.
bool html_attribute(struct str attributes, const char *lower_case, struct str *out);
// Appends text with its character references resolved: all names of the HTML standard and numbers
// (80..9F as Windows writes them, what is no character as U+FFFD). Returns how many there were.
uint64_t html_unescape(struct str text, struct buf *out);
// Whether a text is HTML rather than text with a '<' in it: a known tag, or a character reference.
bool html_likely(struct str text);

struct html_counts {
    uint64_t tags, references, comments;
    uint64_t skipped; // elements whose content is not read: script, style, title, svg ...
    uint64_t tables;
};
// What a person would read: blocks and <br> are lines, list items begin with "- " or their number,
// a table's rows are lines with its cells divided by tabs (tables that only lay out a page become
// lines), white space is one blank and none between Chinese characters, <pre> stays as it is. No
// empty lines, no blank at the end of one. Adds to *counts (may be NULL). ERR_LIMIT, ERR_MEMORY of
// the buf.
enum err html_to_text(struct str html, struct buf *out, struct html_counts *counts) MUST_USE;

// ---- garbled text ----------------------------------------------------------------------------
// Text that was once read in the wrong encoding is turned back and read in the right one, up to
// three times, where that succeeds and the result is far more plausible than what stands there. By
// stretches within a line, so that good text beside it stays; Big5 and GBK taken for one another by
// whole lines. What was lost on the way is U+FFFD and counted.

enum repair_kind {
    REPAIR_UTF8_AS_GBK,   // 涓枃
    REPAIR_UTF8_AS_LATIN, // ä¸­æ–‡, Ã©
    REPAIR_GBK_AS_LATIN,  // ÖÐÎÄ
    REPAIR_BIG5_AS_LATIN,
    REPAIR_GBK_AS_BIG5,
    REPAIR_BIG5_AS_GBK,
    REPAIR_LOST, // characters that could not be brought back
    REPAIR_KIND_COUNT
};
struct repair;
// Tables of half a megabyte. ERR_MEMORY.
enum err repair_open(struct repair **out) MUST_USE;
void repair_close(struct repair *repair); // NULL is fine
// Appends the repaired text; adds the stretches of each kind to counts. If none grew, what was
// appended is the text (what of it is no UTF-8 as U+FFFD). ERR_LIMIT, ERR_MEMORY of the buf.
enum err text_repair(const struct repair *repair, struct str text, struct buf *out,
                     uint64_t counts[static REPAIR_KIND_COUNT]) MUST_USE;

// ---- normal forms ----------------------------------------------------------------------------
// Chinese punctuation is never harmed: full-width marks become narrow only in a line without a
// Chinese or Japanese character, or between digits (time, thousands). Doing it twice is doing it
// once.

enum normalise_flag {
    // Control characters (tab and line ends stay) and invisible ones go: zero-width, byte order
    // marks, soft hyphens, marks that turn the writing direction. Joiners stay where emoji and
    // other scripts need them.
    NORMALISE_CONTROL = 1 << 0,
    NORMALISE_LETTERS = 1 << 1, // full-width digits and letters to ASCII
    // Also half-width katakana to full width, and full-width signs beside Latin letters and digits.
    NORMALISE_WIDTH = 1 << 2 | NORMALISE_LETTERS,
    // Narrow punctuation between Chinese characters becomes full-width: , ; : ? ! ( ) and . at the
    // end of a line.
    NORMALISE_PUNCTUATION = 1 << 3,
    // Unicode blanks to one blank, none at the beginning and end of lines. Tabs stay.
    NORMALISE_SPACE = 1 << 4,
    // Every kind of line end to \n, at most one empty line.
    NORMALISE_LINES = 1 << 5,
    NORMALISE_REPEATS = 1 << 6, // long runs of one mark to at most three (，；： one, … — two)
    // Canonical composition (Unicode 15.1, basic plane; Hangul too): e + acute to é.
    NORMALISE_COMPOSE = 1 << 7,
    // Ligatures, Kangxi radicals and compatibility ideographs, mathematical letters.
    NORMALISE_COMPATIBILITY = 1 << 8,
    NORMALISE_CIRCLED = 1 << 9, // ① ⑴ ⒈ ㈠ ❶ to (1) (1) 1. （一） (1)
    NORMALISE_QUOTES = 1 << 10, // curly to straight in lines without a Chinese character
};
enum normalise_change {
    CHANGE_CONTROL,
    CHANGE_INVISIBLE,
    CHANGE_WIDTH,
    CHANGE_PUNCTUATION,
    CHANGE_SPACE,
    CHANGE_LINES,
    CHANGE_REPEATS,
    CHANGE_COMPOSED,
    CHANGE_COMPATIBILITY,
    CHANGE_QUOTES,
    CHANGE_INVALID, // bytes that were no UTF-8
    CHANGE_COUNT
};
// Appends the text in its normal form; adds how many characters changed in which way to
// counts[CHANGE_COUNT]. If none of them grew, what was appended is the text. ERR_LIMIT, ERR_MEMORY
// of the buf.
enum err text_normalise(struct str text, uint32_t flags, struct buf *out,
                        uint64_t counts[static CHANGE_COUNT]) MUST_USE;

// ---- traditional and simplified --------------------------------------------------------------
// By OpenCC's dictionaries (1.1.9, Apache-2.0), embedded: the longest word wins, as in OpenCC's own
// programs, whose result this is character by character.

enum chinese_direction {
    CHINESE_T2S,  // traditional to simplified
    CHINESE_S2T,  // simplified to traditional, OpenCC's standard
    CHINESE_TW2S, // as written in Taiwan to simplified
    CHINESE_HK2S,
    CHINESE_S2TW,
    CHINESE_S2HK,
    CHINESE_DIRECTION_COUNT
};
#define CHINESE_DICTIONARY "OpenCC 1.1.9"
// OpenCC's dictionaries as opencc.sh packed them; lives as long as the program.
struct str chinese_dictionaries(void);
const char *chinese_direction_name(enum chinese_direction direction); // "t2s", …
struct chinese;
// Unpacks what the direction needs: 2 to 6 MB, some 10 ms. ERR_MEMORY.
enum err chinese_open(enum chinese_direction direction, struct chinese **out) MUST_USE;
void chinese_close(struct chinese *chinese); // NULL is fine
// Appends the text, converted; adds the words and characters that became others to *changed. `out`
// must have room for three times the text and 256 bytes: ERR_LIMIT; ERR_MEMORY.
enum err chinese_convert(const struct chinese *chinese, struct str text, struct buf *out,
                         uint64_t *changed) MUST_USE;

// ---- measures --------------------------------------------------------------------------------
// What a text consists of, in characters. Letters of a script are those of its words; digits,
// punctuation and blanks count for themselves, full-width ones too.
struct text_shares {
    uint64_t bytes, characters;
    uint64_t han, kana, hangul, latin, letters; // letters: of all scripts, Han included
    uint64_t digits, spaces, punctuation;
    uint64_t symbols;  // mathematics, arrows, boxes, emoji, private use
    uint64_t controls; // and invisible characters
    uint64_t invalid;  // bytes that are no UTF-8, and U+FFFD
    uint64_t lines;    // parts between line breaks that are not blank
};
void text_measure(struct str text, struct text_shares *out);
// Share of `part` in the characters that are no blanks; 0 for a text without any.
double text_share(const struct text_shares *shares, uint64_t part);

// ---- language --------------------------------------------------------------------------------

enum language {
    LANGUAGE_UNKNOWN, // "und": no letters, or too few to tell
    LANGUAGE_ZH,      // Han characters that both writings share
    LANGUAGE_ZH_HANS,
    LANGUAGE_ZH_HANT,
    LANGUAGE_JA,
    LANGUAGE_KO,
    LANGUAGE_EN,
    LANGUAGE_VI,
    LANGUAGE_LATIN, // "und-Latn": Latin letters, but not English
    LANGUAGE_RU,    // Cyrillic, neither of the next
    LANGUAGE_MN_CYRL,
    LANGUAGE_KK_CYRL,
    LANGUAGE_AR, // Arabic, neither of the next
    LANGUAGE_UG,
    LANGUAGE_KK_ARAB,
    LANGUAGE_FA,
    LANGUAGE_BO, // Tibetan
    LANGUAGE_MN, // Mongolian in its own writing
    LANGUAGE_II, // Yi
    LANGUAGE_DAI,
    LANGUAGE_TH,
    LANGUAGE_EL,
    LANGUAGE_HE,
    LANGUAGE_HI,
    LANGUAGE_OTHER, // "und-Zyyy": another script
    LANGUAGE_COUNT
};
const char *language_name(enum language language); // "zh-Hans", "en", "ug", …
// "zh" is a name of its own (language_matches finds all Chinese by it). False if there is none.
bool language_from_name(struct str name, enum language *out);
// Whether a text in `language` is one of those `wanted` names: zh wants zh-Hans and zh-Hant too.
bool language_matches(enum language language, enum language wanted);
// By script, then by letters that only one language has, then by small words (English). *confidence
// 0..1: how much of the text speaks for it, and how long it is.
enum language language_guess(struct str text, double *confidence);
