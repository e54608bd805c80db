// A validator for the part of JSON Schema that app/server/api.json uses. An unknown keyword is an
// error: a rule nobody checks would be worse than none.
const known = new Set([
    "$ref", "type", "enum", "pattern", "minimum", "maximum", "minLength", "properties", "required",
    "additionalProperties", "items", "maxItems", "oneOf", "description", "default", "format",
]);

function typeOf(value) {
    if (value === null) return "null";
    if (Array.isArray(value)) return "array";
    if (Number.isInteger(value)) return "integer";
    return typeof value;
}

function resolve(root, ref) {
    return ref.slice(2).split("/").reduce((node, name) => node[name], root);
}

// Returns the list of findings, each with its place; empty if the value fits.
export function validate(root, schema, value, place = "$") {
    for (const keyword of Object.keys(schema)) {
        if (!known.has(keyword)) throw new Error(`${place}: the keyword ${keyword} is not known`);
    }
    if (schema.$ref) return validate(root, resolve(root, schema.$ref), value, place);
    const found = [];
    const type = typeOf(value);
    const types = [schema.type ?? []].flat();
    if (types.length && !types.includes(type) && !(type === "integer" && types.includes("number"))) {
        return [`${place}: is ${type}, should be ${types.join(" or ")}`];
    }
    if (schema.oneOf) {
        const tries = schema.oneOf.map((one) => validate(root, one, value, place));
        if (tries.filter((t) => t.length === 0).length !== 1) found.push(...tries.flat());
    }
    if (schema.enum && !schema.enum.includes(value)) found.push(`${place}: ${value} is not listed`);
    if (type === "string" && schema.pattern && !new RegExp(schema.pattern, "u").test(value)) {
        found.push(`${place}: "${value}" does not fit ${schema.pattern}`);
    }
    const number = typeof value === "number";
    if (number && value < schema.minimum) found.push(`${place}: ${value} is too small`);
    if (number && value > schema.maximum) found.push(`${place}: ${value} is too large`);
    if (type === "array") {
        if (schema.maxItems !== undefined && value.length > schema.maxItems) found.push(`${place}: too many`);
        value.forEach((item, i) => found.push(...validate(root, schema.items ?? {}, item, `${place}[${i}]`)));
    }
    if (type === "object") {
        for (const name of schema.required ?? []) {
            if (!(name in value)) found.push(`${place}: ${name} is missing`);
        }
        for (const [name, member] of Object.entries(value)) {
            const rule = schema.properties?.[name];
            if (rule) found.push(...validate(root, rule, member, `${place}.${name}`));
            else if (schema.additionalProperties === false) found.push(`${place}: ${name} is not described`);
            else if (typeof schema.additionalProperties === "object") {
                found.push(...validate(root, schema.additionalProperties, member, `${place}.${name}`));
            }
        }
    }
    return found;
}
