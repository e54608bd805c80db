// Constraints of many answers at one time. Those that ask for the same share one, and with it the
// masks that it has found; one that nobody uses is kept for the next who asks, as long as there is
// room. One thread.
#pragma once

#include "model/language/grammar/constraint.h"

enum {
    CONSTRAINT_STORE_COUNT = 64,          // of them, and in bytes of all together
    CONSTRAINT_STORE_BYTES = 96 << 20,    // (the vocabulary's tree comes on top of it)
    CONSTRAINT_STORE_KEY_BYTES = 1 << 20, // of what is asked for
};

struct constraint_store;
// `ends`, `vocabulary`: of constraint.h. The tokenizer must outlive it. ERR_MEMORY.
enum err constraint_store_open(const struct tokenizer *tokenizer, uint32_t vocabulary,
                               const uint32_t *ends, uint32_t end_count,
                               struct constraint_store **out) MUST_USE;
void constraint_store_close(struct constraint_store *store); // NULL is fine
// Makes the vocabulary's tree, unless it is there: 0.1 s. constraint_store_take does so too.
enum err constraint_store_prepare(struct constraint_store *store) MUST_USE;

// What is asked for: `key` is all that the grammar depends on; `make` is called where none of that
// key is kept.
struct constraint_wish {
    struct str key;
    enum err (*make)(void *ctx, struct grammar **out, struct fault *fault);
    void *ctx;
};
// Given back with constraint_store_give. What `make` gives; ERR_LIMIT "constraint.too_large": the
// key, or no room beside those in use; ERR_MEMORY.
enum err constraint_store_take(struct constraint_store *store, const struct constraint_wish *wish,
                               struct constraint **out, struct fault *fault) MUST_USE;
void constraint_store_give(struct constraint_store *store, struct constraint *constraint);
// False: those in use have outgrown the room, though all others were let go.
bool constraint_store_fits(struct constraint_store *store);
