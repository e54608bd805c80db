// A voucher as text: lines "name=value" in one fixed order, signed as they stand.
#include <inttypes.h>
#include <string.h>

#include "allocation/voucher.h"

#define MAGIC "CYV1."
enum { FIELD_COUNT = 9, FIELDS_BYTES_MAX = 1024 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64_add(struct buf *out, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        if (left > 1) bits |= (uint32_t)data[i + 1] << 8;
        if (left > 2) bits |= data[i + 2];
        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++) {
            buf_add_char(out, letters[bits >> (18 - 6 * k) & 63]);
        }
    }
}

// False unless it is exactly what base64_add would write.
static bool base64_read(struct str text, uint8_t *out, size_t most, size_t *out_size) {
    uint32_t bits = 0, have = 0;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *at = text.data[i] ? strchr(letters, text.data[i]) : NULL;
        if (!at) return false;
        bits = bits << 6 | (uint32_t)(at - letters);
        have += 6;
        if (have < 8) continue;
        if (size == most) return false;
        have -= 8;
        out[size++] = (uint8_t)(bits >> have);
    }
    *out_size = size;
    return have < 6 && (bits & ((1u << have) - 1)) == 0;
}

// ---- writing ---------------------------------------------------------------------------------

static void fields_write(const struct voucher *v, struct buf *out) {
    buf_printf(out, "serial=%.*s\nissuer=%.*s\nbox=%.*s\n", STR_ARG(v->serial), STR_ARG(v->issuer),
               STR_ARG(v->box));
    buf_printf(out, "%s=%.*s\n", voucher_holder_name(v->holder), STR_ARG(v->holder_name));
    buf_printf(out, "units=%" PRId64 "\nfrom=%" PRId64 "\nuntil=%" PRId64 "\n", v->units,
               v->from_ms, v->until_ms);
    buf_printf(out, "use=%s\njob=%" PRId64, voucher_use_name(v->use), v->job_cap);
}

enum err voucher_sign(const struct voucher *voucher, const struct sign_key *key, struct buf *out) {
    struct buf fields;
    uint8_t signature[SIGNATURE_BYTES];
    buf_open(&fields, FIELDS_BYTES_MAX);
    fields_write(voucher, &fields);
    enum err err = buf_err(&fields);
    struct hash hash = {{0}};
    if (err == OK) hash = sha256_of(fields.data, fields.size);
    if (err == OK) err = sign_hash(key, &hash, signature);
    if (err == OK) {
        buf_add_text(out, MAGIC);
        base64_add(out, (const uint8_t *)fields.data, fields.size);
        buf_add_char(out, '.');
        base64_add(out, signature, sizeof signature);
        err = buf_err(out);
    }
    buf_close(&fields);
    return err;
}

// ---- reading ---------------------------------------------------------------------------------

struct taken {
    uint8_t fields[FIELDS_BYTES_MAX], signature[SIGNATURE_BYTES];
    size_t size;
};

static bool text_take(struct str text, struct taken *out) {
    struct str rest, fields = str_trim(text);
    size_t signature_size = 0;
    if (fields.size > VOUCHER_TEXT_BYTES || !str_starts(fields, STR(MAGIC))) return false;
    fields = (struct str){fields.data + strlen(MAGIC), fields.size - strlen(MAGIC)};
    fields = str_cut(fields, '.', &rest);
    return rest.data && base64_read(fields, out->fields, sizeof out->fields, &out->size) &&
           base64_read(rest, out->signature, sizeof out->signature, &signature_size) &&
           signature_size == SIGNATURE_BYTES;
}

bool voucher_verify(struct str text, const struct verify_key *key) {
    struct taken taken;
    if (!text_take(text, &taken)) return false;
    struct hash hash = sha256_of(taken.fields, taken.size);
    return verify_hash(key, &hash, taken.signature);
}

static struct str kept(struct arena *arena, struct str text) {
    char *copy = arena_take(arena, text.size + 1);
    if (copy && text.size) memcpy(copy, text.data, text.size);
    return copy ? (struct str){copy, text.size} : STR_NONE;
}

static bool number_take(struct str value, int64_t *out) {
    return str_to_i64(value, out) && *out >= 0 && *out < (int64_t)1 << 62;
}

// The field at position `i`, whose name must be the one that stands there.
static bool field_take(struct voucher *v, int i, struct str name, struct str value) {
    static const char *const names[] = {"serial", "issuer", "box", "",   "units",
                                        "from",   "until",  "use", "job"};
    if (i == 3) {
        v->holder = str_is(name, "person") ? HOLDER_PERSON : HOLDER_TENANT;
        v->holder_name = value;
        return value.size > 0 && str_is(name, voucher_holder_name(v->holder));
    }
    if (!str_is(name, names[i])) return false;
    switch (i) {
    case 0: v->serial = value; return value.size == VOUCHER_SERIAL_SIZE - 1;
    case 1: v->issuer = value; return value.size > 0 && value.size < VOUCHER_BOX_SIZE;
    case 2: v->box = value; return value.size > 0 && value.size < VOUCHER_BOX_SIZE;
    case 4: return number_take(value, &v->units) && v->units > 0;
    case 5: return number_take(value, &v->from_ms);
    case 6: return number_take(value, &v->until_ms) && v->until_ms > v->from_ms;
    case 7:
        for (int use = 0; use < USE_COUNT; use++) {
            if (!str_is(value, voucher_use_name((enum voucher_use)use))) continue;
            v->use = (enum voucher_use)use;
            return true;
        }
        return false;
    default: return number_take(value, &v->job_cap);
    }
}

enum err voucher_parse(struct str text, struct arena *arena, struct voucher *out,
                       struct fault *fault) {
    struct taken taken;
    struct voucher voucher = {0};
    bool good = text_take(text, &taken);
    if (!good) return fault_set(fault, ERR_INPUT, "voucher.unreadable", STR_NONE);
    struct str rest = kept(arena, (struct str){(const char *)taken.fields, taken.size});
    if (!rest.data) return ERR_MEMORY;
    for (int i = 0; i < FIELD_COUNT && good; i++) {
        struct str value, line = str_cut(rest, '\n', &rest);
        struct str name = str_cut(line, '=', &value);
        good = value.data && field_take(&voucher, i, name, value);
    }
    if (!good || rest.data) return fault_set(fault, ERR_INPUT, "voucher.unreadable", STR_NONE);
    voucher.text = kept(arena, str_trim(text));
    if (!voucher.text.data) return ERR_MEMORY;
    *out = voucher;
    return OK;
}
