// Sentences out of the embedded messages.
#include "support/console_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/assets.h"

static unsigned missing;

const struct json *console_messages(const char *language) {
    static struct json *messages[2];
    int which = strcmp(language, "en") == 0;
    if (messages[which]) return messages[which];
    char path[64];
    snprintf(path, sizeof path, "messages/%s.json", language);
    const struct asset *asset = asset_find(str_of(path));
    struct str text = asset ? (struct str){(const char *)asset->data, asset->size} : STR_NONE;
    if (json_parse(text, &messages[which], NULL) != OK) abort();
    return messages[which];
}

static const char *text(const char *language, const char *key) {
    struct str sentence = json_text(json_member(console_messages(language), key));
    if (sentence.data) return sentence.data;
    if (!str_ends(str_of(key), STR(".hint"))) missing++;
    return key;
}

const struct appliance_texts *console_texts(void) {
    static const struct appliance_texts texts = {text};
    return &texts;
}

unsigned console_texts_missing(void) {
    return missing;
}
