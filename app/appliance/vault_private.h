// The keys of an encrypted data partition, as data.c uses them: opening it by what was typed or by
// a stick, making it, changing who opens it. Each is work in a child of PID 1, for it takes a
// second by intention; the volume's key never leaves that child but to the kernel. What was typed
// is wiped here as soon as the child has it. Depends on base/. One thread.
#pragma once

#include "appliance/disk/luks.h"
#include "appliance/modules_private.h"
#include "appliance/settings_private.h"
#include "appliance/work_private.h"

#define VAULT_NAME "courtyard-data" // of the mapped device
enum {
    VAULT_SECRET_BYTES = 72,
    VAULT_SECRET_LEAST = 8,    // bytes of a new passphrase
    VAULT_RECOVERY_BYTES = 36, // six groups of four letters and digits
    VAULT_TRIES = 3,           // wrong ones, then a pause
    VAULT_PAUSE_MS = 30 * 1000,
};

enum vault_task {
    VAULT_NOTHING,
    VAULT_OPEN,
    VAULT_MAKE,
    VAULT_PASSPHRASE, // a new one
    VAULT_STICK,      // a key stick, in place of the one before
    VAULT_UNSTICK,    // none any more
    VAULT_RECOVERY,   // a new recovery code
};

struct vault {
    struct work work;
    enum vault_task task; // that runs, or ran last
    struct modules *modules;
    char disk[32], partition[32]; // "sda", "sda5"
    enum encryption mode;         // to make
    bool typed;                   // it is tried with what was typed, not with a stick
    char secret[VAULT_SECRET_BYTES], fresh[VAULT_SECRET_BYTES]; // typed; to be set
    char recovery[VAULT_RECOVERY_BYTES];                        // of the task
    unsigned wrong;                                             // tries
    int64_t not_before_ms;
};

// Begins a task. `secret` is what was typed ("": the stick is looked for), `fresh` the new
// passphrase; both may be wiped when it returns. ERR_BUSY "appliance.busy", "appliance.key_pause";
// ERR_INPUT "appliance.short_passphrase".
enum err vault_begin(struct vault *vault, enum vault_task task, const char *secret,
                     const char *fresh, int64_t now_ms, struct fault *fault) MUST_USE;
bool vault_runs(const struct vault *vault);
// A child of PID 1 ended. True if it was this one; what came of it in *err and *fault. `device` is
// "dm-N" after a task that opened the partition.
bool vault_ended(struct vault *vault, pid_t pid, int status, int64_t now_ms, enum err *err,
                 char device[static 32], struct fault *fault);
// Everything that could open the partition is destroyed. For a child of PID 1.
enum err vault_destroy(const char *partition, struct fault *fault) MUST_USE;
// After the file system was let go of. False while it is in use.
bool vault_close(void);

// A recovery code as people type it ("ABCD efgh…") in the form it was made in; false if it is none.
bool vault_recovery_read(const char *typed, char out[static VAULT_RECOVERY_BYTES]);
