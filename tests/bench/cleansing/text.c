// Text functions on one core beside ftfy and OpenCC, all on the same real text, in turns within
// each round; medians of processor time. OpenCC's time is its program's less that for an empty
// file; ftfy's is measured inside Python.
//   ./build.sh bench cleansing text
// Debian's package opencc gives the one peer; ftfy is no package there: COURTYARD_FTFY names a
// folder with its source (python3-wcwidth must be installed). What is absent is said and left out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "data/language/language.h"

enum { ROUNDS = 5, ROWS_MAX = 16, FTFY_BYTES = 1 << 20 };

static const char *const files[] = {"text/zuozhuan_traditional.txt", "text/hotel_reviews.csv"};
static struct buf simplified, traditional, english, page, scratch;
static struct chinese *tables[CHINESE_DIRECTION_COUNT];
static struct repair *repair;
static char folder[256];

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "text bench: %s\n", what);
    exit(1);
}

static bool read_into(struct buf *buf, const char *name) {
    const char *data = getenv("COURTYARD_DATA");
    char path[1024];
    struct file_map map;
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/%s", data ? data : "../shared/data", name);
    if (file_map(path, &map, &fault) != OK) return false;
    buf_add(buf, map.data, map.size);
    file_unmap(&map);
    return true;
}

static double seconds(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// ---- ours ---------------------------------------------------------------------------------------

enum {
    PLAIN =
        NORMALISE_CONTROL | NORMALISE_WIDTH | NORMALISE_SPACE | NORMALISE_LINES | NORMALISE_COMPOSE
};

static void run_normalise(struct str text, uint32_t flags) {
    uint64_t counts[CHANGE_COUNT] = {0};
    must(text_normalise(text, flags, &scratch, counts) == OK, "normalise");
}
static void ours_normalise(struct str text) {
    run_normalise(text, PLAIN);
}
static void ours_normalise_all(struct str text) {
    run_normalise(text, 0x7FF);
}
// What ftfy's fix_text does: mend, then characters, lines, quotes, composition.
static void ours_fix(struct str text) {
    uint64_t counts[REPAIR_KIND_COUNT] = {0};
    must(text_repair(repair, text, &scratch, counts) == OK, "repair");
    struct buf mended = scratch;
    buf_open(&scratch, SIZE_MAX / 4);
    run_normalise(buf_str(&mended), PLAIN | NORMALISE_QUOTES | NORMALISE_COMPATIBILITY);
    buf_close(&mended);
}
static void ours_repair(struct str text) {
    uint64_t counts[REPAIR_KIND_COUNT] = {0};
    must(text_repair(repair, text, &scratch, counts) == OK, "repair");
}
static void convert(enum chinese_direction direction, struct str text) {
    uint64_t changed = 0;
    must(chinese_convert(tables[direction], text, &scratch, &changed) == OK, "convert");
}
static void ours_s2t(struct str text) {
    convert(CHINESE_S2T, text);
}
static void ours_t2s(struct str text) {
    convert(CHINESE_T2S, text);
}
static void ours_tw2s(struct str text) {
    convert(CHINESE_TW2S, text);
}
static void ours_html(struct str text) {
    must(html_to_text(text, &scratch, NULL) == OK, "html");
}
static void ours_language(struct str text) {
    while (text.size) {
        double confidence;
        (void)language_guess(str_cut(text, '\n', &text), &confidence);
    }
}
static void ours_measure(struct str text) {
    struct text_shares shares;
    text_measure(text, &shares);
}

static double ours(void (*run)(struct str), struct str text) {
    buf_clear(&scratch);
    (void)buf_reserve(&scratch, text.size * 3 + 1024);
    double start = seconds(RUSAGE_SELF);
    run(text);
    double took = seconds(RUSAGE_SELF) - start;
    return (double)text.size / 1e6 / (took > 1e-6 ? took : 1e-6);
}

// ---- peers --------------------------------------------------------------------------------------

static double opencc_seconds(const char *config, struct str text) {
    char in[300], command[1024];
    struct fault fault = {0};
    snprintf(in, sizeof in, "%s/in", folder);
    unlink(in);
    must(file_write(in, text, &fault) == OK, fault.code);
    snprintf(command, sizeof command, "opencc -c %s -i %s -o %s/out", config, in, folder);
    double start = seconds(RUSAGE_CHILDREN);
    if (system(command) != 0) return 0;
    return seconds(RUSAGE_CHILDREN) - start;
}
static double opencc(const char *config, struct str text) {
    if (system("command -v opencc >/dev/null") != 0) return 0;
    double empty = opencc_seconds(config, STR("a\n")), all = opencc_seconds(config, text);
    return all > empty ? (double)text.size / 1e6 / (all - empty) : 0;
}

static double ftfy(const char *unused, struct str text) {
    const char *source = getenv("COURTYARD_FTFY");
    char in[300], command[1400];
    struct fault fault = {0};
    double speed = 0;
    (void)unused;
    while (text.size > FTFY_BYTES || (text.size && (text.data[text.size - 1] & 0xC0) == 0x80)) {
        text.size = text.size > FTFY_BYTES ? FTFY_BYTES : text.size - 1;
    }
    snprintf(in, sizeof in, "%s/in", folder);
    unlink(in);
    must(file_write(in, text, &fault) == OK, fault.code);
    snprintf(command, sizeof command,
             "PYTHONPATH=%s /usr/bin/python3 -c 'import ftfy, time\n"
             "t = open(\"%s\", encoding=\"utf-8\", errors=\"replace\").read()\n"
             "s = time.process_time(); ftfy.fix_text(t); s = time.process_time() - s\n"
             "print(len(t.encode()) / 1e6 / s)' 2>/dev/null",
             source ? source : "", in);
    FILE *out = popen(command, "r");
    if (out && fscanf(out, "%lf", &speed) != 1) speed = 0;
    if (out) pclose(out);
    return speed;
}

// ---- the table ----------------------------------------------------------------------------------

static struct row {
    const char *what;
    void (*run)(struct str);
    const struct buf *text;
    double (*peer)(const char *, struct str);
    const char *peer_name, *config;
    double ours[ROUNDS], theirs[ROUNDS];
} rows[] = {
    {"normalise, Chinese", ours_normalise, &simplified, NULL, "", "", {0}, {0}},
    {"normalise, English", ours_normalise, &english, NULL, "", "", {0}, {0}},
    {"normalise all, Chinese", ours_normalise_all, &simplified, NULL, "", "", {0}, {0}},
    {"repair of good text, Chinese", ours_repair, &simplified, NULL, "", "", {0}, {0}},
    {"mend and normalise, Chinese", ours_fix, &simplified, ftfy, "ftfy", "", {0}, {0}},
    {"mend and normalise, English", ours_fix, &english, ftfy, "ftfy", "", {0}, {0}},
    {"simplified to traditional", ours_s2t, &simplified, opencc, "opencc", "s2t", {0}, {0}},
    {"traditional to simplified", ours_t2s, &traditional, opencc, "opencc", "t2s", {0}, {0}},
    {"Taiwan's to simplified", ours_tw2s, &traditional, opencc, "opencc", "tw2s", {0}, {0}},
    {"HTML to text", ours_html, &page, NULL, "", "", {0}, {0}},
    {"language by line", ours_language, &simplified, NULL, "", "", {0}, {0}},
    {"measures", ours_measure, &simplified, NULL, "", "", {0}, {0}},
};
enum { ROWS = sizeof rows / sizeof *rows };

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void make_texts(void) {
    struct buf *all[] = {&simplified, &traditional, &english, &page, &scratch};
    uint64_t changed = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) buf_open(all[i], SIZE_MAX / 4);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)read_into(&simplified, files[i]);
    (void)read_into(&english, "text/wikitext2_valid.txt");
    if (simplified.size == 0 || english.size == 0) {
        printf("skipped: no ../shared/data (COURTYARD_DATA names another folder)\n");
        exit(0);
    }
    for (int i = 0; i < CHINESE_DIRECTION_COUNT; i++) {
        must(chinese_open((enum chinese_direction)i, &tables[i]) == OK, "dictionaries");
    }
    must(repair_open(&repair) == OK, "tables");
    must(chinese_convert(tables[CHINESE_S2T], buf_str(&simplified), &traditional, &changed) == OK,
         "convert");
    struct str rest = buf_str(&simplified);
    for (int n = 0; rest.size; n++) {
        static const char *const around[][2] = {{"<p class=\"a\">", "</p>\n"},
                                                {"<tr><td>1</td><td>", "&nbsp;</td></tr>\n"},
                                                {"<li><a href=\"/x?y=1&amp;z=2\">", "</a></li>\n"}};
        buf_add_text(&page, around[n % 3][0]);
        buf_add_str(&page, str_cut(rest, '\n', &rest));
        buf_add_text(&page, around[n % 3][1]);
    }
}

int main(void) {
    snprintf(folder, sizeof folder, "%s/text_bench.XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    must(mkdtemp(folder) != NULL, "no folder");
    make_texts();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ROWS; i++) {
            rows[i].ours[round] = ours(rows[i].run, buf_str(rows[i].text));
            bool peer = rows[i].peer && (round == 0 || rows[i].theirs[0] > 0);
            if (peer) rows[i].theirs[round] = rows[i].peer(rows[i].config, buf_str(rows[i].text));
        }
    }
    printf("%-30s | %10s | %16s | %s\n", "what, MB/s of one core", "ours", "peer", "ratio");
    for (int i = 0; i < ROWS; i++) {
        struct row *row = &rows[i];
        qsort(row->ours, ROUNDS, sizeof(double), by_size);
        qsort(row->theirs, ROUNDS, sizeof(double), by_size);
        double mine = row->ours[ROUNDS / 2], other = row->theirs[ROUNDS / 2];
        char peer[64] = "";
        if (row->peer && other > 0) snprintf(peer, sizeof peer, "%s %.2f", row->peer_name, other);
        if (row->peer && other <= 0) snprintf(peer, sizeof peer, "%s: not here", row->peer_name);
        printf("%-30s | %10.0f | %16s | ", row->what, mine, peer);
        if (other > 0)
            printf("%.1f\n", mine / other);
        else
            printf("\n");
    }
    struct fault fault = {0};
    return folder_remove(folder, &fault) == OK ? 0 : 1;
}
