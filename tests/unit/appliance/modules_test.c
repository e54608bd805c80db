// Which modules a device asks for, in which order: on depmod's files as it writes them.
#include "appliance/modules_private.h"

#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "support/box.h"

static char folder[128];
static char plan[1024];

static void tell(void *ctx, const char *path) {
    (void)ctx;
    size_t used = strlen(plan);
    snprintf(plan + used, sizeof plan - used, "%s ", path);
}

static const char *plan_of(struct modules *modules, const char *alias) {
    plan[0] = '\0';
    modules_plan(modules, alias, tell, NULL);
    return plan;
}

static void put(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    REQUIRE(file_write_quick(path, str_of(text), NULL) == OK);
}

static void dependencies_come_first(void) {
    put("modules.dep", "kernel/a/sd_mod.ko.xz: kernel/a/scsi_mod.ko.xz kernel/a/scsi-common.ko.xz\n"
                       "kernel/a/scsi_mod.ko.xz: kernel/a/scsi-common.ko.xz\n"
                       "kernel/a/scsi-common.ko.xz:\n"
                       "kernel/n/e1000e.ko.xz: kernel/p/ptp.ko.xz kernel/p/pps_core.ko.xz\n"
                       "kernel/p/ptp.ko.xz: kernel/p/pps_core.ko.xz\n"
                       "kernel/p/pps_core.ko.xz:\n"
                       "kernel/n/other.ko.xz:\n");
    put("modules.alias", "# Aliases extracted from modules themselves.\n"
                         "alias scsi:t-0x00* sd_mod\n"
                         "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n"
                         "alias pci:v0000[18]086d000010D3sv*sd*bc*sc*i* other\n"
                         "alias fs-gone not_there\n"
                         "alias broken\n");
    struct modules *modules;
    struct fault fault = {0};
    REQUIRE(modules_open(folder, &modules, &fault) == OK);
    CHECK(strcmp(plan_of(modules, "scsi:t-0x00"), "kernel/a/scsi-common.ko.xz "
                                                  "kernel/a/scsi_mod.ko.xz "
                                                  "kernel/a/sd_mod.ko.xz ") == 0);
    CHECK(strcmp(plan_of(modules, "pci:v00008086d000010D3sv00001AF4sd00001100bc02sc00i00"),
                 "kernel/p/pps_core.ko.xz kernel/p/ptp.ko.xz kernel/n/e1000e.ko.xz "
                 "kernel/n/other.ko.xz ") == 0);
    CHECK(plan_of(modules, "pci:v00008086d000010D4sv0sd0bc0sc0i0")[0] == '\0');
    CHECK(plan_of(modules, "fs-gone")[0] == '\0' && plan_of(modules, "")[0] == '\0');
    CHECK(!modules_load(modules, "not-there"));
    modules_close(modules);
}

static bool there(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

// What the kernel refused from the first folder is not asked of it again; the files are gone.
static void the_second_folder_follows_the_first(void) {
    struct modules *first, *all;
    struct fault fault = {0};
    put("modules.dep", "ours.ko:\ngone.ko:\n");
    put("modules.alias", "alias pci:one ours\n");
    put("ours.ko", "no module");
    put("more.ko", "no module");
    REQUIRE(modules_open(folder, &first, &fault) == OK);
    CHECK_EQ(modules_for(first, "pci:one"), 0);
    put("modules.dep", "ours.ko.xz:\nmore.ko:\n");
    put("modules.alias", "alias pci:one ours\nalias pci:two more\n");
    REQUIRE(modules_open(folder, &all, &fault) == OK);
    modules_follow(all, first);
    CHECK(!there("ours.ko") && there("more.ko"));
    CHECK(modules_load(all, "ours"));  // tried before: there is no ours.ko.xz to be tried
    CHECK(!modules_load(all, "more")); // the kernel wants none like it
    modules_close(all);
}

static void without_the_files_it_says_so(void) {
    struct modules *modules;
    struct fault fault = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/nowhere", folder);
    CHECK_EQ(modules_open(path, &modules, &fault), ERR_NOT_FOUND);
}

int main(void) {
    if (!box_folder(folder)) return 1;
    CHECK_RUN(dependencies_come_first);
    CHECK_RUN(the_second_folder_follows_the_first);
    CHECK_RUN(without_the_files_it_says_so);
    box_folder_remove(folder);
    return check_done();
}
