// The console's forms for passphrases.
#include <string.h>

#include "appliance/console/dialog_private.h"

static const enum console_do menu[] = {CONSOLE_KEY_PASSPHRASE, CONSOLE_KEY_STICK,
                                       CONSOLE_KEY_UNSTICK, CONSOLE_KEY_RECOVERY};

enum console_do dialog_keys_menu(int place) {
    bool there = place >= 0 && place < (int)(sizeof menu / sizeof menu[0]);
    return there ? menu[place] : CONSOLE_NOTHING;
}

bool dialog_on_keys(const struct dialog *dialog) {
    return dialog->page >= PAGE_UNLOCK && dialog->page <= PAGE_KEY;
}

int dialog_keys_items(const struct dialog *dialog, const struct item **out) {
    static const struct item unlock[] = {
        {ITEM_SECRET, "appliance.console.key_secret", NULL},
        {ITEM_BUTTON, "appliance.console.key_open", ""},
    };
    static const struct item change[] = {
        {ITEM_SECRET, "appliance.console.key_now", NULL},
        {ITEM_SECRET, "appliance.console.key_new", NULL},
        {ITEM_SECRET, "appliance.console.key_again", NULL},
        {ITEM_BUTTON, "appliance.console.go", ""},
    };
    static const struct item proof[] = {
        {ITEM_SECRET, "appliance.console.key_now", NULL},
        {ITEM_BUTTON, "appliance.console.go", ""},
    };
    if (dialog->page == PAGE_UNLOCK) {
        *out = unlock;
        return 2;
    }
    bool whole = dialog->page == PAGE_KEY;
    *out = whole ? change : change + 1;
    if (!whole) return 3;
    if (dialog->what == CONSOLE_KEY_PASSPHRASE) return 4;
    *out = proof;
    return 2;
}

// The place of the new passphrase in the form; -1: there is none. The one behind it repeats it.
static int fresh_place(const struct dialog *dialog) {
    if (dialog->page == PAGE_CHOOSE) return 0;
    return dialog->page == PAGE_KEY && dialog->what == CONSOLE_KEY_PASSPHRASE ? 1 : -1;
}

const char *dialog_keys_wrong(const struct dialog *dialog, int item) {
    int fresh = fresh_place(dialog);
    if (dialog->page == PAGE_UNLOCK) {
        return item == 0 && !dialog->typed[0][0] ? "appliance.console.wrong_empty" : NULL;
    }
    if (fresh < 0) return NULL;
    if (item == fresh && strlen(dialog->typed[fresh]) < VAULT_SECRET_LEAST) {
        return "appliance.short_passphrase";
    }
    bool other = strcmp(dialog->typed[fresh], dialog->typed[fresh + 1]) != 0;
    return item == fresh + 1 && other ? "appliance.console.wrong_again" : NULL;
}

void dialog_keys_fill(const struct dialog *dialog, struct console_request *out) {
    int fresh = fresh_place(dialog);
    const char *secret = dialog->typed[0];
    if (dialog->page == PAGE_UNLOCK) out->what = CONSOLE_UNLOCK;
    if (dialog->page == PAGE_CHOOSE) out->what = CONSOLE_ENCRYPT;
    (void)str_copy(out->secret, sizeof out->secret, str_of(secret));
    if (fresh > 0) {
        (void)str_copy(out->fresh, sizeof out->fresh, str_of(dialog->typed[fresh]));
    }
}
