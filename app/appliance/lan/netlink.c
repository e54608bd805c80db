// Questions to the kernel and its answers. Messages are read by hand, as bytes: each length is
// checked against what was received.
#include "appliance/lan/netlink_private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ASK_BYTES = 256,
    ANSWER_BYTES = 32 * 1024, // what the kernel fills at most for a reader of this size
    FLAG_LOWER_UP = 0x10000,  // linux/if.h, which does not go with net/if.h
};

struct ask {
    size_t size;
    _Alignas(8) uint8_t bytes[ASK_BYTES];
};

struct attribute {
    uint16_t type;
    const uint8_t *data;
    size_t size;
};

static size_t padded(size_t size) {
    return (size + 3) & ~(size_t)3;
}

static void ask_begin(struct ask *ask, uint16_t type, uint16_t flags, const void *body,
                      size_t body_size) {
    struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST)};
    memset(ask, 0, sizeof *ask);
    memcpy(ask->bytes, &header, sizeof header);
    memcpy(ask->bytes + sizeof header, body, body_size);
    ask->size = padded(sizeof header + body_size);
}

static void ask_add(struct ask *ask, uint16_t type, const void *value, size_t size) {
    uint16_t head[2] = {(uint16_t)(sizeof head + size), type};
    memcpy(ask->bytes + ask->size, head, sizeof head);
    memcpy(ask->bytes + ask->size + sizeof head, value, size);
    ask->size = padded(ask->size + sizeof head + size);
}

static bool ask_send(struct netlink *netlink, struct ask *ask) {
    struct nlmsghdr header;
    memcpy(&header, ask->bytes, sizeof header);
    header.nlmsg_len = (uint32_t)ask->size;
    header.nlmsg_seq = ++netlink->sequence;
    memcpy(ask->bytes, &header, sizeof header);
    return send(netlink->ask, ask->bytes, ask->size, 0) == (ssize_t)ask->size;
}

// The next attribute after *at; false at the end or when it does not fit.
static bool attribute_next(const uint8_t *data, size_t size, size_t *at, struct attribute *out) {
    uint16_t head[2];
    if (*at > size || size - *at < sizeof head) return false;
    memcpy(head, data + *at, sizeof head);
    if (head[0] < sizeof head || head[0] > size - *at) return false;
    *out = (struct attribute){head[1] & 0x3FFF, data + *at + sizeof head, head[0] - sizeof head};
    *at += padded(head[0]);
    return true;
}

// ---- answers ------------------------------------------------------------------------------------
typedef bool (*answer_take)(void *context, const struct nlmsghdr *header, const uint8_t *message);

// True at the end of the answer, with *error what the kernel said.
static bool answer_part(struct netlink *netlink, const uint8_t *data, size_t size, answer_take take,
                        void *context, int *error) {
    struct nlmsghdr header;
    for (size_t at = 0; size - at >= sizeof header;) {
        memcpy(&header, data + at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) break;
        const uint8_t *message = data + at;
        size_t step = padded(header.nlmsg_len);
        at = step > size - at ? size : at + step;
        if (header.nlmsg_seq != netlink->sequence) continue; // of an earlier question
        if (header.nlmsg_type == NLMSG_DONE) return true;
        if (header.nlmsg_type == NLMSG_ERROR) {
            int said = -EIO;
            if (header.nlmsg_len >= sizeof header + sizeof said) {
                memcpy(&said, message + sizeof header, sizeof said);
            }
            *error = -said;
            return true;
        }
        if (take && !take(context, &header, message)) take = NULL;
    }
    return false;
}

static int answer(struct netlink *netlink, answer_take take, void *context) {
    static _Alignas(8) uint8_t buffer[ANSWER_BYTES]; // PID 1 has one thread
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof from;
        ssize_t size =
            recvfrom(netlink->ask, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &from_size);
        if (size < 0) return errno;
        if (from.nl_pid != 0) continue; // not the kernel
        int error = 0;
        if (answer_part(netlink, buffer, (size_t)size, take, context, &error)) return error;
    }
}

static int ask_do(struct netlink *netlink, struct ask *ask) {
    if (!ask_send(netlink, ask)) return errno;
    return answer(netlink, NULL, NULL);
}

// ---- sockets ------------------------------------------------------------------------------------
static int socket_open(uint32_t groups) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

enum err netlink_open(struct netlink *out, struct fault *fault) {
    struct netlink netlink = {
        .events = socket_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)};
    netlink.ask = netlink.events < 0 ? -1 : socket_open(0);
    if (netlink.ask < 0) {
        char reason[64];
        snprintf(reason, sizeof reason, "netlink: %s", strerror(errno));
        if (netlink.events >= 0) close(netlink.events);
        return fault_set(fault, ERR_IO, "appliance.net_open", str_of(reason));
    }
    *out = netlink;
    return OK;
}

void netlink_close(struct netlink *netlink) {
    close(netlink->events);
    close(netlink->ask);
}

bool netlink_changed(struct netlink *netlink) {
    uint8_t buffer[4096];
    bool changed = false;
    // What is said does not matter: we look anew. ENOBUFS: more was said than there was room for.
    for (int i = 0; i < 1000; i++) {
        ssize_t size = recv(netlink->events, buffer, sizeof buffer, 0);
        if (size < 0 && errno != ENOBUFS) break;
        changed = true;
    }
    return changed;
}

// ---- links --------------------------------------------------------------------------------------
// Software links name their kind. A veth pair is a cable between two systems of one machine.
static bool kind_is_cable(const struct attribute *info) {
    struct attribute inner;
    size_t at = 0;
    while (attribute_next(info->data, info->size, &at, &inner)) {
        if (inner.type != IFLA_INFO_KIND) continue;
        return inner.size >= 4 && memcmp(inner.data, "veth", 4) == 0;
    }
    return true;
}

bool netlink_link_read(const uint8_t *message, size_t size, struct netlink_link *out) {
    struct nlmsghdr header;
    struct ifinfomsg info;
    struct attribute attribute;
    struct netlink_link link = {0};
    bool cable = true, mac = false;
    if (size < sizeof header + sizeof info) return false;
    memcpy(&header, message, sizeof header);
    if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len > size) return false;
    memcpy(&info, message + sizeof header, sizeof info);
    size = header.nlmsg_len;
    for (size_t at = sizeof header + sizeof info; attribute_next(message, size, &at, &attribute);) {
        if (attribute.type == IFLA_IFNAME && attribute.size <= sizeof link.name) {
            size_t length = strnlen((const char *)attribute.data, attribute.size);
            if (length < sizeof link.name) memcpy(link.name, attribute.data, length);
        } else if (attribute.type == IFLA_ADDRESS && attribute.size == MAC_BYTES) {
            memcpy(link.mac, attribute.data, MAC_BYTES);
            mac = true;
        } else if (attribute.type == IFLA_LINKINFO) {
            cable = kind_is_cable(&attribute);
        }
    }
    if (info.ifi_index <= 0 || !link.name[0]) return false;
    link.index = info.ifi_index;
    link.loopback = info.ifi_flags & IFF_LOOPBACK;
    link.wired = info.ifi_type == ARPHRD_ETHER && cable && mac && !link.loopback;
    link.up = info.ifi_flags & IFF_UP;
    link.carrier = link.up && (info.ifi_flags & FLAG_LOWER_UP);
    *out = link;
    return true;
}

struct links {
    struct netlink_link *out;
    size_t max, count;
};

static bool link_take(void *context, const struct nlmsghdr *header, const uint8_t *message) {
    struct links *links = context;
    struct netlink_link link;
    if (netlink_link_read(message, header->nlmsg_len, &link)) links->out[links->count++] = link;
    return links->count < links->max;
}

size_t netlink_links(struct netlink *netlink, struct netlink_link *out, size_t max) {
    struct ask ask;
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    struct links links = {.out = out, .max = max};
    ask_begin(&ask, RTM_GETLINK, NLM_F_DUMP, &body, sizeof body);
    if (!ask_send(netlink, &ask) || answer(netlink, link_take, &links) != 0) return 0;
    return links.count;
}

struct global {
    int index;
    bool found;
    struct in6_addr address;
};

static bool global_take(void *context, const struct nlmsghdr *header, const uint8_t *message) {
    struct global *global = context;
    struct ifaddrmsg body;
    struct attribute attribute;
    size_t at = sizeof *header + sizeof body;
    if (header->nlmsg_type != RTM_NEWADDR || header->nlmsg_len < at) return true;
    memcpy(&body, message + sizeof *header, sizeof body);
    bool usable = !(body.ifa_flags & (IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED));
    if (body.ifa_family != AF_INET6 || (int)body.ifa_index != global->index) return true;
    if (body.ifa_scope != RT_SCOPE_UNIVERSE || !usable) return true;
    while (attribute_next(message, header->nlmsg_len, &at, &attribute)) {
        if (attribute.type != IFA_ADDRESS || attribute.size != sizeof global->address) continue;
        memcpy(&global->address, attribute.data, sizeof global->address);
        global->found = true;
        return false;
    }
    return true;
}

bool netlink_ipv6(struct netlink *netlink, int index, struct in6_addr *out) {
    struct ask ask;
    struct ifaddrmsg body = {.ifa_family = AF_INET6};
    struct global global = {.index = index};
    ask_begin(&ask, RTM_GETADDR, NLM_F_DUMP, &body, sizeof body);
    if (!ask_send(netlink, &ask) || answer(netlink, global_take, &global) != 0) return false;
    if (global.found) *out = global.address;
    return global.found;
}

// ---- settings -----------------------------------------------------------------------------------
int netlink_up(struct netlink *netlink, int index) {
    struct ask ask;
    struct ifinfomsg body = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    ask_begin(&ask, RTM_NEWLINK, NLM_F_ACK, &body, sizeof body);
    return ask_do(netlink, &ask);
}

int netlink_address(struct netlink *netlink, bool add, int index, struct in_addr address,
                    uint8_t prefix) {
    struct ask ask;
    bool local = (ntohl(address.s_addr) >> 16) == 0xA9FE; // 169.254.0.0/16
    struct ifaddrmsg body = {.ifa_family = AF_INET,
                             .ifa_prefixlen = prefix,
                             .ifa_scope = local ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                             .ifa_index = (uint32_t)index};
    uint16_t flags = add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE : NLM_F_ACK;
    ask_begin(&ask, add ? RTM_NEWADDR : RTM_DELADDR, flags, &body, sizeof body);
    ask_add(&ask, IFA_LOCAL, &address, sizeof address);
    ask_add(&ask, IFA_ADDRESS, &address, sizeof address);
    if (add && prefix < 31) {
        in_addr_t all = address.s_addr | htonl(0xFFFFFFFFu >> prefix);
        ask_add(&ask, IFA_BROADCAST, &all, sizeof all);
    }
    return ask_do(netlink, &ask);
}

int netlink_route(struct netlink *netlink, bool add, int index, struct in_addr gateway,
                  uint32_t metric) {
    struct ask ask;
    uint32_t link = (uint32_t)index;
    struct rtmsg body = {.rtm_family = AF_INET,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_DHCP,
                         .rtm_scope = RT_SCOPE_UNIVERSE,
                         .rtm_type = RTN_UNICAST,
                         .rtm_flags = RTNH_F_ONLINK};
    uint16_t flags = add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE : NLM_F_ACK;
    ask_begin(&ask, add ? RTM_NEWROUTE : RTM_DELROUTE, flags, &body, sizeof body);
    ask_add(&ask, RTA_GATEWAY, &gateway, sizeof gateway);
    ask_add(&ask, RTA_OIF, &link, sizeof link);
    ask_add(&ask, RTA_PRIORITY, &metric, sizeof metric);
    return ask_do(netlink, &ask);
}
