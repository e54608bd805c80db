// The console's pages: which one is open, what has been typed, what a key does. Pure: a view and a
// key in, a request out; drawing is a function of both onto a grid. One thread, no allocation.
#pragma once

#include "appliance/console/console.h"
#include "appliance/console/grid_private.h"
#include "appliance/console/keys_private.h"

enum page {
    PAGE_HOME,
    PAGE_MENU,
    PAGE_LANGUAGE,
    PAGE_DISK,       // which disk or stick
    PAGE_ENCRYPTION, // whether what is made is to be encrypted
    PAGE_KEYS,       // what is to be done to the keys
    PAGE_NOTE,       // a recovery code to write down
    PAGE_NETWORK,    // from here on: forms
    PAGE_TIME,
    PAGE_CONFIRM,
    PAGE_UNLOCK, // the passphrase
    PAGE_CHOOSE, // the passphrase of data that is made
    PAGE_KEY,    // a change of keys
    PAGE_WORK,   // something asked for is being done
    PAGE_OUTCOME,
    PAGE_COUNT
};

enum item_kind { ITEM_CHOICE, ITEM_TEXT, ITEM_SECRET, ITEM_BUTTON };
enum { FORM_ITEMS_MAX = 5, ITEM_BYTES = VAULT_SECRET_BYTES };

// One line of a form.
struct item {
    enum item_kind kind;
    const char *label;   // key of a message
    const char *allowed; // characters that can be typed; NULL: all of ASCII
};

struct dialog {
    enum page page;
    enum console_do what; // that the page is about
    char language[8];
    int chosen; // of a list
    char disk[DISK_NAME_BYTES];
    char copy[CONSOLE_COPY_BYTES]; // instead of a disk
    bool older;                    // the update on it is older than what runs
    int item;                      // of a form, where the keys act
    char typed[FORM_ITEMS_MAX][ITEM_BYTES];
    bool fixed; // the network form's choice
    enum encryption encryption;
    bool other; // something beyond ASCII was typed there, and passed over
    bool tried; // the button has been pressed: what is wrong is told at every item
    int scroll, scroll_most;
    bool news;            // an outcome waits until a form is left
    struct fault outcome; // code "": done
    enum console_do outcome_of;
};

void dialog_open(struct dialog *dialog, const char *language);
// True: *out is what the person asks.
bool dialog_key(struct dialog *dialog, const struct console_view *view, int key,
                struct console_request *out);
// Goes to the page that the view asks for, when no other is open: the data wants a passphrase, a
// code is to be written down; and leaves it when that is over.
void dialog_follow(struct dialog *dialog, const struct console_view *view);
void dialog_outcome(struct dialog *dialog, enum console_do what, const struct fault *fault);

// ---- for drawing --------------------------------------------------------------------------------
// The lines of the open form; 0: it is none.
int dialog_items(const struct dialog *dialog, const struct item **out);
// Key of the sentence about what is wrong with an item, NULL: nothing.
const char *dialog_wrong(const struct dialog *dialog, const struct console_view *view, int item);
// What can be chosen for dialog->what: disks, and for restoring the box's own copies behind them.
// One of the two is NULL; valid as long as the view. The chosen one's place in *chosen, 0 while
// there is none.
struct dialog_source {
    const struct console_disk *disk;
    const struct console_copy *copy;
};
enum { DIALOG_SOURCES_MAX = CONSOLE_DISKS_MAX + CONSOLE_COPIES_MAX };
int dialog_sources(const struct dialog *dialog, const struct console_view *view,
                   struct dialog_source out[static DIALOG_SOURCES_MAX], int *chosen);
// The chosen one, if it is still there; else both are NULL.
struct dialog_source dialog_source(const struct dialog *dialog, const struct console_view *view);
// What must be typed to go on; "": nothing.
const char *dialog_word(const struct dialog *dialog);
// CONSOLE_NOTHING behind the last.
enum console_do dialog_menu(const struct console_view *view, int place);
enum console_do dialog_keys_menu(int place);

// ---- dialog_keys.c, for dialog.c ----------------------------------------------------------------
bool dialog_on_keys(const struct dialog *dialog); // one of the forms for passphrases
int dialog_keys_items(const struct dialog *dialog, const struct item **out);
const char *dialog_keys_wrong(const struct dialog *dialog, int item);
void dialog_keys_fill(const struct dialog *dialog, struct console_request *out);

// Draws the open page in `language`; `page` is room to draw in, as wide as *grid. How many rows
// were left out below: how far one can scroll.
int dialog_draw(const struct dialog *dialog, const struct console_view *view,
                const struct appliance_texts *texts, const char *language, struct grid *page,
                struct grid *grid);
