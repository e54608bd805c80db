// Inside of the journal: how numbers, structs, events and the core's state become bytes and back.
// Reading never looks beyond what it is given and leaves nothing half read.
#pragma once

#include "allocation/journal.h"
#include "base/buf.h"

enum {
    JOURNAL_VERSION = 1,
    JOURNAL_HEAD_BYTES = 9, // of a frame: size, CRC, kind
    JOURNAL_FRAME_MAX = 64 << 20,
    JOURNAL_TENANTS_MAX = 4096,
};
enum journal_frame { FRAME_HEADER = 1, FRAME_STATE, FRAME_EVENTS };

struct journal_bytes { // what is left to read; broken for good after the first misfit
    const uint8_t *at, *end;
    bool broken;
};

// ---- numbers and structs (journal_code.c) ------------------------------------------------------
void put_number(struct buf *out, uint64_t value);
void put_signed(struct buf *out, int64_t value);
uint64_t get_number(struct journal_bytes *in);
int64_t get_signed(struct journal_bytes *in);
void put_sparse(struct buf *out, const void *data, size_t size);
bool get_sparse(struct journal_bytes *in, void *data, size_t size);

// ---- events ------------------------------------------------------------------------------------
// An event whose pointers lead into itself.
struct journal_event {
    struct core_event event;
    uint32_t hash; // of the core after it, a part
    struct core_job job;
    struct core_capacity capacity;
    struct core_policy policy;
    struct core_place place;
    struct core_reservation reservation;
    struct core_voucher voucher;
    struct core_tenant tenants[JOURNAL_TENANTS_MAX];
};
// Times are told as what they are more than *last_ms.
void event_put(struct buf *out, const struct core_event *event, uint64_t hash, int64_t *last_ms);
bool event_get(struct journal_bytes *in, struct journal_event *out, int64_t *last_ms);

// ---- a segment's beginning ---------------------------------------------------------------------
struct journal_header {
    struct core_limits limits;
    uint32_t room; // of each step
    int64_t began_ms;
    // The last 16 bytes of the frame; a segment without them was written before there were any.
    int64_t missing_ms; // what was told after this and before it began is nowhere; 0: nothing is
    int64_t ended_ms;   // it stopped for want of room, and holds what was told until then; else 0
};
void header_put(struct buf *out, const struct journal_header *header);
// False: not of this version or of other structs.
bool header_get(struct journal_bytes *in, struct journal_header *out);

// ---- the state (journal_state.c) ---------------------------------------------------------------
void state_put(struct buf *out, const struct core *core);
// NULL: not a state of such limits.
struct core *state_get(struct journal_bytes *in, void *memory, const struct core_limits *limits);

// ---- frames ------------------------------------------------------------------------------------
// The head of a frame whose content is data; and the next frame of `in`: false at the end, or
// (*out_torn) where it is not whole.
void frame_head(uint8_t out[static JOURNAL_HEAD_BYTES], enum journal_frame kind, struct str data);
bool frame_next(struct journal_bytes *in, enum journal_frame *out_kind, struct journal_bytes *out,
                bool *out_torn);
