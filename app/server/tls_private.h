// TLS over non-blocking sockets, by Mbed TLS. `struct tls` belongs to one loop (its configuration
// and key are used by that loop's thread alone); the key for session tickets is shared, so that a
// client may come back on any loop. Depends on base/ and Mbed TLS.
#pragma once

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#include "base/buf.h"
#include "base/fault.h"

enum {
    // "AA:BB:…" of SHA-256, with its NUL.
    TLS_FINGERPRINT_SIZE = 32 * 3,
    // One receive fills at most this: a whole TLS record with its header.
    TLS_STASH_BYTES = 16 * 1024 + 512,
};

// The certificate and key of DIR/tls/, made at the first start: ECDSA P-256, ten years, for
// localhost, this machine's name and all its addresses. An own pair may be put there instead.
struct tls_identity {
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    mbedtls_ssl_ticket_context tickets;
    char fingerprint[TLS_FINGERPRINT_SIZE];
};
// ERR_CORRUPT "server.certificate_damaged" where the files are there and do not fit.
enum err tls_identity_open(struct tls_identity *identity, const char *dir,
                           struct fault *fault) MUST_USE;
void tls_identity_close(struct tls_identity *identity);
// The certificates as PEM, the box's own first; never the key. ERR_LIMIT: one larger than 12 KB.
enum err tls_identity_pem(const struct tls_identity *identity, struct buf *out) MUST_USE;

struct tls {
    mbedtls_ssl_config config;
    mbedtls_pk_context key; // a copy: signing is not shared between threads
};
enum err tls_open(struct tls *tls, struct tls_identity *identity, struct fault *fault) MUST_USE;
void tls_close(struct tls *tls);

// What a step came to. TLS_READ and TLS_WRITE: call again when the socket is readable, writable.
enum tls_step { TLS_DONE, TLS_READ, TLS_WRITE, TLS_ENDED, TLS_FAILED };

struct tls_session {
    mbedtls_ssl_context ssl;
    int fd;
    bool drained; // the last receive took all there was: ask again after the next event
    bool open;
    uint8_t *stash; // received and not yet taken by Mbed TLS
    size_t stash_at, stash_size;
    size_t write_size;       // of an unfinished write, which must be repeated with the same size
    uint64_t received, sent; // bytes on the wire
};
// Takes its memory only now: a socket that says nothing has none. ERR_MEMORY.
enum err tls_session_open(struct tls_session *session, struct tls *tls, int fd) MUST_USE;
void tls_session_close(struct tls_session *session);
enum tls_step tls_handshake(struct tls_session *session);
// Reads into data[size]; TLS_DONE: *out_size > 0.
enum tls_step tls_read(struct tls_session *session, void *data, size_t size, size_t *out_size);
// Writes some of it; TLS_DONE: *out_size > 0 bytes are on their way.
enum tls_step tls_write(struct tls_session *session, const void *data, size_t size,
                        size_t *out_size);
// Says good-bye if that needs no waiting.
void tls_notify(struct tls_session *session);
const char *tls_version(const struct tls_session *session); // "TLSv1.3"
