#include "model/language/template/calls.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/language/grammar/marks.h"

enum {
    NAME_BYTES_MAX = 256,
    HELD_BYTES_MAX = 4 << 20,
    NAMES_BYTES_MAX = 1 << 20,
    HEAD_BYTES_MAX = 64 << 10
};

void calls_open(struct calls *calls, const struct call_form *form, const struct json *tools,
                void (*event)(void *ctx, const struct call_event *event), void *ctx) {
    *calls = (struct calls){.form = form, .event = event, .ctx = ctx, .begins = true};
    buf_open(&calls->names, NAMES_BYTES_MAX);
    buf_open(&calls->held, HELD_BYTES_MAX);
    for (const struct json *i = json_first(tools); i; i = json_next(i)) {
        struct str name = json_member_text(json_member(i, "function"), "name");
        buf_add(&calls->names, &name.size, sizeof name.size);
        buf_add_str(&calls->names, name);
    }
}

static void tell(struct calls *calls, enum call_event_kind kind, struct str text) {
    if (kind == CALL_TEXT && !text.size) return;
    calls->event(calls->ctx, &(struct call_event){kind, calls->count, text});
}

static struct str held(const struct calls *calls) {
    return buf_str(&calls->held);
}

static struct str behind(struct str text, size_t at) {
    return (struct str){text.data + at, text.size - at};
}

static void drop(struct calls *calls, size_t size) {
    if (size) memmove(calls->held.data, calls->held.data + size, calls->held.size - size);
    calls->held.size -= size;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t blanks(struct str text, size_t at) {
    while (at < text.size && is_blank(text.data[at])) at++;
    return at;
}

// The next of the names of the tools; false: there is none.
static bool name_next(struct str *names, struct str *out) {
    size_t size;
    if (!names->size) return false;
    memcpy(&size, names->data, sizeof size);
    *out = (struct str){names->data + sizeof size, size};
    *names = behind(*names, sizeof size + size);
    return true;
}

static bool is_known(const struct calls *calls, struct str name) {
    struct str names = buf_str(&calls->names), one;
    while (name_next(&names, &one)) {
        if (str_equal(one, name)) return true;
    }
    return false;
}

// ---- the head of a call ------------------------------------------------------------------------

// Reading what may not be whole yet.
enum look { LOOK_WRONG, LOOK_MORE, LOOK_FINE };
struct head {
    struct str text;
    size_t at;
    struct buf *name;
    bool named, given, listed; // the object of what it is given comes next; else the call has ended
};

// `text` comes next, behind white space.
static enum look look_for(struct head *head, const char *text) {
    while (is_blank(*text)) text++;
    size_t size = strlen(text), at = blanks(head->text, head->at);
    size_t there = head->text.size - at < size ? head->text.size - at : size;
    if (memcmp(head->text.data + at, text, there) != 0) return LOOK_WRONG;
    if (there < size) return LOOK_MORE;
    head->at = at + size;
    return LOOK_FINE;
}

// Up to the end of the text in JSON that begins at `at`; 0: it is not whole.
static size_t quoted_end(struct str text, size_t at) {
    for (at++; at < text.size; at++) {
        if (text.data[at] == '\\') {
            at++;
        } else if (text.data[at] == '"') {
            return at + 1;
        }
    }
    return 0;
}

static enum look name_read(struct head *head) {
    enum look look = look_for(head, "\"");
    if (look != LOOK_FINE) return look;
    size_t from = head->at - 1, end = quoted_end(head->text, from);
    struct json *json;
    if (!end) return LOOK_MORE;
    if (json_parse((struct str){head->text.data + from, end - from}, &json, NULL) != OK) {
        return LOOK_WRONG;
    }
    buf_clear(head->name);
    buf_add_str(head->name, json_text(json));
    json_close(json);
    head->at = end;
    return head->name->size ? LOOK_FINE : LOOK_WRONG;
}

// {"name": "…", "arguments": or {"name": "…"}; `list`: a [ may stand before it.
static enum look head_read(struct head *head, bool list) {
    static const char *const given[] = {"\"arguments\"", "\"parameters\""};
    enum look look = list ? look_for(head, "[") : LOOK_WRONG;
    if (look == LOOK_MORE) return look;
    head->listed = look == LOOK_FINE;
    static const char *const start[] = {"{", "\"name\"", ":"};
    look = LOOK_FINE;
    for (size_t i = 0; i < 3 && look == LOOK_FINE; i++) look = look_for(head, start[i]);
    if (look == LOOK_FINE) look = name_read(head);
    if (look != LOOK_FINE) return look;
    look = look_for(head, "}");
    if (look != LOOK_WRONG) return look;
    look = look_for(head, ",");
    if (look != LOOK_FINE) return look;
    enum look one = look_for(head, given[0]);
    look = one == LOOK_WRONG ? look_for(head, given[1]) : one;
    if (look == LOOK_FINE) look = look_for(head, ":");
    if (look != LOOK_FINE) return look;
    head->at = blanks(head->text, head->at);
    head->given = true;
    if (head->at == head->text.size) return LOOK_MORE;
    char first = head->text.data[head->at];
    return first == '{' || first == '"' ? LOOK_FINE : LOOK_WRONG;
}

// The name that a text begins with: the longest of a tool that does, or what no mark or white space
// ends; *out_more: one that is known may still come.
static struct str name_of(const struct calls *calls, struct str text, bool *out_more) {
    struct str names = buf_str(&calls->names), one, found = {text.data, 0};
    *out_more = false;
    while (name_next(&names, &one)) {
        *out_more |= one.size > text.size && str_starts(one, text);
        if (one.size > found.size && str_starts(text, one)) found.size = one.size;
    }
    if (found.size) return found;
    while (found.size < text.size && !is_blank(text.data[found.size]) &&
           !strchr("[<{\"`", text.data[found.size])) {
        found.size++;
    }
    return found;
}

// One of the two begins with the other.
static bool agree(struct str text, const char *other) {
    while (is_blank(*other)) other++;
    size_t size = strlen(other) < text.size ? strlen(other) : text.size;
    return size == 0 || memcmp(text.data, other, size) == 0;
}

// NAME[ARGS]{ or as the form has it; what stands between the two may be missing.
static enum look plain_read(const struct calls *calls, struct head *head) {
    const struct call_form *form = calls->form;
    bool more;
    enum look look = look_for(head, form->open);
    if (look != LOOK_FINE) return look;
    struct str text = behind(head->text, blanks(head->text, head->at));
    const char *brace = text.size ? memchr(text.data, '{', text.size) : NULL;
    if (brace) text.size = (size_t)(brace - text.data);
    struct str name = name_of(calls, text, &more);
    if (more && !brace) return LOOK_MORE;
    if (name.size == 0) return text.size || brace ? LOOK_WRONG : LOOK_MORE;
    struct str rest = behind(text, blanks(text, name.size));
    bool fits = agree(rest, form->after) || agree(rest, MARK_MISTRAL_ID);
    if (name.size > NAME_BYTES_MAX || !fits) return LOOK_WRONG;
    if (!brace) return LOOK_MORE;
    buf_clear(head->name);
    buf_add_str(head->name, name);
    head->at = (size_t)(brace - head->text.data);
    head->named = head->given = true;
    return LOOK_FINE;
}

// Behind a call: what may follow it.
static void call_end(struct calls *calls) {
    tell(calls, CALL_ENDS, STR_NONE);
    calls->count++;
    calls->state = CALLS_BEHIND;
}

static void text_again(struct calls *calls) {
    calls->state = CALLS_TEXT;
    calls->listed = false;
}

static void call_begin(struct calls *calls, const struct head *head) {
    calls->listed |= head->listed;
    calls->named = head->named;
    calls->begins = false;
    tell(calls, CALL_BEGINS, buf_str(head->name));
    drop(calls, head->at);
    calls->depth = 0;
    calls->inside = calls->escaped = false;
    if (!head->given) {
        tell(calls, CALL_GIVEN, STR("{}"));
        call_end(calls);
    } else {
        calls->state = *calls->held.data == '"' ? CALLS_QUOTED : CALLS_GIVEN;
    }
}

// It is no call: what stood for one is text.
static void head_give_up(struct calls *calls) {
    tell(calls, CALL_TEXT, (struct str){calls->held.data, calls->mark_size});
    drop(calls, calls->mark_size);
    calls->begins = false;
    text_again(calls);
}

static bool head_go(struct calls *calls) {
    struct buf name;
    buf_open(&name, HEAD_BYTES_MAX);
    struct head head = {.text = held(calls), .at = calls->mark_size, .name = &name};
    bool first = calls->marked && !calls->listed;
    enum look look = first && !*calls->form->arguments ? plain_read(calls, &head) : LOOK_WRONG;
    if (look == LOOK_WRONG) {
        head.at = calls->mark_size;
        look = head_read(&head, first);
    }
    bool known = calls->marked || is_known(calls, buf_str(&name));
    bool decided = look != LOOK_MORE || calls->held.size > HEAD_BYTES_MAX;
    if (look == LOOK_FINE && known) {
        call_begin(calls, &head);
    } else if (decided) {
        head_give_up(calls);
    }
    buf_close(&name);
    return decided;
}

// ---- what it is given --------------------------------------------------------------------------

// Up to where the brackets that were open before are closed; the whole, where they are not.
static size_t value_go(struct calls *calls, struct str text, bool *out_over) {
    size_t at = 0;
    *out_over = false;
    for (; at < text.size && !*out_over; at++) {
        char c = text.data[at];
        if (calls->inside) {
            calls->inside = c != '"' || calls->escaped;
            calls->escaped = c == '\\' && !calls->escaped;
        } else if (c == '"') {
            calls->inside = true;
        } else if (c == '{' || c == '[') {
            calls->depth++;
        } else if ((c == '}' || c == ']') && (calls->depth == 0 || --calls->depth == 0)) {
            *out_over = true;
        }
    }
    return at;
}

static bool given_go(struct calls *calls) {
    bool over;
    size_t size = value_go(calls, held(calls), &over);
    if (size == 0) return false;
    tell(calls, CALL_GIVEN, (struct str){calls->held.data, size});
    drop(calls, size);
    if (!over) return false;
    calls->depth = 1; // of the call's own object
    calls->state = CALLS_REST;
    if (calls->named) call_end(calls);
    return true;
}

// Given as a text that holds the object.
static bool quoted_go(struct calls *calls) {
    size_t end = quoted_end(held(calls), 0);
    struct json *json;
    if (!end) return false;
    if (json_parse((struct str){calls->held.data, end}, &json, NULL) == OK) {
        tell(calls, CALL_GIVEN, json_text(json));
        json_close(json);
    }
    drop(calls, end);
    calls->depth = 1;
    calls->state = CALLS_REST;
    return true;
}

// Further members are passed over, up to the end of the call's object.
static bool rest_go(struct calls *calls) {
    bool over;
    size_t size = value_go(calls, held(calls), &over);
    drop(calls, size);
    if (over) call_end(calls);
    return over;
}

// Behind a call that is a name and an object: its end, then the next one's beginning or the end of
// all.
static enum look named_behind(struct calls *calls, struct head *head) {
    const struct call_form *form = calls->form;
    enum look end = *form->behind ? look_for(head, form->behind) : LOOK_WRONG;
    enum look next = *form->join && end != LOOK_FINE ? look_for(head, form->join) : LOOK_WRONG;
    if (end == LOOK_FINE || next == LOOK_WRONG) return end;
    if (next == LOOK_MORE) return LOOK_MORE;
    calls->state = CALLS_HEAD;
    calls->marked = true;
    calls->mark_size = 0;
    head->at = 0; // it is read with the head
    return LOOK_FINE;
}

// The end of a list or its next call, and the mark that ends a call.
static bool behind_go(struct calls *calls) {
    struct head head = {.text = held(calls)};
    if (calls->named) {
        enum look look = named_behind(calls, &head);
        if (look == LOOK_MORE) return false;
        if (look == LOOK_FINE) drop(calls, head.at);
        if (look == LOOK_FINE) return true;
    }
    if (calls->listed) {
        enum look next = look_for(&head, ",");
        if (next == LOOK_FINE) {
            calls->state = CALLS_HEAD;
            calls->marked = true;
            calls->mark_size = 0;
        }
        if (next == LOOK_WRONG) next = look_for(&head, "]");
        if (next == LOOK_MORE) return false;
        if (calls->state != CALLS_HEAD) calls->listed = false;
        drop(calls, head.at);
        if (next == LOOK_WRONG) text_again(calls);
        return true;
    }
    enum look close = look_for(&head, calls->form->close);
    if (close == LOOK_MORE) return false;
    if (close == LOOK_FINE) drop(calls, head.at);
    text_again(calls);
    return true;
}

// ---- text --------------------------------------------------------------------------------------

// Where a mark begins in a text, or may: at its end, in part; or its size.
static size_t mark_find(struct str text, const char *mark, bool *out_whole) {
    size_t size = strlen(mark);
    const char *at = size ? memmem(text.data, text.size, mark, size) : NULL;
    *out_whole = at != NULL;
    if (at) return (size_t)(at - text.data);
    size_t most = size && text.size > size - 1 ? size - 1 : text.size;
    for (size_t part = size ? most : 0; part > 0; part--) {
        if (memcmp(text.data + text.size - part, mark, part) == 0) return text.size - part;
    }
    return text.size;
}

static bool text_go(struct calls *calls) {
    struct str text = held(calls);
    bool whole;
    size_t first = blanks(text, 0), at = mark_find(text, calls->form->mark, &whole), sure = at;
    calls->marked = whole;
    calls->mark_size = 0;
    if (calls->form->bare && calls->begins && first < text.size && text.data[first] == '{') {
        calls->marked = false;
        calls->state = CALLS_HEAD;
        return true;
    }
    while (sure > 0 && is_blank(text.data[sure - 1])) sure--;
    if (sure > 0) calls->begins = false;
    tell(calls, CALL_TEXT, (struct str){text.data, sure});
    drop(calls, sure);
    if (!whole) return false;
    calls->mark_size = at - sure + strlen(calls->form->mark);
    calls->state = CALLS_HEAD;
    return true;
}

static bool go(struct calls *calls) {
    switch (calls->state) {
    case CALLS_TEXT: return text_go(calls);
    case CALLS_HEAD: return head_go(calls);
    case CALLS_GIVEN: return given_go(calls);
    case CALLS_QUOTED: return quoted_go(calls);
    case CALLS_REST: return rest_go(calls);
    default: return behind_go(calls);
    }
}

void calls_put(struct calls *calls, struct str piece) {
    buf_add_str(&calls->held, piece);
    while (calls->held.size && go(calls)) continue;
}

enum err calls_end(struct calls *calls) {
    enum err err = buf_err(&calls->held);
    bool begun = calls->state == CALLS_HEAD && calls->marked;
    struct str rest = held(calls);
    if (calls->count) rest = (struct str){rest.data, blanks(rest, 0) == rest.size ? 0 : rest.size};
    if (calls->state == CALLS_TEXT || (calls->state == CALLS_HEAD && !begun)) {
        tell(calls, CALL_TEXT, rest);
    }
    if (err == OK) err = buf_err(&calls->names);
    buf_close(&calls->names);
    buf_close(&calls->held);
    return err;
}

// ---- a whole answer ----------------------------------------------------------------------------

struct whole {
    struct buf *text, given;
    struct json_writer out;
    uint64_t first_id;
    bool open; // the last call has no end yet
};

static void whole_close(struct whole *whole) {
    if (whole->open) {
        json_set_text(&whole->out, "arguments", buf_str(&whole->given));
        json_close_object(&whole->out);
        json_close_object(&whole->out);
    }
    whole->open = false;
}

static void whole_hear(void *ctx, const struct call_event *event) {
    struct whole *whole = ctx;
    char id[32];
    if (event->kind == CALL_TEXT) buf_add_str(whole->text, event->text);
    if (event->kind == CALL_GIVEN) buf_add_str(&whole->given, event->text);
    if (event->kind == CALL_ENDS) whole_close(whole);
    if (event->kind != CALL_BEGINS) return;
    snprintf(id, sizeof id, "call_%llu", (unsigned long long)(whole->first_id + event->index));
    json_open_object(&whole->out);
    json_set_text(&whole->out, "id", str_of(id));
    json_set_text(&whole->out, "type", STR("function"));
    json_put_name(&whole->out, "function");
    json_open_object(&whole->out);
    json_set_text(&whole->out, "name", event->text);
    buf_clear(&whole->given);
    whole->open = true;
}

bool calls_of(const struct call_form *form, const struct json *tools, struct str answer,
              uint64_t first_id, struct buf *text, struct buf *out) {
    size_t text_before = text->size, before = out->size;
    struct whole whole = {.text = text, .out = json_writer_of(out), .first_id = first_id};
    struct calls calls;
    buf_open(&whole.given, HELD_BYTES_MAX);
    calls_open(&calls, form, tools, whole_hear, &whole);
    json_open_array(&whole.out);
    calls_put(&calls, answer);
    bool any = calls.count > 0 || whole.open;
    bool fine = calls_end(&calls) == OK && buf_err(&whole.given) == OK;
    whole_close(&whole);
    json_close_array(&whole.out);
    buf_close(&whole.given);
    if (any && fine) return true;
    out->size = before;
    text->size = text_before;
    buf_add_str(text, answer);
    return false;
}
