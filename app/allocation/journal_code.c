#include <stddef.h>
#include <string.h>

#include "allocation/journal_private.h"
#include "base/crc32c.h"

// ---- numbers -----------------------------------------------------------------------------------
void put_number(struct buf *out, uint64_t value) {
    uint8_t bytes[10];
    size_t size = 0;
    do {
        bytes[size++] = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
        value >>= 7;
    } while (value);
    buf_add(out, bytes, size);
}

void put_signed(struct buf *out, int64_t value) {
    put_number(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

uint64_t get_number(struct journal_bytes *in) {
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
        if (in->broken || in->at == in->end) break;
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    in->broken = true;
    return 0;
}

int64_t get_signed(struct journal_bytes *in) {
    uint64_t value = get_number(in);
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

// ---- what is mostly zero -----------------------------------------------------------------------
enum { RUN_LEAST = 4 }; // fewer zeros are told as they are

static size_t zeros_at(const uint8_t *data, size_t size, size_t at) {
    size_t end = at;
    while (end < size && data[end] == 0) end++;
    return end - at;
}

void put_sparse(struct buf *out, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t at = 0; at < size;) {
        size_t zeros = zeros_at(bytes, size, at), start = at + zeros, end = start;
        while (end < size) {
            size_t run = bytes[end] ? 0 : zeros_at(bytes, size, end);
            if (run >= RUN_LEAST || (run && end + run == size)) break;
            end += run ? run : 1;
        }
        put_number(out, zeros);
        put_number(out, end - start);
        buf_add(out, bytes + start, end - start);
        at = end;
    }
}

bool get_sparse(struct journal_bytes *in, void *data, size_t size) {
    uint8_t *bytes = data;
    memset(bytes, 0, size);
    for (size_t at = 0; at < size;) {
        uint64_t zeros = get_number(in), count = get_number(in);
        bool fits = !in->broken && zeros <= size - at && count <= size - at - zeros &&
                    count <= (size_t)(in->end - in->at) && zeros + count > 0;
        if (!fits) {
            in->broken = true;
            return false;
        }
        at += zeros;
        memcpy(bytes + at, in->at, count);
        in->at += count;
        at += count;
    }
    return !in->broken;
}

// A bool from bytes that may be any.
#define BOOL_SET(object, member)                                                            \
    do {                                                                                    \
        uint8_t byte;                                                                       \
        memcpy(&byte, (const char *)(object) + offsetof(__typeof__(*(object)), member), 1); \
        (object)->member = byte != 0;                                                       \
    } while (0)

// ---- events ------------------------------------------------------------------------------------
static void policy_put(struct buf *out, const struct core_policy *policy) {
    struct core_policy bare = *policy;
    bare.tenants = NULL;
    put_sparse(out, &bare, sizeof bare);
    for (uint32_t i = 0; i < policy->tenant_count; i++) {
        put_sparse(out, &policy->tenants[i], sizeof policy->tenants[i]);
    }
}

static bool policy_get(struct journal_bytes *in, struct journal_event *out) {
    struct core_policy *policy = &out->policy;
    if (!get_sparse(in, policy, sizeof *policy)) return false;
    BOOL_SET(policy, no_level_preemption);
    policy->tenants = out->tenants;
    if (policy->tenant_count > JOURNAL_TENANTS_MAX) in->broken = true;
    for (uint32_t i = 0; !in->broken && i < policy->tenant_count; i++) {
        struct core_tenant *tenant = &out->tenants[i];
        if (!get_sparse(in, tenant, sizeof *tenant)) return false;
        BOOL_SET(tenant, has_quota);
        BOOL_SET(tenant, keeps_unused);
        BOOL_SET(tenant, never_borrows);
    }
    out->event.policy = policy;
    return !in->broken;
}

// The struct that an event of this kind points to; NULL: none.
static const void *pointed(const struct core_event *event, size_t *out_size) {
    switch (event->kind) {
    case EVENT_CAPACITY: *out_size = sizeof *event->capacity; return event->capacity;
    case EVENT_SUBMIT: *out_size = sizeof *event->submit; return event->submit;
    case EVENT_ADOPT: *out_size = sizeof *event->place; return event->place;
    case EVENT_RESERVE: *out_size = sizeof *event->reservation; return event->reservation;
    case EVENT_VOUCHER: *out_size = sizeof *event->voucher; return event->voucher;
    case EVENT_POLICY: *out_size = sizeof *event->policy; return event->policy;
    default: *out_size = 0; return NULL;
    }
}

void event_put(struct buf *out, const struct core_event *event, uint64_t hash, int64_t *last_ms) {
    size_t size;
    const void *points = pointed(event, &size);
    buf_add_char(out, (char)event->kind);
    put_signed(out, event->now_ms - *last_ms);
    *last_ms = event->now_ms;
    // What an event is beside its time; most are a job and its attempt.
    put_number(out, event->job);
    put_number(out, event->attempt);
    struct core_event rest = *event;
    rest.kind = EVENT_TICK;
    rest.now_ms = 0;
    rest.job = 0;
    rest.attempt = 0;
    rest.submit = NULL;
    rest.capacity = NULL;
    rest.policy = NULL;
    rest.place = NULL;
    rest.reservation = NULL;
    rest.voucher = NULL;
    put_sparse(out, &rest, sizeof rest);
    if (size) buf_add_char(out, points != NULL);
    if (points && event->kind == EVENT_POLICY) {
        policy_put(out, event->policy);
    } else if (points) {
        put_sparse(out, points, size);
    }
    uint32_t part = (uint32_t)hash;
    buf_add(out, &part, sizeof part);
}

static bool pointed_get(struct journal_bytes *in, struct journal_event *out) {
    struct core_event *event = &out->event;
    size_t size;
    (void)pointed(event, &size);
    if (size == 0) return true;
    if (in->at == in->end) return false;
    if (*in->at++ == 0) return true; // it points nowhere
    switch (event->kind) {
    case EVENT_POLICY: return policy_get(in, out);
    case EVENT_CAPACITY:
        event->capacity = &out->capacity;
        return get_sparse(in, &out->capacity, sizeof out->capacity);
    case EVENT_SUBMIT: event->submit = &out->job; return get_sparse(in, &out->job, sizeof out->job);
    case EVENT_ADOPT:
        event->place = &out->place;
        return get_sparse(in, &out->place, sizeof out->place);
    case EVENT_RESERVE:
        event->reservation = &out->reservation;
        return get_sparse(in, &out->reservation, sizeof out->reservation);
    case EVENT_VOUCHER:
        event->voucher = &out->voucher;
        return get_sparse(in, &out->voucher, sizeof out->voucher);
    default: return true;
    }
}

bool event_get(struct journal_bytes *in, struct journal_event *out, int64_t *last_ms) {
    struct core_event *event = &out->event;
    if (in->at == in->end) return false;
    uint8_t kind = *in->at++;
    int64_t now_ms = (int64_t)((uint64_t)*last_ms + (uint64_t)get_signed(in));
    uint64_t job = get_number(in), attempt = get_number(in);
    // The core knows no time beyond this; its timers would never be done.
    if (now_ms < 0 || now_ms > CORE_TIME_MAX / 2) in->broken = true;
    if (!get_sparse(in, event, sizeof *event)) return false;
    BOOL_SET(event, up);
    event->kind = kind;
    event->now_ms = now_ms;
    event->job = job;
    event->attempt = (uint32_t)attempt;
    event->submit = NULL;
    event->capacity = NULL;
    event->policy = NULL;
    event->place = NULL;
    event->reservation = NULL;
    event->voucher = NULL;
    if (!pointed_get(in, out) || in->end - in->at < 4) {
        in->broken = true;
        return false;
    }
    memcpy(&out->hash, in->at, 4);
    in->at += 4;
    *last_ms = now_ms;
    return true;
}

// ---- a segment's beginning ---------------------------------------------------------------------
static void layout_put(struct buf *out) {
    const size_t sizes[] = {sizeof(struct core_event),       sizeof(struct core_job),
                            sizeof(struct core_capacity),    sizeof(struct core_policy),
                            sizeof(struct core_tenant),      sizeof(struct core_place),
                            sizeof(struct core_reservation), sizeof(struct core_voucher),
                            sizeof(struct core_limits),      EVENT_COUNT};
    put_number(out, JOURNAL_VERSION);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) put_number(out, sizes[i]);
}

// Of a fixed size, so that a header can be written over in place.
static void put_time(struct buf *out, int64_t ms) {
    for (int i = 0; i < 8; i++) buf_add_char(out, (char)((uint64_t)ms >> 8 * i & 255));
}

static int64_t get_time(struct journal_bytes *in) {
    uint64_t ms = 0;
    for (int i = 0; i < 8; i++) ms |= (uint64_t)in->at[i] << 8 * i;
    in->at += 8;
    return ms <= CORE_TIME_MAX ? (int64_t)ms : 0;
}

void header_put(struct buf *out, const struct journal_header *header) {
    layout_put(out);
    put_sparse(out, &header->limits, sizeof header->limits);
    put_number(out, header->room);
    put_signed(out, header->began_ms);
    put_time(out, header->missing_ms);
    put_time(out, header->ended_ms);
}

bool header_get(struct journal_bytes *in, struct journal_header *out) {
    struct buf own;
    buf_open(&own, 1024);
    layout_put(&own);
    bool same = buf_err(&own) == OK && (size_t)(in->end - in->at) >= own.size &&
                memcmp(in->at, own.data, own.size) == 0;
    if (same) in->at += own.size;
    buf_close(&own);
    if (!same || !get_sparse(in, &out->limits, sizeof out->limits)) return false;
    out->room = (uint32_t)get_number(in);
    out->began_ms = get_signed(in);
    bool gaps = !in->broken && in->end - in->at >= 16;
    out->missing_ms = gaps ? get_time(in) : 0;
    out->ended_ms = gaps ? get_time(in) : 0;
    const struct core_limits *limits = &out->limits;
    bool sane = limits->jobs <= 1 << 21 && limits->running <= 1 << 16 && limits->tenants <= 4096 &&
                limits->edges <= 4096 && limits->vouchers <= 65536 && limits->shapes <= 1024;
    return !in->broken && sane && out->room >= CORE_DECISIONS_LEAST && out->room <= 4096;
}

// ---- frames ------------------------------------------------------------------------------------
void frame_head(uint8_t out[static JOURNAL_HEAD_BYTES], enum journal_frame kind, struct str data) {
    uint8_t byte = (uint8_t)kind;
    uint32_t size = (uint32_t)data.size;
    uint32_t sum = crc32c(crc32c(0, &byte, 1), data.data, data.size);
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(size >> 8 * i);
        out[4 + i] = (uint8_t)(sum >> 8 * i);
    }
    out[8] = byte;
}

bool frame_next(struct journal_bytes *in, enum journal_frame *out_kind, struct journal_bytes *out,
                bool *out_torn) {
    size_t left = (size_t)(in->end - in->at);
    *out_torn = false;
    if (left == 0) return false;
    *out_torn = true;
    if (left < JOURNAL_HEAD_BYTES) return false;
    uint32_t size = 0, sum = 0;
    for (int i = 0; i < 4; i++) {
        size |= (uint32_t)in->at[i] << 8 * i;
        sum |= (uint32_t)in->at[4 + i] << 8 * i;
    }
    if (size > JOURNAL_FRAME_MAX || size > left - JOURNAL_HEAD_BYTES) return false;
    const uint8_t *data = in->at + JOURNAL_HEAD_BYTES;
    if (crc32c(0, data - 1, size + (size_t)1) != sum) return false;
    *out_torn = false;
    *out_kind = (enum journal_frame)in->at[8];
    *out = (struct journal_bytes){.at = data, .end = data + size};
    in->at = data + size;
    return true;
}
