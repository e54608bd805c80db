// Recovery codes as people copy them, and what is refused before any child is begun.
#include "appliance/vault_private.h"

#include "appliance/stick_private.h"
#include "check.h"

static void codes_are_read_as_people_write_them(void) {
    static const char want[] = "k7qf-2m9x-abcd-efgh-ijkm-npqr";
    static const char *const good[] = {
        "k7qf-2m9x-abcd-efgh-ijkm-npqr",
        "K7QF 2M9X ABCD EFGH IJKM NPQR",
        "k7qf2m9xabcdefghijkmnpqr",
        " k7-qf2m9xabcd--efghijkmnpqr ",
    };
    static const char *const bad[] = {
        "",
        "k7qf-2m9x-abcd-efgh-ijkm-npq",
        "k7qf-2m9x-abcd-efgh-ijkm-npqrs",
        "k7qf-2m9x-abcd-efgh-ijkm-npq1",
        "k7qf-2m9x-abcd-efgh-ijkm-npq.",
        "------------------------",
        "k7qf-2m9x-abcd-efgh-ijkm-npqr-2222-3333-4444-5555-6666-7777",
    };
    char code[VAULT_RECOVERY_BYTES];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(vault_recovery_read(good[i], code));
        CHECK_STR(code, want);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_that(!vault_recovery_read(bad[i], code), __FILE__, __LINE__, "taken: %s", bad[i]);
    }
}

static enum err begun(struct vault *vault, enum vault_task task, const char *secret,
                      const char *fresh, int64_t now_ms, const char *code) {
    struct fault fault = {0};
    enum err err = vault_begin(vault, task, secret, fresh, now_ms, &fault);
    CHECK_STR(fault.code, code);
    return err;
}

static void what_cannot_be_begins_no_child(void) {
    struct vault vault = {.mode = ENCRYPTION_PASSPHRASE, .not_before_ms = 31000};
    CHECK_EQ(begun(&vault, VAULT_MAKE, "", "1234567", 0, "appliance.short_passphrase"), ERR_INPUT);
    CHECK_EQ(begun(&vault, VAULT_OPEN, "right horse", "", 1000, "appliance.key_pause"), ERR_BUSY);
    vault.not_before_ms = 0;
    CHECK_EQ(
        begun(&vault, VAULT_PASSPHRASE, "right horse", "short", 0, "appliance.short_passphrase"),
        ERR_INPUT);
    vault.work.child = 1;
    CHECK_EQ(begun(&vault, VAULT_OPEN, "right horse", "", 0, "appliance.busy"), ERR_BUSY);
    for (size_t i = 0; i < sizeof vault.secret; i++) CHECK_EQ(vault.secret[i] | vault.fresh[i], 0);
}

static void the_boot_stick_is_not_another(void) {
    CHECK(stick_on_disk("sdb", "sdb") && stick_on_disk("sdb1", "sdb"));
    CHECK(!stick_on_disk("sdba", "sdb") && !stick_on_disk("sdba1", "sdb"));
    CHECK(!stick_on_disk("sdc1", "sdb"));
    CHECK(stick_on_disk("mmcblk0p1", "mmcblk0") && stick_on_disk("nvme0n1p2", "nvme0n1"));
    CHECK(!stick_on_disk("mmcblk01", "mmcblk0") && !stick_on_disk("nvme0n12", "nvme0n1"));
}

int main(void) {
    CHECK_RUN(codes_are_read_as_people_write_them);
    CHECK_RUN(what_cannot_be_begins_no_child);
    CHECK_RUN(the_boot_stick_is_not_another);
    return check_done();
}
