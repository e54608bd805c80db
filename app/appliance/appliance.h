// The box as a machine of its own: what the USB appliance's initramfs starts as PID 1. Mounts,
// loads the modules that the hardware asks for, finds its disk, checks and mounts the data, sets
// the network up, starts the service as an unprivileged process and looks after it, and talks to
// whoever sits before the screen. It opens no port of its own and starts no shell.
//
// One thread, one loop; what takes long (making or checking a file system, writing a slot) is done
// by children. Root is the initramfs, in memory: nothing of the system can be changed on disk but
// by an update. Depends on base/ only. images/build makes the image.
#pragma once

// What is said on the screen comes from the messages inside the binary, which lie above us.
struct appliance_texts {
    // The sentence of `key` in `language` ("zh-CN", "en"), NUL-terminated, for the life of the
    // process; the key itself if there is none.
    const char *(*text)(const char *language, const char *key);
};

// Returns only when the machine is to be switched off or started anew, with the exit status 1 if
// it could not be done.
int appliance_main(const struct appliance_texts *texts);

// As /sbin/modprobe, which the kernel runs when it wants a module: `modprobe -q -- NAME-OR-ALIAS`.
int appliance_modprobe(int argc, char **argv);
