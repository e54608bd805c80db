// A model of series asked for a forecast: the recent history comes as rows with the call. Files,
// and the release it was trained on, go the way of predictions (predict.c).
#include "flow/flow_private.h"
#include "flow/steps/forecast.h"

static enum err forecast_answer(struct call *call, const struct model *record,
                                const struct tabular_model *model) {
    struct tabular_about about = tabular_about(model);
    struct series_data data;
    struct forecast_rows rows = {0};
    struct forecast *forecasts = NULL;
    uint32_t count = 0, silent = 0;
    bool is_series = false;
    enum err err = series_recall(&about, call->arena, &data, &is_series, call->fault);
    if (err == OK && !is_series) {
        err = fault_set(call->fault, ERR_INPUT, "series.not_series", record->name);
    }
    if (err != OK) return err;
    err =
        forecast_rows_read(json_member(call->body, "rows"), &data, call->arena, &rows, call->fault);
    if (err == OK) {
        struct series_source source = {.schema = &rows.schema, .batch = &rows.batch};
        err = series_history_read(&source, &data, call->arena, NULL, call->fault);
    }
    if (err == OK) {
        err = forecast_make(model, &data, 1, call->arena, &forecasts, &count, &silent, call->fault);
    }
    forecast_rows_close(&rows);
    if (err != OK) return err;
    json_open_object(call->out);
    json_set_u64(call->out, "model", record->id);
    json_set_text(call->out, "target", data.target);
    forecast_write(call->out, &data, forecasts, count, silent);
    json_close_object(call->out);
    return answer_end(call);
}

enum err flow_model_forecast(struct flow *flow, struct call *call) {
    struct model model;
    struct loaded *loaded;
    enum err err = model_ready(flow, call, &model);
    if (err == OK) err = models_take(flow, &model.file, &loaded, call->fault);
    if (err != OK) return err;
    err = forecast_answer(call, &model, loaded_model(loaded));
    models_give(flow->models, loaded);
    return err;
}
