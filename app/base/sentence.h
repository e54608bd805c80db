// Messages with places: "{rows}" is the value of "rows", "{rows|row|rows}" the word that goes with
// it (the first one if the value is 1). A place without a value is left out. Any thread.
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct place {
    const char *name; // "rows" fills {rows}
    struct str value;
};
void sentence_fill(struct buf *out, struct str sentence, const struct place *places, size_t count);
