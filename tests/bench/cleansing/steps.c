// How fast the cleanser is, on one thread and on all: the scan for personal data over real text
// (COURTYARD_DATA, else text of its own), a check and a recipe over a table that is made here.
//   ./build.sh bench cleansing steps
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "data/cleanse/cleanse.h"

enum { SCAN_BYTES = 64 << 20, ROWS = 1000 * 1000 };

static uint64_t state = 1;
static uint64_t random_below(uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint64_t)(((unsigned __int128)(state ^ state >> 32) * bound) >> 64);
}

static void scan(const char *name, const char *data, size_t size) {
    uint64_t best = UINT64_MAX;
    size_t hits = 0;
    for (int round = 0; round < 5; round++) {
        uint64_t start = clock_monotonic_us();
        struct personal_hit few[1];
        hits = personal_scan((struct str){data, size}, PERSONAL_IDENTIFIERS, few, 1);
        uint64_t took = clock_monotonic_us() - start;
        if (took < best) best = took;
    }
    printf("scan %-22s %7.1f MB  %6zu hits  %8.0f MB/s\n", name, (double)size / 1e6, hits,
           (double)size / (double)(best ? best : 1));
}

// The file over and over, as one long text.
static void scan_file(const char *name) {
    const char *folder = getenv("COURTYARD_DATA");
    char path[1024];
    struct file_map map;
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    if (file_map(path, &map, &fault) != OK || map.size == 0) {
        printf("scan %-22s skipped: no such file\n", name);
        return;
    }
    size_t times = SCAN_BYTES / map.size + 1, size = times * map.size;
    char *text = malloc(size);
    for (size_t i = 0; text && i < times; i++) memcpy(text + i * map.size, map.data, map.size);
    if (text) scan(name, text, size);
    free(text);
    file_unmap(&map);
}

static void must(enum err err, const struct fault *fault) {
    if (err == OK) return;
    fprintf(stderr, "cleanse_bench: %s %s\n", err_name(err), fault->code);
    exit(1);
}

static void write_table(const char *path) {
    struct field fields[] = {{STR("id"), COLUMN_TEXT, COLUMN_DIRECT},
                             {STR("age"), COLUMN_INTEGER, COLUMN_QUASI},
                             {STR("value"), COLUMN_NUMBER, COLUMN_PLAIN},
                             {STR("day"), COLUMN_DATE, COLUMN_PLAIN},
                             {STR("complaint"), COLUMN_TEXT, COLUMN_PLAIN}};
    struct schema schema = {fields, 5};
    struct table_writer *writer;
    struct batch_builder *builder;
    struct fault fault = {0};
    unlink(path);
    must(table_writer_open(path, &schema, &writer, &fault), &fault);
    must(batch_builder_open(&schema, &builder), &fault);
    for (uint64_t row = 0; row < ROWS; row++) {
        char text[128];
        int size = snprintf(text, sizeof text, "MR%08u", (unsigned)random_below(ROWS));
        must(batch_set_text(builder, 0, (struct str){text, (size_t)size}), &fault);
        batch_set_integer(builder, 1, (int64_t)random_below(120));
        batch_set_number(builder, 2, (double)random_below(100000) / 100);
        batch_set_integer(builder, 3, 15000 + (int64_t)random_below(4000));
        size = snprintf(text, sizeof text, "患者诉头痛%u天，伴恶心，%s%u，既往体健",
                        (unsigned)random_below(30), random_below(20) ? "编号" : "电话1380000",
                        1000 + (unsigned)random_below(9000));
        must(batch_set_text(builder, 4, (struct str){text, (size_t)size}), &fault);
        batch_row_end(builder);
        if (!batch_builder_full(builder) && row + 1 < ROWS) continue;
        struct batch batch = batch_builder_view(builder);
        must(table_writer_add(writer, &batch, &fault), &fault);
        batch_builder_clear(builder);
    }
    must(table_writer_finish(writer, &fault), &fault);
    batch_builder_close(builder);
}

static void run_table(const char *folder, uint32_t threads) {
    static const char recipe_text[] = "recipe 1\ndecode auto\ncheck age:0..110 action=missing\n"
                                      "dedup exact\nmask id how=pseudonym\n"
                                      "mask text=complaint how=replace\ndate day coarsen=month\n";
    char in[96], out[96], report[96];
    struct recipe *recipe;
    struct fault fault = {0};
    uint64_t bytes;
    snprintf(in, sizeof in, "%s/in", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(report, sizeof report, "%s/report", folder);
    must(file_size(in, &bytes, &fault), &fault);
    must(recipe_parse(str_of(recipe_text), NULL, NULL, NULL, &recipe, &fault), &fault);
    uint64_t start = clock_monotonic_us();
    must(check_run(in, report, threads, NULL, &fault), &fault);
    uint64_t checked = clock_monotonic_us();
    unlink(out);
    struct cleanse_options options = {.threads = threads};
    must(cleanse_run(in, recipe, &options, out, report, NULL, &fault), &fault);
    uint64_t done = clock_monotonic_us();
    recipe_close(recipe);
    printf("check   %u threads  %.2f s  %6.0f MB/s\n", threads, (double)(checked - start) / 1e6,
           (double)bytes / (double)(checked - start));
    printf("cleanse %u threads  %.2f s  %6.0f MB/s  %.1f M rows/s\n", threads,
           (double)(done - checked) / 1e6, (double)bytes / (double)(done - checked),
           ROWS / (double)(done - checked));
}

int main(void) {
    static const char *const files[] = {"text/hotel_reviews.csv", "text/cmrc2018_dev.json",
                                        "text/news_titles.txt", "text/wikitext2_valid.txt",
                                        "urban/beijing_pm25.csv"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) scan_file(files[i]);
    char folder[] = "/tmp/cleanse_bench.XXXXXX", path[96];
    struct fault fault = {0};
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/in", folder);
    write_table(path);
    run_table(folder, 1);
    run_table(folder, thread_count_usable());
    if (!getenv("CLEANSE_KEEP")) must(folder_remove(folder, &fault), &fault);
    return 0;
}
