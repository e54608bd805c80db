// The scorecard's part of survival: what was seen to happen to thirds of the test rows by their
// risk, and at each of the model's times what was predicted beside what was seen. Thirds are of
// rows; within one rows count by their weight.

#include <math.h>

#include "model/tabular/judge_parts_private.h"

enum { THIRDS = 3, CURVE_POINTS = 101, BINS = 5 };

struct surviving {
    const struct judging *judging;
    const struct tabular_model *model;
    const struct side_rows *side;
    const double *risk;
    uint32_t *by_time; // (N)
    uint32_t *rank;    // (N): of the risk, by row
    uint32_t *list;    // (N): scratch, some rows by rising time
};

// Rows whose rank is part `part` of `parts`, into list by rising time.
static uint64_t take_part(const struct surviving *s, uint64_t part, uint64_t parts) {
    uint64_t rows = s->side->rows, count = 0;
    for (uint64_t i = 0; i < rows; i++) {
        uint32_t row = s->by_time[i];
        if (s->rank[row] * parts / rows == part) s->list[count++] = row;
    }
    return count;
}

static struct lasting lasting_of(const struct surviving *s, uint64_t count) {
    const struct side_rows *side = s->side;
    return (struct lasting){side->truth, side->weight, side->event, s->list, count};
}

static void write_thirds(const struct surviving *s) {
    static const char *const names[THIRDS] = {"low", "middle", "high"};
    struct json_writer *out = s->judging->out;
    struct curve_point points[CURVE_POINTS];
    json_put_name(out, "groups");
    json_open_array(out);
    for (uint32_t part = 0; part < THIRDS; part++) {
        uint64_t count = take_part(s, part, THIRDS), events = 0;
        for (uint64_t i = 0; i < count; i++) events += s->side->event[s->list[i]] != 0;
        struct lasting lasting = lasting_of(s, count);
        uint32_t steps = kaplan_meier(&lasting, points, CURVE_POINTS);
        json_open_object(out);
        json_set_text(out, "risk", str_of(names[part]));
        json_set_u64(out, "rows", count);
        json_set_u64(out, "events", events);
        json_put_name(out, "curve");
        json_open_array(out);
        for (uint32_t i = 0; i < steps; i++) {
            json_open_object(out);
            json_set_number(out, "x", points[i].x);
            json_set_number(out, "y", points[i].y);
            json_close_object(out);
        }
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
}

// Rows of rising risk have a falling probability: fifths of one are fifths of the other.
static void write_calibration(const struct surviving *s, double time) {
    struct json_writer *out = s->judging->out;
    json_open_object(out);
    json_set_number(out, "time", time);
    json_put_name(out, "bins");
    json_open_array(out);
    for (uint32_t part = 0; part < BINS; part++) {
        uint64_t count = take_part(s, part, BINS);
        double predicted = 0, total = 0;
        if (count == 0) continue;
        for (uint64_t i = 0; i < count; i++) {
            double weight = s->side->weight ? s->side->weight[s->list[i]] : 1;
            predicted += weight * tabular_survival(s->model, s->risk[s->list[i]], time);
            total += weight;
        }
        predicted /= total;
        struct lasting lasting = lasting_of(s, count);
        double seen = kaplan_meier_at(&lasting, time);
        json_open_object(out);
        json_set_number(out, "predicted", predicted);
        json_set_number(out, "observed", seen);
        json_set_u64(out, "count", count);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

enum err judge_survival(const struct judging *judging, const struct tabular_model *model,
                        const struct side_rows *side, const double *predicted) {
    if (judging->target->task != TASK_SURVIVAL || side->rows == 0) return OK;
    size_t bytes = side->rows * sizeof(uint32_t);
    struct surviving s = {judging, model, side, predicted, NULL, NULL, NULL};
    s.by_time = memory_take(bytes);
    s.rank = memory_take(bytes);
    s.list = memory_take(bytes);
    enum err err = s.by_time && s.rank && s.list ? OK : ERR_MEMORY;
    if (err == OK) err = order_by_score(predicted, side->rows, s.by_time);
    for (uint64_t i = 0; err == OK && i < side->rows; i++) s.rank[s.by_time[i]] = (uint32_t)i;
    if (err == OK) err = order_by_score(side->truth, side->rows, s.by_time);
    if (err == OK) {
        json_put_name(judging->out, "survival");
        json_open_object(judging->out);
        write_thirds(&s);
        json_put_name(judging->out, "calibration");
        json_open_array(judging->out);
        for (uint32_t i = 0; i < model->time_count; i++) write_calibration(&s, model->times[i]);
        json_close_array(judging->out);
        json_close_object(judging->out);
    }
    memory_give(s.list);
    memory_give(s.rank);
    memory_give(s.by_time);
    return err;
}
