#include "data/table.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/number.h"

static const char *const type_names[COLUMN_TYPE_COUNT] = {
    [COLUMN_TEXT] = "text",       [COLUMN_INTEGER] = "integer", [COLUMN_NUMBER] = "number",
    [COLUMN_BOOLEAN] = "boolean", [COLUMN_DATE] = "date",       [COLUMN_TIME] = "time",
};
static const char *const role_names[COLUMN_ROLE_COUNT] = {
    [COLUMN_PLAIN] = "plain",
    [COLUMN_DIRECT] = "direct",
    [COLUMN_QUASI] = "quasi",
    [COLUMN_SENSITIVE] = "sensitive",
};

const char *column_type_name(enum column_type type) {
    cy_assert((unsigned)type < COLUMN_TYPE_COUNT);
    return type_names[type];
}

bool column_type_from_name(struct str name, enum column_type *out) {
    for (int type = 0; type < COLUMN_TYPE_COUNT; type++) {
        if (str_is(name, type_names[type])) {
            *out = (enum column_type)type;
            return true;
        }
    }
    return false;
}

const char *column_role_name(enum column_role role) {
    cy_assert((unsigned)role < COLUMN_ROLE_COUNT);
    return role_names[role];
}

bool column_role_from_name(struct str name, enum column_role *out) {
    for (int role = 0; role < COLUMN_ROLE_COUNT; role++) {
        if (str_is(name, role_names[role])) {
            *out = (enum column_role)role;
            return true;
        }
    }
    return false;
}

int32_t schema_find(const struct schema *schema, struct str name) {
    for (uint32_t i = 0; i < schema->count; i++) {
        if (str_equal(schema->fields[i].name, name)) return (int32_t)i;
    }
    return -1;
}

enum err schema_copy(struct arena *arena, const struct schema *from, struct schema *out) {
    struct field *fields = ARENA_ARRAY(arena, struct field, from->count);
    if (!fields) return ERR_MEMORY;
    for (uint32_t i = 0; i < from->count; i++) {
        struct str name = from->fields[i].name;
        char *copy = arena_take(arena, name.size);
        if (!copy) return ERR_MEMORY;
        if (name.size) memcpy(copy, name.data, name.size);
        fields[i] = from->fields[i];
        fields[i].name = (struct str){copy, name.size};
    }
    *out = (struct schema){fields, from->count};
    return OK;
}

enum err schema_check(const struct schema *schema, struct fault *fault) {
    if (schema->count == 0) return fault_set(fault, ERR_INPUT, "table.no_columns", STR_NONE);
    if (schema->count > LIMIT_COLUMNS) {
        return fault_set(fault, ERR_LIMIT, "table.too_many_columns", STR_NONE);
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->name.size == 0) {
            return fault_at(fault, ERR_INPUT, "table.name_empty", 0, i + 1, STR_NONE);
        }
        if (field->name.size > LIMIT_NAME_BYTES) {
            return fault_at(fault, ERR_LIMIT, "table.name_too_long", 0, i + 1, field->name);
        }
        if ((unsigned)field->type >= COLUMN_TYPE_COUNT ||
            (unsigned)field->role >= COLUMN_ROLE_COUNT) {
            return fault_at(fault, ERR_INPUT, "table.type_unknown", 0, i + 1, field->name);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (str_equal(field->name, schema->fields[j].name)) {
                return fault_at(fault, ERR_INPUT, "table.name_twice", 0, i + 1, field->name);
            }
        }
    }
    return OK;
}

void column_write(struct buf *out, const struct column *column, uint32_t row) {
    if (!column_valid(column, row)) return;
    char text[24];
    switch (column->type) {
    case COLUMN_TEXT: buf_add_str(out, column_text(column, row)); return;
    case COLUMN_INTEGER: buf_add_i64(out, column->integers[row]); return;
    case COLUMN_NUMBER: buf_add_double(out, column->numbers[row]); return;
    case COLUMN_BOOLEAN: buf_add_text(out, column->booleans[row] ? "true" : "false"); return;
    case COLUMN_DATE:
        date_write(column->integers[row], text);
        buf_add_text(out, text);
        return;
    case COLUMN_TIME:
        time_write(column->integers[row], text);
        buf_add_text(out, text);
        return;
    case COLUMN_TYPE_COUNT: break;
    }
    cy_assert(false);
}

double column_number(const struct column *column, uint32_t row) {
    if (!column_valid(column, row)) return NAN;
    switch (column->type) {
    case COLUMN_NUMBER: return column->numbers[row];
    case COLUMN_BOOLEAN: return column->booleans[row];
    case COLUMN_INTEGER:
    case COLUMN_DATE:
    case COLUMN_TIME: return (double)column->integers[row];
    case COLUMN_TEXT:
    case COLUMN_TYPE_COUNT: break;
    }
    return NAN;
}
