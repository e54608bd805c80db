// The program's own templates.
#include "base/embed.h"
#include "pilot/template_private.h"

EMBED(medical_breast_cancer, "app/pilot/templates/medical-breast-cancer.json")
EMBED(medical_diabetes, "app/pilot/templates/medical-diabetes.json")

uint32_t template_texts(const struct str **out) {
    static struct str texts[2];
    texts[0] = embedded_medical_breast_cancer();
    texts[1] = embedded_medical_diabetes();
    *out = texts;
    return sizeof texts / sizeof texts[0];
}
