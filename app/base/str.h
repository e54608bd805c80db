// Text by value: a pointer and a size, UTF-8 inside the program, never assumed to end in NUL.
// A str owns nothing; the function that hands one out says how long it lives. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *data;
    size_t size;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
// For printf's "%.*s".
#define STR_ARG(s) (int)(s).size, (s).data

struct str str_of(const char *c_string); // NULL gives STR_NONE
bool str_equal(struct str a, struct str b);
bool str_is(struct str a, const char *c_string);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
uint64_t str_hash(struct str s); // FNV-1a, for tables in memory: not for who may choose the texts
int str_compare(struct str a, struct str b); // bytes, then length: <0, 0, >0
struct str str_trim(struct str s);           // ASCII white space at both ends
// Cuts s at the first `separator`: returns what stands before it and moves *rest behind it.
// Without a separator returns all and leaves *rest empty with data NULL.
struct str str_cut(struct str s, char separator, struct str *rest);
// Whole of s as a number; false (and *out untouched) on anything else, overflow included.
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_i64(struct str s, int64_t *out);
// Copies with a closing NUL into out[size]; false and an empty out if it does not fit.
bool str_copy(char *out, size_t out_size, struct str s);
