// What PID 1 keeps, for the files that act on it.
//
//   init.c      the order of the start, the loop       requests.c  what the service asks
//   modules.c   kernel modules                         settings.c  settings as text
//   data.c      the data partition                     service.c   the service beside us
//   work.c      what takes long, in a child            machine.c   clock, memory, temperature
#pragma once

#include "appliance/appliance.h"
#include "appliance/data_private.h"
#include "appliance/modules_private.h"
#include "appliance/service_private.h"
#include "appliance/settings_private.h"
#include "appliance/work_private.h"

#define FOLDER_OWN "/data/appliance"
#define SETTINGS_FILE FOLDER_OWN "/settings.txt"
#define SETTINGS_FILE_STICK "/esp/courtyard.txt"
enum { COMMAND_LINE_BYTES = 4096 };

struct init {
    const struct appliance_texts *texts;
    char command_line[COMMAND_LINE_BYTES]; // the kernel's
    char disk[PARTUUID_SIZE];              // the boot partition's name for all machines
    int signals, uevents, watchdog;
    bool log_shown;
    struct modules *modules;
    struct settings settings;
    struct data data;
    struct service *service;
    struct work work;
    int ending; // what reboot(2) is to do; 0: go on
};

// One packet of the service: a request is answered, all else is passed over.
void request_handle(struct init *init, const struct json *packet);

// Reads both files of settings and makes them so.
void settings_apply(struct init *init);

// ---- the machine --------------------------------------------------------------------------------
// Sets the system's clock and the one that goes on without power. False for what is no likely time.
bool machine_clock_set(int64_t ms);
uint64_t machine_memory_bytes(void);
int machine_temperature(void); // the hottest sensor, degrees Celsius; 0: none
