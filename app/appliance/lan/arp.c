// ARP packets and the probing of an address.
#include "appliance/lan/arp_private.h"

#include <string.h>

// Ethernet, IPv4, lengths of both.
static const uint8_t kind[6] = {0, 1, 8, 0, MAC_BYTES, 4};

bool arp_read(const uint8_t *packet, size_t size, struct arp *out) {
    if (size < ARP_BYTES || memcmp(packet, kind, sizeof kind) != 0) return false;
    if (packet[6] != 0 || (packet[7] != 1 && packet[7] != 2)) return false;
    out->reply = packet[7] == 2;
    memcpy(out->sender, packet + 8, MAC_BYTES);
    memcpy(&out->sender_address, packet + 14, 4);
    memcpy(&out->target_address, packet + 24, 4);
    return true;
}

void arp_write(const uint8_t mac[static MAC_BYTES], struct in_addr sender, struct in_addr target,
               uint8_t out[static ARP_BYTES]) {
    memset(out, 0, ARP_BYTES);
    memcpy(out, kind, sizeof kind);
    out[7] = 1;
    memcpy(out + 8, mac, MAC_BYTES);
    memcpy(out + 14, &sender, 4);
    memcpy(out + 24, &target, 4);
}

void probe_start(struct probe *probe, struct in_addr address, uint32_t count, int64_t gap_ms,
                 int64_t now_ms) {
    *probe = (struct probe){.state = PROBE_RUNNING,
                            .address = address,
                            .left = count,
                            .gap_ms = gap_ms,
                            .due_ms = now_ms};
}

bool probe_step(struct probe *probe, int64_t now_ms) {
    if (probe->state != PROBE_RUNNING || now_ms < probe->due_ms) return false;
    if (probe->left == 0) {
        probe->state = PROBE_FREE;
        return false;
    }
    probe->left--;
    probe->due_ms = now_ms + probe->gap_ms;
    return true;
}

void probe_heard(struct probe *probe, const struct arp *arp, const uint8_t mac[static MAC_BYTES]) {
    if (probe->state != PROBE_RUNNING || memcmp(arp->sender, mac, MAC_BYTES) == 0) return;
    in_addr_t wanted = probe->address.s_addr;
    bool has = arp->sender_address.s_addr == wanted;
    bool wants = arp->sender_address.s_addr == 0 && arp->target_address.s_addr == wanted;
    if (has || (wants && !arp->reply)) probe->state = PROBE_TAKEN;
}
