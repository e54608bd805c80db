// The vocabulary as a tree of bytes.
#include <stdlib.h>
#include <string.h>

#include "model/language/grammar/constraint_private.h"
#include "model/language/grammar/marks.h"

enum { TREE_BYTES_MAX = 1 << 30 };

struct sorting {
    struct str text;
    uint32_t token;
};

static int token_compare(const void *a, const void *b) {
    const struct sorting *x = a, *y = b;
    return x->token < y->token ? -1 : x->token > y->token;
}

// The byte at `depth`; behind the end, what is less than any.
static int byte_at(const struct sorting *one, uint32_t depth) {
    return depth < one->text.size ? (uint8_t)one->text.data[depth] : -1;
}

static void sorting_swap(struct sorting *a, struct sorting *b) {
    struct sorting held = *a;
    *a = *b;
    *b = held;
}

// By text, equals by number. Source: Bentley and Sedgewick 1997, "Fast algorithms for sorting and
// searching strings": three parts by one byte, of which the middle goes on with the next. The
// largest part is what the loop goes on with, so that the stack stays low whatever the texts are.
static void texts_sort(struct sorting *all, uint32_t count, uint32_t depth) {
    while (count > 1) {
        int pivot = byte_at(&all[count / 2], depth);
        uint32_t less = 0, at = 0, more = count;
        while (at < more) {
            int byte = byte_at(&all[at], depth);
            if (byte < pivot) {
                sorting_swap(&all[less++], &all[at++]);
            } else if (byte > pivot) {
                sorting_swap(&all[at], &all[--more]);
            } else {
                at++;
            }
        }
        struct part {
            struct sorting *first;
            uint32_t count, depth;
        } parts[] = {{all, less, depth},
                     {all + less, more - less, depth + 1},
                     {all + more, count - more, depth}};
        if (pivot < 0) { // all of these are the same text
            qsort(parts[1].first, parts[1].count, sizeof *all, token_compare);
            parts[1].count = 0;
        }
        uint32_t largest = 0;
        for (uint32_t i = 1; i < 3; i++) {
            if (parts[i].count > parts[largest].count) largest = i;
        }
        for (uint32_t i = 0; i < 3; i++) {
            if (i != largest) texts_sort(parts[i].first, parts[i].count, parts[i].depth);
        }
        all = parts[largest].first;
        count = parts[largest].count;
        depth = parts[largest].depth;
    }
}

// What a token is to a grammar: its bytes; of a control token that is a mark, its code.
static void text_of(const struct tokenizer *tokenizer, uint32_t token, struct buf *out) {
    char code[MARK_CODE_BYTES];
    buf_clear(out);
    tokenizer_decode(tokenizer, token, false, out);
    if (out->size) return;
    tokenizer_decode(tokenizer, token, true, out);
    bool is_mark = mark_code(buf_str(out), code);
    buf_clear(out);
    if (is_mark) buf_add(out, code, sizeof code);
}

static enum err texts_take(struct token_tree *tree, const struct tokenizer *tokenizer) {
    struct buf text;
    buf_open(&text, 1 << 24);
    for (uint32_t i = 0; i < tree->tokens; i++) {
        text_of(tokenizer, i, &text);
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
    texts_sort(sorted, count, 0);
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
