#include "appliance/disk/squashfs.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum {
    MAGIC = 0x73717368,
    BLOCK_LOG = 17, // 128 KiB: what one read of a file reads at least
    BLOCK = 1 << BLOCK_LOG,
    META = 8192,           // bytes of a piece of metadata, without its header
    META_HEADER = 2,       // its size
    META_AS_IS = 0x8000,   // not packed
    BLOCK_AS_IS = 1 << 24, // the same of a file's block
    ZLIB = 1,              // a packer must be named, though nothing is packed
    ROW_ENTRIES = 256,     // of a folder behind one header
    DIR_END = 3,           // a folder's size counts "." and ".."
    MODE_FOLDER = 0755,
    MODE_LINK = 0777,
    INODE_FOLDER_BYTES = 40,
    INODE_FILE_BYTES = 56, // and four a block
    INODE_LINK_BYTES = 24, // and its target
    // superblock: inodes, data and fragments as they are; no fragments, no attributes; owners too
    FLAGS = 0x1 | 0x2 | 0x8 | 0x10 | 0x200 | 0x800,
};
#define NOWHERE UINT64_MAX
#define NONE UINT32_MAX

// Kinds as a folder lists them; an inode with the longer form says 7 more.
enum kind { FOLDER = 1, FILE_PLAIN = 2, LINK = 3, LONGER = 7 };

struct node {
    struct str name;
    const struct squashfs_entry *entry; // NULL: a folder
    uint32_t parent;                    // its place in tree.nodes; of the root its own
    uint32_t number;                    // of the inode, from 1
    uint32_t first, children, folders;  // of a folder: in tree.sorted; how many; folders of them
    uint64_t inode;                     // where it begins in the inodes
    uint64_t data;                      // where a file's bytes begin in the image
    uint64_t listing;                   // where a folder's begins in the folders
    uint32_t listing_bytes;
};

struct tree {
    struct node *nodes;   // as they were met, the root first
    struct node **sorted; // the root first, then folder by folder, by name
    size_t count;
    uint64_t data_bytes;
    struct buf inodes, folders; // before they are cut into pieces
};

// ---- numbers ------------------------------------------------------------------------------------
static void put(struct buf *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) buf_add_char(out, (char)(value >> (8 * i) & 0xff));
}

// Where a byte of the uncut metadata lies: its piece's place and the place in it.
static uint32_t piece_of(uint64_t at) {
    return (uint32_t)(at / META * (META + META_HEADER));
}

static uint32_t within(uint64_t at) {
    return (uint32_t)(at % META);
}

// Cut into pieces, each behind its size.
static void pieces_put(struct buf *out, const struct buf *from) {
    for (size_t at = 0; at < from->size; at += META) {
        size_t size = from->size - at < META ? from->size - at : META;
        put(out, size | META_AS_IS, META_HEADER);
        buf_add(out, from->data + at, size);
    }
}

// ---- the tree -----------------------------------------------------------------------------------
static bool node_add(struct tree *tree, struct str name, uint32_t parent,
                     const struct squashfs_entry *entry) {
    if (tree->count == SQUASHFS_NODES_MAX) return false;
    tree->nodes[tree->count++] = (struct node){.name = name, .parent = parent, .entry = entry};
    return true;
}

// In the order of their paths all that lies below a folder stands together, so that the folders of
// the last path are all there is to look through: open[0 .. depth), the root first.
static bool path_add(struct tree *tree, const struct squashfs_entry *entry,
                     uint32_t open[static SQUASHFS_DEPTH_MAX], uint32_t *depth) {
    struct str rest = entry->path;
    uint32_t level = 1;
    for (const char *slash; (slash = memchr(rest.data, '/', rest.size)); level++) {
        struct str name = {rest.data, (size_t)(slash - rest.data)};
        rest = (struct str){slash + 1, rest.size - name.size - 1};
        if (level < *depth && str_equal(tree->nodes[open[level]].name, name)) continue;
        if (level == SQUASHFS_DEPTH_MAX || !node_add(tree, name, open[level - 1], NULL)) {
            return false;
        }
        open[level] = (uint32_t)tree->count - 1;
        *depth = level + 1;
    }
    *depth = level;
    return node_add(tree, rest, open[level - 1], entry);
}

static int by_place(const void *one, const void *other) {
    const struct node *a = *(const struct node *const *)one;
    const struct node *b = *(const struct node *const *)other;
    if (a->parent != b->parent) return a->parent < b->parent ? -1 : 1;
    return str_compare(a->name, b->name);
}

// Sorted, numbered, every folder with its children.
static enum err tree_sort(struct tree *tree, const struct squashfs_entry *entries, size_t *at) {
    for (size_t i = 0; i < tree->count; i++) tree->sorted[i] = &tree->nodes[i];
    qsort(tree->sorted + 1, tree->count - 1, sizeof(struct node *), by_place);
    for (size_t i = 0; i < tree->count; i++) {
        struct node *node = tree->sorted[i], *before = i > 1 ? tree->sorted[i - 1] : NULL;
        node->number = (uint32_t)i + 1;
        if (i == 0) continue;
        if (before && before->parent == node->parent && str_equal(before->name, node->name)) {
            *at = (size_t)((node->entry ? node : before)->entry - entries);
            return ERR_CONFLICT;
        }
        struct node *folder = &tree->nodes[node->parent];
        if (folder->children++ == 0) folder->first = (uint32_t)i;
        if (!node->entry) folder->folders++;
    }
    return OK;
}

static enum err tree_read(struct tree *tree, const struct squashfs_entry *entries, size_t count,
                          size_t *at) {
    uint32_t open[SQUASHFS_DEPTH_MAX] = {0}, depth = 1;
    bool room = node_add(tree, STR_NONE, 0, NULL);
    cy_assert(room);
    for (size_t i = 0; i < count; i++) {
        cy_assert(i == 0 || str_compare(entries[i - 1].path, entries[i].path) <= 0);
        if (path_add(tree, &entries[i], open, &depth)) continue;
        *at = i;
        return ERR_LIMIT;
    }
    return tree_sort(tree, entries, at);
}

// ---- places -------------------------------------------------------------------------------------
static uint64_t blocks_of(const struct node *node) {
    return (node->entry->bytes + BLOCK - 1) >> BLOCK_LOG;
}

static uint64_t inode_bytes(const struct node *node) {
    if (!node->entry) return INODE_FOLDER_BYTES;
    if (node->entry->target.size) return INODE_LINK_BYTES + node->entry->target.size;
    return INODE_FILE_BYTES + 4 * blocks_of(node);
}

// Inodes in the order of their numbers, files in the order of the list.
static void places_give(struct tree *tree, const struct squashfs_entry *entries) {
    uint64_t inode = 0, data = SQUASHFS_HEAD_BYTES;
    for (size_t i = 0; i < tree->count; i++) {
        tree->sorted[i]->inode = inode;
        inode += inode_bytes(tree->sorted[i]);
    }
    for (size_t i = 1; i < tree->count; i++) { // met in the order of the list
        struct node *node = &tree->nodes[i];
        cy_assert(!node->entry || node->entry >= entries);
        node->data = data;
        if (node->entry && node->entry->target.size == 0) data += node->entry->bytes;
    }
    tree->data_bytes = data - SQUASHFS_HEAD_BYTES;
}

// ---- folders ------------------------------------------------------------------------------------
static enum kind kind_of(const struct node *node) {
    if (!node->entry) return FOLDER;
    return node->entry->target.size ? LINK : FILE_PLAIN;
}

// Children behind one header have their inodes in one piece.
static uint32_t row_count(struct node *const *children, uint32_t left) {
    uint32_t count = 1, most = left < ROW_ENTRIES ? left : ROW_ENTRIES;
    while (count < most && piece_of(children[count]->inode) == piece_of(children[0]->inode)) {
        count++;
    }
    return count;
}

static void listing_put(struct tree *tree, struct node *folder) {
    struct buf *out = &tree->folders;
    folder->listing = out->size;
    for (uint32_t done = 0; done < folder->children;) {
        struct node *const *row = tree->sorted + folder->first + done;
        uint32_t count = row_count(row, folder->children - done);
        put(out, count - 1, 4);
        put(out, piece_of(row[0]->inode), 4);
        put(out, row[0]->number, 4);
        for (uint32_t i = 0; i < count; i++) {
            put(out, within(row[i]->inode), 2);
            put(out, row[i]->number - row[0]->number, 2);
            put(out, kind_of(row[i]), 2);
            put(out, row[i]->name.size - 1, 2);
            buf_add_str(out, row[i]->name);
        }
        done += count;
    }
    folder->listing_bytes = (uint32_t)(out->size - folder->listing);
}

// ---- inodes -------------------------------------------------------------------------------------
static void inode_put(struct buf *out, unsigned kind, unsigned mode, const struct node *node) {
    put(out, kind, 2);
    put(out, mode, 2);
    put(out, 0, 2); // owner and group: the first of the table
    put(out, 0, 2);
    put(out, 0, 4); // time
    put(out, node->number, 4);
}

static void folder_put(const struct tree *tree, struct buf *out, const struct node *node) {
    bool root = node == &tree->nodes[0];
    uint32_t parent = root ? (uint32_t)tree->count + 1 : tree->nodes[node->parent].number;
    inode_put(out, FOLDER + LONGER, MODE_FOLDER, node);
    put(out, 2 + node->folders, 4);
    put(out, node->listing_bytes + DIR_END, 4);
    put(out, piece_of(node->listing), 4);
    put(out, parent, 4);
    put(out, 0, 2); // no index
    put(out, within(node->listing), 2);
    put(out, NONE, 4); // attributes
}

static void link_put(struct buf *out, const struct node *node) {
    inode_put(out, LINK, MODE_LINK, node);
    put(out, 1, 4);
    put(out, node->entry->target.size, 4);
    buf_add_str(out, node->entry->target);
}

static void file_put(struct buf *out, const struct node *node) {
    uint64_t left = node->entry->bytes;
    inode_put(out, FILE_PLAIN + LONGER, node->entry->executable ? 0755 : 0644, node);
    put(out, node->data, 8);
    put(out, left, 8);
    put(out, 0, 8); // sparse
    put(out, 1, 4);
    put(out, NONE, 4); // fragment
    put(out, 0, 4);
    put(out, NONE, 4); // attributes
    for (; left > 0; left -= left < BLOCK ? left : BLOCK) {
        put(out, (left < BLOCK ? left : BLOCK) | BLOCK_AS_IS, 4);
    }
}

static void inodes_put(struct tree *tree) {
    struct buf *out = &tree->inodes;
    for (size_t i = 0; i < tree->count; i++) {
        const struct node *node = tree->sorted[i];
        cy_assert(buf_err(out) != OK || out->size == node->inode);
        switch (kind_of(node)) {
        case FOLDER: folder_put(tree, out, node); break;
        case LINK: link_put(out, node); break;
        default: file_put(out, node);
        }
    }
}

// ---- the whole ----------------------------------------------------------------------------------
struct places {
    uint64_t inodes, folders, owners, end;
};

static void head_put(const struct tree *tree, const struct places *places, struct buf *out) {
    put(out, MAGIC, 4);
    put(out, tree->count, 4);
    put(out, 0, 4); // time
    put(out, BLOCK, 4);
    put(out, 0, 4); // fragments
    put(out, ZLIB, 2);
    put(out, BLOCK_LOG, 2);
    put(out, FLAGS, 2);
    put(out, 1, 2); // owners
    put(out, 4, 2); // version
    put(out, 0, 2);
    put(out, (uint64_t)piece_of(tree->sorted[0]->inode) << 16 | within(tree->sorted[0]->inode), 8);
    put(out, places->end, 8);
    put(out, places->owners, 8);
    put(out, NOWHERE, 8); // attributes
    put(out, places->inodes, 8);
    put(out, places->folders, 8);
    put(out, NOWHERE, 8); // fragments
    put(out, NOWHERE, 8); // inodes by number
}

static enum err whole_put(struct tree *tree, struct buf *head, struct buf *tail) {
    uint64_t begin = SQUASHFS_HEAD_BYTES + tree->data_bytes;
    struct places places = {.inodes = begin};
    for (size_t i = 0; i < tree->count; i++) {
        if (!tree->sorted[i]->entry) listing_put(tree, tree->sorted[i]);
    }
    inodes_put(tree);
    pieces_put(tail, &tree->inodes);
    places.folders = begin + tail->size;
    pieces_put(tail, &tree->folders);
    uint64_t owner = begin + tail->size;
    put(tail, 4 | META_AS_IS, META_HEADER); // one owner: root
    put(tail, 0, 4);
    places.owners = begin + tail->size;
    put(tail, owner, 8);
    places.end = begin + tail->size;
    size_t odd = (size_t)(places.end % SQUASHFS_PAGE_BYTES);
    for (size_t i = odd; odd && i < SQUASHFS_PAGE_BYTES; i++) buf_add_char(tail, 0);
    head_put(tree, &places, head);
    enum err err = buf_err(&tree->inodes);
    if (err == OK) err = buf_err(&tree->folders);
    if (err == OK) err = buf_err(tail);
    return err == OK ? buf_err(head) : err;
}

enum err squashfs_make(const struct squashfs_entry *entries, size_t count, struct buf *head,
                       struct buf *tail, size_t *at) {
    struct tree tree = {.nodes = memory_take(SQUASHFS_NODES_MAX * sizeof(struct node)),
                        .sorted = memory_take(SQUASHFS_NODES_MAX * sizeof(struct node *))};
    buf_open(&tree.inodes, SQUASHFS_TAIL_BYTES_MAX);
    buf_open(&tree.folders, SQUASHFS_TAIL_BYTES_MAX);
    cy_assert(head->size == 0 && tail->size == 0);
    enum err err = tree.nodes && tree.sorted ? OK : ERR_MEMORY;
    if (err == OK) err = tree_read(&tree, entries, count, at);
    if (err == OK) {
        places_give(&tree, entries);
        err = whole_put(&tree, head, tail);
    }
    buf_close(&tree.inodes);
    buf_close(&tree.folders);
    memory_give(tree.nodes);
    memory_give(tree.sorted);
    return err;
}
