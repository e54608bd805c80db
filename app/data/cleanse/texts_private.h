// The text of a row: which columns it is read from, and its cells put together. Used by operators
// that judge texts (words, drop, dedup near, sample). Depends on operator_private.h.
#pragma once

#include "data/cleanse/operator_private.h"

// The text columns that the line's option names; without it those declared by `field text=`, and
// where none is declared all text columns. Tells unknown columns and those of another type.
// plan NULL: nothing.
enum err texts_places(const struct line *line, const char *option, const struct plan *plan,
                      struct arena *arena, struct teller *teller, uint32_t **out_places,
                      uint32_t *out_count) MUST_USE;
// Columns that an earlier step removed are left out: the places a step works on in this pass.
uint32_t texts_still_there(const struct plan *plan, uint32_t step, const uint32_t *places,
                           uint32_t place_count, uint32_t *out);
// The row's cells, one line each; missing ones count for nothing. One cell is handed out as it is,
// several are put into `scratch`, whose errors stick.
struct str row_text(const struct part *part, const uint32_t *places, uint32_t place_count,
                    uint32_t row, struct buf *scratch);
