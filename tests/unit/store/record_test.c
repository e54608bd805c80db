#include "check.h"
#include "store/store_private.h"

static void fields_come_back(void) {
    struct buf fields;
    struct hash hash = sha256_of("x", 1);
    buf_open(&fields, 4096);
    struct record_writer writer = {&fields};
    record_put_u64(&writer, UINT64_MAX);
    record_put_i64(&writer, INT64_MIN);
    record_put_number(&writer, -0.1);
    record_put_str(&writer, STR("合院"));
    record_put_str(&writer, STR_NONE);
    record_put_hash(&writer, &hash);
    struct record_reader reader = {.rest = buf_str(&fields)};
    CHECK(record_get_u64(&reader) == UINT64_MAX);
    CHECK(record_get_i64(&reader) == INT64_MIN);
    CHECK(record_get_number(&reader) == -0.1);
    CHECK_TEXT(record_get_str(&reader), "合院");
    CHECK_EQ(record_get_str(&reader).size, 0);
    struct hash back = record_get_hash(&reader);
    CHECK(hash_equal(&back, &hash));
    CHECK_EQ(record_end(&reader), OK);
    CHECK_EQ(record_get_u64(&reader), 0); // beyond the end
    CHECK_EQ(record_end(&reader), ERR_CORRUPT);
    // The bytes on the disk are fixed: another program, another machine read the same.
    static const uint8_t start[] = {'u', 255, 255, 255, 255, 255, 255, 255, 255, 'i', 0};
    CHECK_BYTES(fields.data, sizeof start, start, sizeof start);
    buf_close(&fields);
}

static void misfits_break_for_good(void) {
    struct buf fields;
    buf_open(&fields, 4096);
    struct record_writer writer = {&fields};
    record_put_u64(&writer, 7);
    record_put_u64(&writer, 8);
    struct record_reader reader = {.rest = buf_str(&fields)};
    CHECK_EQ(record_get_i64(&reader), 0); // of another kind
    CHECK_EQ(record_get_u64(&reader), 0); // though this one would fit
    CHECK_EQ(record_end(&reader), ERR_CORRUPT);
    for (size_t cut = 0; cut < fields.size; cut++) {
        reader = (struct record_reader){.rest = {fields.data, cut}};
        uint64_t first = record_get_u64(&reader), second = record_get_u64(&reader);
        CHECK(first == (cut >= 9 ? 7 : 0) && second == 0);
        CHECK_EQ(record_end(&reader), ERR_CORRUPT);
    }
    buf_close(&fields);
}

static void every_bit_is_guarded(void) {
    struct buf fields;
    buf_open(&fields, 4096);
    record_put_str(&(struct record_writer){&fields}, STR("guarded"));
    char record[64];
    struct str key = STR("the key"), whole = {record, RECORD_HEAD_BYTES + fields.size};
    memcpy(record + RECORD_HEAD_BYTES, fields.data, fields.size);
    record_seal(5, 9, key, buf_str(&fields), (uint8_t *)record);
    struct record_reader reader;
    CHECK_EQ(record_open(5, key, whole, &reader), OK);
    CHECK_EQ(reader.version, 9);
    CHECK_TEXT(record_get_str(&reader), "guarded");
    CHECK_EQ(record_open(6, key, whole, &reader), ERR_CORRUPT);
    CHECK_EQ(record_open(5, STR("the kez"), whole, &reader), ERR_CORRUPT);
    for (size_t bit = 0; bit < whole.size * 8; bit++) {
        record[bit / 8] = (char)(record[bit / 8] ^ 1 << bit % 8);
        CHECK_EQ(record_open(5, key, whole, &reader), ERR_CORRUPT);
        record[bit / 8] = (char)(record[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t size = 0; size < whole.size; size++) {
        CHECK_EQ(record_open(5, key, (struct str){record, size}, &reader), ERR_CORRUPT);
    }
    buf_close(&fields);
}

static void ids_sort_as_keys(void) {
    const uint64_t ids[] = {0, 1, 255, 256, 65536, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct key key = key_of_id(ids[i]);
        CHECK(key_id((struct str){(const char *)key.bytes, key.size}) == ids[i]);
        if (i == 0) continue;
        struct key before = key_of_id(ids[i - 1]);
        CHECK(memcmp(before.bytes, key.bytes, 8) < 0);
    }
}

static void tables_have_their_numbers(void) {
    // On the disk for ever: a change here is a migration.
    static const char *const names[] = {
        "meta",   "person",  "session", "token",    "upload",      "dataset",
        "recipe", "release", "model",   "job",      "lineage",     "blob",
        "audit",  "setting", "index",   "revision", "key",         "policy",
        "member", "ledger",  "usage",   "voucher",  "reservation", "endpoint",
        "served", "search",  "pilot",   "language", "language_use"};
    REQUIRE(sizeof names / sizeof names[0] == TABLE_COUNT);
    for (int i = 0; i < TABLE_COUNT; i++) {
        enum store_table table = (enum store_table)i, found = TABLE_COUNT;
        CHECK_STR(store_table_name(table), names[i]);
        CHECK_EQ(table_kind(table), i + 1);
        CHECK(table_of_name(str_of(names[i]), &found));
        CHECK_EQ(found, table);
    }
    enum store_table none;
    CHECK(!table_of_name(STR("people"), &none));
}

int main(void) {
    CHECK_RUN(fields_come_back);
    CHECK_RUN(misfits_break_for_good);
    CHECK_RUN(every_bit_is_guarded);
    CHECK_RUN(ids_sort_as_keys);
    CHECK_RUN(tables_have_their_numbers);
    return check_done();
}
