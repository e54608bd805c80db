// WeChat names without digits, behind the word that says so: 微信：zhangsan, 加微信 lihuaxiao, wx abcdef.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"

// The name that begins at `at`: a letter, then letters, digits, - and _, six to twenty of them.
static size_t name_end(struct str text, size_t at, bool *plain) {
    uint32_t bytes, c, count = 0;
    *plain = true;
    if (!fold_letter(fold_at(text, at, &bytes))) return 0;
    while (count <= 24 && (fold_alnum(c = fold_at(text, at, &bytes)) || c == '_' || c == '-')) {
        *plain &= fold_letter(c);
        at += bytes;
        count++;
    }
    c = fold_at(text, at, &bytes);
    bool more = c == '@' || (c == '.' && fold_alnum(fold_at(text, at + bytes, &bytes))) || c == ':';
    return count >= 5 && count <= 24 && !more ? at : 0;
}

// Words that stand behind "微信" as a part of its name, not as somebody's.
static bool is_product(struct str text, size_t at, size_t end) {
    static const char *const words[] = {"android",  "iphone",  "windows", "wechat", "weixin",
                                        "official", "version", "alipay",  "python", "linux",
                                        "online",   "login",   "mobile",  "emoji",  "harmony"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t place = at;
        if (fold_takes(text, &place, words[i]) && place == end) return true;
    }
    return false;
}

// Letters alone, and no sign that says "my name is": six small ones that no English goes on from.
static bool is_plain_name(struct str text, size_t at, size_t end) {
    uint32_t bytes, count = 0;
    if (is_product(text, at, end)) return false;
    for (; at < end; at += bytes, count++) {
        uint32_t c = fold_at(text, at, &bytes);
        if (c < 'a' || c > 'z') return false;
    }
    bool blank = fold_blank(fold_at(text, end, &bytes));
    return count >= 6 && count <= 20 && !(blank && fold_letter(fold_at(text, end + bytes, &bytes)));
}

// 加微信, 我的微信, 联系微信: what follows is a name.
static bool is_asked(const struct view *view, size_t at) {
    static const char before[] = "加我的系添搜及到或私回";
    struct str all = {before, sizeof before - 1};
    uint32_t bytes, size, c = fold_before(view->text, view->least, at, &bytes);
    for (size_t i = 0; bytes && i < all.size; i += size) {
        if (fold_at(all, i, &size) == c) return true;
    }
    return false;
}

// The word at or before the anchor that says WeChat; *asked: a letters' name may follow at once.
static bool word_read(const struct view *view, size_t at, size_t *value, bool *asked) {
    struct str text = view->text;
    uint32_t bytes, c;
    size_t place = at;
    *asked = false;
    switch (anchor_at(text, at)) {
    case ANCHOR_COLON: {
        c = fold_before(text, view->least, at, &bytes);
        // 号 信 码 ） or the last letter of WeChat, ID, wx.
        bool may = c == 0x53F7 || c == 0x4FE1 || c == 0x7801 || c == ')' || fold_letter(c) ||
                   fold_blank(c);
        size_t behind = fold_skip(text, at + (text.data[at] == ':' ? 1 : 3), 2);
        if (!may || !fold_letter(fold_at(text, behind, &bytes))) return false;
        struct context context;
        context_read_before(text, at, &context);
        *value = at;
        return context_says(&context, LABEL_WECHAT);
    }
    case ANCHOR_X:
        c = fold_before(text, view->least, at, &bytes);
        if (fold_alnum(c) || c == '_' || c == '.' || c == '-' || c == '/' || c == '@') return false;
        *value = at + 2;
        c = fold_at(text, *value, &bytes);
        *asked = fold_blank(c);
        return !fold_alnum(c) && c != '_' && c != '-' && c != '.';
    default:
        *value = place;
        *asked = is_asked(view, at);
        return fold_takes(text, value, "微信");
    }
}

bool find_wechat(const struct view *view, size_t at, struct personal_hit *hit) {
    static const char *const links[] = {"号码", "账号", "号", "id", "为", "是", "：", "就是", "名"};
    struct str text = view->text;
    size_t value;
    bool asked, told = false; // told: a sign or word says that the name follows
    if (!word_read(view, at, &value, &asked)) return false;
    for (int signs = 0; signs < 8; signs++) {
        size_t before = value;
        for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
            if (!fold_takes(text, &value, links[i])) continue;
            told = true;
            break;
        }
        if (value != before) continue;
        uint32_t bytes, c = fold_at(text, value, &bytes);
        bool sign = c == ':' || c == '=' || c == '(' || c == 0x201C || c == '"' || c == 0x3010;
        if (!sign && !fold_blank(c)) break;
        told |= sign;
        value += bytes;
    }
    bool plain;
    size_t end = name_end(text, value, &plain);
    if (!end || (plain && !told && !(asked && is_plain_name(text, value, end)))) return false;
    hit_set(hit, PERSONAL_WECHAT, value, end, plain ? (told ? 80 : 65) : 95);
    return true;
}
