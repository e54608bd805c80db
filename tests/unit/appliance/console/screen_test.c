// Grids onto screens: pixels are the glyphs' points whatever the depth and the stride, nothing
// beside the picture is touched, a terminal that reads our bytes shows the grid, and what has not
// changed is not painted again. COURTYARD_PICTURES=FOLDER keeps the pages as pictures (PPM).
#include "appliance/console/screen_private.h"

#include "appliance/console/dialog_private.h"
#include "appliance/console/font_private.h"
#include "base/clock.h"
#include "base/memory.h"
#include "check.h"
#include "support/console_texts.h"
#include "support/vt100.h"

enum { GUARD = 0xA7, MARGIN = 64 };

static struct frame frame;
static uint8_t *memory;
static size_t memory_bytes;

static void frame_begin(int width, int height, int bytes, size_t slack) {
    memory_give(memory);
    frame = (struct frame){.stride = (size_t)width * bytes + slack,
                           .width = width,
                           .height = height,
                           .bytes = bytes,
                           .red = {bytes == 2 ? 11 : 16, bytes == 2 ? 5 : 8},
                           .green = {bytes == 2 ? 5 : 8, bytes == 2 ? 6 : 8},
                           .blue = {0, bytes == 2 ? 5 : 8}};
    memory_bytes = frame.stride * height + 2 * MARGIN;
    memory = memory_take(memory_bytes);
    if (!memory) abort();
    memset(memory, GUARD, memory_bytes);
    frame.pixels = memory + MARGIN;
}

static uint32_t pixel(int x, int y) {
    uint32_t value = 0;
    for (int b = 0; b < frame.bytes; b++) {
        value |= (uint32_t)frame.pixels[(size_t)y * frame.stride + (size_t)x * frame.bytes + b]
                 << (8 * b);
    }
    return value;
}

static bool guards_hold(void) {
    for (size_t i = 0; i < MARGIN; i++) {
        if (memory[i] != GUARD || memory[memory_bytes - 1 - i] != GUARD) return false;
    }
    size_t used = (size_t)frame.width * frame.bytes;
    for (int y = 0; y < frame.height; y++) {
        for (size_t x = used; x < frame.stride; x++) {
            if (frame.pixels[(size_t)y * frame.stride + x] != GUARD) return false;
        }
    }
    return true;
}

static void fill_randomly(struct grid *grid, int changes) {
    static const uint32_t letters[] = {'A', 'z', '#', 0x4E2D, 0x7F51, 0xB0, 0x2500, 0x201C, 0x9F98};
    for (int i = 0; i < changes; i++) {
        grid_put(grid, (int)check_below(grid->rows), (int)check_below(grid->columns),
                 (enum ink)check_below(INK_COUNT),
                 letters[check_below(sizeof letters / sizeof letters[0])]);
    }
}

// Of each cell, every point of its glyph against the pixels; the two values must differ.
static void cells_are_glyphs(const struct grid *grid) {
    for (int row = 0; row < grid->rows; row++) {
        for (int column = 0; column < grid->columns; column++) {
            const struct cell *cell = grid_cell(grid, row, column);
            struct glyph glyph;
            if (cell->columns == 0) continue;
            (void)font_find(cell->character, &glyph);
            uint32_t value[2] = {0, 0};
            bool seen[2] = {false, false};
            unsigned wrong = 0;
            for (int y = 0; y < 16 * frame.scale; y++) {
                for (int x = 0; x < 8 * cell->columns * frame.scale; x++) {
                    int bit = glyph.rows[y / frame.scale] >> (15 - x / frame.scale) & 1;
                    uint32_t got = pixel(frame.left + column * 8 * frame.scale + x,
                                         frame.top + row * 16 * frame.scale + y);
                    if (!seen[bit]) value[bit] = got;
                    seen[bit] = true;
                    wrong += got != value[bit];
                }
            }
            check_that(wrong == 0, __FILE__, __LINE__, "%u pixels of U+%04X", wrong,
                       cell->character);
            CHECK(!seen[0] || !seen[1] || value[0] != value[1]);
        }
    }
}

static void pixels_are_the_glyphs_points(void) {
    static const struct {
        int width, height, bytes, scale;
        size_t slack;
    } shapes[] = {
        {640, 480, 2, 1, 7},  {640, 480, 3, 1, 5},  {640, 480, 4, 1, 13}, {800, 600, 4, 1, 0},
        {1281, 801, 2, 2, 3}, {1280, 768, 3, 2, 1}, {300, 100, 4, 1, 9},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct grid shown, wanted;
        int columns, rows;
        frame_begin(shapes[i].width, shapes[i].height, shapes[i].bytes, shapes[i].slack);
        frame_fit(&frame, &columns, &rows);
        CHECK_EQ(frame.scale, shapes[i].scale);
        CHECK(columns >= 80 || shapes[i].width < 640);
        CHECK(rows >= 24 || shapes[i].height < 480);
        REQUIRE(grid_open(&shown, columns, rows) == OK && grid_open(&wanted, columns, rows) == OK);
        fill_randomly(&wanted, 2000);
        frame_paint(&frame, &shown, &wanted, true);
        cells_are_glyphs(&wanted);
        fill_randomly(&wanted, 300);
        frame_paint(&frame, &shown, &wanted, false);
        cells_are_glyphs(&wanted);
        CHECK(guards_hold());
        memset(frame.pixels, 0x55, 4096); // nothing has changed: nothing is painted
        frame_paint(&frame, &shown, &wanted, false);
        CHECK_EQ(frame.pixels[0], 0x55);
        CHECK_EQ(frame.pixels[4095], 0x55);
        grid_close(&shown);
        grid_close(&wanted);
    }
}

static void colours_go_where_the_channels_are(void) {
    struct grid shown, wanted;
    int columns, rows;
    frame_begin(640, 480, 4, 0);
    frame.red = (struct frame_channel){0, 8}; // blue and red the other way round
    frame.blue = (struct frame_channel){16, 8};
    frame_fit(&frame, &columns, &rows);
    REQUIRE(grid_open(&shown, columns, rows) == OK && grid_open(&wanted, columns, rows) == OK);
    grid_put(&wanted, 0, 0, INK_TITLE, ' ');
    frame_paint(&frame, &shown, &wanted, true);
    CHECK_EQ(pixel(frame.left, frame.top), 0x794E1F);
    frame_begin(640, 480, 2, 0);
    frame_fit(&frame, &columns, &rows);
    frame_paint(&frame, &shown, &wanted, true);
    CHECK_EQ(pixel(frame.left, frame.top), (0x1F >> 3) << 11 | (0x4E >> 2) << 5 | 0x79 >> 3);
    grid_close(&shown);
    grid_close(&wanted);
}

// ---- terminals ----------------------------------------------------------------------------------
static void terminal_shows(const struct vt100 *vt, const struct grid *grid) {
    static const char *const renditions[INK_COUNT] = {"0",    "0;36", "0;1", "0;37;44", "0;32",
                                                      "0;33", "0;31", "0;7", "0;4"};
    for (int row = 0; row < grid->rows; row++) {
        for (int column = 0; column < grid->columns; column++) {
            const struct cell *cell = grid_cell(grid, row, column);
            CHECK_EQ(vt->cells[row][column], cell->character);
            CHECK_STR(vt->renditions[row][column], renditions[cell->ink]);
        }
    }
    CHECK_EQ(vt->errors, 0);
    CHECK(vt->cursor_hidden);
}

static void a_terminal_shows_the_grid(void) {
    static struct vt100 vt;
    struct grid shown, wanted;
    struct buf out;
    buf_open(&out, 1 << 20);
    vt100_open(&vt, 80, 24);
    REQUIRE(grid_open(&shown, 80, 24) == OK && grid_open(&wanted, 80, 24) == OK);
    for (int turn = 0; turn < 50; turn++) {
        fill_randomly(&wanted, turn == 0 ? 3000 : 40);
        buf_clear(&out);
        terminal_paint(&out, &shown, &wanted, turn % 20 == 0, false);
        for (size_t at = 0; at < out.size;) { // in pieces of any size
            size_t piece = 1 + check_below(out.size - at);
            vt100_feed(&vt, out.data + at, piece);
            at += piece;
        }
        terminal_shows(&vt, &wanted);
        if (turn % 20) CHECK(out.size < 40 * 30); // only what differs
    }
    CHECK_EQ(vt.clears, 3);
    buf_clear(&out);
    terminal_paint(&out, &shown, &wanted, false, false);
    CHECK_EQ(out.size, 0);
    terminal_end(&out);
    vt100_feed(&vt, out.data, out.size);
    CHECK_EQ(vt.errors, 0);
    CHECK(!vt.cursor_hidden);
    buf_close(&out);
    grid_close(&shown);
    grid_close(&wanted);
}

static void a_text_console_gets_ascii_alone(void) {
    struct grid shown, wanted;
    struct buf out;
    buf_open(&out, 1 << 20);
    REQUIRE(grid_open(&shown, 80, 25) == OK && grid_open(&wanted, 80, 25) == OK);
    static const uint32_t letters[] = {'A', 0x2500, 0x2588, 0x201C, 0x4E2D, 'z'};
    for (int i = 0, column = 0; i < 6; i++) {
        grid_put(&wanted, 3, column, INK_TEXT, letters[i]);
        column += font_columns(letters[i]);
    }
    terminal_paint(&out, &shown, &wanted, true, true);
    buf_add_char(&out, '\0');
    CHECK(strstr(out.data, "A-#\"??z") != NULL);
    for (size_t i = 0; i < out.size; i++) CHECK((uint8_t)out.data[i] < 0x7F);
    buf_close(&out);
    grid_close(&shown);
    grid_close(&wanted);
}

// ---- pictures -----------------------------------------------------------------------------------
static void picture_write(const char *folder, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.ppm", folder, name);
    FILE *file = fopen(path, "wb");
    REQUIRE(file);
    fprintf(file, "P6\n%d %d\n255\n", frame.width, frame.height);
    for (int y = 0; y < frame.height; y++) {
        for (int x = 0; x < frame.width; x++) {
            uint32_t value = pixel(x, y);
            uint8_t rgb[] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
            CHECK_EQ(fwrite(rgb, 3, 1, file), 1);
        }
    }
    CHECK_EQ(fclose(file), 0);
}

static void view_fill(struct console_view *view) {
    *view = (struct console_view){.version = "1.2.3",
                                  .zone_minutes = 480,
                                  .addresses = {"192.168.1.10"},
                                  .address_count = 1,
                                  .port = 443,
                                  .data = DATA_MOUNTED,
                                  .disk_bytes = 500000000000,
                                  .disk_free_bytes = 410000000000,
                                  .memory_bytes = 16000000000,
                                  .memory_free_bytes = 14200000000,
                                  .temperature = 45,
                                  .slot = 'a',
                                  .disks = {{"nvme0n1", "WDC PC SN530", 512000000000, .used = true},
                                            {"sda", "ST2000", 2000000000000}},
                                  .disk_count = 2};
    settings_default(&view->settings);
    view->service.state = SERVICE_READY;
    snprintf(view->service.code, sizeof view->service.code, "K7QF-2M9X");
    for (int i = 0; i < 32; i++) {
        snprintf(view->service.fingerprint + 3 * i, 4, "%02X%s", (i * 37 + 11) & 255,
                 i < 31 ? ":" : "");
    }
}

static void page_picture(const char *folder, struct dialog *dialog, const struct console_view *view,
                         int width, int height, const char *name) {
    struct grid shown, wanted, page;
    int columns, rows;
    frame_begin(width, height, 4, 0);
    frame_fit(&frame, &columns, &rows);
    REQUIRE(grid_open(&shown, columns, rows) == OK && grid_open(&wanted, columns, rows) == OK &&
            grid_open(&page, columns, GRID_ROWS_MAX) == OK);
    (void)dialog_draw(dialog, view, console_texts(), dialog->language, &page, &wanted);
    frame_paint(&frame, &shown, &wanted, true);
    cells_are_glyphs(&wanted);
    if (folder) picture_write(folder, name);
    grid_close(&shown);
    grid_close(&wanted);
    grid_close(&page);
}

static void pages_are_pictures(void) {
    const char *folder = getenv("COURTYARD_PICTURES");
    static const char *const languages[] = {"zh-CN", "en"};
    clock_set_for_test(1795742999000);
    for (int i = 0; i < 2; i++) {
        struct dialog dialog;
        struct console_view view;
        struct console_request request;
        char name[32];
        view_fill(&view);
        dialog_open(&dialog, languages[i]);
        for (int step = 0; step < 6; step++) {
            static const int keys[] = {0, 'm', '1', KEY_RIGHT, KEY_ESCAPE, '7'};
            if (step) (void)dialog_key(&dialog, &view, keys[step], &request);
            if (step == 5) (void)dialog_key(&dialog, &view, KEY_ENTER, &request);
            snprintf(name, sizeof name, "%s-%d", languages[i], step);
            page_picture(folder, &dialog, &view, step % 2 ? 1024 : 640, step % 2 ? 768 : 480, name);
        }
        dialog.page = PAGE_WORK;
        view.work = (struct console_work){CONSOLE_INSTALL, "phase.copy", 42, 100, true};
        snprintf(name, sizeof name, "%s-work", languages[i]);
        page_picture(folder, &dialog, &view, 1920, 1080, name);
    }
    clock_set_for_test(0);
}

int main(void) {
    CHECK_RUN(pixels_are_the_glyphs_points);
    CHECK_RUN(colours_go_where_the_channels_are);
    CHECK_RUN(a_terminal_shows_the_grid);
    CHECK_RUN(a_text_console_gets_ascii_alone);
    CHECK_RUN(pages_are_pictures);
    return check_done();
}
