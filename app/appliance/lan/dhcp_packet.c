// DHCP packets: what a server says, read with distrust.
#include <arpa/inet.h>
#include <string.h>

#include "appliance/lan/dhcp_private.h"
#include "appliance/lan/dhcp_wire_private.h"

static uint16_t load16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t load32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t sum_of(const uint8_t *data, size_t size, uint32_t sum) {
    for (size_t i = 0; i + 1 < size; i += 2) sum += load16(data + i);
    if (size % 2) sum += (uint32_t)data[size - 1] << 8;
    return sum;
}

static uint16_t sum_fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)~sum;
}

uint16_t ip_checksum(const uint8_t *header, size_t size) {
    return sum_fold(sum_of(header, size, 0));
}

// Over the pseudo header too (RFC 768).
uint16_t udp_checksum(const uint8_t *ip_header, const uint8_t *udp, size_t size) {
    uint32_t sum = sum_of(ip_header + 12, 8, IPPROTO_UDP + (uint32_t)size);
    return sum_fold(sum_of(udp, size, sum));
}

// The UDP payload of an IPv4 packet from a server's port to a client's, or NULL.
static const uint8_t *payload_of(const uint8_t *packet, size_t size, bool checksum_open,
                                 size_t *out_size) {
    if (size < IP_BYTES || packet[0] >> 4 != 4) return NULL;
    size_t header = (size_t)(packet[0] & 15) * 4, total = load16(packet + 2);
    if (header < IP_BYTES || total > size || total < header + UDP_BYTES) return NULL;
    if (ip_checksum(packet, header) != 0 || packet[9] != IPPROTO_UDP) return NULL;
    if (load16(packet + 6) & 0x3FFF) return NULL; // a fragment
    const uint8_t *udp = packet + header;
    size_t length = load16(udp + 4);
    if (length < UDP_BYTES || length > total - header) return NULL;
    if (load16(udp) != DHCP_SERVER_PORT || load16(udp + 2) != DHCP_CLIENT_PORT) return NULL;
    if (!checksum_open && load16(udp + 6) != 0 && udp_checksum(packet, udp, length) != 0) {
        return NULL;
    }
    *out_size = length - UDP_BYTES;
    return udp + UDP_BYTES;
}

// The options we take, each as where it stands; a size of 0 is none.
struct options {
    const uint8_t *at[256];
    uint8_t size[256];
};

// One area of options. False if one reaches beyond it, or comes twice: none of those we take is so
// long that it must be split (RFC 3396).
static bool options_read(const uint8_t *area, size_t size, struct options *out) {
    for (size_t i = 0; i < size;) {
        uint8_t code = area[i++];
        if (code == OPTION_PAD) continue;
        if (code == OPTION_END) return true;
        if (i >= size || area[i] > size - i - 1) return false;
        uint8_t length = area[i++];
        bool taken = code == OPTION_SUBNET || code == OPTION_ROUTER || code == OPTION_LEASE ||
                     (code >= OPTION_OVERLOAD && code <= OPTION_SERVER) || code == OPTION_RENEWAL ||
                     code == OPTION_REBINDING;
        if (taken && (out->at[code] || length == 0)) return false;
        out->at[code] = area + i;
        out->size[code] = length;
        i += length;
    }
    return true;
}

static bool options_all(const uint8_t *boot, size_t size, struct options *out) {
    if (!options_read(boot + BOOT_BYTES, size - BOOT_BYTES, out)) return false;
    if (!out->at[OPTION_OVERLOAD]) return true;
    uint8_t overload = *out->at[OPTION_OVERLOAD];
    if (out->size[OPTION_OVERLOAD] != 1 || overload < 1 || overload > 3) return false;
    if ((overload & 1) && !options_read(boot + BOOT_FILE, 128, out)) return false;
    return !(overload & 2) || options_read(boot + BOOT_SERVER_NAME, 64, out);
}

static bool option_number(const struct options *options, uint8_t code, uint32_t *out) {
    if (!options->at[code]) return true;
    if (options->size[code] != 4) return false;
    *out = load32(options->at[code]);
    return true;
}

static bool host_address(uint32_t address) {
    uint32_t first = address >> 24;
    return first != 0 && first != 127 && first < 224;
}

static bool prefix_of(uint32_t mask, uint32_t address, uint8_t *out) {
    if (mask == 0) { // none was told: by the class
        mask = address >> 31 == 0 ? 0xFF000000u : address >> 30 == 2 ? 0xFFFF0000u : 0xFFFFFF00u;
    }
    uint32_t hosts = ~mask;
    if (hosts & (hosts + 1)) return false; // a hole in it
    uint8_t prefix = 0;
    while (prefix < 32 && mask & (0x80000000u >> prefix)) prefix++;
    uint32_t within = address & hosts;
    if (prefix < 31 && (within == 0 || within == hosts)) return false; // the network, or all of it
    *out = prefix;
    return true;
}

static void times_set(struct dhcp_lease *lease, uint32_t seconds, uint32_t renew, uint32_t rebind) {
    if (renew == 0 || rebind == 0 || renew >= rebind || rebind >= seconds) {
        renew = seconds / 2;
        rebind = seconds - seconds / 8;
    }
    bool ever = seconds == DHCP_LEASE_FOREVER;
    lease->lease_s = seconds;
    lease->renew_s = ever ? seconds : renew;
    lease->rebind_s = ever ? seconds : rebind;
}

static bool lease_read(const uint8_t *boot, const struct options *options, struct dhcp_lease *out) {
    uint32_t mask = 0, seconds = 0, renew = 0, rebind = 0, router = 0;
    uint32_t address = load32(boot + BOOT_YOURS);
    if (!option_number(options, OPTION_SUBNET, &mask) ||
        !option_number(options, OPTION_LEASE, &seconds) ||
        !option_number(options, OPTION_RENEWAL, &renew) ||
        !option_number(options, OPTION_REBINDING, &rebind)) {
        return false;
    }
    if (options->at[OPTION_ROUTER]) {
        if (options->size[OPTION_ROUTER] % 4 != 0) return false;
        router = load32(options->at[OPTION_ROUTER]); // the first is preferred
    }
    if (seconds < DHCP_LEASE_S_MIN || !host_address(address)) return false;
    if (options->at[OPTION_SUBNET] && mask == 0) return false;
    if (!prefix_of(mask, address, &out->prefix)) return false;
    out->address.s_addr = htonl(address);
    bool usable = host_address(router) && router != address;
    out->gateway.s_addr = usable ? htonl(router) : 0;
    times_set(out, seconds, renew, rebind);
    return true;
}

bool dhcp_read(const uint8_t *packet, size_t size, const uint8_t mac[static MAC_BYTES],
               uint32_t xid, bool checksum_open, struct dhcp_message *out) {
    struct options options = {0};
    struct dhcp_message message = {0};
    uint32_t server = 0;
    const uint8_t *boot = payload_of(packet, size, checksum_open, &size);
    if (!boot || size < BOOT_BYTES) return false;
    if (boot[0] != BOOT_REPLY || boot[1] != 1 || boot[2] != MAC_BYTES) return false;
    if (load32(boot + BOOT_XID) != xid || load32(boot + BOOT_MAGIC) != MAGIC) return false;
    if (memcmp(boot + BOOT_HARDWARE, mac, MAC_BYTES) != 0) return false;
    if (!options_all(boot, size, &options)) return false;
    if (options.size[OPTION_TYPE] != 1) return false;
    uint8_t type = *options.at[OPTION_TYPE];
    if (!option_number(&options, OPTION_SERVER, &server) || !host_address(server)) return false;
    message.lease.server.s_addr = htonl(server);
    message.type = (enum dhcp_type)type;
    bool gives = type == DHCP_OFFER || type == DHCP_ACK;
    if (!gives && type != DHCP_NAK) return false;
    if (gives && !lease_read(boot, &options, &message.lease)) return false;
    *out = message;
    return true;
}
