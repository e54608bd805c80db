// What a department's policy says of personal data in language models, done: to what is asked
// before it goes to a child, on the caller's thread; to answers before anything of them goes to
// the client, on the relay's. What was found is counted by kind; the text itself goes nowhere else.
#include "flow/models/language_guard.h"

#include <inttypes.h>
#include <string.h>

#include "flow/models/language.h"
#include "flow/models/language_usage.h"
#include "flow/steps/talk.h"

static bool is_held(enum guard_rule rule) {
    return rule == GUARD_MASK || rule == GUARD_REFUSE;
}

void guard_rules_take(struct language_guard *guard, const struct policy *policy,
                      const struct tenant *tenant) {
    for (int side = 0; side < GUARD_SIDE_COUNT; side++) {
        guard->rule[side] = policy_guard(policy, tenant, (enum guard_side)side);
    }
}

// ---- what is asked -----------------------------------------------------------------------------

// Texts below these members are what people and models have said; others are ours.
static bool is_said(struct str name) {
    return str_is(name, "messages") || str_is(name, "prompts") || str_is(name, "suffix") ||
           str_is(name, "texts") || str_is(name, "tools");
}

// Words of the form, and names that must stay what they are.
static bool is_plain(struct str name) {
    return str_is(name, "role") || str_is(name, "type") || str_is(name, "id") ||
           str_is(name, "tool_call_id") || str_is(name, "name");
}

struct asking {
    struct screen_found *found;
    struct buf text; // masked
    bool masks;
    enum err err;
};

static void text_write(struct asking *asking, struct str text, struct json_writer *out) {
    buf_clear(&asking->text);
    if (asking->err == OK) {
        asking->err = screen_text(text, asking->masks ? &asking->text : NULL, asking->found);
    }
    json_put_text(out, asking->masks ? buf_str(&asking->text) : text);
}

// Writes a node again, what is said in it screened.
static void node_write(struct asking *asking, const struct json *node, bool said,
                       struct json_writer *out) {
    if (json_is_object(node)) {
        json_open_object(out);
        for (const struct json *one = json_first(node); one; one = json_next(one)) {
            struct str name = json_name(one);
            json_put_name_str(out, name);
            node_write(asking, one, said && !is_plain(name), out);
        }
        json_close_object(out);
    } else if (json_is_array(node)) {
        json_open_array(out);
        for (const struct json *one = json_first(node); one; one = json_next(one)) {
            node_write(asking, one, said, out);
        }
        json_close_array(out);
    } else if (said && json_is_string(node)) {
        text_write(asking, json_text(node), out);
    } else {
        json_put_node(out, node);
    }
}

// The members of the frame, screened; `asked` stays as it is where nothing was masked.
static enum err members_screen(struct buf *asked, enum guard_rule rule, struct screen_found *found,
                               struct fault *fault) {
    struct json *frame;
    struct buf again;
    enum err err = json_parse(buf_str(asked), &frame, fault);
    if (err != OK) return err;
    struct asking asking = {.found = found, .masks = rule == GUARD_MASK};
    buf_open(&asking.text, TALK_BYTES_MAX);
    buf_open(&again, TALK_BYTES_MAX);
    struct json_writer out = json_writer_of(&again);
    json_open_object(&out);
    for (const struct json *one = json_first(frame); one; one = json_next(one)) {
        json_put_name_str(&out, json_name(one));
        node_write(&asking, one, is_said(json_name(one)), &out);
    }
    json_close_object(&out);
    err = asking.err == OK ? buf_err(&again) : asking.err;
    if (err == OK && asking.masks && screen_count(found)) {
        buf_clear(asked);
        buf_add_str(asked, buf_str(&again));
        err = buf_err(asked);
    }
    buf_close(&asking.text);
    buf_close(&again);
    json_close(frame);
    return err == OK ? OK : fault_set(fault, err, "flow.answer_too_large", STR_NONE);
}

// "id 1, mobile 2"
static void kinds_write(const struct screen_found *found, struct buf *out) {
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        if (!found->of[kind]) continue;
        buf_printf(out, "%s%s %" PRIu64, out->size ? ", " : "",
                   personal_kind_name((enum personal_kind)kind), found->of[kind]);
    }
}

static enum err prompt_refuse(const struct flow_answer *answer, struct fault *fault) {
    char room[LIMIT_PATH_BYTES];
    struct buf kinds = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    struct language_use use = {.tenant = answer->tenant,
                               .model = answer->model,
                               .person = {answer->person, str_of(answer->person_name)},
                               .model_name = str_of(answer->name),
                               .counts = {.requests = 1}};
    kinds_write(&answer->guard.found[GUARD_PROMPTS], &kinds);
    guard_count_add(answer, &use.counts);
    language_usage_note(answer->flow, &use, 0);
    return fault_set(fault, ERR_INPUT, "guard.prompt_refused", buf_str(&kinds));
}

// A text told as its tokens cannot be looked at here.
static bool tells_tokens(const struct call *call) {
    const struct json *input = json_member(call->body, "input");
    if (!input) input = json_member(call->body, "prompt");
    if (!json_is_array(input)) return false;
    for (const struct json *one = json_first(input); one; one = json_next(one)) {
        if (!json_is_string(one)) return true;
    }
    return false;
}

static bool wants_logprobs(const struct call *call) {
    const struct json *wish = json_member(call->body, "logprobs");
    return wish && !json_is_null(wish) && (!json_is_bool(wish) || json_bool(wish, false));
}

enum err guard_asked(struct flow_answer *answer, const struct call *call) {
    struct language_guard *guard = &answer->guard;
    enum guard_rule prompts = guard->rule[GUARD_PROMPTS], answers = guard->rule[GUARD_ANSWERS];
    enum err err = OK;
    if (answer->kind == ANSWER_VECTORS) answers = GUARD_OFF;
    if (is_held(answers) && wants_logprobs(call)) {
        return fault_set(call->fault, ERR_INPUT, "guard.no_logprobs", STR_NONE);
    }
    if (is_held(prompts) && answer->kind != ANSWER_CHAT && tells_tokens(call)) {
        return fault_set(call->fault, ERR_INPUT, "guard.no_tokens", STR_NONE);
    }
    if (prompts != GUARD_OFF) {
        err = members_screen(&answer->asked, prompts, &guard->found[GUARD_PROMPTS], call->fault);
    }
    bool found = screen_count(&guard->found[GUARD_PROMPTS]) > 0;
    if (err == OK && found && prompts == GUARD_REFUSE) {
        guard->refused = true;
        return prompt_refuse(answer, call->fault);
    }
    guard->masked = found && prompts == GUARD_MASK;
    if (err == OK && answers != GUARD_OFF) screen_warm();
    for (uint32_t i = 0; i < answer->parts_count && err == OK && answers != GUARD_OFF; i++) {
        err = screen_open(answers == GUARD_REFUSE, &answer->parts[i].screen);
        if (err != OK) err = fault_set(call->fault, err, "base.no_memory", STR_NONE);
    }
    return err;
}

// ---- what is answered --------------------------------------------------------------------------

void guard_hear(struct flow_answer *answer, struct answer_part *part, struct str text, bool over,
                struct buf *out) {
    struct language_guard *guard = &answer->guard;
    bool held = is_held(guard->rule[GUARD_ANSWERS]);
    if (!part->screen || !held) buf_add_str(out, text);
    if (!part->screen) return;
    struct screen_found found = {0};
    struct buf *decided = held ? out : NULL;
    enum err err = screen_put(part->screen, text, decided, &found);
    if (err == OK && over) err = screen_end(part->screen, decided, &found);
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        guard->found[GUARD_ANSWERS].of[kind] += found.of[kind];
    }
    bool any = screen_count(&found) > 0;
    guard->masked |= any && guard->rule[GUARD_ANSWERS] == GUARD_MASK;
    // What cannot be screened is not given out either.
    part->filtered = held && (screen_stopped(part->screen) || err != OK);
    guard->refused |= part->filtered;
}

bool guard_keeps(const struct flow_answer *answer) {
    return is_held(answer->guard.rule[GUARD_ANSWERS]);
}

// What is masked within what a tool is given would be another call: it is kept back as a whole.
bool guard_calls(struct flow_answer *answer, struct answer_part *part, const struct json *calls) {
    struct language_guard *guard = &answer->guard;
    struct screen_found found = {0};
    enum err err = OK;
    if (part->filtered || !part->screen) return !part->filtered;
    for (const struct json *one = json_first(calls); one && err == OK; one = json_next(one)) {
        err = screen_text(json_member_text(one, "arguments"), NULL, &found);
    }
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        guard->found[GUARD_ANSWERS].of[kind] += found.of[kind];
    }
    bool kept = is_held(guard->rule[GUARD_ANSWERS]) && (screen_count(&found) > 0 || err != OK);
    part->filtered |= kept;
    guard->refused |= kept;
    return !kept;
}

void guard_leave(struct flow_answer *answer) {
    struct buf nowhere;
    if (answer->guard.rule[GUARD_ANSWERS] != GUARD_COUNT) return; // what was held is not given
    buf_open(&nowhere, ANSWER_BYTES_MAX);
    for (uint32_t i = 0; i < answer->parts_count; i++) {
        struct answer_part *part = &answer->parts[i];
        struct json *calls;
        if (!part->screen || part->ended) continue;
        guard_hear(answer, part, STR_NONE, true, &nowhere);
        calls_over(part);
        if (!part->calls.size || calls_told(part, &calls) != OK) continue;
        (void)guard_calls(answer, part, calls);
        json_close(calls);
    }
    buf_close(&nowhere);
}

static void found_write(struct json_writer *out, const struct screen_found *found) {
    json_put_name(out, "found");
    json_open_object(out);
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        if (found->of[kind]) {
            json_set_u64(out, personal_kind_name((enum personal_kind)kind), found->of[kind]);
        }
    }
    json_close_object(out);
}

void guard_write(const struct flow_answer *answer, struct json_writer *out) {
    const struct language_guard *guard = &answer->guard;
    if (!screen_count(&guard->found[GUARD_PROMPTS]) &&
        !screen_count(&guard->found[GUARD_ANSWERS])) {
        return;
    }
    json_put_name(out, "courtyard");
    json_open_object(out);
    json_put_name(out, "guard");
    json_open_object(out);
    for (int side = 0; side < GUARD_SIDE_COUNT; side++) {
        if (!screen_count(&guard->found[side])) continue;
        json_put_name(out, guard_side_name((enum guard_side)side));
        json_open_object(out);
        json_set_text(out, "rule", str_of(guard_rule_name(guard->rule[side])));
        found_write(out, &guard->found[side]);
        json_close_object(out);
    }
    json_close_object(out);
    json_close_object(out);
}

void guard_count_add(const struct flow_answer *answer, struct language_counts *counts) {
    const struct language_guard *guard = &answer->guard;
    counts->refused += guard->refused;
    counts->masked += guard->masked;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        counts->found[SIDE_PROMPT][kind] += guard->found[GUARD_PROMPTS].of[kind];
        counts->found[SIDE_ANSWER][kind] += guard->found[GUARD_ANSWERS].of[kind];
    }
}
