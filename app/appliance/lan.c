#include "appliance/lan_private.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/dhcp_private.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    LOOK_MS = 1000,
    OWN_AFTER_MS = 20 * 1000, // without an answer of DHCP
    ETHERNET = 1,             // ARPHRD_ETHER
    ETHERTYPE_IP = 0x0800,
    METRIC = 100,
};

struct link {
    char name[INTERFACE_BYTES];
    int index, packets; // packets: its socket for DHCP; -1: none
    bool carrier, seen;
    enum lan_how how;
    struct in_addr address, gateway;
    uint8_t prefix, mac[6];
    struct dhcp dhcp;
    int64_t since_ms; // the cable is in
};
struct lan {
    int control, epoll;
    struct settings settings;
    bool set;
    bool fresh; // a link has gone since they were looked at
    int64_t look_ms, now_ms;
    struct link links[LAN_LINKS];
    uint32_t count;
};

enum err lan_open(struct lan **out, struct fault *fault) {
    struct lan *lan = memory_take(sizeof *lan);
    if (!lan) return fault_errno(fault, ENOMEM, STR_NONE);
    lan->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    lan->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (lan->control < 0 || lan->epoll < 0) {
        enum err err = fault_errno(fault, errno, STR("lan"));
        lan_close(lan);
        return err;
    }
    *out = lan;
    return OK;
}

static void packets_close(struct link *link) {
    if (link->packets >= 0) close(link->packets);
    link->packets = -1;
}

void lan_close(struct lan *lan) {
    if (!lan) return;
    for (uint32_t i = 0; i < lan->count; i++) packets_close(&lan->links[i]);
    if (lan->control >= 0) close(lan->control);
    if (lan->epoll >= 0) close(lan->epoll);
    memory_give(lan);
}

int lan_fd(const struct lan *lan) {
    return lan->epoll;
}

// ---- what the kernel is told --------------------------------------------------------------------
static struct ifreq request_of(const char *name) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return request;
}

static struct sockaddr address_of(struct in_addr address) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};
    struct sockaddr out;
    memcpy(&out, &in, sizeof out);
    return out;
}

static void link_up(const struct lan *lan, const char *name) {
    struct ifreq request = request_of(name);
    if (ioctl(lan->control, SIOCGIFFLAGS, &request) != 0) return;
    if (request.ifr_flags & IFF_UP) return;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    (void)ioctl(lan->control, SIOCSIFFLAGS, &request);
}

static bool address_set(const struct lan *lan, const struct link *link) {
    struct ifreq request = request_of(link->name);
    request.ifr_addr = address_of(link->address);
    if (ioctl(lan->control, SIOCSIFADDR, &request) != 0) return false;
    if (!link->address.s_addr) return true;
    struct in_addr mask = {htonl(0xFFFFFFFFu << (32 - link->prefix))};
    request.ifr_netmask = address_of(mask);
    return ioctl(lan->control, SIOCSIFNETMASK, &request) == 0;
}

static bool route_add(const struct lan *lan, struct link *link) {
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY,
                            .rt_metric = (short)(METRIC + link->index),
                            .rt_dev = link->name};
    route.rt_dst = route.rt_genmask = address_of((struct in_addr){0});
    route.rt_gateway = address_of(link->gateway);
    return ioctl(lan->control, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

// Address 0 takes what there was, the routes over it too.
static void link_set(const struct lan *lan, struct link *link, enum lan_how how,
                     struct in_addr address, uint8_t prefix, struct in_addr gateway) {
    static const char *const names[] = {"none", "fixed", "dhcp", "own"};
    if (link->address.s_addr && link->address.s_addr != address.s_addr) {
        link->address.s_addr = 0;
        (void)address_set(lan, link);
    }
    link->how = how;
    link->address = address;
    link->prefix = prefix;
    link->gateway = gateway;
    bool done = address_set(lan, link);
    if (done && address.s_addr && gateway.s_addr) done = route_add(lan, link);
    log_event(done ? LOG_INFO : LOG_WARN, "appliance.lan", "link=%s how=%s prefix=%u errno=%d",
              link->name, names[how], prefix, done ? 0 : errno);
}

static void link_clear(const struct lan *lan, struct link *link) {
    if (link->how == LAN_NONE && !link->address.s_addr) return;
    link_set(lan, link, LAN_NONE, (struct in_addr){0}, 0, (struct in_addr){0});
}

// ---- the links there are ------------------------------------------------------------------------
static bool number_read(const char *link, const char *name, long *out) {
    char path[128], text[32];
    snprintf(path, sizeof path, "/sys/class/net/%s/%s", link, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size =
        fd >= 0 ? read(fd, text, sizeof text - 1) : -1; // carrier of one that is down: EINVAL
    if (fd >= 0) close(fd);
    if (size <= 0) return false;
    text[size] = '\0';
    *out = strtol(text, NULL, 0);
    return true;
}

// Wired Ethernet with hardware behind it: no radio, no bridge, no tunnel.
static bool is_wired(const char *name) {
    char path[128];
    long type;
    if (strlen(name) >= INTERFACE_BYTES || !number_read(name, "type", &type)) return false;
    snprintf(path, sizeof path, "/sys/class/net/%s/device", name);
    if (type != ETHERNET || !file_exists(path)) return false;
    snprintf(path, sizeof path, "/sys/class/net/%s/phy80211", name);
    return !file_exists(path);
}

static struct link *link_find(struct lan *lan, const char *name) {
    for (uint32_t i = 0; i < lan->count; i++) {
        if (strcmp(lan->links[i].name, name) == 0) return &lan->links[i];
    }
    if (lan->count == LAN_LINKS) return NULL;
    struct link *link = &lan->links[lan->count];
    *link = (struct link){.packets = -1};
    struct ifreq request = request_of(name);
    if (ioctl(lan->control, SIOCGIFHWADDR, &request) != 0) return NULL;
    memcpy(link->mac, request.ifr_hwaddr.sa_data, sizeof link->mac);
    if (ioctl(lan->control, SIOCGIFINDEX, &request) != 0) return NULL;
    link->index = request.ifr_ifindex;
    (void)str_copy(link->name, sizeof link->name, str_of(name));
    lan->count++;
    return link;
}

static void packets_open(struct lan *lan, struct link *link) {
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP), .sll_ifindex = link->index};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETHERTYPE_IP));
    if (fd < 0) return;
    struct epoll_event event = {.events = EPOLLIN};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        epoll_ctl(lan->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        return;
    }
    link->packets = fd;
}

static void link_begin(struct lan *lan, struct link *link) {
    const struct settings *settings = &lan->settings;
    packets_close(link);
    link_clear(lan, link);
    link->since_ms = lan->now_ms;
    if (settings->interface[0] && strcmp(settings->interface, link->name) != 0) return;
    if (settings->fixed) { // is for the first with a cable
        for (uint32_t i = 0; i < lan->count; i++) {
            if (lan->links[i].how == LAN_FIXED) return;
        }
        link_set(lan, link, LAN_FIXED, settings->address, settings->prefix, settings->gateway);
        return;
    }
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    dhcp_begin(&link->dhcp, link->mac, settings->hostname, seed, lan->now_ms);
    packets_open(lan, link);
}

static void links_begin(struct lan *lan) {
    for (uint32_t i = 0; i < lan->count; i++) {
        struct link *link = &lan->links[i];
        if (link->carrier && link->how != LAN_FIXED) link_begin(lan, link);
    }
}

static void link_look(struct lan *lan, struct link *link) {
    long carrier = 0;
    link_up(lan, link->name);
    (void)number_read(link->name, "carrier", &carrier);
    if ((carrier == 1) == link->carrier) return;
    link->carrier = carrier == 1;
    if (link->carrier) {
        link_begin(lan, link);
    } else {
        packets_close(link);
        link_clear(lan, link);
        lan->fresh = true; // another may have the fixed address now
    }
}

// New ones come, ones that are pulled out go.
static void links_look(struct lan *lan) {
    for (uint32_t i = 0; i < lan->count; i++) lan->links[i].seen = false;
    DIR *dir = opendir("/sys/class/net");
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || !is_wired(entry->d_name)) continue;
        struct link *link = link_find(lan, entry->d_name);
        if (!link) continue;
        link->seen = true;
        link_look(lan, link);
    }
    if (dir) closedir(dir);
    for (uint32_t i = 0; i < lan->count;) {
        struct link *link = &lan->links[i];
        if (link->seen) {
            i++;
            continue;
        }
        packets_close(link);
        *link = lan->links[--lan->count];
        lan->fresh = true;
    }
    if (lan->fresh && lan->settings.fixed) links_begin(lan);
    lan->fresh = false;
}

void lan_set(struct lan *lan, const struct settings *settings) {
    bool same = lan->set && memcmp(&lan->settings, settings, sizeof *settings) == 0;
    lan->settings = *settings;
    lan->set = true;
    link_up(lan, "lo");
    lan->look_ms = 0;
    if (same) return;
    for (uint32_t i = 0; i < lan->count; i++) link_clear(lan, &lan->links[i]);
    links_begin(lan);
}

// ---- DHCP ---------------------------------------------------------------------------------------
static void dhcp_follow(struct lan *lan, struct link *link) {
    const struct dhcp_reply *lease = &link->dhcp.lease;
    if (dhcp_bound(&link->dhcp)) {
        link_set(lan, link, LAN_DHCP, lease->address, lease->prefix, lease->gateway);
    } else {
        link_clear(lan, link);
    }
}

// Drawn from the card's own number, so that it is the same each time. Source: RFC 3927.
static struct in_addr own_address(const struct link *link) {
    struct hash hash = sha256_of(link->mac, sizeof link->mac);
    uint32_t third = 1 + hash.bytes[0] % 254, fourth = 1 + hash.bytes[1] % 254;
    return (struct in_addr){htonl(169u << 24 | 254u << 16 | third << 8 | fourth)};
}

static int64_t link_run(struct lan *lan, struct link *link) {
    uint8_t packet[DHCP_PACKET_BYTES_MAX];
    bool bound = dhcp_bound(&link->dhcp), changed = false;
    ssize_t got;
    size_t size;
    for (int i = 0; i < 64 && (got = recv(link->packets, packet, sizeof packet, 0)) > 0; i++) {
        changed = dhcp_take(&link->dhcp, packet, (size_t)got, lan->now_ms) || changed;
    }
    if (dhcp_step(&link->dhcp, lan->now_ms, packet, &size)) {
        struct sockaddr_ll to = {.sll_family = AF_PACKET,
                                 .sll_protocol = htons(ETHERTYPE_IP),
                                 .sll_ifindex = link->index,
                                 .sll_halen = 6,
                                 .sll_addr = {255, 255, 255, 255, 255, 255}};
        (void)sendto(link->packets, packet, size, 0, (struct sockaddr *)&to, sizeof to);
    }
    if (changed || bound != dhcp_bound(&link->dhcp)) dhcp_follow(lan, link);
    if (link->how == LAN_NONE && lan->now_ms - link->since_ms >= OWN_AFTER_MS) {
        link_set(lan, link, LAN_OWN, own_address(link), 16, (struct in_addr){0});
    }
    return link->dhcp.due_ms;
}

int64_t lan_run(struct lan *lan, int64_t now_ms) {
    lan->now_ms = now_ms;
    if (!lan->set) return INT64_MAX;
    if (now_ms >= lan->look_ms) {
        links_look(lan);
        lan->look_ms = now_ms + LOOK_MS;
    }
    int64_t next = lan->look_ms;
    for (uint32_t i = 0; i < lan->count; i++) {
        struct link *link = &lan->links[i];
        if (link->packets < 0) continue;
        int64_t due = link_run(lan, link);
        if (due < next) next = due;
    }
    return next;
}

uint32_t lan_look(const struct lan *lan, struct lan_link_view out[LAN_LINKS]) {
    for (uint32_t i = 0; i < lan->count; i++) {
        const struct link *link = &lan->links[i];
        out[i] = (struct lan_link_view){.carrier = link->carrier,
                                        .how = link->how,
                                        .address = link->address,
                                        .gateway = link->gateway,
                                        .prefix = link->prefix};
        memcpy(out[i].name, link->name, sizeof out[i].name);
        memcpy(out[i].mac, link->mac, sizeof out[i].mac);
        if (link->how == LAN_DHCP) {
            out[i].lease_left_s = (link->dhcp.end_ms - lan->now_ms) / 1000;
        }
    }
    return lan->count;
}
