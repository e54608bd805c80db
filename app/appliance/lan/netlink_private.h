// The kernel's network settings by rtnetlink: links, addresses, routes. It answers within the call,
// so nothing here waits. Source: rtnetlink(7); RFC 3549.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/lan/arp_private.h"
#include "base/fault.h"

enum { LINK_NAME_BYTES = 16 };

struct netlink {
    int events, ask; // descriptors; poll `events` for reading
    uint32_t sequence;
};

struct netlink_link {
    int index;
    char name[LINK_NAME_BYTES];
    uint8_t mac[MAC_BYTES];
    bool loopback;
    bool wired; // Ethernet of a card or a cable, no bridge, tunnel or the like; may be wireless
    bool up, carrier;
};

enum err netlink_open(struct netlink *out, struct fault *fault) MUST_USE;
void netlink_close(struct netlink *netlink);
// Takes what was told; true if something changed since the last call.
bool netlink_changed(struct netlink *netlink);

// Every link, up to `max`; 0 if the kernel does not tell.
size_t netlink_links(struct netlink *netlink, struct netlink_link *out, size_t max);
// One message of the kernel's about a link; false if it is none or does not hold together.
bool netlink_link_read(const uint8_t *message, size_t size, struct netlink_link *out);
// An IPv6 address of the link that reaches beyond it; false: none.
bool netlink_ipv6(struct netlink *netlink, int index, struct in6_addr *out);

// What the kernel said: 0, or an errno value. To add what is there is fine.
int netlink_up(struct netlink *netlink, int index);
int netlink_address(struct netlink *netlink, bool add, int index, struct in_addr address,
                    uint8_t prefix);
// The default route over `gateway` on the link; the lowest metric is taken.
int netlink_route(struct netlink *netlink, bool add, int index, struct in_addr gateway,
                  uint32_t metric);
