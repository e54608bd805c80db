// The Adult table with its hierarchies, coded: the usual bench of k-anonymity. It lies beside the
// project, not in it: ../shared/data or COURTYARD_DATA.
#pragma once

#include <stdbool.h>

#include "data/anonymity/anonymity.h"

enum { ADULT_COLUMNS = 9 };
struct adult {
    struct arena *arena;
    struct hierarchy trees[ADULT_COLUMNS];
    uint32_t *codes[ADULT_COLUMNS]; // (rows)
    uint64_t rows;
};
// False if the files are not there.
bool adult_open(struct adult *out);
void adult_close(struct adult *adult);
// The first `quasi_count` columns as quasi-identifiers.
struct coded_table adult_table(const struct adult *adult, uint32_t quasi_count);
// A longer table like it: real rows, a quarter of whose cells come from other rows.
bool adult_grow(const struct adult *adult, uint64_t rows, struct adult *out);
