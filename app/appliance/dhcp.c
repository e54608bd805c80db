#include "appliance/dhcp_private.h"

#include <string.h>

#include "base/str.h"

enum {
    IP_BYTES = 20,
    UDP_BYTES = 8,
    FIXED_BYTES = 236, // of the message, before the cookie
    CLIENT_PORT = 68,
    SERVER_PORT = 67,
    FIRST_WAIT_MS = 1000,
    WAIT_MS_MAX = 32 * 1000,
    REQUEST_TRIES = 4, // then from the beginning
    RENEW_WAIT_MS = 60 * 1000,
    LEASE_S_MIN = 30,
    LEASE_S_MAX = 7 * 24 * 3600, // of those that say "for ever" too: it is asked again
};
enum option {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_NAME = 12,
    OPTION_ADDRESS = 50,
    OPTION_LEASE = 51,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_WISHES = 55,
    OPTION_RENEW = 58,
    OPTION_REBIND = 59,
    OPTION_CLIENT = 61,
    OPTION_END = 255,
};
static const uint8_t cookie[4] = {99, 130, 83, 99};

// ---- bytes --------------------------------------------------------------------------------------
static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xFFFF);
}

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum_of(const uint8_t *at, size_t size, uint32_t sum) {
    for (size_t i = 0; i + 1 < size; i += 2) sum += get16(at + i);
    if (size & 1) sum += (uint32_t)at[size - 1] << 8;
    return sum;
}

static uint32_t sum_fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    return ~sum & 0xFFFF;
}

static uint32_t udp_sum(const uint8_t *ip, size_t udp_size) {
    uint32_t sum = sum_of(ip + 12, 8, (uint32_t)IPPROTO_UDP + (uint32_t)udp_size);
    return sum_fold(sum_of(ip + IP_BYTES, udp_size, sum));
}

// ---- writing ------------------------------------------------------------------------------------
static uint8_t *option_put(uint8_t *at, enum option kind, const void *value, size_t size) {
    *at++ = (uint8_t)kind;
    *at++ = (uint8_t)size;
    memcpy(at, value, size);
    return at + size;
}

static void frame_put(uint8_t *out, size_t size) {
    out[0] = 0x45;
    put16(out + 2, (uint32_t)size);
    out[8] = 64; // hops
    out[9] = IPPROTO_UDP;
    put32(out + 16, INADDR_BROADCAST);
    put16(out + 10, sum_fold(sum_of(out, IP_BYTES, 0)));
    uint8_t *udp = out + IP_BYTES;
    put16(udp, CLIENT_PORT);
    put16(udp + 2, SERVER_PORT);
    put16(udp + 4, (uint32_t)(size - IP_BYTES));
    uint32_t sum = udp_sum(out, size - IP_BYTES);
    put16(udp + 6, sum ? sum : 0xFFFF);
}

static size_t message_write(const struct dhcp *dhcp, enum dhcp_type type, int64_t now_ms,
                            uint8_t out[static DHCP_PACKET_BYTES]) {
    static const uint8_t wishes[] = {OPTION_MASK, OPTION_ROUTER, OPTION_LEASE, OPTION_RENEW,
                                     OPTION_REBIND};
    uint8_t client[1 + DHCP_MAC_BYTES] = {1}, kind = (uint8_t)type;
    memset(out, 0, DHCP_PACKET_BYTES);
    uint8_t *message = out + IP_BYTES + UDP_BYTES, *at = message + FIXED_BYTES;
    int64_t asked_s = (now_ms - dhcp->begun_ms) / 1000;
    message[0] = 1; // a request
    message[1] = 1; // Ethernet
    message[2] = DHCP_MAC_BYTES;
    put32(message + 4, dhcp->xid);
    put16(message + 8, asked_s < 0xFFFF ? (uint32_t)asked_s : 0xFFFF);
    put16(message + 10, 0x8000); // answers by broadcast: we have no address yet
    memcpy(message + 28, dhcp->mac, DHCP_MAC_BYTES);
    memcpy(client + 1, dhcp->mac, DHCP_MAC_BYTES);
    if (dhcp_bound(dhcp)) memcpy(message + 12, &dhcp->lease.address, 4);
    memcpy(at, cookie, sizeof cookie);
    at = option_put(at + sizeof cookie, OPTION_TYPE, &kind, 1);
    at = option_put(at, OPTION_CLIENT, client, sizeof client);
    if (dhcp->state == DHCP_REQUESTING) {
        at = option_put(at, OPTION_ADDRESS, &dhcp->lease.address, 4);
        at = option_put(at, OPTION_SERVER, &dhcp->lease.server, 4);
    }
    if (dhcp->name[0]) at = option_put(at, OPTION_NAME, dhcp->name, strlen(dhcp->name));
    at = option_put(at, OPTION_WISHES, wishes, sizeof wishes);
    *at++ = OPTION_END;
    size_t size = (size_t)(at - out), least = IP_BYTES + UDP_BYTES + 300; // as BOOTP had it
    if (size < least) size = least;
    frame_put(out, size);
    return size;
}

// ---- reading ------------------------------------------------------------------------------------
// From the IP packet to the message; NULL for all that is none for us.
static const uint8_t *message_find(const uint8_t *ip, size_t size, size_t *message_size) {
    if (size < IP_BYTES || ip[0] != 0x45 || ip[9] != IPPROTO_UDP) return NULL; // no IP options
    size_t total = get16(ip + 2);
    if (total > size || total < IP_BYTES + UDP_BYTES + FIXED_BYTES + sizeof cookie) return NULL;
    if ((get16(ip + 6) & 0x3FFF) != 0 || sum_fold(sum_of(ip, IP_BYTES, 0)) != 0) return NULL;
    const uint8_t *udp = ip + IP_BYTES;
    size_t udp_size = get16(udp + 4);
    if (udp_size < UDP_BYTES + FIXED_BYTES + sizeof cookie || udp_size > total - IP_BYTES) {
        return NULL;
    }
    if (get16(udp) != SERVER_PORT || get16(udp + 2) != CLIENT_PORT) return NULL;
    if (get16(udp + 6) != 0 && udp_sum(ip, udp_size) != 0) return NULL;
    *message_size = udp_size - UDP_BYTES;
    return udp + UDP_BYTES;
}

// A mask without holes as a number of bits; 0 for another.
static uint8_t mask_bits(const uint8_t *at) {
    uint32_t mask = get32(at), bits = 0;
    while (bits < 32 && mask & 0x80000000u >> bits) bits++;
    bool whole = bits < 32 ? (mask << bits) == 0 : true;
    return whole && bits >= 1 && bits <= 30 ? (uint8_t)bits : 0;
}

static void option_take(uint8_t kind, const uint8_t *value, size_t size, struct dhcp_reply *out) {
    if (kind == OPTION_TYPE && size == 1) out->type = (enum dhcp_type)value[0];
    if (size < 4) return;
    switch (kind) {
    case OPTION_MASK: out->prefix = mask_bits(value); break;
    case OPTION_ROUTER: memcpy(&out->gateway, value, 4); break;
    case OPTION_SERVER: memcpy(&out->server, value, 4); break;
    case OPTION_LEASE: out->lease_s = get32(value); break;
    case OPTION_RENEW: out->renew_s = get32(value); break;
    case OPTION_REBIND: out->rebind_s = get32(value); break;
    default: break;
    }
}

static bool usable(const struct dhcp_reply *reply) {
    uint32_t address = ntohl(reply->address.s_addr), first = address >> 24;
    if (reply->type == DHCP_NAK) return true;
    if (reply->type != DHCP_OFFER && reply->type != DHCP_ACK) return false;
    return first != 0 && first != 127 && first < 224 && reply->lease_s > 0 &&
           reply->server.s_addr != 0;
}

bool dhcp_read(const void *packet, size_t size, uint32_t xid,
               const uint8_t mac[static DHCP_MAC_BYTES], struct dhcp_reply *out) {
    size_t left;
    const uint8_t *message = message_find(packet, size, &left);
    if (!message || message[0] != 2 || message[1] != 1 || message[2] != DHCP_MAC_BYTES)
        return false;
    if (get32(message + 4) != xid || memcmp(message + 28, mac, DHCP_MAC_BYTES) != 0) return false;
    const uint8_t *at = message + FIXED_BYTES, *end = message + left;
    if (memcmp(at, cookie, sizeof cookie) != 0) return false;
    struct dhcp_reply reply = {0};
    memcpy(&reply.address, message + 16, 4);
    for (at += sizeof cookie; at < end && *at != OPTION_END;) {
        if (*at == OPTION_PAD) {
            at++;
            continue;
        }
        if (end - at < 2 || end - at - 2 < at[1]) return false;
        option_take(at[0], at + 2, at[1], &reply);
        at += 2 + at[1];
    }
    if (!usable(&reply)) return false;
    if (!reply.prefix) reply.prefix = 24; // none told, or one with holes
    *out = reply;
    return true;
}

// ---- the exchange -------------------------------------------------------------------------------
static uint64_t draw(struct dhcp *dhcp) {
    dhcp->random = dhcp->random * 6364136223846793005u + 1442695040888963407u;
    return dhcp->random >> 33;
}

static void state_begin(struct dhcp *dhcp, enum dhcp_state state, int64_t now_ms) {
    dhcp->state = state;
    dhcp->tries = 0;
    dhcp->due_ms = now_ms;
    if (state == DHCP_SELECTING) {
        dhcp->begun_ms = now_ms;
        dhcp->xid = (uint32_t)draw(dhcp);
        dhcp->lease = (struct dhcp_reply){0};
    }
}

void dhcp_begin(struct dhcp *dhcp, const uint8_t mac[static DHCP_MAC_BYTES], const char *name,
                uint64_t seed, int64_t now_ms) {
    *dhcp = (struct dhcp){.random = seed};
    memcpy(dhcp->mac, mac, DHCP_MAC_BYTES);
    (void)str_copy(dhcp->name, sizeof dhcp->name, str_of(name));
    state_begin(dhcp, DHCP_SELECTING, now_ms);
}

bool dhcp_bound(const struct dhcp *dhcp) {
    return dhcp->state >= DHCP_BOUND;
}

// Twice as long each time, give or take a quarter.
static int64_t wait_of(struct dhcp *dhcp) {
    int64_t wait = FIRST_WAIT_MS;
    for (uint32_t i = 0; i < dhcp->tries && wait < WAIT_MS_MAX; i++) wait *= 2;
    if (wait > WAIT_MS_MAX) wait = WAIT_MS_MAX;
    return wait * 3 / 4 + (int64_t)(draw(dhcp) % (uint64_t)(wait / 2));
}

static void time_goes_on(struct dhcp *dhcp, int64_t now_ms) {
    if (dhcp_bound(dhcp) && now_ms >= dhcp->end_ms) {
        state_begin(dhcp, DHCP_SELECTING, now_ms);
    } else if (dhcp_bound(dhcp) && dhcp->state < DHCP_REBINDING && now_ms >= dhcp->rebind_ms) {
        state_begin(dhcp, DHCP_REBINDING, now_ms);
    } else if (dhcp->state == DHCP_BOUND && now_ms >= dhcp->renew_ms) {
        dhcp->xid = (uint32_t)draw(dhcp);
        state_begin(dhcp, DHCP_RENEWING, now_ms);
    } else if (dhcp->state == DHCP_REQUESTING && dhcp->tries >= REQUEST_TRIES) {
        state_begin(dhcp, DHCP_SELECTING, now_ms);
    }
}

bool dhcp_step(struct dhcp *dhcp, int64_t now_ms, uint8_t out[static DHCP_PACKET_BYTES],
               size_t *size) {
    if (now_ms < dhcp->due_ms) return false;
    time_goes_on(dhcp, now_ms);
    if (dhcp->state == DHCP_BOUND) {
        dhcp->due_ms = dhcp->renew_ms;
        return false;
    }
    *size = message_write(dhcp, dhcp->state == DHCP_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST,
                          now_ms, out);
    int64_t wait = dhcp_bound(dhcp) ? RENEW_WAIT_MS : wait_of(dhcp);
    dhcp->tries++;
    dhcp->due_ms = now_ms + wait;
    if (dhcp_bound(dhcp)) {
        int64_t next = dhcp->state == DHCP_RENEWING ? dhcp->rebind_ms : dhcp->end_ms;
        if (dhcp->due_ms > next) dhcp->due_ms = next;
    }
    return true;
}

static void bind_now(struct dhcp *dhcp, const struct dhcp_reply *reply, int64_t now_ms) {
    uint32_t lease = reply->lease_s, renew, rebind;
    if (lease < LEASE_S_MIN) lease = LEASE_S_MIN;
    if (lease > LEASE_S_MAX) lease = LEASE_S_MAX;
    renew = reply->renew_s && reply->renew_s < lease ? reply->renew_s : lease / 2;
    rebind = reply->rebind_s > renew && reply->rebind_s < lease ? reply->rebind_s
                                                                : renew + (lease - renew) * 3 / 4;
    dhcp->lease = *reply;
    dhcp->renew_ms = now_ms + (int64_t)renew * 1000;
    dhcp->rebind_ms = now_ms + (int64_t)rebind * 1000;
    dhcp->end_ms = now_ms + (int64_t)lease * 1000;
    state_begin(dhcp, DHCP_BOUND, now_ms);
    dhcp->due_ms = dhcp->renew_ms;
}

bool dhcp_take(struct dhcp *dhcp, const void *packet, size_t size, int64_t now_ms) {
    struct dhcp_reply reply;
    if (!dhcp_read(packet, size, dhcp->xid, dhcp->mac, &reply)) return false;
    if (dhcp->state == DHCP_SELECTING && reply.type == DHCP_OFFER) {
        dhcp->lease = reply;
        state_begin(dhcp, DHCP_REQUESTING, now_ms);
        return false;
    }
    bool asked = dhcp->state == DHCP_REQUESTING || dhcp->state >= DHCP_RENEWING;
    if (!asked || reply.type == DHCP_OFFER) return false;
    if (reply.type == DHCP_NAK) {
        bool had = dhcp_bound(dhcp);
        state_begin(dhcp, DHCP_SELECTING, now_ms + FIRST_WAIT_MS);
        return had;
    }
    bool same = dhcp_bound(dhcp) && dhcp->lease.address.s_addr == reply.address.s_addr &&
                dhcp->lease.prefix == reply.prefix &&
                dhcp->lease.gateway.s_addr == reply.gateway.s_addr;
    bind_now(dhcp, &reply, now_ms);
    return !same;
}
