// Encodings: everything inside is UTF-8; GB18030 (with GBK and GB2312 in it), Big5 and UTF-16 are
// converted at the border. Tables are our own (musl's iconv has an old GB18030 mapping: 44
// sequences differ from GB 18030-2022). Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum encoding {
    ENCODING_UNKNOWN,
    ENCODING_UTF8,
    ENCODING_UTF16LE,
    ENCODING_UTF16BE,
    ENCODING_GB18030,
    ENCODING_BIG5,
    ENCODING_LATIN1,
    ENCODING_COUNT
};
const char *encoding_name(enum encoding encoding); // "utf-8", "gb18030", ...
enum encoding encoding_from_name(struct str name); // any case, "gbk" and "gb2312" too

bool utf8_valid(struct str s); // strict: no surrogates, no overlong forms, <= U+10FFFF
// Bytes up to the first invalid one (= s.size if valid). Vectorised where the CPU can.
size_t utf8_valid_prefix(struct str s);
// Decodes one character at s.data[*at], moves *at; 0xFFFD and one byte on for an invalid one.
uint32_t utf8_next(struct str s, size_t *at);
size_t utf8_put(char out[static 4], uint32_t character); // bytes written
size_t utf8_count(struct str s);                         // characters
// Simple width and case folding for comparing names: full-width ASCII to ASCII, A-Z to a-z.
void text_fold(struct str s, struct buf *out);

// A converter that takes input in pieces of any size. Invalid sequences become U+FFFD and are
// counted with their byte position.
struct decoder {
    enum encoding encoding;
    uint8_t held[4]; // an unfinished sequence of the last piece
    uint8_t held_size;
    uint64_t bytes_in;
    uint64_t invalid_count;
    uint64_t invalid_first; // byte position of the first invalid sequence
    bool started;           // a byte order mark is only looked for at the start
};
void decoder_start(struct decoder *decoder, enum encoding encoding);
// Decodes into out (room for at least 3 * in.size + 8 bytes); returns the bytes written.
// `last`: nothing follows, an unfinished sequence is invalid.
size_t decoder_run(struct decoder *decoder, struct str in, bool last, char *out);

// Whether a Chinese character or mark is one of the 776 that make up half of real text, simplified
// and traditional.
bool character_frequent(uint32_t c);

// Which encoding a sample is in, by evidence: byte order mark, NUL pattern, UTF-8 validity, then
// how plausible its characters are as GB18030 and as Big5 (frequent characters score). `whole`
// tells that the sample does not end in the middle of the file. *confidence 0..1.
enum encoding encoding_guess(struct str sample, bool whole, double *confidence);
