// Any bytes as what comes over the cable before the machine has an address: the first says as what.
// A DHCP client in any state, ARP while an address is probed, the kernel's words about a link.
#include <stdlib.h>
#include <string.h>

#include "appliance/lan/dhcp_private.h"
#include "appliance/lan/dhcp_wire_private.h"
#include "appliance/lan/netlink_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t mac[MAC_BYTES] = {2, 0, 0, 0x12, 0x34, 0x56};

static void sane(const struct dhcp_lease *lease) {
    if (lease->address.s_addr == 0 || lease->prefix < 1 || lease->prefix > 32) abort();
    if (lease->lease_s < DHCP_LEASE_S_MIN) abort();
    bool ever = lease->lease_s == DHCP_LEASE_FOREVER;
    if (ever) return;
    if (lease->renew_s >= lease->rebind_s || lease->rebind_s >= lease->lease_s) abort();
}

static void as_answer(uint8_t how, const uint8_t *data, size_t size) {
    struct dhcp client = {0};
    struct dhcp_packet packet;
    uint8_t copy[DHCP_RECEIVE_BYTES];
    int64_t now_ms = 1000;
    if (size > sizeof copy) return;
    memcpy(copy, data, size);
    dhcp_start(&client, mac, "ward-3", now_ms);
    dhcp_step(&client, now_ms, &packet);
    // Whatever the transaction was, the corpus says 0x11223344.
    client.xid = 0x11223344;
    client.state = (enum dhcp_state)(how % 6);
    client.lease = (struct dhcp_lease){.address = {0x6500000A},
                                       .server = {0x0100000A},
                                       .prefix = 24,
                                       .lease_s = 600,
                                       .renew_s = 300,
                                       .rebind_s = 500};
    client.asked_ms = client.counted_ms = now_ms;
    struct dhcp_message message;
    bool open = how & 64;
    if (dhcp_read(copy, size, mac, client.xid, open, &message) && message.type != DHCP_NAK) {
        sane(&message.lease);
    }
    (void)dhcp_receive(&client, copy, size, open, now_ms);
    uint32_t sent = 0;
    for (int i = 0; i < 50; i++) {
        if (client.state == DHCP_PROBING) dhcp_probed(&client, how & 32, now_ms);
        if (client.due_ms == INT64_MAX) break;
        if (client.due_ms > now_ms) now_ms = client.due_ms;
        dhcp_step(&client, now_ms, &packet);
        sent += packet.size > 0;
        (void)dhcp_receive(&client, copy, size, open, now_ms);
    }
    if (sent > 2 && now_ms < 1000 + ((int64_t)sent - 3) * 900) abort(); // a storm
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct netlink_link link;
    struct arp arp;
    struct probe probe;
    if (size == 0) return 0;
    uint8_t how = *data++;
    size--;
    if (how < 128) {
        as_answer(how, data, size);
    } else if (how < 192) {
        probe_start(&probe, (struct in_addr){0x6500000A}, 3, 250, 0);
        if (arp_read(data, size, &arp)) probe_heard(&probe, &arp, mac);
    } else if (netlink_link_read(data, size, &link)) {
        if (link.index <= 0 || !memchr(link.name, 0, sizeof link.name)) abort();
    }
    return 0;
}
