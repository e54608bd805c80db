#include "base/memory.h"

#include "check.h"

static void gives_zeroed_aligned_memory(void) {
    unsigned char *memory = memory_take(1000);
    REQUIRE(memory != NULL);
    CHECK_EQ((uintptr_t)memory % 64, 0);
    for (int i = 0; i < 1000; i++) CHECK_EQ(memory[i], 0);
    memset(memory, 'a', 1000);
    unsigned char *more = memory_resize(memory, 1000, 5000);
    REQUIRE(more != NULL);
    CHECK(more[0] == 'a' && more[999] == 'a');
    memory_give(more);
    memory_give(NULL);
    CHECK(memory_take(SIZE_MAX) == NULL);
}

static void arena_keeps_its_limit(void) {
    struct arena *arena;
    REQUIRE(arena_open(1 << 20, &arena) == OK);
    CHECK(arena_take(arena, (1 << 20) + 1) == NULL);
    CHECK(arena_take_array(arena, SIZE_MAX / 2, 3) == NULL);
    CHECK(arena_take(arena, SIZE_MAX) == NULL);
    size_t taken = 0;
    while (arena_take(arena, 1000)) taken += 1008;
    CHECK_EQ(arena_used_bytes(arena), taken);
    CHECK(taken <= 1 << 20 && taken > (1 << 20) - 1008);
    arena_reset(arena);
    CHECK_EQ(arena_used_bytes(arena), 0);
    CHECK(arena_take(arena, 1 << 20) != NULL);
    arena_close(arena);
    arena_close(NULL);
}

// Whatever is taken is zero and overlaps nothing, before and after a reset.
static void arena_pieces_are_zero_and_apart(void) {
    struct arena *arena;
    REQUIRE(arena_open(8 << 20, &arena) == OK);
    for (int round = 0; round < 3; round++) {
        unsigned char *pieces[200];
        size_t sizes[200];
        for (int i = 0; i < 200; i++) {
            sizes[i] = 1 + check_below(check_below(8) == 0 ? 60000 : 200);
            pieces[i] = arena_take(arena, sizes[i]);
            REQUIRE(pieces[i] != NULL);
            CHECK_EQ((uintptr_t)pieces[i] % 16, 0);
            size_t bad = 0;
            for (size_t at = 0; at < sizes[i]; at++) bad += pieces[i][at] != 0;
            CHECK_EQ(bad, 0);
            memset(pieces[i], i + 1, sizes[i]);
        }
        for (int i = 0; i < 200; i++) {
            size_t bad = 0;
            for (size_t at = 0; at < sizes[i]; at++) bad += pieces[i][at] != (unsigned char)(i + 1);
            CHECK_EQ(bad, 0);
        }
        arena_reset(arena);
    }
    arena_close(arena);
}

static int open_and_take(void *ctx) {
    (void)ctx;
    struct arena *arena;
    if (arena_open(1 << 20, &arena) != OK) return 1;
    void *piece = arena_take(arena, 100000);
    arena_close(arena);
    return piece ? 0 : 1;
}

static void fails_cleanly_when_memory_does(void) {
    CHECK_EQ(check_faults(memory_fail_after, open_and_take, NULL), 3);
}

int main(void) {
    CHECK_RUN(gives_zeroed_aligned_memory);
    CHECK_RUN(arena_keeps_its_limit);
    CHECK_RUN(arena_pieces_are_zero_and_apart);
    CHECK_RUN(fails_cleanly_when_memory_does);
    return check_done();
}
