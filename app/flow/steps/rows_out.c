// Predictions and their reasons, as the answer to a call.
#include <math.h>
#include <stdlib.h>

#include "flow/steps/rows_in.h"

#define SHARES_BYTES ((size_t)4 << 20) // contributions of so many rows at a time

enum err rows_predict(struct rows_in *rows, struct fault *fault) {
    struct frame frame = cells_frame(&rows->cells, rows->about.features, rows->count);
    enum err err = tabular_predict(rows->model, &frame, 1, rows->out, NULL);
    return err == OK ? OK : fault_set(fault, err, "predict.no_memory", STR_NONE);
}

// ---- reasons -----------------------------------------------------------------------------------
enum { PARTS_TOLD = 10 }; // of a prepared column, those that count most

struct reason_share {
    uint32_t at; // an asked column, or a feature
    double contribution;
};
struct reasons {
    uint32_t most;              // columns told of a row; 0: none
    uint32_t chunk, first;      // rows whose contributions lie in `shares`, from which on
    double *shares;             // (chunk, K, F + 1)
    const float **values;       // (F): of those rows
    struct sparse *sparse;      // (F), or NULL: their texts
    struct reason_share *order; // (A + F)
};

static int share_order(const void *a, const void *b) {
    const struct reason_share *left = a, *right = b;
    double x = fabs(left->contribution), y = fabs(right->contribution);
    if (x != y) return x > y ? -1 : 1;
    return left->at < right->at ? -1 : left->at > right->at;
}

static uint32_t reasons_asked(const struct json *node, uint32_t columns) {
    uint64_t most = 0;
    if (json_is_bool(node)) return json_bool(node, false) ? columns : 0;
    if (!json_u64(node, &most)) return 0;
    return most < columns ? (uint32_t)most : columns;
}

static enum err reasons_open(const struct rows_in *rows, const struct json *node,
                             struct reasons *out) {
    const struct tabular_about *about = &rows->about;
    size_t each = (size_t)about->outputs * (about->feature_count + 1);
    size_t fit = SHARES_BYTES / (each * sizeof(double));
    *out = (struct reasons){.most = reasons_asked(node, rows->asking->count)};
    if (out->most == 0) return OK;
    out->chunk = fit == 0 ? 1 : fit < rows->count ? (uint32_t)fit : rows->count;
    out->first = out->chunk; // none yet
    out->shares = arena_take_array(rows->arena, out->chunk * each, sizeof(double));
    out->values = ARENA_ARRAY(rows->arena, const float *, about->feature_count);
    out->order =
        ARENA_ARRAY(rows->arena, struct reason_share, rows->asking->count + about->feature_count);
    if (rows->cells.texts) {
        out->sparse = ARENA_ARRAY(rows->arena, struct sparse, about->feature_count);
        if (!out->sparse) return ERR_MEMORY;
    }
    return out->shares && out->values && out->order ? OK : ERR_MEMORY;
}

// The contributions of the row and those that follow it.
static enum err reasons_find(const struct rows_in *rows, struct reasons *reasons, uint32_t row) {
    uint32_t left = rows->count - row, features = rows->about.feature_count;
    if (row % reasons->chunk) return OK;
    reasons->first = row;
    for (uint32_t f = 0; f < features; f++) {
        reasons->values[f] = rows->cells.values[f] + row;
        if (!reasons->sparse) continue;
        const struct text_rows *text = &rows->cells.texts[f];
        if (!text->from) continue;
        reasons->sparse[f] =
            (struct sparse){text->from + row, text->count + row, text->bucket, text->weight};
    }
    struct frame frame = {.rows = left < reasons->chunk ? left : reasons->chunk,
                          .feature_count = features,
                          .features = rows->about.features,
                          .values = reasons->values,
                          .sparse = reasons->sparse};
    return tabular_predict(rows->model, &frame, 1, rows->out + (size_t)row * rows->about.outputs,
                           reasons->shares);
}

// The features of a prepared column, the weightiest first.
static void parts_write(const struct rows_in *rows, struct json_writer *out, uint32_t row,
                        const struct asked *asked, const double *shares,
                        struct reason_share *order) {
    for (uint32_t f = 0; f < asked->count; f++) {
        order[f] = (struct reason_share){asked->first + f, shares[asked->first + f]};
    }
    qsort(order, asked->count, sizeof order[0], share_order);
    json_put_name(out, "parts");
    json_open_array(out);
    for (uint32_t i = 0; i < asked->count && i < PARTS_TOLD; i++) {
        if (order[i].contribution == 0) break;
        const struct feature *feature = &rows->about.features[order[i].at];
        json_open_object(out);
        json_set_text(out, "feature", feature->name);
        json_put_name(out, "value");
        feature_put(out, feature, rows->cells.values[order[i].at][row]);
        json_set_number(out, "contribution", order[i].contribution);
        json_close_object(out);
    }
    json_close_array(out);
}

// What a column gives of its points, and could give.
static void points_write(const struct rows_in *rows, struct json_writer *out, uint32_t row,
                         const struct asked *asked) {
    int64_t given = 0, most = 0;
    for (uint32_t f = asked->first; f < asked->first + asked->count; f++) {
        given += tabular_points_of(rows->model, f, rows->cells.values[f][row]);
        most += tabular_points_most(rows->model, f);
    }
    json_set_i64(out, "points", given);
    json_set_i64(out, "points_most", most);
}

static int64_t points_of_row(const struct rows_in *rows, uint32_t row) {
    int64_t sum = tabular_points_base(rows->model);
    for (uint32_t f = 0; f < rows->about.feature_count; f++) {
        sum += tabular_points_of(rows->model, f, rows->cells.values[f][row]);
    }
    return sum;
}

// Of a prepared column neither its value nor what is typical can be told: they are the caller's
// text, and nobody's.
static void reason_write(const struct rows_in *rows, const struct reasons *reasons,
                         struct json_writer *out, uint32_t row, const double *shares,
                         const struct reason_share *share) {
    const struct asked *asked = &rows->asking->items[share->at];
    const struct feature *feature = asked->feature;
    double value = share->contribution;
    json_open_object(out);
    json_set_text(out, "feature", asked->name);
    json_put_name(out, "value");
    if (asked->step)
        json_put_null(out);
    else
        feature_put(out, feature, rows->cells.values[asked->first][row]);
    json_put_name(out, "typical");
    if (asked->step)
        json_put_null(out);
    else
        feature_put(out, feature, tabular_typical(rows->model)[asked->first]);
    json_set_number(out, "contribution", value);
    json_set_text(out, "direction",
                  value > 0   ? STR("raises")
                  : value < 0 ? STR("lowers")
                              : STR("none"));
    if (rows->about.learner == LEARNER_POINTS) points_write(rows, out, row, asked);
    if (asked->step) {
        parts_write(rows, out, row, asked, shares, reasons->order + rows->asking->count);
    }
    json_close_object(out);
}

// By the columns the model asks for; what one was prepared into is added up.
static void reasons_write(const struct rows_in *rows, const struct reasons *reasons,
                          struct json_writer *out, uint32_t row, uint32_t output) {
    const struct tabular_about *about = &rows->about;
    uint32_t features = about->feature_count, columns = rows->asking->count;
    size_t at = (size_t)(row - reasons->first) * about->outputs + output;
    const double *shares = reasons->shares + at * (features + 1);
    double rest = 0;
    for (uint32_t a = 0; a < columns; a++) {
        const struct asked *asked = &rows->asking->items[a];
        double sum = 0;
        for (uint32_t f = 0; f < asked->count; f++) sum += shares[asked->first + f];
        reasons->order[a] = (struct reason_share){a, sum};
    }
    qsort(reasons->order, columns, sizeof reasons->order[0], share_order);
    json_put_name(out, "contributions");
    json_open_array(out);
    for (uint32_t i = 0; i < reasons->most; i++) {
        reason_write(rows, reasons, out, row, shares, &reasons->order[i]);
    }
    json_close_array(out);
    for (uint32_t i = reasons->most; i < columns; i++) rest += reasons->order[i].contribution;
    if (reasons->most < columns) json_set_number(out, "rest", rest);
    json_set_number(out, "base", shares[features]);
}

// ---- answers -----------------------------------------------------------------------------------
static enum err prediction_write(const struct rows_in *rows, struct reasons *reasons,
                                 struct json_writer *out, uint32_t row) {
    const struct tabular_about *about = &rows->about;
    enum err err = reasons->most ? reasons_find(rows, reasons, row) : OK;
    const double *values = rows->out + (size_t)row * about->outputs;
    uint32_t class = predicted_class(about, values, ONE_HALF);
    if (err != OK) return err;
    json_open_object(out);
    if (about->class_count == 0) {
        json_set_number(out, "value", values[0]);
    } else {
        json_set_text(out, "value", about->classes[class]);
    }
    if (about->task == TASK_BINARY) json_set_number(out, "probability", values[0]);
    if (about->task == TASK_SURVIVAL) survival_put(out, rows->model, values[0], &rows->times);
    if (about->learner == LEARNER_POINTS) json_set_i64(out, "points", points_of_row(rows, row));
    if (about->task == TASK_CLASSES) {
        json_put_name(out, "probabilities");
        json_open_object(out);
        for (uint32_t k = 0; k < about->outputs; k++) {
            json_put_name_str(out, about->classes[k]);
            json_put_number(out, values[k]);
        }
        json_close_object(out);
    }
    if (reasons->most) {
        reasons_write(rows, reasons, out, row, about->outputs == 1 ? 0 : class);
    }
    json_close_object(out);
    return OK;
}

enum err rows_tell(struct rows_in *rows, const struct json *body, struct json_writer *out,
                   struct fault *fault) {
    const struct tabular_about *about = &rows->about;
    struct reasons reasons;
    enum err err = times_read(json_member(body, "times"), about, &rows->times, fault);
    if (err != OK) return err;
    err = reasons_open(rows, json_member(body, "contributions"), &reasons);
    if (about->task == TASK_BINARY) json_set_text(out, "positive", about->classes[1]);
    json_put_name(out, "predictions");
    json_open_array(out);
    for (uint32_t row = 0; row < rows->count && err == OK; row++) {
        err = prediction_write(rows, &reasons, out, row);
    }
    json_close_array(out);
    struct str findings = err == OK ? rows_findings(rows) : STR_NONE;
    if (findings.size == 0) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    json_set_raw(out, "findings", findings);
    json_set_u64(out, "finding_count", rows->findings.warnings);
    return OK;
}
