// A model's answer as it may be shown: the bytes of its tokens become whole characters, and what
// could be the beginning of a stop text is held back until it is sure. Bytes that are no UTF-8
// become U+FFFD. Owned by one thread.
//
//   text_stream_open(&stream, stops, count);
//   for (each token) {
//       tokenizer_decode(…, &bytes);
//       if (text_stream_put(&stream, bytes, out)) break;
//   }
//   text_stream_end(&stream, out);
#pragma once

#include <stdbool.h>

#include "base/buf.h"

enum { STOP_TEXTS_MAX = 16, STOP_TEXT_BYTES_MAX = 256 };

struct text_stream {
    const struct str *stops; // the caller's; must outlive the stream. Empty ones mean nothing
    uint32_t stop_count;
    int32_t stopped_by; // which of them ended the text, -1
    struct buf held;
};

void text_stream_open(struct text_stream *stream, const struct str *stops, uint32_t count);
// Appends to `out` what is sure now. True: a stop text was met; it and what follows are dropped,
// and nothing more comes. Of several, the one that ends first counts, then the longest.
bool text_stream_put(struct text_stream *stream, struct str bytes, struct buf *out);
// The text ends here: what was held back, unless a stop text was met. Gives back the memory.
void text_stream_end(struct text_stream *stream, struct buf *out);
