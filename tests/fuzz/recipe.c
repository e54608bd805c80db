// Any bytes as a recipe: read with and without columns; a good one is written in its canonical
// spelling, read again, and must have the same hash.
#include <stdlib.h>

#include "data/cleanse/operator_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct field columns[] = {
    {{"a", 1}, COLUMN_TEXT, COLUMN_PLAIN},   {{"年龄", 6}, COLUMN_INTEGER, COLUMN_PLAIN},
    {{"d", 1}, COLUMN_DATE, COLUMN_PLAIN},   {{"t", 1}, COLUMN_TIME, COLUMN_PLAIN},
    {{"x", 1}, COLUMN_NUMBER, COLUMN_PLAIN}, {{"b c", 3}, COLUMN_BOOLEAN, COLUMN_DIRECT},
};
static const struct schema schema = {columns, 6};

static void tell(void *ctx, const struct fault *fault) {
    (*(unsigned *)ctx)++;
    if (!fault->code[0]) abort();
}

static void read_again(const struct recipe *recipe) {
    struct buf text;
    struct recipe *again;
    struct fault fault = {0};
    buf_open(&text, 8 << 20);
    buf_add_text(&text, "recipe 1\n");
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        line_write(&text, &recipe->lines[i]);
        buf_add_char(&text, '\n');
    }
    bool fits = buf_err(&text) == OK && text.size <= LIMIT_RECIPE_BYTES;
    if (fits) {
        if (recipe_parse(buf_str(&text), NULL, NULL, NULL, &again, &fault) != OK) abort();
        if (!hash_equal(&recipe->hash, &again->hash)) abort();
        recipe_close(again);
    }
    buf_close(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size};
    for (int with = 0; with < 2; with++) {
        struct recipe *recipe;
        struct fault fault = {0};
        unsigned told = 0;
        enum err err = recipe_parse(text, with ? &schema : NULL, tell, &told, &recipe, &fault);
        if ((err == OK) != (fault.code[0] == '\0')) abort();
        if (err != OK) continue;
        if (told) abort();
        read_again(recipe);
        recipe_close(recipe);
    }
    return 0;
}
