// The DHCP client of one link: packets and state, without sockets and without a clock of its own.
// The caller (lan.c) sends what dhcp_step gives and hands over what comes in; it probes an address
// before it is used. Only the address, its subnet, the router and times are taken from a server.
// All that comes in is hostile until shown otherwise: lengths, checksums, transaction, our own
// hardware address; a server can neither make us send faster than every second nor use memory.
// Source: RFC 2131, RFC 2132, RFC 951.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/lan/arp_private.h"

enum {
    DHCP_PACKET_BYTES = 576,   // the most that is sent, IP header included
    DHCP_RECEIVE_BYTES = 2048, // the most that is read
    DHCP_HOSTNAME_BYTES = 64,  // with NUL
    DHCP_CLIENT_PORT = 68,
    DHCP_SERVER_PORT = 67,
    DHCP_LEASE_S_MIN = 10, // offers below are passed over
};
#define DHCP_LEASE_FOREVER 0xFFFFFFFFu

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER,
    DHCP_REQUEST,
    DHCP_DECLINE,
    DHCP_ACK,
    DHCP_NAK,
};

struct dhcp_lease {
    struct in_addr address, gateway, server; // gateway 0: none
    uint8_t prefix;                          // 1 to 32
    uint32_t lease_s, renew_s, rebind_s;     // renew < rebind < lease, or all for ever
};

struct dhcp_message {
    enum dhcp_type type;     // OFFER, ACK or NAK
    struct dhcp_lease lease; // of a NAK only the server
};

// Reads an IPv4 packet with a server's answer to the transaction `xid` of `mac`. False for all
// else. `checksum_open`: the packet was made on this machine and its UDP checksum is still to be
// filled in by a card (TP_STATUS_CSUMNOTREADY), so that it cannot be checked.
bool dhcp_read(const uint8_t *packet, size_t size, const uint8_t mac[static MAC_BYTES],
               uint32_t xid, bool checksum_open, struct dhcp_message *out);

enum dhcp_state {
    DHCP_SELECTING,  // asks for offers
    DHCP_REQUESTING, // took one and asks for its confirmation
    DHCP_PROBING,    // has it; the caller tries whether the address is free: dhcp_probed
    DHCP_BOUND,
    DHCP_RENEWING,  // asks the same server for more time
    DHCP_REBINDING, // asks any server for more time
};

struct dhcp {
    enum dhcp_state state;
    uint8_t mac[MAC_BYTES];
    char hostname[DHCP_HOSTNAME_BYTES]; // "": none is told
    uint32_t xid;
    uint32_t tries;      // in this state
    uint32_t setbacks;   // refusals and taken addresses in a row: wait longer
    uint32_t unanswered; // DISCOVERs in a row that nobody answered
    bool refused;        // the last thing a server said was no
    bool decline;        // a DECLINE is to be sent
    struct in_addr wish; // the address of the last lease
    struct dhcp_lease lease;
    int64_t started_ms, due_ms;   // of the transaction; when to act again
    int64_t asked_ms, counted_ms; // when the last REQUEST went out; from when the lease counts
};

struct dhcp_packet {
    size_t size;  // 0: nothing to send
    bool unicast; // to the server, else to all
    uint8_t bytes[DHCP_PACKET_BYTES];
};

// Begins anew; keeps the wish for the address it last had.
void dhcp_start(struct dhcp *dhcp, const uint8_t mac[static MAC_BYTES], const char *hostname,
                int64_t now_ms);
// What is due now; call again at dhcp->due_ms, or at once while there is something to send.
void dhcp_step(struct dhcp *dhcp, int64_t now_ms, struct dhcp_packet *out);
// An IPv4 packet came. True if it was for us and meant something.
bool dhcp_receive(struct dhcp *dhcp, const uint8_t *packet, size_t size, bool checksum_open,
                  int64_t now_ms);
void dhcp_probed(struct dhcp *dhcp, bool free, int64_t now_ms); // in DHCP_PROBING

bool dhcp_holds(const struct dhcp *dhcp); // dhcp->lease may be used now
// Seconds; -1 without one, DHCP_LEASE_FOREVER without an end.
int64_t dhcp_left_s(const struct dhcp *dhcp, int64_t now_ms);
