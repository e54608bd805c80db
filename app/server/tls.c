#include "server/tls_private.h"

#include <errno.h>
#include <psa/crypto.h>
#include <string.h>
#include <sys/socket.h>

#include "base/crypto.h"
#include "base/memory.h"

// From the kernel: thread-safe, and nothing to seed or to lose at a fork.
static int random_for_tls(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    random_bytes(out, size);
    return 0;
}

enum err tls_open(struct tls *tls, struct tls_identity *identity, struct fault *fault) {
    // AES first: every processor this runs on has instructions for it.
    static const int ciphers[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                                  MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                                  MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                  MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                                  MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                                  0};
    static const char *protocols[] = {"http/1.1", NULL};
    mbedtls_ssl_config *config = &tls->config;
    mbedtls_ssl_config_init(config);
    mbedtls_pk_init(&tls->key);
    unsigned char der[2048]; // written at its end
    int size = mbedtls_pk_write_key_der(&identity->key, der, sizeof der);
    int failed = size <= 0;
    if (!failed) {
        failed = mbedtls_pk_parse_key(&tls->key, der + sizeof der - size, (size_t)size, NULL, 0,
                                      random_for_tls, NULL);
    }
    bytes_wipe(der, sizeof der);
    if (!failed) {
        failed =
            mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);
    }
    if (!failed) failed = mbedtls_ssl_conf_own_cert(config, &identity->chain, &tls->key);
    if (!failed) failed = mbedtls_ssl_conf_alpn_protocols(config, protocols);
    if (failed) return fault_set(fault, ERR_MEMORY, "server.tls_failed", STR_NONE);
    mbedtls_ssl_conf_rng(config, random_for_tls, NULL);
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_ciphersuites(config, ciphers);
    mbedtls_ssl_conf_session_tickets_cb(config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                        &identity->tickets);
    return OK;
}

void tls_close(struct tls *tls) {
    mbedtls_ssl_config_free(&tls->config);
    mbedtls_pk_free(&tls->key);
}

// ---- one session -------------------------------------------------------------------------------

static int session_send(void *ctx, const unsigned char *data, size_t size) {
    struct tls_session *session = ctx;
    ssize_t sent = send(session->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_WRITE;
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    session->sent += (uint64_t)sent;
    return (int)sent;
}

// Mbed TLS asks for 5 bytes, then for the rest of a record; one receive fetches both.
static int session_receive(void *ctx, unsigned char *out, size_t size) {
    struct tls_session *session = ctx;
    if (session->stash_at == session->stash_size) {
        if (session->drained) return MBEDTLS_ERR_SSL_WANT_READ;
        ssize_t got = recv(session->fd, session->stash, TLS_STASH_BYTES, 0);
        if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_READ;
            return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
        }
        session->stash_at = 0;
        session->stash_size = (size_t)got;
        session->received += (uint64_t)got;
        session->drained = got > 0 && got < TLS_STASH_BYTES;
    }
    size_t there = session->stash_size - session->stash_at;
    if (size > there) size = there;
    memcpy(out, session->stash + session->stash_at, size);
    session->stash_at += size;
    return (int)size;
}

enum err tls_session_open(struct tls_session *session, struct tls *tls, int fd) {
    *session = (struct tls_session){.fd = fd};
    session->stash = memory_take(TLS_STASH_BYTES);
    if (!session->stash) return ERR_MEMORY;
    mbedtls_ssl_init(&session->ssl);
    session->open = true;
    if (mbedtls_ssl_setup(&session->ssl, &tls->config) != 0) {
        tls_session_close(session);
        return ERR_MEMORY;
    }
    mbedtls_ssl_set_bio(&session->ssl, session, session_send, session_receive, NULL);
    return OK;
}

void tls_session_close(struct tls_session *session) {
    if (!session->open) return;
    mbedtls_ssl_free(&session->ssl);
    memory_give(session->stash);
    session->stash = NULL;
    session->open = false;
}

static enum tls_step step_of(int status) {
    switch (status) {
    case MBEDTLS_ERR_SSL_WANT_READ: return TLS_READ;
    case MBEDTLS_ERR_SSL_WANT_WRITE: return TLS_WRITE;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    case MBEDTLS_ERR_SSL_CONN_EOF: return TLS_ENDED;
    default: return TLS_FAILED;
    }
}

enum tls_step tls_handshake(struct tls_session *session) {
    int status = mbedtls_ssl_handshake(&session->ssl);
    return status == 0 ? TLS_DONE : step_of(status);
}

enum tls_step tls_read(struct tls_session *session, void *data, size_t size, size_t *out_size) {
    int got = mbedtls_ssl_read(&session->ssl, data, size);
    if (got == 0) return TLS_ENDED;
    if (got < 0) return step_of(got);
    *out_size = (size_t)got;
    return TLS_DONE;
}

enum tls_step tls_write(struct tls_session *session, const void *data, size_t size,
                        size_t *out_size) {
    if (session->write_size) size = session->write_size;
    int sent = mbedtls_ssl_write(&session->ssl, data, size);
    if (sent <= 0) {
        enum tls_step step = sent == 0 ? TLS_FAILED : step_of(sent);
        session->write_size = step == TLS_WRITE || step == TLS_READ ? size : 0;
        return step;
    }
    session->write_size = 0;
    *out_size = (size_t)sent;
    return TLS_DONE;
}

void tls_notify(struct tls_session *session) {
    if (session->open && mbedtls_ssl_is_handshake_over(&session->ssl)) {
        (void)mbedtls_ssl_close_notify(&session->ssl);
    }
}

const char *tls_version(const struct tls_session *session) {
    return mbedtls_ssl_get_version(&session->ssl);
}
