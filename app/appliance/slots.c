#include "appliance/slots_private.h"

#include <string.h>

#include "appliance/disk/fat.h"
#include "appliance/history_private.h"
#include "base/memory.h"

// A slot is written in pieces, its first sector last: one sector, since a disk that loses its power
// writes a sector or does not, and of several any.
enum { CHUNK_BYTES = 1 << 20 };

// ---- what there is ------------------------------------------------------------------------------

static enum err grubenv_find(struct slots *slots, struct fault *fault) {
    struct fat fat;
    struct fat_file file;
    enum err err = fat_open(&slots->esp, 0, &fat, fault);
    if (err == OK) err = fat_find(&fat, "GRUB/GRUBENV", &file, fault);
    return err == OK ? fat_place(&fat, &file, GRUBENV_BYTES, &slots->grubenv_offset, fault) : err;
}

enum err slots_open(const char *esp, const char *a, const char *b, enum slot running,
                    struct slots *out, struct fault *fault) {
    struct slots slots = {.esp = {.fd = -1}, .slot = {{.fd = -1}, {.fd = -1}}, .running = running};
    enum err err = block_open(esp, BLOCK_WRITE, &slots.esp, fault);
    if (err == OK) err = block_open(a, BLOCK_WRITE, &slots.slot[SLOT_A], fault);
    if (err == OK) err = block_open(b, BLOCK_WRITE, &slots.slot[SLOT_B], fault);
    if (err == OK) err = grubenv_find(&slots, fault);
    if (err == OK) {
        *out = slots;
    } else {
        slots_close(&slots);
    }
    return err;
}

void slots_close(struct slots *slots) {
    block_close(&slots->esp);
    block_close(&slots->slot[SLOT_A]);
    block_close(&slots->slot[SLOT_B]);
}

bool slots_running(struct str kernel_line, enum slot *out) {
    static const struct str name = {"courtyard.slot=", 15};
    struct str rest = kernel_line;
    while (rest.data) {
        struct str word = str_trim(str_cut(rest, ' ', &rest));
        if (!str_starts(word, name)) continue;
        return slot_from_text((struct str){word.data + name.size, word.size - name.size}, out);
    }
    return false;
}

void slot_look(const struct block *slot, uint64_t offset, struct slot_about *out) {
    struct fat fat;
    struct fat_file file;
    char text[VERSION_BYTES_MAX + UPDATE_ARCHITECTURE_BYTES + 3];
    size_t size;
    *out = (struct slot_about){0};
    if (fat_open(slot, offset, &fat, NULL) != OK ||
        fat_find(&fat, "VERSION.TXT", &file, NULL) != OK || file.bytes > sizeof text ||
        fat_read(&fat, &file, text, sizeof text, &size, NULL) != OK) {
        return;
    }
    struct str architecture, version = str_cut((struct str){text, size}, ' ', &architecture);
    architecture = str_trim(architecture);
    out->usable = version_is_one(version) && architecture.size > 0 &&
                  str_copy(out->version, sizeof out->version, version) &&
                  str_copy(out->architecture, sizeof out->architecture, architecture);
    if (!out->usable) *out = (struct slot_about){0};
}

// ---- which one is booted ------------------------------------------------------------------------

static enum err env_read(const struct slots *slots, struct grubenv *out, struct fault *fault) {
    return grubenv_read(&slots->esp, slots->grubenv_offset, out, fault);
}

static enum err env_write(const struct slots *slots, const struct grubenv *env,
                          struct fault *fault) {
    return grubenv_write(&slots->esp, slots->grubenv_offset, env, fault);
}

enum err slots_status(const struct slots *slots, struct slots_status *out, struct fault *fault) {
    struct slots_status status;
    enum err err = env_read(slots, &status.env, fault);
    if (err != OK) return err;
    status.confirmed = status.env.slot == slots->running;
    for (int i = 0; i < SLOTS; i++) slot_look(&slots->slot[i], 0, &status.about[i]);
    *out = status;
    return OK;
}

enum err slots_confirm(const struct slots *slots, struct fault *fault) {
    struct grubenv env;
    enum err err = env_read(slots, &env, fault);
    if (err != OK || (env.slot == slots->running && !env.damaged)) return err;
    env.slot = slots->running;
    env.next = slot_other(slots->running);
    env.trial = false;
    return env_write(slots, &env, fault);
}

enum err slots_withdraw(const struct slots *slots, struct fault *fault) {
    struct grubenv env;
    enum err err = env_read(slots, &env, fault);
    if (err != OK || !env.trial) return err;
    env.trial = false;
    return env_write(slots, &env, fault);
}

enum err slots_note(const struct slots *slots, const char *history, struct fault *fault) {
    struct grubenv env;
    struct history_last last;
    enum err err = history_last(history, &last, fault);
    if (err == ERR_NOT_FOUND) return OK;
    if (err == OK) err = env_read(slots, &env, fault);
    if (err != OK) return err;
    if (strcmp(last.event, "update") != 0 || strcmp(last.result, "ok") != 0) return OK;
    bool stays = last.slot == slots->running;
    if (env.trial && !stays) return OK; // it waits for its trial
    struct history_event event = {.event = stays ? "confirm" : "return",
                                  .from = str_of(stays ? last.from : last.to),
                                  .to = str_of(stays ? last.to : last.from),
                                  .slot = slots->running,
                                  .result = "ok"};
    return history_add(history, &event, fault);
}

// ---- updates ------------------------------------------------------------------------------------

static enum err wish_check(const struct slots *slots, const struct update_wish *wish,
                           const struct update_about *about, struct fault *fault) {
    struct grubenv env;
    enum err err = env_read(slots, &env, fault);
    if (err != OK) return err;
    struct str version = str_of(about->version), running = str_of(wish->version);
    // Until then the other slot is the one to return to.
    if (env.slot != slots->running) {
        return fault_set(fault, ERR_BUSY, "appliance.update_unconfirmed", STR_NONE);
    }
    if (strcmp(about->architecture, wish->architecture) != 0) {
        return fault_set(fault, ERR_INPUT, "appliance.update_other_architecture",
                         str_of(about->architecture));
    }
    if (about->image_bytes > slots->slot[slot_other(slots->running)].bytes) {
        return fault_set(fault, ERR_INPUT, "appliance.update_too_large", version);
    }
    if (version_compare(running, str_of(about->from)) < 0) {
        return fault_set(fault, ERR_INPUT, "appliance.update_too_far", str_of(about->from));
    }
    if (!wish->downgrade && version_compare(version, running) < 0) {
        return fault_set(fault, ERR_CONFLICT, "appliance.update_older", version);
    }
    return OK;
}

static enum err step(struct progress *progress, uint64_t done, struct fault *fault) {
    if (progress) progress->done = done;
    if (!progress_cancelled(progress)) return OK;
    return fault_set(fault, ERR_CANCELLED, "appliance.cancelled", STR_NONE);
}

// All of the image but its first sector, which goes to `first`.
static enum err rest_write(struct image_reader *image, const struct block *slot, uint8_t *first,
                           uint8_t *chunk, struct progress *progress, struct fault *fault) {
    size_t got;
    enum err err = image_read(image, first, slot->sector_bytes, &got, fault);
    if (err != OK) return err;
    progress_set(progress, PHASE_WRITE, 0, image->file->about.image_bytes);
    while (err == OK && got > 0) {
        uint64_t at = image->done;
        err = image_read(image, chunk, CHUNK_BYTES, &got, fault);
        if (err == OK && got > 0) err = block_write(slot, at, chunk, got, fault);
        if (err == OK) err = step(progress, image->done, fault);
    }
    return err == OK ? block_sync(slot, fault) : err;
}

// What stands on the disk behind the first sector is, with it, the image.
static enum err rest_check(const struct update_about *about, const struct block *slot,
                           const uint8_t *first, uint8_t *chunk, struct progress *progress,
                           struct fault *fault) {
    struct sha256 context;
    sha256_start(&context);
    sha256_add(&context, first, slot->sector_bytes);
    block_forget(slot);
    progress_set(progress, PHASE_VERIFY, 0, about->image_bytes);
    enum err err = OK;
    for (uint64_t at = slot->sector_bytes; err == OK && at < about->image_bytes;) {
        uint64_t left = about->image_bytes - at;
        size_t piece = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        err = block_read(slot, at, chunk, piece, fault);
        sha256_add(&context, chunk, piece);
        at += piece;
        if (err == OK) err = step(progress, at, fault);
    }
    if (err != OK) return err;
    struct hash hash = sha256_finish(&context);
    if (hash_equal(&hash, &about->image)) return OK;
    return fault_set(fault, ERR_IO, "appliance.disk_write", str_of(slot->path));
}

static enum err first_write(const struct block *slot, const uint8_t *first, uint8_t *chunk,
                            struct fault *fault) {
    enum err err = block_write(slot, 0, first, slot->sector_bytes, fault);
    if (err == OK) err = block_sync(slot, fault);
    if (err != OK) return err;
    block_forget(slot);
    err = block_read(slot, 0, chunk, slot->sector_bytes, fault);
    if (err == OK && memcmp(first, chunk, slot->sector_bytes) != 0) {
        err = fault_set(fault, ERR_IO, "appliance.disk_write", str_of(slot->path));
    }
    return err;
}

// The slot is unusable from before its first write until it is whole.
static enum err slot_write(struct update_file *file, const struct block *slot,
                           struct progress *progress, struct fault *fault) {
    struct image_reader image;
    uint8_t first[BLOCK_SECTOR_BYTES_MAX] = {0};
    enum err err = image_open(file, &image, fault);
    if (err != OK) return err;
    uint8_t *chunk = memory_take_unset(CHUNK_BYTES);
    if (!chunk) err = fault_set(fault, ERR_MEMORY, "base.no_memory", str_of(slot->path));
    if (err == OK) err = block_write(slot, 0, first, slot->sector_bytes, fault);
    if (err == OK) err = block_sync(slot, fault);
    if (err == OK) err = rest_write(&image, slot, first, chunk, progress, fault);
    if (err == OK) err = rest_check(&file->about, slot, first, chunk, progress, fault);
    if (err == OK) err = first_write(slot, first, chunk, fault);
    memory_give(chunk);
    image_close(&image);
    return err;
}

static enum err trial_set(const struct slots *slots, struct fault *fault) {
    struct grubenv env;
    enum err err = env_read(slots, &env, fault);
    if (err != OK) return err;
    env.slot = slots->running;
    env.next = slot_other(slots->running);
    env.trial = true;
    return env_write(slots, &env, fault);
}

static enum err opened_apply(const struct slots *slots, struct update_file *file,
                             const struct update_wish *wish, struct progress *progress,
                             struct fault *fault) {
    const struct block *slot = &slots->slot[slot_other(slots->running)];
    struct slot_about about;
    enum err err = wish_check(slots, wish, &file->about, fault);
    if (err == OK) err = update_check(file, progress, fault);
    // An update that waits for its trial goes with the slot it is in.
    if (err == OK) err = slots_withdraw(slots, fault);
    if (err == OK) err = slot_write(file, slot, progress, fault);
    if (err != OK) return err;
    slot_look(slot, 0, &about);
    if (!about.usable || strcmp(about.version, file->about.version) != 0) {
        return fault_set(fault, ERR_INPUT, "appliance.image_other_version", str_of(about.version));
    }
    return trial_set(slots, fault);
}

enum err update_apply(const struct slots *slots, const struct update_wish *wish,
                      struct update_about *out, struct progress *progress, struct fault *fault) {
    struct update_file file;
    struct fault own = {0};
    struct update_about about = {0};
    enum err err = update_open(wish->path, wish->key, &file, &own);
    if (err == OK) {
        about = file.about;
        if (out) *out = about;
        err = opened_apply(slots, &file, wish, progress, &own);
        update_close(&file);
    }
    struct history_event event = {.event = "update",
                                  .from = str_of(wish->version),
                                  .to = str_of(about.version),
                                  .slot = slot_other(slots->running),
                                  .result = err == OK ? "ok" : own.code};
    // The update stands whether its line could be written or not.
    if (wish->history) (void)!history_add(wish->history, &event, NULL);
    if (err != OK && fault && fault->code[0] == '\0') *fault = own;
    return err;
}
