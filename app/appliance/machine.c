// The machine's clock, memory and temperature.
#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "appliance/init_private.h"
#include "base/log.h"

enum { TEMPERATURES_MAX = 64 };
#define CLOCK_MS_MIN 1704067200000 // 2024-01-01: earlier times are mistakes
#define CLOCK_MS_MAX 4102444800000 // 2100-01-01

static void rtc_set(time_t seconds) {
    struct tm utc;
    gmtime_r(&seconds, &utc);
    struct rtc_time time = {.tm_sec = utc.tm_sec,
                            .tm_min = utc.tm_min,
                            .tm_hour = utc.tm_hour,
                            .tm_mday = utc.tm_mday,
                            .tm_mon = utc.tm_mon,
                            .tm_year = utc.tm_year};
    int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, RTC_SET_TIME, &time) != 0) {
        log_event(LOG_WARN, "appliance.clock", "errno=%d", errno);
    }
    if (fd >= 0) close(fd);
}

bool machine_clock_set(int64_t ms) {
    if (ms < CLOCK_MS_MIN || ms >= CLOCK_MS_MAX) return false;
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    if (settimeofday(&time, NULL) != 0) return false;
    rtc_set(time.tv_sec);
    return true;
}

uint64_t machine_memory_bytes(void) {
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

uint64_t machine_memory_free_bytes(void) {
    static const char name[] = "MemAvailable:"; // kB; the third line
    char text[512];
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

int machine_temperature(void) {
    int hottest = 0;
    for (int i = 0; i < TEMPERATURES_MAX; i++) {
        char path[64], text[32];
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", i);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) break;
        ssize_t size = read(fd, text, sizeof text - 1);
        close(fd);
        text[size > 0 ? size : 0] = '\0';
        long milli = strtol(text, NULL, 10);
        if (milli / 1000 > hottest && milli < 200000) hottest = (int)(milli / 1000);
    }
    return hottest;
}
