// ARP for IPv4 over Ethernet: is an address free, and whose is it. Pure: it reads and makes
// packets and keeps time; sending and receiving is the caller's (lan.c).
// Source: RFC 826; RFC 5227, sections 2.1 (probing) and 2.3 (announcing).
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAC_BYTES = 6, ARP_BYTES = 28 };

struct arp {
    bool reply;
    uint8_t sender[MAC_BYTES];
    struct in_addr sender_address; // 0: a probe
    struct in_addr target_address;
};

// False unless it is a whole ARP packet of IPv4 over Ethernet; bytes after it are padding.
bool arp_read(const uint8_t *packet, size_t size, struct arp *out);
// A request for `target`; with `sender` 0 a probe, with sender = target an announcement.
void arp_write(const uint8_t mac[static MAC_BYTES], struct in_addr sender, struct in_addr target,
               uint8_t out[static ARP_BYTES]);

enum probe_state { PROBE_IDLE, PROBE_RUNNING, PROBE_FREE, PROBE_TAKEN };

struct probe {
    enum probe_state state;
    struct in_addr address;
    uint32_t left; // probes still to be sent
    int64_t gap_ms, due_ms;
};

// Asks `count` times, `gap_ms` apart, and waits as long after the last.
void probe_start(struct probe *probe, struct in_addr address, uint32_t count, int64_t gap_ms,
                 int64_t now_ms);
// True if a probe is to be sent now. Becomes PROBE_FREE when nobody answered.
bool probe_step(struct probe *probe, int64_t now_ms);
// What was heard: another one has the address, or wants it too.
void probe_heard(struct probe *probe, const struct arp *arp, const uint8_t mac[static MAC_BYTES]);
