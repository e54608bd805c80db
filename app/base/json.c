#include "base/json.h"

#include <math.h>
#include <string.h>

#include <cJSON.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

// A struct json is a cJSON node under another name: the tree needs no second copy.
static const cJSON *node_of(const struct json *node) {
    return (const cJSON *)(const void *)node;
}

static const struct json *json_of(const cJSON *node) {
    return (const struct json *)(const void *)node;
}

// Depth is bounded before cJSON recurses; brackets inside strings do not count.
static bool too_deep(struct str text) {
    uint32_t depth = 0;
    bool inside = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (inside) {
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LIMIT_JSON_DEPTH) return true;
        } else if (c == '}' || c == ']') {
            if (depth > 0) depth--;
        }
    }
    return false;
}

static bool has_nul_escape(struct str text) {
    static const char escape[] = "\\u0000";
    return text.size >= 6 && memmem(text.data, text.size, escape, 6) != NULL;
}

// Members are looked up by name one after the other; more than any table's width is an attack.
enum { MEMBERS_MAX = 2 * LIMIT_COLUMNS };

// A member that stands twice would be read by some and ignored by others.
static const char *bad_members(const cJSON *node) {
    size_t count = 0;
    for (const cJSON *child = node->child; child; child = child->next) {
        if (cJSON_IsObject(node) && ++count > MEMBERS_MAX) return "json.too_large";
        const char *inner = child->child ? bad_members(child) : NULL;
        if (inner) return inner;
    }
    if (!cJSON_IsObject(node)) return NULL;
    for (const cJSON *child = node->child; child; child = child->next) {
        for (const cJSON *other = child->next; other; other = other->next) {
            if (strcmp(child->string, other->string) == 0) return "json.name_twice";
        }
    }
    return NULL;
}

enum err json_parse(struct str text, struct json **out, struct fault *fault) {
    if (text.size > LIMIT_JSON_BYTES) {
        return fault_set(fault, ERR_LIMIT, "json.too_large", STR_NONE);
    }
    size_t valid = utf8_valid_prefix(text);
    if (valid < text.size) {
        return fault_at(fault, ERR_INPUT, "json.not_utf8", 0, valid + 1, STR_NONE);
    }
    if (too_deep(text)) return fault_set(fault, ERR_LIMIT, "json.too_deep", STR_NONE);
    if (has_nul_escape(text)) return fault_set(fault, ERR_INPUT, "json.has_nul", STR_NONE);
    // cJSON wants to see where the text ends, so require_null_terminated cannot be used: trailing
    // bytes are checked here instead.
    const char *end = NULL;
    cJSON *root = text.size ? cJSON_ParseWithLengthOpts(text.data, text.size, &end, 0) : NULL;
    if (!root) {
        size_t at = end && end >= text.data ? (size_t)(end - text.data) : 0;
        return fault_at(fault, ERR_INPUT, "json.invalid", 0, at + 1, STR_NONE);
    }
    struct str rest = str_trim((struct str){end, (size_t)(text.data + text.size - end)});
    const char *code = rest.size ? "json.invalid" : bad_members(root);
    if (code) {
        size_t column = rest.size ? (size_t)(rest.data - text.data) + 1 : 0;
        cJSON_Delete(root);
        bool limit = str_is(str_of(code), "json.too_large");
        return fault_at(fault, limit ? ERR_LIMIT : ERR_INPUT, code, 0, column, STR_NONE);
    }
    *out = (struct json *)(void *)root;
    return OK;
}

enum err json_parse_file(const char *path, struct json **out, struct fault *fault) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = file_read(path, &text, fault);
    if (err == OK) err = json_parse(buf_str(&text), out, fault);
    buf_close(&text);
    return err;
}

void json_close(struct json *root) {
    cJSON_Delete((cJSON *)(void *)root);
}

bool json_is_object(const struct json *node) {
    return cJSON_IsObject(node_of(node));
}
bool json_is_array(const struct json *node) {
    return cJSON_IsArray(node_of(node));
}
bool json_is_string(const struct json *node) {
    return cJSON_IsString(node_of(node));
}
bool json_is_number(const struct json *node) {
    return cJSON_IsNumber(node_of(node));
}
bool json_is_bool(const struct json *node) {
    return cJSON_IsBool(node_of(node));
}
bool json_is_null(const struct json *node) {
    return cJSON_IsNull(node_of(node));
}

const struct json *json_member(const struct json *object, const char *name) {
    if (!json_is_object(object)) return NULL;
    return json_of(cJSON_GetObjectItemCaseSensitive(node_of(object), name));
}

const struct json *json_first(const struct json *parent) {
    if (!json_is_object(parent) && !json_is_array(parent)) return NULL;
    return json_of(node_of(parent)->child);
}

const struct json *json_next(const struct json *child) {
    return child ? json_of(node_of(child)->next) : NULL;
}

size_t json_count(const struct json *parent) {
    size_t count = 0;
    for (const struct json *child = json_first(parent); child; child = json_next(child)) count++;
    return count;
}

struct str json_name(const struct json *child) {
    return child ? str_of(node_of(child)->string) : STR_NONE;
}

struct str json_text(const struct json *node) {
    return json_is_string(node) ? str_of(node_of(node)->valuestring) : STR_NONE;
}

double json_number(const struct json *node, double otherwise) {
    return json_is_number(node) ? node_of(node)->valuedouble : otherwise;
}

bool json_bool(const struct json *node, bool otherwise) {
    return json_is_bool(node) ? cJSON_IsTrue(node_of(node)) : otherwise;
}

bool json_i64(const struct json *node, int64_t *out) {
    if (!json_is_number(node)) return false;
    double value = node_of(node)->valuedouble;
    if (!(fabs(value) <= 9007199254740992.0) || value != floor(value)) return false;
    *out = (int64_t)value;
    return true;
}

bool json_u64(const struct json *node, uint64_t *out) {
    int64_t value;
    if (!json_i64(node, &value) || value < 0) return false;
    *out = (uint64_t)value;
    return true;
}

struct str json_member_text(const struct json *object, const char *name) {
    return json_text(json_member(object, name));
}

double json_member_number(const struct json *object, const char *name, double otherwise) {
    return json_number(json_member(object, name), otherwise);
}

uint64_t json_member_u64(const struct json *object, const char *name, uint64_t otherwise) {
    uint64_t value;
    return json_u64(json_member(object, name), &value) ? value : otherwise;
}

bool json_member_bool(const struct json *object, const char *name, bool otherwise) {
    return json_bool(json_member(object, name), otherwise);
}

void json_put_node(struct json_writer *writer, const struct json *node) {
    if (json_is_object(node) || json_is_array(node)) {
        bool object = json_is_object(node);
        if (object)
            json_open_object(writer);
        else
            json_open_array(writer);
        for (const struct json *child = json_first(node); child; child = json_next(child)) {
            if (object) json_put_name_str(writer, json_name(child));
            json_put_node(writer, child);
        }
        if (object)
            json_close_object(writer);
        else
            json_close_array(writer);
    } else if (json_is_string(node)) {
        json_put_text(writer, json_text(node));
    } else if (json_is_number(node)) {
        json_put_number(writer, json_number(node, 0));
    } else if (json_is_bool(node)) {
        json_put_bool(writer, json_bool(node, false));
    } else {
        json_put_null(writer);
    }
}

void json_write(struct buf *out, const struct json *node) {
    struct json_writer writer = json_writer_of(out);
    json_put_node(&writer, node);
}

void json_put_member(struct json_writer *writer, const struct json *member) {
    json_put_name_str(writer, json_name(member));
    json_put_node(writer, member);
}

void json_set_node(struct json_writer *writer, const char *name, const struct json *node) {
    json_put_name(writer, name);
    json_put_node(writer, node);
}
