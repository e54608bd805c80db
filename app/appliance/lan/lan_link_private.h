// One wired link: its sockets, its DHCP client, the probe that runs, the address it has.
#pragma once

#include "appliance/lan/arp_private.h"
#include "appliance/lan/dhcp_private.h"
#include "appliance/lan/lan.h"
#include "appliance/lan/netlink_private.h"

struct link {
    int index;
    char name[INTERFACE_BYTES];
    char driver[32];
    uint8_t mac[MAC_BYTES];
    bool carrier;
    bool eligible;   // by the settings' interface
    bool wanted;     // is to have an address now
    uint32_t metric; // of its default route

    int ip, arp; // packet sockets
    int port;    // holds the client's port, so that the kernel calls no server's answer unreachable

    bool running; // it is wanted and has begun
    struct dhcp dhcp;
    uint8_t server_mac[MAC_BYTES]; // who brought the last answer
    struct probe probe;
    enum lan_how probing; // what for; LAN_NONE: none runs

    enum lan_how how; // the address it has
    struct in_addr address, gateway;
    uint8_t prefix;
    uint32_t metric_set;    // of the route that stands
    in_addr_t gateway_told; // by the lease; differs from the gateway if the kernel refused it
    uint32_t announced;
    int64_t announce_ms, defended_ms, retry_ms; // when next; when last; not before
    int64_t conflict_ms;                        // when another one was last heard to use it
    uint32_t conflicts;                         // of makeshift addresses, since it began
    struct fault fault;
};

void link_open(struct link *out, const struct netlink_link *seen);
void link_close(struct link *link, struct netlink *netlink);
void link_stop(struct link *link, struct netlink *netlink); // gives up its address
int64_t link_run(struct link *link, struct netlink *netlink, const struct settings *settings,
                 int64_t now_ms);
// The n-th makeshift address of a card: 169.254.1.0 to 169.254.254.255.
struct in_addr link_local_address(const uint8_t mac[static MAC_BYTES], uint32_t n);
