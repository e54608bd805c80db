// The states of the DHCP client (RFC 2131, section 4.4), and what it sends.
#include <arpa/inet.h>
#include <string.h>

#include "appliance/lan/dhcp_private.h"
#include "appliance/lan/dhcp_wire_private.h"
#include "base/assert.h"
#include "base/crypto.h"
#include "base/str.h"

enum {
    WAIT_MS_FIRST = 2000, // doubled with each try
    WAIT_MS_MAX = 64 * 1000,
    REQUESTS_MAX = 4,
    DECLINED_MS = 10 * 1000,  // RFC 2131, 3.1.5
    RENEW_MS_MIN = 60 * 1000, // between requests for more time, RFC 2131, 4.4.5
};

// ---- packets ------------------------------------------------------------------------------------
struct writer {
    uint8_t *boot;
    size_t size;
};

static void store16(uint8_t *at, size_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void store32(uint8_t *at, uint32_t value) {
    store16(at, value >> 16);
    store16(at + 2, value & 0xFFFF);
}

static void option_add(struct writer *writer, enum option code, const void *value, size_t size) {
    uint8_t *at = writer->boot + writer->size;
    cy_assert(IP_BYTES + UDP_BYTES + writer->size + size + 3 <= DHCP_PACKET_BYTES);
    at[0] = (uint8_t)code;
    at[1] = (uint8_t)size;
    memcpy(at + 2, value, size);
    writer->size += 2 + size;
}

static void frame(struct dhcp_packet *packet, size_t boot_size, struct in_addr from,
                  struct in_addr to) {
    uint8_t *ip = packet->bytes, *udp = ip + IP_BYTES;
    size_t udp_size = UDP_BYTES + boot_size;
    packet->size = IP_BYTES + udp_size;
    ip[0] = 0x45;
    store16(ip + 2, packet->size);
    ip[8] = 64; // hops
    ip[9] = IPPROTO_UDP;
    memcpy(ip + 12, &from, 4);
    memcpy(ip + 16, &to, 4);
    store16(ip + 10, ip_checksum(ip, IP_BYTES));
    store16(udp, DHCP_CLIENT_PORT);
    store16(udp + 2, DHCP_SERVER_PORT);
    store16(udp + 4, udp_size);
    uint16_t sum = udp_checksum(ip, udp, udp_size);
    store16(udp + 6, sum ? sum : 0xFFFF);
}

static void packet_write(const struct dhcp *dhcp, enum dhcp_type type, int64_t now_ms,
                         struct dhcp_packet *out) {
    static const uint8_t wanted[] = {OPTION_SUBNET, OPTION_ROUTER,  OPTION_LEASE,
                                     OPTION_SERVER, OPTION_RENEWAL, OPTION_REBINDING};
    uint8_t client[1 + MAC_BYTES] = {1}, size_max[2], kind = (uint8_t)type;
    struct in_addr none = {0}, all = {INADDR_BROADCAST};
    bool extends = dhcp->state >= DHCP_BOUND, declines = type == DHCP_DECLINE;
    memset(out, 0, sizeof *out);
    struct writer writer = {out->bytes + IP_BYTES + UDP_BYTES, BOOT_BYTES};
    uint8_t *boot = writer.boot;
    int64_t seconds = (now_ms - dhcp->started_ms) / 1000;
    boot[0] = BOOT_REQUEST;
    boot[1] = 1;
    boot[2] = MAC_BYTES;
    store32(boot + BOOT_XID, dhcp->xid);
    store16(boot + BOOT_SECONDS, seconds > 0xFFFF ? 0xFFFF : (size_t)seconds);
    if (extends) memcpy(boot + BOOT_CLIENT, &dhcp->lease.address, 4);
    memcpy(boot + BOOT_HARDWARE, dhcp->mac, MAC_BYTES);
    store32(boot + BOOT_MAGIC, MAGIC);
    memcpy(client + 1, dhcp->mac, MAC_BYTES);
    option_add(&writer, OPTION_TYPE, &kind, 1);
    option_add(&writer, OPTION_CLIENT, client, sizeof client);
    bool chosen = declines || dhcp->state == DHCP_REQUESTING;
    struct in_addr wish = chosen ? dhcp->lease.address : dhcp->wish;
    if (!extends && wish.s_addr) option_add(&writer, OPTION_ADDRESS, &wish, 4);
    if (chosen) option_add(&writer, OPTION_SERVER, &dhcp->lease.server, 4);
    if (!declines) {
        store16(size_max, DHCP_PACKET_BYTES);
        option_add(&writer, OPTION_SIZE_MAX, size_max, sizeof size_max);
        option_add(&writer, OPTION_LIST, wanted, sizeof wanted);
        size_t length = strlen(dhcp->hostname);
        if (length) option_add(&writer, OPTION_HOSTNAME, dhcp->hostname, length);
    }
    boot[writer.size++] = OPTION_END;
    if (writer.size < BOOT_BYTES_MIN) writer.size = BOOT_BYTES_MIN;
    out->unicast = dhcp->state == DHCP_RENEWING;
    frame(out, writer.size, extends ? dhcp->lease.address : none,
          out->unicast ? dhcp->lease.server : all);
}

// ---- states -------------------------------------------------------------------------------------
// 2, 4, 8 … 64 s, each up to one second sooner or later, so that machines that were switched on
// together do not ask together.
static int64_t back_off_ms(uint32_t tries) {
    uint16_t random;
    int64_t wait = tries < 6 ? (int64_t)WAIT_MS_FIRST << tries : WAIT_MS_MAX;
    random_bytes(&random, sizeof random);
    return (wait < WAIT_MS_MAX ? wait : WAIT_MS_MAX) - 1000 + random % 2001;
}

static void enter(struct dhcp *dhcp, enum dhcp_state state, int64_t due_ms) {
    dhcp->state = state;
    dhcp->tries = 0;
    dhcp->due_ms = due_ms;
}

static void transaction_begin(struct dhcp *dhcp, int64_t now_ms) {
    random_bytes(&dhcp->xid, sizeof dhcp->xid);
    dhcp->started_ms = now_ms;
}

void dhcp_start(struct dhcp *dhcp, const uint8_t mac[static MAC_BYTES], const char *hostname,
                int64_t now_ms) {
    struct in_addr wish = dhcp->wish;
    *dhcp = (struct dhcp){.wish = wish};
    memcpy(dhcp->mac, mac, MAC_BYTES);
    (void)str_copy(dhcp->hostname, sizeof dhcp->hostname, str_of(hostname));
    enter(dhcp, DHCP_SELECTING, now_ms);
}

bool dhcp_holds(const struct dhcp *dhcp) {
    return dhcp->state >= DHCP_BOUND;
}

static int64_t after(const struct dhcp *dhcp, uint32_t seconds) {
    return seconds == DHCP_LEASE_FOREVER ? INT64_MAX : dhcp->counted_ms + (int64_t)seconds * 1000;
}

int64_t dhcp_left_s(const struct dhcp *dhcp, int64_t now_ms) {
    if (!dhcp_holds(dhcp)) return -1;
    if (dhcp->lease.lease_s == DHCP_LEASE_FOREVER) return DHCP_LEASE_FOREVER;
    int64_t left = after(dhcp, dhcp->lease.lease_s) - now_ms;
    return left > 0 ? left / 1000 : 0;
}

// Asks for more time now, and again after half of what is left of this state.
static void extend(struct dhcp *dhcp, int64_t now_ms, int64_t end_ms, struct dhcp_packet *out) {
    int64_t half = (end_ms - now_ms) / 2, least = (int64_t)dhcp->lease.lease_s * 1000 / 16;
    if (least > RENEW_MS_MIN) least = RENEW_MS_MIN;
    if (least < 1000) least = 1000;
    packet_write(dhcp, DHCP_REQUEST, now_ms, out);
    dhcp->asked_ms = now_ms;
    dhcp->due_ms = now_ms + (half > least ? half : least);
    if (dhcp->due_ms > end_ms) dhcp->due_ms = end_ms;
}

static void step_bound(struct dhcp *dhcp, int64_t now_ms, struct dhcp_packet *out) {
    int64_t rebind_ms = after(dhcp, dhcp->lease.rebind_s);
    int64_t end_ms = after(dhcp, dhcp->lease.lease_s);
    if (now_ms >= end_ms) {
        dhcp->unanswered = 0;
        enter(dhcp, DHCP_SELECTING, now_ms);
        return;
    }
    if (dhcp->state == DHCP_BOUND) {
        enter(dhcp, DHCP_RENEWING, now_ms);
        transaction_begin(dhcp, now_ms);
    }
    if (now_ms >= rebind_ms && dhcp->state == DHCP_RENEWING) {
        enter(dhcp, DHCP_REBINDING, now_ms);
    }
    extend(dhcp, now_ms, dhcp->state == DHCP_RENEWING ? rebind_ms : end_ms, out);
}

static void step_selecting(struct dhcp *dhcp, int64_t now_ms, struct dhcp_packet *out) {
    if (dhcp->decline) { // to the server whose address is taken, in the transaction that gave it
        packet_write(dhcp, DHCP_DECLINE, now_ms, out);
        dhcp->decline = false;
        dhcp->wish.s_addr = 0;
        dhcp->due_ms = now_ms + DECLINED_MS;
        return;
    }
    if (dhcp->tries > 0) dhcp->unanswered++;
    if (dhcp->tries == 0) transaction_begin(dhcp, now_ms);
    packet_write(dhcp, DHCP_DISCOVER, now_ms, out);
    dhcp->due_ms = now_ms + back_off_ms(dhcp->tries++);
}

static void step_requesting(struct dhcp *dhcp, int64_t now_ms, struct dhcp_packet *out) {
    if (dhcp->tries >= REQUESTS_MAX) {
        dhcp->unanswered++;
        enter(dhcp, DHCP_SELECTING, now_ms + back_off_ms(dhcp->setbacks++));
        return;
    }
    packet_write(dhcp, DHCP_REQUEST, now_ms, out);
    dhcp->asked_ms = now_ms;
    dhcp->due_ms = now_ms + back_off_ms(dhcp->tries++);
}

void dhcp_step(struct dhcp *dhcp, int64_t now_ms, struct dhcp_packet *out) {
    out->size = 0;
    if (now_ms < dhcp->due_ms) return;
    switch (dhcp->state) {
    case DHCP_SELECTING: step_selecting(dhcp, now_ms, out); return;
    case DHCP_REQUESTING: step_requesting(dhcp, now_ms, out); return;
    case DHCP_PROBING: return;
    case DHCP_BOUND:
    case DHCP_RENEWING:
    case DHCP_REBINDING: step_bound(dhcp, now_ms, out); return;
    }
}

static void bind_now(struct dhcp *dhcp) {
    dhcp->refused = false;
    dhcp->setbacks = dhcp->unanswered = 0;
    dhcp->wish = dhcp->lease.address;
    dhcp->counted_ms = dhcp->asked_ms;
    enter(dhcp, DHCP_BOUND, after(dhcp, dhcp->lease.renew_s));
}

static bool refusal(struct dhcp *dhcp, const struct dhcp_message *message, int64_t now_ms) {
    bool same = message->lease.server.s_addr == dhcp->lease.server.s_addr;
    bool asked = dhcp->state == DHCP_REQUESTING || dhcp->state == DHCP_RENEWING;
    if (dhcp->state != DHCP_REBINDING && !(asked && same)) return false;
    dhcp->wish.s_addr = 0;
    dhcp->refused = true;
    enter(dhcp, DHCP_SELECTING, now_ms + back_off_ms(dhcp->setbacks++));
    return true;
}

bool dhcp_receive(struct dhcp *dhcp, const uint8_t *packet, size_t size, bool checksum_open,
                  int64_t now_ms) {
    struct dhcp_message message;
    if (dhcp->state == DHCP_PROBING || dhcp->state == DHCP_BOUND) return false;
    if (!dhcp_read(packet, size, dhcp->mac, dhcp->xid, checksum_open, &message)) return false;
    if (message.type == DHCP_NAK) return refusal(dhcp, &message, now_ms);
    if (dhcp->state == DHCP_SELECTING) {
        if (message.type != DHCP_OFFER || dhcp->tries == 0) return false;
        dhcp->lease = message.lease; // the first one that can be used
        dhcp->unanswered = 0;
        enter(dhcp, DHCP_REQUESTING, now_ms);
        return true;
    }
    if (message.type != DHCP_ACK) return false;
    bool same = message.lease.server.s_addr == dhcp->lease.server.s_addr;
    if (!same && dhcp->state != DHCP_REBINDING) return false;
    if (dhcp->state >= DHCP_BOUND) {
        if (message.lease.address.s_addr != dhcp->lease.address.s_addr) return false;
        dhcp->lease = message.lease;
        bind_now(dhcp);
        return true;
    }
    dhcp->lease = message.lease;
    enter(dhcp, DHCP_PROBING, INT64_MAX);
    return true;
}

void dhcp_probed(struct dhcp *dhcp, bool free, int64_t now_ms) {
    cy_assert(dhcp->state == DHCP_PROBING);
    if (free) {
        bind_now(dhcp);
        return;
    }
    dhcp->setbacks++;
    dhcp->decline = true;
    enter(dhcp, DHCP_SELECTING, now_ms);
}
