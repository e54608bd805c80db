// The pages of LMDB's file, looked at with suspicion. A file has head pages 0 and 1; the one with
// the greater transaction number holds the roots of two trees: the free list, and the tree of
// names, whose leaves hold the roots of the tables.
//
//   page   0 u64 its own number   8 u16 pad  10 u16 flags   12 u16 lower, u16 upper (or u32 pages)
//         16 u16 places of the nodes, up to `lower`; nodes fill the page from `upper` to its end
//   node   0 u16 low, u16 high   4 u16 flags   6 u16 key size   8 key, then data
//   tree   0 u32 pad  4 u16 flags  6 u16 depth  8 u64 branch, leaf, overflow pages
//         32 u64 entries  40 u64 root
//   head  16 u32 magic, u32 version, u64 address, u64 map size  40 two trees
//        136 u64 last page  144 u64 transaction
//
// Source: mdb.c of LMDB 0.9, "Page Flags" to "struct MDB_meta". Little-endian machines only, like
// the file.
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "store/store_private.h"

enum {
    PAGE_HEAD_BYTES = 16,
    NODE_HEAD_BYTES = 8,
    TREE_BYTES = 48,
    HEAD_TREES = 40,
    HEAD_LAST_PAGE = 136,
    HEAD_TXN = 144,
    HEAD_BYTES = 152,
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,
    FLAG_HEAD = 8,
    NODE_BIG = 1,
    NODE_TREE = 2,
    DEPTH_MAX = 32,
    FINDINGS_MAX = 1000,
};
static const uint32_t MAGIC = 0xBEEFC0DE;
static const uint64_t NO_PAGE = UINT64_MAX;

struct pages {
    const uint8_t *data;
    uint64_t page_bytes, page_count; // whole pages in the file
    uint64_t last_page;              // as the head says
    uint8_t *seen;                   // one bit a page: stands in a tree or in the free list
    struct progress *progress;
    uint64_t done;
    void (*tell)(void *ctx, const struct fault *finding);
    void *ctx;
    uint64_t findings;
};

struct tree {
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
    uint16_t depth;
    bool numbered; // keys are u64 in the machine's order: the free list
    bool named;    // values are trees: the tree of names
};

// What one walk counts, to hold against what the tree says.
struct walk {
    const struct tree *tree;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
};

static uint16_t u16_at(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t u32_at(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t u64_at(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void found(struct pages *pages, uint64_t number) {
    if (pages->findings++ >= FINDINGS_MAX) return;
    char text[24];
    struct buf buf;
    buf_open(&buf, sizeof text);
    buf_add_u64(&buf, number);
    struct fault fault = {0};
    enum err err = fault_set(&fault, ERR_CORRUPT, "store.page_damaged", buf_str(&buf));
    cy_assert(err == ERR_CORRUPT);
    buf_close(&buf);
    pages->tell(pages->ctx, &fault);
}

// Marks `count` pages from `number` as used. False if one is outside or used already.
static bool claim(struct pages *pages, uint64_t number, uint64_t count) {
    if (number < 2 || number > pages->last_page || count > pages->last_page - number + 1) {
        return false;
    }
    for (uint64_t at = number; at < number + count; at++) {
        uint8_t bit = (uint8_t)(1 << (at & 7));
        if (pages->seen[at >> 3] & bit) return false;
        pages->seen[at >> 3] |= bit;
    }
    return true;
}

static const uint8_t *page_at(const struct pages *pages, uint64_t number) {
    if (number >= pages->page_count) return NULL;
    return pages->data + number * pages->page_bytes;
}

static struct tree tree_at(const uint8_t *at) {
    return (struct tree){.depth = u16_at(at + 6),
                         .branch_pages = u64_at(at + 8),
                         .leaf_pages = u64_at(at + 16),
                         .overflow_pages = u64_at(at + 24),
                         .entries = u64_at(at + 32),
                         .root = u64_at(at + 40)};
}

static void walk_tree(struct pages *pages, const struct tree *tree);

// ---- leaves ----------------------------------------------------------------------------------

// The bytes of a value that stands on pages of its own; NULL if they cannot be.
static const uint8_t *big_value(struct pages *pages, struct walk *walk, uint64_t number,
                                uint64_t size) {
    const uint8_t *page = page_at(pages, number);
    if (!page || u64_at(page) != number || u16_at(page + 10) != FLAG_OVERFLOW) return NULL;
    uint64_t count = u32_at(page + 12);
    if (count == 0 || size + PAGE_HEAD_BYTES > count * pages->page_bytes) return NULL;
    if (!claim(pages, number, count) || number + count > pages->page_count) return NULL;
    walk->overflow_pages += count;
    return page + PAGE_HEAD_BYTES;
}

// A list of the free list: a count and that many page numbers, none of them in use.
static bool free_pages_fit(struct pages *pages, const uint8_t *value, uint64_t size) {
    if (size < 8 || u64_at(value) > size / 8 - 1) return false;
    uint64_t count = u64_at(value);
    for (uint64_t i = 1; i <= count; i++) {
        if (!claim(pages, u64_at(value + 8 * i), 1)) return false;
    }
    return true;
}

static bool leaf_node_fits(struct pages *pages, struct walk *walk, const uint8_t *node,
                           size_t room) {
    uint16_t flags = u16_at(node + 4);
    size_t key_size = u16_at(node + 6);
    uint64_t size = u16_at(node) | (uint64_t)u16_at(node + 2) << 16;
    size_t here = flags & NODE_BIG ? 8 : size;
    if (flags & ~(unsigned)(NODE_BIG | NODE_TREE) || key_size == 0) return false;
    if (NODE_HEAD_BYTES + key_size > room || here > room - NODE_HEAD_BYTES - key_size) return false;
    const uint8_t *value = node + NODE_HEAD_BYTES + key_size;
    if (flags & NODE_BIG) {
        value = big_value(pages, walk, u64_at(value), size);
        if (!value) return false;
    }
    if (walk->tree->numbered) return key_size == 8 && free_pages_fit(pages, value, size);
    if (!walk->tree->named) return !(flags & NODE_TREE);
    if (!(flags & NODE_TREE) || size != TREE_BYTES) return false;
    struct tree inner = tree_at(value);
    walk_tree(pages, &inner);
    return true;
}

// ---- one page --------------------------------------------------------------------------------

static struct str node_key(const uint8_t *node) {
    return (struct str){(const char *)node + NODE_HEAD_BYTES, u16_at(node + 6)};
}

static bool keys_ascend(const struct walk *walk, const uint8_t *before, const uint8_t *node) {
    struct str a = node_key(before), b = node_key(node);
    if (!walk->tree->numbered) return str_compare(a, b) < 0;
    if (a.size != 8 || b.size != 8) return false;
    return u64_at((const uint8_t *)a.data) < u64_at((const uint8_t *)b.data);
}

// Head, places and keys of a page; *out_nodes is how many it has.
static bool page_fits(const struct pages *pages, const struct walk *walk, const uint8_t *page,
                      uint64_t number, bool leaf, size_t *out_nodes) {
    uint16_t lower = u16_at(page + 12), upper = u16_at(page + 14);
    if (u64_at(page) != number) return false;
    if (u16_at(page + 10) != (leaf ? FLAG_LEAF : FLAG_BRANCH)) return false;
    if (lower < PAGE_HEAD_BYTES || lower > upper || upper > pages->page_bytes) return false;
    size_t nodes = (size_t)(lower - PAGE_HEAD_BYTES) / 2;
    if (nodes < 1) return false;
    const uint8_t *before = NULL;
    for (size_t i = 0; i < nodes; i++) {
        size_t place = u16_at(page + PAGE_HEAD_BYTES + 2 * i);
        if (place < upper || place + NODE_HEAD_BYTES > pages->page_bytes) return false;
        const uint8_t *node = page + place;
        if (place + NODE_HEAD_BYTES + u16_at(node + 6) > pages->page_bytes) return false;
        // A branch's first key is never looked at.
        if (before && (leaf || i > 1) && !keys_ascend(walk, before, node)) return false;
        before = node;
    }
    *out_nodes = nodes;
    return true;
}

static void walk_page(struct pages *pages, struct walk *walk, uint64_t number, uint16_t depth) {
    if (progress_cancelled(pages->progress)) return;
    const uint8_t *page = page_at(pages, number);
    bool leaf = depth == 1;
    size_t nodes;
    if (!page || !claim(pages, number, 1) || !page_fits(pages, walk, page, number, leaf, &nodes)) {
        found(pages, number);
        return;
    }
    progress_set(pages->progress, PHASE_VERIFY, ++pages->done, pages->last_page);
    if (leaf) {
        walk->leaf_pages++;
        walk->entries += nodes;
    } else {
        walk->branch_pages++;
    }
    for (size_t i = 0; i < nodes; i++) {
        size_t place = u16_at(page + PAGE_HEAD_BYTES + 2 * i);
        const uint8_t *node = page + place;
        if (leaf) {
            if (!leaf_node_fits(pages, walk, node, pages->page_bytes - place)) found(pages, number);
        } else {
            uint64_t below =
                u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
            walk_page(pages, walk, below, (uint16_t)(depth - 1));
        }
    }
}

static void walk_tree(struct pages *pages, const struct tree *tree) {
    uint64_t before = pages->findings;
    if (tree->root == NO_PAGE) {
        if (tree->entries != 0 || tree->depth != 0) found(pages, 0);
        return;
    }
    if (tree->depth == 0 || tree->depth > DEPTH_MAX) {
        found(pages, tree->root);
        return;
    }
    struct walk walk = {.tree = tree};
    walk_page(pages, &walk, tree->root, tree->depth);
    bool fits = walk.entries == tree->entries && walk.branch_pages == tree->branch_pages &&
                walk.leaf_pages == tree->leaf_pages && walk.overflow_pages == tree->overflow_pages;
    if (!fits && pages->findings == before && !progress_cancelled(pages->progress)) {
        found(pages, tree->root);
    }
}

// ---- the file --------------------------------------------------------------------------------

// The head with the wanted transaction, or the newest; NULL if none makes sense.
static const uint8_t *head_of(struct pages *pages, size_t size, uint64_t txn_id) {
    if (size < PAGE_HEAD_BYTES + HEAD_BYTES) return NULL;
    uint64_t page_bytes = u32_at(pages->data + HEAD_TREES);
    if (page_bytes < 512 || page_bytes > 65536 || (page_bytes & (page_bytes - 1))) return NULL;
    pages->page_bytes = page_bytes;
    pages->page_count = size / page_bytes;
    const uint8_t *best = NULL;
    for (uint64_t i = 0; i < 2; i++) {
        const uint8_t *page = page_at(pages, i);
        if (!page || u64_at(page) != i || !(u16_at(page + 10) & FLAG_HEAD)) return NULL;
        if (u32_at(page + 16) != MAGIC || u32_at(page + 20) != 1) return NULL;
        uint64_t txn = u64_at(page + HEAD_TXN);
        if (txn_id ? txn == txn_id : !best || txn > u64_at(best + HEAD_TXN)) best = page;
    }
    return best;
}

enum err pages_check(const char *data_path, uint64_t txn_id, struct progress *progress,
                     void (*tell)(void *ctx, const struct fault *finding), void *ctx,
                     uint64_t *out_findings) {
    struct file_map map;
    enum err err = file_map(data_path, &map, NULL);
    if (err != OK) return err;
    struct pages pages = {.data = map.data, .progress = progress, .tell = tell, .ctx = ctx};
    // The head may be overwritten while we look, so a copy is kept and must be the same twice.
    const uint8_t *in_file = head_of(&pages, map.size, txn_id);
    uint8_t copy[PAGE_HEAD_BYTES + HEAD_BYTES] = {0};
    if (in_file) memcpy(copy, in_file, sizeof copy);
    if (txn_id && (!in_file || u64_at(copy + HEAD_TXN) != txn_id ||
                   memcmp(copy, in_file, sizeof copy) != 0)) {
        file_unmap(&map);
        return ERR_CONFLICT;
    }
    const uint8_t *head = in_file ? copy : NULL;
    if (head) {
        pages.last_page = u64_at(head + HEAD_LAST_PAGE);
        // The end of the file may be missing only where pages are free; more than that is no file.
        if (pages.last_page < 1 || pages.last_page > (uint64_t)1 << 40 ||
            pages.last_page / 64 > pages.page_count + 1024) {
            head = NULL;
        }
    }
    if (!head) {
        found(&pages, 0);
        err = ERR_CORRUPT;
    } else {
        pages.seen = memory_take((size_t)(pages.last_page / 8 + 1));
        if (!pages.seen) err = ERR_MEMORY;
    }
    if (err == OK) {
        struct tree names = tree_at(head + HEAD_TREES + TREE_BYTES);
        struct tree unused = tree_at(head + HEAD_TREES);
        names.named = unused.numbered = true;
        walk_tree(&pages, &names);
        walk_tree(&pages, &unused);
        if (progress_cancelled(progress)) err = ERR_CANCELLED;
    }
    memory_give(pages.seen);
    file_unmap(&map);
    if (err == OK || err == ERR_CORRUPT) *out_findings += pages.findings;
    return err;
}

bool pages_file_is_whole(const char *data_path) {
    struct file_map map;
    if (file_map(data_path, &map, NULL) != OK) return false;
    struct pages pages = {.data = map.data};
    const uint8_t *head = head_of(&pages, map.size, 0);
    bool whole = head && u64_at(head + HEAD_LAST_PAGE) < pages.page_count;
    file_unmap(&map);
    return whole;
}

bool pages_newest_txn(const char *data_path, uint64_t *out) {
    struct file_map map;
    if (file_map(data_path, &map, NULL) != OK) return false;
    struct pages pages = {.data = map.data};
    const uint8_t *head = head_of(&pages, map.size, 0);
    if (head) *out = u64_at(head + HEAD_TXN);
    file_unmap(&map);
    return head != NULL;
}
