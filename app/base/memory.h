// Where memory comes from. Four owners only: static tables; the process, taken at start; an arena
// with a hard limit (one per request, job step or import); the caller's buffer. These are the only
// doors to malloc. Any thread. For tests, memory_fail_after makes the n-th taking fail.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// Zeroed memory, aligned to 64 bytes; NULL when there is none. Give it back with memory_give.
void *memory_take(size_t size_bytes) MUST_USE;
// The same, not zeroed: of a large block only what is touched takes memory of the machine.
void *memory_take_unset(size_t size_bytes) MUST_USE;
// Grows or shrinks, keeping the content; the added part is not zeroed. NULL leaves `old` as it was.
void *memory_resize(void *old, size_t old_bytes, size_t new_bytes) MUST_USE;
void memory_give(void *memory); // NULL is fine

// Fault loops: let `count` more takings succeed, then fail one; UINT64_MAX (the start) never fails.
// Counts takings of the calling thread only.
void memory_fail_after(uint64_t count);

// An arena: many small things with one end. Not shared between threads.
struct arena;

// *out is given back with arena_close. ERR_MEMORY when even the first block cannot be had.
enum err arena_open(size_t limit_bytes, struct arena **out) MUST_USE;
// Zeroed, aligned to 16 bytes, valid until arena_reset or arena_close. NULL beyond the limit.
void *arena_take(struct arena *arena, size_t size_bytes) MUST_USE;
void arena_reset(struct arena *arena); // forgets all, keeps the first block
void arena_close(struct arena *arena); // NULL is fine
size_t arena_used_bytes(const struct arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_take((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) \
    ((type *)arena_take_array((arena), (size_t)(count), sizeof(type)))
void *arena_take_array(struct arena *arena, size_t count, size_t each_bytes) MUST_USE;
