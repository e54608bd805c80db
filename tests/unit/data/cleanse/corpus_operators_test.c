// words, dedup line and near, drop by quality, sample over whole tables: rows, reports, further
// files, refusals.
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "check.h"
#include "support/recipe_run.h"
#include "support/scratch.h"
#include "support/small_table.h"

static struct cleanse_options options_of(uint32_t threads) {
    return (struct cleanse_options){.threads = threads, .words_folder = recipe_folder};
}

// The table after the recipe, as text; "code@line(detail)" if it fails.
static const char *after_with(const char *table, const char *recipe_text, uint32_t threads) {
    struct cleanse_options options = options_of(threads);
    small_table_write(recipe_in, table);
    return recipe_rows(recipe_text, &options, true);
}

static const char *after(const char *table, const char *recipe_text) {
    return after_with(table, recipe_text, 2);
}

// A member of the last report as JSON text; `operator` NULL: of the report itself, otherwise of the
// operator's detail.
static const char *member(const char *operator_name, const char *name) {
    static char out[4096];
    struct json *report;
    struct buf text;
    buf_open(&text, sizeof out - 1);
    out[0] = '\0';
    if (!CHECK_EQ(json_parse_file(recipe_report, &report, NULL), OK)) return out;
    const struct json *from = report;
    if (operator_name) {
        from = json_first(json_member(report, "operators"));
        while (from && !str_is(json_member_text(from, "name"), operator_name)) {
            from = json_next(from);
        }
        from = json_member(from, "detail");
    }
    if (json_member(from, name)) json_write(&text, json_member(from, name));
    snprintf(out, sizeof out, "%.*s", STR_ARG(buf_str(&text)));
    buf_close(&text);
    json_close(report);
    return out;
}

static const char *file_text(const char *name) {
    static char out[8192];
    struct buf text;
    buf_open(&text, sizeof out - 1);
    bool good = file_read(scratch_path(recipe_folder, name), &text, NULL) == OK;
    snprintf(out, sizeof out, "%.*s", good ? (int)text.size : 6, good ? text.data : "absent");
    buf_close(&text);
    return out;
}

static void library_write(const char *text) {
    scratch_write(scratch_path(recipe_folder, "words.txt"), text, strlen(text));
}

// ---- words --------------------------------------------------------------------------------------

static const char texts[] =
    "id:integer|text:text|from:text\n"
    "1|今天天气很好|甲\n2|代 开-發票，请联系|甲\n3|刻章|乙\n4|买 C++ 书|乙\n"
    "5||乙\n6|代开。发票|乙\n";

static void words_drop_rows(void) {
    library_write("# version 7\n\nA.3e\t代开发票\nA.1a\t刻章\nC++\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt columns=text\n"),
              "id:integer|text:text|from:text\n1|今天天气很好|甲\n5||乙\n6|代开。发票|乙\n");
    CHECK_STR(member("words", "words"), "3");
    CHECK_STR(member("words", "rows"), "3");
    CHECK_STR(member("words", "kinds"),
              "[{\"kind\":\"a1a\",\"name_key\":\"risk.a1a\",\"rows\":1},"
              "{\"kind\":\"a3e\",\"name_key\":\"risk.a3e\",\"rows\":1},"
              "{\"kind\":\"other\",\"name_key\":\"risk.other\",\"rows\":1}]");
    CHECK_STR(member(NULL, "sources"), "[{\"rows\":6,\"illegal\":3,\"share\":0.5,\"limit\":0.05,"
                                       "\"refused\":true}]");
    CHECK(strstr(member(NULL, "dictionaries"), "\"version\":\"7\"") != NULL);
    CHECK_STR(after(texts, "recipe 1\nwords words.txt kinds=a1 columns=text\n"),
              "id:integer|text:text|from:text\n1|今天天气很好|甲\n2|代 开-發票，请联系|甲\n"
              "4|买 C++ 书|乙\n5||乙\n6|代开。发票|乙\n");
}

static void words_mask_report_and_flag(void) {
    library_write("A.3e\t代开发票\nA.1a\tre:刻[章字]\nA.1a\t开发票请\nC++\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt action=mask match=folded\n"),
              "id:integer|text:text|from:text\n1|今天天气很好|甲\n2|******，请联系|甲\n"
              "3|**|乙\n4|买 *** 书|乙\n5||乙\n6|代开。发票|乙\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt action=report\n"), texts);
    CHECK_STR(member("words", "hits"), "3");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt action=flag\n"), texts);
    CHECK_STR(file_text("words.csv"), "\xEF\xBB\xBFrow,column,kind,dictionary,line,text\r\n"
                                      "2,\"text\",a3e,\"words.txt\",1,\"代 开-發票\"\r\n"
                                      "3,\"text\",a1a,\"words.txt\",2,\"刻章\"\r\n"
                                      "4,\"text\",other,\"words.txt\",4,\"C++\"\r\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt match=exact\n"),
              "id:integer|text:text|from:text\n1|今天天气很好|甲\n2|代 开-發票，请联系|甲\n"
              "5||乙\n6|代开。发票|乙\n");
}

static void words_refuse_a_source(void) {
    static char table[1 << 15], want[1 << 15];
    size_t size = (size_t)sprintf(table, "n:integer|text:text|from:text\n");
    size_t kept = (size_t)sprintf(want, "n:integer|text:text|from:text\n");
    // Of 100 rows each, a has 5 bad ones and b 6: over the limit of 5 %.
    for (int i = 0; i < 200; i++) {
        bool bad = i % 100 < 5 + i / 100;
        char row[64];
        int bytes = sprintf(row, "%d|%s|%c\n", i, bad ? "有刻章的" : "没事", 'a' + i / 100);
        memcpy(table + size, row, (size_t)bytes + 1);
        size += (size_t)bytes;
        if (bad || i >= 100) continue;
        memcpy(want + kept, row, (size_t)bytes + 1);
        kept += (size_t)bytes;
    }
    library_write("A.1a\t刻章\n");
    CHECK_STR(after(table, "recipe 1\nwords words.txt source=from\n"), want);
    CHECK_STR(member(NULL, "sources"),
              "[{\"name\":\"a\",\"rows\":100,\"illegal\":5,\"share\":0.05,\"limit\":0.05,"
              "\"refused\":false},{\"name\":\"b\",\"rows\":100,\"illegal\":6,\"share\":0.06,"
              "\"limit\":0.05,\"refused\":true}]");
}

static void words_say_what_is_wrong(void) {
    CHECK_STR(after(texts, "recipe 1\nwords\n"), "words.no_file@2()");
    CHECK_STR(after(texts, "recipe 1\nwords ../words.txt\n"), "words.bad_name@0(../words.txt)");
    CHECK_STR(after(texts, "recipe 1\nwords a.txt kinds=b9\n"), "words.no_such_kind@2(b9)");
    CHECK_STR(after(texts, "recipe 1\nwords a.txt action=mark\n"), "recipe.bad_option@2(mask)");
    library_write("A.1a\t好的\nA.9z\t坏的\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt\n"), "words.unknown_kind@2(A.9z)");
    library_write("A.1a\t好的\n\nre:(\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt\n"), "pattern.unclosed_group@3()");
    library_write("好的\n\xFF\n");
    CHECK_STR(after(texts, "recipe 1\nwords words.txt\n"), "keywords.not_text@2()");
    CHECK_STR(after(texts, "recipe 1\nwords absent.txt\n"), "words.file_absent@0(absent.txt)");
}

static void words_know_the_31_kinds(void) {
    CHECK_STR(after("t:text\n样例词A5b\n样例词A.1-a\n样例词\n", "recipe 1\nwords risk31-sample\n"),
              "t:text\n样例词\n");
    CHECK(strtol(member("words", "words"), NULL, 10) >= 31);
}

// ---- dedup --------------------------------------------------------------------------------------

static void lines_stand_once(void) {
    static const char lines[] =
        "t:text|u:text\n本页由系统自动生成 请勿回复|x\n"
        "本页由系统自动生成 请勿回复|y\n第二行|本页由系统自动生成 请勿回复\n"
        "第二行|z\n";
    CHECK_STR(after(lines, "recipe 1\ndedup line\n"),
              "t:text|u:text\n本页由系统自动生成 请勿回复|x\n|y\n第二行|\n第二行|z\n");
    CHECK_STR(member("dedup", "lines_removed"), "2");
    CHECK_STR(after(lines, "recipe 1\ndedup line least=2 by=t\n"),
              "t:text|u:text\n本页由系统自动生成 请勿回复|x\n|y\n"
              "第二行|本页由系统自动生成 请勿回复\n|z\n");
    CHECK_STR(after(lines, "recipe 1\ndedup line count=2\n"),
              "t:text|u:text\n本页由系统自动生成 请勿回复|x\n本页由系统自动生成 请勿回复|y\n"
              "第二行|\n第二行|z\n");
}

static const char near_texts[] =
    "n:integer|t:text\n"
    "1|患者三天前无明显诱因出现头痛，呈持续性胀痛，伴恶心，无呕吐，无发热，无视物模糊，自服止痛药后稍缓解。\n"
    "2|患者因反复咳嗽咳痰两周入院，夜间加重，伴有低热盗汗，胸片示右上肺斑片状阴影，既往有结核病接触史。\n"
    "3|患者三天前无明显诱因出现头痛 ，呈持续性胀痛，伴恶心，无呕吐，无发热，无视物模糊，自服止痛药后稍有缓解！\n"
    "4|……\n5|……\n6|\n";

static void near_texts_go(void) {
    CHECK_STR(after(near_texts, "recipe 1\ndedup near jaccard=.8\nfield text=t\ndrop columns=t\n"),
              "n:integer\n1\n2\n4\n5\n6\n");
    CHECK_STR(member("dedup", "duplicates"), "1");
    CHECK_STR(member("dedup", "kept"), "2");
    CHECK_STR(after(near_texts, "recipe 1\ndedup near jaccard=.99 by=t\ndrop columns=t\n"),
              "n:integer\n1\n2\n3\n4\n5\n6\n");
    CHECK_STR(after(near_texts, "recipe 1\ndedup near jaccard=.3\n"),
              "recipe.bad_value@2(jaccard)");
    CHECK_STR(after(near_texts, "recipe 1\ndedup exact jaccard=.8\n"),
              "recipe.unexpected_word@2(jaccard)");
    CHECK_STR(after(near_texts, "recipe 1\ndedup near by=n\n"), "recipe.wrong_type@2(n)");
    CHECK_STR(after(near_texts, "recipe 1\ndedup near line\n"), "recipe.unknown_option@2(line)");
}

// ---- quality ------------------------------------------------------------------------------------

static const char *const good = "患者于三天前出现头痛，在家中服药后稍有缓解，今日来院就诊";

// The reason for which a text goes by all rules; "" if it stays.
static const char *judged(const char *text) {
    static char out[64];
    char table[8192];
    snprintf(table, sizeof table, "id:integer|t:text\n1|%s\n2|%s\n", good, text);
    (void)after(table, "recipe 1\ndrop quality\n");
    struct json *report;
    out[0] = '\0';
    if (json_parse_file(recipe_report, &report, NULL) != OK) return "?";
    const struct json *operator_json = json_first(json_member(report, "operators"));
    const struct json *reason = json_first(json_member(operator_json, "reasons"));
    snprintf(out, sizeof out, "%.*s", STR_ARG(json_member_text(reason, "code")));
    json_close(report);
    return out;
}

static const char *repeated(const char *piece, int times) {
    static char out[4096];
    out[0] = '\0';
    for (int i = 0; i < times; i++) strncat(out, piece, sizeof out - strlen(out) - 1);
    return out;
}

static void quality_judges_texts(void) {
    CHECK_STR(judged("房间很干净，服务也好，就是早餐一般，下次还会来的"), "");
    CHECK_STR(judged("好"), "drop.too_short");
    CHECK_STR(judged("The quick brown fox jumps over the lazy dog and that is all of it"),
              "drop.han");
    CHECK_STR(judged("电话号码是13800138000转8001分机号码12345678"), "drop.digit");
    CHECK_STR(judged(repeated("今天天气真的很好我们出去玩。", 6)), "drop.repeat");
    CHECK_STR(judged("哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈太好笑了"),
              "drop.repeat");
    CHECK_STR(judged("看这里的链接 http://www.example.com/path 的内容在这里看"), "drop.url");
    CHECK_STR(judged("请看网址 www.a.cn 的说明和有关规定，我们这里就不再重复介绍它了，请大家自己"
                     "去看一下，谢谢大家对我们工作的支持和理解"),
              "");
    CHECK_STR(judged("锟斤拷锟斤拷的内容在这里是看不到的"), "drop.garbled");
    CHECK_STR(judged("鏂囨湰鐨勫唴瀹癸紝是被写坏的，锛屾枃瀛椼€"), "drop.garbled");
    CHECK_STR(judged("体温血压脉搏呼吸身高体重视力听力血型籍贯民族婚姻"), "drop.stop");
    CHECK_STR(judged("！！！！？？？？！！！！？？？？！！的是在和了"), "drop.han");
}

static void quality_takes_conditions(void) {
    const char *table =
        "id:integer|t:text|u:text\n1|一二三四五|好\n2|一二三|好\n3||好\n4|abcde|好\n";
    CHECK_STR(after(table, "recipe 1\ndrop len<4 text=t\n"),
              "id:integer|t:text|u:text\n1|一二三四五|好\n4|abcde|好\n");
    CHECK_STR(after(table, "recipe 1\ndrop len>4 text=t\n"),
              "id:integer|t:text|u:text\n2|一二三|好\n3||好\n");
    CHECK_STR(after(table, "recipe 1\nfield text=t\ndrop han<.5\n"),
              "id:integer|t:text|u:text\n1|一二三四五|好\n2|一二三|好\n3||好\n");
    CHECK_STR(member("drop", "conditions"), "[{\"measure\":\"han\",\"sign\":\"<\",\"value\":0.5}]");
    CHECK_STR(after(table, "recipe 1\ndrop len<=4\n"),
              "id:integer|t:text|u:text\n1|一二三四五|好\n4|abcde|好\n");
    CHECK_STR(after(table, "recipe 1\ndrop han<3\n"), "recipe.bad_share@2(han)");
    CHECK_STR(after(table, "recipe 1\ndrop len=3\n"), "recipe.bad_value@2(len)");
    CHECK_STR(after(table, "recipe 1\ndrop text=id len<3\n"), "recipe.wrong_type@2(id)");
}

// ---- sample -------------------------------------------------------------------------------------

static void samples_are_the_same_for_anybody(void) {
    static char table[1 << 16], first[8192], technical[8192];
    size_t size = (size_t)sprintf(table, "n:integer|t:text\n");
    for (int i = 0; i < 1000; i++) size += (size_t)sprintf(table + size, "%d|文本\"%d\"\n", i, i);
    const char *recipe = "recipe 1\nsample manual=20 technical=.10\n";
    CHECK_STR(after_with(table, recipe, 1), table);
    snprintf(first, sizeof first, "%s", file_text("sampling.csv"));
    snprintf(technical, sizeof technical, "%s", file_text("sampling_technical.csv"));
    CHECK_STR(after_with(table, recipe, 2), table);
    CHECK_STR(file_text("sampling.csv"), first);
    CHECK_STR(file_text("sampling_technical.csv"), technical);
    int lines = 0, rows = 0;
    for (const char *at = first; *at; at++) lines += *at == '\n';
    for (const char *at = technical; *at; at++) rows += *at == '\n';
    CHECK_EQ(lines, 21);
    CHECK(rows > 60 && rows < 145);
    CHECK(strstr(first, "\"文本\"\"") != NULL);
    char want[256];
    snprintf(want, sizeof want,
             "{\"manual\":{\"size\":20,\"wanted\":20,\"threshold\":0.96},\"technical\":{"
             "\"share\":0.1,\"size\":%d,\"threshold\":0.98},\"rows\":1000}",
             rows - 1);
    CHECK_STR(member(NULL, "sampling"), want);
    // Another recipe draws others.
    (void)after(table, "recipe 1\nsample manual=20 technical=.11\n");
    CHECK(strcmp(file_text("sampling.csv"), first) != 0);
    (void)after(table, "recipe 1\nsample\n");
    CHECK(strstr(member(NULL, "sampling"), "\"size\":1000,\"wanted\":4000") != NULL);
    CHECK_STR(after(table, "recipe 1\nsample\ndecode auto\nsample manual=9\n"),
              "recipe.line_twice@4(sample)");
    CHECK_STR(after(table, "recipe 1\nsample technical=2\n"), "recipe.bad_value@2(technical)");
    CHECK_STR(after(table, "recipe 1\nsample 4000\n"), "recipe.unexpected_word@2(4000)");
}

// ---- files beside the table ---------------------------------------------------------------------

static struct hash hash_of(const char *name) {
    struct hash hash = {0};
    uint64_t bytes;
    CHECK_EQ(file_hash(scratch_path(recipe_folder, name), NULL, &hash, &bytes, NULL), OK);
    return hash;
}

// {"name":"NAME","hash":"…","bytes":…,"rows":ROWS} as it must stand in the report.
static const char *file_entry(const char *name, int rows) {
    static char out[256];
    char hex[SHA256_HEX_SIZE];
    struct hash hash = hash_of(name);
    hash_hex(&hash, hex);
    snprintf(out, sizeof out, "{\"name\":\"%s\",\"hash\":\"%s\",\"bytes\":%zu,\"rows\":%d}", name,
             hex, strlen(file_text(name)), rows);
    return out;
}

static void the_report_names_every_file_by_its_hash(void) {
    const char *table = "n:integer|t:text\n1|=cmd 样例词A1a\n2|平安\n3|外挂代练\n";
    library_write("A.3e\t外挂代练\n");
    CHECK_STR(after(table, "recipe 1\ndecode auto\n"), table);
    CHECK_STR(member(NULL, "files"), "[]");
    CHECK_STR(after(table, "recipe 1\nwords words.txt action=flag\nsample manual=2 technical=1\n"
                           "words risk31-sample action=flag\n"),
              table);
    const char *files = member(NULL, "files");
    CHECK(strstr(files, file_entry("words.csv", 2)) != NULL);
    CHECK(strstr(files, file_entry("sampling.csv", 2)) != NULL);
    CHECK(strstr(files, file_entry("sampling_technical.csv", 3)) != NULL);
    // Two lines flag into one file; each row says by which dictionary.
    CHECK_STR(file_text("words.csv"), "\xEF\xBB\xBFrow,column,kind,dictionary,line,text\r\n"
                                      "3,\"t\",a3e,\"words.txt\",1,\"外挂代练\"\r\n"
                                      "1,\"t\",a1a,\"risk31-sample\",4,\"样例词A1a\"\r\n");
    CHECK_STR(after(table, "recipe 1\nsample manual=3\n"), table);
    CHECK(strstr(file_text("sampling.csv"), "1,1,\"'=cmd 样例词A1a\",,,,") != NULL);
}

static void a_recipe_tells_which_files_it_makes(void) {
    static const char *const files[] = {"sampling.csv", "sampling_technical.csv", "words.csv"};
    static const struct {
        const char *recipe;
        bool made[3];
    } cases[] = {
        {"recipe 1\nsample\n", {true, true, false}},
        {"recipe 1\nwords risk31-sample action=flag\n", {false, false, true}},
        {"recipe 1\nwords risk31-sample\n", {false}},
        {"recipe 1\nwords risk31-sample action=drop\ndecode auto\n", {false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct recipe *recipe;
        REQUIRE(recipe_parse(str_of(cases[i].recipe), NULL, NULL, NULL, &recipe, NULL) == OK);
        for (int k = 0; k < 3; k++) CHECK_EQ(recipe_makes(recipe, files[k]), cases[i].made[k]);
        recipe_close(recipe);
    }
}

// ---- all together -------------------------------------------------------------------------------

static const char whole_recipe[] = "recipe 1\nfield text=t\nwords words.txt action=mask\n"
                                   "words risk31-sample action=flag source=from\ndrop quality\n"
                                   "dedup line least=5\ndedup near\nsample manual=50\n";

// Some thousand texts of a few words each, several batches, many of them alike.
static const char *large_table(void) {
    static const char *const pieces[] = {"患者三天前", "无明显诱因", "出现头痛", "伴恶心呕吐",
                                         "代开发票",   "体温正常",   "血压偏高", "神志清楚",
                                         "既往体健",   "否认过敏史"};
    static char out[1 << 22];
    size_t size = (size_t)sprintf(out, "n:integer|t:text|from:text\n");
    for (int row = 0; row < 20000; row++) {
        size += (size_t)sprintf(out + size, "%d|", row);
        for (uint64_t left = 2 + check_below(7); left > 0; left--) {
            size += (size_t)sprintf(out + size, "%s，", pieces[check_below(10)]);
        }
        // Source d holds too much of what is illegal.
        int from = (int)check_below(4);
        bool bad = check_below(from == 3 ? 8 : 50) == 0;
        size += (size_t)sprintf(out + size, "%s的|%c\n", bad ? "样例词A1a" : "", 'a' + from);
    }
    return out;
}

static void the_same_on_any_number_of_threads(void) {
    static const char *const made[] = {"out", "words.csv", "sampling.csv",
                                       "sampling_technical.csv"};
    struct hash before[4];
    struct recipe *recipe;
    library_write("A.3e\t代开发票\n");
    small_table_write(recipe_in, large_table());
    REQUIRE(recipe_parse(str_of(whole_recipe), NULL, NULL, NULL, &recipe, NULL) == OK);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct cleanse_options options = options_of(threads);
        struct fault fault = {0};
        unlink(recipe_out);
        enum err err =
            cleanse_run(recipe_in, recipe, &options, recipe_out, recipe_report, NULL, &fault);
        CHECK_EQ(err, OK);
        CHECK_STR(fault.code, "");
        for (int i = 0; i < 4; i++) {
            struct hash hash = hash_of(made[i]);
            CHECK(threads == 1 || hash_equal(&hash, &before[i]));
            before[i] = hash;
        }
    }
    recipe_close(recipe);
}

static int run_whole(void *ctx) {
    const struct recipe *recipe = ctx;
    struct cleanse_options options = options_of(1);
    struct fault fault = {0};
    unlink(recipe_out);
    enum err err =
        cleanse_run(recipe_in, recipe, &options, recipe_out, recipe_report, NULL, &fault);
    CHECK_EQ(err == OK, access(recipe_out, F_OK) == 0);
    CHECK_EQ(err == OK, fault.code[0] == '\0');
    return err != OK;
}

static void survives_without_memory(void) {
    struct recipe *recipe;
    library_write("A.3e\t代开发票\nA.1a\tre:刻[章字]\n");
    small_table_write(recipe_in,
                      "t:text|from:text\n患者三天前出现头痛，的确在家服药，需要代开发票|a\n"
                      "患者三天前出现头痛，的确在家服药，需要代开发票了|a\n"
                      "患者两周前开始反复咳嗽，夜间加重，是吸烟的|b\n");
    REQUIRE(recipe_parse(str_of(whole_recipe), NULL, NULL, NULL, &recipe, NULL) == OK);
    CHECK(check_faults(memory_fail_after, run_whole, recipe) > 20);
    recipe_close(recipe);
}

int main(void) {
    recipe_files_make();
    CHECK_RUN(words_drop_rows);
    CHECK_RUN(words_mask_report_and_flag);
    CHECK_RUN(words_refuse_a_source);
    CHECK_RUN(words_say_what_is_wrong);
    CHECK_RUN(words_know_the_31_kinds);
    CHECK_RUN(lines_stand_once);
    CHECK_RUN(near_texts_go);
    CHECK_RUN(quality_judges_texts);
    CHECK_RUN(quality_takes_conditions);
    CHECK_RUN(samples_are_the_same_for_anybody);
    CHECK_RUN(the_report_names_every_file_by_its_hash);
    CHECK_RUN(a_recipe_tells_which_files_it_makes);
    CHECK_RUN(the_same_on_any_number_of_threads);
    CHECK_RUN(survives_without_memory);
    return check_done();
}
