#include "flow/lineage_private.h"

enum { LINEAGE_DEPTH_MAX = 40, CHAIN_MAX = 1024 };

static void end_write(struct json_writer *out, const struct lineage_end *end, bool fixed) {
    json_open_object(out);
    view_hash(out, "hash", &end->hash);
    if (!fixed) json_set_u64(out, "id", end->id);
    json_set_text(out, "kind", end->kind);
    json_close_object(out);
}

static void ends_write(struct json_writer *out, const char *name, const struct lineage_end *ends,
                       uint32_t count, bool fixed) {
    json_put_name(out, name);
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) end_write(out, &ends[i], fixed);
    json_close_array(out);
}

static void options_write(struct json_writer *out, const struct lineage *lineage) {
    json_set_raw(out, "options", lineage->options.size ? lineage->options : STR("{}"));
}

// Parents are always older, so this ends; the depth is bounded for the answer's sake.
static enum err nested_write(struct store_txn *txn, struct arena *arena, uint64_t id,
                             uint32_t depth, struct json_writer *out) {
    struct lineage lineage;
    enum err err = lineage_load(txn, arena, id, &lineage);
    if (err != OK) return err;
    json_open_object(out);
    json_set_u64(out, "id", lineage.id);
    json_set_text(out, "step", lineage.step);
    json_set_i64(out, "time_ms", lineage.time_ms);
    json_set_text(out, "actor", lineage.actor.name);
    ends_write(out, "inputs", lineage.inputs, lineage.input_count, false);
    ends_write(out, "outputs", lineage.outputs, lineage.output_count, false);
    options_write(out, &lineage);
    json_put_name(out, "parents");
    json_open_array(out);
    for (uint32_t i = 0; i < lineage.parent_count && depth < LINEAGE_DEPTH_MAX; i++) {
        if (lineage.parents[i] == 0 || lineage.parents[i] >= id) continue;
        err = nested_write(txn, arena, lineage.parents[i], depth + 1, out);
        if (err != OK) return err;
    }
    json_close_array(out);
    json_close_object(out);
    return OK;
}

enum err flow_lineage_show(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = nested_write(txn, call->arena, call->id, 0, call->out);
    store_read_end(txn);
    return err == OK ? answer_end(call) : missing(call, err, "lineage.not_found");
}

// The first parent's chain: each step of the data's own way has one.
enum err lineage_write_fixed(struct flow *flow, struct arena *arena, uint64_t id,
                             struct json_writer *out) {
    struct lineage *chain = ARENA_ARRAY(arena, struct lineage, CHAIN_MAX);
    struct store_txn *txn;
    uint32_t count = 0;
    if (!chain) return ERR_MEMORY;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    while (id != 0 && err == OK && count < CHAIN_MAX) {
        err = lineage_load(txn, arena, id, &chain[count]);
        if (err != OK) break;
        uint64_t parent = chain[count].parent_count ? chain[count].parents[0] : 0;
        id = parent < id ? parent : 0;
        count++;
    }
    store_read_end(txn);
    if (err != OK) return err;
    json_open_array(out);
    while (count > 0) {
        const struct lineage *lineage = &chain[--count];
        json_open_object(out);
        ends_write(out, "inputs", lineage->inputs, lineage->input_count, true);
        options_write(out, lineage);
        ends_write(out, "outputs", lineage->outputs, lineage->output_count, true);
        json_set_text(out, "step", lineage->step);
        json_close_object(out);
    }
    json_close_array(out);
    return OK;
}
