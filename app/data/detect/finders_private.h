// The finders behind personal_scan: each looks at one place of the text, where an anchor stands
// (see digits_private.h), and says whether its kinds of identifier are there. A hit may begin
// before the anchor but never before view.least, the end of the hit before. *hit is untouched
// where there is none. Pure functions, any thread.
//
// When you add a finder: its place in the order of personal.c, most specific first.
#pragma once

#include "data/detect/context_private.h"
#include "data/detect/detect.h"
#include "data/detect/digits_private.h"

// The reference for tests: as personal_scan, but without the short cut for numbers far from
// any word, and without the tagger.
size_t personal_scan_plain(struct str text, uint32_t kinds, struct personal_hit *hits,
                           size_t hits_room);

struct view {
    struct str text;
    size_t least;
    enum personal_kind last; // the kind of the hit that ends at least, if least > 0
};

// A word of ASCII letters, digits, _ and inner hyphens around a place, full-width ones too.
struct token {
    size_t start, end;
    uint32_t size;    // characters
    uint32_t digits;  // of them
    uint32_t letters; // of them
    bool joined;      // an underscore or a hyphen is within
    bool at_letter;   // begins with a letter
    bool small;       // a small letter is within
};
enum { TOKEN_MOST = 40 };
void token_read(const struct view *view, size_t at, bool hyphens, struct token *out);

// Letters right before a number that make it part of a code, unless they say "call this": tel, no.
bool is_behind_code(struct str text, size_t least, size_t start, bool *letters);
// Part of a decimal number, or an amount of money.
bool is_number(struct str text, size_t start, size_t end);
// Only a sign of a list stands between the hit before and this place: "1234567、1234568".
bool is_listed(const struct view *view, size_t start);
void hit_set(struct personal_hit *hit, enum personal_kind kind, size_t start, size_t end,
             unsigned confidence);

// id, card, mobile, imei, uscc of digits alone. `groups` hang together from the anchor; returns how
// many of them the hit takes, 0 if none begins with the first.
uint32_t find_digits(const struct view *view, const struct digit_group *groups, uint32_t count,
                     struct personal_hit *hit);
// uscc, vin, passport, permit, id (the old form for foreigners): letters and digits, in groups too.
bool find_code(const struct view *view, size_t at, struct personal_hit *hit);
// id of Hong Kong, Macao and Taiwan, at its first digit.
bool find_identity(const struct view *view, size_t at, struct personal_hit *hit);
bool find_landline(const struct view *view, size_t at, struct personal_hit *hit);
bool find_email(const struct view *view, size_t at, struct personal_hit *hit); // at the @
bool find_url(const struct view *view, size_t at, struct personal_hit *hit);   // at : or ww
// A host without scheme and www, at its first dot that a letter follows.
bool find_domain(const struct view *view, size_t at, struct personal_hit *hit);
// The end of the host with dots that begins at `at`, its last label letters; 0 if there is none.
size_t domain_end(struct str text, size_t at);
// The end of an address of the web that goes on at `at`, punctuation behind it left out.
size_t url_end(struct str text, size_t at, bool wide);
bool find_ip(const struct view *view, size_t at, struct personal_hit *hit);
bool find_mac(const struct view *view, size_t at, struct personal_hit *hit);
bool find_plate(const struct view *view, size_t at, struct personal_hit *hit);
bool find_coordinates(const struct view *view, size_t at, struct personal_hit *hit);
bool find_birth(const struct view *view, size_t at, struct personal_hit *hit);
bool find_birth_in_words(const struct view *view, size_t at, struct personal_hit *hit); // at 年
bool find_age(const struct view *view, size_t at, struct personal_hit *hit); // at a digit or 岁
// What only a word beside it makes an identifier: officer, insurance, mrn, qq, wechat, and
// passports, permits and organisation codes in forms that say nothing by themselves.
bool find_labelled(const struct view *view, size_t at, struct personal_hit *hit);
// A WeChat name without digits, at :, 微, wx or vx.
bool find_wechat(const struct view *view, size_t at, struct personal_hit *hit);
