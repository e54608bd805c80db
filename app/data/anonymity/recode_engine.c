// Takes and gives back what local recoding needs, and fills its records.
#include "data/anonymity/recode_private.h"

static enum err open_column(struct engine *engine, uint32_t column) {
    const struct hierarchy *tree = engine->table->quasi[column].hierarchy;
    size_t leaves = tree->leaf_count, levels = tree->level_count - 1;
    engine->places[column] = memory_take((levels * leaves + 1) * sizeof(uint32_t));
    engine->losses[column] = memory_take((size_t)tree->node_count * sizeof(double));
    engine->fanouts[column] = memory_take((size_t)tree->node_count * sizeof(uint32_t));
    if (!engine->places[column] || !engine->losses[column] || !engine->fanouts[column]) {
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < levels * leaves; i++) {
        uint32_t node = tree->above[i], *fanout = &engine->fanouts[column][tree->above[i + leaves]];
        engine->places[column][i] = tree->place[node];
        if (tree->place[node] >= *fanout) *fanout = tree->place[node] + 1;
    }
    for (uint32_t node = 0; node < tree->node_count; node++) {
        engine->losses[column][node] = hierarchy_loss(tree, node);
    }
    return OK;
}

static enum err open_recoder(const struct engine *engine, struct recoder *own) {
    uint32_t widest = 1;
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        const struct hierarchy *tree = engine->table->quasi[column].hierarchy;
        if (tree->widest > widest) widest = tree->widest;
        own->levels[column] = (uint8_t)(tree->level_count - 1);
        own->slots[column] = memory_take((size_t)tree->widest * 2 * sizeof(uint64_t));
        own->children[column] = memory_take((size_t)tree->widest * sizeof(struct child));
        own->others[column] = own->slots[column] ? own->slots[column] + tree->widest : NULL;
        if (!own->slots[column] || !own->children[column]) return ERR_MEMORY;
    }
    own->nexts = memory_take((size_t)widest * sizeof(uint32_t));
    own->ends = memory_take((size_t)widest * sizeof(uint32_t));
    own->kept = memory_take((size_t)ENOUGH_ROWS * engine->quasi_count);
    own->kept_rows = memory_take((size_t)ENOUGH_ROWS * sizeof(uint32_t));
    if (!own->nexts || !own->ends || !own->kept || !own->kept_rows) return ERR_MEMORY;
    return class_counts_open(engine->guard, &own->class_counts);
}

static void fill_records(const struct engine *engine) {
    const struct coded_table *table = engine->table;
    uint32_t *record = engine->records;
    for (uint64_t row = 0; row < table->rows; row++, record += engine->stride) {
        for (uint32_t i = 0; i < engine->quasi_count; i++) record[i] = table->quasi[i].codes[row];
        for (uint32_t i = 0; i < engine->sensitive_count; i++) {
            record[engine->quasi_count + i] = table->sensitive[i].codes[row];
        }
        record[engine->stride - 1] = (uint32_t)row;
    }
}

enum err engine_open(const struct coded_table *table, const struct anonymity_goal *goal,
                     bool strict, const struct guard *guard, struct pool *pool,
                     struct progress *progress, uint8_t *levels, struct engine *out) {
    uint32_t rows = (uint32_t)table->rows;
    *out = (struct engine){.table = table,
                           .guard = guard,
                           .logs = guard->logs,
                           .progress = progress,
                           .k = goal->k ? goal->k : 1,
                           .quasi_count = table->quasi_count,
                           .sensitive_count = guard->needed ? table->sensitive_count : 0,
                           .strict = strict,
                           .levels = levels};
    out->stride = out->quasi_count + out->sensitive_count + 1;
    out->task_rows = rows / 32 > ENOUGH_ROWS ? rows / 32 : ENOUGH_ROWS;
    out->records = memory_take((size_t)rows * out->stride * sizeof(uint32_t));
    out->tasks = memory_take(((size_t)rows / TASK_ROWS_LEAST + 2) * sizeof(struct task));
    out->recoder_count = pool_threads(pool);
    out->recoders = memory_take(out->recoder_count * sizeof *out->recoders);
    enum err err = out->records && out->tasks && out->recoders ? OK : ERR_MEMORY;
    for (uint32_t i = 0; i < out->quasi_count && err == OK; i++) err = open_column(out, i);
    for (uint32_t i = 0; i < out->recoder_count && err == OK; i++) {
        err = open_recoder(out, &out->recoders[i]);
    }
    if (err != OK) {
        engine_close(out);
        return err;
    }
    fill_records(out);
    return OK;
}

void engine_close(struct engine *engine) {
    for (uint32_t i = 0; engine->recoders && i < engine->recoder_count; i++) {
        struct recoder *own = &engine->recoders[i];
        for (uint32_t column = 0; column < engine->quasi_count; column++) {
            memory_give(own->slots[column]);
            memory_give(own->children[column]);
        }
        memory_give(own->nexts);
        memory_give(own->ends);
        memory_give(own->kept);
        memory_give(own->kept_rows);
        class_counts_close(&own->class_counts);
    }
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        memory_give(engine->places[column]);
        memory_give(engine->losses[column]);
        memory_give(engine->fanouts[column]);
    }
    memory_give(engine->recoders);
    memory_give(engine->tasks);
    memory_give(engine->records);
}
