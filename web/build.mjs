// Builds the pages into one folder:  node web/build.mjs OUTDIR
// Fails when the two languages do not hold the same keys and placeholders, when the types do not
// fit (a message key that does not exist is a type error), or when the pages outgrow their budget.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '../build/web'));
const FIRST_LOAD_BYTES_MAX = 60 * 1024; // gzip: the page, its style, one language, the sign-in
// gzip: everything, both languages. Each page loads its own part when it is gone to, so that this is
// what a box carries, not what a visit costs; two fifths of it are sentences. 260 held the pages of
// data, computing and tables; chatting, language models and their keys come on top of them, and what
// an administrator of the appliance does without its screen (backups, sticks, network, reset).
const WHOLE_BYTES_MAX = 312 * 1024;

function fail(lines) {
  for (const line of [lines].flat()) console.error(`web: ${line}`);
  process.exit(1);
}

function placeholders(text) {
  return [...text.matchAll(/\{([a-z_]+)/g)].map((match) => match[1]);
}

function check_messages() {
  const [zh, en] = ['zh-CN', 'en'].map((name) =>
    JSON.parse(readFileSync(join(here, `messages/${name}.json`), 'utf8')),
  );
  const wrong = [];
  for (const key of Object.keys(zh)) if (!(key in en)) wrong.push(`en.json lacks "${key}"`);
  for (const key of Object.keys(en)) if (!(key in zh)) wrong.push(`zh-CN.json lacks "${key}"`);
  for (const key of Object.keys(zh)) {
    const [a, b] = [zh, en].map((texts) => [...new Set(placeholders(texts[key] ?? ''))].sort());
    if (key in en && `${a}` !== `${b}`) wrong.push(`placeholders of "${key}": {${a}} and {${b}}`);
  }
  if (wrong.length) fail(wrong);
}

function check_types() {
  const tsc = join(here, 'node_modules/typescript/bin/tsc');
  const run = spawnSync(process.execPath, [tsc, '--noEmit', '-p', here], { encoding: 'utf8' });
  if (run.status !== 0) fail(`${run.stdout}${run.stderr}`.trim().split('\n'));
}

async function bundle() {
  return build({
    absWorkingDir: here,
    entryPoints: { app: 'src/main.tsx', style: 'src/style/index.css' },
    outdir: out,
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['chrome86', 'firefox78'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    minify: true,
    legalComments: 'none',
    plugins: [messages],
    metafile: true,
    write: true,
    logLevel: 'warning',
  });
}

// The sentences come in two parts: what the gate needs before anybody has signed in, and all others.
// Those that only the command line says stay out. The keys are a file of their own, so that they
// are not loaded, nor kept, once for each language: a line for each area, "area one two!", where
// "two!" stands for "area.two" and "area.two.hint".
const CONSOLE = new Set(
  'cli generate journal llama2c network perplexity simulate trace'.split(' '),
);
// Single sentences that only the command line says, of a server that does not start as well, and
// those of the appliance's own screen, of its start and installation; some of these the pages say too.
const ELSEWHERE = new RegExp(
  '^(appliance\\.(console|bad_(slot|version)|data_no|disk_too|image_|install_|net_open|no_partition|' +
    'key_|luks_|no_(key|mapper|room|stick_)|not_(an|encr|lock)|pack_(ch|empty|files|kind|large|link|' +
    'name|path|twice|vendor|version)|partition|short_|sector|' +
    'set_on|wrong_key)|backup\\.bad_n|bench\\.|chat\\.(begins|not_)|import\\.done|' +
    'quantise\\.done|recheck\\.does|server\\.(bad_addr|certificate_|no_such_addr|port_|tls_)|' +
    'store\\.absent|tokenizer\\.not?_)',
);
const SAID = new Set(
  readdirSync(join(here, 'src'), { recursive: true })
    .filter((name) => /\.tsx?$/.test(name))
    .flatMap((name) => readFileSync(join(here, 'src', name), 'utf8').match(/[a-z]+\.[\w.]+/g) ?? []),
);
const GATE = new Set(
  (
    'action app base call denied err error form missing nav page password people person ' +
    'server session setup signin state time'
  ).split(' '),
);

function keys_pack(keys) {
  const all = new Set(keys);
  const areas = new Map();
  for (const key of keys) {
    const [area] = key.split('.');
    if (!areas.has(area)) areas.set(area, [area]);
    if (key.endsWith('.hint') && all.has(key.slice(0, -5))) continue;
    areas.get(area).push(key.slice(area.length + 1) + (all.has(`${key}.hint`) ? '!' : ''));
  }
  return [...areas.values()].map((names) => names.join(' ')).join('\n');
}

// The reverse; the pages run it (its text goes into them).
function keys_unpack(packed) {
  return packed.split('\n').flatMap((line) => {
    const [area, ...names] = line.split(' ');
    return names.flatMap((name) => {
      const key = `${area}.${name.replace('!', '')}`;
      return name.endsWith('!') ? [key, `${key}.hint`] : [key];
    });
  });
}

const messages = {
  name: 'messages',
  setup(builder) {
    builder.onResolve({ filter: /^messages:/ }, ({ path }) => ({ path, namespace: 'messages' }));
    builder.onLoad({ filter: /.*/, namespace: 'messages' }, ({ path }) => {
      const [, part, language] = path.split(/[:/]/);
      const file = language === 'keys' ? 'en' : language;
      const all = JSON.parse(readFileSync(join(here, `messages/${file}.json`), 'utf8'));
      const packed = keys_pack(
        Object.keys(all).filter((key) => {
          const area = key.split('.')[0];
          const elsewhere = CONSOLE.has(area) || (ELSEWHERE.test(key) && !SAID.has(key));
          return !elsewhere && GATE.has(area) === (part === 'gate');
        }),
      );
      const keys = keys_unpack(packed);
      const contents =
        language === 'keys'
          ? `export default (${keys_unpack})(${JSON.stringify(packed)});`
          : `import keys from 'messages:${part}/keys';
            const texts = ${JSON.stringify(keys.map((key) => all[key]))};
            export default Object.fromEntries(keys.map((key, i) => [key, texts[i]]));`;
      return { contents, loader: 'js' };
    });
  },
};

function gzip_bytes(path) {
  return gzipSync(readFileSync(path), { level: 9 }).length;
}

// The entry, what it imports at once, and one language: what the sign-in page has to load.
function first_load(outputs, entry, language) {
  const seen = new Set();
  const walk = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const part of outputs[name].imports) {
      if (part.kind === 'import-statement') walk(part.path);
    }
  };
  walk(entry);
  walk(language);
  return [...seen];
}

function write_page(names) {
  const icon = readFileSync(join(here, 'src/icon.svg'));
  const icon_name = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
  writeFileSync(join(out, icon_name), icon);
  const page = readFileSync(join(here, 'src/index.html'), 'utf8')
    .replace('ICON', `/${icon_name}`)
    .replace('STYLE', `/${names.style}`)
    .replace('SCRIPT', `/${names.script}`);
  writeFileSync(join(out, 'index.html'), page);
}

check_messages();
check_types();
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await bundle();
const outputs = Object.fromEntries(
  Object.entries(metafile.outputs).map(([path, about]) => [
    resolve(here, path),
    {
      ...about,
      imports: about.imports.map((part) => ({ ...part, path: resolve(here, part.path) })),
    },
  ]),
);
const entry_of = (source) =>
  Object.keys(outputs).find((path) => outputs[path].entryPoint === source);
const script = entry_of('src/main.tsx');
const style = entry_of('src/style/index.css');
write_page({ script: script.slice(out.length + 1), style: style.slice(out.length + 1) });

const languages = ['zh-CN', 'en'].map((name) => entry_of(`messages:messages:gate/${name}`));
const first = Math.max(
  ...languages.map((language) =>
    [join(out, 'index.html'), style, ...first_load(outputs, script, language)].reduce(
      (sum, path) => sum + gzip_bytes(path),
      0,
    ),
  ),
);
const whole = readdirSync(out).reduce((sum, name) => sum + gzip_bytes(join(out, name)), 0);
console.log(
  `web: first load ${(first / 1024).toFixed(1)} KB, whole ${(whole / 1024).toFixed(1)} KB`,
);
if (first > FIRST_LOAD_BYTES_MAX) fail(`the first load is ${first} bytes gzip, over the budget`);
if (whole > WHOLE_BYTES_MAX) fail(`the pages are ${whole} bytes gzip, over the budget`);
