// What every test of the pages needs: a server of its own on a fresh folder and a free port, a
// browser, the sentences of a language, and a watch over what must never happen: a request to
// another origin, an error on the console, an element that axe finds fault with.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const program = process.env.COURTYARD ?? join(root, 'build/courtyard');
const browser_program = process.env.CHROMIUM ?? '/usr/bin/chromium';
const axe_source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const START_MS_MAX = 30_000;
export const STEP_MS_MAX = 20_000; // one action on a page, on a busy machine
export const JOB_MS_MAX = 180_000; // import, check, cleanse or train of a small file

export function sentences(language) {
  const texts = JSON.parse(readFileSync(join(root, `web/messages/${language}.json`), 'utf8'));
  return (key, values = {}) => {
    assert.ok(key in texts, `there is no sentence ${key}`);
    return texts[key].replace(/\{([a-z_]+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name, one, many) =>
      name in values ? (one === undefined ? String(values[name]) : values[name] === 1 ? one : many)
        : whole);
  };
}

// Starts the real binary; answers its address, its setup code and a way to end it.
export async function house_open(more = []) {
  const folder = mkdtempSync(join(tmpdir(), 'courtyard-web-'));
  const child = spawn(program, ['serve', '--data', join(folder, 'data'), '--listen', '127.0.0.1:0', ...more],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const ready = new Promise((good, bad) => {
    const timer = setTimeout(() => bad(new Error(`no banner within time:\n${said}`)), START_MS_MAX);
    const hear = (bytes) => {
      said += bytes;
      const address = /https:\/\/127\.0\.0\.1:\d+/.exec(said);
      const code = /setup code (\S+)/.exec(said);
      if (!address || !code) return;
      clearTimeout(timer);
      good({ origin: address[0], code: code[1] });
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', (bytes) => { said += bytes; });
    child.on('error', bad);
    child.on('exit', (status) => bad(new Error(`ended with ${status}:\n${said}`)));
  });
  const close = async () => {
    const ended = new Promise((done) => { child.once('exit', done); });
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await ready), folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function browser_open() {
  return chromium.launch({
    executablePath: browser_program,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

// Answers of the API that a test provokes on purpose show on Chromium's console as well.
const REFUSAL = /Failed to load resource: the server responded with a status of (\d+)/;

// A page that remembers what must not happen. `allowed` are statuses that are refused on purpose.
export async function page_open(browser, house, language, options = {}) {
  const context = await browser.newContext({
    locale: language, ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 },
    acceptDownloads: true, ...options,
  });
  context.setDefaultTimeout(STEP_MS_MAX);
  const page = await context.newPage();
  const wrong = [];
  const allowed = new Set();
  // Choosers are caught from now on: listening only when a key is pressed may come too late.
  page.on('filechooser', () => {});
  page.on('request', (request) => {
    const url = request.url();
    if (/^(data|blob):/.test(url)) return;
    if (new URL(url).origin !== house.origin) wrong.push(`request to ${url}`);
  });
  page.on('console', (message) => {
    const refused = REFUSAL.exec(message.text());
    if (refused && allowed.has(Number(refused[1]))) return;
    if (['error', 'warning'].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`uncaught: ${error.stack}`));
  return { page, context, wrong, allowed };
}

// Waits until the page has settled, then asks axe. `where` names the page in the message.
export async function axe_check(page, where) {
  await page.locator('h1').waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading'));
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe_source);
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
    });
    return result.violations.map((rule) =>
      `${rule.id}: ${rule.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} (${[...node.any, ...node.all, ...node.none][0]?.message ?? ""})`).join(' | ')}`);
  });
  assert.deepEqual(found, [], `axe on ${where}`);
}

// ---- a messy file ------------------------------------------------------------------------------

function random_of(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function resident_id(random) {
  const year = 1940 + Math.floor(random() * 60);
  const digits = `110105${year}${String(1 + Math.floor(random() * 12)).padStart(2, '0')}`
    + `${String(1 + Math.floor(random() * 28)).padStart(2, '0')}${String(100 + Math.floor(random() * 899))}`;
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, i) => total + weight * Number(digits[i]), 0);
  return digits + '10X98765432'[sum % 11];
}

export const COLUMNS = ['姓名', '身份证号', '手机', '性别', '年龄', '入院日期', '半径', '纹理', '主诉', '诊断'];

// A hospital's export: GB18030, personal data in its own columns and inside text, gaps, one value that
// does not fit its type, rows that repeat. The diagnosis follows from radius and texture, with noise.
export function hospital_rows(count, seed = 20240607) {
  const random = random_of(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const rows = [];
  for (let i = 0; i < count; i++) {
    const radius = 8 + random() * 14;
    const texture = 10 + random() * 22;
    const ill = radius * 0.6 + texture * 0.15 + (random() - 0.5) * 3 > 11.4;
    const mobile = `13${Math.floor(1e8 + random() * 8.9e8)}`;
    rows.push([
      pick('赵钱孙李周吴郑王') + pick(['伟', '芳', '娜', '敏', '静', '小明']), resident_id(random), mobile,
      pick(['男', '女']), i === 7 ? '不详' : String(20 + Math.floor(random() * 60)),
      `2024-0${1 + Math.floor(random() * 6)}-${String(1 + Math.floor(random() * 28)).padStart(2, '0')}`,
      radius.toFixed(2), random() < 0.05 ? '' : texture.toFixed(2),
      random() < 0.1 ? `复诊，请电话${mobile}联系` : pick(['乳房肿块', '体检发现', '疼痛三天']),
      ill ? '恶性' : '良性',
    ]);
  }
  return [...rows, ...rows.slice(0, 5)];
}

export function hospital_file(folder, name = '住院病人.csv', count = 420) {
  const path = join(folder, name);
  const text = [COLUMNS, ...hospital_rows(count)].map((row) => row.join(',')).join('\r\n');
  const plain = join(folder, 'plain.csv');
  writeFileSync(plain, `${text}\r\n`);
  writeFileSync(path, execFileSync('iconv', ['-f', 'utf-8', '-t', 'gb18030', plain]));
  return path;
}
