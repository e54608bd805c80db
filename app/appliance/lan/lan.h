// The machine's wired network: watches the links, brings them up and gives them their addresses, by
// DHCP or as a person set it. Without a DHCP server it takes an address of 169.254.0.0/16 after a
// while, so that a cable to a laptop is enough, and goes on asking. An address is probed before it
// is used. IPv6 is the kernel's. Asks no name server and opens no port but the DHCP client's.
//
// One thread; nothing here waits. Needs the rights to change the network. Depends on base/ only.
// Source: RFC 2131 (DHCP), RFC 3927 (169.254.0.0/16), RFC 5227 (probing).
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "appliance/lan/arp_private.h"
#include "appliance/settings_private.h"
#include "base/fault.h"

enum {
    LAN_LINKS = 16,   // more network cards are left alone
    LAN_METRIC = 100, // of the first link's default route; one more with each link
};

struct lan;

// ERR_IO "appliance.net_open" if the kernel does not let us.
enum err lan_open(struct lan **out, struct fault *fault) MUST_USE;
// Takes back what it set; a lease is kept with the server, so that the next start gets it again.
void lan_close(struct lan *lan); // NULL is fine
// From now on by these settings: a fixed address is for the first link with a cable, DHCP for every
// one, unless one is named. Begins anew if they are others than before; before the first time no
// link is given an address.
void lan_set(struct lan *lan, const struct settings *settings);
// One descriptor that is readable when something came in: then lan_run.
int lan_fd(const struct lan *lan);
// Reads what came and does what is due; when to call again at the latest (monotonic, ms).
int64_t lan_run(struct lan *lan, int64_t now_ms);

enum lan_how { LAN_NONE, LAN_FIXED, LAN_DHCP, LAN_OWN }; // OWN: of 169.254.0.0/16

struct lan_link_view {
    char name[INTERFACE_BYTES];
    char driver[32]; // "" if not known
    uint8_t mac[MAC_BYTES];
    int speed_mbit; // 0: not known
    bool carrier;
    bool wanted; // by the settings
    enum lan_how how;
    struct in_addr address, gateway; // 0: none
    uint8_t prefix;
    int64_t lease_left_s;        // -1: no lease, or one without an end
    char ipv6[INET6_ADDRSTRLEN]; // one that reaches beyond the link, or ""
    // Code "" while all is well, else "appliance.net_…". It may have an address nevertheless: a
    // makeshift one, or one that another machine was heard to use.
    struct fault fault;
};

// The wired links, in the order they came, as of the last lan_run. Returns how many.
uint32_t lan_look(struct lan *lan, struct lan_link_view out[static LAN_LINKS]);
// What is wrong with all of them: no network card, no cable, not the one that was named. Code "" if
// there is nothing.
struct fault lan_fault(const struct lan *lan);
const char *lan_how_name(enum lan_how how); // "none", "fixed", "dhcp", "own"
