#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/server_private.h"

enum { BACKLOG = 512 };

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

// "1.2.3.4:8443", "[::1]:8443" or ":8443" (all addresses).
static bool address_parse(const char *text, union socket_address *out, socklen_t *out_size) {
    struct str all = str_of(text), host = all;
    while (host.size && host.data[host.size - 1] != ':') host.size--;
    if (host.size == 0) return false;
    uint64_t port;
    if (!str_to_u64((struct str){all.data + host.size, all.size - host.size}, &port) ||
        port > UINT16_MAX) {
        return false;
    }
    host.size--; // the colon
    char name[64];
    *out = (union socket_address){0};
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        if (!str_copy(name, sizeof name, (struct str){host.data + 1, host.size - 2})) return false;
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        *out_size = sizeof out->v6;
        return inet_pton(AF_INET6, name, &out->v6.sin6_addr) == 1;
    }
    if (str_is(host, "localhost")) host = STR("127.0.0.1");
    if (host.size == 0) host = STR("0.0.0.0");
    if (!str_copy(name, sizeof name, host)) return false;
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    *out_size = sizeof out->v4;
    return inet_pton(AF_INET, name, &out->v4.sin_addr) == 1;
}

enum err listen_open(const char *address, int *out_fd, uint16_t *out_port, struct fault *fault) {
    union socket_address at;
    socklen_t size = 0;
    if (!address_parse(address, &at, &size)) {
        return fault_set(fault, ERR_INPUT, "server.bad_address", str_of(address));
    }
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fault_errno(fault, errno, str_of(address));
    int on = 1, off = 0;
    // A restart must not wait for old connections; a second server still finds the port taken.
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at.any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, &at.any, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &at.any, &size) != 0) {
        int error_number = errno;
        close(fd);
        if (error_number == EADDRINUSE) {
            return fault_set(fault, ERR_BUSY, "server.port_in_use", str_of(address));
        }
        if (error_number == EACCES) {
            return fault_set(fault, ERR_DENIED, "server.port_denied", str_of(address));
        }
        if (error_number == EADDRNOTAVAIL) {
            return fault_set(fault, ERR_INPUT, "server.no_such_address", str_of(address));
        }
        return fault_errno(fault, error_number, str_of(address));
    }
    *out_port = ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
    *out_fd = fd;
    return OK;
}

// ---- clients' addresses -------------------------------------------------------------------------

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool address_is_local(const uint8_t address[static 16]) {
    static const uint8_t loopback[16] = {[15] = 1};
    if (memcmp(address, mapped, sizeof mapped) == 0) return address[12] == 127;
    return memcmp(address, loopback, sizeof loopback) == 0;
}

void address_write(const uint8_t address[static 16], char out[static 64]) {
    bool v4 = memcmp(address, mapped, sizeof mapped) == 0;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, out, 64)) out[0] = '\0';
}

// An IPv6 client may choose the lower half of its address freely: the upper half counts.
static bool same_client(const uint8_t *a, const uint8_t *b) {
    bool v4 = memcmp(a, mapped, sizeof mapped) == 0;
    return memcmp(a, b, v4 ? 16 : 8) == 0;
}

bool addresses_enter(struct addresses *addresses, const uint8_t address[static 16], uint32_t most) {
    bool entered = false;
    pthread_mutex_lock(&addresses->lock);
    uint32_t at = 0;
    while (at < addresses->used && !same_client(address, addresses->entries[at].bytes)) at++;
    if (at == addresses->used && at < ADDRESSES_MAX) {
        memcpy(addresses->entries[at].bytes, address, 16);
        addresses->entries[at].count = 0;
        addresses->used++;
    }
    if (at < addresses->used && addresses->entries[at].count < most) {
        addresses->entries[at].count++;
        entered = true;
    }
    pthread_mutex_unlock(&addresses->lock);
    return entered;
}

void addresses_leave(struct addresses *addresses, const uint8_t address[static 16]) {
    pthread_mutex_lock(&addresses->lock);
    uint32_t at = 0;
    while (at < addresses->used && !same_client(address, addresses->entries[at].bytes)) at++;
    if (at < addresses->used && --addresses->entries[at].count == 0) {
        addresses->entries[at] = addresses->entries[--addresses->used];
    }
    pthread_mutex_unlock(&addresses->lock);
}
