#include "base/call.h"

struct str call_query(const struct call *call, const char *name) {
    for (uint32_t i = 0; i < call->query_count; i++) {
        if (str_is(call->query[i].name, name)) return call->query[i].value;
    }
    return STR_NONE;
}

enum err call_query_u64(const struct call *call, const char *name, uint64_t least, uint64_t most,
                        uint64_t otherwise, uint64_t *out) {
    struct str text = call_query(call, name);
    uint64_t value = otherwise;
    if (text.data && (!str_to_u64(text, &value) || value < least || value > most)) {
        return fault_set(call->fault, ERR_INPUT, "call.bad_number", str_of(name));
    }
    *out = value;
    return OK;
}

enum err call_text(const struct call *call, const char *name, size_t least_bytes, size_t most_bytes,
                   struct str *out) {
    const struct json *node = json_member(call->body, name);
    if (node && !json_is_string(node) && !json_is_null(node)) {
        return fault_set(call->fault, ERR_INPUT, "call.not_text", str_of(name));
    }
    struct str text = str_trim(json_text(node));
    if (text.size < least_bytes) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", str_of(name));
    }
    if (text.size > most_bytes) {
        return fault_set(call->fault, ERR_LIMIT, "call.too_long", str_of(name));
    }
    *out = text;
    return OK;
}
