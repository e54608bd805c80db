// Accelerators by their nodes: by number, with what they share; one family only; none where there
// are none. Nodes can be made by root alone: elsewhere only the last is tried.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "allocation/devices.h"
#include "base/file.h"
#include "check.h"

static char folder[256];
static struct device found[DEVICES_MAX];

static bool node_make(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0;
}

static void nothing_is_nothing(void) {
    CHECK_EQ(devices_find(folder, found), 0);
    CHECK_EQ(devices_find("/no/such/folder", found), 0);
    char path[512];
    snprintf(path, sizeof path, "%s/nvidia0", folder);
    REQUIRE(file_write(path, STR("no device"), NULL) == OK);
    CHECK_EQ(devices_find(folder, found), 0); // a plain file is no device
    REQUIRE(file_remove(path, NULL) == OK);
}

static void one_family_by_number(void) {
    char path[512];
    snprintf(path, sizeof path, "%s/dri", folder);
    if (!node_make("nvidia0")) return;
    REQUIRE(mkdir(path, 0700) == 0);
    REQUIRE(node_make("nvidia3") && node_make("nvidiactl") && node_make("nvidia-uvm"));
    REQUIRE(node_make("dri/renderD128") && node_make("kfd"));
    CHECK_EQ(devices_find(folder, found), 2);
    snprintf(path, sizeof path, "%s/nvidia3", folder);
    CHECK_STR(found[1].nodes[0], path);
    CHECK_EQ(found[1].node_count, 3);
    snprintf(path, sizeof path, "%s/nvidia0", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/nvidia3", folder);
    unlink(path);
    CHECK_EQ(devices_find(folder, found), 1);
    snprintf(path, sizeof path, "%s/dri/renderD128", folder);
    CHECK_STR(found[0].nodes[0], path);
    CHECK_EQ(found[0].node_count, 2);
}

int main(void) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/devices-XXXXXX", base && strlen(base) < 60 ? base : "/tmp");
    if (!mkdtemp(folder)) return 1;
    CHECK_RUN(nothing_is_nothing);
    CHECK_RUN(one_family_by_number);
    if (folder_remove(folder, NULL) != OK) return 1;
    return check_done();
}
