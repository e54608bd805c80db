// See target_private.h.

#include "model/tabular/target_private.h"

#include <math.h>

static enum err numbers_check(const struct tabular_target *target, enum tabular_loss loss,
                              uint64_t rows, struct fault *fault) {
    bool survival = target->task == TASK_SURVIVAL, count = !survival && loss == LOSS_POISSON;
    for (uint64_t i = 0; i < rows; i++) {
        double value = target->values[i];
        const char *code = !isfinite(value)        ? "train.target_not_finite"
                           : count && value < 0    ? "train.negative_count"
                           : survival && value < 0 ? "train.negative_time"
                                                   : NULL;
        if (code) return fault_at(fault, ERR_INPUT, code, i + 1, 0, target->name);
    }
    return OK;
}

static enum err classes_check(const struct tabular_target *target, uint64_t rows,
                              struct fault *fault) {
    uint64_t seen[TABULAR_CLASSES_MAX] = {0};
    if (target->class_count > TABULAR_CLASSES_MAX) {
        return fault_set(fault, ERR_INPUT, "train.too_many_classes", target->name);
    }
    cy_assert(target->task == TASK_BINARY ? target->class_count == 2 : target->class_count > 2);
    for (uint64_t i = 0; i < rows; i++) {
        double k = target->values[i];
        cy_assert(k >= 0 && k < target->class_count);
        seen[(uint32_t)k]++;
    }
    uint32_t present = 0;
    for (uint32_t k = 0; k < target->class_count; k++) present += seen[k] > 0;
    if (present < 2) return fault_set(fault, ERR_INPUT, "train.one_class", target->name);
    return OK;
}

static enum err weights_check(const struct tabular_target *target, uint64_t rows,
                              struct fault *fault) {
    bool any = target->weight == NULL;
    for (uint64_t i = 0; target->weight && i < rows; i++) {
        double weight = target->weight[i];
        if (!(weight >= 0) || !isfinite(weight)) {
            return fault_at(fault, ERR_INPUT, "train.bad_weight", i + 1, 0, STR_NONE);
        }
        any = any || weight > 0;
    }
    return any ? OK : fault_set(fault, ERR_INPUT, "train.all_weights_zero", STR_NONE);
}

enum err target_check(const struct tabular_target *target, const struct tabular_options *options,
                      uint64_t rows, struct fault *fault) {
    bool number = !task_has_classes(target->task);
    enum err err = number ? numbers_check(target, options->loss, rows, fault)
                          : classes_check(target, rows, fault);
    if (err == OK) err = weights_check(target, rows, fault);
    if (err != OK) return err;
    if (options->loss != LOSS_SQUARED && target->task != TASK_REGRESSION) {
        return fault_set(fault, ERR_INPUT, "train.bad_option", STR("loss"));
    }
    if (options->loss == LOSS_QUANTILE && options->learner == LEARNER_LINEAR) {
        return fault_set(fault, ERR_INPUT, "train.linear_no_quantile", STR_NONE);
    }
    bool weighted = target->weight || target->class_weight || target->balanced;
    if (weighted && options->learner == LEARNER_POINTS) {
        return fault_set(fault, ERR_INPUT, "train.points_no_weights", STR_NONE);
    }
    bool event = target->task != TASK_SURVIVAL;
    cy_assert(event || target->event);
    for (uint64_t i = 0; !event && i < rows; i++) event = target->event[i] != 0;
    return event ? OK : fault_set(fault, ERR_INPUT, "train.no_events", STR_NONE);
}

static double row_weight(const struct tabular_target *target, const double *class_weight,
                         uint64_t row) {
    double weight = target->weight ? target->weight[row] : 1;
    if (!task_has_classes(target->task)) return weight;
    return weight * class_weight[(uint32_t)target->values[row]];
}

// Balanced: every class that trains gets the same total.
static void class_weights(const struct tabular_target *target, const uint32_t *train,
                          uint64_t count, double *out) {
    double total[TABULAR_CLASSES_MAX] = {0};
    if (!task_has_classes(target->task)) return;
    for (uint32_t k = 0; k < target->class_count; k++) {
        out[k] = target->class_weight ? target->class_weight[k] : 1;
    }
    if (!target->balanced) return;
    for (uint64_t i = 0; i < count; i++) {
        double weight = target->weight ? target->weight[train[i]] : 1;
        total[(uint32_t)target->values[train[i]]] += weight;
    }
    for (uint32_t k = 0; k < target->class_count; k++) out[k] = total[k] > 0 ? 1 / total[k] : 1;
}

enum err target_weights(const struct tabular_target *target, uint64_t rows, const uint32_t *train,
                        uint64_t count, double **out) {
    double by_class[TABULAR_CLASSES_MAX], total = 0;
    *out = NULL;
    if (!target->weight && !target->class_weight && !target->balanced) return OK;
    double *weight = memory_take(rows * sizeof *weight + 1);
    if (!weight) return ERR_MEMORY;
    class_weights(target, train, count, by_class);
    for (uint64_t i = 0; i < count; i++) total += row_weight(target, by_class, train[i]);
    double scale = total > 0 ? (double)count / total : 1;
    for (uint64_t i = 0; i < rows; i++) weight[i] = row_weight(target, by_class, i) * scale;
    *out = weight;
    return OK;
}
