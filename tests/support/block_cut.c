#include "support/block_cut.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/disk/block.h"

enum { SECTOR = 512 };

// What stood there before a write that is not synced yet; the newest first. The descriptor is a
// duplicate: whoever wrote may have closed it.
struct undo {
    struct undo *before;
    int fd;
    uint64_t offset;
    size_t size;
    uint8_t old[];
};

static struct {
    uint64_t left, steps;
    uint64_t (*random)(void);
    struct undo *undo;
    bool off;
} cut;

static void die(const char *what) {
    perror(what);
    abort();
}

static void undo_clear(void) {
    while (cut.undo) {
        struct undo *undo = cut.undo;
        cut.undo = undo->before;
        close(undo->fd);
        free(undo);
    }
}

static bool step_passes(void) {
    cut.steps++;
    if (cut.left == 0) cut.off = true;
    if (cut.left != UINT64_MAX && cut.left > 0) cut.left--;
    return !cut.off;
}

static int cut_write(void *ctx, int fd, const void *data, size_t size, uint64_t offset) {
    (void)ctx;
    if (cut.off) return EIO;
    bool passes = step_passes();
    struct undo *undo = malloc(sizeof *undo + size);
    if (!undo) die("malloc");
    *undo = (struct undo){.before = cut.undo, .fd = dup(fd), .offset = offset, .size = size};
    if (undo->fd < 0 || pread(fd, undo->old, size, (off_t)offset) != (ssize_t)size) die("pread");
    cut.undo = undo;
    if (pwrite(fd, data, size, (off_t)offset) != (ssize_t)size) die("pwrite");
    return passes ? 0 : EIO;
}

static int cut_sync(void *ctx, int fd) {
    (void)ctx;
    (void)fd;
    if (cut.off || !step_passes()) return EIO;
    undo_clear();
    return 0;
}

void block_cut_after(uint64_t steps, uint64_t (*random)(void)) {
    static const struct block_hook hook = {.write = cut_write, .sync = cut_sync};
    undo_clear();
    cut.left = steps;
    cut.steps = 0;
    cut.random = random;
    cut.off = false;
    block_hook_set(&hook);
}

bool block_cut_end(void) {
    block_hook_set(NULL);
    // From the newest: of a sector written twice the older value may come to stand as well.
    for (struct undo *undo = cut.undo; undo && cut.off; undo = undo->before) {
        for (size_t at = 0; at < undo->size; at += SECTOR) {
            size_t piece = undo->size - at < SECTOR ? undo->size - at : SECTOR;
            if (cut.random() % 2 == 0) continue;
            if (pwrite(undo->fd, undo->old + at, piece, (off_t)(undo->offset + at)) < 0) {
                die("pwrite");
            }
        }
    }
    undo_clear();
    return cut.off;
}

uint64_t block_cut_steps(void) {
    return cut.steps;
}
