// Inside of flow's serving: endpoints as records, what they have done, and shadows. Who calls what:
// the operations (endpoints.c, endpoint_predict.c) run on the caller's thread; one thread of its
// own (serving.c) lets shadows answer and writes the counters. Locks: those of struct serving,
// named there. Depends on the other files of flow/.
#pragma once

#include "flow/flow_private.h"
#include "flow/steps/rows_in.h"

// ---- endpoints.c -------------------------------------------------------------------------------
enum { ENDPOINT_NAME_BYTES = 160 }; // its index entry has room for so much
struct endpoint_wish {
    struct str name, note;
    struct who owner;
    uint64_t tenant; // 0: the owner's
    uint64_t model;
    enum endpoint_audience audience;
};
// Inside a transaction: a new endpoint with that model as its version 1, saved, with its audit
// record; strings as the wish's. ERR_CONFLICT "endpoint.name_taken", "predict.not_ready";
// ERR_NOT_FOUND "model.not_found"; ERR_INPUT "endpoint.bad_name" (empty, too long, only digits, or
// with a slash or a control character).
enum err endpoint_make(struct store_txn *txn, struct arena *arena, const struct endpoint_wish *wish,
                       struct endpoint *out, struct fault *fault) MUST_USE;
enum err endpoint_name_check(struct str name, struct fault *fault) MUST_USE; // "endpoint.bad_name"
// The model if it can be used: there, not in the bin, ready.
enum err endpoint_model(struct store_txn *txn, struct arena *arena, uint64_t id, struct model *out,
                        struct fault *fault) MUST_USE;
// For whoever is about to put a model away. ERR_CONFLICT, with an endpoint's name as detail:
// "model.serves" if that has it pinned, "model.shadows" if it is its shadow.
enum err endpoint_keeps(struct store_txn *txn, struct arena *arena, uint64_t model,
                        struct fault *fault) MUST_USE;
// The call's endpoint, by id, or by `word`: an id or its name. ERR_NOT_FOUND
// "endpoint.not_found", also for those it is not open to.
enum err endpoint_find(struct store_txn *txn, const struct call *call,
                       struct endpoint *out) MUST_USE;

// ---- endpoint_view.c ---------------------------------------------------------------------------
void view_endpoint(struct store_txn *txn, struct arena *arena, struct json_writer *out,
                   const struct endpoint *endpoint); // leaves it open
// models.c: "features", what the model asks for (a prepared column has no typical value: what it
// was is not kept), and "classes".
void features_write(struct json_writer *out, const struct loaded *loaded);

// ---- serving.c ---------------------------------------------------------------------------------
enum err serving_open(struct flow *flow) MUST_USE;
void serving_close(struct flow *flow); // writes what has not been written

struct served_call { // one that has been answered, or refused for its rows
    uint64_t endpoint, version, tenant;
    struct who person;
    uint64_t rows;
    bool failed;
    uint64_t pinned_us; // its rows read and predicted
};
// Cheap: added up in memory and written every other second, the person's requests of
// allocation/usage.h among them. A crash loses what was counted since.
void serving_count(struct flow *flow, const struct served_call *served);
// Requests of the person that have not been written yet.
uint64_t serving_pending(struct flow *flow, uint64_t person);
// Writes now, so that whoever reads the records sees all.
enum err serving_flush(struct flow *flow) MUST_USE;
// After the answer was made: the shadow answers the same rows, later, on serving's own thread.
// Copies what it needs, and leaves it (and counts that) where too much waits already.
struct model;
void shadow_offer(struct flow *flow, const struct call *call, const struct rows_in *rows,
                  const struct served_call *served, const struct hash *pinned,
                  const struct model *shadow);
// A model of call->id that is ready and not put away. ERR_NOT_FOUND "model.not_found", ERR_CONFLICT
// "predict.not_ready". (predict.c)
enum err model_ready(struct flow *flow, const struct call *call, struct model *out) MUST_USE;
