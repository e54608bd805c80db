// A pack is what was signed, to the last bit, and holds nothing that leads out of it, however its
// manifest puts it.
#include "appliance/packs/pack.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "support/scratch.h"

static const char *folder;
static char source[256], pack_path[256], copy_path[256];
static struct sign_key key, other_key;
static struct fault fault;

// ---- a folder of libraries ----------------------------------------------------------------------
static void put(const char *name, const void *data, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", source, name);
    scratch_write(path, data, size);
}

static void make_folder(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", source, name);
    if (mkdir(path, 0755) != 0) abort();
}

static void make_link(const char *name, const char *target) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", source, name);
    if (symlink(target, path) != 0) abort();
}

// lib/libx.so.1.2 (executable), links to it, an empty file, one beside a folder of nearly its name.
static void source_new(void) {
    static uint8_t bytes[5000];
    char path[512];
    if (folder_remove(source, NULL) != OK || mkdir(source, 0755) != 0) abort();
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)check_random();
    make_folder("lib");
    make_folder("lib/vendors");
    make_folder("nothing");
    put("lib/libx.so.1.2", bytes, sizeof bytes);
    put("lib-a", "beside", 6);
    put("empty", "", 0);
    put("lib/vendors/x.icd", "libx.so.1\n", 10);
    make_link("lib/libx.so.1", "libx.so.1.2");
    make_link("lib/libx.so", "libx.so.1");
    make_link("lib/vendors/up", "../libx.so");
    make_link("all", "lib");
    snprintf(path, sizeof path, "%s/lib/libx.so.1.2", source);
    if (chmod(path, 0755) != 0) abort();
}

static enum err write_to(const char *path, struct pack_about *about) {
    const struct pack_content content = {.folder = source,
                                         .name = "demo",
                                         .vendor = "Demo 公司",
                                         .version = "550.90.07",
                                         .architecture = "x86_64"};
    fault = (struct fault){0};
    return pack_write(path, &content, &key, about, NULL, &fault);
}

static bool pack_new(void) {
    struct pack_about about;
    source_new();
    unlink(pack_path);
    return CHECK_EQ(write_to(pack_path, &about), OK);
}

static enum err look(const char *path, const struct verify_key *from) {
    struct pack_file file;
    fault = (struct fault){0};
    enum err err = pack_open(path, from, &file, &fault);
    if (err != OK) return err;
    err = pack_check(&file, NULL, &fault);
    pack_close(&file);
    return err;
}

// ---- making -------------------------------------------------------------------------------------
static void tells_what_is_inside(void) {
    static const char *const paths[] = {
        "all",           "empty",           "lib-a",          "lib/libx.so",
        "lib/libx.so.1", "lib/libx.so.1.2", "lib/vendors/up", "lib/vendors/x.icd"};
    struct pack_file file;
    char name[PACK_FILE_NAME_BYTES];
    REQUIRE(pack_new());
    CHECK(pack_is_one(pack_path));
    REQUIRE(pack_open(pack_path, &key.open, &file, &fault) == OK);
    CHECK_EQ(pack_check(&file, NULL, &fault), OK);
    CHECK_STR(file.about.name, "demo");
    CHECK_STR(file.about.vendor, "Demo 公司");
    CHECK_STR(file.about.version, "550.90.07");
    CHECK_STR(file.about.architecture, "x86_64");
    CHECK_EQ(file.about.bytes, 5016);
    CHECK(bytes_equal(&file.about.signer, &key.open, sizeof key.open));
    pack_file_name(&file.about, name);
    CHECK_STR(name, "demo-550.90.07.pack");
    REQUIRE(file.about.files == sizeof paths / sizeof paths[0]);
    for (uint32_t i = 0; i < file.about.files; i++) CHECK_TEXT(file.entries[i].path, paths[i]);
    CHECK_TEXT(file.entries[3].target, "libx.so.1");
    CHECK(file.entries[5].executable && !file.entries[2].executable);
    CHECK_EQ(file.entries[5].bytes, 5000);
    CHECK_EQ(file.sealed.member_offset % 512, 0); // a loop device begins at a sector
    CHECK_EQ(file.image_bytes % 4096, 0);
    pack_close(&file);
}

static void the_same_folder_gives_the_same_bytes(void) {
    struct hash hash, again;
    struct pack_about about;
    uint64_t bytes;
    char command[1200];
    REQUIRE(pack_new());
    unlink(copy_path);
    // Copied backwards, so that the folder lists its files in another order; at another time.
    snprintf(command, sizeof command,
             "cd %s && mkdir ../again ../again/lib ../again/lib/vendors && "
             "for one in $(find . ! -type d | sort -r); do cp -d --preserve=mode $one "
             "../again/$one; done && cd .. && rm -r %s && mv again %s",
             source, source, source);
    REQUIRE(system(command) == 0);
    REQUIRE(write_to(copy_path, &about) == OK);
    REQUIRE(file_hash(pack_path, NULL, &hash, &bytes, &fault) == OK);
    REQUIRE(file_hash(copy_path, NULL, &again, &bytes, &fault) == OK);
    CHECK(hash_equal(&hash, &again));
    CHECK_EQ(write_to(copy_path, &about), ERR_CONFLICT);
}

// By the name that is wrong; what is refused leaves no file.
static void what_cannot_be_packed_is_named(void) {
    static const struct {
        const char *name, *target, *code;
    } links[] = {
        {"out", "../x", "appliance.pack_link"},
        {"lib/out", "../../x", "appliance.pack_link"},
        {"absolute", "/usr/lib/libx.so", "appliance.pack_link"},
        {"nowhere", "lib/liby.so", "appliance.pack_link"},
        {"past", "all/../lib-a", "appliance.pack_link"}, // through a link, where .. is elsewhere
        {"itself", "itself", "appliance.pack_link"},
        {"in\nto", "lib", "appliance.pack_path"},
        {"in\\to", "lib", "appliance.pack_path"},
    };
    struct pack_about about;
    char path[512];
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        source_new();
        make_link(links[i].name, links[i].target);
        unlink(pack_path);
        CHECK_EQ(write_to(pack_path, &about), ERR_INPUT);
        CHECK_STR(fault.code, links[i].code);
        CHECK_STR(fault.detail, links[i].name);
        CHECK(!file_exists(pack_path));
    }
    source_new();
    snprintf(path, sizeof path, "%s/lib/pipe", source);
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK_EQ(write_to(pack_path, &about), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.pack_kind");
    CHECK_STR(fault.detail, "lib/pipe");
    if (folder_remove(source, NULL) != OK || mkdir(source, 0755) != 0) abort();
    CHECK_EQ(write_to(pack_path, &about), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.pack_empty");
}

static void words_are_checked(void) {
    static const struct {
        struct pack_content content;
        const char *code;
    } cases[] = {
        {{.name = "Demo"}, "appliance.pack_name"},
        {{.name = ""}, "appliance.pack_name"},
        {{.name = "-demo"}, "appliance.pack_name"},
        {{.name = "a/b"}, "appliance.pack_name"},
        {{.name = ".."}, "appliance.pack_name"},
        {{.name = "abcdefghijklmnopqrstuvwxyz012345"}, "appliance.pack_name"},
        {{.version = "1-2"}, "appliance.pack_version"}, // it would read as another name
        {{.version = "../1"}, "appliance.pack_version"},
        {{.version = ""}, "appliance.pack_version"},
        {{.vendor = ""}, "appliance.pack_vendor"},
        {{.vendor = "a\nb"}, "appliance.pack_vendor"},
        {{.architecture = "riscv64"}, "appliance.pack_architecture"},
    };
    struct pack_about about;
    source_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pack_content content = cases[i].content;
        content.folder = source;
        if (!content.name) content.name = "demo";
        if (!content.vendor) content.vendor = "demo";
        if (!content.version) content.version = "1";
        if (!content.architecture) content.architecture = "aarch64";
        fault = (struct fault){0};
        CHECK_EQ(pack_write(copy_path, &content, &key, &about, NULL, &fault), ERR_INPUT);
        CHECK_STR(fault.code, cases[i].code);
    }
}

// ---- changed files ------------------------------------------------------------------------------
static void any_flipped_byte_is_refused(void) {
    size_t size;
    REQUIRE(pack_new());
    uint8_t *bytes = scratch_read(pack_path, &size);
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < 600; i++) {
        // The first and last bytes, the blocks' borders, and any.
        size_t at = i < 40 ? i : i < 80 ? size - 1 - (i - 40) : check_below(size);
        if (i % 3 == 0) at = at / 512 * 512;
        uint8_t bit = (uint8_t)(1u << check_below(8));
        bytes[at] ^= bit;
        scratch_write(copy_path, bytes, size);
        bytes[at] ^= bit;
        if (!CHECK(look(copy_path, &key.open) != OK) || !CHECK(fault.code[0])) {
            fprintf(stderr, "byte %zu of %zu\n", at, size);
            break;
        }
    }
    memory_give(bytes);
}

static void a_cut_file_is_refused(void) {
    size_t size;
    REQUIRE(pack_new());
    uint8_t *bytes = scratch_read(pack_path, &size);
    REQUIRE(bytes != NULL);
    for (size_t cut = 0; cut < size; cut += 1 + check_below(97)) {
        scratch_write(copy_path, bytes, cut);
        if (!CHECK(look(copy_path, &key.open) != OK) || !CHECK(fault.code[0])) break;
    }
    scratch_write(copy_path, bytes, size - 1);
    CHECK_EQ(look(copy_path, NULL), ERR_CORRUPT);
    CHECK_STR(fault.code, "appliance.pack_damaged");
    uint8_t *longer = memory_resize(bytes, size, size + 1);
    REQUIRE(longer != NULL);
    longer[size] = 0;
    scratch_write(copy_path, longer, size + 1);
    CHECK_EQ(look(copy_path, NULL), ERR_CORRUPT);
    CHECK_STR(fault.code, "appliance.pack_damaged");
    memory_give(longer);
}

static void another_signer_is_told(void) {
    char name[FINGERPRINT_SIZE];
    REQUIRE(pack_new());
    verify_key_fingerprint(&key.open, name);
    CHECK_EQ(look(pack_path, NULL), OK);
    CHECK_EQ(look(pack_path, &other_key.open), ERR_DENIED);
    CHECK_STR(fault.code, "appliance.pack_other_signer");
    CHECK_STR(fault.detail, name);
    CHECK_EQ(look(source, NULL), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.no_pack");
    CHECK_EQ(look("/dev/null", NULL), ERR_INPUT);
    CHECK(!pack_is_one("/dev/null") && !pack_is_one(source) && !pack_is_one("/nowhere"));
}

// ---- manifests that are signed ------------------------------------------------------------------
// A file of that manifest, whose member says to have `bytes` and has none.
static void signed_put(struct str manifest) {
    struct buf head;
    buf_open(&head, 8 << 20);
    if (sealed_head(manifest, STR("pack.squashfs"), 0, &key, &head, &fault) != OK) abort();
    scratch_write(copy_path, head.data, head.size);
    buf_close(&head);
}

#define SHA "\"0000000000000000000000000000000000000000000000000000000000000000\""
#define HEAD \
    "{\"pack\":1,\"name\":\"demo\",\"vendor\":\"v\",\"version\":\"1\",\"architecture\":\"x86_64\","
#define FILE_OF(path) "{\"path\":\"" path "\",\"bytes\":1,\"executable\":false,\"sha256\":" SHA "}"
#define LINK_OF(path, to) "{\"path\":\"" path "\",\"link\":\"" to "\"}"
#define FILES(list) HEAD "\"files\":[" list "]}"

static void what_is_signed_must_make_sense(void) {
    static const struct {
        const char *manifest, *code;
    } cases[] = {
        {FILES(FILE_OF("a")), "appliance.pack_damaged"}, // a good one, without its member
        {"{\"update\":1}", "appliance.no_pack"},
        {"{\"pack\":1", "appliance.pack_unknown"},
        {"{\"pack\":2,\"name\":\"demo\",\"vendor\":\"v\",\"version\":\"1\",\"architecture\":"
         "\"x86_64\",\"files\":[" FILE_OF("a") "]}",
         "appliance.pack_unknown"},
        {HEAD "\"files\":[" FILE_OF("a") "],\"more\":1}", "appliance.pack_unknown"},
        {HEAD "\"files\":{}}", "appliance.pack_unknown"},
        {HEAD "\"files\":[1]}", "appliance.pack_unknown"},
        {FILES(""), "appliance.pack_empty"},
        {FILES(FILE_OF("../a")), "appliance.pack_path"},
        {FILES(FILE_OF("a/../../b")), "appliance.pack_path"},
        {FILES(FILE_OF("/a")), "appliance.pack_path"},
        {FILES(FILE_OF("a/")), "appliance.pack_path"},
        {FILES(FILE_OF("a//b")), "appliance.pack_path"},
        {FILES(FILE_OF("./a")), "appliance.pack_path"},
        {FILES(FILE_OF("")), "appliance.pack_path"},
        {FILES(FILE_OF("a\\nb")), "appliance.pack_path"},
        {FILES(FILE_OF("a") "," FILE_OF("a")), "appliance.pack_twice"},
        {FILES(FILE_OF("a") "," FILE_OF("a-b") "," FILE_OF("a/b")), "appliance.pack_twice"},
        {FILES(FILE_OF("b") "," FILE_OF("a")), "appliance.pack_unknown"},
        {FILES(LINK_OF("a", "/etc")), "appliance.pack_link"},
        {FILES(LINK_OF("a", "../b") "," FILE_OF("b")), "appliance.pack_link"},
        {FILES(LINK_OF("a", "b") "," LINK_OF("b", "a")), "appliance.pack_link"},
        {FILES(LINK_OF("a", "b/../c") "," LINK_OF("b", ".") "," FILE_OF("c")),
         "appliance.pack_link"},
        {FILES(LINK_OF("a", "b\\u0001") "," FILE_OF("b")), "appliance.pack_link"},
        {FILES(LINK_OF("a", "")), "appliance.pack_unknown"},
        {FILES("{\"path\":\"a\",\"link\":\"b\",\"mode\":4095}," FILE_OF("b")),
         "appliance.pack_unknown"},
        {FILES("{\"path\":\"a\",\"bytes\":4294967297,\"executable\":false,\"sha256\":" SHA "}"),
         "appliance.pack_large"},
        {FILES("{\"path\":\"a\",\"bytes\":-1,\"executable\":false,\"sha256\":" SHA "}"),
         "appliance.pack_unknown"},
        {FILES("{\"path\":\"a\",\"bytes\":1,\"executable\":4,\"sha256\":" SHA "}"),
         "appliance.pack_unknown"},
        {FILES("{\"path\":\"a\",\"bytes\":1,\"executable\":false,\"sha256\":\"12\"}"),
         "appliance.pack_unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        signed_put(str_of(cases[i].manifest));
        CHECK(look(copy_path, &key.open) != OK);
        if (!CHECK_STR(fault.code, cases[i].code)) fprintf(stderr, "%s\n", cases[i].manifest);
    }
}

static void files_manifest(struct buf *out, uint32_t count, const char *folders, uint64_t bytes) {
    buf_clear(out);
    buf_add_text(out, HEAD "\"files\":[");
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(out,
                   "%s{\"path\":\"%s%04" PRIu32 "\",\"bytes\":%" PRIu64
                   ",\"executable\":false,\"sha256\":" SHA "}",
                   i ? "," : "", folders, i, bytes);
    }
    buf_add_text(out, "]}");
}

static void there_are_limits(void) {
    struct buf text;
    buf_open(&text, 8 << 20);
    files_manifest(&text, PACK_FILES_MAX, "a/", 1 << 20);
    signed_put(buf_str(&text));
    CHECK_EQ(look(copy_path, NULL), ERR_CORRUPT); // but for its missing bytes it could be
    files_manifest(&text, PACK_FILES_MAX, "a/", (1 << 20) + 1);
    signed_put(buf_str(&text));
    CHECK_EQ(look(copy_path, NULL), ERR_LIMIT);
    CHECK_STR(fault.code, "appliance.pack_large");
    files_manifest(&text, PACK_FILES_MAX + 1, "a/", 1);
    signed_put(buf_str(&text));
    CHECK_EQ(look(copy_path, NULL), ERR_LIMIT);
    CHECK_STR(fault.code, "appliance.pack_files");
    char deep[101] = "";
    for (int i = 0; i < 50; i++) memcpy(deep + (ptrdiff_t)2 * i, "a/", 3);
    files_manifest(&text, 1, deep, 1);
    signed_put(buf_str(&text));
    CHECK_EQ(look(copy_path, NULL), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.pack_path");
    buf_clear(&text);
    buf_add_text(&text, HEAD "\"files\":[");
    for (int i = 0; i <= PACK_MANIFEST_BYTES_MAX; i++) buf_add_char(&text, ' ');
    signed_put(buf_str(&text));
    CHECK_EQ(look(copy_path, NULL), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.no_pack");
    buf_close(&text);
}

// ---- what fails around it -----------------------------------------------------------------------
static int make_and_look(void *ctx) {
    struct pack_about about;
    (void)ctx;
    unlink(copy_path);
    enum err err = write_to(copy_path, &about);
    if (err != OK) {
        CHECK(!file_exists(copy_path));
        CHECK(fault.code[0]);
        return 1;
    }
    err = look(copy_path, &key.open);
    if (err != OK) CHECK_EQ(err, ERR_MEMORY);
    return err != OK;
}

static void memory_that_is_not_there_is_told(void) {
    source_new();
    CHECK(check_faults(memory_fail_after, make_and_look, NULL) > 10);
}

static void it_can_be_stopped(void) {
    struct progress progress = {.cancel = 1};
    struct pack_file file;
    REQUIRE(pack_new());
    REQUIRE(pack_open(pack_path, NULL, &file, &fault) == OK);
    CHECK_EQ(pack_check(&file, &progress, &fault), ERR_CANCELLED);
    pack_close(&file);
}

static void path_make(char out[static 256], const char *name) {
    snprintf(out, 256, "%s", scratch_path(folder, name));
}

int main(void) {
    folder = scratch_folder();
    path_make(source, "source");
    path_make(pack_path, "pack");
    path_make(copy_path, "copy");
    if (sign_key_make(&key) != OK || sign_key_make(&other_key) != OK) return 1;
    CHECK_RUN(tells_what_is_inside);
    CHECK_RUN(the_same_folder_gives_the_same_bytes);
    CHECK_RUN(what_cannot_be_packed_is_named);
    CHECK_RUN(words_are_checked);
    CHECK_RUN(any_flipped_byte_is_refused);
    CHECK_RUN(a_cut_file_is_refused);
    CHECK_RUN(another_signer_is_told);
    CHECK_RUN(what_is_signed_must_make_sense);
    CHECK_RUN(there_are_limits);
    CHECK_RUN(memory_that_is_not_there_is_told);
    CHECK_RUN(it_can_be_stopped);
    return check_done();
}
