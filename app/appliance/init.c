// PID 1: the order of the start, and the loop.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/init_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"

enum {
    UEVENT_BYTES = 8192,
    DISK_WAIT_MS = 250,         // between looks for the disk, besides the kernel's own events
    DISK_TRIAL_MS = 120 * 1000, // a trial that has not found its disk by then never will
    TRIAL_MS = 15 * 60 * 1000,  // since the machine started
    SMALL_KIB = 4 << 20,        // a machine with less memory than this
    SMALL_FREE_KIB = 6144, // is to keep so much free; the kernel would keep a tenth for large pages
    HEALTHY_MS = 20 * 1000, // a service that answers so long makes a trial boot good
    STICK_SETTLE_MS = 1500, // from the last word of a disk that came to a look at it
    END_MS = 20 * 1000,     // for the data to be let go of, once the service has gone
    WATCHDOG_MS = 8 * 1000, // drivers wait for 30 s or more
};

static int64_t now(void) {
    return (int64_t)(clock_monotonic_us() / 1000);
}

// ---- the first steps ----------------------------------------------------------------------------
static void mount_all(void) {
    static const struct {
        const char *what, *where, *kind, *options;
        unsigned long flags;
    } mounts[] = {
        {"proc", "/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"sysfs", "/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"devtmpfs", "/dev", "devtmpfs", "mode=0755", MS_NOSUID},
        {"devpts", "/dev/pts", "devpts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
        {"tmpfs", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
        {"tmpfs", "/run", "tmpfs", "mode=0755,size=10%", MS_NOSUID | MS_NODEV},
        {"tmpfs", "/tmp", "tmpfs", "mode=1777,size=10%", MS_NOSUID | MS_NODEV},
        {"tmpfs", "/opt", "tmpfs", "mode=0755,size=1m", MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"cgroup2", "/sys/fs/cgroup", "cgroup2", "nsdelegate,memory_recursiveprot",
         MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"efivarfs", "/sys/firmware/efi/efivars", "efivarfs", NULL,
         MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY},
    };
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        (void)mkdir(mounts[i].where, 0755);
        (void)mount(mounts[i].what, mounts[i].where, mounts[i].kind, mounts[i].flags,
                    mounts[i].options);
    }
}

static void text_put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, text, strlen(text)) < 0) log_event(LOG_WARN, "appliance.put", "path=%s", path);
    close(fd);
}

// The word after `name` on the kernel's line, "courtyard.disk=" say.
static bool told(const struct init *init, const char *name, char *out, size_t out_size) {
    struct str rest = str_of(init->command_line);
    while (rest.size > 0) {
        struct str word = str_trim(str_cut(rest, ' ', &rest));
        if (!str_starts(word, str_of(name))) continue;
        size_t skip = strlen(name);
        return str_copy(out, out_size, (struct str){word.data + skip, word.size - skip});
    }
    return false;
}

// Our log goes to the kernel's, or to the device that the kernel's line names.
static void log_begin(struct init *init) {
    char name[16] = "kmsg", path[32];
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, init->command_line, COMMAND_LINE_BYTES - 1) : 0;
    if (fd >= 0) close(fd);
    init->command_line[size > 0 ? size : 0] = '\0';
    (void)told(init, "courtyard.disk=", init->disk, sizeof init->disk);
    char trial[4];
    init->trial = told(init, "courtyard.trial=", trial, sizeof trial) && trial[0] == '1';
    init->log_shown = told(init, "courtyard.log=", name, sizeof name);
    snprintf(path, sizeof path, "/dev/%s", name);
    int null = open("/dev/null", O_RDWR), log = open(path, O_WRONLY | O_NOCTTY);
    if (null >= 0) (void)dup2(null, 0);
    if (null >= 0) (void)dup2(null, 1);
    if (log >= 0) (void)dup2(log, 2);
    if (null > 2) close(null);
    if (log > 2) close(log);
}

static void kernel_settings(void) {
    text_put("/proc/sys/net/ipv4/ip_unprivileged_port_start", "443");
    text_put("/proc/sys/kernel/printk_devkmsg", "on\n");
    text_put("/proc/sys/kernel/ctrl-alt-del", "0"); // comes to us as SIGINT
    text_put("/proc/sys/kernel/dmesg_restrict", "1");
    text_put("/proc/sys/kernel/kptr_restrict", "2");
    text_put("/proc/sys/kernel/sysrq", "0");
    text_put("/proc/sys/vm/panic_on_oom", "0");
    text_put("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
    text_put("/proc/sys/net/ipv4/conf/all/accept_redirects", "0");
    text_put("/proc/sys/net/ipv4/conf/all/send_redirects", "0");
}

// Where there is little: large pages for whoever asks for them (a model's weights), not for all, of
// which they use a part; and what the kernel keeps free to make them, 66 of 1,024 MiB, is for jobs.
static void memory_settings(void) {
    char text[16];
    if (machine_memory_bytes() / 1024 >= SMALL_KIB) return;
    text_put("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"); // sets the other anew
    snprintf(text, sizeof text, "%d", SMALL_FREE_KIB);
    text_put("/proc/sys/vm/min_free_kbytes", text);
}

static int uevents_open(void) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    int room = 1 << 20;
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static int signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT); // ctrl-alt-del
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void coldplug(struct init *init) {
    uint32_t fresh, all = 0;
    while ((fresh = modules_cold(init->modules, "/sys/devices")) > 0) all += fresh;
    log_event(LOG_INFO, "appliance.modules", "loaded=%u", all);
}

// What leads to the disk lies in the initramfs.
static void hardware_begin(struct init *init) {
    struct utsname name;
    char folder[128];
    struct fault fault = {0};
    static const char *const always[] = {"ext4", "vfat", "nls_cp437", "nls_ascii", "evdev"};
    uname(&name);
    snprintf(folder, sizeof folder, "/lib/modules/%s", name.release);
    if (modules_open(folder, &init->modules, &fault) != OK) {
        log_event(LOG_ERROR, "appliance.modules", "code=%s", fault.code);
        return;
    }
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        (void)modules_load(init->modules, always[i]);
    }
    coldplug(init);
}

// All modules and the firmware lie in the slot that was booted, beside the kernel.
static void hardware_go_on(struct init *init, enum slot running) {
    char path[64];
    struct fault fault = {0};
    struct modules *all;
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    snprintf(path, sizeof path, "/dev/%s", init->data.slot[running]);
    (void)mkdir(SLOT_FOLDER, 0755);
    if (mount(path, SLOT_FOLDER, "vfat", flags, "utf8") != 0) {
        log_event(LOG_ERROR, "appliance.slot", "mount=%s errno=%d", path, errno);
        return;
    }
    text_put("/sys/module/firmware_class/parameters/path", SLOT_FOLDER "/firmware");
    if (modules_open(SLOT_MODULES, &all, &fault) != OK) {
        log_event(LOG_ERROR, "appliance.modules", "code=%s", fault.code);
        return;
    }
    if (init->modules) modules_follow(all, init->modules);
    init->modules = all;
    coldplug(init);
}

static void watchdog_begin(struct init *init) {
    init->watchdog = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
    if (init->watchdog < 0 && init->modules && modules_load(init->modules, "softdog")) {
        init->watchdog = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
    }
}

// ---- events -------------------------------------------------------------------------------------
// "add@/devices/…", then NAME=VALUE, each with its NUL.
static void uevents_read(struct init *init) {
    char text[UEVENT_BYTES];
    ssize_t size;
    while ((size = recv(init->uevents, text, sizeof text - 1, 0)) > 0) {
        text[size] = '\0';
        if (strstr(text, "/block/") && !strstr(text, "/block/loop")) {
            init->front.disks_changed = true;
            init->data.sticks_changed |= strncmp(text, "remove@", 7) != 0;
            sticks_due(&init->sticks, now() + STICK_SETTLE_MS);
        }
        if (strncmp(text, "add@", 4) != 0 && strncmp(text, "change@", 7) != 0) continue;
        if (strstr(text, "/input/")) power_look(&init->power);
        for (const char *at = text; at < text + size; at += strlen(at) + 1) {
            if (strncmp(at, "MODALIAS=", 9) != 0 || !init->modules) continue;
            (void)modules_for(init->modules, at + 9);
        }
    }
}

static void ended_one(struct init *init, pid_t pid, int status) {
    if (service_ended(init->service, pid, status) || work_ended(&init->work, pid, status)) return;
    if (sticks_ended(&init->sticks, pid, status)) return;
    if (packs_ended(&init->packs, pid, status)) return;
    (void)data_ended(&init->data, pid, status, now());
}

static void signals_read(struct init *init) {
    struct signalfd_siginfo info;
    while (read(init->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) init->ending = RB_AUTOBOOT;
    }
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) ended_one(init, pid, status);
}

static void packets_read(struct init *init) {
    struct json *packet;
    while (service_take(init->service, &packet)) {
        request_handle(init, packet);
        json_close(packet);
    }
}

// ---- what is to be done now ---------------------------------------------------------------------
void settings_apply(struct init *init) {
    static const char *const files[] = {SETTINGS_FILE, SETTINGS_FILE_STICK};
    settings_default(&init->settings);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct fault fault = {0};
        struct buf text;
        buf_open(&text, 64 * 1024);
        enum err err = file_read(files[i], &text, &fault);
        if (err == OK) err = settings_read(buf_str(&text), &init->settings, &fault);
        if (err != OK && err != ERR_NOT_FOUND) {
            log_event(LOG_WARN, "appliance.settings", "file=%s code=%s row=%llu", files[i],
                      fault.code, (unsigned long long)fault.row);
        }
        buf_close(&text);
    }
    (void)sethostname(init->settings.hostname, strlen(init->settings.hostname));
    lan_set(init->lan, &init->settings);
}

static void folders_make(void) {
    (void)mkdir(FOLDER_OWN, 0700);
    (void)mkdir(SERVICE_DATA, 0700);
    if (chown(SERVICE_DATA, SERVICE_USER, SERVICE_USER) != 0) {
        log_event(LOG_ERROR, "appliance.folders", "errno=%d", errno);
    }
}

static void esp_mount(const struct init *init) {
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", init->data.esp);
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount(path, "/esp", "vfat", flags, "utf8") == 0) return;
    log_event(LOG_WARN, "appliance.esp", "errno=%d", errno);
}

static void slots_find(struct init *init) {
    char esp[64], slot[SLOTS][64];
    struct fault fault = {0};
    enum slot running;
    snprintf(esp, sizeof esp, "/dev/%s", init->data.esp);
    for (int i = 0; i < SLOTS; i++) {
        snprintf(slot[i], sizeof slot[i], "/dev/%s", init->data.slot[i]);
    }
    if (!slots_running(str_of(init->command_line), &running)) return;
    enum err err = slots_open(esp, slot[SLOT_A], slot[SLOT_B], running, &init->slots, &fault);
    init->slots_open = err == OK;
    hardware_go_on(init, running);
    log_event(err == OK ? LOG_INFO : LOG_ERROR, "appliance.slots", "running=%c code=%s",
              slot_letter(running), fault.code);
}

// A start that has shown itself good is the one that is booted from now on; one of a trial that
// does not come so far gives way to the other.
static void trial_judge(struct init *init, int64_t now_ms) {
    struct service_view view;
    struct fault fault = {0};
    bool blind = !init->modules || (init->data.state == DATA_NONE && now_ms > DISK_TRIAL_MS);
    if (init->trial && blind && !init->ending) {
        log_event(LOG_ERROR, "appliance.trial_failed", "modules=%d", init->modules != NULL);
        init->ending = RB_AUTOBOOT;
    }
    if (!init->slots_open || init->confirmed) return;
    service_look(init->service, &view);
    if (view.state == SERVICE_READY && view.up_ms >= HEALTHY_MS && !view.fault[0]) {
        init->confirmed = true;
        enum err err = slots_confirm(&init->slots, &fault);
        if (err == OK) err = slots_note(&init->slots, HISTORY_FILE, &fault);
        log_event(LOG_INFO, "appliance.confirmed",
                  "err=%s code=%s memory=%" PRIu64 " free=%" PRIu64, err_name(err), fault.code,
                  machine_memory_bytes(), machine_memory_free_bytes());
        return;
    }
    struct slots_status status;
    // Who has not typed the passphrase yet is no fault of the version.
    bool locked = init->data.state >= DATA_LOCKED;
    if (locked) init->locked_ms = now_ms;
    if (now_ms - init->locked_ms < TRIAL_MS || slots_status(&init->slots, &status, &fault) != OK)
        return;
    init->confirmed = true; // judged, whatever the verdict
    if (status.confirmed) return;
    log_event(LOG_ERROR, "appliance.trial_failed", "state=%d", (int)view.state);
    init->ending = RB_AUTOBOOT;
}

// From the disk to the service, as far as it can go now.
static void proceed(struct init *init) {
    struct service_view view;
    bool resetting = init->wish == WISH_RESET;
    if (init->data.state == DATA_NONE && !init->ending && !resetting &&
        data_find(&init->data, init->disk)) {
        slots_find(init);
        esp_mount(init);
        sticks_due(&init->sticks, now());
        settings_apply(init); // those of the boot partition; the others lie on the data's
        init->data.vault.modules = init->modules;
        data_begin(&init->data, init->settings.encryption);
    }
    data_run(&init->data, now());
    service_look(init->service, &view);
    bool wanted = !init->ending && !wish_holds_service(init);
    if (init->data.state == DATA_MOUNTED && view.state == SERVICE_STOPPED && wanted) {
        upkeep_settle();
        if (data_emptied(&init->data)) return;
        folders_make();
        settings_apply(init);
        service_start(init->service, "");
        packs_due(&init->packs);
    }
    if (init->data.state == DATA_BROKEN && view.state == SERVICE_STOPPED && wanted) {
        settings_apply(init);
        (void)mkdir(SERVICE_RESCUE, 0700);
        if (chown(SERVICE_RESCUE, SERVICE_USER, SERVICE_USER) != 0) return;
        service_start(init->service, init->data.fault.code);
    }
}

// True when everything is over and the machine may go.
static bool end_step(struct init *init) {
    struct service_view view;
    service_stop(init->service);
    service_look(init->service, &view);
    if (view.state != SERVICE_STOPPED) return false;
    bool away = packs_away(&init->packs);
    if (init->data.state != DATA_MOUNTED || (away && data_unmount(&init->data))) return true;
    int64_t at = now();
    if (!init->end_ms) init->end_ms = at + END_MS;
    return at >= init->end_ms; // all is written; the journal does the rest
}

static void wait_for_events(struct init *init, int64_t until_ms) {
    struct pollfd fds[6 + POWER_DEVICES] = {
        {.fd = init->signals, .events = POLLIN},
        {.fd = init->uevents, .events = POLLIN},
        {.fd = service_channel(init->service), .events = POLLIN},
        {.fd = service_log(init->service), .events = POLLIN},
        {.fd = lan_fd(init->lan), .events = POLLIN},
        {.fd = front_fd(init), .events = POLLIN},
    };
    int64_t left = until_ms - now();
    if (left < 0) left = 0;
    size_t keys = power_fds(&init->power, fds + 6);
    (void)poll(fds, 6 + keys, (int)left);
    if (power_pressed(&init->power)) init->ending = RB_POWER_OFF;
    uevents_read(init);
    packets_read(init);
    service_log_copy(init->service);
    signals_read(init);
}

static void loop(struct init *init) {
    for (;;) {
        int64_t at = now(), until = at + WATCHDOG_MS;
        if (init->watchdog >= 0 && write(init->watchdog, "", 1) < 0) init->watchdog = -1;
        wish_proceed(init);
        proceed(init);
        wish_packs(init);
        trial_judge(init, at);
        int64_t due = service_run(init->service, at);
        if (due < until) until = due;
        due = lan_run(init->lan, at);
        if (due < until) until = due;
        due = wish_sticks(init, at);
        if (due < until) until = due;
        due = front_run(init, at);
        if (due < until) until = due;
        bool searching = init->data.state == DATA_NONE;
        if ((searching || init->ending) && until > at + DISK_WAIT_MS) until = at + DISK_WAIT_MS;
        if (init->ending && end_step(init)) return;
        wait_for_events(init, until);
    }
}

int appliance_modprobe(int argc, char **argv) {
    struct utsname name;
    char folder[128];
    struct modules *modules;
    const char *wanted = argc > 1 ? argv[argc - 1] : "";
    uname(&name);
    snprintf(folder, sizeof folder, "/lib/modules/%s", name.release);
    enum err err = modules_open(SLOT_MODULES, &modules, NULL);
    if (err != OK) err = modules_open(folder, &modules, NULL);
    if (err != OK) return 1;
    bool found = modules_load(modules, wanted) || modules_for(modules, wanted) > 0;
    modules_close(modules);
    return found ? 0 : 1;
}

int appliance_main(const struct appliance_texts *texts) {
    static struct init init;
    init = (struct init){.texts = texts, .watchdog = -1};
    mount_all();
    log_begin(&init);
    log_event(LOG_INFO, "appliance.start", "version=%s", COURTYARD_VERSION);
    init.signals = signals_open();
    init.uevents = uevents_open();
    kernel_settings();
    memory_settings();
    (void)reboot(RB_DISABLE_CAD);
    (void)symlink("/init",
                  "/sbin/modprobe"); // before us the kernel would ask it for what is not there
    if (service_open(init.log_shown, &init.service, NULL) != OK) return 1;
    if (lan_open(&init.lan, NULL) != OK) return 1;
    hardware_begin(&init);
    watchdog_begin(&init);
    power_look(&init.power);
    settings_default(&init.settings);
    front_open(&init);
    loop(&init);
    log_event(LOG_INFO, "appliance.end", "how=%x", (unsigned)init.ending);
    sync();
    (void)reboot(init.ending);
    return 1;
}
