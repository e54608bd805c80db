// Links and their addresses; the descriptors. What a link does when is in lan_link.c.
#include "appliance/lan/lan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "appliance/lan/lan_link_private.h"
#include "appliance/lan/netlink_private.h"
#include "base/log.h"
#include "base/memory.h"

enum { LINKS_SEEN = 256 }; // of all kinds

struct lan {
    struct settings settings;
    bool set;
    int64_t now_ms;
    struct netlink netlink;
    int epoll;
    bool looked; // at the links since the start
    uint32_t count;
    struct link links[LAN_LINKS]; // in the order they came
};

// ---- opening ------------------------------------------------------------------------------------
enum err lan_open(struct lan **out, struct fault *fault) {
    struct lan *lan = memory_take(sizeof *lan);
    if (!lan) return fault_errno(fault, ENOMEM, STR("network"));
    enum err err = netlink_open(&lan->netlink, fault);
    if (err != OK) {
        memory_give(lan);
        return err;
    }
    struct epoll_event event = {.events = EPOLLIN};
    lan->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (lan->epoll < 0 || epoll_ctl(lan->epoll, EPOLL_CTL_ADD, lan->netlink.events, &event) != 0) {
        err = fault_errno(fault, errno, STR("epoll"));
        if (lan->epoll >= 0) close(lan->epoll);
        netlink_close(&lan->netlink);
        memory_give(lan);
        return err;
    }
    *out = lan;
    return OK;
}

void lan_close(struct lan *lan) {
    if (!lan) return;
    for (uint32_t i = 0; i < lan->count; i++) link_close(&lan->links[i], &lan->netlink);
    netlink_close(&lan->netlink);
    close(lan->epoll);
    memory_give(lan);
}

int lan_fd(const struct lan *lan) {
    return lan->epoll;
}

static bool settings_same(const struct settings *a, const struct settings *b) {
    return a->fixed == b->fixed && a->address.s_addr == b->address.s_addr &&
           a->gateway.s_addr == b->gateway.s_addr && a->prefix == b->prefix &&
           strcmp(a->interface, b->interface) == 0 && strcmp(a->hostname, b->hostname) == 0;
}

void lan_set(struct lan *lan, const struct settings *settings) {
    bool same = lan->set && settings_same(&lan->settings, settings);
    lan->settings = *settings;
    lan->set = true;
    for (uint32_t i = 0; i < lan->count && !same; i++) link_stop(&lan->links[i], &lan->netlink);
}

// ---- links --------------------------------------------------------------------------------------
static bool wireless(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/sys/class/net/%s/phy80211", name);
    return access(path, F_OK) == 0;
}

static void driver_of(const char *name, char out[static 32]) {
    char path[64], target[256];
    snprintf(path, sizeof path, "/sys/class/net/%s/device/driver", name);
    ssize_t size = readlink(path, target, sizeof target - 1);
    target[size > 0 ? size : 0] = '\0';
    const char *last = strrchr(target, '/');
    (void)str_copy(out, 32, str_of(last ? last + 1 : ""));
}

static int speed_of(const char *name) {
    char path[64], text[16];
    uint64_t speed;
    snprintf(path, sizeof path, "/sys/class/net/%s/speed", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : 0;
    if (fd >= 0) close(fd);
    struct str number = {text, size > 0 ? (size_t)size : 0};
    return str_to_u64(str_trim(number), &speed) && speed < 10000000 ? (int)speed : 0;
}

static struct link *link_of(struct lan *lan, int index) {
    for (uint32_t i = 0; i < lan->count; i++) {
        if (lan->links[i].index == index) return &lan->links[i];
    }
    return NULL;
}

static void link_add(struct lan *lan, const struct netlink_link *seen) {
    struct link *link = &lan->links[lan->count];
    if (lan->count == LAN_LINKS || wireless(seen->name)) return;
    link_open(link, seen);
    driver_of(seen->name, link->driver);
    struct epoll_event event = {.events = EPOLLIN};
    (void)epoll_ctl(lan->epoll, EPOLL_CTL_ADD, link->ip, &event);
    (void)epoll_ctl(lan->epoll, EPOLL_CTL_ADD, link->arp, &event);
    lan->count++;
    log_event(LOG_INFO, "appliance.link", "name=%s driver=%s", link->name, link->driver);
}

static void link_drop(struct lan *lan, uint32_t at) {
    log_event(LOG_INFO, "appliance.link_gone", "name=%s", lan->links[at].name);
    link_close(&lan->links[at], &lan->netlink);
    memmove(&lan->links[at], &lan->links[at + 1], (lan->count - at - 1) * sizeof lan->links[0]);
    lan->count--;
}

static void links_look(struct lan *lan) {
    static struct netlink_link seen[LINKS_SEEN]; // PID 1 has one thread
    size_t count = netlink_links(&lan->netlink, seen, LINKS_SEEN);
    bool there[LAN_LINKS] = {false};
    if (count == 0) return; // not told: there is always the loopback
    for (size_t i = 0; i < count; i++) {
        if (seen[i].loopback && !seen[i].up) (void)netlink_up(&lan->netlink, seen[i].index);
        if (!seen[i].wired) continue;
        struct link *link = link_of(lan, seen[i].index);
        if (link && memcmp(link->mac, seen[i].mac, MAC_BYTES) != 0) { // another card or address
            link_drop(lan, (uint32_t)(link - lan->links));
            link = NULL;
        }
        if (!link) link_add(lan, &seen[i]);
        link = link_of(lan, seen[i].index);
        if (!link) continue;
        if (!seen[i].up) (void)netlink_up(&lan->netlink, link->index);
        memcpy(link->name, seen[i].name, sizeof link->name);
        link->carrier = seen[i].carrier;
    }
    for (uint32_t i = 0; i < lan->count; i++) {
        for (size_t k = 0; k < count; k++) there[i] |= seen[k].index == lan->links[i].index;
    }
    for (uint32_t i = lan->count; i-- > 0;) {
        if (!there[i]) link_drop(lan, i);
    }
}

// Which links are to have an address, by the settings.
static void links_choose(struct lan *lan) {
    const struct settings *settings = &lan->settings;
    struct link *first = NULL;
    for (uint32_t i = 0; i < lan->count; i++) {
        struct link *link = &lan->links[i];
        link->metric = LAN_METRIC + i;
        bool named = !settings->interface[0] || strcmp(settings->interface, link->name) == 0;
        bool stays = link->wanted && link->carrier;
        link->eligible = named;
        if (named && link->carrier && (!first || (stays && !first->wanted))) first = link;
    }
    for (uint32_t i = 0; i < lan->count; i++) {
        struct link *link = &lan->links[i];
        link->wanted = settings->fixed ? link == first : link->eligible && link->carrier;
        link->wanted &= lan->set;
    }
}

int64_t lan_run(struct lan *lan, int64_t now_ms) {
    lan->now_ms = now_ms;
    if (netlink_changed(&lan->netlink) || !lan->looked) {
        lan->looked = true;
        links_look(lan);
    }
    links_choose(lan);
    int64_t until = INT64_MAX;
    for (uint32_t pass = 0; pass < 2; pass++) { // first those that give up an address
        for (uint32_t i = 0; i < lan->count; i++) {
            struct link *link = &lan->links[i];
            if (link->wanted != (pass == 1)) continue;
            int64_t due = link_run(link, &lan->netlink, &lan->settings, now_ms);
            if (due < until) until = due;
        }
    }
    return until;
}

// ---- views --------------------------------------------------------------------------------------
const char *lan_how_name(enum lan_how how) {
    static const char *const names[] = {"none", "fixed", "dhcp", "own"};
    return names[how];
}

static void look_at(struct lan *lan, const struct link *link, struct lan_link_view *out) {
    struct in6_addr ipv6;
    int64_t left = link->how == LAN_DHCP ? dhcp_left_s(&link->dhcp, lan->now_ms) : -1;
    *out = (struct lan_link_view){.speed_mbit = link->carrier ? speed_of(link->name) : 0,
                                  .carrier = link->carrier,
                                  .wanted = link->eligible,
                                  .how = link->how,
                                  .address = link->address,
                                  .gateway = link->gateway,
                                  .prefix = link->prefix,
                                  .lease_left_s = left == DHCP_LEASE_FOREVER ? -1 : left,
                                  .fault = link->fault};
    memcpy(out->name, link->name, sizeof out->name);
    memcpy(out->driver, link->driver, sizeof out->driver);
    memcpy(out->mac, link->mac, sizeof out->mac);
    if (netlink_ipv6(&lan->netlink, link->index, &ipv6)) {
        inet_ntop(AF_INET6, &ipv6, out->ipv6, sizeof out->ipv6);
    }
}

uint32_t lan_look(struct lan *lan, struct lan_link_view out[static LAN_LINKS]) {
    for (uint32_t i = 0; i < lan->count; i++) look_at(lan, &lan->links[i], &out[i]);
    return lan->count;
}

struct fault lan_fault(const struct lan *lan) {
    bool eligible = false, carrier = false;
    struct fault fault = {0};
    for (uint32_t i = 0; i < lan->count; i++) {
        eligible |= lan->links[i].eligible;
        carrier |= lan->links[i].eligible && lan->links[i].carrier;
    }
    const char *code = "";
    if (lan->count == 0) {
        code = "appliance.net_no_card";
    } else if (!eligible) {
        code = "appliance.net_no_interface";
    } else if (!carrier) {
        code = "appliance.net_no_cable";
    }
    (void)str_copy(fault.code, sizeof fault.code, str_of(code));
    (void)str_copy(fault.detail, sizeof fault.detail,
                   str_of(code[0] ? lan->settings.interface : ""));
    return fault;
}
