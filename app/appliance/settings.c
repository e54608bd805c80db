// Settings from and to text.
#include "appliance/settings_private.h"

#include <arpa/inet.h>
#include <string.h>

void settings_default(struct settings *out) {
    *out = (struct settings){.hostname = "courtyard", .language = "zh-CN"};
}

static bool address_read(struct str text, struct in_addr *out) {
    char name[INET_ADDRSTRLEN];
    struct in_addr address;
    if (!str_copy(name, sizeof name, text) || inet_pton(AF_INET, name, &address) != 1) return false;
    uint32_t first = ntohl(address.s_addr) >> 24;
    if (first == 0 || first == 127 || first >= 224) return false; // no machine has such a one
    *out = address;
    return true;
}

bool settings_address(struct str text, struct in_addr *address, uint8_t *prefix) {
    struct str bits;
    struct str host = str_cut(text, '/', &bits);
    uint64_t count;
    struct in_addr read;
    if (!str_to_u64(bits, &count) || count < 1 || count > 30 || !address_read(host, &read)) {
        return false;
    }
    uint32_t within = ntohl(read.s_addr) & (uint32_t)(0xFFFFFFFFu >> count);
    if (within == 0 || within == 0xFFFFFFFFu >> count) return false; // the network, or all of it
    *address = read;
    *prefix = (uint8_t)count;
    return true;
}

bool settings_hostname(struct str text, char out[static HOSTNAME_BYTES]) {
    if (text.size == 0 || text.size >= HOSTNAME_BYTES) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool inside = c == '-' && i > 0 && i + 1 < text.size;
        if (!letter && !inside) return false;
    }
    return str_copy(out, HOSTNAME_BYTES, text);
}

static bool interface_read(struct str text, char out[static INTERFACE_BYTES]) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '/') return false;
    }
    return text.size > 0 && str_copy(out, INTERFACE_BYTES, text);
}

static bool language_read(struct str text, char out[static 8]) {
    return (str_is(text, "zh-CN") || str_is(text, "en")) && str_copy(out, 8, text);
}

static bool encryption_read(struct str text, enum encryption *out) {
    static const char *const names[] = {"none", "passphrase", "stick"};
    for (int i = 0; i < ENCRYPTION_COUNT; i++) {
        if (!str_is(text, names[i])) continue;
        *out = (enum encryption)i;
        return true;
    }
    return false;
}

static bool one_read(struct str key, struct str value, struct settings *settings) {
    if (str_is(key, "hostname")) return settings_hostname(value, settings->hostname);
    if (str_is(key, "language")) return language_read(value, settings->language);
    if (str_is(key, "interface")) return interface_read(value, settings->interface);
    if (str_is(key, "gateway")) return address_read(value, &settings->gateway);
    if (str_is(key, "encryption")) return encryption_read(value, &settings->encryption);
    if (!str_is(key, "address")) return false;
    if (str_is(value, "dhcp")) {
        settings->fixed = false;
        return true;
    }
    if (!settings_address(value, &settings->address, &settings->prefix)) return false;
    settings->fixed = true;
    return true;
}

enum err settings_read(struct str text, struct settings *settings, struct fault *fault) {
    enum err err = OK;
    uint64_t row = 0;
    if (str_starts(text, STR("\xEF\xBB\xBF"))) { // as Notepad writes it
        text.data += 3;
        text.size -= 3;
    }
    while (text.size > 0) {
        struct str value;
        struct str line = str_trim(str_cut(text, '\n', &text));
        row++;
        if (line.size == 0 || line.data[0] == '#') continue;
        struct str key = str_trim(str_cut(line, '=', &value));
        if (one_read(key, str_trim(value), settings) || err != OK) continue;
        err = fault_at(fault, ERR_INPUT, "appliance.settings", row, 0, key);
    }
    return err;
}

static void address_write(struct buf *out, const char *key, struct in_addr address) {
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, text, sizeof text);
    buf_printf(out, "%s = %s", key, text);
}

void settings_write(const struct settings *settings, struct buf *out) {
    buf_printf(out, "hostname = %s\nlanguage = %s\n", settings->hostname, settings->language);
    if (settings->interface[0]) buf_printf(out, "interface = %s\n", settings->interface);
    if (!settings->fixed) {
        buf_add_text(out, "address = dhcp\n");
        return;
    }
    address_write(out, "address", settings->address);
    buf_printf(out, "/%u\n", settings->prefix);
    if (!settings->gateway.s_addr) return;
    address_write(out, "gateway", settings->gateway);
    buf_add_char(out, '\n');
}
