// The console's pages about an encrypted data partition: what opens it, and changing that.
#include "check.h"
#include "support/console_world.h"

// ---- passphrases --------------------------------------------------------------------------------
static bool nothing_typed(void) {
    for (size_t i = 0; i < sizeof dialog.typed; i++) {
        if (((const char *)dialog.typed)[i]) return false;
    }
    return true;
}

static void locked_data_asks_for_the_passphrase(void) {
    world_begin("en", 80, 24);
    view.data = DATA_LOCKED;
    view.roles = 1 << LUKS_STICK;
    dialog_follow(&dialog, &view);
    CHECK_EQ(dialog.page, PAGE_UNLOCK);
    shows("Plug in the key stick, or type");
    press(KEY_ENTER);
    CHECK_EQ(requests, 0);
    shows("Type it first");
    type("right horse");
    shows("***********");
    hides("right");
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_UNLOCK);
    CHECK_STR(request.secret, "right horse");
    CHECK(nothing_typed());
    CHECK_EQ(dialog.page, PAGE_UNLOCK);
    view.data = DATA_OPENING;
    dialog_follow(&dialog, &view);
    shows("being opened");
    view.data = DATA_LOCKED;
    view.data_fault = (struct fault){.code = "appliance.wrong_key"};
    dialog_follow(&dialog, &view);
    shows("does not open the data");
    type("again");
    press(KEY_ESCAPE); // the menu is there: to power off, to reset
    CHECK_EQ(dialog.page, PAGE_MENU);
    CHECK(nothing_typed());
    shows("Factory reset");
    press(KEY_ESCAPE);
    CHECK_EQ(dialog.page, PAGE_UNLOCK);
    type("half");
    view.data = DATA_CHECKING; // a stick came meanwhile
    dialog_follow(&dialog, &view);
    CHECK_EQ(dialog.page, PAGE_HOME);
    CHECK(nothing_typed());
    shows("being checked");
}

static void a_new_passphrase_is_typed_twice(void) {
    world_begin("en", 80, 24);
    view.data = DATA_CHOOSING;
    view.choosing = ENCRYPTION_PASSPHRASE;
    dialog_follow(&dialog, &view);
    CHECK_EQ(dialog.page, PAGE_CHOOSE);
    type("1234567");
    press(KEY_ENTER);
    shows("at least 8 characters");
    CHECK_EQ(dialog.item, 0);
    type("8");
    press(KEY_ENTER);
    type("12345679");
    press(KEY_ENTER);
    shows("not the same");
    press(KEY_DOWN);
    press(KEY_ENTER);
    CHECK_EQ(requests, 0);
    CHECK_EQ(dialog.item, 1);
    press(KEY_BACKSPACE);
    type("8");
    press(KEY_ENTER);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_ENCRYPT);
    CHECK_STR(request.secret, "12345678");
    CHECK(nothing_typed());
    view.choosing = ENCRYPTION_STICK; // no form for that
    dialog_follow(&dialog, &view);
    CHECK_EQ(dialog.page, PAGE_HOME);
    shows("waiting for a second USB stick");
}

static void letters_beyond_ascii_are_told_and_passed_over(void) {
    static const char sentence[] = "Only letters, digits and signs of a US keyboard";
    world_begin("en", 80, 24);
    view.data = DATA_CHOOSING;
    view.choosing = ENCRYPTION_PASSPHRASE;
    dialog_follow(&dialog, &view);
    hides(sentence);
    press(KEY_OTHER); // the first key already
    shows(sentence);
    type("12345678"); // of which it is no part: it stays told
    shows(sentence);
    press(KEY_BACKSPACE);
    hides(sentence);
    type("8");
    press(KEY_OTHER);
    shows(sentence);
    press(KEY_ENTER); // the next line says nothing of it
    CHECK_EQ(dialog.item, 1);
    hides(sentence);
    type("12345678");
    press(KEY_OTHER);
    press(KEY_DOWN);
    press(KEY_ENTER); // nor does it hold anything up
    CHECK_EQ(requests, 1);
    CHECK_STR(request.secret, "12345678");
}

static void a_recovery_code_is_shown_once(void) {
    world_begin("en", 80, 24);
    snprintf(view.recovery, sizeof view.recovery, "k7qf-2m9x-abcd-efgh-ijkm-npqr");
    press(KEY_UP);
    CHECK_EQ(dialog.page, PAGE_NOTE);
    shows("k7qf-2m9x-abcd-efgh-ijkm-npqr");
    press('x');
    press(KEY_ESCAPE);
    CHECK_EQ(requests, 0);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_NOTED);
    view.recovery[0] = '\0';
    dialog_follow(&dialog, &view);
    CHECK_EQ(dialog.page, PAGE_HOME);
}

static void keys_are_changed_from_the_menu(void) {
    world_begin("en", 80, 24);
    press('m');
    hides("Encryption and keys");
    press('e');
    CHECK_EQ(dialog.page, PAGE_MENU);
    view.encrypted = true;
    shows("E  Encryption and keys");
    press('e');
    shows("Make a key stick");
    press('1');
    type("right horse");
    press(KEY_ENTER);
    type("better horse");
    press(KEY_ENTER);
    type("better horse");
    press(KEY_ENTER);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_KEY_PASSPHRASE);
    CHECK_STR(request.secret, "right horse");
    CHECK_STR(request.fresh, "better horse");
    CHECK(nothing_typed());
    CHECK_EQ(dialog.page, PAGE_WORK);
    dialog_outcome(&dialog, CONSOLE_KEY_PASSPHRASE, NULL);
    shows("new passphrase is in force");
    static const enum console_do what[] = {CONSOLE_KEY_STICK, CONSOLE_KEY_UNSTICK,
                                           CONSOLE_KEY_RECOVERY};
    for (int i = 0; i < 3; i++) {
        press(KEY_ENTER);
        press('m');
        press('E');
        press('2' + i);
        press(KEY_ENTER); // by the stick
        press(KEY_ENTER);
        CHECK_EQ(request.what, what[i]);
        CHECK_STR(request.secret, "");
        dialog_outcome(&dialog, what[i], NULL);
    }
    CHECK_EQ(requests, 4);
}

int main(void) {
    CHECK_RUN(locked_data_asks_for_the_passphrase);
    CHECK_RUN(a_new_passphrase_is_typed_twice);
    CHECK_RUN(letters_beyond_ascii_are_told_and_passed_over);
    CHECK_RUN(a_recovery_code_is_shown_once);
    CHECK_RUN(keys_are_changed_from_the_menu);
    return check_done();
}
