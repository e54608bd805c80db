#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"
#include "data/cleanse/rules_private.h"

enum { LIMIT_RULES_BYTES = 256 << 10, RULES_MAX = 256 };

struct rule {
    struct str name;
    double value;
    bool told; // by the site's own file
};
struct rules {
    struct arena *arena;
    struct rule rules[RULES_MAX];
    uint32_t count;
    struct str version;
    struct hash hash;
};

static struct rule *rule_find(struct rules *rules, struct str name) {
    for (uint32_t i = 0; i < rules->count; i++) {
        if (str_equal(rules->rules[i].name, name)) return &rules->rules[i];
    }
    return NULL;
}

// One line without its comment. `own`: the program's file, which makes the names.
static enum err rule_read(struct rules *rules, struct str line, bool own, uint32_t number,
                          struct fault *fault) {
    struct str rest, name = str_trim(str_cut(line, '=', &rest));
    double value;
    if (!rest.data || name.size == 0) {
        return fault_at(fault, ERR_INPUT, "rules.not_a_rule", number, 0, STR_NONE);
    }
    struct rule *rule = rule_find(rules, name);
    if (!rule && own) {
        cy_assert(rules->count < RULES_MAX);
        rule = &rules->rules[rules->count++];
        *rule = (struct rule){.name = name};
    }
    if (!rule) return fault_at(fault, ERR_INPUT, "rules.unknown_name", number, 0, name);
    if (!own && rule->told) return fault_at(fault, ERR_INPUT, "rules.name_twice", number, 0, name);
    if (!number_parse(str_trim(rest), &value) || !(value >= 0)) {
        return fault_at(fault, ERR_INPUT, "rules.bad_number", number, 0, name);
    }
    rule->value = value;
    rule->told = !own;
    return OK;
}

static enum err rules_read(struct rules *rules, struct str text, bool own, struct fault *fault) {
    if (str_starts(text, STR("\xEF\xBB\xBF"))) text.data += 3, text.size -= 3;
    bool versioned = false;
    struct str rest = text;
    for (uint32_t number = 1; rest.data; number++) {
        struct str comment, line = str_cut(rest, '\n', &rest);
        line = str_trim(str_cut(line, '#', &comment));
        if (line.size == 0) continue;
        if (!versioned) {
            struct str version, word = str_cut(line, ' ', &version);
            version = str_trim(version);
            if (!str_is(word, "rules") || version.size == 0) {
                return fault_at(fault, ERR_INPUT, "rules.no_version", number, 0, STR_NONE);
            }
            rules->version = version;
            versioned = true;
            continue;
        }
        enum err err = rule_read(rules, line, own, number, fault);
        if (err != OK) return err;
    }
    return versioned ? OK : fault_at(fault, ERR_INPUT, "rules.no_version", 1, 0, STR_NONE);
}

static enum err read_site(struct rules *rules, const char *path, struct fault *fault) {
    struct buf text;
    buf_open(&text, LIMIT_RULES_BYTES);
    enum err err = file_read(path, &text, fault);
    char *copy = err == OK ? ARENA_ARRAY(rules->arena, char, text.size + 1) : NULL;
    if (err == OK && !copy) err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR("rules"));
    if (err == OK && !utf8_valid(buf_str(&text))) {
        err = fault_set(fault, ERR_INPUT, "rules.not_text", str_of(path));
    }
    if (err == OK) {
        memcpy(copy, text.data ? text.data : "", text.size);
        struct str own = {copy, text.size};
        rules->hash = sha256_of(own.data, own.size);
        err = rules_read(rules, own, false, fault);
    }
    buf_close(&text);
    return err;
}

enum err rules_open(const char *path, struct rules **out, struct fault *fault) {
    struct arena *arena;
    enum err err = arena_open(4 << 20, &arena);
    struct rules *rules = err == OK ? ARENA_NEW(arena, struct rules) : NULL;
    if (err == OK && !rules) {
        arena_close(arena);
        err = ERR_MEMORY;
    }
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR("rules"));
    rules->arena = arena;
    struct str own = embedded_rules_text();
    rules->hash = sha256_of(own.data, own.size);
    err = rules_read(rules, own, true, fault);
    cy_assert(err == OK);
    if (path) err = read_site(rules, path, fault);
    if (err != OK) {
        arena_close(arena);
        return err;
    }
    *out = rules;
    return OK;
}

void rules_close(struct rules *rules) {
    if (rules) arena_close(rules->arena);
}

double rules_number(const struct rules *rules, const char *name) {
    for (uint32_t i = 0; i < rules->count; i++) {
        if (str_is(rules->rules[i].name, name)) return rules->rules[i].value;
    }
    cy_assert(!"a rule of that name");
    return 0;
}

struct str rules_version(const struct rules *rules) {
    return rules->version;
}

struct hash rules_hash(const struct rules *rules) {
    return rules->hash;
}
