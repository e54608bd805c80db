// What PID 1 keeps, for the files that act on it.
//
//   init.c      the order of the start, the loop       requests.c  what the service asks
//   modules.c   kernel modules                         settings.c  settings as text
//   data.c      the data partition                     service.c   the service beside us
//   vault.c     its keys, where it is encrypted        keystick.c  a stick that holds one
//   power.c     the power key                          stick.c, sticks.c  what a person plugs in
//   work.c      what takes long, in a child            machine.c   clock, memory, temperature
//   front.c     what the console is about and asks     program.c  the program as the service's user
//   wishes.c    updates, backups, reset: what takes    upkeep.c, slots.c, update.c, installer.c
//               long, and what comes after it          do it, history.c remembers it
//
//   disk/       what stands on a disk: GPT, FAT, GRUB's environment, LUKS and the kernel's mapper
//   lan/        links and addresses, the DHCP client
//   packs/      vendors' driver libraries in signed files
//   console/    screen, serial line, keyboard, the pages and their letters
#pragma once

#include "appliance/appliance.h"
#include "appliance/data_private.h"
#include "appliance/front_private.h"
#include "appliance/lan/lan.h"
#include "appliance/modules_private.h"
#include "appliance/packs/packs.h"
#include "appliance/power_private.h"
#include "appliance/service_private.h"
#include "appliance/settings_private.h"
#include "appliance/slots_private.h"
#include "appliance/sticks_private.h"
#include "appliance/upkeep_private.h"
#include "appliance/work_private.h"

#define FOLDER_OWN "/data/appliance"
#define SETTINGS_FILE FOLDER_OWN "/settings.txt"
#define SETTINGS_FILE_STICK "/esp/courtyard.txt"
#define HISTORY_FILE FOLDER_OWN "/history.jsonl"
#define SLOT_FOLDER "/slot" // the running slot's file system
#define SLOT_MODULES SLOT_FOLDER "/modules"
#define UPDATE_KEY_FILE "/etc/update.pem" // whose updates are taken; made with the image
enum { COMMAND_LINE_BYTES = 4096, UPDATE_PATH_BYTES = 512 };

// What a person wants that takes long. One at a time.
enum wish {
    WISH_NONE,
    WISH_UPDATE,
    WISH_BACKUP,
    WISH_RESTORE,
    WISH_RESET,
    WISH_INSTALL,
    WISH_PACK
};

struct init {
    const struct appliance_texts *texts;
    char command_line[COMMAND_LINE_BYTES]; // the kernel's
    char disk[PARTUUID_SIZE];              // the boot partition's name for all machines
    int signals, uevents, watchdog;
    bool log_shown;
    bool trial; // GRUB tries this slot; the next start is of the other unless we confirm it
    struct modules *modules;
    struct power power;
    struct settings settings;
    struct data data;
    struct lan *lan;
    struct service *service;
    struct work work;
    struct upkeep upkeep; // of the work that runs
    struct sticks_watch sticks;
    struct packs packs;
    char update[UPDATE_PATH_BYTES]; // or the pack; "": from a stick
    bool downgrade;
    char install[DISK_NAME_BYTES]; // the disk to install on
    enum wish wish, wish_last;     // that runs; that was begun last
    struct fault wish_fault;       // what came of that one; no code: it is done
    struct slots slots;
    bool slots_open, confirmed;
    int64_t locked_ms;          // when the data was last seen locked; the trial's time is from then
    enum encryption encryption; // of a reset or an installation
    int64_t stop_ms; // when a wish takes the service away: not before its answer has reached a page
    bool working;    // on the wish: the service has gone if it must, no stick is being looked at
    struct front front;
    int64_t end_ms; // when the machine goes even if the data is still in use; 0: not yet
    int ending;     // what reboot(2) is to do; 0: go on
};

// One packet of the service: a request is answered, all else is passed over.
void request_handle(struct init *init, const struct json *packet);
// The answer to a request, whose deed is done or begun; false if it is none.
bool request_answer(struct init *init, const struct json *packet, struct buf *out);

// ERR_BUSY "appliance.busy" while a wish stands, whether its work runs or waits for the service to
// be away: what it reads (update, downgrade, upkeep, install) stays as it is until it is over.
enum err wish_possible(const struct init *init, struct fault *fault) MUST_USE;
// Begins it, by the members update, downgrade and upkeep of `init`. ERR_BUSY "appliance.busy".
enum err wish_begin(struct init *init, enum wish wish, struct fault *fault) MUST_USE;
// What is due: the service has stopped, the work has ended, the partition is free.
void wish_proceed(struct init *init);
// "update", "backup", "restore", "reset", "install", "pack"; "": none.
const char *wish_name(enum wish wish);
// What comes and goes at the sockets: looks when it is due; when to call again (monotonic, ms).
int64_t wish_sticks(struct init *init, int64_t now_ms);
// Packs that came or were not looked at yet: begins the look when nothing stands against it.
void wish_packs(struct init *init);
// While a wish needs the service to be away.
bool wish_holds_service(const struct init *init);

// Reads both files of settings and makes them so.
void settings_apply(struct init *init);
// Writes them to the file of the data partition, then the same.
enum err settings_keep(struct init *init, const struct settings *wanted,
                       struct fault *fault) MUST_USE;

// ---- the machine --------------------------------------------------------------------------------
// Sets the system's clock and the one that goes on without power. False for what is no likely time.
bool machine_clock_set(int64_t ms);
uint64_t machine_memory_bytes(void);
uint64_t machine_memory_free_bytes(void); // that programs could have now; 0: not known
int machine_temperature(void);            // the hottest sensor, degrees Celsius; 0: none
