// Where things stand in a DHCP packet, for the files that read and write it.
// Source: RFC 791, RFC 768, RFC 2131 section 2, RFC 2132.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    IP_BYTES = 20,
    UDP_BYTES = 8,
    BOOT_XID = 4,
    BOOT_SECONDS = 8,
    BOOT_CLIENT = 12, // ciaddr
    BOOT_YOURS = 16,  // yiaddr
    BOOT_HARDWARE = 28,
    BOOT_SERVER_NAME = 44,
    BOOT_FILE = 108,
    BOOT_MAGIC = 236,
    BOOT_BYTES = 240, // up to the options
    BOOT_BYTES_MIN = 300,
    BOOT_REQUEST = 1,
    BOOT_REPLY = 2,
};
#define MAGIC 0x63825363u

enum option {
    OPTION_PAD = 0,
    OPTION_SUBNET = 1,
    OPTION_ROUTER = 3,
    OPTION_HOSTNAME = 12,
    OPTION_ADDRESS = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_LIST = 55,
    OPTION_SIZE_MAX = 57,
    OPTION_RENEWAL = 58,
    OPTION_REBINDING = 59,
    OPTION_CLIENT = 61,
    OPTION_END = 255,
};

// The Internet checksum (RFC 1071), host order; 0 over bytes that hold a right one.
uint16_t ip_checksum(const uint8_t *header, size_t size);
uint16_t udp_checksum(const uint8_t *ip_header, const uint8_t *udp, size_t size);
