// The rule file: every threshold of the cleansing by its name, with a version and a hash that the
// report names. Depends on base/. Read once per run, then shared by threads.
//
// A file's first line is "rules VERSION"; the others are "name = number  # where from". A site's
// own file may leave names out: they have the program's values. A name nobody knows is a fault.
#pragma once

#include "base/crypto.h"
#include "base/fault.h"

struct rules;
// `path` NULL: the program's own. ERR_INPUT "rules.no_version", "rules.not_a_rule",
// "rules.unknown_name" (detail: the name), "rules.bad_number", "rules.name_twice", with the line as
// row; "rules.not_text"; ERR_LIMIT "rules.too_large".
enum err rules_open(const char *path, struct rules **out, struct fault *fault) MUST_USE;
void rules_close(struct rules *rules); // NULL is fine
// The value of a name that the program's own file has: asserts it.
double rules_number(const struct rules *rules, const char *name);
struct str rules_version(const struct rules *rules);
struct hash rules_hash(const struct rules *rules); // of the file
struct str embedded_rules_text(void);              // the program's own file
