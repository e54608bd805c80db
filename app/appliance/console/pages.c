// The console's pages, drawn: a bar above, the page's lines, what the keys do in the bar below.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "appliance/console/dialog_private.h"
#include "base/clock.h"
#include "base/sentence.h"

enum {
    SENTENCE_BYTES = 2048,
    LABEL_COLUMNS = 18,  // of what stands before a value
    NARROW_COLUMNS = 56, // below it values stand under their labels
    COLUMNS_LEAST = 24,  // smaller screens show one sentence
    ROWS_LEAST = 6,
    ROWS_AIRY = 28,    // from here on blank lines are left
    TEXT_COLUMNS = 86, // wider lines are hard to read
    BAR_COLUMNS = 40,  // of progress
};

struct drawing {
    const struct dialog *dialog;
    const struct console_view *view;
    const struct appliance_texts *texts;
    const char *language;
    bool airy; // there is room for blank lines
    struct pen pen;
    int focus; // the row that must be seen; -1: none
};

// ---- sentences ----------------------------------------------------------------------------------
static struct str text_of(const struct drawing *drawing, const char *key) {
    return str_of(drawing->texts->text(drawing->language, key));
}

static void say(struct drawing *drawing, enum ink ink, const char *key, const struct place *places,
                size_t count) {
    struct buf sentence;
    buf_open(&sentence, SENTENCE_BYTES);
    sentence_fill(&sentence, text_of(drawing, key), places, count);
    pen_write(&drawing->pen, ink, buf_str(&sentence));
    buf_close(&sentence);
}

static void say_line(struct drawing *drawing, enum ink ink, const char *key) {
    say(drawing, ink, key, NULL, 0);
    pen_down(&drawing->pen, 1);
}

static const char *bytes_text(char text[static 24], uint64_t bytes) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < sizeof units / sizeof units[0]; unit++) value /= 1000;
    snprintf(text, 24, "%.*f %s", unit == 0 || value >= 100 ? 0 : 1, value, units[unit]);
    return text;
}

static void say_fault(struct drawing *drawing, const struct fault *fault) {
    char row[24], column[24], hint[FAULT_CODE_SIZE + 8];
    snprintf(row, sizeof row, "%" PRIu64, fault->row);
    snprintf(column, sizeof column, "%" PRIu64, fault->column);
    const struct place places[] = {
        {"row", str_of(row)}, {"column", str_of(column)}, {"detail", str_of(fault->detail)}};
    say(drawing, INK_BAD, fault->code, places, sizeof places / sizeof places[0]);
    pen_down(&drawing->pen, 1);
    snprintf(hint, sizeof hint, "%s.hint", fault->code);
    if (str_is(text_of(drawing, hint), hint)) return; // there is none
    say(drawing, INK_TEXT, hint, places, sizeof places / sizeof places[0]);
    pen_down(&drawing->pen, 1);
}

static const char *title_of(enum console_do what) {
    switch (what) {
    case CONSOLE_NETWORK: return "appliance.console.network";
    case CONSOLE_LANGUAGE: return "appliance.console.language";
    case CONSOLE_TIME: return "appliance.console.time";
    case CONSOLE_UPDATE: return "appliance.console.update";
    case CONSOLE_BACKUP: return "appliance.console.backup";
    case CONSOLE_RESTORE: return "appliance.console.restore";
    case CONSOLE_INSTALL: return "appliance.console.install";
    case CONSOLE_FACTORY_RESET: return "appliance.console.factory_reset";
    case CONSOLE_RESTART: return "appliance.console.restart";
    case CONSOLE_POWER_OFF: return "appliance.console.power_off";
    case CONSOLE_CANCEL: return "appliance.console.cancel";
    case CONSOLE_KEYS: return "appliance.console.keys";
    case CONSOLE_KEY_PASSPHRASE: return "appliance.console.key_passphrase";
    case CONSOLE_KEY_STICK: return "appliance.console.key_stick";
    case CONSOLE_KEY_UNSTICK: return "appliance.console.key_unstick";
    case CONSOLE_KEY_RECOVERY: return "appliance.console.key_recovery";
    default: break;
    }
    return "appliance.console.menu";
}

// ---- home ---------------------------------------------------------------------------------------
// Label on the left; what follows is written at the place this leaves.
static void label(struct drawing *drawing, const char *key) {
    struct pen *pen = &drawing->pen;
    bool narrow = pen->grid->columns < NARROW_COLUMNS;
    pen_write(pen, INK_DIM, text_of(drawing, key));
    pen->left += narrow ? 2 : LABEL_COLUMNS;
    if (narrow) pen->row++;
    pen->column = pen->left;
}

static void label_end(struct drawing *drawing) {
    struct pen *pen = &drawing->pen;
    pen->left -= pen->grid->columns < NARROW_COLUMNS ? 2 : LABEL_COLUMNS;
    pen_down(pen, 1);
}

static void line(struct drawing *drawing, const char *name, enum ink ink, const char *key,
                 const struct place *places, size_t count) {
    label(drawing, name);
    say(drawing, ink, key, places, count);
    label_end(drawing);
}

// What is wrong and what to do, below the addresses, if there are any nevertheless.
static void network_fault(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    if (!view->network_fault.code[0]) return;
    if (view->address_count > 0) pen_down(&drawing->pen, 1);
    if (view->network_card[0]) {
        pen_write(&drawing->pen, INK_BAD, str_of(view->network_card));
        pen_write(&drawing->pen, INK_BAD, STR(": "));
    }
    say_fault(drawing, &view->network_fault);
    drawing->pen.row--; // label_end goes on below
}

static void addresses(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    label(drawing, "appliance.console.address");
    if (view->address_count == 0 && !view->network_fault.code[0]) {
        say(drawing, INK_WARN,
            view->cable ? "appliance.console.address_none" : "appliance.console.address_no_cable",
            NULL, 0);
    }
    for (int i = 0; i < view->address_count; i++) {
        char text[CONSOLE_ADDRESS_BYTES + 24], port[8] = "";
        if (view->port != 443) snprintf(port, sizeof port, ":%u", view->port);
        snprintf(text, sizeof text, "https://%s%s/", view->addresses[i], port);
        if (i > 0) pen_down(&drawing->pen, 1);
        pen_write(&drawing->pen, INK_STRONG, str_of(text));
    }
    network_fault(drawing);
    label_end(drawing);
}

// "AB:CD:…" in groups of four digits, which a person can follow with a finger.
static void fingerprint(struct drawing *drawing) {
    const char *text = drawing->view->service.fingerprint;
    if (!text[0]) return;
    label(drawing, "appliance.console.fingerprint");
    char group[8] = "";
    size_t size = 0;
    int groups = 0;
    for (; *text; text++) {
        if (*text != ':') group[size++] = *text;
        if (size < 4 && text[1]) continue;
        if (groups > 0 && groups % 8 == 0) pen_down(&drawing->pen, 1);
        if (groups % 8 > 0) pen_write(&drawing->pen, INK_TEXT, STR(" "));
        pen_write(&drawing->pen, INK_TEXT, (struct str){group, size});
        groups++;
        size = 0;
    }
    label_end(drawing);
}

static void code(struct drawing *drawing) {
    const char *text = drawing->view->service.code;
    if (!text[0]) return;
    bool unfit = drawing->view->service.fault[0] != '\0'; // then it is for restoring a copy
    label(drawing, unfit ? "appliance.console.rescue_code" : "appliance.console.code");
    pen_write(&drawing->pen, INK_STRONG, str_of(text));
    pen_down(&drawing->pen, 1);
    say(drawing, INK_DIM, unfit ? "appliance.console.rescue_hint" : "appliance.console.code_hint",
        NULL, 0);
    label_end(drawing);
}

static void service(struct drawing *drawing) {
    const struct service_view *service = &drawing->view->service;
    static const char *const names[] = {
        [SERVICE_STOPPED] = "appliance.console.service_stopped",
        [SERVICE_STARTING] = "appliance.console.service_starting",
        [SERVICE_READY] = "appliance.console.service_ready",
        [SERVICE_WAITING] = "appliance.console.service_waiting",
    };
    static const enum ink inks[] = {
        [SERVICE_STOPPED] = INK_WARN,
        [SERVICE_STARTING] = INK_WARN,
        [SERVICE_READY] = INK_GOOD,
        [SERVICE_WAITING] = INK_BAD,
    };
    label(drawing, "appliance.console.service");
    // Then it serves nothing but this. What is wrong with the partition is told there.
    bool unfit =
        service->state == SERVICE_READY && service->fault[0] && drawing->view->data == DATA_MOUNTED;
    if (!unfit) say(drawing, inks[service->state], names[service->state], NULL, 0);
    if (unfit || (service->state != SERVICE_READY && service->fault[0])) {
        struct fault fault = {0};
        (void)str_copy(fault.code, sizeof fault.code, str_of(service->fault));
        if (!unfit) pen_down(&drawing->pen, 1);
        say_fault(drawing, &fault);
        drawing->pen.row--;
    }
    label_end(drawing);
}

static void data(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    char free_text[24], total[24];
    const struct place places[] = {{"free", str_of(bytes_text(free_text, view->disk_free_bytes))},
                                   {"total", str_of(bytes_text(total, view->disk_bytes))}};
    bool full = view->disk_free_bytes < view->disk_bytes / 20;
    label(drawing, "appliance.console.data");
    switch (view->data) {
    case DATA_NONE: say(drawing, INK_WARN, "appliance.console.data_none", NULL, 0); break;
    case DATA_UNMOUNTED: say(drawing, INK_WARN, "appliance.console.data_unmounted", NULL, 0); break;
    case DATA_CHECKING: say(drawing, INK_WARN, "appliance.console.data_checking", NULL, 0); break;
    case DATA_MAKING: say(drawing, INK_WARN, "appliance.console.data_making", NULL, 0); break;
    case DATA_MOUNTED:
        say(drawing, full ? INK_BAD : INK_GOOD,
            full ? "appliance.console.data_full" : "appliance.console.data_free", places, 2);
        if (!view->data_mended) break;
        pen_down(&drawing->pen, 1);
        say(drawing, INK_WARN, "appliance.console.data_mended", NULL, 0);
        break;
    case DATA_BROKEN:
        say_fault(drawing, &view->data_fault);
        drawing->pen.row--;
        break;
    case DATA_LOCKED: say(drawing, INK_WARN, "appliance.console.data_locked", NULL, 0); break;
    case DATA_OPENING: say(drawing, INK_WARN, "appliance.console.data_opening", NULL, 0); break;
    case DATA_CHOOSING:
        say(drawing, INK_WARN,
            view->choosing == ENCRYPTION_STICK ? "appliance.console.data_wants_stick"
                                               : "appliance.console.data_wants_passphrase",
            NULL, 0);
        if (!view->data_fault.code[0]) break;
        pen_down(&drawing->pen, 1);
        say_fault(drawing, &view->data_fault);
        drawing->pen.row--;
        break;
    case DATA_STATES: break;
    }
    label_end(drawing);
}

static void machine(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    char free_text[24], total[24], degrees[16], slot[2] = {view->slot, '\0'};
    const struct place memory[] = {{"free", str_of(bytes_text(free_text, view->memory_free_bytes))},
                                   {"total", str_of(bytes_text(total, view->memory_bytes))}};
    line(drawing, "appliance.console.memory", INK_TEXT, "appliance.console.memory_free", memory, 2);
    if (view->temperature) {
        snprintf(degrees, sizeof degrees, "%d °C", view->temperature);
        label(drawing, "appliance.console.temperature");
        pen_write(&drawing->pen, view->temperature >= 85 ? INK_BAD : INK_TEXT, str_of(degrees));
        label_end(drawing);
    }
    if (slot[0] >= 'a' && slot[0] <= 'z') slot[0] = (char)(slot[0] - 'a' + 'A');
    const struct place version[] = {{"version", str_of(view->version)}, {"slot", str_of(slot)}};
    line(drawing, "appliance.console.system", view->trial ? INK_WARN : INK_TEXT,
         view->trial ? "appliance.console.system_trial"
         : slot[0]   ? "appliance.console.system_slot"
                     : "appliance.console.system_plain",
         version, 2);
}

// Nothing where there are none, as on most boxes.
static void packs(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    if (view->pack_count == 0) return;
    label(drawing, "appliance.console.packs");
    for (int i = 0; i < view->pack_count; i++) {
        const struct console_pack *pack = &view->packs[i];
        if (i > 0) pen_down(&drawing->pen, 1);
        pen_write(&drawing->pen, INK_TEXT, str_of(pack->name));
        pen_write(&drawing->pen, INK_TEXT, STR(": "));
        say(drawing, pack->mounted ? INK_GOOD : INK_BAD,
            pack->mounted ? "appliance.console.pack_mounted" : "appliance.console.pack_refused",
            NULL, 0);
        if (pack->mounted || !pack->fault.code[0]) continue;
        pen_down(&drawing->pen, 1);
        say_fault(drawing, &pack->fault);
        drawing->pen.row--;
    }
    label_end(drawing);
}

static void breathe(struct drawing *drawing) {
    if (drawing->airy) pen_down(&drawing->pen, 1);
}

static void rule(struct drawing *drawing) {
    struct pen *pen = &drawing->pen;
    grid_fill(pen->grid, pen->row, pen->left, pen->right - pen->left, INK_DIM, 0x2500);
    pen_down(pen, 1);
}

static void progress(struct drawing *drawing) {
    const struct console_work *work = &drawing->view->work;
    struct pen *pen = &drawing->pen;
    char percent[16];
    if (work->phase) {
        say(drawing, INK_TEXT, work->phase, NULL, 0);
        pen_down(pen, 1);
    }
    if (work->total == 0) return;
    uint64_t done = work->done < work->total ? work->done : work->total;
    int width = pen->right - pen->left - 6 < BAR_COLUMNS ? pen->right - pen->left - 6 : BAR_COLUMNS;
    int full = (int)((double)done / (double)work->total * width);
    grid_fill(pen->grid, pen->row, pen->left, width, INK_DIM, 0x2591);
    grid_fill(pen->grid, pen->row, pen->left, full, INK_GOOD, 0x2588);
    pen->column = pen->left + width + 1;
    snprintf(percent, sizeof percent, "%d %%", (int)((double)done / (double)work->total * 100));
    pen_write(pen, INK_STRONG, str_of(percent));
    pen_down(pen, 1);
}

static void home(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    if (view->work.what != CONSOLE_NOTHING) {
        say_line(drawing, INK_STRONG, title_of(view->work.what));
        progress(drawing);
        pen_down(&drawing->pen, 1);
    }
    if (view->address_count > 0) {
        say_line(drawing, INK_TEXT, "appliance.console.open");
        breathe(drawing);
    }
    addresses(drawing);
    breathe(drawing);
    fingerprint(drawing);
    breathe(drawing);
    code(drawing);
    breathe(drawing);
    rule(drawing);
    breathe(drawing);
    label(drawing, "appliance.console.name");
    pen_write(&drawing->pen, INK_TEXT, str_of(view->settings.hostname));
    label_end(drawing);
    service(drawing);
    data(drawing);
    packs(drawing);
    machine(drawing);
}

// ---- lists --------------------------------------------------------------------------------------
// One line to choose, with its digit; what follows is written by the caller with the ink returned.
static enum ink choice(struct drawing *drawing, int place, bool chosen) {
    struct pen *pen = &drawing->pen;
    char digit[8];
    enum ink ink = chosen ? INK_CHOSEN : INK_TEXT;
    if (chosen) drawing->focus = pen->row;
    if (chosen) grid_fill(pen->grid, pen->row, pen->left, pen->right - pen->left, ink, ' ');
    const char *beyond = drawing->dialog->page == PAGE_MENU ? " E  " : "    ";
    snprintf(digit, sizeof digit, place < 10 ? " %d  " : beyond, (place + 1) % 10);
    pen_write(pen, ink, str_of(digit));
    return ink;
}

static void menu(struct drawing *drawing) {
    const struct console_view *view = drawing->view;
    for (int place = 0; dialog_menu(view, place) != CONSOLE_NOTHING; place++) {
        enum ink ink = choice(drawing, place, place == drawing->dialog->chosen);
        say_line(drawing, ink, title_of(dialog_menu(view, place)));
    }
}

static const char *encryption_name(enum encryption encryption) {
    static const char *const names[] = {[ENCRYPTION_NONE] = "appliance.console.encryption_none",
                                        [ENCRYPTION_PASSPHRASE] =
                                            "appliance.console.encryption_passphrase",
                                        [ENCRYPTION_STICK] = "appliance.console.encryption_stick"};
    return names[encryption];
}

static void encryptions(struct drawing *drawing) {
    say_line(drawing, INK_TEXT, "appliance.console.encryption_choose");
    pen_down(&drawing->pen, 1);
    for (int place = 0; place < ENCRYPTION_COUNT; place++) {
        enum ink ink = choice(drawing, place, place == drawing->dialog->chosen);
        say_line(drawing, ink, encryption_name((enum encryption)place));
    }
}

static void keys_list(struct drawing *drawing) {
    for (int place = 0; dialog_keys_menu(place) != CONSOLE_NOTHING; place++) {
        enum ink ink = choice(drawing, place, place == drawing->dialog->chosen);
        say_line(drawing, ink, title_of(dialog_keys_menu(place)));
    }
}

static void note(struct drawing *drawing) {
    say_line(drawing, INK_TEXT, "appliance.console.recovery");
    pen_down(&drawing->pen, 1);
    pen_write(&drawing->pen, INK_STRONG, str_of(drawing->view->recovery));
    pen_down(&drawing->pen, 2);
    say_line(drawing, INK_WARN, "appliance.console.recovery_once");
}

static void languages(struct drawing *drawing) {
    static const char *const names[] = {"appliance.console.language_zh",
                                        "appliance.console.language_en"};
    for (int place = 0; place < 2; place++) {
        enum ink ink = choice(drawing, place, place == drawing->dialog->chosen);
        say_line(drawing, ink, names[place]);
    }
}

static void disk_write(struct drawing *drawing, enum ink ink, const struct console_disk *disk) {
    char size[24], text[160];
    snprintf(text, sizeof text, "%s  %s  %s  ", disk->name, disk->model,
             bytes_text(size, disk->bytes));
    pen_write(&drawing->pen, ink, str_of(text));
    if (drawing->dialog->what != CONSOLE_INSTALL) return;
    say(drawing, ink, disk->used ? "appliance.console.disk_used" : "appliance.console.disk_empty",
        NULL, 0);
}

static void source_write(struct drawing *drawing, enum ink ink,
                         const struct dialog_source *source) {
    char size[24], text[CONSOLE_COPY_BYTES + 32];
    if (source->disk) {
        disk_write(drawing, ink, source->disk);
        return;
    }
    snprintf(text, sizeof text, "%s  %s", source->copy->name,
             bytes_text(size, source->copy->bytes));
    pen_write(&drawing->pen, ink, str_of(text));
}

static void disks(struct drawing *drawing) {
    struct dialog_source sources[DIALOG_SOURCES_MAX];
    int chosen;
    bool install = drawing->dialog->what == CONSOLE_INSTALL;
    int count = dialog_sources(drawing->dialog, drawing->view, sources, &chosen);
    bool restore = drawing->dialog->what == CONSOLE_RESTORE;
    const char *key = install   ? "appliance.console.choose_disk"
                      : restore ? "appliance.console.choose_source"
                                : "appliance.console.choose_stick";
    if (count == 0) {
        key = install ? "appliance.console.no_disks" : "appliance.console.no_sticks";
    }
    say_line(drawing, count ? INK_TEXT : INK_WARN, key);
    pen_down(&drawing->pen, 1);
    for (int i = 0; i < count; i++) {
        enum ink ink = choice(drawing, i, i == chosen);
        source_write(drawing, ink, &sources[i]);
        pen_down(&drawing->pen, 1);
    }
}

// ---- forms --------------------------------------------------------------------------------------
static void confirm_text(struct drawing *drawing) {
    const struct dialog *dialog = drawing->dialog;
    struct dialog_source source = dialog_source(dialog, drawing->view);
    const struct console_disk *disk = source.disk;
    static const char *const keys[] = {
        [CONSOLE_UPDATE] = "appliance.console.confirm_update",
        [CONSOLE_BACKUP] = "appliance.console.confirm_backup",
        [CONSOLE_RESTORE] = "appliance.console.confirm_restore",
        [CONSOLE_INSTALL] = "appliance.console.confirm_install",
        [CONSOLE_FACTORY_RESET] = "appliance.console.confirm_factory_reset",
        [CONSOLE_RESTART] = "appliance.console.confirm_restart",
        [CONSOLE_POWER_OFF] = "appliance.console.confirm_power_off",
    };
    const struct place word = {"word", str_of(dialog_word(dialog))};
    bool danger = word.value.size > 0;
    say(drawing, danger ? INK_WARN : INK_TEXT,
        source.copy ? "appliance.console.confirm_copy" : keys[dialog->what], NULL, 0);
    pen_down(&drawing->pen, 2);
    if (disk || source.copy) {
        source_write(drawing, INK_STRONG, &source);
        pen_down(&drawing->pen, 2);
    }
    if (disk && dialog->what == CONSOLE_UPDATE && disk->update[0]) {
        const struct place version = {"version", str_of(disk->update)};
        say(drawing, danger ? INK_WARN : INK_STRONG, "appliance.console.update_found", &version, 1);
        pen_down(&drawing->pen, 1);
        if (danger) say_line(drawing, INK_WARN, "appliance.console.confirm_downgrade");
        pen_down(&drawing->pen, 1);
    }
    if (dialog->what == CONSOLE_INSTALL || dialog->what == CONSOLE_FACTORY_RESET) {
        line(drawing, "appliance.console.encryption", INK_TEXT, encryption_name(dialog->encryption),
             NULL, 0);
        breathe(drawing);
    }
    if (!danger) return;
    say(drawing, INK_TEXT, "appliance.console.confirm_type", &word, 1);
    pen_down(&drawing->pen, 1);
}

// What the forms for passphrases say above their lines.
static void keys_text(struct drawing *drawing) {
    const struct dialog *dialog = drawing->dialog;
    const struct console_view *view = drawing->view;
    bool stick = view->roles >> LUKS_STICK & 1;
    const char *key = "appliance.console.key_about_stick";
    if (dialog->page == PAGE_UNLOCK) {
        key = stick ? "appliance.console.unlock_stick" : "appliance.console.unlock";
    } else if (dialog->page == PAGE_CHOOSE) {
        key = "appliance.console.choose_passphrase";
    } else if (dialog->what == CONSOLE_KEY_PASSPHRASE) {
        key = "appliance.console.key_about_passphrase";
    } else if (dialog->what == CONSOLE_KEY_UNSTICK) {
        key = "appliance.console.key_about_unstick";
    } else if (dialog->what == CONSOLE_KEY_RECOVERY) {
        key = "appliance.console.key_about_recovery";
    }
    say_line(drawing, INK_TEXT, key);
    if (dialog->page == PAGE_KEY) return;
    if (view->data == DATA_OPENING) {
        say_line(drawing, INK_WARN, "appliance.console.data_opening");
    } else if (view->data_fault.code[0]) {
        say_fault(drawing, &view->data_fault);
    }
}

static void item_write(struct drawing *drawing, const struct item *item, int place) {
    const struct dialog *dialog = drawing->dialog;
    struct pen *pen = &drawing->pen;
    bool here = place == dialog->item;
    if (here) drawing->focus = pen->row + (pen->grid->columns < NARROW_COLUMNS);
    if (item->kind == ITEM_BUTTON) {
        pen_write(pen, here ? INK_CHOSEN : INK_STRONG, STR("[ "));
        say(drawing, here ? INK_CHOSEN : INK_STRONG, item->label, NULL, 0);
        pen_write(pen, here ? INK_CHOSEN : INK_STRONG, STR(" ]"));
        if (here) drawing->focus = pen->row;
        pen_down(pen, 1);
        return;
    }
    label(drawing, item->label);
    if (item->kind == ITEM_CHOICE) {
        say(drawing, here ? INK_CHOSEN : INK_TEXT,
            dialog->fixed ? "appliance.console.network_fixed" : "appliance.console.network_dhcp",
            NULL, 0);
    } else {
        int width = pen->right - pen->column < 24 ? pen->right - pen->column : 24;
        grid_fill(pen->grid, pen->row, pen->column, width, INK_FIELD, ' ');
        char stars[ITEM_BYTES];
        struct str text = str_of(dialog->typed[place]);
        memset(stars, '*', sizeof stars);
        if (item->kind == ITEM_SECRET) text.data = stars;
        int room = width - 1; // the end of a long text is what is seen
        if ((int)text.size > room) {
            text.data += (int)text.size - room;
            text.size = (size_t)room;
        }
        pen_write(pen, INK_FIELD, text);
        if (here) grid_put(pen->grid, pen->row, pen->column, INK_CHOSEN, ' '); // the cursor
    }
    label_end(drawing);
}

// What is wrong with an item: told gently while one types there, plainly once one has moved on.
static void item_wrong(struct drawing *drawing, const struct item *item, int place) {
    const struct dialog *dialog = drawing->dialog;
    bool here = place == dialog->item, empty = dialog->typed[place][0] == '\0';
    const char *wrong = dialog_wrong(dialog, drawing->view, place);
    if (here && dialog->other && item->kind == ITEM_SECRET) {
        say(drawing, INK_WARN, "appliance.console.wrong_letters", NULL, 0);
        pen_down(&drawing->pen, 1);
        return;
    }
    if (!wrong || item->kind == ITEM_CHOICE) return;
    if (item->kind == ITEM_BUTTON && dialog->page != PAGE_CONFIRM) return;
    if (item->kind != ITEM_BUTTON && empty && !dialog->tried) return;
    say(drawing, here && !dialog->tried ? INK_WARN : INK_BAD, wrong, NULL, 0);
    pen_down(&drawing->pen, 1);
}

static void form(struct drawing *drawing) {
    const struct dialog *dialog = drawing->dialog;
    const struct item *items;
    int count = dialog_items(dialog, &items);
    if (dialog->page == PAGE_CONFIRM) confirm_text(drawing);
    if (dialog_on_keys(dialog)) keys_text(drawing);
    if (dialog->page == PAGE_TIME) say_line(drawing, INK_TEXT, "appliance.console.time_zone");
    if (dialog->page != PAGE_NETWORK) breathe(drawing);
    for (int i = 0; i < count; i++) {
        bool text = items[i].kind != ITEM_BUTTON && items[i].kind != ITEM_CHOICE;
        if (dialog->page == PAGE_NETWORK && text && !dialog->fixed) continue;
        bool gap = items[i].kind == ITEM_BUTTON && drawing->pen.row > 0 && !drawing->airy;
        if (gap) pen_down(&drawing->pen, 1);
        item_write(drawing, &items[i], i);
        item_wrong(drawing, &items[i], i);
        breathe(drawing);
    }
}

// ---- work and what came of it -------------------------------------------------------------------
static void work(struct drawing *drawing) {
    bool runs = drawing->view->work.what != CONSOLE_NOTHING;
    say(drawing, INK_TEXT, "appliance.console.wait", NULL, 0);
    pen_down(&drawing->pen, 2);
    if (runs) progress(drawing);
}

static void outcome(struct drawing *drawing) {
    const struct dialog *dialog = drawing->dialog;
    static const char *const keys[] = {
        [CONSOLE_NOTHING] = "appliance.console.done",
        [CONSOLE_NETWORK] = "appliance.console.done_network",
        [CONSOLE_LANGUAGE] = "appliance.console.done",
        [CONSOLE_TIME] = "appliance.console.done_time",
        [CONSOLE_UPDATE] = "appliance.console.done_update",
        [CONSOLE_BACKUP] = "appliance.console.done_backup",
        [CONSOLE_RESTORE] = "appliance.console.done_restore",
        [CONSOLE_INSTALL] = "appliance.console.done_install",
        [CONSOLE_FACTORY_RESET] = "appliance.console.done_factory_reset",
        [CONSOLE_RESTART] = "appliance.console.done_restart",
        [CONSOLE_POWER_OFF] = "appliance.console.done_power_off",
        [CONSOLE_CANCEL] = "appliance.console.done_cancel",
        [CONSOLE_KEY_PASSPHRASE] = "appliance.console.done_key_passphrase",
        [CONSOLE_KEY_STICK] = "appliance.console.done_key_stick",
        [CONSOLE_KEY_UNSTICK] = "appliance.console.done_key_unstick",
        [CONSOLE_KEY_RECOVERY] = "appliance.console.done_key_recovery",
        [CONSOLE_DO_COUNT] = NULL,
    };
    const char *done = keys[dialog->outcome_of];

    if (dialog->outcome.code[0]) {
        say_fault(drawing, &dialog->outcome);
    } else {
        say_line(drawing, INK_GOOD, done ? done : "appliance.console.done");
    }
}

// ---- the bars -----------------------------------------------------------------------------------
static void bar(struct grid *grid, int row, struct str left, struct str right) {
    grid_fill(grid, row, 0, grid->columns, INK_TITLE, ' ');
    struct pen pen = {.grid = grid, .row = row, .column = 1, .left = 1, .right = grid->columns};
    int end = grid->columns - 1 - text_columns(right);
    if (text_columns(left) + 1 < grid->columns) pen_write(&pen, INK_TITLE, left);
    if (end <= pen.column + 1) return; // no room for both
    pen =
        (struct pen){.grid = grid, .row = row, .column = end, .left = end, .right = grid->columns};
    pen_write(&pen, INK_TITLE, right);
}

static void clock_write(struct buf *out, int zone_minutes) {
    int64_t minutes = clock_now_ms() / (60 * 1000) + zone_minutes, year;
    int64_t of_day = minutes % (24 * 60);
    unsigned month, day;
    int zone = zone_minutes < 0 ? -zone_minutes : zone_minutes;
    civil_from_days(minutes / (24 * 60), &year, &month, &day);
    buf_printf(out, "%04d-%02u-%02u %02d:%02d UTC%c%d", (int)year, month, day, (int)of_day / 60,
               (int)of_day % 60, zone_minutes < 0 ? '-' : '+', zone / 60);
    if (zone % 60) buf_printf(out, ":%02d", zone % 60);
}

static void head(struct drawing *drawing, struct grid *grid) {
    struct buf left, right;
    buf_open(&left, SENTENCE_BYTES);
    buf_open(&right, SENTENCE_BYTES);
    buf_add_str(&left, text_of(drawing, "appliance.console.title"));
    if (drawing->dialog->page == PAGE_HOME) {
        buf_printf(&left, " %s", drawing->view->version);
    } else {
        enum console_do what = drawing->dialog->what;
        if (drawing->dialog->page == PAGE_OUTCOME) what = drawing->dialog->outcome_of;
        if (drawing->dialog->page == PAGE_MENU) what = CONSOLE_NOTHING;
        bool lock = drawing->dialog->page == PAGE_UNLOCK || drawing->dialog->page == PAGE_CHOOSE;
        if (lock || drawing->dialog->page == PAGE_NOTE) what = CONSOLE_KEYS;
        buf_add_text(&left, " - ");
        buf_add_str(&left, text_of(drawing, title_of(what)));
    }
    clock_write(&right, drawing->view->zone_minutes);
    bar(grid, 0, buf_str(&left), buf_str(&right));
    buf_close(&right);
    buf_close(&left);
}

static void foot(struct drawing *drawing, struct grid *grid, bool more) {
    const struct console_work *running = &drawing->view->work;
    const char *key = "appliance.console.keys_list";
    switch (drawing->dialog->page) {
    case PAGE_HOME: key = "appliance.console.keys_home"; break;
    case PAGE_NOTE: key = "appliance.console.keys_note"; break;
    case PAGE_UNLOCK: key = "appliance.console.keys_unlock"; break;
    case PAGE_NETWORK:
    case PAGE_TIME:
    case PAGE_CHOOSE:
    case PAGE_KEY:
    case PAGE_CONFIRM: key = "appliance.console.keys_form"; break;
    case PAGE_WORK:
        key = running->what != CONSOLE_NOTHING && running->stoppable
                  ? "appliance.console.keys_work_stop"
                  : "appliance.console.keys_work";
        break;
    case PAGE_OUTCOME: key = "appliance.console.keys_outcome"; break;
    default: break;
    }
    bar(grid, grid->rows - 1, text_of(drawing, key),
        more ? text_of(drawing, "appliance.console.more") : STR_NONE);
}

static void body(struct drawing *drawing) {
    switch (drawing->dialog->page) {
    case PAGE_HOME: home(drawing); break;
    case PAGE_MENU: menu(drawing); break;
    case PAGE_LANGUAGE: languages(drawing); break;
    case PAGE_DISK: disks(drawing); break;
    case PAGE_ENCRYPTION: encryptions(drawing); break;
    case PAGE_KEYS: keys_list(drawing); break;
    case PAGE_NOTE: note(drawing); break;
    case PAGE_NETWORK:
    case PAGE_TIME:
    case PAGE_UNLOCK:
    case PAGE_CHOOSE:
    case PAGE_KEY:
    case PAGE_CONFIRM: form(drawing); break;
    case PAGE_WORK: work(drawing); break;
    case PAGE_OUTCOME: outcome(drawing); break;
    case PAGE_COUNT: break;
    }
}

int dialog_draw(const struct dialog *dialog, const struct console_view *view,
                const struct appliance_texts *texts, const char *language, struct grid *page,
                struct grid *grid) {
    bool airy = grid->rows >= 20; // a blank line under the bar
    int top = airy ? 2 : 1, room = grid->rows - top - 1;
    struct drawing drawing = {.dialog = dialog,
                              .view = view,
                              .texts = texts,
                              .language = language,
                              .airy = grid->rows >= ROWS_AIRY,
                              .focus = -1};
    grid_clear(grid);
    if (grid->columns < COLUMNS_LEAST || grid->rows < ROWS_LEAST) {
        drawing.pen = (struct pen){.grid = grid, .right = grid->columns};
        say(&drawing, INK_TEXT, "appliance.console.too_small", NULL, 0);
        return 0;
    }
    int margin = grid->columns >= NARROW_COLUMNS ? 2 : 0;
    if (grid->columns > TEXT_COLUMNS + 4) margin = (grid->columns - TEXT_COLUMNS) / 2;
    grid_clear(page);
    drawing.pen = (struct pen){
        .grid = page, .column = margin, .left = margin, .right = grid->columns - margin};
    body(&drawing);
    int used = drawing.pen.row < page->rows ? drawing.pen.row : page->rows;
    int most = used > room ? used - room : 0, from = dialog->scroll;
    if (drawing.focus >= room) from = drawing.focus - room + 1;
    if (from > most) from = most;
    for (int row = 0; row < room && from + row < used; row++) {
        grid_copy_row(grid, top + row, page, from + row);
    }
    head(&drawing, grid);
    foot(&drawing, grid, from < most);
    return most;
}
