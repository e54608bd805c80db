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
