// A graph as people keep it: edges or a matrix, with and without names, in either encoding; what is
// wrong is told by its line.
#include "flow/steps/series_graph.h"

#include <unistd.h>

#include "base/file.h"
#include "check.h"

static char path[64];
static struct buf out;
static struct fault fault;

static enum err read_text(const char *text, size_t size) {
    fault = (struct fault){0};
    buf_clear(&out);
    CHECK_EQ(file_write_quick(path, (struct str){text, size}, &fault), OK);
    struct json_writer writer = json_writer_of(&out);
    return series_graph_write(&writer, path, &fault);
}

static void gives(const char *text, const char *json) {
    CHECK_EQ(read_text(text, strlen(text)), OK);
    CHECK_TEXT(buf_str(&out), json);
}

static void fails(const char *text, uint64_t line) {
    CHECK_EQ(read_text(text, strlen(text)), ERR_INPUT);
    CHECK_STR(fault.code, "series.bad_graph");
    CHECK_EQ(fault.row, line);
}

static void edges(void) {
    gives("a,b\nb,c,.5\n", "[[\"a\",\"b\",1],[\"b\",\"c\",0.5]]");
    gives("from,to,weight\r\n\"a\", b ,2\r\n\r\n", "[[\"a\",\"b\",2]]");
    gives("\xEF\xBB\xBF"
          "773869,767541,0.26",
          "[[\"773869\",\"767541\",0.26]]");
    gives("", "[]");
    fails("a,b\nc\n", 2);
    fails("a,b,1\nb,c,far\n", 2);
    fails(",b,1\n", 1);
}

static void gb18030(void) {
    static const char text[] = "\xb6\xab,\xce\xf7\n"; // 东,西
    CHECK_EQ(read_text(text, sizeof text - 1), OK);
    CHECK_TEXT(buf_str(&out), "[[\"东\",\"西\",1]]");
}

static void matrices(void) {
    gives("1,0,0,.3\n0,1,0,0\n0,0,1,0\n0,2,0,1\n",
          "[[0,0,1],[0,3,0.3],[1,1,1],[2,2,1],[3,1,2],[3,3,1]]");
    gives("a,b,c,d\n0,0,0,.3\n0,0,0,0\n0,0,0,0\n0,2,0,0\n", "[[\"a\",\"d\",0.3],[\"d\",\"b\",2]]");
    gives("a,1,c,d\n0,0,0,.3\n0,0,0,0\n0,0,0,0\n0,2,0,0\n", "[[\"a\",\"d\",0.3],[\"d\",\"1\",2]]");
    gives("11,12,13,14\n0,0,0,.3\n0,0,0,0\n0,0,0,0\n0,2,0,0\n",
          "[[\"11\",\"14\",0.3],[\"14\",\"12\",2]]");
    fails("1,0,0,.3\n0,1,0,x\n", 2);
    fails("1,0,0,.3\n0,1,0,0,0\n", 2);
    fails("a,b,c,d\n0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n", 6);
}

static void too_many(void) {
    struct buf text;
    buf_open(&text, 8 << 20);
    for (int i = 0; i < 100001; i++) buf_add_text(&text, "a,b\n");
    CHECK_EQ(read_text(text.data, text.size), ERR_LIMIT);
    CHECK_STR(fault.code, "series.too_many_edges");
    buf_close(&text);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/courtyard-graph-%d", (int)getpid());
    buf_open(&out, 16 << 20);
    CHECK_RUN(edges);
    CHECK_RUN(gb18030);
    CHECK_RUN(matrices);
    CHECK_RUN(too_many);
    buf_close(&out);
    unlink(path);
    return check_done();
}
