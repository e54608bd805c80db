// GRUB's environment block: what grub-editenv writes is read, what is written it reads, a damaged
// one says what a fresh one does, and a power cut leaves the old or the new.
#include "appliance/disk/grubenv.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "support/block_cut.h"
#include "support/scratch.h"

static char path[256];
static struct fault fault;

static struct grubenv parse_text(const char *text) {
    char block[GRUBENV_BYTES];
    memset(block, '#', sizeof block);
    memcpy(block, text, strlen(text));
    return grubenv_parse(block);
}

static bool same(const struct grubenv *one, const struct grubenv *other) {
    return one->slot == other->slot && one->next == other->next && one->trial == other->trial &&
           one->damaged == other->damaged && one->other_size == other->other_size &&
           memcmp(one->other, other->other, one->other_size) == 0;
}

static void values_are_read(void) {
    struct grubenv env = parse_text("# GRUB Environment Block\nslot=b\ntrial=1\nnext=a\n");
    CHECK(!env.damaged && env.trial);
    CHECK_EQ(env.slot, SLOT_B);
    CHECK_EQ(env.next, SLOT_A);
    CHECK_EQ(env.other_size, 0);
    env = parse_text("# GRUB Environment Block\n# WARNING: by hand\nnext=b\nsaved=x\\\\=\\\ny\n"
                     "slot=a\ntrial=0\nlast=\n");
    CHECK(!env.damaged && !env.trial);
    CHECK_BYTES(env.other, env.other_size, "# WARNING: by hand\nsaved=x\\\\=\\\ny\nlast=\n", 39);
    char block[GRUBENV_BYTES];
    grubenv_format(&env, block);
    struct grubenv again = grubenv_parse(block);
    CHECK(same(&env, &again));
}

static void a_damaged_block_is_a_fresh_one(void) {
    static const char *const bad[] = {
        "",
        "# GRUB Environment Blick\nslot=b\ntrial=1\nnext=a\n",
        "# GRUB Environment Block\n",
        "# GRUB Environment Block\nslot=c\ntrial=1\nnext=a\n",
        "# GRUB Environment Block\nslot=b\ntrial=2\nnext=a\n",
        "# GRUB Environment Block\nslot=b\ntrial=1\nnext=ab\n",
        "# GRUB Environment Block\nslot=b\ntrial=1\n",
        "# GRUB Environment Block\nslot=b\ntrial=1\nnext=a",
        "# GRUB Environment Block\nslot=b\ntrial=1\nnext=a\nsolo\n",
        "# GRUB Environment Block\nslot=b\ntrial=1\nnext=a\nx=\\\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct grubenv env = parse_text(bad[i]);
        check_that(env.damaged, __FILE__, __LINE__, "not damaged: %s", bad[i]);
        CHECK(env.slot == SLOT_A && env.next == SLOT_B && !env.trial && env.other_size == 0);
    }
    char block[GRUBENV_BYTES];
    for (int i = 0; i < 2000; i++) { // any bytes behind the head
        for (size_t j = 0; j < sizeof block; j++) block[j] = (char)check_random();
        memcpy(block, "# GRUB Environment Block\n", 25);
        struct grubenv env = grubenv_parse(block), again;
        grubenv_format(&env, block);
        again = grubenv_parse(block);
        CHECK(!again.damaged && again.slot == env.slot);
    }
}

static void editenv_agrees(void) {
    struct block file;
    char command[800];
    if (system("command -v grub-editenv >/dev/null") != 0) {
        CHECK_SKIP("grub-editenv is not installed");
    }
    unlink(path);
    snprintf(command, sizeof command,
             "grub-editenv %s create && grub-editenv %s set slot=b trial=1 next=a kept='a b'", path,
             path);
    REQUIRE(system(command) == 0);
    REQUIRE(block_open(path, BLOCK_WRITE, &file, &fault) == OK);
    struct grubenv env;
    REQUIRE(grubenv_read(&file, 0, &env, &fault) == OK);
    CHECK(!env.damaged && env.trial && env.slot == SLOT_B && env.next == SLOT_A);
    env.trial = false;
    env.slot = SLOT_A;
    env.next = SLOT_B;
    REQUIRE(grubenv_write(&file, 0, &env, &fault) == OK);
    block_close(&file);
    snprintf(command, sizeof command,
             "test \"$(grub-editenv %s list | sort | tr '\\n' ,)\" = 'kept=a b,next=b,slot=a,"
             "trial=0,'",
             path);
    CHECK_EQ(system(command), 0);
    snprintf(command, sizeof command,
             "grub-editenv %s set trial=1 && test $(stat -c %%s %s) = 1024", path, path);
    REQUIRE(system(command) == 0);
    REQUIRE(block_open(path, BLOCK_READ, &file, &fault) == OK);
    REQUIRE(grubenv_read(&file, 0, &env, &fault) == OK);
    CHECK(!env.damaged && env.trial && env.slot == SLOT_A);
    block_close(&file);
}

static void a_cut_leaves_the_old_or_the_new(void) {
    struct block file;
    bool off = true;
    struct grubenv old = grubenv_fresh(), new = old, got;
    new.trial = true;
    char text[3 * GRUBENV_BYTES] = {0};
    for (uint64_t steps = 0; off && steps < 20; steps++) {
        for (int i = 0; i < 20; i++) {
            grubenv_format(&old, text + 512);
            scratch_write(path, text, sizeof text);
            REQUIRE(block_open(path, BLOCK_WRITE, &file, &fault) == OK);
            block_cut_after(steps, check_random);
            enum err err = grubenv_write(&file, 512, &new, NULL);
            off = block_cut_end();
            CHECK_EQ(err == OK, !off);
            REQUIRE(grubenv_read(&file, 512, &got, &fault) == OK);
            CHECK(same(&got, &new) || (off && same(&got, &old)));
            block_close(&file);
        }
    }
    CHECK(!off);
}

int main(void) {
    snprintf(path, sizeof path, "%s", scratch_path(scratch_folder(), "grubenv"));
    CHECK_RUN(values_are_read);
    CHECK_RUN(a_damaged_block_is_a_fresh_one);
    CHECK_RUN(editenv_agrees);
    CHECK_RUN(a_cut_leaves_the_old_or_the_new);
    return check_done();
}
