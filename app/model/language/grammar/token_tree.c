// The vocabulary as a tree of bytes.
#include <stdlib.h>
#include <string.h>

#include "model/language/grammar/constraint_private.h"

enum { TREE_BYTES_MAX = 1 << 30 };

struct sorting {
    struct str text;
    uint32_t token;
};

static int sorting_compare(const void *a, const void *b) {
    const struct sorting *x = a, *y = b;
    int order = str_compare(x->text, y->text);
    return order ? order : x->token < y->token ? -1 : 1;
}

static enum err texts_take(struct token_tree *tree, const struct tokenizer *tokenizer) {
    struct buf text;
    buf_open(&text, 1 << 24);
    for (uint32_t i = 0; i < tree->tokens; i++) {
        buf_clear(&text);
        tokenizer_decode(tokenizer, i, false, &text);
        char *copy = text.size < TOKEN_DEPTH_MAX ? arena_take(tree->arena, text.size + 1) : NULL;
        if (!copy && text.size < TOKEN_DEPTH_MAX) break;
        if (copy && text.size) memcpy(copy, text.data, text.size);
        tree->texts[i] = (struct str){copy, copy ? text.size : 0};
        tree->same[i] = TOKEN_NONE;
        if (i + 1 == tree->tokens) {
            buf_close(&text);
            return OK;
        }
    }
    buf_close(&text);
    return ERR_MEMORY;
}

// The nodes of tokens in order: each adds what it does not share with the one before.
static void nodes_make(struct token_tree *tree, const struct sorting *sorted, uint32_t count) {
    uint32_t open[TOKEN_DEPTH_MAX + 1]; // the node of each depth on the way to the last token
    struct str before = STR("");
    uint32_t depth = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct str text = sorted[i].text;
        uint32_t shared = 0;
        while (shared < depth && shared < text.size && text.data[shared] == before.data[shared]) {
            shared++;
        }
        for (; depth > shared; depth--) tree->nodes[open[depth]].after = tree->count;
        if (shared == text.size && i > 0 && str_equal(text, before)) {
            uint32_t token = tree->nodes[open[depth]].token;
            while (tree->same[token] != TOKEN_NONE) token = tree->same[token];
            tree->same[token] = sorted[i].token;
            continue;
        }
        for (; depth < text.size; depth++) {
            open[depth + 1] = tree->count;
            tree->nodes[tree->count++] = (struct tree_node){.token = TOKEN_NONE,
                                                            .depth = (uint16_t)(depth + 1),
                                                            .byte = (uint8_t)text.data[depth]};
        }
        tree->nodes[open[depth]].token = sorted[i].token;
        before = text;
    }
    for (; depth > 0; depth--) tree->nodes[open[depth]].after = tree->count;
}

static void reaches_fill(struct token_tree *tree) {
    uint32_t open[TOKEN_DEPTH_MAX + 1] = {0};
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t depth = tree->nodes[i].depth;
        uint8_t reach = depth < UINT8_MAX ? (uint8_t)depth : UINT8_MAX;
        open[depth] = i;
        // Those above that reach as far have been told so by one before.
        for (uint32_t d = depth; d > 0 && tree->nodes[open[d]].reach < reach; d--) {
            tree->nodes[open[d]].reach = reach;
        }
    }
}

static enum err tree_build(struct token_tree *tree, const struct tokenizer *tokenizer) {
    size_t bytes = 0;
    uint32_t count = 0;
    tree->tokens = tokenizer_count(tokenizer);
    tree->texts = ARENA_ARRAY(tree->arena, struct str, tree->tokens);
    tree->same = ARENA_ARRAY(tree->arena, uint32_t, tree->tokens);
    if (!tree->texts || !tree->same) return ERR_MEMORY;
    enum err err = texts_take(tree, tokenizer);
    struct sorting *sorted = memory_take(sizeof *sorted * (tree->tokens + 1));
    if (err != OK || !sorted) {
        memory_give(sorted);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < tree->tokens; i++) {
        if (!tree->texts[i].size) continue;
        sorted[count++] = (struct sorting){tree->texts[i], i};
        bytes += tree->texts[i].size;
    }
    qsort(sorted, count, sizeof *sorted, sorting_compare);
    tree->nodes = ARENA_ARRAY(tree->arena, struct tree_node, bytes + 1);
    if (tree->nodes) nodes_make(tree, sorted, count);
    if (tree->nodes) reaches_fill(tree);
    memory_give(sorted);
    return tree->nodes ? OK : ERR_MEMORY;
}

enum err token_tree_open(const struct tokenizer *tokenizer, uint32_t vocabulary,
                         struct token_tree **out) {
    struct token_tree *tree = memory_take(sizeof *tree);
    enum err err = tree ? arena_open(TREE_BYTES_MAX, &tree->arena) : ERR_MEMORY;
    if (err == OK) tree->vocabulary = vocabulary;
    if (err == OK) err = tree_build(tree, tokenizer);
    if (err == OK) {
        *out = tree;
    } else {
        token_tree_close(tree);
    }
    return err;
}

void token_tree_close(struct token_tree *tree) {
    if (!tree) return;
    arena_close(tree->arena);
    memory_give(tree);
}
