// What a person may set before the box is reached by a browser: lines `key = value`, # begins a
// comment. The same form in courtyard.txt of the boot partition, which people edit on another
// machine, and in the file that the console writes; the former counts more.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"

enum { HOSTNAME_BYTES = 64, INTERFACE_BYTES = 16 };

// Of a data partition that is made: not at all, or opened by a passphrase or by a key on a stick.
enum encryption { ENCRYPTION_NONE, ENCRYPTION_PASSPHRASE, ENCRYPTION_STICK, ENCRYPTION_COUNT };

struct settings {
    char hostname[HOSTNAME_BYTES];
    char language[8];                // "zh-CN" or "en"
    bool fixed;                      // else by DHCP
    struct in_addr address, gateway; // gateway 0: none
    uint8_t prefix;
    char interface[INTERFACE_BYTES]; // "": every wired one
    enum encryption encryption;      // only in courtyard.txt: it counts before there is any other
};

// "courtyard", Chinese, DHCP.
void settings_default(struct settings *out);
// Sets what the text sets and leaves the rest. ERR_INPUT "appliance.settings" with the row and the
// key as detail for the first line that cannot be; all others count nevertheless.
enum err settings_read(struct str text, struct settings *settings, struct fault *fault) MUST_USE;
void settings_write(const struct settings *settings, struct buf *out);

// Of single values, as a person types them; false leaves *out as it was.
bool settings_address(struct str text, struct in_addr *address, uint8_t *prefix); // 10.0.0.5/24
bool settings_hostname(struct str text, char out[static HOSTNAME_BYTES]); // letters, digits, '-'
