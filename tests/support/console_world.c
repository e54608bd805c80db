#include "support/console_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "check.h"
#include "support/console_texts.h"

struct dialog dialog;
struct console_view view;
struct grid page, grid;
struct console_request request;
int requests;

void world_begin(const char *language, int columns, int rows) {
    grid_close(&page);
    grid_close(&grid);
    if (grid_open(&page, columns, GRID_ROWS_MAX) != OK || grid_open(&grid, columns, rows) != OK) {
        abort();
    }
    clock_set_for_test(1795742999000); // 2026-11-27 01:29:59 UTC
    requests = 0;
    view = (struct console_view){.version = "1.2.3",
                                 .zone_minutes = 480,
                                 .cable = true,
                                 .addresses = {"192.168.1.10", "10.0.0.7"},
                                 .address_count = 2,
                                 .port = 443,
                                 .data = DATA_MOUNTED,
                                 .disk_bytes = 500000000000,
                                 .disk_free_bytes = 410000000000,
                                 .memory_bytes = 16000000000,
                                 .memory_free_bytes = 14000000000,
                                 .temperature = 45,
                                 .slot = 'a',
                                 .disks = {{"sda", "SanDisk Ultra", 31000000000, true, true, true},
                                           {"nvme0n1", "WDC PC SN530", 512000000000, .used = true},
                                           {"sdb", "Kingston", 64000000000, .removable = true},
                                           {"sdc", "ST2000", 2000000000000}},
                                 .disk_count = 4};
    settings_default(&view.settings);
    view.service.state = SERVICE_READY;
    snprintf(view.service.code, sizeof view.service.code, "K7QF-2M9X");
    for (int i = 0; i < 32; i++) {
        snprintf(view.service.fingerprint + 3 * i, 4, "%02X%s", (i * 37 + 11) & 255,
                 i < 31 ? ":" : "");
    }
    dialog_open(&dialog, language);
}

void press(int key) {
    requests += dialog_key(&dialog, &view, key, &request);
}

void type(const char *text) {
    for (; *text; text++) press(*text);
}

void erase(void) {
    for (int i = 0; i < ITEM_BYTES; i++) press(KEY_BACKSPACE);
}

// The rows, each with its line break; blanks at the ends are kept.
const char *screen(void) {
    static char text[GRID_ROWS_MAX * GRID_COLUMNS_MAX * 4];
    size_t size = 0;
    dialog.scroll_most =
        dialog_draw(&dialog, &view, console_texts(), dialog.language, &page, &grid);
    for (int row = 0; row < grid.rows; row++) {
        for (int column = 0; column < grid.columns; column++) {
            const struct cell *cell = grid_cell(&grid, row, column);
            if (cell->columns > 0) size += utf8_put(text + size, cell->character);
        }
        text[size++] = '\n';
    }
    text[size] = '\0';
    return text;
}

bool shows(const char *text) {
    const char *all = screen();
    return check_that(strstr(all, text) != NULL, __FILE__, __LINE__, "no \"%s\" on\n%s", text, all);
}

bool hides(const char *text) {
    const char *all = screen();
    return check_that(strstr(all, text) == NULL, __FILE__, __LINE__, "\"%s\" on\n%s", text, all);
}
