// The fast scanners against the plain one, and the plain one with a slow reader of CSV.
#include "check.h"
#include "data/intake/intake_private.h"

enum { TEXT_MAX = 2000 };
typedef size_t scanner(const struct dialect *, enum scan_state *, const char *, size_t, uint32_t,
                       uint32_t *);

// Text that is hard on quotes: mostly the special bytes, in runs of any length.
static size_t random_text(char *text, size_t most) {
    static const char hard[] = "\",\n\r a1;'";
    size_t size = check_below(most), kind = check_below(3);
    for (size_t i = 0; i < size; i++) {
        bool special =
            kind == 0 || (kind == 1 && check_below(4) == 0) || (kind == 2 && check_below(30) == 0);
        text[i] = special ? hard[check_below(sizeof hard - 1)] : 'x';
    }
    return size;
}

static void scan_pieces(scanner *scan, const struct dialect *dialect, const char *text, size_t size,
                        uint32_t *ends, size_t *count, enum scan_state *state) {
    *count = 0;
    *state = SCAN_FIELD_START;
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + check_below(300);
        if (piece > size - at) piece = size - at;
        *count += scan(dialect, state, text + at, piece, (uint32_t)at, ends + *count);
        at += piece;
    }
}

static void fast_equals_plain(void) {
    static char text[TEXT_MAX];
    static uint32_t want[TEXT_MAX + SCAN_SLACK], got[TEXT_MAX + SCAN_SLACK];
    scanner *scanners[] = {
        csv_scan,
#if defined(__x86_64__)
        csv_scan_sse2,
        __builtin_cpu_supports("avx2") ? csv_scan_avx2 : csv_scan_sse2,
#endif
    };
    for (int round = 0; round < 20000; round++) {
        struct dialect dialect = {',', '"', '\n', check_below(8) != 0};
        size_t size = random_text(text, TEXT_MAX), got_count;
        enum scan_state want_state = SCAN_FIELD_START, got_state;
        size_t want_count = csv_scan_reference(&dialect, &want_state, text, size, 0, want);
        for (size_t i = 0; i < sizeof scanners / sizeof scanners[0]; i++) {
            scan_pieces(scanners[i], &dialect, text, size, got, &got_count, &got_state);
            if (!CHECK_BYTES(got, got_count * 4, want, want_count * 4)) return;
            if (!CHECK_EQ(got_state, want_state)) return;
        }
    }
}

// What a field means, one byte after the other: written without a look at the code it tests.
static size_t read_field(const char *text, size_t size, size_t at, char *out, size_t *out_size) {
    size_t n = 0;
    bool quoted = at < size && text[at] == '"', open = quoted;
    if (quoted) at++;
    for (;;) {
        if (at == size) break;
        char c = text[at];
        if (open) {
            if (c == '"' && at + 1 < size && text[at + 1] == '"')
                out[n++] = '"', at += 2;
            else if (c == '"')
                open = false, at++;
            else
                out[n++] = c, at++;
        } else if (c == ',' || c == '\n') {
            break;
        } else {
            out[n++] = c, at++;
        }
    }
    if (at < size && text[at] == '\n' && at > 0 && text[at - 1] == '\r' && n > 0) n--;
    *out_size = n;
    return at;
}

static void cells_equal_slow_reader(void) {
    static char text[TEXT_MAX + 1], copy[TEXT_MAX + 1], want[TEXT_MAX];
    static uint32_t ends[TEXT_MAX + 1 + SCAN_SLACK];
    const struct dialect dialect = {',', '"', '\n', true};
    for (int round = 0; round < 20000; round++) {
        size_t size = random_text(text, TEXT_MAX);
        text[size++] = '\n';
        memcpy(copy, text, size);
        enum scan_state state = SCAN_FIELD_START;
        size_t count = csv_scan(&dialect, &state, text, size, 0, ends), start = 0, at = 0;
        for (size_t i = 0; i < count; i++) {
            size_t end = ends[i], want_size;
            bool unclosed, last = text[end] == '\n';
            at = read_field(copy, size, at, want, &want_size) + 1;
            if (!CHECK_EQ(at, end + 1)) return;
            size_t stripped = last && end > start && text[end - 1] == '\r' ? end - 1 : end;
            struct cell cell = csv_cell(&dialect, text, start, stripped, &unclosed);
            if (!CHECK(!unclosed)) return;
            if (!CHECK_BYTES(cell.text.data, cell.text.size, want, want_size)) return;
            start = end + 1;
        }
    }
}

static bool fits(const char *text, enum column_type type, bool told) {
    union cell_value value;
    return cell_fits(str_of(text), type, told, &value);
}

static void identifiers_stay_text(void) {
    CHECK(fits("0", COLUMN_INTEGER, false) && fits("-5", COLUMN_INTEGER, false));
    CHECK(!fits("00123", COLUMN_INTEGER, false) && fits("00123", COLUMN_INTEGER, true));
    CHECK(!fits("-007", COLUMN_INTEGER, false) && !fits("+5", COLUMN_INTEGER, false));
    CHECK(fits("0.5", COLUMN_NUMBER, false) && !fits("00.5", COLUMN_NUMBER, false));
    CHECK(!fits("110101199003070015", COLUMN_NUMBER, false));
    CHECK(fits("0.30000000000000004", COLUMN_NUMBER, false));
    CHECK(fits("true", COLUMN_BOOLEAN, false) && !fits("是", COLUMN_BOOLEAN, false));
    CHECK(fits("是", COLUMN_BOOLEAN, true) && fits("0", COLUMN_BOOLEAN, true));
    CHECK(fits("2026-11-23", COLUMN_TIME, false) && !fits("2026-11-23 10:00", COLUMN_DATE, false));
    union cell_value value;
    CHECK(cell_fits_month_first(STR("11/23/2026"), COLUMN_DATE, &value));
    CHECK_EQ(value.integer, 20780);
    CHECK(cell_fits_month_first(STR("12/31/1969"), COLUMN_DATE, &value));
    CHECK_EQ(value.integer, -1);
    CHECK(cell_fits_month_first(STR("11/23/2026 1:00"), COLUMN_TIME, &value));
    CHECK_EQ(value.integer, 20780 * 86400 + 3600);
    CHECK(!cell_fits_month_first(STR("11/23/2026 1:00"), COLUMN_DATE, &value));
    CHECK(!cell_fits_month_first(STR("11/23/2026"), COLUMN_TEXT, &value));
}

// The eight-byte way against the general one.
static void decimals_equal_number_parse(void) {
    static const char most[] = "0123456789.-e ";
    char text[32] = {0};
    uint32_t taken = 0;
    for (int round = 0; round < 300000; round++) {
        size_t size = check_below(11);
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] =
                check_below(3) ? (char)('0' + check_below(10)) : most[check_below(sizeof most - 1)];
        }
        struct str s = {text, size};
        int64_t mantissa;
        uint32_t decimals;
        if (!cell_decimal(s, &mantissa, &decimals)) continue;
        taken++;
        union cell_value value;
        if (!CHECK(cell_fits(s, COLUMN_NUMBER, false, &value))) return;
        if (!CHECK_NEAR((double)mantissa / pow(10, decimals), value.number, 0)) return;
        bool whole = cell_fits(s, COLUMN_INTEGER, false, &value);
        if (!CHECK_EQ(whole, decimals == 0)) return;
        if (whole && !CHECK_EQ(value.integer, mantissa)) return;
    }
    CHECK(taken > 10000);
    for (int i = 0; i < 100000; i++) { // whatever is plain is taken
        snprintf(text, sizeof text, "%.*f", (int)check_below(4),
                 (double)(int64_t)(check_below(19999) - 9999) / 10);
        if (strlen(text) > 8 || text[0] == '-') continue;
        int64_t mantissa;
        uint32_t decimals;
        if (!CHECK(cell_decimal(str_of(text), &mantissa, &decimals))) return;
    }
}

static enum column_type type_of(const char *const *values, const char *name) {
    struct type_counts counts = {0};
    for (; *values; values++) {
        struct cell cell = {str_of(*values), CELL_PLAIN};
        type_count(&counts, &cell);
    }
    return type_decide(&counts, str_of(name));
}
#define TYPE(name, ...) type_of((const char *const[]){__VA_ARGS__, NULL}, name)

static void types(void) {
    CHECK_EQ(TYPE("a", "1", "2", "-3"), COLUMN_INTEGER);
    CHECK_EQ(TYPE("a", "1", "2.5"), COLUMN_NUMBER);
    CHECK_EQ(TYPE("a", "1", "x"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "00123", "123"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "110101199003070015"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "13812345678", "15900001111"), COLUMN_TEXT);
    CHECK_EQ(TYPE("联系电话", "62345678", "62345679"), COLUMN_TEXT);
    CHECK_EQ(TYPE("zip", "310000"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "2026-01-02", "2026/1/3", "2026年1月4日"), COLUMN_DATE);
    CHECK_EQ(TYPE("a", "20260102", "20251231"), COLUMN_DATE);
    CHECK_EQ(TYPE("a", "20260102", "20251232"), COLUMN_INTEGER);
    CHECK_EQ(TYPE("a", "2026-01-02 10:00", "2026-01-03"), COLUMN_TIME);
    // The month first, where a day shows it.
    CHECK_EQ(TYPE("a", "3/14/2025", "1/2/2025"), COLUMN_DATE);
    CHECK_EQ(TYPE("a", "3/14/2025 1:20", "1/2/2025"), COLUMN_TIME);
    CHECK_EQ(TYPE("a", "3/4/2025", "1/2/2025"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "3/14/2025", "14/3/2025"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "3/14/2025", "2025-03-15"), COLUMN_TEXT);
    CHECK_EQ(TYPE("a", "true", "FALSE"), COLUMN_BOOLEAN);
    CHECK_EQ(TYPE("a", "yes", "no"), COLUMN_TEXT);
}

static uint32_t member_count;
static char members[1000];
static void note_member(void *ctx, struct str name, struct cell value) {
    (void)ctx;
    size_t used = strlen(members);
    snprintf(members + used, sizeof members - used, "%.*s=%.*s(%d) ", STR_ARG(name),
             STR_ARG(value.text), (int)value.kind);
    member_count++;
}

static size_t line(const char *text) {
    static char copy[4096];
    member_count = 0;
    members[0] = '\0';
    size_t size = strlen(text);
    memcpy(copy, text, size);
    return json_line_read(copy, size, note_member, NULL);
}

static void json_lines(void) {
    CHECK_EQ(
        line("{\"a\":1,\"b\":\"x\\u60a3\\n\\\"\",\"c\":null,\"d\":[1,{\"e\":[]}], \"f\" : true}"),
        0);
    CHECK_STR(members, "a=1(0) b=x患\n\"(2) c=null(3) d=[1,{\"e\":[]}](2) f=true(0) ");
    CHECK_EQ(line(" { } "), 0);
    CHECK_EQ(line("{\"a\":\"\\ud840\\udc00\\ud800\"}"), 0);
    CHECK_STR(members, "a=\U00020000\uFFFD(2) ");
    static const char *const wrong[] = {
        "",
        "[]",
        "1",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":1}x",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "{\"a\":{]}",
        "{\"a\":\"x}",
        "{\"a\":1.}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":{\"b\" 1}}",
        "{\"a\":\"\t\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STR(line(wrong[i]) ? "wrong" : wrong[i], "wrong");
    }
    char deep[300] = "{\"a\":";
    for (int depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        memset(deep + 5, '[', (size_t)depth);
        memset(deep + 5 + depth, ']', (size_t)depth);
        memcpy(deep + 5 + 2 * depth, "}", 2);
        CHECK_EQ(line(deep) == 0, depth == LIMIT_JSON_DEPTH);
    }
}

int main(void) {
    CHECK_RUN(fast_equals_plain);
    CHECK_RUN(cells_equal_slow_reader);
    CHECK_RUN(identifiers_stay_text);
    CHECK_RUN(decimals_equal_number_parse);
    CHECK_RUN(types);
    CHECK_RUN(json_lines);
    return check_done();
}
