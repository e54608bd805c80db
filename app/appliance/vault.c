#include "appliance/vault_private.h"

#include <stdio.h>
#include <string.h>

#include "appliance/disk/mapper.h"
#include "appliance/keystick_private.h"
#include "base/crypto.h"
#include "base/log.h"

enum { GROUPS = 6, GROUP_LETTERS = 4, OF_TYPED = 1 << LUKS_PASSPHRASE | 1 << LUKS_FOREIGN };

// The partition, open in a child.
struct opened {
    struct block block;
    struct luks luks;
    struct luks_key key;
    int slot;
};

// ---- recovery codes -----------------------------------------------------------------------------
static void recovery_make(char out[static VAULT_RECOVERY_BYTES]) {
    for (int group = 0; group < GROUPS; group++) {
        random_code(out, GROUP_LETTERS);
        out += GROUP_LETTERS;
        *out++ = group + 1 < GROUPS ? '-' : '\0';
    }
}

bool vault_recovery_read(const char *typed, char out[static VAULT_RECOVERY_BYTES]) {
    int count = 0;
    for (; *typed; typed++) {
        char c = *typed;
        if (c == '-' || c == ' ') continue;
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        bool letter = (c >= 'a' && c <= 'z') || (c >= '2' && c <= '9');
        if (!letter || count == GROUPS * GROUP_LETTERS) return false;
        if (count > 0 && count % GROUP_LETTERS == 0) *out++ = '-';
        *out++ = c;
        count++;
    }
    *out = '\0';
    return count == GROUPS * GROUP_LETTERS;
}

// ---- in the child -------------------------------------------------------------------------------
static void modules_want(const struct vault *vault) {
    static const char *const wanted[] = {"dm_mod", "dm_crypt", "xts", "aesni_intel", "aes_ce_blk"};
    for (size_t i = 0; vault->modules && i < sizeof wanted / sizeof wanted[0]; i++) {
        (void)modules_load(vault->modules, wanted[i]); // the last two: where the processor has them
    }
}

static void path_of(const struct vault *vault, char out[static 64]) {
    snprintf(out, 64, "/dev/%s", vault->partition);
}

static enum err by_typed(const struct vault *vault, struct opened *opened, struct fault *fault) {
    char code[VAULT_RECOVERY_BYTES];
    enum err err = ERR_DENIED;
    if (vault_recovery_read(vault->secret, code)) {
        err = luks_open(&opened->block, &opened->luks, str_of(code), 1 << LUKS_RECOVERY,
                        &opened->key, &opened->slot, NULL);
    }
    bytes_wipe(code, sizeof code);
    if (err != ERR_DENIED) return err;
    return luks_open(&opened->block, &opened->luks, str_of(vault->secret), OF_TYPED, &opened->key,
                     &opened->slot, fault);
}

static enum err by_stick(const struct vault *vault, struct opened *opened, struct fault *fault) {
    uint8_t key[KEYSTICK_BYTES];
    enum err err = keystick_read(vault->disk, opened->luks.uuid, key, fault);
    if (err == OK) {
        err = luks_open(&opened->block, &opened->luks, (struct str){(const char *)key, sizeof key},
                        1 << LUKS_STICK, &opened->key, &opened->slot, fault);
    }
    bytes_wipe(key, sizeof key);
    return err;
}

static enum err partition_open(const struct vault *vault, enum block_mode mode,
                               struct opened *opened, struct fault *fault) {
    char path[64];
    path_of(vault, path);
    enum err err = block_open(path, mode, &opened->block, fault);
    if (err == OK) err = luks_read(&opened->block, &opened->luks, fault);
    if (err == ERR_NOT_FOUND) err = fault_set(fault, err, "appliance.luks_damaged", str_of(path));
    if (err == OK)
        err = vault->typed ? by_typed(vault, opened, fault) : by_stick(vault, opened, fault);
    return err;
}

static void opened_close(struct opened *opened) {
    block_close(&opened->block);
    bytes_wipe(opened, sizeof *opened);
}

// The partition is closed first: the kernel takes it for itself alone.
static enum err mapper_begin(const struct vault *vault, struct opened *opened,
                             struct fault *fault) {
    char path[64], node[MAPPER_NODE_BYTES];
    uint64_t bytes = opened->block.bytes;
    path_of(vault, path);
    block_close(&opened->block);
    modules_want(vault);
    return mapper_open(VAULT_NAME, path, bytes, &opened->luks, &opened->key, node, fault);
}

static enum err open_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct vault *vault = ctx;
    struct opened opened = {.block.fd = -1};
    progress_set(progress, PHASE_VERIFY, 0, 0);
    enum err err = partition_open(vault, BLOCK_READ, &opened, fault);
    if (err == OK) err = mapper_begin(vault, &opened, fault);
    opened_close(&opened);
    return err;
}

// With the header on the disk the stick can be given its key, whose file has the header's name;
// the partition counts as nothing until its file system is made.
static enum err make_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct vault *vault = ctx;
    struct opened opened = {.block.fd = -1};
    uint8_t key[KEYSTICK_BYTES];
    char path[64];
    bool stick = vault->mode == ENCRYPTION_STICK;
    progress_set(progress, PHASE_WRITE, 0, 0);
    random_bytes(key, sizeof key);
    const struct luks_secret by_stick[] = {
        {LUKS_STICK, {(const char *)key, sizeof key}, LUKS_ROUNDS_RANDOM},
        {LUKS_RECOVERY, str_of(vault->recovery), LUKS_ROUNDS_RANDOM}};
    const struct luks_secret typed[] = {
        {LUKS_PASSPHRASE, str_of(vault->fresh), stick ? 1 : luks_rounds_measured()}};
    path_of(vault, path);
    enum err err = stick ? keystick_there(vault->disk, fault) : OK;
    if (err == OK) err = block_open(path, BLOCK_ALONE, &opened.block, fault);
    if (err == OK) {
        err = stick ? luks_make(&opened.block, by_stick, 2, &opened.luks, &opened.key, fault)
                    : luks_make(&opened.block, typed, 1, &opened.luks, &opened.key, fault);
    }
    if (err == OK && stick) err = keystick_write(vault->disk, opened.luks.uuid, key, fault);
    if (err == OK) err = mapper_begin(vault, &opened, fault);
    bytes_wipe(key, sizeof key);
    opened_close(&opened);
    return err;
}

// The new stick holds its key before the header does: a stick too many opens nothing.
static enum err stick_set(const struct vault *vault, struct opened *opened, struct fault *fault) {
    uint8_t key[KEYSTICK_BYTES];
    random_bytes(key, sizeof key);
    const struct luks_secret secret = {
        LUKS_STICK, {(const char *)key, sizeof key}, LUKS_ROUNDS_RANDOM};
    enum err err = keystick_write(vault->disk, opened->luks.uuid, key, fault);
    if (err == OK) {
        err = luks_set(&opened->block, &opened->luks, &opened->key, opened->slot, &secret, fault);
    }
    bytes_wipe(key, sizeof key);
    return err;
}

static enum err change_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct vault *vault = ctx;
    struct opened opened = {.block.fd = -1};
    progress_set(progress, PHASE_WRITE, 0, 0);
    enum err err = partition_open(vault, BLOCK_WRITE, &opened, fault);
    if (err == OK && vault->task == VAULT_STICK) err = stick_set(vault, &opened, fault);
    if (err == OK && vault->task == VAULT_UNSTICK) {
        err = luks_unset(&opened.block, &opened.luks, LUKS_STICK, fault);
    }
    if (err == OK && vault->task == VAULT_PASSPHRASE) {
        const struct luks_secret secret = {LUKS_PASSPHRASE, str_of(vault->fresh),
                                           luks_rounds_measured()};
        err = luks_set(&opened.block, &opened.luks, &opened.key, opened.slot, &secret, fault);
    }
    if (err == OK && vault->task == VAULT_RECOVERY) {
        const struct luks_secret secret = {LUKS_RECOVERY, str_of(vault->recovery),
                                           LUKS_ROUNDS_RANDOM};
        err = luks_set(&opened.block, &opened.luks, &opened.key, opened.slot, &secret, fault);
    }
    opened_close(&opened);
    return err;
}

enum err vault_destroy(const char *partition, struct fault *fault) {
    struct block block;
    char path[64];
    snprintf(path, sizeof path, "/dev/%.31s", partition);
    enum err err = block_open(path, BLOCK_ALONE, &block, fault);
    if (err != OK) return err;
    err = luks_destroy(&block, fault);
    block_close(&block);
    return err;
}

// ---- in PID 1 -----------------------------------------------------------------------------------
bool vault_runs(const struct vault *vault) {
    return vault->work.child > 0;
}

static enum err possible(const struct vault *vault, enum vault_task task, const char *fresh,
                         int64_t now_ms, struct fault *fault) {
    bool sets =
        task == VAULT_PASSPHRASE || (task == VAULT_MAKE && vault->mode == ENCRYPTION_PASSPHRASE);
    if (vault_runs(vault)) return fault_set(fault, ERR_BUSY, "appliance.busy", STR(VAULT_NAME));
    if (vault->typed && now_ms < vault->not_before_ms) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", (int)((vault->not_before_ms - now_ms) / 1000 + 1));
        return fault_set(fault, ERR_BUSY, "appliance.key_pause", str_of(seconds));
    }
    if (sets && strlen(fresh) < VAULT_SECRET_LEAST) {
        return fault_set(fault, ERR_INPUT, "appliance.short_passphrase", STR_NONE);
    }
    return OK;
}

enum err vault_begin(struct vault *vault, enum vault_task task, const char *secret,
                     const char *fresh, int64_t now_ms, struct fault *fault) {
    if (!vault_runs(vault)) vault->typed = secret[0] != '\0';
    enum err err = possible(vault, task, fresh, now_ms, fault);
    if (err != OK) return err;
    bool code = task == VAULT_RECOVERY || (task == VAULT_MAKE && vault->mode == ENCRYPTION_STICK);
    vault->task = task;
    (void)str_copy(vault->secret, sizeof vault->secret, str_of(secret));
    (void)str_copy(vault->fresh, sizeof vault->fresh, str_of(fresh));
    if (code) recovery_make(vault->recovery);
    switch (task) {
    case VAULT_OPEN: err = work_start(&vault->work, "key", open_run, vault, fault); break;
    case VAULT_MAKE: err = work_start(&vault->work, "encrypt", make_run, vault, fault); break;
    default: err = work_start(&vault->work, "keys", change_run, vault, fault); break;
    }
    bytes_wipe(vault->secret, sizeof vault->secret);
    bytes_wipe(vault->fresh, sizeof vault->fresh);
    return err;
}

bool vault_ended(struct vault *vault, pid_t pid, int status, int64_t now_ms, enum err *err,
                 char device[static 32], struct fault *fault) {
    if (!work_ended(&vault->work, pid, status)) return false;
    *err = vault->work.shared->err;
    *fault = *err == OK ? (struct fault){0} : vault->work.shared->fault;
    if (*err != OK && !fault->code[0]) {
        *err = fault_set(fault, *err, "appliance.failed", str_of(err_name(*err)));
    }
    bool opens = vault->task == VAULT_OPEN || vault->task == VAULT_MAKE;
    if (*err == OK && opens) *err = mapper_find(VAULT_NAME, device, fault);
    if (*err == OK) vault->wrong = 0;
    if (*err == ERR_DENIED && vault->typed && ++vault->wrong % VAULT_TRIES == 0) {
        vault->not_before_ms = now_ms + VAULT_PAUSE_MS;
    }
    if (*err != OK) bytes_wipe(vault->recovery, sizeof vault->recovery);
    log_event(*err == OK ? LOG_INFO : LOG_WARN, "appliance.vault",
              "task=%d typed=%d err=%s code=%s", (int)vault->task, vault->typed, err_name(*err),
              fault->code);
    return true;
}

bool vault_close(void) {
    return mapper_close(VAULT_NAME, NULL) != ERR_BUSY;
}
