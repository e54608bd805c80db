// The operators, in the order in which a page offers them.
#include "data/cleanse/operator_private.h"

static const struct operator* const operators[] = {
    &operator_source, &operator_field, &operator_decode, &operator_check,
    &operator_drop,   &operator_dedup, &operator_mask,   &operator_date,
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

void recipe_operators_write(struct json_writer *out) {
    json_open_array(out);
    for (uint32_t i = 0; operator_at(i); i++) {
        const struct operator* operator= operators[i];
        char key[64] = "operator.";
        str_copy(key + 9, sizeof key - 9, str_of(operator->name));
        json_open_object(out);
        json_set_text(out, "name", str_of(operator->name));
        json_set_text(out, "summary_key", str_of(key));
        json_put_name(out, "options");
        json_open_array(out);
        for (const struct operator_option *option = operator->options; option->name; option++) {
            json_open_object(out);
            json_set_text(out, "name", str_of(option->name));
            json_set_text(out, "values", str_of(option->values));
            json_close_object(out);
        }
        json_close_array(out);
        json_set_text(out, "example", str_of(operator->example));
        json_close_object(out);
    }
    json_close_array(out);
}
