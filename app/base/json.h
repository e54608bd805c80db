// JSON at the border: reading into a tree with depth and size limits, and a streaming writer.
// A tree belongs to whom json_parse gave it (json_close); nodes and strings live as long as it.
// Lookups accept NULL nodes and give the default, so a chain of them needs one check at its end.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct json; // one node; the root stands for the tree

// Parses UTF-8 text. ERR_INPUT "json.invalid" (column: byte position), "json.not_utf8",
// ERR_LIMIT "json.too_large", "json.too_deep"; ERR_MEMORY. *out untouched on error.
enum err json_parse(struct str text, struct json **out, struct fault *fault) MUST_USE;
enum err json_parse_file(const char *path, struct json **out, struct fault *fault) MUST_USE;
void json_close(struct json *root); // NULL is fine

bool json_is_object(const struct json *node);
bool json_is_array(const struct json *node);
bool json_is_string(const struct json *node);
bool json_is_number(const struct json *node);
bool json_is_bool(const struct json *node);
bool json_is_null(const struct json *node); // JSON's null, not an absent node
// A member by name (exact bytes); NULL if absent or if `object` is no object. A key that stands
// twice in the text was refused by json_parse.
const struct json *json_member(const struct json *object, const char *name);
// Children of an object or array in the order of the text.
const struct json *json_first(const struct json *parent);
const struct json *json_next(const struct json *child);
size_t json_count(const struct json *parent);   // O(n)
struct str json_name(const struct json *child); // of an object's member
struct str json_text(const struct json *node);  // of a string; STR_NONE otherwise
double json_number(const struct json *node, double otherwise);
bool json_bool(const struct json *node, bool otherwise);
// A whole number within the exact range of a double; false if it is none.
bool json_u64(const struct json *node, uint64_t *out);
bool json_i64(const struct json *node, int64_t *out);
// Shorthands for members.
struct str json_member_text(const struct json *object, const char *name);
double json_member_number(const struct json *object, const char *name, double otherwise);
uint64_t json_member_u64(const struct json *object, const char *name, uint64_t otherwise);
bool json_member_bool(const struct json *object, const char *name, bool otherwise);
// Writes a node again, compactly.
void json_write(struct buf *out, const struct json *node);

// The writer: appends to a buf, puts the commas, escapes strings, replaces invalid UTF-8 and NUL
// (which json_parse refuses) by U+FFFD. Non-finite numbers become null. Errors stick in the buf.
struct json_writer {
    struct buf *out;
    uint32_t depth;
    bool comma;
};
struct json_writer json_writer_of(struct buf *out);
void json_open_object(struct json_writer *writer);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer);
void json_close_array(struct json_writer *writer);
void json_put_name(struct json_writer *writer, const char *name);
void json_put_name_str(struct json_writer *writer, struct str name);
void json_put_text(struct json_writer *writer, struct str text);
void json_put_u64(struct json_writer *writer, uint64_t value);
void json_put_i64(struct json_writer *writer, int64_t value);
void json_put_number(struct json_writer *writer, double value);
void json_put_bool(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);
void json_put_raw(struct json_writer *writer, struct str json); // trusted, valid JSON
// A node of a tree with all below it; null for NULL. A member: its name and its value.
void json_put_node(struct json_writer *writer, const struct json *node);
void json_put_member(struct json_writer *writer, const struct json *member);
// name and value in one.
void json_set_text(struct json_writer *writer, const char *name, struct str text);
void json_set_u64(struct json_writer *writer, const char *name, uint64_t value);
void json_set_i64(struct json_writer *writer, const char *name, int64_t value);
void json_set_number(struct json_writer *writer, const char *name, double value);
void json_set_bool(struct json_writer *writer, const char *name, bool value);
void json_set_null(struct json_writer *writer, const char *name);
void json_set_raw(struct json_writer *writer, const char *name, struct str json);
void json_set_node(struct json_writer *writer, const char *name, const struct json *node);
// A fault as {"code", "row", "column", "detail"}; zero row and column are left out.
void json_put_fault(struct json_writer *writer, const struct fault *fault);
// The other way; leaves an empty fault where the node is none.
void json_read_fault(const struct json *node, struct fault *out);
