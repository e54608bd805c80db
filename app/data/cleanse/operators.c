// The operators, in the order in which a page offers them.
#include "data/cleanse/operator_private.h"

static const struct operator* const operators[] = {
    &operator_source, &operator_field,  &operator_decode, &operator_html,  &operator_normalise,
    &operator_check,  &operator_drop,   &operator_words,  &operator_dedup, &operator_mask,
    &operator_date,   &operator_sample, &operator_pack,   &operator_kanon, &operator_noise,
};

const struct operator* operator_at(uint32_t index) {
    return index < sizeof operators / sizeof operators[0] ? operators[index] : NULL;
}

const struct operator* operator_find(struct str name) {
    for (uint32_t i = 0; operator_at(i); i++) {
        if (str_is(name, operators[i]->name)) return operators[i];
    }
    return NULL;
}

// "operator.NAME" or "operator.NAME.OPTION": keys of messages.
static void put_summary_key(struct json_writer *out, const char *name, const char *option) {
    char room[64];
    struct buf key = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    buf_add_text(&key, "operator.");
    buf_add_text(&key, name);
    if (option) {
        buf_add_char(&key, '.');
        buf_add_text(&key, option);
    }
    json_set_text(out, "summary_key", buf_str(&key));
}

static void put_choices(struct json_writer *out, struct str choices) {
    json_put_name(out, "values");
    json_open_array(out);
    while (choices.size) json_put_text(out, str_cut(choices, '|', &choices));
    json_close_array(out);
}

static void put_option(struct json_writer *out, const struct operator* operator,
                       const struct operator_option * option) {
    json_open_object(out);
    json_set_text(out, "name", str_of(option->name));
    put_summary_key(out, operator->name, option->name);
    json_set_bool(out, "columns", option->values == NULL);
    put_choices(out, str_of(option->values));
    json_close_object(out);
}

static void put_bare(struct json_writer *out, const struct operator* operator) {
    json_put_name(out, "bare");
    json_open_object(out);
    json_set_bool(out, "columns", operator->bare_columns);
    put_choices(out, str_of(operator->bare));
    json_close_object(out);
}

void recipe_operators_write(struct json_writer *out) {
    json_open_array(out);
    for (uint32_t i = 0; operator_at(i); i++) {
        const struct operator* operator= operators[i];
        json_open_object(out);
        json_set_text(out, "name", str_of(operator->name));
        put_summary_key(out, operator->name, NULL);
        json_put_name(out, "options");
        json_open_array(out);
        for (const struct operator_option *option = operator->options; option->name; option++) {
            put_option(out, operator, option);
        }
        json_close_array(out);
        json_set_text(out, "example", str_of(operator->example));
        put_bare(out, operator);
        json_close_object(out);
    }
    json_close_array(out);
}
