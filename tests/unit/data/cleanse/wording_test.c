// De-identified is not anonymised: what must be so before the better word may be used.
#include "data/cleanse/wording_private.h"

#include <math.h>

#include "base/memory.h"
#include "check.h"

static struct field fields[] = {{{"name", 4}, COLUMN_TEXT, COLUMN_DIRECT},
                                {{"age", 3}, COLUMN_INTEGER, COLUMN_QUASI},
                                {{"day", 3}, COLUMN_DATE, COLUMN_PLAIN},
                                {{"note", 4}, COLUMN_TEXT, COLUMN_PLAIN}};
static const struct schema schema = {fields, 4};

// "name: reason reason …"
static const char *said(const char *text, struct wording_facts facts) {
    static char out[512];
    struct recipe *recipe;
    struct fault fault = {0};
    struct arena *arena;
    struct bound_recipe bound;
    struct teller teller = {.first = &fault};
    if (!CHECK_EQ(recipe_parse(str_of(text), &schema, NULL, NULL, &recipe, &fault), OK)) return "";
    CHECK_EQ(arena_open(1 << 24, &arena), OK);
    CHECK_EQ(recipe_bind(recipe, &schema, arena, &teller, &bound), OK);
    struct wording wording = wording_of(&bound, &facts);
    int used = snprintf(out, sizeof out, "%s:", wording.name);
    for (uint32_t i = 0; i < wording.reason_count; i++) {
        used += snprintf(out + used, sizeof out - (size_t)used, " %s", wording.reasons[i]);
    }
    arena_close(arena);
    recipe_close(recipe);
    return out;
}

static void names_what_is_in_the_way(void) {
    struct wording_facts good = {.risk_highest = 0.05, .risk_threshold = 0.1};
    CHECK_STR(said("recipe 1\nmask name how=remove\n", good), "anonymised:");
    CHECK_STR(said("recipe 1\ndecode auto\n", good), "deidentified: wording.direct");
    CHECK_STR(said("recipe 1\nmask name how=pseudonym\n", good), "deidentified: wording.key");
    CHECK_STR(said("recipe 1\nmask name how=remove\ndate shift per=name\n", good),
              "deidentified: wording.key");
    CHECK_STR(said("recipe 1\nmask name how=replace\ndate day coarsen=year\n", good),
              "anonymised:");
    CHECK_STR(said("recipe 1\nfield text=note\nmask name how=remove\n", good),
              "deidentified: wording.text");
    CHECK_STR(said("recipe 1\nfield text=note\nmask name,note how=remove\n", good), "anonymised:");
    struct wording_facts forgotten = good;
    forgotten.key_forgotten = true;
    CHECK_STR(said("recipe 1\nmask name how=pseudonym\n", forgotten), "anonymised:");
    struct wording_facts risky = {.risk_highest = 0.2, .risk_threshold = 0.1, .personal_left = 1};
    CHECK_STR(said("recipe 1\nmask name how=remove\n", risky),
              "deidentified: wording.personal_left wording.risk_high");
    risky.risk_highest = NAN;
    CHECK_STR(said("recipe 1\nmask text=note how=mask\nmask name how=encrypt\n", risky),
              "deidentified: wording.key wording.personal_left wording.text wording.risk_unknown");
}

int main(void) {
    CHECK_RUN(names_what_is_in_the_way);
    return check_done();
}
