#include "allocation/devices.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/str.h"

static const struct family {
    const char *own; // with its number behind
    uint32_t first, last;
    const char *shared[DEVICE_NODES_MAX - 1];
} families[] = {
    {"nvidia", 0, 63, {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"}},
    {"davinci", 0, 63, {"davinci_manager", "devmm_svm", "hisi_hdc"}},
    {"dri/renderD", 128, 191, {"kfd"}},
};

static bool node_put(struct device *device, const char *folder, const char *name) {
    struct stat info;
    char *path = device->nodes[device->node_count];
    int size = snprintf(path, DEVICE_PATH_BYTES, "%s/%s", folder, name);
    if (size <= 0 || size >= DEVICE_PATH_BYTES) return false;
    if (stat(path, &info) != 0 || !S_ISCHR(info.st_mode)) return false;
    device->node_count++;
    return true;
}

static uint32_t family_find(const struct family *family, const char *folder, struct device *out) {
    uint32_t count = 0;
    for (uint32_t i = family->first; i <= family->last && count < DEVICES_MAX; i++) {
        char name[32];
        struct device *device = &out[count];
        *device = (struct device){.node_count = 0};
        snprintf(name, sizeof name, "%s%u", family->own, i);
        if (!node_put(device, folder, name)) continue;
        count++;
        for (uint32_t k = 0; k < DEVICE_NODES_MAX - 1 && family->shared[k]; k++) {
            node_put(device, folder, family->shared[k]);
        }
    }
    return count;
}

uint32_t devices_find(const char *folder, struct device *out) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        uint32_t count = family_find(&families[i], folder, out);
        if (count > 0) return count;
    }
    return 0;
}
