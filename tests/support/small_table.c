#include "support/small_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "data/table.h"

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "small_table: %s\n", what);
    abort();
}

static struct schema read_schema(struct arena *arena, struct str line) {
    struct schema schema = {ARENA_ARRAY(arena, struct field, 64), 0};
    while (line.data) {
        struct str rest, type, role = STR_NONE, one = str_cut(line, '|', &line);
        struct field *field = &schema.fields[schema.count++];
        field->name = str_cut(one, ':', &rest);
        type = str_cut(rest, ':', &role);
        must(column_type_from_name(type, &field->type), "unknown type");
        if (role.size) must(column_role_from_name(role, &field->role), "unknown role");
    }
    return schema;
}

static void set_cell(struct batch_builder *builder, uint32_t place, enum column_type type,
                     struct str cell) {
    int64_t integer = 0;
    double number;
    if (cell.size == 0) {
        batch_set_missing(builder, place);
        return;
    }
    switch (type) {
    case COLUMN_TEXT: must(batch_set_text(builder, place, cell) == OK, "text"); return;
    case COLUMN_BOOLEAN: batch_set_boolean(builder, place, str_is(cell, "true")); return;
    case COLUMN_NUMBER:
        must(number_parse(cell, &number), "number");
        batch_set_number(builder, place, number);
        return;
    case COLUMN_DATE: must(date_parse(cell, &integer), "date"); break;
    case COLUMN_TIME: must(time_parse(cell, &integer), "time"); break;
    default: must(integer_parse(cell, &integer), "integer"); break;
    }
    batch_set_integer(builder, place, integer);
}

void small_table_write(const char *path, const char *text) {
    struct arena *arena;
    struct batch_builder *builder;
    struct table_writer *writer;
    struct fault fault = {0};
    struct str rest;
    unlink(path);
    must(arena_open(1 << 20, &arena) == OK, "memory");
    struct str head = str_cut(str_of(text), '\n', &rest);
    struct schema schema = read_schema(arena, head);
    must(batch_builder_open(&schema, &builder) == OK, "memory");
    must(table_writer_open(path, &schema, &writer, &fault) == OK, fault.code);
    uint64_t rows = 0;
    while (rest.size) {
        struct str line = str_cut(rest, '\n', &rest);
        for (uint32_t place = 0; place < schema.count; place++) {
            set_cell(builder, place, schema.fields[place].type, str_cut(line, '|', &line));
        }
        batch_row_end(builder);
        if (!batch_builder_full(builder) && rest.size) continue;
        struct batch batch = batch_builder_view(builder);
        batch.first_row = rows;
        rows += batch.row_count;
        must(table_writer_add(writer, &batch, &fault) == OK, fault.code);
        batch_builder_clear(builder);
    }
    must(table_writer_finish(writer, &fault) == OK, fault.code);
    batch_builder_close(builder);
    arena_close(arena);
}

static void write_head(struct buf *out, const struct schema *schema) {
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (i > 0) buf_add_char(out, '|');
        buf_add_str(out, field->name);
        buf_add_char(out, ':');
        buf_add_text(out, column_type_name(field->type));
        if (field->role == COLUMN_PLAIN) continue;
        buf_add_char(out, ':');
        buf_add_text(out, column_role_name(field->role));
    }
    buf_add_char(out, '\n');
}

enum err small_table_read(const char *path, struct buf *out) {
    struct table *table;
    struct arena *arena;
    struct fault fault = {0};
    enum err err = table_open(path, &table, &fault);
    if (err != OK) return err;
    must(arena_open((size_t)1 << 30, &arena) == OK, "memory");
    const struct schema *schema = table_schema(table);
    write_head(out, schema);
    for (uint32_t index = 0; index < table_batches(table); index++) {
        struct batch batch;
        arena_reset(arena);
        must(table_batch(table, index, arena, &batch, &fault) == OK, fault.code);
        for (uint32_t row = 0; row < batch.row_count; row++) {
            for (uint32_t i = 0; i < schema->count; i++) {
                if (i > 0) buf_add_char(out, '|');
                column_write(out, &batch.columns[i], row);
            }
            buf_add_char(out, '\n');
        }
    }
    arena_close(arena);
    table_close(table);
    return buf_err(out);
}
