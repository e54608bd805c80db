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
    uint64_t whole[PERSONAL_KIND_COUNT];      // of these, cells that are nothing but the identifier
    uint64_t confidence[PERSONAL_KIND_COUNT]; // summed over the cells
};
// Scans one column; rows that are gone (gone NULL: none) are not looked at. Numbers are looked at
// as they are written. `counts` is added to.
void personal_count(const struct column *column, uint32_t row_count, const uint32_t *gone,
                    struct personal_counts *counts);

// Where the first hits of each kind stand in a batch.
enum { PERSONAL_EXAMPLES = 3 };
struct personal_place {
    uint32_t row, start, size;
};
struct personal_seen {
    uint8_t count[PERSONAL_KIND_COUNT];
    struct personal_place place[PERSONAL_KIND_COUNT][PERSONAL_EXAMPLES];
};
// The same for a check: the column's name counts as a word beside its numbers, and names, addresses
// and institutions are looked for in some of the rows. `counts` and `seen` are added to.
void personal_profile(const struct column *column, uint32_t row_count, struct str name,
                      struct personal_counts *counts, struct personal_seen *seen);
