// A scanner of XML, piece by piece: elements, attributes and text in order, without a tree, in
// linear time and fixed memory. Namespace prefixes are left off. No document type, hence no
// entities but the five and the numbers. It reads what producers write and refuses the rest; it
// does not check that what closes is what was opened. Depends on the source. One thread.
#pragma once

#include "data/intake/intake_private.h"

enum {
    XML_DEPTH_MAX = 64,
    XML_ATTRIBUTES_MAX = 40,      // more are left out
    XML_WINDOW_BYTES = 256 << 10, // a tag is shorter; longer text comes in pieces
};
enum xml_kind { XML_NOTHING, XML_OPEN, XML_CLOSE, XML_TEXT };
struct xml {
    struct source *source; // the caller's
    char *window;
    size_t at, size;
    bool ended, close_due;
    uint32_t depth;
    // Of the last event; all point into the window, until the next one.
    struct str name, text; // the text decoded
    struct xml_attribute {
        struct str name, value; // the value as it stands
    } attributes[XML_ATTRIBUTES_MAX];
    uint32_t attribute_count;
};
// Decodes by byte order mark, UTF-16's zeros or the declaration.
enum err xml_open(struct source *source, struct xml *out, struct fault *fault) MUST_USE;
void xml_close(struct xml *xml);
// XML_NOTHING at the end. ERR_INPUT "xml.damaged".
enum err xml_next(struct xml *xml, enum xml_kind *out, struct fault *fault) MUST_USE;
struct str xml_attribute(const struct xml *xml, const char *name); // data NULL: absent
// Decodes entities in place; what is no entity stays as it is. Returns the new size.
size_t xml_decode(char *text, size_t size);
