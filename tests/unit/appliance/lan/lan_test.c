// The wired network for real: a network namespace of its own, a cable (a veth pair) into a second
// one, and a small DHCP server there with the kernel's own UDP. The clock given to lan_run goes
// faster than the wall's. Skipped where namespaces are not allowed.
#include "appliance/lan/lan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/lan/dhcp_private.h"
#include "appliance/lan/dhcp_wire_private.h"
#include "appliance/lan/lan_link_private.h"
#include "appliance/lan/netlink_private.h"
#include "base/clock.h"
#include "check.h"

#define NEAR "cy0"
#define FAR "far0"
enum { STEP_MS = 40, PATIENCE_MS = 60 * 1000 };

struct world {
    int near_space, far_space; // network namespaces
    struct netlink far;        // of the far end
    int far_index;
    int server; // UDP socket
    struct lan *lan;
    int64_t now_ms;
    bool silent;
    uint32_t gives; // the address, host order
    uint32_t lease_s;
    uint32_t discovers, requests, declines, renewals;
    struct lan_link_view links[LAN_LINKS];
    uint32_t count;
};

// ---- two machines and a cable -------------------------------------------------------------------
struct text {
    size_t size;
    _Alignas(8) uint8_t bytes[512];
};

static size_t nest(struct text *text, uint16_t type, const void *value, size_t size) {
    uint16_t head[2] = {(uint16_t)(sizeof head + size), type};
    size_t at = text->size;
    memcpy(text->bytes + at, head, sizeof head);
    if (size) memcpy(text->bytes + at + sizeof head, value, size);
    text->size = (at + sizeof head + size + 3) & ~(size_t)3;
    return at;
}

static void nest_end(struct text *text, size_t at) {
    uint16_t size = (uint16_t)(text->size - at);
    memcpy(text->bytes + at, &size, sizeof size);
}

static bool kernel_does(struct text *text, uint16_t type, uint16_t flags) {
    struct nlmsghdr header = {.nlmsg_len = (uint32_t)text->size,
                              .nlmsg_type = type,
                              .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST | NLM_F_ACK),
                              .nlmsg_seq = 7};
    uint8_t reply[1024];
    int error = -1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    memcpy(text->bytes, &header, sizeof header);
    if (fd >= 0 && send(fd, text->bytes, text->size, 0) == (ssize_t)text->size &&
        recv(fd, reply, sizeof reply, 0) >= (ssize_t)(sizeof header + sizeof error)) {
        memcpy(&error, reply + sizeof header, sizeof error);
    }
    if (fd >= 0) close(fd);
    return error == 0;
}

static bool cable_make(const char *near, const char *far, int far_space) {
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    struct text text = {.size = sizeof(struct nlmsghdr)};
    memcpy(text.bytes + text.size, &body, sizeof body);
    text.size += sizeof body;
    nest(&text, IFLA_IFNAME, near, strlen(near) + 1);
    size_t info = nest(&text, IFLA_LINKINFO, NULL, 0);
    nest(&text, IFLA_INFO_KIND, "veth", 4);
    size_t data = nest(&text, IFLA_INFO_DATA, NULL, 0);
    size_t peer = nest(&text, VETH_INFO_PEER, &body, sizeof body);
    nest(&text, IFLA_IFNAME, far, strlen(far) + 1);
    nest(&text, IFLA_NET_NS_FD, &far_space, sizeof far_space);
    nest_end(&text, peer);
    nest_end(&text, data);
    nest_end(&text, info);
    return kernel_does(&text, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
}

static bool cable_remove(const char *near) {
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(near)};
    struct text text = {.size = sizeof(struct nlmsghdr) + sizeof body};
    memcpy(text.bytes + sizeof(struct nlmsghdr), &body, sizeof body);
    return kernel_does(&text, RTM_DELLINK, 0);
}

static int space_make(void) {
    return unshare(CLONE_NEWNET) == 0 ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
}

static struct in_addr ip(const char *text) {
    return (struct in_addr){inet_addr(text)};
}

static int server_open(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT)};
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, FAR, sizeof FAR) == 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

// False where it is not allowed.
static bool world_open(struct world *world, const struct settings *settings) {
    static bool mine;
    *world = (struct world){.now_ms = 1000, .gives = 0x0A4D0032, .lease_s = 3600};
    if (!mine && unshare(CLONE_NEWUSER) != 0) return false;
    mine = true;
    world->far_space = space_make();
    world->near_space = space_make();
    if (world->far_space < 0 || world->near_space < 0) return false;
    if (!cable_make(NEAR, FAR, world->far_space)) return false;
    CHECK(setns(world->far_space, CLONE_NEWNET) == 0);
    CHECK(netlink_open(&world->far, NULL) == OK);
    world->far_index = (int)if_nametoindex(FAR);
    CHECK_EQ(netlink_up(&world->far, world->far_index), 0);
    CHECK_EQ(netlink_address(&world->far, true, world->far_index, ip("10.77.0.1"), 24), 0);
    world->server = server_open();
    CHECK(setns(world->near_space, CLONE_NEWNET) == 0);
    return CHECK(lan_open(&world->lan, NULL) == OK) && (lan_set(world->lan, settings), true);
}

static void world_close(struct world *world) {
    lan_close(world->lan);
    if (world->far_index) netlink_close(&world->far);
    if (world->server > 0) close(world->server);
    close(world->near_space);
    close(world->far_space);
}

#define WORLD_OPEN(world, settings)                                         \
    do {                                                                    \
        if (!world_open((world), (settings))) {                             \
            CHECK_SKIP("network namespaces or veth pairs are not allowed"); \
        }                                                                   \
    } while (0)

// ---- the DHCP server ----------------------------------------------------------------------------
struct boot {
    uint8_t bytes[600];
    size_t size;
};

static void boot_option(struct boot *boot, uint8_t code, const void *value, size_t size) {
    boot->bytes[boot->size] = code;
    boot->bytes[boot->size + 1] = (uint8_t)size;
    memcpy(boot->bytes + boot->size + 2, value, size);
    boot->size += 2 + size;
}

static const uint8_t *boot_find(const struct boot *boot, uint8_t code) {
    for (size_t i = BOOT_BYTES; i + 1 < boot->size && boot->bytes[i] != OPTION_END;) {
        if (boot->bytes[i] == code) return boot->bytes + i;
        i += boot->bytes[i] == OPTION_PAD ? 1u : 2u + boot->bytes[i + 1];
    }
    return NULL;
}

static void server_say(struct world *world, const struct boot *heard, uint8_t type,
                       struct sockaddr_in to) {
    struct boot boot = {.size = BOOT_BYTES};
    struct in_addr me = ip("10.77.0.1"), gives = {htonl(world->gives)};
    uint32_t lease = htonl(world->lease_s), mask = htonl(0xFFFFFF00);
    memcpy(boot.bytes, heard->bytes, BOOT_BYTES);
    boot.bytes[0] = BOOT_REPLY;
    memcpy(boot.bytes + BOOT_YOURS, &gives, 4);
    boot_option(&boot, OPTION_TYPE, &type, 1);
    boot_option(&boot, OPTION_SERVER, &me, 4);
    boot_option(&boot, OPTION_LEASE, &lease, 4);
    boot_option(&boot, OPTION_SUBNET, &mask, 4);
    boot_option(&boot, OPTION_ROUTER, &me, 4);
    boot.bytes[boot.size++] = OPTION_END;
    if (to.sin_addr.s_addr == 0) to.sin_addr.s_addr = INADDR_BROADCAST;
    CHECK(sendto(world->server, boot.bytes, boot.size, 0, (struct sockaddr *)&to, sizeof to) > 0);
}

static void server_run(struct world *world) {
    struct boot boot;
    for (;;) {
        struct sockaddr_in from = {0};
        socklen_t from_size = sizeof from;
        ssize_t size = recvfrom(world->server, boot.bytes, sizeof boot.bytes, 0,
                                (struct sockaddr *)&from, &from_size);
        if (size < BOOT_BYTES) return;
        boot.size = (size_t)size;
        const uint8_t *type = boot_find(&boot, OPTION_TYPE);
        if (!CHECK(type != NULL)) return;
        world->discovers += type[2] == DHCP_DISCOVER;
        world->requests += type[2] == DHCP_REQUEST;
        world->renewals += type[2] == DHCP_REQUEST && from.sin_addr.s_addr != 0;
        world->declines += type[2] == DHCP_DECLINE;
        if (type[2] == DHCP_DECLINE) world->gives++;
        if (world->silent) continue;
        if (type[2] == DHCP_DISCOVER) server_say(world, &boot, DHCP_OFFER, from);
        if (type[2] == DHCP_REQUEST) server_say(world, &boot, DHCP_ACK, from);
    }
}

// ---- until something is so ----------------------------------------------------------------------
static const struct lan_link_view *look(struct world *world) {
    world->count = lan_look(world->lan, world->links);
    for (uint32_t i = 0; i < world->count; i++) {
        if (strcmp(world->links[i].name, NEAR) == 0) return &world->links[i];
    }
    return NULL;
}

static void turn(struct world *world) {
    struct pollfd fds[2] = {{.fd = lan_fd(world->lan), .events = POLLIN},
                            {.fd = world->server, .events = POLLIN}};
    server_run(world);
    (void)lan_run(world->lan, world->now_ms);
    if (poll(fds, 2, 2) == 0) world->now_ms += STEP_MS;
}

#define UNTIL(world, condition)                                                     \
    do {                                                                            \
        int64_t until_ = (int64_t)(clock_monotonic_us() / 1000) + PATIENCE_MS;      \
        const struct lan_link_view *v = NULL;                                       \
        bool is_ = false;                                                           \
        while (!is_ && (int64_t)(clock_monotonic_us() / 1000) < until_) {           \
            turn(world);                                                            \
            v = look(world);                                                        \
            (void)v;                                                                \
            is_ = (condition);                                                      \
        }                                                                           \
        check_that(is_, __FILE__, __LINE__, "did not become true: %s", #condition); \
    } while (0)

// The address from which the near machine would speak to the world; 0: it cannot.
static in_addr_t way_out(void) {
    struct sockaddr_in far = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = ip("203.0.113.1")};
    socklen_t size = sizeof far;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool can = connect(fd, (struct sockaddr *)&far, sizeof far) == 0 &&
               getsockname(fd, (struct sockaddr *)&far, &size) == 0;
    close(fd);
    return can ? far.sin_addr.s_addr : 0;
}

// From the far machine to a port of the near one.
static bool reached(struct world *world, struct in_addr address) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &size) == 0);
    CHECK(setns(world->far_space, CLONE_NEWNET) == 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(setns(world->near_space, CLONE_NEWNET) == 0);
    at.sin_addr = address;
    bool yes = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    close(listener);
    return yes;
}

static struct settings settings_of(void) {
    return (struct settings){.hostname = "ward-3"};
}

// ---- tests --------------------------------------------------------------------------------------
static void gets_an_address_from_a_server_and_renews_it(void) {
    struct world w;
    struct settings settings = settings_of();
    WORLD_OPEN(&w, &settings);
    UNTIL(&w, v && v->how == LAN_DHCP);
    const struct lan_link_view *had = look(&w);
    REQUIRE(had != NULL);
    CHECK(had->carrier && had->wanted && had->prefix == 24 && had->fault.code[0] == '\0');
    CHECK_EQ(had->address.s_addr, inet_addr("10.77.0.50"));
    CHECK_EQ(had->gateway.s_addr, inet_addr("10.77.0.1"));
    CHECK(had->lease_left_s > 3000 && had->lease_left_s <= 3600);
    CHECK_EQ(way_out(), inet_addr("10.77.0.50"));
    CHECK(reached(&w, had->address));
    CHECK_EQ(w.renewals, 0);
    w.now_ms += 1801 * 1000; // to the server itself, not to all
    UNTIL(&w, w.renewals == 1 && v->lease_left_s > 3500);
    w.silent = true; // until the lease is over
    for (int i = 0; i < 100 && look(&w)->how == LAN_DHCP; i++) {
        w.now_ms += 60 * 1000;
        turn(&w);
    }
    CHECK_EQ(look(&w)->how, LAN_NONE);
    CHECK_EQ(way_out(), 0);
    w.silent = false;
    UNTIL(&w, v->how == LAN_DHCP);
    lan_close(w.lan);
    w.lan = NULL;
    CHECK_EQ(way_out(), 0);
    world_close(&w);
}

static void a_cable_to_a_laptop_is_enough(void) {
    struct world w;
    struct settings settings = settings_of();
    WORLD_OPEN(&w, &settings);
    w.silent = true;
    UNTIL(&w, v && v->how == LAN_OWN);
    const struct lan_link_view *had = look(&w);
    REQUIRE(had != NULL);
    CHECK_STR(had->fault.code, "appliance.net_no_dhcp");
    CHECK_EQ(had->address.s_addr, link_local_address(had->mac, 0).s_addr);
    CHECK_EQ(ntohl(had->address.s_addr) >> 16, 0xA9FE);
    CHECK(had->prefix == 16 && had->gateway.s_addr == 0 && had->lease_left_s == -1);
    // The laptop has such an address too.
    CHECK_EQ(netlink_address(&w.far, true, w.far_index, ip("169.254.0.9"), 16), 0);
    CHECK(reached(&w, had->address));
    uint32_t discovers = w.discovers; // it goes on asking
    w.silent = false;
    UNTIL(&w, v->how == LAN_DHCP);
    CHECK(w.discovers > discovers);
    CHECK_EQ(look(&w)->fault.code[0], '\0');
    CHECK_EQ(way_out(), inet_addr("10.77.0.50"));
    world_close(&w);
}

static void takes_another_makeshift_address_if_one_is_taken(void) {
    struct world w;
    struct settings settings = settings_of();
    WORLD_OPEN(&w, &settings);
    w.silent = true;
    UNTIL(&w, v && v->carrier);
    struct in_addr first = link_local_address(look(&w)->mac, 0);
    CHECK_EQ(netlink_address(&w.far, true, w.far_index, first, 16), 0);
    UNTIL(&w, v->how == LAN_OWN);
    CHECK_EQ(look(&w)->address.s_addr, link_local_address(look(&w)->mac, 1).s_addr);
    world_close(&w);
}

static void a_fixed_address_that_is_taken_is_told(void) {
    struct world w;
    struct settings settings = settings_of();
    settings.fixed = true;
    settings.address = ip("10.77.0.9");
    settings.gateway = ip("10.77.0.1");
    settings.prefix = 24;
    WORLD_OPEN(&w, &settings);
    CHECK_EQ(netlink_address(&w.far, true, w.far_index, ip("10.77.0.9"), 24), 0);
    UNTIL(&w, v && v->fault.code[0]);
    CHECK_STR(look(&w)->fault.code, "appliance.net_duplicate_address");
    CHECK_STR(look(&w)->fault.detail, "10.77.0.9");
    CHECK(look(&w)->how == LAN_NONE && w.discovers == 0);
    CHECK_EQ(netlink_address(&w.far, false, w.far_index, ip("10.77.0.9"), 24), 0);
    UNTIL(&w, v->how == LAN_FIXED);
    CHECK_EQ(look(&w)->fault.code[0], '\0');
    CHECK(reached(&w, ip("10.77.0.9")));
    CHECK_EQ(way_out(), inet_addr("10.77.0.9"));
    settings = settings_of(); // by DHCP from now on
    lan_set(w.lan, &settings);
    CHECK_EQ(way_out(), 0);
    UNTIL(&w, v->how == LAN_DHCP);
    world_close(&w);
}

static void declines_what_another_one_has(void) {
    struct world w;
    struct settings settings = settings_of();
    WORLD_OPEN(&w, &settings);
    CHECK_EQ(netlink_address(&w.far, true, w.far_index, ip("10.77.0.50"), 24), 0);
    UNTIL(&w, v && v->how == LAN_DHCP);
    CHECK_EQ(w.declines, 1);
    CHECK_EQ(look(&w)->address.s_addr, inet_addr("10.77.0.51"));
    world_close(&w);
}

static void far_up(struct world *world, bool up) {
    struct ifreq request = {.ifr_flags = up ? IFF_UP : 0};
    memcpy(request.ifr_name, FAR, sizeof FAR);
    CHECK(ioctl(world->server, SIOCSIFFLAGS, &request) == 0);
}

static void follows_cables_and_cards(void) {
    struct world w;
    struct settings settings = settings_of();
    WORLD_OPEN(&w, &settings);
    UNTIL(&w, v && v->how == LAN_DHCP);
    far_up(&w, false);
    UNTIL(&w, !v->carrier && v->how == LAN_NONE);
    CHECK_STR(lan_fault(w.lan).code, "appliance.net_no_cable");
    CHECK_EQ(way_out(), 0);
    far_up(&w, true);
    UNTIL(&w, v->how == LAN_DHCP && v->address.s_addr == inet_addr("10.77.0.50"));
    CHECK_EQ(lan_fault(w.lan).code[0], '\0');
    CHECK(cable_make("cy1", "far1", w.far_space)); // a card plugged in
    UNTIL(&w, w.count == 2);
    CHECK_EQ(look(&w)->how, LAN_DHCP);
    settings = (struct settings){.interface = "cy9"};
    lan_set(w.lan, &settings);
    UNTIL(&w, strcmp(lan_fault(w.lan).code, "appliance.net_no_interface") == 0);
    CHECK(look(&w)->how == LAN_NONE && !look(&w)->wanted);
    CHECK(cable_remove("cy1"));
    UNTIL(&w, w.count == 1);
    CHECK(cable_remove(NEAR));
    UNTIL(&w, w.count == 0);
    CHECK_STR(lan_fault(w.lan).code, "appliance.net_no_card");
    world_close(&w);
}

static void a_message_about_a_link_may_end_anywhere(void) {
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_type = 1, .ifi_index = 3};
    struct nlmsghdr header = {.nlmsg_type = RTM_NEWLINK};
    struct text text = {.size = sizeof header + sizeof body};
    struct netlink_link link;
    body.ifi_flags = IFF_UP | 0x10000;
    memcpy(text.bytes + sizeof header, &body, sizeof body);
    nest(&text, IFLA_IFNAME, "eth0", 5);
    nest(&text, IFLA_ADDRESS, "\2\0\0\1\2\3", 6);
    size_t info = nest(&text, IFLA_LINKINFO, NULL, 0);
    nest(&text, IFLA_INFO_KIND, "bridge", 7);
    nest_end(&text, info);
    for (size_t size = 0; size <= text.size; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        header.nlmsg_len = (uint32_t)size;
        memcpy(text.bytes, &header, sizeof header);
        memcpy(copy, text.bytes, size);
        bool read = netlink_link_read(copy, size, &link);
        CHECK_EQ(read, size >= sizeof header + sizeof body + 9);
        if (size == info + 3) CHECK(read && link.wired && link.carrier && link.index == 3);
        if (size == text.size) CHECK(read && !link.wired && strcmp(link.name, "eth0") == 0);
        free(copy);
    }
}

int main(void) {
    CHECK_RUN(a_message_about_a_link_may_end_anywhere);
    CHECK_RUN(gets_an_address_from_a_server_and_renews_it);
    CHECK_RUN(a_cable_to_a_laptop_is_enough);
    CHECK_RUN(takes_another_makeshift_address_if_one_is_taken);
    CHECK_RUN(a_fixed_address_that_is_taken_is_told);
    CHECK_RUN(declines_what_another_one_has);
    CHECK_RUN(follows_cables_and_cards);
    return check_done();
}
