// The certificate of the first start.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <net/if.h>
#include <netinet/in.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/tls_private.h"

enum {
    NAMES_MAX = 64, // localhost, the machine's name, its addresses
    PEM_BYTES = 16 * 1024,
    TICKET_SECONDS = 24 * 3600,
    VALID_DAYS = 3650,
};

// A machine may boot with a clock years behind: validity starts no later than this day.
static const int64_t EARLIEST_DAY = 20454; // 2026-01-01

static int random_for_key(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    random_bytes(out, size);
    return 0;
}

// ---- the names it is for -----------------------------------------------------------------------

struct names {
    mbedtls_x509_san_list nodes[NAMES_MAX];
    uint8_t addresses[NAMES_MAX][16];
    char host[256];
    size_t count;
};

static void names_add(struct names *names, int type, const void *data, size_t size) {
    if (names->count == NAMES_MAX || size == 0) return;
    mbedtls_x509_san_list *node = &names->nodes[names->count];
    uint8_t *kept = names->addresses[names->count];
    const uint8_t *from = data;
    if (type == MBEDTLS_X509_SAN_IP_ADDRESS) {
        for (size_t i = 0; i < size; i++) kept[i] = from[i];
    }
    *node = (mbedtls_x509_san_list){0};
    node->node.type = type;
    // Mbed TLS only reads it; its struct has no const.
    union {
        const void *given;
        unsigned char *taken;
    } pointer = {.given = type == MBEDTLS_X509_SAN_IP_ADDRESS ? kept : from};
    node->node.san.unstructured_name.p = pointer.taken;
    node->node.san.unstructured_name.len = size;
    if (names->count > 0) names->nodes[names->count - 1].next = node;
    names->count++;
}

static void names_find(struct names *names) {
    names_add(names, MBEDTLS_X509_SAN_DNS_NAME, "localhost", 9);
    if (gethostname(names->host, sizeof names->host - 1) == 0 && names->host[0] &&
        strcmp(names->host, "localhost") != 0) {
        names_add(names, MBEDTLS_X509_SAN_DNS_NAME, names->host, strlen(names->host));
    }
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) all = NULL;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) continue;
        if (one->ifa_addr->sa_family == AF_INET) {
            struct sockaddr_in address;
            memcpy(&address, one->ifa_addr, sizeof address);
            names_add(names, MBEDTLS_X509_SAN_IP_ADDRESS, &address.sin_addr, 4);
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            struct sockaddr_in6 address;
            memcpy(&address, one->ifa_addr, sizeof address);
            names_add(names, MBEDTLS_X509_SAN_IP_ADDRESS, &address.sin6_addr, 16);
        }
    }
    freeifaddrs(all);
}

// ---- making it ---------------------------------------------------------------------------------

static void day_text(int64_t day, char out[static 16]) {
    int64_t year;
    unsigned month, date;
    civil_from_days(day, &year, &month, &date);
    snprintf(out, 16, "%04d%02u%02u000000", (int)(year % 10000), month % 100, date % 100);
}

static int certificate_fill(mbedtls_x509write_cert *certificate, mbedtls_pk_context *key,
                            struct names *names) {
    unsigned char serial[16];
    random_bytes(serial, sizeof serial);
    serial[0] &= 0x7F; // positive
    serial[0] |= 0x01; // and never zero
    int64_t today = clock_now_ms() / 86400000;
    char from[16], until[16];
    day_text(today - 1 < EARLIEST_DAY ? today - 1 : EARLIEST_DAY, from);
    day_text((today > EARLIEST_DAY ? today : EARLIEST_DAY) + VALID_DAYS, until);
    mbedtls_asn1_sequence usage = {0};
    usage.buf.tag = MBEDTLS_ASN1_OID;
    unsigned char server_auth[] = MBEDTLS_OID_SERVER_AUTH;
    usage.buf.p = server_auth;
    usage.buf.len = sizeof server_auth - 1;
    mbedtls_x509write_crt_set_version(certificate, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(certificate, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(certificate, key);
    mbedtls_x509write_crt_set_issuer_key(certificate, key);
    int status = mbedtls_x509write_crt_set_serial_raw(certificate, serial, sizeof serial);
    if (!status) status = mbedtls_x509write_crt_set_subject_name(certificate, "CN=Courtyard");
    if (!status) status = mbedtls_x509write_crt_set_issuer_name(certificate, "CN=Courtyard");
    if (!status) status = mbedtls_x509write_crt_set_validity(certificate, from, until);
    // No authority: whoever trusts this certificate trusts this box alone.
    if (!status) status = mbedtls_x509write_crt_set_basic_constraints(certificate, 0, -1);
    if (!status) {
        status =
            mbedtls_x509write_crt_set_key_usage(certificate, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    }
    if (!status) status = mbedtls_x509write_crt_set_ext_key_usage(certificate, &usage);
    if (!status) {
        status = mbedtls_x509write_crt_set_subject_alternative_name(certificate, names->nodes);
    }
    return status;
}

static int certificate_make(mbedtls_pk_context *key, unsigned char *pem, unsigned char *key_pem) {
    mbedtls_x509write_cert certificate;
    mbedtls_x509write_crt_init(&certificate);
    struct names *names = memory_take(sizeof *names);
    int status = names ? 0 : MBEDTLS_ERR_X509_ALLOC_FAILED;
    if (!status) {
        names_find(names);
        status = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    }
    if (!status) {
        status = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), random_for_key,
                                     NULL);
    }
    if (!status) status = certificate_fill(&certificate, key, names);
    if (!status) {
        status = mbedtls_x509write_crt_pem(&certificate, pem, PEM_BYTES, random_for_key, NULL);
    }
    if (!status) status = mbedtls_pk_write_key_pem(key, key_pem, PEM_BYTES);
    mbedtls_x509write_crt_free(&certificate);
    memory_give(names);
    return status;
}

static enum err pair_write(const char *certificate_path, const char *key_path,
                           struct fault *fault) {
    unsigned char *pem = memory_take(2 * PEM_BYTES);
    if (!pem) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    enum err err = OK;
    if (certificate_make(&key, pem, pem + PEM_BYTES) != 0) {
        err = fault_set(fault, ERR_MEMORY, "server.tls_failed", STR_NONE);
    }
    // The key first: a certificate without its key would be taken for damage at the next start.
    if (err == OK) err = file_write(key_path, str_of((char *)pem + PEM_BYTES), fault);
    if (err == OK) err = file_write(certificate_path, str_of((char *)pem), fault);
    mbedtls_pk_free(&key);
    bytes_wipe(pem, 2 * PEM_BYTES);
    memory_give(pem);
    if (err == OK) log_event(LOG_INFO, "server.certificate_made", "days=%d", VALID_DAYS);
    return err;
}

// ---- opening -----------------------------------------------------------------------------------

static int pem_read(const char *path, struct buf *out, struct fault *fault) {
    buf_open(out, 1 << 20);
    if (file_read(path, out, fault) != OK) return 1;
    buf_add_char(out, '\0'); // Mbed TLS wants PEM with its NUL
    return buf_err(out) != OK;
}

static void fingerprint_of(struct tls_identity *identity) {
    struct hash hash = sha256_of(identity->chain.raw.p, identity->chain.raw.len);
    for (size_t i = 0; i < sizeof hash.bytes; i++) {
        snprintf(identity->fingerprint + 3 * i, 4, "%02X%s", hash.bytes[i],
                 i + 1 < sizeof hash.bytes ? ":" : "");
    }
}

static enum err pair_read(struct tls_identity *identity, const char *certificate_path,
                          const char *key_path, struct fault *fault) {
    struct buf chain, key;
    buf_open(&key, 1 << 20);
    int failed = pem_read(certificate_path, &chain, fault) || pem_read(key_path, &key, fault);
    if (!failed) {
        failed =
            mbedtls_x509_crt_parse(&identity->chain, (unsigned char *)chain.data, chain.size) ||
            mbedtls_pk_parse_key(&identity->key, (unsigned char *)key.data, key.size, NULL, 0,
                                 random_for_key, NULL) ||
            mbedtls_pk_check_pair(&identity->chain.pk, &identity->key, random_for_key, NULL);
    }
    if (key.data) bytes_wipe(key.data, key.room);
    buf_close(&key);
    buf_close(&chain);
    if (failed) {
        return fault_set(fault, ERR_CORRUPT, "server.certificate_damaged",
                         str_of(certificate_path));
    }
    fingerprint_of(identity);
    return OK;
}

enum err tls_identity_pem(const struct tls_identity *identity, struct buf *out) {
    unsigned char pem[PEM_BYTES];
    const mbedtls_x509_crt *one = &identity->chain;
    for (; one && one->raw.len; one = one->next) {
        size_t size = 0; // its NUL with it
        int status =
            mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
                                     one->raw.p, one->raw.len, pem, sizeof pem, &size);
        if (status) return ERR_LIMIT;
        buf_add(out, pem, size - 1);
    }
    return buf_err(out);
}

enum err tls_identity_open(struct tls_identity *identity, const char *dir, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], certificate_path[LIMIT_PATH_BYTES], key_path[LIMIT_PATH_BYTES];
    mbedtls_x509_crt_init(&identity->chain);
    mbedtls_pk_init(&identity->key);
    mbedtls_ssl_ticket_init(&identity->tickets);
    identity->fingerprint[0] = '\0';
    if (psa_crypto_init() != PSA_SUCCESS) {
        return fault_set(fault, ERR_MEMORY, "server.tls_failed", STR_NONE);
    }
    if (path_join(folder, sizeof folder, dir, "tls") != OK ||
        path_join(certificate_path, sizeof certificate_path, folder, "certificate.pem") != OK ||
        path_join(key_path, sizeof key_path, folder, "key.pem") != OK) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(dir));
    }
    enum err err = folder_make(folder, fault);
    if (err == OK && !file_exists(certificate_path)) {
        err = pair_write(certificate_path, key_path, fault);
    }
    if (err == OK) err = pair_read(identity, certificate_path, key_path, fault);
    if (err == OK && mbedtls_ssl_ticket_setup(&identity->tickets, random_for_key, NULL,
                                              MBEDTLS_CIPHER_AES_256_GCM, TICKET_SECONDS) != 0) {
        err = fault_set(fault, ERR_MEMORY, "server.tls_failed", STR_NONE);
    }
    return err;
}

void tls_identity_close(struct tls_identity *identity) {
    mbedtls_ssl_ticket_free(&identity->tickets);
    mbedtls_pk_free(&identity->key);
    mbedtls_x509_crt_free(&identity->chain);
}
