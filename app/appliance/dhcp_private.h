// A DHCP client for one Ethernet link: packets as bytes, and the exchange as a state machine that
// knows no clock and no socket, so that it can be tested whole. What comes in is hostile. Depends
// on base/. Source: RFC 2131, RFC 2132.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DHCP_PACKET_BYTES = 576, // what we send fits, and what we take may be larger
    DHCP_PACKET_BYTES_MAX = 1500,
    DHCP_MAC_BYTES = 6,
    DHCP_NAME_BYTES = 64,
};

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_ACK = 5, DHCP_NAK = 6 };

struct dhcp_reply {
    enum dhcp_type type;                     // OFFER, ACK or NAK
    struct in_addr address, server, gateway; // gateway 0: none told
    uint8_t prefix;
    uint32_t lease_s, renew_s, rebind_s; // renew and rebind 0: not told
};

enum dhcp_state {
    DHCP_SELECTING,  // asks who is there
    DHCP_REQUESTING, // has chosen an offer
    DHCP_BOUND,
    DHCP_RENEWING,  // asks its own server
    DHCP_REBINDING, // asks any
};
struct dhcp {
    enum dhcp_state state;
    uint8_t mac[DHCP_MAC_BYTES];
    char name[DHCP_NAME_BYTES]; // the host's, "" for none
    uint32_t xid;
    uint64_t random;          // draws of the jitter
    uint32_t tries;           // since the state began
    int64_t begun_ms, due_ms; // of this state; when dhcp_step has something to do
    struct dhcp_reply lease;  // while BOUND, RENEWING, REBINDING; the offer while REQUESTING
    int64_t renew_ms, rebind_ms, end_ms;
};

void dhcp_begin(struct dhcp *dhcp, const uint8_t mac[static DHCP_MAC_BYTES], const char *name,
                uint64_t seed, int64_t now_ms);
// Does the link have an address by it?
bool dhcp_bound(const struct dhcp *dhcp);
// What is due: true if `out` (an IP packet of *size bytes, to the broadcast address) is to be sent.
bool dhcp_step(struct dhcp *dhcp, int64_t now_ms, uint8_t out[static DHCP_PACKET_BYTES],
               size_t *size);
// An IP packet that came in; what is not for us, not whole or out of turn changes nothing. True if
// the address (or that there is one) has changed.
bool dhcp_take(struct dhcp *dhcp, const void *packet, size_t size, int64_t now_ms);

// Only for tests: reads a packet as dhcp_take does, without its state.
bool dhcp_read(const void *packet, size_t size, uint32_t xid,
               const uint8_t mac[static DHCP_MAC_BYTES], struct dhcp_reply *out);
