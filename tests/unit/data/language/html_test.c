// HTML: what a person reads of it, broken markup, text that only looks like markup, linear time.
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "check.h"
#include "data/language/language.h"

static const char *text_of(const char *html) {
    static char room[8192];
    struct buf out;
    buf_open(&out, sizeof room - 1);
    CHECK_EQ(html_to_text(str_of(html), &out, NULL), OK);
    snprintf(room, sizeof room, "%.*s", STR_ARG(buf_str(&out)));
    buf_close(&out);
    return room;
}

static void blocks_are_lines(void) {
    CHECK_STR(text_of("<p>主诉：头痛3天</p><p>既往史：<b>高血压</b>10年</p>"),
              "主诉：头痛3天\n既往史：高血压10年");
    CHECK_STR(text_of("a<br>b<br/>c<BR />d<hr>e"), "a\nb\nc\nd\ne");
    CHECK_STR(text_of("<div><div><div>a</div></div></div><h1> b </h1>c"), "a\nb\nc");
    CHECK_STR(text_of("  one\n  two\t three &nbsp; four  "), "one two three four");
    // A line break of the source between Chinese characters is none of the text.
    CHECK_STR(text_of("患者\n  自述，\n头痛 三天\nCT\n正常"), "患者自述，头痛 三天 CT 正常");
    CHECK_STR(text_of("<b>a</b> <i>b</i><u>c</u>"), "a bc");
    CHECK_STR(text_of("<pre>\n a\r\n  b &lt;\n</pre>c"), " a\n  b <\nc");
    CHECK_STR(text_of("<textarea><b>x</b></textarea>"), "<b>x</b>");
    CHECK_STR(text_of(""), "");
}

static void lists_and_tables(void) {
    CHECK_STR(text_of("<ul><li>甲<li>乙<p>丙</p></ul>丁"), "- 甲\n- 乙\n丙\n丁");
    CHECK_STR(text_of("<ol start=3><li>a</li><li></li><li>b</li></ol>"), "3. a\n4. b");
    CHECK_STR(text_of("<table><tr><th>项目</th><th>结果</th></tr><tr><td>WBC</td><td>5.2</td></tr>"
                      "</table>"),
              "项目\t结果\nWBC\t5.2");
    CHECK_STR(text_of("<table><tr><td>a<td><td>c<tr><td><p>d</p><p>e</p><td>f</table>g"),
              "a\t\tc\nd e\tf\ng");
    CHECK_STR(text_of("<table><tr><td></td><td>b</td></tr></table>"), "\tb");
    // A table that lays out a page.
    CHECK_STR(
        text_of("<table><tr><td><table><tr><td>a<td>b</table><p>c</p></td><td>d</td></table>"),
        "a\tb\nc\nd");
    CHECK_STR(text_of("<td>a</td><tr>b"), "a\nb");
}

static void skips_what_is_not_read(void) {
    CHECK_STR(text_of("<head><title>t</title><style>p{}</style><script>a<b</script></head>x"), "x");
    CHECK_STR(text_of("a<!-- <p>no</p> -->b<!DOCTYPE html>c<?xml version='1'?>d"), "abcd");
    CHECK_STR(text_of("a<![CDATA[<b>&lt;]]>b"), "a<b>&lt;b");
    CHECK_STR(text_of("<select><option>1<option>2</select>x<svg><title>t</title></svg>y"), "xy");
    CHECK_STR(text_of("<img alt='no' src=x>y<ruby>漢<rt>かん</rt></ruby>字"), "y漢字");
    CHECK_STR(text_of("<script>if (a < b) document.write('</b>')</SCRIPT >x"), "x");
}

static void references(void) {
    CHECK_STR(text_of("&lt;p&gt; &amp;amp; &#20013;&#x6587;&quot;&copy &hellip;&notit;"),
              "<p> &amp; 中文\"© …¬it;");
    CHECK_STR(text_of("&#0;&#x110000;&#xD800;&#150;&#99999999999;"),
              "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD–\xEF\xBF\xBD");
    CHECK_STR(text_of("a&b; ?x=1&copy=2 && &; &#; &#x; AT&T &nosuch;"),
              "a&b; ?x=1&copy=2 && &; &#; &#x; AT&T &nosuch;");
    CHECK_STR(text_of("行一&#10;行二"), "行一\n行二");
    CHECK_STR(text_of("&CounterClockwiseContourIntegral;&NotEqualTilde;"), "∳≂̸");
}

static void text_that_looks_like_markup(void) {
    CHECK_STR(text_of("血压<140/90mmHg且>90"), "血压<140/90mmHg且>90");
    CHECK_STR(text_of("a < b, c<d and e>f, x<y"), "a < b, c<d and e>f, x<y");
    CHECK_STR(text_of("WBC<正常值，<主诉>头痛</主诉>"), "WBC<正常值，<主诉>头痛</主诉>");
    CHECK_STR(text_of("i <3 you <- ok <"), "i <3 you <- ok <");
    CHECK_STR(text_of("<o:p>Word</o:p><st1:place w:st=\"on\">x</st1:place>"), "Wordx");
}

static void broken_markup(void) {
    CHECK_STR(text_of("<div <p>a</p"), "a</p");
    CHECK_STR(text_of("<a href=\"x>text</a><a href=\"y\">z</a>"), "textz");
    CHECK_STR(text_of("<a href='x>text</a>"), "text");
    CHECK_STR(text_of("<p class=a>b</p class=c>d</i></i></table></ul></li>"), "b\nd");
    CHECK_STR(text_of("a<!-- no end <b>c</b>"), "ac");
    CHECK_STR(text_of("a<script>no end"), "a");
    CHECK_STR(text_of("<title>no end <p>shown"), "no end\nshown");
    CHECK_STR(text_of("<svg>no end <p>shown"), "no end\nshown");
    CHECK_STR(text_of("</>x<p/>y<"), "x\ny<");
}

static void reads_attributes(void) {
    struct str value;
    struct str attributes = STR(" A=1 b = \"two &amp;\" c='3' d e=f/g>");
    CHECK(html_attribute(attributes, "a", &value));
    CHECK_TEXT(value, "1");
    CHECK(html_attribute(attributes, "b", &value));
    CHECK_TEXT(value, "two &amp;");
    CHECK(html_attribute(attributes, "c", &value));
    CHECK_TEXT(value, "3");
    CHECK(html_attribute(attributes, "d", &value));
    CHECK_TEXT(value, "");
    CHECK(!html_attribute(attributes, "f", &value));
    CHECK(html_likely(STR("血压 <b>140</b>")));
    CHECK(html_likely(STR("AT&amp;T")));
    CHECK(!html_likely(STR("a < b && c > d, AT&T, <主诉>")));
}

// Each sample over and over: twice the text takes about twice the time, whatever is wrong with it.
static void takes_linear_time(void) {
    static const char *const samples[] = {
        "<",         "<a ",         "<a href=\"", "<a b='",     "<!--",          "<![CDATA[",
        "<x y=\"",   "<!d",         "<title>",    "<textarea>", "<svg>",         "<table>",
        "<td>",      "<table><td>", "<ul><li>",   "&#",         "&amp",          "<script>",
        "</script>", "<select>",    "<?x",        "<a b=\"c='", "<p title=\"a>", "<noscript a",
        "&",         "<iframe>",    "<x a b ",    "<pre>\n"};
    enum { BYTES = 2 << 20 };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct buf in, out;
        buf_open(&in, BYTES + 64);
        buf_open(&out, (size_t)BYTES * 4);
        while (in.size < BYTES) buf_add_text(&in, samples[i]);
        uint64_t start_us = clock_monotonic_us();
        CHECK_EQ(html_to_text(buf_str(&in), &out, NULL), OK);
        (void)html_likely(buf_str(&in));
        uint64_t took_us = clock_monotonic_us() - start_us;
        // Ten million times less than squared time would take; sanitizers and emulators included.
        if (!CHECK(took_us < 8 * 1000 * 1000)) fprintf(stderr, "%s\n", samples[i]);
        CHECK(utf8_valid(buf_str(&out)));
        buf_close(&in);
        buf_close(&out);
    }
}

static void any_bytes(void) {
    static const char *const pieces[] = {
        "<",   ">",   "/",      "p",    "table",    "td", "tr", "li",  "ol",
        "pre", "\"",  "'",      "=",    " ",        "&",  "#",  "x",   ";",
        "!--", "-->", "script", "\xFF", "\xE4\xB8", "中", "\n", "svg", "a href="};
    for (int round = 0; round < 3000; round++) {
        struct buf in, out;
        buf_open(&in, 4096);
        buf_open(&out, 64 * 1024);
        for (uint64_t i = check_below(60); i > 0; i--) {
            buf_add_text(&in, pieces[check_below(sizeof pieces / sizeof *pieces)]);
        }
        CHECK_EQ(html_to_text(buf_str(&in), &out, NULL), OK);
        CHECK(utf8_valid(buf_str(&out)));
        buf_close(&in);
        buf_close(&out);
    }
    struct buf small;
    buf_open(&small, 4);
    CHECK_EQ(html_to_text(STR("<p>too much</p>"), &small, NULL), ERR_LIMIT);
    buf_close(&small);
}

int main(void) {
    CHECK_RUN(blocks_are_lines);
    CHECK_RUN(lists_and_tables);
    CHECK_RUN(skips_what_is_not_read);
    CHECK_RUN(references);
    CHECK_RUN(text_that_looks_like_markup);
    CHECK_RUN(broken_markup);
    CHECK_RUN(reads_attributes);
    CHECK_RUN(takes_linear_time);
    CHECK_RUN(any_bytes);
    return check_done();
}
