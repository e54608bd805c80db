// A bundle is what was packed, by whom it says, to the last bit.
#include "data/exchange/bundle.h"

#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "check.h"
#include "support/scratch.h"

static const char *folder;
static struct sign_key key, other;
static char data_path[256], empty_path[256], bundle_path[256], copy_path[256];

static enum err pack(const char *path) {
    struct bundle_member members[] = {{"data.csv", "data", data_path},
                                      {"report/report.json", "report", empty_path}};
    struct bundle_content content = {STR("心脏"), STR("\"rows\":2"), members, 2};
    struct fault fault = {0};
    unlink(path);
    return bundle_write(path, &content, &key, NULL, &fault);
}

static enum err verify(const char *path, const struct verify_key *from, struct fault *fault) {
    struct bundle_info info;
    *fault = (struct fault){0};
    return bundle_verify(path, from, NULL, &info, NULL, fault);
}

static void tells_what_is_inside(void) {
    struct buf manifest;
    struct bundle_info info = {0};
    struct fault fault = {0};
    buf_open(&manifest, 1 << 16);
    REQUIRE(pack(bundle_path) == OK);
    CHECK_EQ(bundle_verify(bundle_path, &key.open, &manifest, &info, NULL, &fault), OK);
    CHECK_EQ(info.members, 2);
    CHECK(memcmp(&info.signer, &key.open, sizeof info.signer) == 0);
    struct json *root;
    REQUIRE(json_parse(buf_str(&manifest), &root, &fault) == OK);
    CHECK_TEXT(json_member_text(root, "name"), "心脏");
    CHECK_EQ(json_member_u64(root, "rows", 0), 2);
    const struct json *member = json_first(json_member(root, "members"));
    CHECK_TEXT(json_member_text(member, "path"), "data.csv");
    CHECK_EQ(json_member_u64(member, "bytes", 0), 700);
    json_close(root);
    buf_close(&manifest);
    // The same again; tar reads it too.
    struct hash one, two;
    uint64_t size;
    REQUIRE(file_hash(bundle_path, NULL, &one, &size, &fault) == OK);
    REQUIRE(pack(bundle_path) == OK && file_hash(bundle_path, NULL, &two, &size, &fault) == OK);
    CHECK(hash_equal(&one, &two));
    char command[600];
    snprintf(command, sizeof command, "tar tf %s | grep -c . | grep -q 4", bundle_path);
    CHECK_EQ(system(command), 0);
}

// Every byte; where each signature is dear, under an emulator or sanitizers, every 61st.
#if defined __aarch64__ || defined __SANITIZE_ADDRESS__
enum { FLIP_STEP = 61 };
#else
enum { FLIP_STEP = 1 };
#endif

static void any_flipped_byte_is_refused(void) {
    struct fault fault;
    REQUIRE(pack(bundle_path) == OK);
    size_t size;
    uint8_t *bytes = scratch_read(bundle_path, &size);
    REQUIRE(bytes && size > 2000);
    for (size_t at = 0; at < size; at += FLIP_STEP) {
        bytes[at] ^= (uint8_t)(1u << at % 8);
        scratch_write(copy_path, bytes, size);
        enum err err = verify(copy_path, NULL, &fault);
        bytes[at] ^= (uint8_t)(1u << at % 8);
        if (!check_that(err != OK, __FILE__, __LINE__, "byte %zu", at)) break;
        CHECK(fault.code[0] != '\0');
    }
    // Cut anywhere, or with something behind it.
    for (size_t cut = 0; cut < size; cut += 97) {
        scratch_write(copy_path, bytes, cut);
        CHECK(verify(copy_path, NULL, &fault) != OK);
    }
    memory_give(bytes);
    bytes = memory_take(size + 512);
    struct buf whole;
    buf_open(&whole, size + 512);
    REQUIRE(file_read(bundle_path, &whole, &fault) == OK);
    memcpy(bytes, whole.data, size);
    scratch_write(copy_path, bytes, size + 1);
    CHECK_EQ(verify(copy_path, NULL, &fault), ERR_CORRUPT);
    scratch_write(copy_path, bytes, size + 512);
    CHECK_EQ(verify(copy_path, NULL, &fault), ERR_CORRUPT);
    scratch_write(copy_path, bytes, size);
    CHECK_EQ(verify(copy_path, NULL, &fault), OK);
    buf_close(&whole);
    memory_give(bytes);
}

static void knows_who_signed(void) {
    struct fault fault;
    REQUIRE(pack(bundle_path) == OK);
    CHECK_EQ(verify(bundle_path, &key.open, &fault), OK);
    CHECK_EQ(verify(bundle_path, &other.open, &fault), ERR_DENIED);
    CHECK_STR(fault.code, "bundle.other_signer");
    CHECK_EQ(strlen(fault.detail), FINGERPRINT_SIZE - 1);
    scratch_write(copy_path, "no tar", 6);
    CHECK_EQ(verify(copy_path, NULL, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "bundle.not_a_bundle");
    CHECK_EQ(verify("/nowhere", NULL, &fault), ERR_NOT_FOUND);
}

static void refuses_bad_content(void) {
    static const char *const paths[] = {"", "/a", "../a", "a/../b", "a b", "数据", "manifest.json"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct bundle_member member = {paths[i], "data", data_path};
        struct bundle_content content = {STR("x"), STR_NONE, &member, 1};
        struct fault fault = {0};
        unlink(bundle_path);
        CHECK_EQ(bundle_write(bundle_path, &content, &key, NULL, &fault), ERR_INPUT);
        CHECK(!file_exists(bundle_path));
    }
    struct bundle_member missing = {"a", "data", "/nowhere"};
    struct bundle_content content = {STR("x"), STR_NONE, &missing, 1};
    struct fault fault = {0};
    CHECK_EQ(bundle_write(bundle_path, &content, &key, NULL, &fault), ERR_NOT_FOUND);
    content.member_count = 0;
    CHECK_EQ(bundle_write(bundle_path, &content, &key, NULL, &fault), ERR_LIMIT);
}

static void survives_want_of_memory(void) {
    struct fault fault;
    REQUIRE(pack(bundle_path) == OK);
    for (uint64_t n = 0; n < 1000; n++) {
        memory_fail_after(n);
        enum err err = verify(bundle_path, NULL, &fault);
        memory_fail_after(UINT64_MAX);
        if (err == OK) return;
        CHECK(fault.code[0] != '\0');
    }
    CHECK(false);
}

int main(void) {
    char text[701];
    folder = scratch_folder();
    snprintf(data_path, sizeof data_path, "%s/data", folder);
    snprintf(empty_path, sizeof empty_path, "%s/empty", folder);
    snprintf(bundle_path, sizeof bundle_path, "%s/bundle.tar", folder);
    snprintf(copy_path, sizeof copy_path, "%s/copy.tar", folder);
    for (int i = 0; i < 700; i++) text[i] = (char)('a' + i % 26);
    scratch_write(data_path, text, 700);
    scratch_write(empty_path, "", 0);
    if (sign_key_make(&key) != OK || sign_key_make(&other) != OK) return 1;
    CHECK_RUN(tells_what_is_inside);
    CHECK_RUN(any_flipped_byte_is_refused);
    CHECK_RUN(knows_who_signed);
    CHECK_RUN(refuses_bad_content);
    CHECK_RUN(survives_want_of_memory);
    return check_done();
}
