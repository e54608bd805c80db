// Chat templates: each case with what Jinja 3.1 gives for it in the settings of Hugging Face's
// transformers (trim_blocks, lstrip_blocks, an immutable sandbox, json.dumps as tojson); what is
// refused, and on which line; bounds.
#include "model/language/template/template.h"
#include "base/memory.h"
#include "check.h"

static struct buf out;

static enum err render(const char *text, const char *variables, struct fault *fault) {
    struct template *template = NULL;
    struct json *json = NULL;
    *fault = (struct fault){0};
    buf_clear(&out);
    if (json_parse(str_of(variables), &json, fault) != OK) return ERR_INPUT;
    enum err err = template_open(str_of(text), &template, fault);
    struct template_input input = {.messages = json_member(json, "messages"),
                                   .tools = json_member(json, "tools"),
                                   .more = json,
                                   .begin = STR("<s>"),
                                   .end = STR("</s>"),
                                   .now_ms = 1790000000000};
    if (err == OK) err = template_render(template, &input, &out, fault);
    template_close(template);
    json_close(json);
    return err;
}

static void gives(const char *text, const char *variables, const char *want) {
    struct fault fault;
    CHECK_EQ(render(text, variables, &fault), OK);
    CHECK_STR(fault.code, "");
    CHECK_BYTES(out.data, out.size, want, strlen(want));
}

static void refuses(const char *text, const char *variables, const char *code, uint64_t row) {
    struct fault fault;
    CHECK(render(text, variables, &fault) != OK);
    CHECK_STR(fault.code, code);
    CHECK_EQ(fault.row, row);
}

struct one {
    const char *text, *variables, *want;
};

// clang-format off
#define V                                                                                  \
    "{\"a\": 3, \"b\": 2.5, \"s\": \"Hello 世界\", \"l\": [3, 1, 2],"                         \
    " \"d\": {\"k\": \"v\", \"n\": null, \"items\": 5}, \"t\": true, \"e\": \"\","             \
    " \"u\": [{\"n\": \"x\", \"v\": 2}, {\"n\": \"y\", \"v\": 1}, {\"n\": \"z\"}]}"
// clang-format on

static const struct one cases[] = {
    {"plain", V, "plain"},
    {"{{ a }} {{ b }} {{ t }} {{ d.n }} {{ l }} {{ d }} {{ e }}", V,
     "3 2.5 True None [3, 1, 2] {'k': 'v', 'n': None, 'items': 5} "},
    {"{{ a + 1 }}{{ a - 5 }}{{ a * 2 }}{{ a / 2 }}{{ a // 2 }}{{ a % 2 }}{{ "
     "a ** 2 }}{{ -a }}{{ -7 // 2 }}{{ -7 % 3 }}",
     V, "4-261.5119-3-42"},
    {"{{ 1.0 }} {{ 1e20 }} {{ 0.1 + 0.2 }} {{ 3 / 1 }} {{ 10 ** -1 }}", V,
     "1.0 1e+20 0.30000000000000004 3.0 0.1"},
    {"{{ 'x' ~ a ~ none ~ true }}", V, "x3NoneTrue"},
    {"{{ a > 2 and a < 5 or false }}{{ not a }}{{ 1 < a < 5 }}{{ 1 < 5 < a }"
     "}",
     V, "TrueFalseTrueFalse"},
    {"{{ 'a' in 'abc' }}{{ 'k' in d }}{{ 4 not in l }}{{ not 4 in l }}", V, "TrueTrueTrueTrue"},
    {"{{ s[0] }}{{ s[-1] }}{{ s[6:] }}{{ s[::-1] }}{{ s[1:4] }}{{ l[1:] }}{{"
     " l[:-1] }}{{ l[::2] }}{{ s|length }}",
     V, "H界世界界世 olleHell[1, 2][3, 1][3, 2]8"},
    {"{{ d.k }}{{ d['k'] }}{{ d.items() | list }}{{ d['items'] }}{{ d.get('z"
     "z', 7) }}{{ d.get('q') }}{{ d.missing }}",
     V, "vv[('k', 'v'), ('n', None), ('items', 5)]57None"},
    {"{{ l | sort }}{{ l | sort(reverse=true) }}{{ l | join('-') }}{{ l | su"
     "m }}{{ l|first }}{{ l|last }}{{ l|max }}{{ l|min }}",
     V, "[1, 2, 3][3, 2, 1]3-1-263231"},
    {"{% for x in l %}{{ loop.index }}:{{ x }}{% if not loop.last %}, {% end"
     "if %}{% endfor %}",
     V, "1:3, 2:1, 3:2"},
    {"{% for x in [] %}x{% else %}none{% endfor %}", V, "none"},
    {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", V, "k=v;n=None;items=5;"},
    {"{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}={{ x }} {%"
     " endfor %}",
     V, "1/2=3 2/2=2 "},
    {"{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endf"
     "or %}",
     V, "32"},
    {"{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor "
     "%}",
     V, "3"},
    {"{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x "
     "}}",
     V, "3121"},
    {"{% set ns = namespace(n=0, found=false) %}{% for i in l %}{% set ns.n "
     "= ns.n + i %}{% endfor %}{{ ns.n }}{{ ns.found }}",
     V, "6False"},
    {"{% for i in l %}{{ y }}{% set y = i %}{% endfor %}", V, ""},
    {"{% macro m(x, y=2, z='q') %}[{{ x }}{{ y }}{{ z }}]{% endmacro %}{{ m("
     "1) }}{{ m(1, z=3) }}{{ m(y=5, x=4) }}",
     V, "[12q][123][45q]"},
    {"{% set x %}  a {{ a }}  {% endset %}[{{ x }}]", V, "[  a 3  ]"},
    {"{% set x | trim | upper %}  ab  {% endset %}[{{ x }}]", V, "[AB]"},
    {"  {% if t %}\n  yes\n  {% endif %}\nend\n", V, "  yes\nend"},
    {"a\n  {%- if t %}  b  {% endif -%}  \n c", V, "a  b  c"},
    {"{{- 'x' -}}  \n  y", V, "xy"},
    {"{# comment #}\nx{#- c -#} \n y", V, "xy"},
    {"  {%+ if t %}x{% endif +%}\n y", V, "  x\n y"},
    {"{% raw %}{{ no }}{% if %}{% endraw %}!", V, "{{ no }}{% if %}!"},
    {"x\n\n", V, "x\n"},
    {"{{ 'a\\nb\\t\\'q\\' \\\"w\\\" \\\\ \\u4f60 \\x41' }}", V, "a\nb\t'q' \"w\" \\ 你 A"},
    {"{{ \"it's\" }}{{ ['it\\'s', \"a\\\"b\", 'c\\n'] }}", V, "it's[\"it's\", 'a\"b', 'c\\n']"},
    {"{{ {'a': 1, 'b': [1, (2,), (3, 4)]} }}{{ () }}", V, "{'a': 1, 'b': [1, (2,), (3, 4)]}()"},
    {"{{ u | map(attribute='n') | join(',') }}{{ u | selectattr('v', 'define"
     "d') | list | length }}{{ u | rejectattr('v') | map(attribute='n') | li"
     "st }}{{ u | selectattr('v', 'equalto', 1) | map(attribute='n') | first"
     " }}",
     V, "x,y,z2['z']y"},
    {"{{ l | map('string') | list }}{{ ['a','B'] | map('upper') | join }}{{ "
     "l | select('odd') | list }}{{ l | reject('odd') | list }}",
     V, "['3', '1', '2']AB[3, 1][2]"},
    {"{{ d | tojson }}{{ u | tojson(indent=2) }}{{ '<b>\\'&' | tojson }}{{ 1"
     ".5 | tojson }}{{ none|tojson }}{{ 'é世' | tojson }}",
     V,
     "{\"k\": \"v\", \"n\": null, \"items\": 5}[\n  {\n    \"n\": \"x\",\n  "
     "  \"v\": 2\n  },\n  {\n    \"n\": \"y\",\n    \"v\": 1\n  },\n  {\n   "
     " \"n\": \"z\"\n  }\n]\"<b>'&\"1.5null\"é世\""},
    {"{{ {'b': 1, 'a': [true]} | tojson(sort_keys=true, separators=(',', ':'"
     ")) }}{{ '世🚀' | tojson(ensure_ascii=true) }}",
     V, "{\"a\":[true],\"b\":1}\"\\u4e16\\ud83d\\ude80\""},
    {"{{ ' a b '.split() }}{{ 'a,b,,c'.split(',') }}{{ 'a,b,c'.split(',', 1)"
     " }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'x</think>y'.split('</think>')[-1] }"
     "}",
     V, "['a', 'b']['a', 'b', '', 'c']['a', 'b,c']['a,b', 'c']y"},
    {"{{ ' x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\\n a'.lstrip('\\n') "
     "}}|{{ 'a  '.rstrip() }}",
     V, "x|a| a|a"},
    {"{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'aXbX'."
     "replace('X', '-') }}{{ 'aXbX'.replace('X', '-', 1) }}{{ 'hello wORLD'."
     "title() }}{{ 'hELLO'.capitalize() }}",
     V, "TrueTruea-b-a-bXHello WorldHello"},
    {"{{ 'abcabc'.find('c') }}{{ 'abc'.rfind('z') }}{{ 'aaa'.count('a') }}{{"
     " '12'.isdigit() }}{{ 'a1'.isalpha() }}{{ '-'.join(['a','b']) }}{{ 'a\\"
     "nb'.splitlines() }}",
     V, "2-13TrueFalsea-b['a', 'b']"},
    {"{{ x is defined }}{{ a is defined }}{{ a is none }}{{ d.n is none }}{{"
     " s is string }}{{ d is mapping }}{{ l is iterable }}{{ s is iterable }"
     "}{{ d is sequence }}{{ a is number }}{{ t is boolean }}{{ t is true }}"
     "{{ a is odd }}{{ a is divisibleby 3 }}{{ a is not none }}",
     V, "FalseTrueFalseTrueTrueTrueTrueTrueTrueTrueTrueTrueTrueTrueTrue"},
    {"{{ a if a > 5 else 'no' }}{{ 'y' if t }}{{ 'y' if not t }}", V, "noy"},
    {"{{ x | default('d') }}{{ e | default('d', true) }}{{ e or 'z' }}{{ a a"
     "nd 'w' }}",
     V, "ddzw"},
    {"{{ '3' | int + 1 }}{{ 'x' | int(9) }}{{ 2.7 | int }}{{ '1.5' | float }"
     "}{{ 2.567 | round(1) }}{{ -3 | abs }}",
     V, "4921.52.63"},
    {"{{ range(3) | list }}{{ range(1, 8, 3) | list }}{{ range(3, 0, -1) | l"
     "ist }}",
     V, "[0, 1, 2][1, 4, 7][3, 2, 1]"},
    {"{{ dict(a=1, b='x') }}{{ dict(a=1).a }}", V, "{'a': 1, 'b': 'x'}1"},
    {"{{ 'a' 'b' \"c\" }}", V, "abc"},
    {"{{ [1,2] + [3] }}{{ 'ab' * 2 }}{{ [0] * 3 }}{{ 1 == 1.0 }}{{ true == 1"
     " }}{{ '1' == 1 }}{{ [1] == [1] }}{{ {'a':1} == {'a':1.0} }}",
     V, "[1, 2, 3]abab[0, 0, 0]TrueTrueFalseTrueTrue"},
    {"{{ l | reverse | list }}{{ 'abc' | reverse }}{{ [1,2,1] | unique | lis"
     "t }}{{ d | dictsort | length }}{{ {'b':1,'a':2} | dictsort }}{{ {'b':1"
     ",'a':2} | items | list }}",
     V, "[2, 1, 3]cba[1, 2]3[('a', 2), ('b', 1)][('b', 1), ('a', 2)]"},
    {"{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}", V,
     "a\n    b\n\n    c|  a\n  b"},
    {"{{ ('x', 'y')[1] }}{% set a, b = 1, 2 %}{{ a }}{{ b }}", V, "y12"},
    {"{% for a in l %}{% for b in 'xy' %}{{ loop.index }}{{ loop.depth }}{% "
     "endfor %}{{ loop.revindex }}{{ loop.cycle('o','e') }}{% endfor %}",
     V, "11213o11212e11211o"},
    {"{% for x in [1,1,2] %}{{ loop.changed(x) }}{{ loop.previtem }}{{ loop."
     "nextitem }};{% endfor %}",
     V, "True1;False12;True1;"},
    {"{{ 'A' if s == 'x' else 'B' if s else 'C' }}", V, "B"},
    {"{%- generation %}G{% endgeneration %}", V, "G"},
    {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endma"
     "cro %}{{ f(3) }}",
     V, "3210"},
    {"{% macro box(t) %}<{{ t }}:{{ caller('q') }}>{% endmacro %}{% call(x) "
     "box('z') %}in {{ x }}{% endcall %}",
     V, "<z:in q>"},
    {"{% macro g(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ g(*[1, 2]) }}{{ g(**"
     "{'b': 1, 'a': 2}) }}",
     V, "1221"},
    {"{{ s.upper() }}{{ s | lower }}{{ 'é' | upper }}", V, "HELLO 世界hello 世界É"},
    {"{{ '{}'[0] }}{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {'b': {}}} }}", V, "{1{'a': {'b': {}}}"},
    {"{{ 'a<b>&\"' | e }}", V, "a&lt;b&gt;&amp;&#34;"},
    {"{{ 'x' if d.k is in ['v', 'w'] }}{{ a is eq 3 }}{{ a is ge 4 }}", V, "xTrueFalse"},
    {"{{ 5 is even }}{{ l | length > 2 }}{{ (l | length) - 1 }}", V, "FalseTrue2"},
    {"{{ [[1, 2], [3]] | map('length') | list }}{{ 'one two  three' | wordco"
     "unt }}",
     V, "[2, 1]3"},
    {"{%- for m in u -%}\n  {%- if loop.first and m.v is defined -%}\n    fi"
     "rst {{ m.n }}\n  {%- elif m.v is not defined %}\n    none\n  {% else %"
     "}\n    other\n  {%- endif -%}\n{%- endfor -%}",
     V, "first x    other    none\n"},
    {"{{ s.split(' ')[1][0] }}{{ l[l|length - 1] }}{{ 'abc'[1:][0] }}{{ [l]["
     "0][2] }}{{ l.0 }}{{ [[5]].0.0 }}",
     V, "世2b235"},
    {"{{ 'a'.removeprefix('a') }}{{ 'ab'.removesuffix('b') }}{{ 'a=b=c'.part"
     "ition('=') }}{{ 'a=b=c'.rpartition('=') }}{{ 'x'.partition('=') }}",
     V, "a('a', '=', 'b=c')('a=b', '=', 'c')('x', '', '')"},
};

static void as_jinja(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gives(cases[i].text, cases[i].variables, cases[i].want);
    }
}

static void special_tokens_and_time(void) {
    gives("{{ bos_token }}{{ eos_token }}{{ unk_token }}", "{}", "<s></s>");
    gives("{{ strftime_now('%d %b %Y %A %j %I:%M %p %%') }}", "{}",
          "21 Sep 2026 Monday 264 02:13 PM %");
    gives("{{ tools is none }}{{ messages is none }}", "{}", "TrueTrue");
}

static void refused(void) {
    refuses("a\n{% if x %}", "{}", "template.syntax", 2);
    refuses("{% endif %}", "{}", "template.syntax", 1);
    refuses("{{ 1 + }}", "{}", "template.syntax", 1);
    refuses("{{ 'abc }}", "{}", "template.syntax", 1);
    refuses("{# no end", "{}", "template.syntax", 1);
    refuses("{% for x y %}{% endfor %}", "{}", "template.syntax", 1);
    refuses("{% break %}", "{}", "template.syntax", 1);
    refuses("{{ a ? b }}", "{}", "template.syntax", 1);
    refuses("\n\n{% include 'x' %}", "{}", "template.unsupported", 3);
    refuses("{{ 1 | nosuch }}", "{}", "template.unsupported", 1);
    refuses("{{ 1 is nosuch }}", "{}", "template.unsupported", 1);
    refuses("{{ [1].append(2) }}", "{}", "template.unsupported", 1);
    refuses("{{ nothing.there }}", "{}", "template.undefined", 1);
    refuses("{{ nothing() }}", "{}", "template.undefined", 1);
    refuses("\n{{ 'a' + none }}", "{}", "template.wrong_type", 2);
    refuses("{{ 'a' < 1 }}", "{}", "template.wrong_type", 1);
    refuses("{{ 1 // 0 }}", "{}", "template.wrong_type", 1);
    refuses("{{ 'x'.nothing() }}", "{}", "template.undefined", 1);
    refuses("{% for a, b in [[1, 2, 3]] %}{% endfor %}", "{}", "template.wrong_type", 1);
    struct fault fault;
    CHECK_EQ(render("x\n{{ raise_exception('roles must alternate') }}", "{}", &fault), ERR_INPUT);
    CHECK_STR(fault.code, "template.raised");
    CHECK_STR(fault.detail, "roles must alternate");
    CHECK_BYTES(out.data, out.size, "x\n", 2);
}

static void limited(const char *text) {
    struct fault fault;
    CHECK_EQ(render(text, "{}", &fault), ERR_LIMIT);
    CHECK(strncmp(fault.code, "template.too_", 13) == 0);
}

static void bounded(void) {
    limited("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}");
    limited("{% for a in range(9000) %}{% set b = range(90000) | list == range(90000) | list %}"
            "{% endfor %}");
    refuses("{{ range(1000000) }}", "{}", "template.too_large", 1);
    limited("{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}"
            "{% set ns.x = ns.x + ns.x %}{% endfor %}");
    refuses("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "{}", "template.too_deep", 1);
    limited("{{ 'a' * 100000000000 }}");
    refuses("{{ 9223372036854775807 + 1 }}", "{}", "template.too_large", 1);
    struct buf deep;
    struct fault fault;
    buf_open(&deep, 1 << 20);
    for (uint32_t i = 0; i < 5000; i++) buf_add_char(&deep, i % 2 ? '(' : '[');
    for (uint32_t kind = 0; kind < 3; kind++) {
        static const char *const starts[] = {"{{ ", "{{ ((", "{{ not -"};
        static const char *const parts[] = {"[", "(", "not - "};
        buf_clear(&deep);
        buf_add_text(&deep, starts[kind]);
        for (uint32_t i = 0; i < 5000; i++) buf_add_text(&deep, parts[kind]);
        buf_add(&deep, "", 1);
        CHECK(render(deep.data, "{}", &fault) != OK);
    }
    buf_clear(&deep);
    buf_add_text(&deep, "{{ 1");
    for (uint32_t i = 0; i < 5000; i++) buf_add_text(&deep, "+1");
    buf_add(&deep, " }}", 4);
    CHECK(render(deep.data, "{}", &fault) != OK);
    CHECK_STR(fault.code, "template.too_deep");
    buf_close(&deep);
}

// A macro may be called where the loop it was made in has ended.
static void macros_outlive_loops(void) {
    gives("{% set ns = namespace() %}{% for x in [7] %}{% macro m(a) %}{{ a + x }}{% endmacro %}"
          "{% set ns.m = m %}{% endfor %}{{ ns.m(1) }}",
          "{}", "8");
}

static void memory_may_run_out(void) {
    const char *text = "{% for m in messages %}{{ m.role | upper }}{{ m | tojson }}{% endfor %}";
    struct json *json = NULL;
    REQUIRE(json_parse(STR("[{\"role\":\"user\",\"content\":\"a\"}]"), &json, NULL) == OK);
    struct template_input input = {.messages = json};
    bool done = false;
    for (uint64_t n = 0; !done; n++) {
        struct template *template = NULL;
        struct fault fault = {0};
        buf_close(&out);
        memory_fail_after(n);
        enum err err = template_open(str_of(text), &template, &fault);
        if (err == OK) err = template_render(template, &input, &out, &fault);
        memory_fail_after(UINT64_MAX);
        done = err == OK;
        if (!done) CHECK(fault.code[0]);
        template_close(template);
        REQUIRE(n < 1000);
    }
    CHECK_BYTES(out.data, out.size, "USER{\"role\": \"user\", \"content\": \"a\"}", out.size);
    json_close(json);
}

int main(void) {
    buf_open(&out, 1 << 24);
    CHECK_RUN(as_jinja);
    CHECK_RUN(special_tokens_and_time);
    CHECK_RUN(refused);
    CHECK_RUN(bounded);
    CHECK_RUN(macros_outlive_loops);
    CHECK_RUN(memory_may_run_out);
    buf_close(&out);
    return check_done();
}
