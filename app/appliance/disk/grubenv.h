// GRUB's environment block: 1,024 bytes that GRUB and the appliance both write, in place. It says
// which slot is booted. Depends on base/. Any thread.
//
//   # GRUB Environment Block\n   name=value\n …   ####… up to 1,024 bytes
//
// GRUB boots `slot`; while `trial` is 1 it boots `next` once, and writes `trial` as 0 before it
// does, so that whatever happens then, the boot after it is of `slot` again.
#pragma once

#include "appliance/disk/block.h"

enum { GRUBENV_BYTES = 1024, GRUBENV_OTHER_BYTES = 512 };

enum slot { SLOT_A, SLOT_B, SLOTS };

struct grubenv {
    enum slot slot, next;
    bool trial;
    // Finding: the block was none, and this is what a fresh one says: slot a, next b, no trial.
    bool damaged;
    // Lines of other names and comments, kept as they were.
    char other[GRUBENV_OTHER_BYTES];
    size_t other_size;
};

enum slot slot_other(enum slot slot);
char slot_letter(enum slot slot);                     // 'a' or 'b'
bool slot_from_text(struct str text, enum slot *out); // "a" or "b"

struct grubenv grubenv_fresh(void);
// Never fails: see `damaged`.
struct grubenv grubenv_parse(const char block[static GRUBENV_BYTES]);
void grubenv_format(const struct grubenv *env, char out[static GRUBENV_BYTES]);
// At `offset` of a device, or a file of its own (0). What the three values say stands in the first
// sector unless other lines push it out, so that a power cut leaves the old or the new block.
enum err grubenv_read(const struct block *block, uint64_t offset, struct grubenv *out,
                      struct fault *fault) MUST_USE;
// Synced, and read back.
enum err grubenv_write(const struct block *block, uint64_t offset, const struct grubenv *env,
                       struct fault *fault) MUST_USE;
