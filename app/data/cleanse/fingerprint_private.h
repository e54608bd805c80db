// 64- and 128-bit fingerprints of cells and rows, and sets of them. Not cryptographic: two
// different rows have the same 128 bits with a chance of about 2^-128 each pair, which is what
// makes "exact" duplicates exact; nothing here keeps a secret. The same values give the same bits
// on any machine. A set belongs to one thread at a time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "data/table.h"

struct fingerprint {
    uint64_t high, low;
};

struct fingerprint fingerprint_start(void);
void fingerprint_add_word(struct fingerprint *fingerprint, uint64_t word);
void fingerprint_add_bytes(struct fingerprint *fingerprint, const void *data, size_t size);
// The cell with its type's own meaning: -0 is 0, missing differs from empty.
void fingerprint_add_cell(struct fingerprint *fingerprint, const struct column *column,
                          uint32_t row);
uint64_t fingerprint_64(const struct fingerprint *fingerprint);

// A set of 128-bit fingerprints in 256 parts that grow by themselves, so that growing never holds
// the whole twice. 16 to 32 bytes an entry.
struct fingerprint_set;
enum err fingerprint_set_open(struct fingerprint_set **out) MUST_USE;
void fingerprint_set_close(struct fingerprint_set *set); // NULL is fine
// *added: it was not there before.
enum err fingerprint_set_add(struct fingerprint_set *set, struct fingerprint fingerprint,
                             bool *added) MUST_USE;
uint64_t fingerprint_set_count(const struct fingerprint_set *set);
