// Any bytes as a chat template: it opens or is refused with a sentence, and renders or is refused.
#include <stdlib.h>

#include "model/language/template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char messages[] =
    "[{\"role\":\"system\",\"content\":\"Be brief.\"},"
    "{\"role\":\"user\",\"content\":\"\xE4\xBD\xA0 a\"},"
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"type\":\"function\","
    "\"function\":{\"name\":\"f\",\"arguments\":{\"x\":[1,2.5,true,null]}}}]},"
    "{\"role\":\"tool\",\"content\":\"7\"}]";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct template *template;
    struct fault fault = {0};
    struct json *json = NULL;
    if (template_open((struct str){(const char *)data, size}, &template, &fault) != OK) {
        if (!*fault.code) abort();
        return 0;
    }
    if (json_parse(STR(messages), &json, NULL) != OK) abort();
    struct template_input input = {.messages = json,
                                   .tools = json,
                                   .begin = STR("<s>"),
                                   .add_generation_prompt = true,
                                   .now_ms = 1790000000000};
    struct buf out;
    buf_open(&out, 1 << 20);
    if (template_render(template, &input, &out, &fault) != OK && !*fault.code) abort();
    buf_close(&out);
    json_close(json);
    template_close(template);
    return 0;
}
