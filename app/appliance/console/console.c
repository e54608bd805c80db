// The console's devices, and its part in the loop.
#include <errno.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "appliance/console/dialog_private.h"
#include "appliance/console/screen_private.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    LOOK_MS = 2000, // between looks for devices that came or went
    MINUTE_MS = 60 * 1000,
    TERMINAL_COLUMNS = 80, // what serial terminals have; the text console too
    TERMINAL_ROWS = 24,
    IDLE_MS = 30 * 1000,        // after which a terminal may be another one: it is painted anew
    PENDING_BYTES = 256 * 1024, // of a terminal: more than a whole screen
    REQUESTS_MAX = 4,
    READ_BYTES = 256,
};

// A screen: the text console, the serial line or the framebuffer.
struct output {
    bool open, whole; // whole: to be painted anew
    struct grid shown, wanted, page;
};

// A device of keys that may also be a terminal.
struct line {
    const char *path; // NULL: there is none
    int fd;           // -1: not open
    struct termios before;
    bool graphics; // the text console has been told to draw nothing
    bool ascii;
    struct keys keys;
    int64_t key_ms; // when the last byte came
    struct output output;
    struct buf pending; // bytes that the device has not taken yet
    size_t sent;        // of them
};

struct console {
    const struct appliance_texts *texts;
    const char *frame_path;
    int epoll;
    int frame_fd;
    ino_t frame_node; // a new driver brings a new node
    struct frame frame;
    size_t frame_bytes;
    struct output frame_output;
    struct line keyboard, serial;
    struct dialog dialog;
    struct console_view view;
    struct console_request requests[REQUESTS_MAX];
    uint32_t request_count;
    bool changed; // something may look different
    int64_t look_ms, minute;
};

// ---- outputs ------------------------------------------------------------------------------------
static void output_close(struct output *output) {
    grid_close(&output->shown);
    grid_close(&output->wanted);
    grid_close(&output->page);
    *output = (struct output){0};
}

static bool output_open(struct output *output, int columns, int rows) {
    *output = (struct output){.open = true, .whole = true};
    if (grid_open(&output->shown, columns, rows) == OK &&
        grid_open(&output->wanted, columns, rows) == OK &&
        grid_open(&output->page, columns, GRID_ROWS_MAX) == OK) {
        return true;
    }
    output_close(output);
    return false;
}

// ---- the framebuffer ----------------------------------------------------------------------------
static void frame_close(struct console *console) {
    output_close(&console->frame_output);
    if (console->frame.pixels) munmap(console->frame.pixels, console->frame_bytes);
    console->frame.pixels = NULL;
    if (console->frame_fd >= 0) close(console->frame_fd);
    console->frame_fd = -1;
}

static bool frame_described(const struct fb_var_screeninfo *shape,
                            const struct fb_fix_screeninfo *memory, struct frame *out) {
    *out = (struct frame){
        .stride = memory->line_length,
        .width = (int)shape->xres,
        .height = (int)shape->yres,
        .bytes = (int)(shape->bits_per_pixel + 7) / 8,
        .red = {shape->red.offset, shape->red.length},
        .green = {shape->green.offset, shape->green.length},
        .blue = {shape->blue.offset, shape->blue.length},
    };
    bool direct = memory->visual == FB_VISUAL_TRUECOLOR || memory->visual == FB_VISUAL_DIRECTCOLOR;
    bool sane = shape->xres >= 64 && shape->xres <= 16384 && shape->yres >= 64 &&
                shape->yres <= 16384 && out->bytes >= 2 && out->bytes <= 4;
    return direct && sane && memory->type == FB_TYPE_PACKED_PIXELS &&
           out->stride >= (size_t)out->width * (size_t)out->bytes;
}

static void frame_open(struct console *console) {
    struct fb_var_screeninfo shape;
    struct fb_fix_screeninfo memory;
    struct stat node;
    struct frame frame;
    int columns, rows, fd = open(console->frame_path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    console->frame_fd = fd;
    if (fstat(fd, &node) == 0) console->frame_node = node.st_ino;
    if (ioctl(fd, FBIOGET_VSCREENINFO, &shape) != 0 ||
        ioctl(fd, FBIOGET_FSCREENINFO, &memory) != 0 || !frame_described(&shape, &memory, &frame)) {
        return; // no way to draw there; asked again when it is another one
    }
    size_t first = shape.yoffset * frame.stride + shape.xoffset * (size_t)frame.bytes;
    size_t bytes = memory.smem_len;
    if (first + (size_t)frame.height * frame.stride > bytes) return;
    uint8_t *pixels = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pixels == MAP_FAILED) return;
    frame_fit(&frame, &columns, &rows);
    if (!output_open(&console->frame_output, columns, rows)) {
        munmap(pixels, bytes);
        return;
    }
    console->frame = frame;
    console->frame.pixels = pixels;
    console->frame_bytes = bytes;
    if (first > 0) { // shown from the memory's beginning
        shape.xoffset = shape.yoffset = 0;
        (void)ioctl(fd, FBIOPAN_DISPLAY, &shape);
    }
    log_event(LOG_INFO, "console.frame", "width=%d height=%d bytes=%d", frame.width, frame.height,
              frame.bytes);
}

// ---- lines --------------------------------------------------------------------------------------
static void line_close(struct console *console, struct line *line, bool gone) {
    if (line->fd < 0) return;
    if (!gone) {
        struct buf end;
        buf_open(&end, READ_BYTES);
        if (line->output.open) terminal_end(&end);
        if (end.size > 0 && write(line->fd, end.data, end.size) < 0) gone = true;
        buf_close(&end);
        if (line->graphics) (void)ioctl(line->fd, KDSETMODE, KD_TEXT);
        if (line->graphics) (void)ioctl(line->fd, VT_UNLOCKSWITCH, 1);
        (void)tcsetattr(line->fd, TCSANOW, &line->before);
    }
    (void)epoll_ctl(console->epoll, EPOLL_CTL_DEL, line->fd, NULL);
    close(line->fd);
    line->fd = -1;
    line->graphics = false;
    output_close(&line->output);
    buf_close(&line->pending);
    line->sent = 0;
}

static void line_open(struct console *console, struct line *line) {
    int fd = open(line->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    struct termios raw;
    if (tcgetattr(fd, &line->before) != 0) { // a serial port without its chip says so here
        close(fd);
        return;
    }
    raw = line->before;
    cfmakeraw(&raw);
    raw.c_cflag |= CLOCAL | CREAD;
    if (tcsetattr(fd, TCSANOW, &raw) != 0 ||
        epoll_ctl(console->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        return;
    }
    line->fd = fd;
    line->keys = (struct keys){0};
    line->key_ms = 0;
    buf_open(&line->pending, PENDING_BYTES);
    line->sent = 0;
}

// The text console shows the page itself only where there is no framebuffer.
static void keyboard_arrange(struct console *console) {
    struct line *line = &console->keyboard;
    bool frame = console->frame.pixels != NULL;
    if (line->fd < 0) return;
    if (frame && !line->graphics && ioctl(line->fd, KDSETMODE, KD_GRAPHICS) == 0) {
        (void)ioctl(line->fd, VT_LOCKSWITCH, 1); // the other consoles are empty
        line->graphics = true;
        console->frame_output.whole = true;
    }
    if (frame && line->output.open) output_close(&line->output);
    if (!frame && line->graphics) {
        (void)ioctl(line->fd, KDSETMODE, KD_TEXT);
        (void)ioctl(line->fd, VT_UNLOCKSWITCH, 1);
        line->graphics = false;
    }
    if (!frame && !line->output.open) {
        (void)output_open(&line->output, TERMINAL_COLUMNS, TERMINAL_ROWS);
    }
}

static void devices_look(struct console *console) {
    struct stat node;
    if (console->frame_path) {
        bool there = stat(console->frame_path, &node) == 0;
        if (console->frame_fd >= 0 && (!there || node.st_ino != console->frame_node)) {
            frame_close(console);
        }
        if (console->frame_fd < 0 && there) frame_open(console);
    }
    if (console->keyboard.path && console->keyboard.fd < 0) line_open(console, &console->keyboard);
    keyboard_arrange(console);
    struct line *serial = &console->serial;
    if (serial->path && serial->fd < 0) line_open(console, serial);
    if (serial->fd >= 0 && !serial->output.open) {
        (void)output_open(&serial->output, TERMINAL_COLUMNS, TERMINAL_ROWS);
    }
    console->changed = true;
}

// Sends what waits. More is painted only once all of it is gone, so a slow line is never behind by
// more than one screen.
static void line_flush(struct console *console, struct line *line) {
    while (line->fd >= 0 && line->sent < line->pending.size) {
        ssize_t n =
            write(line->fd, line->pending.data + line->sent, line->pending.size - line->sent);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) {
            line_close(console, line, true);
            return;
        }
        if (n <= 0) break;
        line->sent += (size_t)n;
    }
    bool waits = line->sent < line->pending.size;
    if (!waits) {
        buf_clear(&line->pending);
        line->sent = 0;
    }
    struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u), .data.ptr = line};
    (void)epoll_ctl(console->epoll, EPOLL_CTL_MOD, line->fd, &event);
}

// ---- painting -----------------------------------------------------------------------------------
static int output_draw(struct console *console, struct output *output, const char *language) {
    return dialog_draw(&console->dialog, &console->view, console->texts, language, &output->page,
                       &output->wanted);
}

static int line_paint(struct console *console, struct line *line) {
    if (line->fd < 0 || !line->output.open || line->pending.size > 0) return 0;
    const char *language = line->ascii ? "en" : console->dialog.language;
    int most = output_draw(console, &line->output, language);
    terminal_paint(&line->pending, &line->output.shown, &line->output.wanted, line->output.whole,
                   line->ascii);
    line->output.whole = buf_err(&line->pending) != OK; // nothing half is ever sent
    if (line->output.whole) {
        buf_close(&line->pending);
        buf_open(&line->pending, PENDING_BYTES);
    }
    if (line->pending.size > 0) line_flush(console, line);
    return most;
}

static void paint(struct console *console) {
    struct output *output = &console->frame_output;
    int most = line_paint(console, &console->keyboard);
    int serial = line_paint(console, &console->serial), frame = 0;
    if (output->open) {
        frame = output_draw(console, output, console->dialog.language);
        frame_paint(&console->frame, &output->shown, &output->wanted, output->whole);
        output->whole = false;
    }
    most = most > serial ? most : serial;
    console->dialog.scroll_most = most > frame ? most : frame;
    if (console->dialog.scroll > console->dialog.scroll_most) {
        console->dialog.scroll = console->dialog.scroll_most;
    }
}

// ---- keys ---------------------------------------------------------------------------------------
static void key_take(struct console *console, struct line *line, int key) {
    struct console_request request;
    if (key == KEY_NONE) return;
    console->changed = true;
    if (key == KEY_REDRAW) {
        line->output.whole = true;
        if (line == &console->keyboard) console->frame_output.whole = true;
        return;
    }
    if (console->request_count == REQUESTS_MAX) return; // nobody takes them: keys wait too
    if (dialog_key(&console->dialog, &console->view, key, &request)) {
        console->requests[console->request_count++] = request;
    }
    bytes_wipe(&request, sizeof request);
}

static void line_read(struct console *console, struct line *line, int64_t now_ms) {
    uint8_t bytes[READ_BYTES];
    ssize_t n;
    // A serial line that floods us gets one look per turn of the loop.
    while ((n = read(line->fd, bytes, sizeof bytes)) < 0 && errno == EINTR) continue;
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        line_close(console, line, true);
        return;
    }
    if (now_ms - line->key_ms > IDLE_MS) line->output.whole = console->changed = true;
    line->key_ms = now_ms;
    for (ssize_t i = 0; i < n; i++) {
        key_take(console, line, keys_next(&line->keys, bytes[i], now_ms));
    }
}

static int64_t line_late(struct console *console, struct line *line, int64_t now_ms) {
    if (line->fd < 0) return INT64_MAX;
    key_take(console, line, keys_late(&line->keys, now_ms));
    return keys_due(&line->keys);
}

static void events_take(struct console *console, int64_t now_ms) {
    struct epoll_event events[4];
    int count = epoll_wait(console->epoll, events, sizeof events / sizeof events[0], 0);
    for (int i = 0; i < count; i++) {
        struct line *line = events[i].data.ptr;
        if (line->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
            line_read(console, line, now_ms);
        }
        if (line->fd >= 0 && (events[i].events & EPOLLOUT)) {
            line_flush(console, line);
            console->changed = true;
        }
    }
}

// ---- the loop's side ----------------------------------------------------------------------------
enum err console_open(const struct console_options *options, struct console **out,
                      struct fault *fault) {
    struct console *console = memory_take(sizeof *console);
    if (!console) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    *console = (struct console){
        .texts = options->texts,
        .frame_path = options->framebuffer,
        .frame_fd = -1,
        .keyboard = {.path = options->keyboard, .fd = -1, .ascii = true},
        .serial = {.path = options->serial, .fd = -1},
        .view = {.port = 443},
        .epoll = epoll_create1(EPOLL_CLOEXEC),
    };
    if (console->epoll < 0) {
        memory_give(console);
        return fault_errno(fault, errno, STR("epoll"));
    }
    settings_default(&console->view.settings);
    (void)str_copy(console->view.settings.language, sizeof console->view.settings.language,
                   str_of(options->language));
    dialog_open(&console->dialog, options->language);
    *out = console;
    return OK;
}

void console_close(struct console *console) {
    if (!console) return;
    line_close(console, &console->keyboard, false);
    line_close(console, &console->serial, false);
    frame_close(console);
    close(console->epoll);
    memory_give(console);
}

int console_fd(const struct console *console) {
    return console->epoll;
}

int64_t console_run(struct console *console, int64_t now_ms) {
    if (now_ms >= console->look_ms) {
        devices_look(console);
        console->look_ms = now_ms + LOOK_MS;
    }
    events_take(console, now_ms);
    int64_t due = line_late(console, &console->keyboard, now_ms);
    int64_t other = line_late(console, &console->serial, now_ms);
    int64_t minute = clock_now_ms() / MINUTE_MS;
    if (minute != console->minute) console->changed = true; // the clock on the screen
    console->minute = minute;
    if (console->changed) paint(console);
    console->changed = false;
    if (other < due) due = other;
    return due < console->look_ms ? due : console->look_ms;
}

void console_show(struct console *console, const struct console_view *view) {
    bool other = strcmp(view->settings.language, console->view.settings.language) != 0;
    if (other) { // changed from elsewhere
        (void)str_copy(console->dialog.language, sizeof console->dialog.language,
                       str_of(view->settings.language));
    }
    console->view = *view;
    dialog_follow(&console->dialog, &console->view);
    console->changed = true;
}

bool console_take(struct console *console, struct console_request *out) {
    if (console->request_count == 0) return false;
    *out = console->requests[0];
    console->request_count--;
    memmove(console->requests, console->requests + 1,
            console->request_count * sizeof console->requests[0]);
    bytes_wipe(&console->requests[console->request_count], sizeof console->requests[0]);
    return true;
}

void console_outcome(struct console *console, enum console_do what, const struct fault *fault) {
    dialog_outcome(&console->dialog, what, fault);
    console->changed = true;
}
