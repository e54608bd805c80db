// What a person sees and does before the machine itself: one screen on the framebuffer (or, without
// one, on the kernel's text console, in English) and at the same time on the serial line, with keys
// from both. It shows what it is handed and tells what was asked; it does nothing itself, never
// waits, and has neither a shell nor a login. One thread, with the loop of PID 1:
//   poll console_fd for reading; when it is ready, or the time that console_run gave has come,
//   call console_run; then console_take until it says false; console_show whatever has changed.
//
//   console.c   devices, the loop's side        screen.c  grids onto pixels and terminals
//   dialog_keys.c  forms for passphrases
//   dialog.c    pages and keys                  keys.c    bytes into keys
//   pages.c     pages drawn onto a grid         grid.c, font_embed.c
#pragma once

#include "appliance/appliance.h"
#include "appliance/data_private.h"
#include "appliance/service_private.h"
#include "appliance/settings_private.h"
#include "base/version.h"

enum console_do {
    CONSOLE_NOTHING,
    CONSOLE_NETWORK, // request.settings: fixed, address, prefix, gateway
    CONSOLE_LANGUAGE,
    CONSOLE_TIME,
    CONSOLE_UPDATE,  // from the stick request.disk; so the next two
    CONSOLE_BACKUP,  // to it
    CONSOLE_RESTORE, // what is on the box gives way; or request.copy, then only the database
    CONSOLE_INSTALL, // onto the disk request.disk; its name has been typed
    CONSOLE_FACTORY_RESET,
    CONSOLE_RESTART,
    CONSOLE_POWER_OFF,
    CONSOLE_CANCEL,         // the work that view.work names
    CONSOLE_KEYS,           // a page alone: what follows
    CONSOLE_KEY_PASSPHRASE, // request.secret opens ("": the stick), request.fresh is new
    CONSOLE_KEY_STICK,      // so the next three
    CONSOLE_KEY_UNSTICK,
    CONSOLE_KEY_RECOVERY,
    CONSOLE_UNLOCK,  // request.secret opens the data
    CONSOLE_ENCRYPT, // request.secret is to open the data that is made
    CONSOLE_NOTED,   // the recovery code has been written down
    CONSOLE_DO_COUNT
};

enum {
    CONSOLE_DISKS_MAX = 16,
    CONSOLE_COPIES_MAX = 5,
    CONSOLE_COPY_BYTES = 32, // of a copy's name
    CONSOLE_ADDRESSES_MAX = 4,
    CONSOLE_ADDRESS_BYTES = 48,
    CONSOLE_PACKS_MAX = 16,
    CONSOLE_PACK_BYTES = 72, // of a pack's name and version, or of its file's name
};

// One thing that a person has asked for, every value checked.
struct console_request {
    enum console_do what;
    struct settings settings; // NETWORK, LANGUAGE: as shown, with what was changed
    int64_t time_ms;          // TIME: since 1970, UTC
    char disk[DISK_NAME_BYTES];
    char copy[CONSOLE_COPY_BYTES]; // RESTORE: its name; "": the disk's newest backup
    bool downgrade; // UPDATE: an older version is wanted, the word for it has been typed
    enum encryption encryption; // INSTALL, FACTORY_RESET
    // As typed; whoever has taken the request wipes them.
    char secret[VAULT_SECRET_BYTES], fresh[VAULT_SECRET_BYTES];
};

struct console_disk {
    char name[DISK_NAME_BYTES]; // "sda", "nvme0n1"
    char model[64];             // "" if it does not tell
    uint64_t bytes;
    bool own;                           // this system runs from it: never offered
    bool removable;                     // a stick
    bool used;                          // there is something on it
    char update[VERSION_BYTES_MAX + 1]; // the version that would be installed from it; "": none
    bool older;                         // than the one that runs
};

// A copy that the box has made of its own database.
struct console_copy {
    char name[CONSOLE_COPY_BYTES];
    uint64_t bytes;
};

// A pack of an accelerator's driver libraries.
struct console_pack {
    char name[CONSOLE_PACK_BYTES]; // "nvidia 550.90.07"; of one that cannot be read, its file's
    bool mounted;
    struct fault fault; // why it is not
};

struct console_work {
    enum console_do what; // CONSOLE_NOTHING: none runs
    const char *phase;    // key of a message, or NULL
    uint64_t done, total; // total 0: not known
    bool stoppable;
};

// Everything that is shown; copied by console_show. Texts are UTF-8 and end in NUL.
struct console_view {
    char version[64];
    struct settings settings;
    int zone_minutes; // east of UTC, of the clock as shown and set
    bool cable;       // some network card has a link
    char addresses[CONSOLE_ADDRESSES_MAX][CONSOLE_ADDRESS_BYTES]; // "192.168.1.10"
    int address_count;
    struct fault network_fault;         // of all of the network or of one card; code "": none
    char network_card[INTERFACE_BYTES]; // which one it is; "": all of it
    uint16_t port;
    struct service_view service; // with fingerprint and one-time code
    enum data_state data;
    struct fault data_fault; // of DATA_BROKEN; of the last try to open it
    bool data_mended;
    bool encrypted;
    unsigned roles;                       // who opens it: 1 << LUKS_PASSPHRASE …
    enum encryption choosing;             // of DATA_CHOOSING
    char recovery[VAULT_RECOVERY_BYTES];  // shown until CONSOLE_NOTED; "": none
    uint64_t disk_bytes, disk_free_bytes; // of the data partition
    uint64_t memory_bytes, memory_free_bytes;
    int temperature; // degrees Celsius; 0: no sensor
    char slot;       // 'a', 'b'; 0: not known
    bool trial;      // this start is the trial of an update
    struct console_work work;
    struct console_disk disks[CONSOLE_DISKS_MAX];
    int disk_count;
    struct console_copy copies[CONSOLE_COPIES_MAX]; // newest first
    int copy_count;
    struct console_pack packs[CONSOLE_PACKS_MAX]; // newest first
    int pack_count;
};

struct console_options {
    const char *framebuffer, *keyboard,
        *serial;          // "/dev/fb0", "/dev/tty1", "/dev/ttyS0"; NULL: none
    const char *language; // "zh-CN" or "en"
    const struct appliance_texts *texts;
};

struct console;

// Opens what there is; devices that come later are taken then, and those that go are let go of. So
// it fails only for want of memory or descriptors: ERR_MEMORY, ERR_IO.
enum err console_open(const struct console_options *options, struct console **out,
                      struct fault *fault) MUST_USE;
void console_close(struct console *console); // the text console is given back; NULL is fine
int console_fd(const struct console *console);
// Reads keys and paints. When to call again at the latest (monotonic, ms).
int64_t console_run(struct console *console, int64_t now_ms);
void console_show(struct console *console, const struct console_view *view);
bool console_take(struct console *console, struct console_request *out);
// What came of a request: shown as a sentence. `fault` NULL or with an empty code: it is done.
void console_outcome(struct console *console, enum console_do what, const struct fault *fault);
