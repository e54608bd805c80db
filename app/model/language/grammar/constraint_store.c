#include "model/language/grammar/constraint_store.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

struct kept {
    struct buf key;
    struct grammar *grammar;
    struct constraint *constraint; // NULL: the place is free
    uint32_t users;
    uint64_t used; // the greater, the later
};
struct constraint_store {
    const struct tokenizer *tokenizer;
    uint32_t vocabulary;
    uint32_t *ends, end_count;
    struct token_tree *tree; // NULL: not made yet
    struct kept kept[CONSTRAINT_STORE_COUNT];
    uint64_t uses;
};

enum err constraint_store_open(const struct tokenizer *tokenizer, uint32_t vocabulary,
                               const uint32_t *ends, uint32_t end_count,
                               struct constraint_store **out) {
    struct constraint_store *store = memory_take(sizeof *store);
    if (!store) return ERR_MEMORY;
    *store = (struct constraint_store){
        .tokenizer = tokenizer, .vocabulary = vocabulary, .end_count = end_count};
    store->ends = memory_take((end_count + 1) * sizeof *ends);
    if (!store->ends) {
        constraint_store_close(store);
        return ERR_MEMORY;
    }
    if (end_count) memcpy(store->ends, ends, end_count * sizeof *ends);
    *out = store;
    return OK;
}

enum err constraint_store_prepare(struct constraint_store *store) {
    if (store->tree) return OK;
    return token_tree_open(store->tokenizer, store->vocabulary, &store->tree);
}

static void forget(struct kept *kept) {
    constraint_close(kept->constraint);
    grammar_close(kept->grammar);
    buf_close(&kept->key);
    *kept = (struct kept){.users = 0};
}

void constraint_store_close(struct constraint_store *store) {
    if (!store) return;
    for (uint32_t i = 0; i < CONSTRAINT_STORE_COUNT; i++) {
        if (store->kept[i].constraint) forget(&store->kept[i]);
    }
    token_tree_close(store->tree);
    memory_give(store->ends);
    memory_give(store);
}

// Of those that nobody uses the one that was used the longest ago; NULL: there is none.
static struct kept *oldest(struct constraint_store *store) {
    struct kept *best = NULL;
    for (uint32_t i = 0; i < CONSTRAINT_STORE_COUNT; i++) {
        struct kept *one = &store->kept[i];
        if (!one->constraint || one->users) continue;
        if (!best || one->used < best->used) best = one;
    }
    return best;
}

bool constraint_store_fits(struct constraint_store *store) {
    for (;;) {
        size_t bytes = 0;
        for (uint32_t i = 0; i < CONSTRAINT_STORE_COUNT; i++) {
            if (store->kept[i].constraint) bytes += constraint_bytes(store->kept[i].constraint);
        }
        if (bytes <= CONSTRAINT_STORE_BYTES) return true;
        struct kept *one = oldest(store);
        if (!one) return false;
        forget(one);
    }
}

static struct kept *room_for_one(struct constraint_store *store) {
    if (!constraint_store_fits(store)) return NULL;
    for (uint32_t i = 0; i < CONSTRAINT_STORE_COUNT; i++) {
        if (!store->kept[i].constraint) return &store->kept[i];
    }
    struct kept *one = oldest(store);
    if (one) forget(one);
    return one;
}

static enum err kept_make(struct constraint_store *store, const struct constraint_wish *wish,
                          struct kept *kept, struct fault *fault) {
    enum err err = wish->make(wish->ctx, &kept->grammar, fault);
    if (err != OK) return err;
    err = constraint_store_prepare(store);
    if (err == OK) {
        err = constraint_open(kept->grammar, store->tree, store->ends, store->end_count,
                              &kept->constraint);
    }
    buf_open(&kept->key, CONSTRAINT_STORE_KEY_BYTES);
    buf_add_str(&kept->key, wish->key);
    if (err == OK) err = buf_err(&kept->key);
    return err == OK ? OK : fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

enum err constraint_store_take(struct constraint_store *store, const struct constraint_wish *wish,
                               struct constraint **out, struct fault *fault) {
    struct kept *kept = NULL;
    for (uint32_t i = 0; i < CONSTRAINT_STORE_COUNT && !kept; i++) {
        struct kept *one = &store->kept[i];
        if (one->constraint && str_equal(buf_str(&one->key), wish->key)) kept = one;
    }
    if (!kept) {
        kept = wish->key.size <= CONSTRAINT_STORE_KEY_BYTES ? room_for_one(store) : NULL;
        if (!kept) return fault_set(fault, ERR_LIMIT, "constraint.too_large", STR_NONE);
        enum err err = kept_make(store, wish, kept, fault);
        if (err != OK) {
            forget(kept);
            return err;
        }
    }
    kept->users++;
    kept->used = ++store->uses;
    *out = kept->constraint;
    return OK;
}

void constraint_store_give(struct constraint_store *store, struct constraint *constraint) {
    for (uint32_t i = 0; i < CONSTRAINT_STORE_COUNT; i++) {
        if (store->kept[i].constraint != constraint) continue;
        cy_assert(store->kept[i].users > 0);
        store->kept[i].users--;
        return;
    }
    cy_assert(false);
}
