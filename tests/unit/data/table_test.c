#include "data/table.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "check.h"

static char path[64];

// A random table kept as plain values beside the file.
enum { CELLS_MAX = 4000 };
struct cell {
    bool missing;
    int64_t integer;
    double number;
    uint32_t text_size;
    char text[24];
};
static struct cell cells[CELLS_MAX];
static char field_names[64][16];
static struct field fields[64];
static struct schema schema = {fields, 0};
static uint32_t row_count;

static void random_table(void) {
    schema.count = 1 + (uint32_t)check_below(12);
    row_count = (uint32_t)check_below(CELLS_MAX / schema.count);
    for (uint32_t i = 0; i < schema.count; i++) {
        snprintf(field_names[i], sizeof field_names[i], "列%u", i);
        fields[i] =
            (struct field){str_of(field_names[i]), (enum column_type)check_below(COLUMN_TYPE_COUNT),
                           (enum column_role)check_below(COLUMN_ROLE_COUNT)};
    }
    uint32_t missing_in_8 = (uint32_t)check_below(3) * 3;
    for (uint32_t i = 0; i < row_count * schema.count; i++) {
        struct cell *cell = &cells[i];
        cell->missing = check_below(8) < missing_in_8;
        cell->integer = (int64_t)check_random();
        cell->number = (double)(int64_t)check_random() / 1000;
        cell->text_size = (uint32_t)check_below(sizeof cell->text);
        for (uint32_t k = 0; k < cell->text_size; k++)
            cell->text[k] = (char)('a' + check_below(26));
    }
}

static enum err set_cell(struct batch_builder *builder, uint32_t column, const struct cell *cell) {
    if (cell->missing) {
        if (cell->integer & 1) batch_set_missing(builder, column); // else left to batch_row_end
        return OK;
    }
    switch (fields[column].type) {
    case COLUMN_TEXT:
        return batch_set_text(builder, column, (struct str){cell->text, cell->text_size});
    case COLUMN_NUMBER: batch_set_number(builder, column, cell->number); return OK;
    case COLUMN_BOOLEAN: batch_set_boolean(builder, column, cell->integer & 1); return OK;
    default: batch_set_integer(builder, column, cell->integer); return OK;
    }
}

static bool cell_is(const struct column *column, uint32_t row, const struct cell *cell) {
    if (!column_valid(column, row)) return cell->missing;
    if (cell->missing) return false;
    switch (column->type) {
    case COLUMN_TEXT:
        return str_equal(column_text(column, row), (struct str){cell->text, cell->text_size});
    case COLUMN_NUMBER: return column->numbers[row] == cell->number;
    case COLUMN_BOOLEAN: return column->booleans[row] == (cell->integer & 1);
    default: return column->integers[row] == cell->integer;
    }
}

// Writes the random table in batches of at most `batch_rows`.
static enum err write_table(uint32_t batch_rows, struct fault *fault) {
    struct table_writer *writer = NULL;
    struct batch_builder *builder = NULL;
    enum err err = table_writer_open(path, &schema, &writer, fault);
    if (err) return err;
    err = batch_builder_open(&schema, &builder);
    for (uint32_t row = 0; row < row_count && !err; row++) {
        for (uint32_t i = 0; i < schema.count && !err; i++) {
            err = set_cell(builder, i, &cells[row * schema.count + i]);
        }
        if (err) break;
        batch_row_end(builder);
        if (batch_builder_full(builder) || batch_builder_rows(builder) == batch_rows ||
            row + 1 == row_count) {
            struct batch batch = batch_builder_view(builder);
            err = table_writer_add(writer, &batch, fault);
            batch_builder_clear(builder);
        }
    }
    batch_builder_close(builder);
    if (!err) return table_writer_finish(writer, fault);
    table_writer_abandon(writer);
    return err;
}

// The file against the plain values; an error, or OK if every cell is the same.
static enum err read_table(bool *out_same, struct fault *fault) {
    struct table *table = NULL;
    struct arena *arena = NULL;
    enum err err = table_open(path, &table, fault);
    if (err) return err;
    bool same = table_rows(table) == row_count && table_schema(table)->count == schema.count;
    for (uint32_t i = 0; i < schema.count && same; i++) {
        const struct field *field = &table_schema(table)->fields[i];
        same = str_equal(field->name, fields[i].name) && field->type == fields[i].type &&
               field->role == fields[i].role;
    }
    err = arena_open(1 << 20, &arena);
    for (uint32_t b = 0; same && !err && b < table_batches(table); b++) {
        struct batch batch;
        arena_reset(arena);
        err = table_batch(table, b, arena, &batch, fault);
        for (uint32_t i = 0; !err && i < schema.count; i++) {
            for (uint32_t row = 0; row < batch.row_count; row++) {
                uint64_t whole_row = batch.first_row + row;
                same =
                    same && cell_is(&batch.columns[i], row, &cells[whole_row * schema.count + i]);
            }
        }
        if (!err) CHECK_EQ(table_batch_of_row(table, batch.first_row), b);
    }
    arena_close(arena);
    table_close(table);
    if (!err) *out_same = same;
    return err;
}

static void round_trips(void) {
    for (int i = 0; i < 300; i++) {
        random_table();
        struct fault fault = {0};
        bool same = false;
        unlink(path);
        REQUIRE(write_table(1 + (uint32_t)check_below(1000), &fault) == OK);
        REQUIRE(read_table(&same, &fault) == OK);
        REQUIRE(same);
    }
}

static struct buf slurp(void) {
    struct buf bytes;
    struct fault fault = {0};
    buf_open(&bytes, 1 << 26);
    CHECK_EQ(file_read(path, &bytes, &fault), OK);
    return bytes;
}

// What stands under a missing cell, bits behind the last row and needless bitmaps do not show.
static void same_rows_same_bytes(void) {
    fields[0] = (struct field){STR("a"), COLUMN_TEXT, COLUMN_PLAIN};
    fields[1] = (struct field){STR("b"), COLUMN_INTEGER, COLUMN_PLAIN};
    schema.count = 2;
    const uint32_t clean_offsets[] = {0, 1, 1, 3}, other_offsets[] = {5, 6, 8, 10};
    const int64_t clean[] = {1, 0, 3}, other[] = {1, 99, 3}, full[] = {7, 8, 9};
    const uint8_t valid = 0x05, noisy = 0xFD, all = 0xFF;
    struct column columns[2][2] = {
        {{.type = COLUMN_TEXT, .valid = &valid, .offsets = clean_offsets, .bytes = "xyz"},
         {.type = COLUMN_INTEGER, .valid = &valid, .integers = clean}},
        {{.type = COLUMN_TEXT, .valid = &noisy, .offsets = other_offsets, .bytes = "-----x??yz"},
         {.type = COLUMN_INTEGER, .valid = &noisy, .integers = other}},
    };
    struct column full_columns[2][2] = {
        {{.type = COLUMN_TEXT, .offsets = clean_offsets, .bytes = "xyz"},
         {.type = COLUMN_INTEGER, .integers = full}},
        {{.type = COLUMN_TEXT, .valid = &all, .offsets = clean_offsets, .bytes = "xyz"},
         {.type = COLUMN_INTEGER, .valid = &all, .integers = full}},
    };
    struct buf bytes[2];
    for (int k = 0; k < 2; k++) {
        struct table_writer *writer;
        struct fault fault = {0};
        struct batch first = {3, 0, columns[k]}, second = {3, 3, full_columns[k]};
        unlink(path);
        REQUIRE(table_writer_open(path, &schema, &writer, &fault) == OK);
        REQUIRE(table_writer_add(writer, &first, &fault) == OK);
        REQUIRE(table_writer_add(writer, &second, &fault) == OK);
        REQUIRE(table_writer_finish(writer, &fault) == OK);
        bytes[k] = slurp();
    }
    CHECK_BYTES(bytes[1].data, bytes[1].size, bytes[0].data, bytes[0].size);
    buf_close(&bytes[0]);
    buf_close(&bytes[1]);
}

static void put_file(const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    cy_assert(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

// A changed byte is found, or it stands in padding and changes nothing; a cut is always found.
static void damage_is_found(void) {
    do random_table();
    while (row_count < 20 || row_count > 60);
    struct fault fault = {0};
    unlink(path);
    REQUIRE(write_table(25, &fault) == OK);
    struct buf bytes = slurp();
    uint32_t found = 0;
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t flip = (uint8_t)(1 + check_below(255));
        bytes.data[at] = (char)(bytes.data[at] ^ (char)flip);
        put_file(bytes.data, bytes.size);
        bytes.data[at] = (char)(bytes.data[at] ^ (char)flip);
        bool same = false;
        struct fault why = {0};
        enum err err = read_table(&same, &why);
        CHECK(err == OK ? same : err == ERR_CORRUPT || err == ERR_INPUT);
        if (err) CHECK(why.code[0] != '\0');
        found += err != OK;
    }
    CHECK(found > bytes.size / 4);
    for (size_t size = 0; size < bytes.size; size += 1 + check_below(50)) {
        bool same;
        put_file(bytes.data, size);
        CHECK(read_table(&same, NULL) != OK);
    }
    buf_close(&bytes);
}

// Sums that fit do not make false offsets true.
static void crafted_offsets_are_found(void) {
    fields[0] = (struct field){STR("a"), COLUMN_TEXT, COLUMN_PLAIN};
    schema.count = 1;
    const uint32_t wrong[] = {0, 1000000, 3};
    struct column column = {.type = COLUMN_TEXT, .offsets = wrong, .bytes = "xyz"};
    struct batch batch = {2, 0, &column};
    struct table_writer *writer;
    struct table *table;
    struct fault fault = {0};
    unlink(path);
    REQUIRE(table_writer_open(path, &schema, &writer, &fault) == OK);
    REQUIRE(table_writer_add(writer, &batch, &fault) == OK);
    REQUIRE(table_writer_finish(writer, &fault) == OK);
    REQUIRE(table_open(path, &table, &fault) == OK);
    CHECK_EQ(table_verify(table, &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "table.damaged");
    table_close(table);
}

static int step_memory(void *context) {
    (void)context;
    unlink(path);
    struct fault fault = {0};
    bool same = false;
    enum err err = write_table(100, &fault);
    if (!err) err = read_table(&same, &fault);
    if (err) {
        CHECK_EQ(err, ERR_MEMORY);
        return 1;
    }
    CHECK(same);
    return 0;
}

static void memory_faults(void) {
    do random_table();
    while (row_count < 200);
    CHECK(check_faults(memory_fail_after, step_memory, NULL) > 8);
}

// The disk is full after n bytes: a clear error, and no half file stays.
static void disk_faults(void) {
    do random_table();
    while (row_count < 200);
    struct rlimit before, low;
    struct stat whole;
    unlink(path);
    REQUIRE(write_table(50, NULL) == OK && stat(path, &whole) == 0);
    rlim_t step = (rlim_t)whole.st_size / 16 + 1;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    enum err err = ERR_FULL;
    uint64_t tried = 0;
    for (rlim_t most = 0; err; most += step, tried++) {
        low = (struct rlimit){most, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &low);
        unlink(path);
        struct fault fault = {0};
        err = write_table(50, &fault);
        if (err) {
            CHECK(err == ERR_LIMIT || err == ERR_FULL);
            CHECK(fault.code[0] != '\0' && !file_exists(path));
        }
    }
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    CHECK(tried > 14);
}

static void schemas(void) {
    struct fault fault = {0};
    struct field two[] = {{STR("a"), COLUMN_TEXT, COLUMN_PLAIN},
                          {STR("a"), COLUMN_DATE, COLUMN_PLAIN}};
    struct schema twice = {two, 2}, none = {two, 0};
    CHECK_EQ(schema_check(&twice, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "table.name_twice");
    CHECK_EQ(fault.column, 2);
    fault = (struct fault){0};
    CHECK_EQ(schema_check(&none, &fault), ERR_INPUT);
    two[1].name = STR_NONE;
    fault = (struct fault){0};
    CHECK_EQ(schema_check(&twice, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "table.name_empty");
    for (int type = 0; type < COLUMN_TYPE_COUNT; type++) {
        enum column_type found;
        CHECK(column_type_from_name(str_of(column_type_name((enum column_type)type)), &found));
        CHECK_EQ(found, type);
    }
    for (int role = 0; role < COLUMN_ROLE_COUNT; role++) {
        enum column_role found;
        CHECK(column_role_from_name(str_of(column_role_name((enum column_role)role)), &found));
        CHECK_EQ(found, role);
    }
}

static void cells_as_text(void) {
    struct buf out;
    buf_open(&out, 1000);
    const int64_t integers[] = {-5, 20780, 1795435205};
    const double number = 0.1;
    const uint8_t yes = 1, none = 0;
    struct column column = {.type = COLUMN_INTEGER, .integers = integers};
    column_write(&out, &column, 0);
    buf_add_char(&out, '|');
    column.type = COLUMN_DATE;
    column_write(&out, &column, 1);
    buf_add_char(&out, '|');
    column.type = COLUMN_TIME;
    column_write(&out, &column, 2);
    buf_add_char(&out, '|');
    CHECK_NEAR(column_number(&column, 1), 20780, 0);
    column.valid = &none;
    column_write(&out, &column, 0);
    CHECK(isnan(column_number(&column, 0)));
    column = (struct column){.type = COLUMN_NUMBER, .numbers = &number};
    column_write(&out, &column, 0);
    column = (struct column){.type = COLUMN_BOOLEAN, .booleans = &yes};
    column_write(&out, &column, 0);
    CHECK_TEXT(buf_str(&out), "-5|2026-11-23|2026-11-23 12:00:05|0.1true");
    CHECK_NEAR(column_number(&column, 0), 1, 0);
    buf_close(&out);
}

static void refuses(void) {
    struct fault fault = {0};
    struct table *table;
    put_file("not a table at all", 18);
    CHECK_EQ(table_open(path, &table, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "table.not_a_table");
    fields[0] = (struct field){STR("a"), COLUMN_TEXT, COLUMN_PLAIN};
    schema.count = 1;
    struct table_writer *writer;
    fault = (struct fault){0};
    CHECK_EQ(table_writer_open(path, &schema, &writer, &fault), ERR_CONFLICT);
    CHECK_STR(fault.code, "table.exists");
    struct batch_builder *builder;
    REQUIRE(batch_builder_open(&schema, &builder) == OK);
    static char big[LIMIT_CELL_BYTES + 1];
    CHECK_EQ(batch_set_text(builder, 0, (struct str){big, sizeof big}), ERR_LIMIT);
    CHECK_EQ(batch_set_text(builder, 0, (struct str){big, sizeof big - 1}), OK);
    batch_row_end(builder);
    while (!batch_builder_full(builder)) {
        CHECK_EQ(batch_set_text(builder, 0, (struct str){big, sizeof big - 1}), OK);
        batch_row_end(builder);
    }
    CHECK_EQ(batch_builder_rows(builder), LIMIT_BATCH_TEXT_BYTES / LIMIT_CELL_BYTES);
    batch_builder_close(builder);
}

static void checksums(void) {
    CHECK_EQ(crc32c(0, "123456789", 9), 0xE3069283);
    static uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)check_random();
    for (int i = 0; i < 3000; i++) {
        size_t size = check_below(10000), start = check_below(10000), cut = check_below(size + 1);
        uint32_t before = (uint32_t)check_random(),
                 want = crc32c_reference(before, bytes + start, size);
        CHECK_EQ(crc32c(before, bytes + start, size), want);
        uint32_t half = crc32c(before, bytes + start, cut);
        CHECK_EQ(crc32c(half, bytes + start + cut, size - cut), want);
    }
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/courtyard_table_test.%d", (int)getpid());
    CHECK_RUN(round_trips);
    CHECK_RUN(same_rows_same_bytes);
    CHECK_RUN(damage_is_found);
    CHECK_RUN(crafted_offsets_are_found);
    CHECK_RUN(memory_faults);
    CHECK_RUN(disk_faults);
    CHECK_RUN(schemas);
    CHECK_RUN(cells_as_text);
    CHECK_RUN(refuses);
    CHECK_RUN(checksums);
    unlink(path);
    return check_done();
}
