// Errors below /v1 as OpenAI's clients read them: a sentence, a kind, a code.
#include <inttypes.h>
#include <string.h>

#include "server/assets.h"
#include "server/server_private.h"

bool path_is_openai(struct str path) {
    return str_starts(path, STR("/v1/")) || str_is(path, "/v1");
}

uint16_t openai_status(uint16_t status, const struct fault *fault) {
    static const struct {
        const char *code;
        uint16_t status;
    } told[] = {{"limit.", 429},
                {"language.queue_full", 429},
                {"language.too_many", 429},
                {"language.ended", 503},
                {"network.too_long", 400},
                {"generate.", 400},
                {"template.", 400},
                {"grammar.", 400},
                {"constraint.", 400},
                {"tokenizer.not_utf8", 400}};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (strncmp(fault->code, told[i].code, strlen(told[i].code)) == 0) return told[i].status;
    }
    return status;
}

static const char *kind_of(uint16_t status) {
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

// The sentence that the pages and the command line show, in English.
static void sentence_write(struct buf *out, const struct fault *fault) {
    const struct asset *asset = asset_find(STR("messages/en.json"));
    struct json *messages = NULL;
    struct str text = STR_NONE;
    struct hole {
        struct str name;
        bool number;
        uint64_t value;
    } holes[] = {{STR("{detail}"), false, 0},
                 {STR("{row}"), true, fault->row},
                 {STR("{column}"), true, fault->column}};
    if (asset &&
        json_parse((struct str){(const char *)asset->data, asset->size}, &messages, NULL) == OK) {
        text = json_member_text(messages, fault->code);
    }
    if (!text.size) text = str_of(fault->code);
    for (size_t i = 0; i < text.size; i++) {
        struct str rest = {text.data + i, text.size - i};
        const struct hole *hole = NULL;
        for (size_t k = 0; k < sizeof holes / sizeof *holes && !hole; k++) {
            if (str_starts(rest, holes[k].name)) hole = &holes[k];
        }
        if (!hole) {
            buf_add_char(out, text.data[i]);
            continue;
        }
        if (hole->number) buf_printf(out, "%" PRIu64, hole->value);
        if (!hole->number) buf_add_text(out, fault->detail);
        i += hole->name.size - 1;
    }
    json_close(messages);
}

void openai_error(struct buf *out, uint16_t status, const struct fault *fault) {
    struct buf sentence;
    buf_open(&sentence, 64 << 10);
    sentence_write(&sentence, fault);
    struct json_writer writer = json_writer_of(out);
    json_open_object(&writer);
    json_put_name(&writer, "error");
    json_open_object(&writer);
    json_set_text(&writer, "message", buf_str(&sentence));
    json_set_text(&writer, "type", str_of(kind_of(status)));
    bool parameter = strcmp(fault->code, "language.bad_parameter") == 0 ||
                     strcmp(fault->code, "language.unsupported") == 0;
    if (parameter && fault->detail[0]) {
        json_set_text(&writer, "param", str_of(fault->detail));
    } else {
        json_set_null(&writer, "param");
    }
    json_set_text(&writer, "code", str_of(fault->code));
    json_set_text(&writer, "detail", str_of(fault->detail)); // for who says it in another language
    json_close_object(&writer);
    json_close_object(&writer);
    buf_close(&sentence);
}
