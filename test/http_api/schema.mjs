// A small JSON Schema reader for the words that openapi.json uses. Stricter than the standard in one point: a
// property that the schema does not name is an error, so that nothing is answered that is not described.
const KNOWN = new Set(['$ref', 'type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const',
  'oneOf', 'allOf', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems',
  'description', 'examples', 'default', 'writeOnly']);

function kindOf(v) {
  if (v === null) return 'null';
  if (Array.isArray(v)) return 'array';
  if (Number.isInteger(v)) return 'integer';
  return typeof v;
}

function resolve(doc, ref) {
  return ref.slice(2).split('/').reduce((at, part) => at[part.replace(/~1/g, '/').replace(/~0/g, '~')], doc);
}

// Parts of an object described apart: one object with all their properties.
function joined(doc, parts) {
  const all = parts.map((s) => (s.$ref ? resolve(doc, s.$ref) : s)).map((s) => (s.allOf ? joined(doc, s.allOf) : s));
  return { type: 'object', properties: Object.assign({}, ...all.map((s) => s.properties)), required: all.flatMap((s) => s.required ?? []) };
}

// Returns a list of "where: what".
export function faults(doc, schema, value, where = '') {
  for (const word of Object.keys(schema)) if (!KNOWN.has(word)) return [`${where}: schema uses ${word}`];
  if (schema.$ref) return faults(doc, resolve(doc, schema.$ref), value, where);
  if (schema.allOf) return faults(doc, joined(doc, schema.allOf), value, where);
  const out = [];
  const kind = kindOf(value);
  if (schema.oneOf) {
    const tried = schema.oneOf.map((s) => faults(doc, s, value, where));
    const fit = tried.filter((t) => t.length === 0).length;
    if (fit !== 1) return [`${where}: fits ${fit} of oneOf: ${tried.flat().slice(0, 3).join('; ')}`];
  }
  if (schema.type) {
    const types = [].concat(schema.type);
    if (!types.includes(kind) && !(kind === 'integer' && types.includes('number')))
      return [`${where}: ${kind}, want ${types}`];
  }
  if ('const' in schema && value !== schema.const) out.push(`${where}: want ${schema.const}`);
  if (schema.enum && !schema.enum.includes(value)) out.push(`${where}: ${JSON.stringify(value)} is not in enum`);
  if (kind === 'string') {
    if (schema.pattern && !new RegExp(schema.pattern, 'u').test(value)) out.push(`${where}: ${value} against ${schema.pattern}`);
    if (schema.maxLength !== undefined && [...value].length > schema.maxLength) out.push(`${where}: too long`);
    if (schema.minLength !== undefined && [...value].length < schema.minLength) out.push(`${where}: too short`);
  }
  if (kind === 'integer') {
    if (schema.minimum !== undefined && value < schema.minimum) out.push(`${where}: under minimum`);
    if (schema.maximum !== undefined && value > schema.maximum) out.push(`${where}: over maximum`);
  }
  if (kind === 'array') {
    if (schema.minItems !== undefined && value.length < schema.minItems) out.push(`${where}: too few`);
    if (schema.maxItems !== undefined && value.length > schema.maxItems) out.push(`${where}: too many`);
    if (schema.items) value.forEach((v, i) => out.push(...faults(doc, schema.items, v, `${where}/${i}`)));
  }
  if (kind === 'object' && schema.properties) {
    for (const name of schema.required ?? []) if (!(name in value)) out.push(`${where}/${name}: missing`);
    for (const [name, v] of Object.entries(value)) {
      if (schema.properties[name]) out.push(...faults(doc, schema.properties[name], v, `${where}/${name}`));
      else out.push(`${where}/${name}: not described`);
    }
  }
  return out;
}

// The operation for a request, by the templates of paths.
export function operationOf(doc, method, path) {
  const parts = path.split('?')[0].split('/');
  for (const literal of [true, false]) {
    for (const [template, item] of Object.entries(doc.paths)) {
      const want = template.split('/');
      if (template.includes('{') === literal || want.length !== parts.length) continue;
      if (want.every((w, i) => w === parts[i] || (w.startsWith('{') && parts[i])) && (literal || item[method.toLowerCase()]))
        return item[method.toLowerCase()] ?? null;
    }
  }
  return null;
}

// What is wrong with an answer, as the description has it.
export function answerFaults(doc, method, path, status, type, body) {
  const op = operationOf(doc, method === 'HEAD' ? 'GET' : method, path);
  if (!op) return status === 404 || status === 405 ? [] : [`${method} ${path}: not described`];
  let answer = op.responses[status];
  if (!answer) return [`${method} ${path}: ${status} is not described`];
  if (answer.$ref) answer = resolve(doc, answer.$ref);
  const content = answer.content?.[type.split(';')[0]];
  if (!content) return [`${method} ${path}: ${status} with ${type} is not described`];
  if (!type.includes('json') || type.includes('ndjson')) return [];
  return faults(doc, content.schema, body);
}
