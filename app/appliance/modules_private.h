// Kernel modules by the aliases that depmod wrote down. The kernel unpacks them itself
// (MODULE_INIT_COMPRESSED_FILE). Loaded only forwards: nothing is ever taken out.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct modules;

// Reads FOLDER/modules.{alias,dep}; FOLDER is /lib/modules/RELEASE. ERR_NOT_FOUND without them.
enum err modules_open(const char *folder, struct modules **out, struct fault *fault) MUST_USE;
void modules_close(struct modules *modules);

// The start from a folder in memory, then all of them from the disk: what `first` has tried is not
// tried again, and its files are deleted, for they only take room now. Ends `first`.
void modules_follow(struct modules *modules, struct modules *first);

// Loads every module whose alias fits (a device's modalias, "fs-ext4", "crypto-xts(aes)"), each
// after what it depends on. Returns how many were new to this process.
uint32_t modules_for(struct modules *modules, const char *alias);
// By its name; '-' and '_' are the same. False if there is none or the kernel refuses it.
bool modules_load(struct modules *modules, const char *name);

// What would be loaded, in order: calls tell() with each file's path below the folder. For tests.
void modules_plan(struct modules *modules, const char *alias,
                  void (*tell)(void *ctx, const char *path), void *ctx);

// For every device there is: all files named `modalias` below `folder` (/sys/devices). Returns how
// many modules were new; a bus that one of them drives may show further devices: again until 0.
uint32_t modules_cold(struct modules *modules, const char *folder);
