// Names of the kinds.
#include "data/detect/detect.h"

static const char *const names[PERSONAL_KIND_COUNT] = {
    [PERSONAL_ID] = "id",
    [PERSONAL_MOBILE] = "mobile",
    [PERSONAL_CARD] = "card",
    [PERSONAL_EMAIL] = "email",
    [PERSONAL_USCC] = "uscc",
    [PERSONAL_LANDLINE] = "landline",
    [PERSONAL_PASSPORT] = "passport",
    [PERSONAL_PERMIT] = "permit",
    [PERSONAL_PLATE] = "plate",
    [PERSONAL_OFFICER] = "officer",
    [PERSONAL_INSURANCE] = "insurance",
    [PERSONAL_MRN] = "mrn",
    [PERSONAL_WECHAT] = "wechat",
    [PERSONAL_QQ] = "qq",
    [PERSONAL_URL] = "url",
    [PERSONAL_IP] = "ip",
    [PERSONAL_MAC] = "mac",
    [PERSONAL_IMEI] = "imei",
    [PERSONAL_VIN] = "vin",
    [PERSONAL_COORDINATES] = "coordinates",
    [PERSONAL_BIRTH] = "birth",
    [PERSONAL_AGE] = "age",
    [PERSONAL_NAME] = "name",
    [PERSONAL_ADDRESS] = "address",
    [PERSONAL_ORGANISATION] = "organisation",
};

const char *personal_kind_name(enum personal_kind kind) {
    return (unsigned)kind < PERSONAL_KIND_COUNT ? names[kind] : "unknown";
}

bool personal_kind_from_name(struct str name, enum personal_kind *out) {
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        if (str_is(name, names[kind])) {
            *out = (enum personal_kind)kind;
            return true;
        }
    }
    return false;
}
