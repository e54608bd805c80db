#include "appliance/disk/grubenv.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const struct str HEAD = {"# GRUB Environment Block\n", 25};
// Ours, in the order they are written, before all others.
static const char OURS[] = "slot=a\ntrial=0\nnext=b\n";

enum slot slot_other(enum slot slot) {
    return slot == SLOT_A ? SLOT_B : SLOT_A;
}

char slot_letter(enum slot slot) {
    return slot == SLOT_A ? 'a' : 'b';
}

bool slot_from_text(struct str text, enum slot *out) {
    if (text.size != 1 || (text.data[0] != 'a' && text.data[0] != 'b')) return false;
    *out = text.data[0] == 'a' ? SLOT_A : SLOT_B;
    return true;
}

struct grubenv grubenv_fresh(void) {
    return (struct grubenv){.slot = SLOT_A, .next = SLOT_B};
}

// One line; false if it is none that may stand there.
static bool line_take(struct grubenv *env, struct str line, bool seen[static 3]) {
    struct str value, name = str_cut(line, '=', &value);
    if (line.size > 0 && line.data[0] != '#') {
        if (!value.data) return false;
        if (str_is(name, "slot")) return seen[0] = slot_from_text(value, &env->slot);
        if (str_is(name, "next")) return seen[1] = slot_from_text(value, &env->next);
        if (str_is(name, "trial")) {
            env->trial = str_is(value, "1");
            return seen[2] = env->trial || str_is(value, "0");
        }
    }
    if (line.size + 1 > sizeof env->other - env->other_size) return false;
    memcpy(env->other + env->other_size, line.data, line.size);
    env->other[env->other_size + line.size] = '\n';
    env->other_size += line.size + 1;
    return true;
}

// The line that starts at `at`, a value's "\\\n" being part of it; *next is behind it. False where
// no line ends.
static bool line_next(const char *block, size_t at, size_t end, size_t *next) {
    while (at < end && block[at] != '\n') {
        if (block[at] == '\0') return false;
        at += block[at] == '\\' ? 2 : 1;
    }
    *next = at + 1;
    return at < end;
}

struct grubenv grubenv_parse(const char block[static GRUBENV_BYTES]) {
    struct grubenv env = grubenv_fresh(), fresh = env;
    bool seen[3] = {false};
    size_t end = GRUBENV_BYTES, next;
    fresh.damaged = true;
    if (memcmp(block, HEAD.data, HEAD.size) != 0) return fresh;
    while (end > HEAD.size && block[end - 1] == '#') end--;
    for (size_t at = HEAD.size; at < end; at = next) {
        if (!line_next(block, at, end, &next)) return fresh;
        if (!line_take(&env, (struct str){block + at, next - at - 1}, seen)) return fresh;
    }
    return seen[0] && seen[1] && seen[2] ? env : fresh;
}

void grubenv_format(const struct grubenv *env, char out[static GRUBENV_BYTES]) {
    char ours[sizeof OURS];
    int size = snprintf(ours, sizeof ours, "slot=%c\ntrial=%d\nnext=%c\n", slot_letter(env->slot),
                        env->trial, slot_letter(env->next));
    cy_assert(size == (int)sizeof OURS - 1 && env->other_size <= sizeof env->other);
    memset(out, '#', GRUBENV_BYTES);
    memcpy(out, HEAD.data, HEAD.size);
    memcpy(out + HEAD.size, ours, sizeof ours - 1);
    memcpy(out + HEAD.size + sizeof ours - 1, env->other, env->other_size);
}
_Static_assert(sizeof OURS + GRUBENV_OTHER_BYTES + 32 <= GRUBENV_BYTES, "all of it fits");

enum err grubenv_read(const struct block *block, uint64_t offset, struct grubenv *out,
                      struct fault *fault) {
    char text[GRUBENV_BYTES];
    enum err err = block_read(block, offset, text, sizeof text, fault);
    if (err == OK) *out = grubenv_parse(text);
    return err;
}

enum err grubenv_write(const struct block *block, uint64_t offset, const struct grubenv *env,
                       struct fault *fault) {
    char text[GRUBENV_BYTES], again[GRUBENV_BYTES];
    grubenv_format(env, text);
    enum err err = block_write(block, offset, text, sizeof text, fault);
    if (err == OK) err = block_sync(block, fault);
    if (err != OK) return err;
    block_forget(block);
    err = block_read(block, offset, again, sizeof again, fault);
    if (err == OK && memcmp(text, again, sizeof text) != 0) {
        err = fault_set(fault, ERR_IO, "appliance.disk_write", str_of(block->path));
    }
    return err;
}
