// The inside of HTML: what is known of each element, and the table of character references that
// html_entity_table.py made. Any thread.
#pragma once

#include "data/language/language.h"

enum {
    ELEMENT_KNOWN = 1 << 0,
    ELEMENT_BLOCK = 1 << 1, // begins and ends a line
    ELEMENT_RAW = 1 << 2,   // its content is not markup, up to its closing tag
    ELEMENT_SKIP = 1 << 3,  // its content is not read
};
// One of the ELEMENT_... sums; 0 for a name that HTML does not have. *out_index, which may be NULL,
// is the element's place among the known ones, below ELEMENT_COUNT_MAX.
enum { ELEMENT_COUNT_MAX = 192 };
unsigned html_element(struct str name, unsigned *out_index);

// "name\0characters\0" of each reference, a leading '!' where it may stand without a semicolon;
// names ascend.
extern const uint32_t html_entity_count;
extern const uint16_t html_entity_at[];
extern const char html_entity_names[];
// The reference at text.data[at] ('&'): bytes it takes, 0 if it is none. Its characters (at most
// two of them) as UTF-8.
size_t html_reference(struct str text, size_t at, char out[static 8], size_t *out_size);
