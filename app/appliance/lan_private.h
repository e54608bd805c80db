// The machine's wired network: every Ethernet link with a cable is given its address, by DHCP or
// the one that was set; without an answer one of its own (169.254/16), so that a laptop on the
// same cable finds the box, and it goes on asking. Links are looked at once a second. IPv6 is left
// to the kernel. Depends on base/. One thread; nothing blocks.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "appliance/settings_private.h"

enum { LAN_LINKS = 16 };

enum lan_how { LAN_NONE, LAN_FIXED, LAN_DHCP, LAN_OWN };
struct lan_link_view {
    char name[INTERFACE_BYTES];
    uint8_t mac[6];
    bool carrier;
    enum lan_how how;
    struct in_addr address, gateway; // how NONE: 0
    uint8_t prefix;
    int64_t lease_left_s; // of DHCP
};

struct lan;
enum err lan_open(struct lan **out, struct fault *fault) MUST_USE;
void lan_close(struct lan *lan);
// From now on by these settings; addresses that no longer fit go.
void lan_set(struct lan *lan, const struct settings *settings);
// One descriptor that is readable when a packet has come.
int lan_fd(const struct lan *lan);
// Reads what came, sends what is due, looks at the links. When to call again (monotonic, ms).
int64_t lan_run(struct lan *lan, int64_t now_ms);
uint32_t lan_look(const struct lan *lan, struct lan_link_view out[LAN_LINKS]);
