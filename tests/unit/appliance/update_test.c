// An update file is what was signed, to the last bit; it is written into the slot that does not
// run, and wherever that is interrupted, what runs and what is booted are as before.
#include "appliance/update.h"

#include <stdlib.h>
#include <unistd.h>

#include "appliance/history_private.h"
#include "appliance/slots_private.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/tar.h"
#include "check.h"
#include "support/block_cut.h"
#include "support/fat_writer.h"
#include "support/scratch.h"

enum { SLOT_BYTES = 64 * 1024, IMAGE_BYTES = 48 * 1024, ESP_BYTES = 32 * 1024 };

static const char *folder;
static char esp_path[256], slot_paths[SLOTS][256], image_path[256], update_path[256],
    copy_path[256], history_path[256];
static struct sign_key key, other_key;
static struct fault fault;
static uint8_t image[IMAGE_BYTES];

// ---- a small appliance --------------------------------------------------------------------------

static void slot_fill(uint8_t *out, size_t size, const char *version, size_t kernel_bytes) {
    char text[100];
    static uint8_t kernel[16 * 1024];
    for (size_t i = 0; i < kernel_bytes; i++) kernel[i] = (uint8_t)check_random();
    snprintf(text, sizeof text, "%s x86_64\n", version);
    struct fat_writer_file files[] = {{NULL, "VERSION TXT", text, strlen(text)},
                                      {NULL, "VMLINUZ    ", kernel, kernel_bytes}};
    fat_writer_make(out, size, files, 2);
}

static void env_put(enum slot slot, bool trial) {
    static uint8_t esp[ESP_BYTES];
    char block[GRUBENV_BYTES];
    struct grubenv env = {.slot = slot, .next = slot_other(slot), .trial = trial};
    grubenv_format(&env, block);
    struct fat_writer_file file = {"GRUB       ", "GRUBENV    ", block, sizeof block};
    fat_writer_make(esp, sizeof esp, &file, 1);
    scratch_write(esp_path, esp, sizeof esp);
}

// Slot a runs 0.1.0, slot b holds 0.0.9.
static void appliance_new(void) {
    static uint8_t slot[SLOT_BYTES];
    fault = (struct fault){0};
    env_put(SLOT_A, false);
    slot_fill(slot, sizeof slot, "0.1.0", 5000);
    scratch_write(slot_paths[SLOT_A], slot, sizeof slot);
    slot_fill(slot, sizeof slot, "0.0.9", 3000);
    scratch_write(slot_paths[SLOT_B], slot, sizeof slot);
}

static bool appliance_open(enum slot running, struct slots *out) {
    fault = (struct fault){0};
    return CHECK_EQ(
        slots_open(esp_path, slot_paths[SLOT_A], slot_paths[SLOT_B], running, out, &fault), OK);
}

// An update to `version` from at least `from`, in update_path.
static bool update_new(const char *version, const char *from, size_t kernel_bytes) {
    struct update_content content = {
        .image = image_path, .version = version, .architecture = "x86_64", .from = from};
    slot_fill(image, sizeof image, version, kernel_bytes);
    scratch_write(image_path, image, sizeof image);
    unlink(update_path);
    fault = (struct fault){0};
    return CHECK_EQ(update_write(update_path, &content, &key, NULL, &fault), OK);
}

static struct update_wish wish_of(const char *path) {
    return (struct update_wish){.path = path,
                                .key = &key.open,
                                .architecture = "x86_64",
                                .version = "0.1.0",
                                .history = history_path};
}

static enum err show(const char *path, const struct verify_key *from) {
    struct update_about about;
    fault = (struct fault){0};
    return update_show(path, from, &about, NULL, &fault);
}

static bool file_is(const char *path, const uint8_t *want, size_t size) {
    size_t got_size;
    uint8_t *got = scratch_read(path, &got_size);
    bool same = got && got_size >= size && memcmp(got, want, size) == 0;
    memory_give(got);
    return same;
}

// ---- the file -----------------------------------------------------------------------------------

static void tells_what_is_inside(void) {
    struct update_about about;
    struct hash hash, again;
    uint64_t bytes;
    char command[900];
    REQUIRE(update_new("0.2.0", "0.1.0", 9000));
    REQUIRE(update_show(update_path, &key.open, &about, NULL, &fault) == OK);
    CHECK_STR(about.version, "0.2.0");
    CHECK_STR(about.from, "0.1.0");
    CHECK_STR(about.architecture, "x86_64");
    CHECK_EQ(strlen(about.build), 16);
    CHECK_EQ(about.image_bytes, IMAGE_BYTES);
    CHECK(about.packed && about.member_bytes < 12000);
    hash = sha256_of(image, sizeof image);
    CHECK(hash_equal(&hash, &about.image));
    CHECK(memcmp(&about.signer, &key.open, sizeof key.open) == 0);
    CHECK_EQ(show(update_path, NULL), OK);
    struct update_content content = {
        .image = image_path, .version = "0.2.0", .architecture = "x86_64", .from = "0.1.0"};
    REQUIRE(update_write(copy_path, &content, &key, NULL, &fault) == OK);
    REQUIRE(file_hash(update_path, NULL, &hash, &bytes, &fault) == OK);
    REQUIRE(file_hash(copy_path, NULL, &again, &bytes, &fault) == OK);
    CHECK(hash_equal(&hash, &again));
    CHECK_EQ(update_write(copy_path, &content, &key, NULL, &fault), ERR_CONFLICT);
    snprintf(command, sizeof command,
             "! command -v zstd >/dev/null || tar xOf %s slot.img.zst | zstd -dc | cmp - %s",
             update_path, image_path);
    CHECK_EQ(system(command), 0);
}

// Every 7th byte: each takes a signature; under an emulator or sanitizers fewer.
#if defined __aarch64__ || defined __SANITIZE_ADDRESS__
enum { FLIP_STEP = 61 };
#else
enum { FLIP_STEP = 7 };
#endif

static void any_flipped_byte_is_refused(void) {
    size_t size;
    REQUIRE(update_new("0.2.0", NULL, 700));
    uint8_t *bytes = scratch_read(update_path, &size);
    REQUIRE(bytes && size > 3000 && size < 8000);
    for (size_t at = 0; at < size; at += FLIP_STEP) {
        bytes[at] ^= (uint8_t)(1u << at % 8);
        scratch_write(copy_path, bytes, size);
        enum err err = show(copy_path, NULL);
        bytes[at] ^= (uint8_t)(1u << at % 8);
        if (!check_that(err != OK, __FILE__, __LINE__, "byte %zu", at)) break;
        CHECK(fault.code[0] != '\0');
    }
    memory_give(bytes);
}

static void a_cut_file_is_refused(void) {
    size_t size;
    REQUIRE(update_new("0.2.0", NULL, 700));
    uint8_t *bytes = scratch_read(update_path, &size);
    bytes = memory_resize(bytes, size + 1, size + 512);
    REQUIRE(bytes != NULL);
    memset(bytes + size, 0, 512);
    for (size_t cut = 0; cut < size; cut += 256) {
        scratch_write(copy_path, bytes, cut);
        check_that(show(copy_path, NULL) != OK, __FILE__, __LINE__, "cut at %zu", cut);
        CHECK(fault.code[0] != '\0');
    }
    scratch_write(copy_path, bytes, size - 1);
    CHECK_EQ(show(copy_path, NULL), ERR_CORRUPT);
    scratch_write(copy_path, bytes, size + 512);
    CHECK_EQ(show(copy_path, NULL), ERR_CORRUPT);
    CHECK_STR(fault.code, "appliance.update_damaged");
    scratch_write(copy_path, bytes, size);
    CHECK_EQ(show(copy_path, NULL), OK);
    memory_give(bytes);
    CHECK_EQ(show(folder, NULL), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.no_update");
}

static enum err to_buf(void *ctx, const void *data, size_t size) {
    buf_add(ctx, data, size);
    return OK;
}

// A file with any manifest, rightly signed by `signer`, and the image as it is.
static void craft(const char *manifest, const struct sign_key *signer) {
    struct buf file, text;
    uint8_t signature[SIGNATURE_BYTES];
    buf_open(&file, 1 << 20);
    buf_open(&text, SIGNATURE_TEXT_BYTES);
    struct tar_writer tar = {.write = to_buf, .ctx = &file};
    struct hash hash = sha256_of(manifest, strlen(manifest));
    CHECK_EQ(sign_hash(signer, &hash, signature), OK);
    signature_write(&text, &signer->open, signature);
    CHECK_EQ(tar_write_entry(&tar, STR("manifest.json"), strlen(manifest), 0644, 0), OK);
    CHECK_EQ(tar_write_data(&tar, manifest, strlen(manifest)), OK);
    CHECK_EQ(tar_write_entry(&tar, STR("signature.json"), text.size, 0644, 0), OK);
    CHECK_EQ(tar_write_data(&tar, text.data, text.size), OK);
    CHECK_EQ(tar_write_entry(&tar, STR("slot.img"), sizeof image, 0644, 0), OK);
    CHECK_EQ(tar_write_data(&tar, image, sizeof image), OK);
    CHECK_EQ(tar_write_end(&tar), OK);
    scratch_write(copy_path, file.data, file.size);
    buf_close(&file);
    buf_close(&text);
}

static const char *manifest_of(const char *product, const char *version, size_t bytes,
                               const uint8_t *content) {
    static char text[1000];
    char hex[SHA256_HEX_SIZE];
    struct hash hash = sha256_of(content, IMAGE_BYTES);
    hash_hex(&hash, hex);
    snprintf(text, sizeof text,
             "{\"update\":1,\"product\":\"%s\",\"architecture\":\"x86_64\",\"version\":\"%s\","
             "\"build\":\"b\",\"from\":\"0.0.0\",\"image\":{\"path\":\"slot.img\",\"bytes\":%zu,"
             "\"sha256\":\"%s\"},\"unpacked\":{\"bytes\":%zu,\"sha256\":\"%s\"}}\n",
             product, version, bytes, hex, bytes, hex);
    return text;
}

static void what_is_signed_must_make_sense(void) {
    REQUIRE(update_new("0.2.0", NULL, 700));
    craft(manifest_of("courtyard-appliance", "0.2.0", IMAGE_BYTES, image), &key);
    CHECK_EQ(show(copy_path, &key.open), OK); // not packed
    craft(manifest_of("courtyard-toaster", "0.2.0", IMAGE_BYTES, image), &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.update_unknown");
    craft(manifest_of("courtyard-appliance", "2", IMAGE_BYTES, image), &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_INPUT);
    craft(manifest_of("courtyard-appliance", "0.2.0", 0, image), &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_INPUT);
    craft(manifest_of("courtyard-appliance", "0.2.0", IMAGE_BYTES - 512, image), &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_CORRUPT);
    static uint8_t other_image[IMAGE_BYTES];
    craft(manifest_of("courtyard-appliance", "0.2.0", IMAGE_BYTES, other_image), &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_CORRUPT);
    craft("{}", &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_INPUT);
    craft("none", &key);
    CHECK_EQ(show(copy_path, &key.open), ERR_INPUT);
    craft(manifest_of("courtyard-appliance", "0.2.0", IMAGE_BYTES, image), &other_key);
    CHECK_EQ(show(copy_path, NULL), OK);
    CHECK_EQ(show(copy_path, &key.open), ERR_DENIED);
    CHECK_STR(fault.code, "appliance.update_other_signer");
}

static void what_is_no_slot_is_not_packed(void) {
    struct update_content content = {
        .image = image_path, .version = "0.2.0", .architecture = "x86_64"};
    fault = (struct fault){0};
    unlink(copy_path);
    scratch_write(image_path, "no image at all", 15);
    CHECK_EQ(update_write(copy_path, &content, &key, NULL, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.bad_slot_image");
    slot_fill(image, sizeof image, "0.2.1", 10);
    scratch_write(image_path, image, sizeof image);
    fault = (struct fault){0};
    CHECK_EQ(update_write(copy_path, &content, &key, NULL, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.image_other_version");
    content.version = "0.2";
    fault = (struct fault){0};
    CHECK_EQ(update_write(copy_path, &content, &key, NULL, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.bad_version");
    CHECK(!file_exists(copy_path));
}

// ---- into a slot --------------------------------------------------------------------------------

static void an_update_is_tried_and_confirmed(void) {
    struct slots slots;
    struct slots_status status;
    struct update_about about;
    struct update_wish wish = wish_of(update_path);
    appliance_new();
    unlink(history_path);
    REQUIRE(update_new("0.2.0", "0.1.0", 9000) && appliance_open(SLOT_A, &slots));
    REQUIRE(slots_status(&slots, &status, &fault) == OK);
    CHECK(status.confirmed && status.about[SLOT_B].usable && !status.env.trial);
    CHECK_STR(status.about[SLOT_A].version, "0.1.0");
    CHECK_STR(status.about[SLOT_B].version, "0.0.9");
    CHECK_EQ(update_apply(&slots, &wish, &about, NULL, &fault), OK);
    CHECK_STR(about.version, "0.2.0");
    CHECK(file_is(slot_paths[SLOT_B], image, sizeof image));
    REQUIRE(slots_status(&slots, &status, &fault) == OK);
    CHECK(status.confirmed && status.env.trial && status.env.next == SLOT_B);
    CHECK_STR(status.about[SLOT_B].version, "0.2.0");
    slots_close(&slots);
    // GRUB clears the trial and boots it; it passes its checks.
    env_put(SLOT_A, false);
    REQUIRE(appliance_open(SLOT_B, &slots));
    REQUIRE(slots_status(&slots, &status, &fault) == OK);
    CHECK(!status.confirmed);
    wish.version = "0.2.0";
    CHECK_EQ(update_apply(&slots, &wish, NULL, NULL, &fault), ERR_BUSY);
    CHECK_STR(fault.code, "appliance.update_unconfirmed");
    CHECK_EQ(slots_confirm(&slots, &fault), OK);
    REQUIRE(slots_status(&slots, &status, &fault) == OK);
    CHECK(status.confirmed && status.env.slot == SLOT_B && !status.env.trial);
    slots_close(&slots);
    struct buf text;
    buf_open(&text, 1 << 16);
    struct json_writer out = json_writer_of(&text);
    REQUIRE(history_write(history_path, &out, &fault) == OK);
    struct json *list = NULL;
    REQUIRE(json_parse(buf_str(&text), &list, &fault) == OK);
    CHECK_EQ(json_count(list), 2);
    CHECK_TEXT(json_member_text(json_first(list), "result"), "appliance.update_unconfirmed");
    const struct json *first = json_next(json_first(list));
    CHECK_TEXT(json_member_text(first, "result"), "ok");
    CHECK_TEXT(json_member_text(first, "from"), "0.1.0");
    CHECK_TEXT(json_member_text(first, "to"), "0.2.0");
    CHECK_TEXT(json_member_text(first, "slot"), "b");
    json_close(list);
    buf_close(&text);
}

static void noted(enum slot running, const char *event, const char *from, const char *to) {
    struct slots slots;
    struct history_last last = {0};
    REQUIRE(appliance_open(running, &slots));
    CHECK_EQ(slots_note(&slots, history_path, &fault), OK);
    slots_close(&slots);
    enum err err = history_last(history_path, &last, &fault);
    CHECK_EQ(err, event ? OK : ERR_NOT_FOUND);
    if (!event) return;
    CHECK_STR(last.event, event);
    CHECK_STR(last.from, from);
    CHECK_STR(last.to, to);
    CHECK_STR(last.result, "ok");
}

// The fate of an update is in the history once it is known, and once.
static void what_became_of_an_update_is_noted(void) {
    struct slots slots;
    struct update_wish wish = wish_of(update_path);
    appliance_new();
    unlink(history_path);
    REQUIRE(update_new("0.2.0", NULL, 500));
    noted(SLOT_A, NULL, "", "");
    for (int returned = 0; returned < 2; returned++) {
        env_put(SLOT_A, false);
        REQUIRE(appliance_open(SLOT_A, &slots));
        REQUIRE(update_apply(&slots, &wish, NULL, NULL, &fault) == OK);
        slots_close(&slots);
        noted(SLOT_A, "update", "0.1.0", "0.2.0"); // not tried yet
        env_put(returned ? SLOT_A : SLOT_B, false);
        const struct history_event backup = {
            .event = "backup", .to = STR("courtyard-20261127-052000-0.1.0.tar"), .result = "ok"};
        CHECK_EQ(history_add(history_path, &backup, &fault), OK); // what lies between does no harm
        for (int twice = 0; twice < 2; twice++) {
            if (returned) noted(SLOT_A, "return", "0.2.0", "0.1.0");
            if (!returned) noted(SLOT_B, "confirm", "0.1.0", "0.2.0");
        }
    }
    wish.key = &other_key.open; // one that was refused has no fate
    REQUIRE(appliance_open(SLOT_A, &slots));
    CHECK_EQ(update_apply(&slots, &wish, NULL, NULL, &fault), ERR_DENIED);
    struct history_last last;
    CHECK_EQ(slots_note(&slots, history_path, &fault), OK);
    CHECK_EQ(history_last(history_path, &last, &fault), OK);
    CHECK_STR(last.result, "appliance.update_other_signer");
    slots_close(&slots);
}

static enum err apply(struct update_wish wish) {
    struct slots slots;
    static uint8_t before[SLOT_BYTES];
    size_t size;
    uint8_t *bytes = scratch_read(slot_paths[SLOT_B], &size);
    memcpy(before, bytes, sizeof before);
    memory_give(bytes);
    if (!appliance_open(SLOT_A, &slots)) return ERR_IO;
    enum err err = update_apply(&slots, &wish, NULL, NULL, &fault);
    slots_close(&slots);
    // What is refused is not begun.
    CHECK_EQ(file_is(slot_paths[SLOT_B], before, sizeof before), err != OK);
    return err;
}

static void what_does_not_fit_is_refused(void) {
    struct update_wish wish = wish_of(update_path);
    appliance_new();
    REQUIRE(update_new("0.2.0", "0.1.1", 500));
    CHECK_EQ(apply(wish), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.update_too_far");
    REQUIRE(update_new("0.2.0", NULL, 500));
    wish.architecture = "aarch64";
    CHECK_EQ(apply(wish), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.update_other_architecture");
    CHECK_STR(fault.detail, "x86_64");
    wish = wish_of(update_path);
    wish.key = &other_key.open;
    CHECK_EQ(apply(wish), ERR_DENIED);
    REQUIRE(truncate(slot_paths[SLOT_B], IMAGE_BYTES - 512) == 0);
    struct slots slots;
    REQUIRE(appliance_open(SLOT_A, &slots));
    wish = wish_of(update_path);
    CHECK_EQ(update_apply(&slots, &wish, NULL, NULL, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.update_too_large");
    slots_close(&slots);
    appliance_new();
    REQUIRE(update_new("0.1.0-rc.1", NULL, 500));
    CHECK_EQ(apply(wish), ERR_CONFLICT);
    CHECK_STR(fault.code, "appliance.update_older");
    wish.downgrade = true;
    CHECK_EQ(apply(wish), OK);
    appliance_new();
    wish.downgrade = false;
    REQUIRE(update_new("0.1.0", NULL, 500));
    CHECK_EQ(apply(wish), OK);
    CHECK_EQ(apply(wish_of("/nowhere")), ERR_NOT_FOUND);
}

// One cut; false when it came too late.
static bool cut_once(uint64_t steps, const uint8_t *running, const uint8_t *old) {
    struct slots slots;
    struct slots_status status;
    struct update_wish wish = wish_of(update_path);
    wish.history = NULL;
    appliance_new();
    scratch_write(slot_paths[SLOT_A], running, SLOT_BYTES);
    scratch_write(slot_paths[SLOT_B], old, SLOT_BYTES);
    if (steps % 2) env_put(SLOT_A, true); // an update waits for its trial already
    if (!appliance_open(SLOT_A, &slots)) return false;
    block_cut_after(steps, check_random);
    enum err err = update_apply(&slots, &wish, NULL, NULL, NULL);
    bool off = block_cut_end();
    CHECK_EQ(err == OK, !off);
    CHECK(file_is(slot_paths[SLOT_A], running, SLOT_BYTES));
    CHECK_EQ(slots_status(&slots, &status, &fault), OK);
    CHECK(!status.env.damaged && status.env.slot == SLOT_A && status.confirmed);
    bool is_old = file_is(slot_paths[SLOT_B], old, SLOT_BYTES);
    bool is_new = file_is(slot_paths[SLOT_B], image, IMAGE_BYTES);
    if (status.env.trial) CHECK(is_new || is_old);
    if (status.about[SLOT_B].usable) CHECK(is_new || is_old);
    if (!off) CHECK(is_new && status.env.trial && status.env.next == SLOT_B);
    // Once more, and it goes through.
    CHECK_EQ(update_apply(&slots, &wish, NULL, NULL, &fault), OK);
    CHECK(file_is(slot_paths[SLOT_B], image, IMAGE_BYTES));
    slots_close(&slots);
    return off;
}

static void a_cut_leaves_what_runs(void) {
    static uint8_t running[SLOT_BYTES], old[SLOT_BYTES];
    slot_fill(running, sizeof running, "0.1.0", 5000);
    slot_fill(old, sizeof old, "0.0.9", 16000);
    REQUIRE(update_new("0.2.0", NULL, 12000));
    bool off = true;
    uint64_t steps = 0;
    for (; off && steps < 100 && !check.wrong; steps++) {
        for (int i = 0; i < 10 && !check.wrong; i++) off = cut_once(steps, running, old);
    }
    CHECK(!off && steps > 8);
}

// ---- a hook that counts, and does something at one of its writes --------------------------------

static struct {
    int left;
    struct progress *cancel; // is cancelled then
    bool spoil;              // a bit of what is written is wrong then
} special;

static int special_write(void *ctx, int fd, const void *data, size_t size, uint64_t offset) {
    (void)ctx;
    bool now = special.left-- == 0;
    if (now && special.cancel) special.cancel->cancel = 1;
    if (pwrite(fd, data, size, (off_t)offset) != (ssize_t)size) return 5;
    uint8_t byte = (uint8_t)(((const uint8_t *)data)[size / 2] ^ 4);
    if (now && special.spoil && pwrite(fd, &byte, 1, (off_t)(offset + size / 2)) != 1) return 5;
    return 0;
}

static int special_sync(void *ctx, int fd) {
    (void)ctx;
    (void)fd;
    return 0;
}

static enum err apply_special(int at, struct progress *cancel, bool spoil,
                              struct slots_status *status) {
    static const struct block_hook hook = {.write = special_write, .sync = special_sync};
    struct slots slots;
    struct update_wish wish = wish_of(update_path);
    appliance_new();
    if (!appliance_open(SLOT_A, &slots)) return OK;
    special.left = at;
    special.cancel = cancel;
    special.spoil = spoil;
    block_hook_set(&hook);
    enum err err = update_apply(&slots, &wish, NULL, cancel, &fault);
    block_hook_set(NULL);
    CHECK_EQ(slots_status(&slots, status, NULL), OK);
    slots_close(&slots);
    return err;
}

static void it_can_be_stopped(void) {
    struct slots_status status;
    struct progress progress = {0};
    REQUIRE(update_new("0.2.0", NULL, 500));
    CHECK_EQ(apply_special(1, &progress, false, &status), ERR_CANCELLED);
    CHECK_STR(fault.code, "appliance.cancelled");
    CHECK(!status.env.trial && !status.about[SLOT_B].usable && status.about[SLOT_A].usable);
    CHECK_EQ(apply_special(99, &progress, false, &status), ERR_CANCELLED); // from the start
    CHECK(!status.env.trial && status.about[SLOT_B].usable);
}

static void what_the_disk_garbles_is_noticed(void) {
    struct slots_status status;
    REQUIRE(update_new("0.2.0", NULL, 500));
    for (int at = 1; at < 4; at++) { // the image, its first sector, the environment block
        CHECK_EQ(apply_special(at, NULL, true, &status), ERR_IO);
        CHECK_STR(fault.code, "appliance.disk_write");
        if (at == 1) CHECK(!status.about[SLOT_B].usable);
        if (at < 3) CHECK(!status.env.trial);
    }
    CHECK_EQ(apply_special(4, NULL, true, &status), OK);
}

// ---- small parts --------------------------------------------------------------------------------

static void the_kernel_line_names_the_slot(void) {
    enum slot slot = SLOT_A;
    CHECK(slots_running(STR("console=tty0 courtyard.slot=b quiet\n"), &slot) && slot == SLOT_B);
    CHECK(slots_running(STR("courtyard.slot=a\n"), &slot) && slot == SLOT_A);
    CHECK(!slots_running(STR("quiet"), &slot));
    CHECK(!slots_running(STR(""), &slot));
    CHECK(!slots_running(STR("courtyard.slot=c"), &slot));
    CHECK(!slots_running(STR("xcourtyard.slot=a"), &slot));
}

static size_t history_count(void) {
    struct buf text;
    struct json *list = NULL;
    buf_open(&text, 1 << 18);
    struct json_writer out = json_writer_of(&text);
    CHECK_EQ(history_write(history_path, &out, &fault), OK);
    CHECK_EQ(json_parse(buf_str(&text), &list, &fault), OK);
    size_t count = json_count(list);
    json_close(list);
    buf_close(&text);
    return count;
}

static void history_is_bounded_and_bears_a_cut(void) {
    struct history_event event = {.event = "update",
                                  .from = STR("0.1.0"),
                                  .to = STR("0.2.0"),
                                  .slot = SLOT_B,
                                  .result = "ok"};
    uint64_t bytes;
    fault = (struct fault){0};
    unlink(history_path);
    CHECK_EQ(history_count(), 0);
    for (int i = 0; i < 3; i++) REQUIRE(history_add(history_path, &event, &fault) == OK);
    CHECK_EQ(history_count(), 3);
    REQUIRE(file_size(history_path, &bytes, &fault) == OK);
    REQUIRE(truncate(history_path, (off_t)bytes - 5) == 0); // the last line is cut
    CHECK_EQ(history_count(), 2);
    REQUIRE(history_add(history_path, &event, &fault) == OK);
    CHECK_EQ(history_count(), 3);
    for (int i = 0; i < 3000; i++) {
        if (!CHECK_EQ(history_add(history_path, &event, &fault), OK)) break;
    }
    REQUIRE(file_size(history_path, &bytes, &fault) == OK);
    CHECK(bytes <= HISTORY_BYTES_MAX + 1024);
    CHECK_EQ(history_count(), HISTORY_EVENTS_SHOWN);
}

static void path_make(char out[static 256], const char *name) {
    snprintf(out, 256, "%s", scratch_path(folder, name));
}

int main(void) {
    folder = scratch_folder();
    path_make(esp_path, "esp");
    path_make(slot_paths[SLOT_A], "slot-a");
    path_make(slot_paths[SLOT_B], "slot-b");
    path_make(image_path, "slot.img");
    path_make(update_path, "update");
    path_make(copy_path, "copy");
    path_make(history_path, "history.jsonl");
    if (sign_key_make(&key) != OK || sign_key_make(&other_key) != OK) return 1;
    CHECK_RUN(tells_what_is_inside);
    CHECK_RUN(any_flipped_byte_is_refused);
    CHECK_RUN(a_cut_file_is_refused);
    CHECK_RUN(what_is_signed_must_make_sense);
    CHECK_RUN(what_is_no_slot_is_not_packed);
    CHECK_RUN(an_update_is_tried_and_confirmed);
    CHECK_RUN(what_became_of_an_update_is_noted);
    CHECK_RUN(what_does_not_fit_is_refused);
    CHECK_RUN(a_cut_leaves_what_runs);
    CHECK_RUN(it_can_be_stopped);
    CHECK_RUN(what_the_disk_garbles_is_noticed);
    CHECK_RUN(the_kernel_line_names_the_slot);
    CHECK_RUN(history_is_bounded_and_bears_a_cut);
    return check_done();
}
