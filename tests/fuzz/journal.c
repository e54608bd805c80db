// The journal's reader against arbitrary bytes. An odd first byte: the rest is a frame's content,
// events that a core is told (the frame's checksum would stop nearly everything); an even one: the
// rest is a whole segment's frames. The state of a core that a segment begins with is the box's
// own, as its store is, and is not read from bytes here.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "allocation/journal_private.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct core_limits limits = {
    .jobs = 64, .running = 16, .tenants = 32, .shapes = 64, .edges = 8, .vouchers = 4};

static void frames(struct journal_bytes in) {
    struct journal_bytes frame;
    struct journal_header header;
    enum journal_frame kind;
    bool torn;
    while (frame_next(&in, &kind, &frame, &torn)) {
        if (frame.at > frame.end || frame.end > in.end) abort();
        if (kind == FRAME_HEADER) (void)header_get(&frame, &header);
    }
}

static void events(struct journal_bytes in, struct core *core, struct journal_event *event) {
    static struct core_decision decisions[64];
    const uint8_t *end = in.end;
    struct buf again;
    int64_t last_ms = 0, write_ms = 0;
    buf_open(&again, 1 << 20);
    for (int i = 0; i < 200 && event_get(&in, event, &last_ms); i++) {
        if (in.at > end) abort();
        (void)!core_step(core, &event->event, decisions, 64);
        // What was read is written the same way each time.
        buf_clear(&again);
        write_ms = 0;
        event_put(&again, &event->event, event->hash, &write_ms);
        if (buf_err(&again) != OK) break;
    }
    buf_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct journal_bytes in = {.at = data + 1, .end = data + size};
    if (data[0] % 2 == 0) {
        frames(in);
        return 0;
    }
    void *memory = memory_take(core_size(&limits));
    struct journal_event *event = memory_take(sizeof *event);
    if (memory && event) events(in, core_open(memory, &limits), event);
    memory_give(memory);
    memory_give(event);
    return 0;
}
