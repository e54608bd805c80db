#include "appliance/power_private.h"

#include <fcntl.h>
#include <linux/input.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { INPUTS = 32, KEY_BYTES = KEY_MAX / 8 + 1 };

static bool has_key(int fd) {
    uint8_t keys[KEY_BYTES] = {0};
    // C libraries differ in the type of the request.
    if (syscall(SYS_ioctl, fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) < 0) return false;
    return keys[KEY_POWER / 8] >> KEY_POWER % 8 & 1;
}

void power_look(struct power *power) {
    while (power->count > 0) close(power->fds[--power->count]);
    for (int i = 0; i < INPUTS && power->count < POWER_DEVICES; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) continue;
        if (has_key(fd)) {
            power->fds[power->count++] = fd;
        } else {
            close(fd);
        }
    }
}

size_t power_fds(const struct power *power, struct pollfd out[POWER_DEVICES]) {
    for (size_t i = 0; i < power->count; i++) {
        out[i] = (struct pollfd){.fd = power->fds[i], .events = POLLIN};
    }
    return power->count;
}

bool power_pressed(struct power *power) {
    struct input_event event;
    bool pressed = false;
    for (size_t i = 0; i < power->count; i++) {
        while (read(power->fds[i], &event, sizeof event) == (ssize_t)sizeof event) {
            pressed = pressed || (event.type == EV_KEY && event.code == KEY_POWER && event.value);
        }
    }
    return pressed;
}
