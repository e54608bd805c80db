#include "base/sign.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <stdio.h>
#include <string.h>

enum { HALF = 32, PEM_BYTES = 4096 };

static int random_for_key(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    random_bytes(out, size);
    return 0;
}

// What Mbed TLS says as an error of ours: everything but memory is a key or signature that is none.
static enum err err_of(int status) {
    bool memory = status == MBEDTLS_ERR_MPI_ALLOC_FAILED || status == MBEDTLS_ERR_PK_ALLOC_FAILED ||
                  status == MBEDTLS_ERR_ECP_ALLOC_FAILED;
    return status == 0 ? OK : memory ? ERR_MEMORY : ERR_INPUT;
}

static int point_write(const mbedtls_ecp_keypair *pair, struct verify_key *out) {
    size_t size;
    mbedtls_ecp_group group;
    mbedtls_mpi secret;
    mbedtls_ecp_point point;
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&secret);
    mbedtls_ecp_point_init(&point);
    int status = mbedtls_ecp_export(pair, &group, &secret, &point);
    if (!status && group.id != MBEDTLS_ECP_DP_SECP256R1) status = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    if (!status) status = mbedtls_ecp_check_pubkey(&group, &point);
    if (!status) {
        status = mbedtls_ecp_point_write_binary(&group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                                out->point, sizeof out->point);
    }
    mbedtls_ecp_point_free(&point);
    mbedtls_mpi_free(&secret);
    mbedtls_ecp_group_free(&group);
    return status;
}

static int pair_write(mbedtls_ecp_keypair *pair, struct sign_key *out) {
    size_t size = 0;
    int status = point_write(pair, &out->open);
    if (!status) status = mbedtls_ecp_write_key_ext(pair, &size, out->secret, sizeof out->secret);
    return !status && size != sizeof out->secret ? MBEDTLS_ERR_ECP_BAD_INPUT_DATA : status;
}

enum err sign_key_make(struct sign_key *out) {
    mbedtls_ecp_keypair pair;
    mbedtls_ecp_keypair_init(&pair);
    int status = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, &pair, random_for_key, NULL);
    if (!status) status = pair_write(&pair, out);
    mbedtls_ecp_keypair_free(&pair);
    return err_of(status);
}

// ---- PEM ----------------------------------------------------------------------------------------

// Mbed TLS wants the closing NUL counted.
static enum err pem_parse(struct str pem, bool secret, mbedtls_pk_context *pk) {
    char text[PEM_BYTES];
    if (!str_copy(text, sizeof text, pem)) return ERR_INPUT;
    const unsigned char *bytes = (const unsigned char *)text;
    int status = secret
                     ? mbedtls_pk_parse_key(pk, bytes, pem.size + 1, NULL, 0, random_for_key, NULL)
                     : mbedtls_pk_parse_public_key(pk, bytes, pem.size + 1);
    bytes_wipe(text, sizeof text);
    if (!status && mbedtls_pk_get_type(pk) != MBEDTLS_PK_ECKEY) return ERR_INPUT;
    return err_of(status);
}

enum err sign_key_read(struct str pem, struct sign_key *out) {
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    enum err err = pem_parse(pem, true, &pk);
    if (err == OK) err = err_of(pair_write(mbedtls_pk_ec(pk), out));
    mbedtls_pk_free(&pk);
    return err;
}

enum err verify_key_read(struct str pem, struct verify_key *out) {
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    enum err err = pem_parse(pem, false, &pk);
    if (err == OK) err = err_of(point_write(mbedtls_pk_ec(pk), out));
    mbedtls_pk_free(&pk);
    return err;
}

static int pair_read(const struct verify_key *open, const uint8_t *secret,
                     mbedtls_ecp_keypair *pair) {
    int status = 0;
    if (secret) status = mbedtls_ecp_read_key(MBEDTLS_ECP_DP_SECP256R1, pair, secret, HALF);
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    if (!status) status = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1);
    if (!status) {
        status = mbedtls_ecp_point_read_binary(&group, &point, open->point, sizeof open->point);
    }
    if (!status) status = mbedtls_ecp_set_public_key(MBEDTLS_ECP_DP_SECP256R1, pair, &point);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return status;
}

static enum err pem_write(const struct verify_key *open, const uint8_t *secret, struct buf *pem) {
    unsigned char text[PEM_BYTES];
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    int status = mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (!status) status = pair_read(open, secret, mbedtls_pk_ec(pk));
    if (!status) {
        status = secret ? mbedtls_pk_write_key_pem(&pk, text, sizeof text)
                        : mbedtls_pk_write_pubkey_pem(&pk, text, sizeof text);
    }
    if (!status) buf_add_text(pem, (const char *)text);
    bytes_wipe(text, sizeof text);
    mbedtls_pk_free(&pk);
    return status ? err_of(status) : buf_err(pem);
}

enum err sign_key_write(const struct sign_key *key, struct buf *pem) {
    return pem_write(&key->open, key->secret, pem);
}

enum err verify_key_write(const struct verify_key *key, struct buf *pem) {
    return pem_write(key, NULL, pem);
}

// ---- signing ------------------------------------------------------------------------------------

enum err sign_hash(const struct sign_key *key, const struct hash *hash,
                   uint8_t out[static SIGNATURE_BYTES]) {
    mbedtls_ecp_group group;
    mbedtls_mpi r, s, secret;
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&r), mbedtls_mpi_init(&s), mbedtls_mpi_init(&secret);
    int status = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1);
    if (!status) status = mbedtls_mpi_read_binary(&secret, key->secret, sizeof key->secret);
    if (!status) {
        status =
            mbedtls_ecdsa_sign_det_ext(&group, &r, &s, &secret, hash->bytes, sizeof hash->bytes,
                                       MBEDTLS_MD_SHA256, random_for_key, NULL);
    }
    if (!status) status = mbedtls_mpi_write_binary(&r, out, HALF);
    if (!status) status = mbedtls_mpi_write_binary(&s, out + HALF, HALF);
    mbedtls_mpi_free(&secret), mbedtls_mpi_free(&s), mbedtls_mpi_free(&r);
    mbedtls_ecp_group_free(&group);
    return err_of(status);
}

bool verify_hash(const struct verify_key *key, const struct hash *hash,
                 const uint8_t signature[static SIGNATURE_BYTES]) {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi r, s;
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&r), mbedtls_mpi_init(&s);
    int status = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1);
    if (!status) {
        status = mbedtls_ecp_point_read_binary(&group, &point, key->point, sizeof key->point);
    }
    if (!status) status = mbedtls_ecp_check_pubkey(&group, &point);
    if (!status) status = mbedtls_mpi_read_binary(&r, signature, HALF);
    if (!status) status = mbedtls_mpi_read_binary(&s, signature + HALF, HALF);
    if (!status) {
        status = mbedtls_ecdsa_verify(&group, hash->bytes, sizeof hash->bytes, &point, &r, &s);
    }
    mbedtls_mpi_free(&s), mbedtls_mpi_free(&r);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return status == 0;
}

// ---- signatures as text -------------------------------------------------------------------------

static const struct str TEXT_START = STR("{\"algorithm\":\"ecdsa-p256-sha256\",\"public_key\":\"");
static const struct str TEXT_MIDDLE = STR("\",\"signature\":\"");
static const struct str TEXT_END = STR("\"}\n");

static void hex_add(struct buf *out, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) buf_printf(out, "%02x", bytes[i]);
}

// Takes `size` bytes in hexadecimal from the front of the text.
static bool hex_take(struct str *text, uint8_t *out, size_t size) {
    if (text->size < 2 * size) return false;
    for (size_t i = 0; i < 2 * size; i++) {
        char c = text->data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    *text = (struct str){text->data + 2 * size, text->size - 2 * size};
    return true;
}

static bool text_take(struct str *text, struct str want) {
    if (!str_starts(*text, want)) return false;
    *text = (struct str){text->data + want.size, text->size - want.size};
    return true;
}

void signature_write(struct buf *out, const struct verify_key *signer,
                     const uint8_t signature[static SIGNATURE_BYTES]) {
    buf_add_str(out, TEXT_START);
    hex_add(out, signer->point, sizeof signer->point);
    buf_add_str(out, TEXT_MIDDLE);
    hex_add(out, signature, SIGNATURE_BYTES);
    buf_add_str(out, TEXT_END);
}

bool signature_read(struct str text, struct verify_key *signer,
                    uint8_t out[static SIGNATURE_BYTES]) {
    return text_take(&text, TEXT_START) && hex_take(&text, signer->point, sizeof signer->point) &&
           text_take(&text, TEXT_MIDDLE) && hex_take(&text, out, SIGNATURE_BYTES) &&
           str_equal(text, TEXT_END);
}

void verify_key_fingerprint(const struct verify_key *key, char out[static FINGERPRINT_SIZE]) {
    struct hash hash = sha256_of(key->point, sizeof key->point);
    snprintf(out, FINGERPRINT_SIZE, "%02x%02x-%02x%02x-%02x%02x-%02x%02x", hash.bytes[0],
             hash.bytes[1], hash.bytes[2], hash.bytes[3], hash.bytes[4], hash.bytes[5],
             hash.bytes[6], hash.bytes[7]);
}
