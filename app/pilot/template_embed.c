// The program's own templates, in the order in which the gallery shows those of one field.
#include "base/embed.h"
#include "pilot/template_private.h"

#define TEMPLATE(name, file) EMBED(name, "app/pilot/templates/" file ".json")
TEMPLATE(breast_cancer, "medical-breast-cancer")
TEMPLATE(diabetes, "medical-diabetes")
TEMPLATE(survival, "medical-survival")
TEMPLATE(solubility, "drug-solubility")
TEMPLATE(toxicity, "drug-toxicity")
TEMPLATE(credit_scorecard, "finance-credit-scorecard")
TEMPLATE(default_risk, "finance-default-risk")
TEMPLATE(campaign, "finance-campaign")
TEMPLATE(flow, "transport-flow")
TEMPLATE(speeds, "transport-speeds")
TEMPLATE(air, "urban-air-quality")
TEMPLATE(tickets, "urban-tickets")
TEMPLATE(requests, "urban-requests")
TEMPLATE(closing, "urban-closing")

uint32_t template_text(uint32_t index, struct str *out) {
    const struct str texts[] = {
        embedded_breast_cancer(), embedded_diabetes(), embedded_survival(),
        embedded_solubility(),    embedded_toxicity(), embedded_credit_scorecard(),
        embedded_default_risk(),  embedded_campaign(), embedded_flow(),
        embedded_speeds(),        embedded_air(),      embedded_tickets(),
        embedded_requests(),      embedded_closing(),
    };
    uint32_t count = sizeof texts / sizeof texts[0];
    if (index < count) *out = texts[index];
    return count;
}
