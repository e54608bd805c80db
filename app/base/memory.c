#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static _Thread_local uint64_t takings_left = UINT64_MAX;

void memory_fail_after(uint64_t count) {
    takings_left = count;
}

static int fails_now(void) {
    if (takings_left == UINT64_MAX) return 0;
    if (takings_left > 0) {
        takings_left--;
        return 0;
    }
    takings_left = UINT64_MAX;
    return 1;
}

void *memory_take_unset(size_t size_bytes) {
    if (fails_now() || size_bytes > SIZE_MAX - 64) return NULL;
    void *memory = NULL;
    return posix_memalign(&memory, 64, size_bytes ? size_bytes : 1) == 0 ? memory : NULL;
}

void *memory_take(size_t size_bytes) {
    void *memory = memory_take_unset(size_bytes);
    if (memory) memset(memory, 0, size_bytes);
    return memory;
}

void *memory_resize(void *old, size_t old_bytes, size_t new_bytes) {
    if (fails_now() || new_bytes > SIZE_MAX - 64) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, 64, new_bytes ? new_bytes : 1) != 0) return NULL;
    size_t keep = old_bytes < new_bytes ? old_bytes : new_bytes;
    if (old && keep) memcpy(memory, old, keep);
    free(old);
    return memory;
}

void memory_give(void *memory) {
    free(memory);
}

enum { ARENA_BLOCK_BYTES = 16 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size_bytes, used_bytes;
    _Alignas(16) unsigned char bytes[];
};

struct arena {
    struct arena_block *first, *last;
    size_t limit_bytes, used_bytes;
};

static struct arena_block *block_open(size_t size_bytes) {
    if (size_bytes > SIZE_MAX - sizeof(struct arena_block)) return NULL;
    struct arena_block *block = memory_take(sizeof *block + size_bytes);
    if (block) block->size_bytes = size_bytes;
    return block;
}

enum err arena_open(size_t limit_bytes, struct arena **out) {
    struct arena *arena = memory_take(sizeof *arena);
    if (!arena) return ERR_MEMORY;
    arena->first = arena->last = block_open(ARENA_BLOCK_BYTES);
    if (!arena->first) {
        memory_give(arena);
        return ERR_MEMORY;
    }
    arena->limit_bytes = limit_bytes;
    *out = arena;
    return OK;
}

void *arena_take(struct arena *arena, size_t size_bytes) {
    if (size_bytes > SIZE_MAX - 15) return NULL;
    size_t size = (size_bytes + 15) & ~(size_t)15;
    if (size > arena->limit_bytes - arena->used_bytes) return NULL;
    struct arena_block *block = arena->last;
    if (size > block->size_bytes - block->used_bytes) {
        size_t grown = block->size_bytes * 2 < (1u << 20) ? block->size_bytes * 2 : (1u << 20);
        struct arena_block *next = block_open(size > grown ? size : grown);
        if (!next) return NULL;
        block->next = next;
        arena->last = block = next;
    }
    void *memory = block->bytes + block->used_bytes;
    block->used_bytes += size;
    arena->used_bytes += size;
    return memory;
}

void *arena_take_array(struct arena *arena, size_t count, size_t each_bytes) {
    size_t size;
    if (__builtin_mul_overflow(count, each_bytes, &size)) return NULL;
    return arena_take(arena, size);
}

void arena_reset(struct arena *arena) {
    struct arena_block *block = arena->first->next;
    while (block) {
        struct arena_block *next = block->next;
        memory_give(block);
        block = next;
    }
    memset(arena->first->bytes, 0, arena->first->used_bytes);
    arena->first->next = NULL;
    arena->first->used_bytes = 0;
    arena->last = arena->first;
    arena->used_bytes = 0;
}

void arena_close(struct arena *arena) {
    if (!arena) return;
    struct arena_block *block = arena->first;
    while (block) {
        struct arena_block *next = block->next;
        memory_give(block);
        block = next;
    }
    memory_give(arena);
}

size_t arena_used_bytes(const struct arena *arena) {
    return arena->used_bytes;
}
