// The privacy budget of a dataset: what its tables of noisy counts (recipe line noise) have spent
// of epsilon together, in whatever revision and by whomever. Taken when the job is made, in the
// same transaction, so that jobs asked for at one time cannot spend it twice; given back when the
// job fails or is cancelled, for nobody has seen its counts.
#include <stdio.h>

#include "data/cleanse/cleanse.h"
#include "flow/flow_private.h"

enum { MILLIONTHS = 1000000 };

static uint64_t millionths(double epsilon) {
    return (uint64_t)(epsilon * MILLIONTHS + .5);
}

double budget_spent(const struct dataset *dataset) {
    return (double)dataset->epsilon / MILLIONTHS;
}

enum err budget_ask(struct flow *flow, const struct call *call, const struct recipe *recipe,
                    struct budget *out) {
    char rules[LIMIT_PATH_BYTES];
    *out = (struct budget){.asked = recipe_epsilon(recipe)};
    if (!(out->asked > 0)) return OK;
    return cleanse_epsilon_most(site_rules_path(flow, rules) ? rules : NULL, &out->most,
                                call->fault);
}

enum err budget_take(const struct call *call, const struct budget *budget, struct dataset *dataset,
                     struct str recipe, struct job *job) {
    if (!(budget->asked > 0)) return OK;
    uint64_t asked = millionths(budget->asked);
    double spent = budget_spent(dataset);
    if (dataset->epsilon + asked > millionths(budget->most)) {
        char detail[FAULT_DETAIL_SIZE];
        snprintf(detail, sizeof detail, "%g + %g > %g", spent, budget->asked, budget->most);
        return fault_set(call->fault, ERR_CONFLICT, "noise.over_budget", str_of(detail));
    }
    dataset->epsilon += asked;
    struct buf json;
    buf_open(&json, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&json);
    json_open_object(&out);
    json_set_text(&out, "recipe", recipe);
    json_set_number(&out, "epsilon", budget->asked);
    json_set_number(&out, "epsilon_spent", spent);
    json_close_object(&out);
    enum err err = buf_err(&json);
    if (err == OK) job->options = arena_text(call->arena, buf_str(&json));
    buf_close(&json);
    return err == OK && !job->options.data ? ERR_MEMORY : err;
}

enum err budget_give_back(struct store_txn *txn, struct arena *arena, const struct job *job) {
    struct json *options;
    struct dataset dataset;
    enum err err = json_parse(job->options, &options, NULL);
    if (err != OK) return err;
    uint64_t taken = millionths(json_member_number(options, "epsilon", 0));
    json_close(options);
    if (taken == 0) return OK;
    err = dataset_load(txn, arena, job->subject, &dataset);
    if (err != OK) return err;
    dataset.epsilon -= taken < dataset.epsilon ? taken : dataset.epsilon;
    return dataset_save(txn, &dataset);
}
