// What keys do on each page.
#include "appliance/console/dialog_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"

enum { YEAR_LEAST = 2024, YEAR_MOST = 2099, MINUTE_MS = 60 * 1000, DAY_MINUTES = 24 * 60 };

// The forms' items, by place.
enum { NETWORK_MODE, NETWORK_ADDRESS, NETWORK_PREFIX, NETWORK_GATEWAY, NETWORK_SAVE };
enum { TIME_DATE, TIME_CLOCK, TIME_SAVE };

// As on the menu: digits 1 to 9, then 0, then E.
static const enum console_do menu[] = {
    CONSOLE_NETWORK, CONSOLE_TIME,      CONSOLE_LANGUAGE, CONSOLE_UPDATE,
    CONSOLE_BACKUP,  CONSOLE_RESTORE,   CONSOLE_INSTALL,  CONSOLE_FACTORY_RESET,
    CONSOLE_RESTART, CONSOLE_POWER_OFF, CONSOLE_KEYS,
};
enum { MENU_COUNT = sizeof menu / sizeof menu[0], MENU_POWER_OFF = 9, MENU_KEYS = 10 };

// The last is only there when the data is encrypted.
static int menu_count(const struct console_view *view) {
    return view->encrypted && view->data == DATA_MOUNTED ? MENU_COUNT : MENU_COUNT - 1;
}

enum console_do dialog_menu(const struct console_view *view, int place) {
    return place >= 0 && place < menu_count(view) ? menu[place] : CONSOLE_NOTHING;
}

void dialog_open(struct dialog *dialog, const char *language) {
    *dialog = (struct dialog){.page = PAGE_HOME};
    (void)str_copy(dialog->language, sizeof dialog->language, str_of(language));
}

static void page_go(struct dialog *dialog, enum page page) {
    dialog->page = page;
    dialog->scroll = dialog->item = 0;
    dialog->tried = dialog->other = false;
}

static void menu_go(struct dialog *dialog) {
    int place = 0;
    if (dialog_on_keys(dialog)) bytes_wipe(dialog->typed, sizeof dialog->typed);
    if (dialog->what >= CONSOLE_KEYS) dialog->what = CONSOLE_KEYS;
    while (place < MENU_COUNT && menu[place] != dialog->what) place++;
    dialog->chosen = place < MENU_COUNT ? place : 0;
    page_go(dialog, dialog->news ? PAGE_OUTCOME : PAGE_MENU);
}

static void home_go(struct dialog *dialog) {
    dialog->what = CONSOLE_NOTHING;
    page_go(dialog, dialog->news ? PAGE_OUTCOME : PAGE_HOME);
}

void dialog_outcome(struct dialog *dialog, enum console_do what, const struct fault *fault) {
    dialog->outcome = fault ? *fault : (struct fault){0};
    dialog->outcome_of = what;
    dialog->news = true;
    bool typing = dialog->page >= PAGE_LANGUAGE && dialog->page < PAGE_WORK;
    if (!typing) page_go(dialog, PAGE_OUTCOME);
}

// ---- disks --------------------------------------------------------------------------------------
static bool disk_offered(enum console_do what, const struct console_disk *disk) {
    if (disk->own) return false;
    return what == CONSOLE_INSTALL ? !disk->removable : disk->removable;
}

static bool source_chosen(const struct dialog *dialog, const struct dialog_source *source) {
    if (source->copy) return strcmp(source->copy->name, dialog->copy) == 0;
    return !dialog->copy[0] && strcmp(source->disk->name, dialog->disk) == 0;
}

int dialog_sources(const struct dialog *dialog, const struct console_view *view,
                   struct dialog_source out[static DIALOG_SOURCES_MAX], int *chosen) {
    int count = 0;
    *chosen = 0;
    for (int i = 0; i < view->disk_count; i++) {
        if (!disk_offered(dialog->what, &view->disks[i])) continue;
        out[count++] = (struct dialog_source){.disk = &view->disks[i]};
    }
    for (int i = 0; i < view->copy_count && dialog->what == CONSOLE_RESTORE; i++) {
        out[count++] = (struct dialog_source){.copy = &view->copies[i]};
    }
    for (int i = 0; i < count; i++) {
        if (source_chosen(dialog, &out[i])) *chosen = i;
    }
    return count;
}

struct dialog_source dialog_source(const struct dialog *dialog, const struct console_view *view) {
    struct dialog_source sources[DIALOG_SOURCES_MAX];
    int chosen, count = dialog_sources(dialog, view, sources, &chosen);
    bool there = count > 0 && source_chosen(dialog, &sources[chosen]);
    return there ? sources[chosen] : (struct dialog_source){0};
}

static bool needs_disk(enum console_do what) {
    return what >= CONSOLE_UPDATE && what <= CONSOLE_INSTALL;
}

const char *dialog_word(const struct dialog *dialog) {
    switch (dialog->what) {
    case CONSOLE_INSTALL: return dialog->disk;
    case CONSOLE_UPDATE: return dialog->older ? "downgrade" : "";
    case CONSOLE_RESTORE: return "restore";
    case CONSOLE_FACTORY_RESET: return "erase";
    default: return "";
    }
}

// ---- forms --------------------------------------------------------------------------------------
int dialog_items(const struct dialog *dialog, const struct item **out) {
    static const struct item network[] = {
        {ITEM_CHOICE, "appliance.console.network_mode", ""},
        {ITEM_TEXT, "appliance.console.network_address", "0123456789."},
        {ITEM_TEXT, "appliance.console.network_prefix", "0123456789"},
        {ITEM_TEXT, "appliance.console.network_gateway", "0123456789."},
        {ITEM_BUTTON, "appliance.console.save", ""},
    };
    static const struct item clock[] = {
        {ITEM_TEXT, "appliance.console.time_date", "0123456789-"},
        {ITEM_TEXT, "appliance.console.time_clock", "0123456789:"},
        {ITEM_BUTTON, "appliance.console.save", ""},
    };
    static const struct item confirm[] = {
        {ITEM_TEXT, "appliance.console.confirm_word", NULL},
        {ITEM_BUTTON, "appliance.console.go", ""},
    };
    bool word = dialog_word(dialog)[0] != '\0';
    if (dialog_on_keys(dialog)) return dialog_keys_items(dialog, out);
    switch (dialog->page) {
    case PAGE_NETWORK: *out = network; return sizeof network / sizeof network[0];
    case PAGE_TIME: *out = clock; return sizeof clock / sizeof clock[0];
    case PAGE_CONFIRM: *out = word ? confirm : confirm + 1; return word ? 2 : 1;
    default: *out = NULL; return 0;
    }
}

static bool item_shown(const struct dialog *dialog, int item) {
    bool address = item >= NETWORK_ADDRESS && item <= NETWORK_GATEWAY;
    return dialog->page != PAGE_NETWORK || dialog->fixed || !address;
}

static struct str typed(const struct dialog *dialog, int item) {
    return str_of(dialog->typed[item]);
}

static bool address_typed(const struct dialog *dialog, int item, struct in_addr *address,
                          uint8_t *prefix) {
    char text[2 * ITEM_BYTES + 1];
    snprintf(text, sizeof text, "%s/%s", dialog->typed[item], dialog->typed[NETWORK_PREFIX]);
    return settings_address(str_of(text), address, prefix);
}

static bool prefix_typed(const struct dialog *dialog) {
    uint64_t bits;
    return str_to_u64(typed(dialog, NETWORK_PREFIX), &bits) && bits >= 1 && bits <= 30;
}

static const char *network_wrong(const struct dialog *dialog, int item) {
    struct in_addr address, gateway, plain;
    uint8_t prefix;
    if (!dialog->fixed) return NULL;
    bool sound = address_typed(dialog, NETWORK_ADDRESS, &address, &prefix);
    switch (item) {
    case NETWORK_ADDRESS:
        if (inet_pton(AF_INET, dialog->typed[item], &plain) != 1) {
            return "appliance.console.wrong_address";
        }
        return sound || !prefix_typed(dialog) ? NULL : "appliance.console.wrong_host";
    case NETWORK_PREFIX: return prefix_typed(dialog) ? NULL : "appliance.console.wrong_prefix";
    case NETWORK_GATEWAY:
        if (dialog->typed[item][0] == '\0') return NULL; // none
        if (inet_pton(AF_INET, dialog->typed[item], &plain) != 1) {
            return "appliance.console.wrong_gateway";
        }
        if (!sound) return NULL; // the address tells first
        if (!address_typed(dialog, item, &gateway, &prefix) ||
            ((ntohl(gateway.s_addr) ^ ntohl(address.s_addr)) >> (32 - prefix)) != 0 ||
            gateway.s_addr == address.s_addr) {
            return "appliance.console.wrong_gateway_net";
        }
        return NULL;
    default: return NULL;
    }
}

static bool number_cut(struct str *text, char separator, size_t digits, unsigned *out) {
    uint64_t value;
    struct str part = separator ? str_cut(*text, separator, text) : *text;
    if (part.size == 0 || part.size > digits || !str_to_u64(part, &value)) return false;
    *out = (unsigned)value;
    return true;
}

static bool date_read(struct str text, int64_t *days) {
    unsigned year, month, day, same_month, same_day;
    int64_t same_year;
    if (!number_cut(&text, '-', 4, &year) || !number_cut(&text, '-', 2, &month) ||
        !number_cut(&text, 0, 2, &day)) {
        return false;
    }
    if (year < YEAR_LEAST || year > YEAR_MOST || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    civil_from_days(*days, &same_year, &same_month, &same_day);
    return same_month == month && same_day == day; // no 30 February
}

static bool clock_read(struct str text, int64_t *minutes) {
    unsigned hour, minute;
    if (!number_cut(&text, ':', 2, &hour) || !number_cut(&text, 0, 2, &minute)) return false;
    *minutes = (int64_t)hour * 60 + minute;
    return hour < 24 && minute < 60;
}

static const char *time_wrong(const struct dialog *dialog, int item) {
    int64_t value;
    if (item == TIME_DATE && !date_read(typed(dialog, item), &value)) {
        return "appliance.console.wrong_date";
    }
    if (item == TIME_CLOCK && !clock_read(typed(dialog, item), &value)) {
        return "appliance.console.wrong_clock";
    }
    return NULL;
}

const char *dialog_wrong(const struct dialog *dialog, const struct console_view *view, int item) {
    const char *word = dialog_word(dialog);
    if (dialog->page == PAGE_NETWORK) return network_wrong(dialog, item);
    if (dialog->page == PAGE_TIME) return time_wrong(dialog, item);
    if (dialog_on_keys(dialog)) return dialog_keys_wrong(dialog, item);
    if (dialog->page != PAGE_CONFIRM) return NULL;
    struct dialog_source source = dialog_source(dialog, view);
    if (needs_disk(dialog->what) && !source.disk && !source.copy) {
        return "appliance.console.wrong_disk_gone";
    }
    bool other = word[0] && item == 0 && !str_is(typed(dialog, 0), word);
    return other ? "appliance.console.wrong_word" : NULL;
}

// ---- opening pages ------------------------------------------------------------------------------
static void network_open(struct dialog *dialog, const struct settings *settings) {
    memset(dialog->typed, 0, sizeof dialog->typed);
    dialog->fixed = settings->fixed;
    if (settings->fixed) {
        inet_ntop(AF_INET, &settings->address, dialog->typed[NETWORK_ADDRESS], ITEM_BYTES);
        snprintf(dialog->typed[NETWORK_PREFIX], ITEM_BYTES, "%u", settings->prefix);
        if (settings->gateway.s_addr) {
            inet_ntop(AF_INET, &settings->gateway, dialog->typed[NETWORK_GATEWAY], ITEM_BYTES);
        }
    } else {
        snprintf(dialog->typed[NETWORK_PREFIX], ITEM_BYTES, "24");
    }
    page_go(dialog, PAGE_NETWORK);
}

static void time_open(struct dialog *dialog, int zone_minutes) {
    int64_t minutes = clock_now_ms() / MINUTE_MS + zone_minutes, year;
    unsigned month, day, of_day = (unsigned)(minutes % DAY_MINUTES);
    civil_from_days(minutes / DAY_MINUTES, &year, &month, &day);
    memset(dialog->typed, 0, sizeof dialog->typed);
    snprintf(dialog->typed[TIME_DATE], ITEM_BYTES, "%04d-%02u-%02u", (int)year, month, day);
    snprintf(dialog->typed[TIME_CLOCK], ITEM_BYTES, "%02u:%02u", of_day / 60, of_day % 60);
    page_go(dialog, PAGE_TIME);
}

static void confirm_open(struct dialog *dialog) {
    memset(dialog->typed, 0, sizeof dialog->typed);
    page_go(dialog, PAGE_CONFIRM);
}

static void encryption_open(struct dialog *dialog, const struct console_view *view) {
    dialog->encryption = view->settings.encryption;
    page_go(dialog, PAGE_ENCRYPTION);
    dialog->chosen = (int)dialog->encryption;
}

static void keys_open(struct dialog *dialog, enum page page) {
    bytes_wipe(dialog->typed, sizeof dialog->typed);
    page_go(dialog, page);
}

void dialog_follow(struct dialog *dialog, const struct console_view *view) {
    bool tried = view->data == DATA_OPENING;
    bool locked = view->data == DATA_LOCKED;
    bool choosing = view->data == DATA_CHOOSING && view->choosing == ENCRYPTION_PASSPHRASE;
    bool noted = view->recovery[0] == '\0';
    bool over = (dialog->page == PAGE_UNLOCK && !locked && !tried) ||
                (dialog->page == PAGE_CHOOSE && !choosing && !tried) ||
                (dialog->page == PAGE_NOTE && noted);
    if (over) bytes_wipe(dialog->typed, sizeof dialog->typed);
    if (over) home_go(dialog);
    if (dialog->page != PAGE_HOME) return;
    if (locked || choosing) {
        keys_open(dialog, locked ? PAGE_UNLOCK : PAGE_CHOOSE);
    } else if (!noted) {
        page_go(dialog, PAGE_NOTE);
    }
}

static void choice_open(struct dialog *dialog, const struct console_view *view,
                        enum console_do what) {
    dialog->what = what;
    dialog->disk[0] = dialog->copy[0] = '\0';
    if (what == CONSOLE_NETWORK) {
        network_open(dialog, &view->settings);
    } else if (what == CONSOLE_TIME) {
        time_open(dialog, view->zone_minutes);
    } else if (what == CONSOLE_LANGUAGE) {
        dialog->chosen = strcmp(dialog->language, "en") == 0;
        page_go(dialog, PAGE_LANGUAGE);
    } else if (view->work.what != CONSOLE_NOTHING) {
        page_go(dialog, PAGE_WORK); // one long work at a time
        dialog->what = view->work.what;
    } else if (needs_disk(what)) {
        page_go(dialog, PAGE_DISK);
    } else if (what == CONSOLE_FACTORY_RESET) {
        encryption_open(dialog, view);
    } else if (what == CONSOLE_KEYS) {
        page_go(dialog, PAGE_KEYS);
        dialog->chosen = 0;
    } else {
        confirm_open(dialog);
    }
}

// ---- keys ---------------------------------------------------------------------------------------
static int moved(int place, int count, int key) {
    int step = key == KEY_UP || key == KEY_BACK_TAB ? -1 : key == KEY_DOWN || key == KEY_TAB;
    if (key == KEY_HOME || key == KEY_PAGE_UP) return 0;
    if (key == KEY_END || key == KEY_PAGE_DOWN) return count > 0 ? count - 1 : 0;
    return count > 0 ? (place + step + count) % count : 0;
}

static bool language_ask(struct dialog *dialog, const struct console_view *view,
                         const char *language, struct console_request *out) {
    (void)str_copy(dialog->language, sizeof dialog->language, str_of(language));
    *out = (struct console_request){.what = CONSOLE_LANGUAGE, .settings = view->settings};
    (void)str_copy(out->settings.language, sizeof out->settings.language, str_of(language));
    return true;
}

static bool home_key(struct dialog *dialog, const struct console_view *view, int key,
                     struct console_request *out) {
    if (key == KEY_ENTER || key == KEY_ESCAPE || key == 'm') menu_go(dialog);
    if (key == 'l' || key == 'L') {
        bool english = strcmp(dialog->language, "en") == 0;
        return language_ask(dialog, view, english ? "zh-CN" : "en", out);
    }
    int step = key == KEY_UP ? -1 : key == KEY_DOWN;
    int wanted = dialog->scroll + step;
    if (wanted >= 0 && wanted <= dialog->scroll_most) dialog->scroll = wanted;
    return false;
}

static void menu_key(struct dialog *dialog, const struct console_view *view, int key) {
    if (key == KEY_ESCAPE) {
        home_go(dialog);
    } else if (key == KEY_ENTER) {
        choice_open(dialog, view, menu[dialog->chosen]);
    } else if (key >= '0' && key <= '9') {
        choice_open(dialog, view, menu[key == '0' ? MENU_POWER_OFF : key - '1']);
    } else if ((key == 'e' || key == 'E') && menu_count(view) > MENU_KEYS) {
        choice_open(dialog, view, CONSOLE_KEYS);
    } else {
        dialog->chosen = moved(dialog->chosen, menu_count(view), key);
    }
}

static bool language_key(struct dialog *dialog, const struct console_view *view, int key,
                         struct console_request *out) {
    static const char *const languages[] = {"zh-CN", "en"};
    if (key == '1' || key == '2') dialog->chosen = key - '1';
    if (key == KEY_ENTER || key == '1' || key == '2') {
        const char *language = languages[dialog->chosen];
        menu_go(dialog);
        return language_ask(dialog, view, language, out);
    }
    if (key == KEY_ESCAPE) {
        menu_go(dialog);
    } else {
        dialog->chosen = moved(dialog->chosen, 2, key);
    }
    return false;
}

static void source_choose(struct dialog *dialog, const struct dialog_source *source) {
    const char *disk = source->disk ? source->disk->name : "";
    const char *copy = source->copy ? source->copy->name : "";
    (void)str_copy(dialog->disk, sizeof dialog->disk, str_of(disk));
    (void)str_copy(dialog->copy, sizeof dialog->copy, str_of(copy));
    dialog->older = source->disk && source->disk->older;
}

static void disk_key(struct dialog *dialog, const struct console_view *view, int key) {
    struct dialog_source sources[DIALOG_SOURCES_MAX];
    int chosen, count = dialog_sources(dialog, view, sources, &chosen);
    if (key == KEY_ESCAPE) {
        menu_go(dialog);
    } else if (count > 0) {
        if (key >= '1' && key < '1' + count) chosen = key - '1';
        source_choose(dialog, &sources[moved(chosen, count, key)]);
        if (key != KEY_ENTER && !(key >= '1' && key < '1' + count)) return;
        if (dialog->what == CONSOLE_INSTALL) {
            encryption_open(dialog, view);
        } else {
            confirm_open(dialog);
        }
    }
}

// A list of `count` lines. True when one has been chosen.
static bool list_key(struct dialog *dialog, int count, int key) {
    bool digit = key >= '1' && key < '1' + count;
    if (key == KEY_ESCAPE) {
        menu_go(dialog);
        return false;
    }
    dialog->chosen = digit ? key - '1' : moved(dialog->chosen, count, key);
    return digit || key == KEY_ENTER;
}

static void encryption_key(struct dialog *dialog, int key) {
    if (!list_key(dialog, ENCRYPTION_COUNT, key)) return;
    dialog->encryption = (enum encryption)dialog->chosen;
    confirm_open(dialog);
}

static void keys_key(struct dialog *dialog, int key) {
    int count = 0;
    while (dialog_keys_menu(count) != CONSOLE_NOTHING) count++;
    if (!list_key(dialog, count, key)) return;
    dialog->what = dialog_keys_menu(dialog->chosen);
    keys_open(dialog, PAGE_KEY);
}

static bool note_key(const struct console_view *view, int key, struct console_request *out) {
    *out = (struct console_request){.what = CONSOLE_NOTED, .settings = view->settings};
    return key == KEY_ENTER;
}

static void request_fill(const struct dialog *dialog, const struct console_view *view,
                         struct console_request *out) {
    int64_t days = 0, minutes = 0;
    *out = (struct console_request){.what = dialog->what, .settings = view->settings};
    memcpy(out->disk, dialog->disk, sizeof out->disk);
    memcpy(out->copy, dialog->copy, sizeof out->copy);
    out->downgrade = dialog->what == CONSOLE_UPDATE && dialog->older;
    out->encryption = dialog->encryption;
    if (dialog_on_keys(dialog)) dialog_keys_fill(dialog, out);
    if (dialog->what == CONSOLE_NETWORK) {
        struct settings *settings = &out->settings;
        uint8_t prefix;
        settings->fixed = dialog->fixed;
        settings->gateway.s_addr = 0;
        if (!dialog->fixed) return;
        (void)address_typed(dialog, NETWORK_ADDRESS, &settings->address, &settings->prefix);
        (void)address_typed(dialog, NETWORK_GATEWAY, &settings->gateway, &prefix);
    }
    if (dialog->what == CONSOLE_TIME) {
        (void)date_read(typed(dialog, TIME_DATE), &days);
        (void)clock_read(typed(dialog, TIME_CLOCK), &minutes);
        out->time_ms = (days * DAY_MINUTES + minutes - view->zone_minutes) * MINUTE_MS;
    }
}

// The button: everything right, or to the first item that is not.
static bool form_send(struct dialog *dialog, const struct console_view *view, int count,
                      struct console_request *out) {
    dialog->tried = true;
    for (int i = 0; i < count; i++) {
        if (!dialog_wrong(dialog, view, i)) continue;
        dialog->item = i;
        return false;
    }
    request_fill(dialog, view, out);
    bool stays = dialog->page == PAGE_UNLOCK || dialog->page == PAGE_CHOOSE;
    if (dialog_on_keys(dialog)) bytes_wipe(dialog->typed, sizeof dialog->typed);
    page_go(dialog, stays ? dialog->page : PAGE_WORK);
    return true;
}

static void item_type(struct dialog *dialog, const struct item *item, int key) {
    char *text = dialog->typed[dialog->item];
    size_t size = strlen(text);
    if ((key == KEY_BACKSPACE || key == KEY_DELETE) && size > 0) text[size - 1] = '\0';
    if (key == KEY_OTHER) dialog->other = true; // told until it is typed anew
    if (key == KEY_BACKSPACE || key == KEY_DELETE) dialog->other = false;
    bool blank = key == ' ' && item->kind == ITEM_SECRET;
    bool plain =
        (blank || key > ' ') && key <= '~' && (!item->allowed || strchr(item->allowed, key));
    if (!plain || size + 1 >= ITEM_BYTES) return;
    text[size] = (char)key;
    text[size + 1] = '\0';
}

static bool form_key(struct dialog *dialog, const struct console_view *view, int key,
                     struct console_request *out) {
    const struct item *items;
    int count = dialog_items(dialog, &items);
    const struct item *item = &items[dialog->item];
    if (key == KEY_ESCAPE) {
        menu_go(dialog);
        return false;
    }
    bool sends = item->kind == ITEM_BUTTON || dialog->page == PAGE_UNLOCK;
    if (key == KEY_ENTER && sends) return form_send(dialog, view, count, out);
    if (key == KEY_ENTER) {
        bool wrong = dialog_wrong(dialog, view, dialog->item) != NULL;
        dialog->tried |= wrong;
        if (wrong) return false;
        key = KEY_DOWN;
    }
    bool moves = key == KEY_UP || key == KEY_DOWN || key == KEY_TAB || key == KEY_BACK_TAB;
    if (moves) {
        dialog->other = false;
        do dialog->item = moved(dialog->item, count, key);
        while (!item_shown(dialog, dialog->item));
    } else if (item->kind == ITEM_CHOICE) {
        if (key == KEY_LEFT || key == KEY_RIGHT || key == ' ') dialog->fixed = !dialog->fixed;
    } else if (item->kind != ITEM_BUTTON) {
        item_type(dialog, item, key);
    }
    return false;
}

static bool work_key(struct dialog *dialog, const struct console_view *view, int key,
                     struct console_request *out) {
    if (key == KEY_ESCAPE) home_go(dialog);
    bool stop = key == 'c' || key == 'C' || key == KEY_DELETE;
    if (!stop || view->work.what == CONSOLE_NOTHING || !view->work.stoppable) return false;
    *out = (struct console_request){.what = CONSOLE_CANCEL, .settings = view->settings};
    return true;
}

static bool page_key(struct dialog *dialog, const struct console_view *view, int key,
                     struct console_request *out) {
    switch (dialog->page) {
    case PAGE_HOME: return home_key(dialog, view, key, out);
    case PAGE_MENU: menu_key(dialog, view, key); break;
    case PAGE_LANGUAGE: return language_key(dialog, view, key, out);
    case PAGE_DISK: disk_key(dialog, view, key); break;
    case PAGE_ENCRYPTION: encryption_key(dialog, key); break;
    case PAGE_KEYS: keys_key(dialog, key); break;
    case PAGE_NOTE: return note_key(view, key, out);
    case PAGE_NETWORK:
    case PAGE_TIME:
    case PAGE_CONFIRM:
    case PAGE_UNLOCK:
    case PAGE_CHOOSE:
    case PAGE_KEY: return form_key(dialog, view, key, out);
    case PAGE_WORK: return work_key(dialog, view, key, out);
    case PAGE_OUTCOME:
        if (key != KEY_ENTER && key != KEY_ESCAPE) return false;
        dialog->news = false;
        home_go(dialog);
        break;
    case PAGE_COUNT: break;
    }
    return false;
}

bool dialog_key(struct dialog *dialog, const struct console_view *view, int key,
                struct console_request *out) {
    bool asks = page_key(dialog, view, key, out);
    dialog_follow(dialog, view);
    return asks;
}
