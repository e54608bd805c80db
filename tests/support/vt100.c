// The terminal's side of the console's bytes.
#include "support/vt100.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/console/font_private.h"
#include "base/text.h"

static void clear(struct vt100 *vt) {
    for (int row = 0; row < VT_ROWS; row++) {
        for (int column = 0; column < VT_COLUMNS; column++) {
            vt->cells[row][column] = ' ';
            snprintf(vt->renditions[row][column], sizeof vt->renditions[0][0], "%s", "0");
        }
    }
}

void vt100_open(struct vt100 *vt, int columns, int rows) {
    *vt = (struct vt100){.columns = columns, .rows = rows};
    snprintf(vt->rendition, sizeof vt->rendition, "0");
    clear(vt);
}

static void letter(struct vt100 *vt, uint32_t character) {
    int columns = font_columns(character);
    if (vt->row < 0 || vt->row >= vt->rows || vt->column < 0 ||
        vt->column + columns > vt->columns) {
        vt->errors++;
        return;
    }
    for (int i = 0; i < columns; i++, vt->column++) {
        vt->cells[vt->row][vt->column] = i == 0 ? character : 0;
        snprintf(vt->renditions[vt->row][vt->column], sizeof vt->rendition, "%s", vt->rendition);
    }
}

// A whole sequence, from behind its ESC.
static void sequence(struct vt100 *vt, const char *text) {
    size_t size = strlen(text);
    char last = text[size - 1];
    if (strcmp(text, "%G") == 0 || strcmp(text, "[?7l") == 0 || strcmp(text, "[?7h") == 0) return;
    if (strcmp(text, "[?25l") == 0 || strcmp(text, "[?25h") == 0) {
        vt->cursor_hidden = last == 'l';
    } else if (strcmp(text, "[2J") == 0) {
        clear(vt);
        vt->clears++;
    } else if (last == 'H') {
        char *rest = NULL;
        vt->row = size > 2 ? (int)strtol(text + 1, &rest, 10) - 1 : 0;
        vt->column = size > 2 ? (int)strtol(rest + 1, NULL, 10) - 1 : 0;
    } else if (last == 'm') {
        snprintf(vt->rendition, sizeof vt->rendition, "%.*s", (int)size - 2, text + 1);
    } else {
        vt->errors++;
    }
}

static void held_take(struct vt100 *vt) {
    const char *held = vt->held;
    size_t size = vt->held_size;
    if (held[0] == 0x1B) {
        bool csi = size > 1 && held[1] == '[';
        bool done = csi ? size > 2 && held[size - 1] >= 0x40 : size == 3;
        if (!done) return;
        vt->held[size] = '\0';
        sequence(vt, held + 1);
    } else {
        size_t at = 0, first = (unsigned char)held[0];
        size_t wanted = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        if (size < wanted) return;
        uint32_t character = utf8_next((struct str){held, size}, &at);
        if (character < ' ') vt->errors++;
        letter(vt, character);
    }
    vt->held_size = 0;
}

void vt100_feed(struct vt100 *vt, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (vt->held_size + 1 >= sizeof vt->held) {
            vt->errors++;
            vt->held_size = 0;
        }
        vt->held[vt->held_size++] = ((const char *)bytes)[i];
        held_take(vt);
    }
}
