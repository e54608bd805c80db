// Parts of a table as the runner sees them. Depends on operator_private.h; a part belongs to one
// thread at a time.
#pragma once

#include "data/cleanse/operator_private.h"

// The rows and columns that are left, copied into the part's arena; row_count may be 0. first_row
// is the caller's to set.
enum err part_gather(const struct part *part, const struct plan *plan, struct batch *out) MUST_USE;

// Cells with personal data, by kind: what a scan of some columns found.
struct personal_counts {
    uint64_t cells[PERSONAL_KIND_COUNT];
    uint64_t whole[PERSONAL_KIND_COUNT]; // of these, cells that are nothing but the identifier
};
// Scans one column; rows that are gone (gone NULL: none) are not looked at. Numbers are looked at
// as they are written. `counts` is added to.
void personal_count(const struct column *column, uint32_t row_count, const uint32_t *gone,
                    struct personal_counts *counts);
