// Every section that a pilot's template names is one that the program lets pass and the page draws.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const text = (path) => readFileSync(join(root, path), 'utf8');

function drawn() {
  const found = /const SECTIONS: Record<.*?> = \{(.*?)\n\};/s.exec(text('web/src/pages/pilot_result.tsx'));
  return [...found[1].matchAll(/^ {2}([a-z_]+): /gm)].map((match) => match[1]).sort();
}
function allowed() {
  const found = /sections\[\] = \{(.*?)\};/s.exec(text('app/pilot/template.c'));
  return [...found[1].matchAll(/"([a-z_]+)"/g)].map((match) => match[1]).sort();
}

test('the page draws every section that a template may have', () => {
  assert.ok(drawn().length > 10, `${drawn()}`);
  assert.deepEqual(drawn(), allowed());
});

test('no template names another', () => {
  const folder = 'app/pilot/templates';
  const known = new Set(drawn());
  for (const name of readdirSync(join(root, folder)).filter((file) => file.endsWith('.json'))) {
    const { result } = JSON.parse(text(join(folder, name)));
    for (const section of result) assert.ok(known.has(section), `${name}: ${section}`);
  }
});
