// A chain of records: each holds the hash of the one before it and that of its own fields, in their
// record form, whose every field carries its kind and size, so that no two entries read alike. The
// newest sequence and hash stand in the meta table: an end that was cut off is found too. The audit
// chain and the ledger are such chains; each writes and reads its own fields, this keeps the rest.
#pragma once

#include "store/store.h"

struct chain {
    enum store_table table;
    struct str head;  // its key in the meta table
    const char *code; // of the fault when it does not hold together; row: where
    uint16_t version;
    size_t bytes_max; // of one record
};
struct chain_link {
    uint64_t sequence; // from 1 without gaps
    int64_t time_ms;
    struct hash previous, own;
};
// Appends an entry: its link, then what `put` writes.
enum err chain_append(struct store_txn *txn, const struct chain *chain,
                      void (*put)(struct record_writer *writer, const void *entry),
                      const void *entry) MUST_USE;

// Reading one: begin, the owner's own fields, end. `hashed` goes from one to the other.
struct str chain_begin(struct record_reader *record, struct chain_link *out);
// *out_fits: the hash is the one that the fields give. ERR_CORRUPT.
enum err chain_end(struct record_reader *record, struct str hashed, struct chain_link *link,
                   bool *out_fits) MUST_USE;

// From the newest down, only those before the sequence `before` (0: all).
enum err chain_scan(struct store_txn *txn, const struct chain *chain, uint64_t before,
                    bool (*visit)(void *ctx, struct str key, struct record_reader *record),
                    void *ctx) MUST_USE;
// How far a chain has been held together. All zero: nothing of it.
struct chain_walk {
    struct chain_link last; // that was read; sequence 0: none
    bool ended;             // all was read, and the head fits
};
// Holds the next `most` records (0: all that are left) against the one before each, and the last of
// all against the head: for walks that go over many short transactions, between which the chain may
// grow. ERR_CORRUPT with the chain's code and, as row, the sequence where it broke.
enum err chain_walk(struct store_txn *txn, const struct chain *chain,
                    enum err (*read)(void *ctx, struct record_reader *record,
                                     struct chain_link *out, bool *out_fits),
                    void *ctx, uint64_t most, struct chain_walk *walk,
                    struct fault *fault) MUST_USE;
// The whole of it. *out: the last link.
enum err chain_verify(struct store_txn *txn, const struct chain *chain,
                      enum err (*read)(void *ctx, struct record_reader *record,
                                       struct chain_link *out, bool *out_fits),
                      void *ctx, struct chain_link *out, struct fault *fault) MUST_USE;
