/**
 * The viewer page in Chromium, served by `aezip view`; tests/runtime/test_viewer.py starts both. `AEZIP_VIEW` is a JSON
 * of the page's `address`, `chromium`'s path, and `lat`, a file of the model that the package ships, with its `digest`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { decodeExact } from '../aezip.js';
import { forCanvas } from '../colours.js';
import { readArrays } from '../package.js';

const given = process.env.AEZIP_VIEW ? JSON.parse(process.env.AEZIP_VIEW) : undefined;
const skip = given ? false : 'needs AEZIP_VIEW';
/** @param {string} name */
const golden = (name) => readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url));
const vectors = readArrays(golden('vectors.npz'));
const names = Object.keys(vectors).filter((key) => key.endsWith('.pixels')).map((key) => key.slice(0, -7));
const exact = readArrays(golden('exact.npz'));
const TINY = '.0.latent';
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {import('playwright-core').Page} */
let page;
/** @type {string[]} */
const asked = [];
/** @type {string[]} */
const complaints = [];

before(async () => {
  if (!given) return;
  const rules = 'MAP * ~NOTFOUND , EXCLUDE 127.0.0.1';
  browser = await chromium.launch({
    executablePath: given.chromium,
    chromiumSandbox: false, // as root in a container there is none
    args: [
      `--host-resolver-rules=${rules}`, '--disable-background-networking', '--disable-dev-shm-usage',
      '--enable-unsafe-webgpu', // in software, where there is no GPU
    ],
    timeout: 120_000,
  });
  page = await browser.newPage({ viewport: { width: 1100, height: 700 } });
  page.setDefaultTimeout(120_000);
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(given.address);
});
after(async () => browser?.close());

/** @param {string} name @param {Buffer} buffer */
async function open(name, buffer) {
  await page.setInputFiles('#file', { name, mimeType: 'application/octet-stream', buffer });
  await page.waitForFunction((name) => {
    const settled = document.getElementById('working')?.hidden && document.body.dataset.state !== 'opened';
    const failed = !document.getElementById('error')?.hidden;
    return document.getElementById('name')?.textContent === name && (settled || failed);
  }, name);
  return page.evaluate(() => {
    const error = /** @type {HTMLElement} */ (document.getElementById('error'));
    return error.hidden ? null : error.textContent;
  });
}

const canvas = () => page.evaluate(() => {
  const { width, height } = /** @type {HTMLCanvasElement} */ (document.querySelector('[data-of=decoded] canvas'));
  const context = /** @type {HTMLCanvasElement} */ (document.querySelector('[data-of=decoded] canvas')).getContext('2d');
  return { width, height, data: [.../** @type {any} */ (context).getImageData(0, 0, width, height).data] };
});

test('the file of the command line is shown, on threads', { skip }, async () => {
  await page.waitForFunction(() => document.body.dataset.state === 'shown');
  assert.equal(await page.textContent('#name'), 'odd.lat');
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  assert.match(await page.innerText('#facts'), /Size\n161 B, [\d.]+ bpp[^]*Decoded in\n\d+ ms/);
});

for (const name of names) {
  test(`${name}: the canvas shows the golden pixels within a level`, { skip }, async () => {
    assert.equal(await open(`${name}.lat`, golden(`${name}.lat`)), null);
    const { shape, values } = vectors[`${name}.pixels`];
    const channels = shape[2];
    const { width, height, data } = await canvas();
    assert.deepEqual([height, width], shape.slice(0, 2));
    const wrong = values.findIndex((value, i) => Math.abs(value - data[4 * Math.floor(i / channels) + (i % channels)]) > 1);
    assert.equal(wrong, -1);
  });
}

test('a file without loss is shown as it is, without a model', { skip }, async () => {
  const before = asked.length;
  assert.equal(await open('exact-green.lat', golden('exact-green.lat')), null);
  const { shape, values } = exact['exact-green'];
  const { width, height, data } = await canvas();
  assert.deepEqual([height, width], shape.slice(0, 2));
  assert.equal(values.findIndex((value, i) => value !== data[4 * Math.floor(i / 3) + (i % 3)]), -1);
  assert.match(await page.innerText('#facts'), /Quality\nlossless\nModel\nnone[^]*Decoded in\n\d+ ms$/);
  assert.deepEqual(asked.slice(before), []);
});

test('tables, symbols and latents are the golden ones', { skip }, async () => {
  const files = Object.fromEntries(names.map((name) => [name, [...golden(`${name}.lat`)]]));
  const found = await page.evaluate(async ([files, base]) => {
    const [ort, { Model, unpack }] = await Promise.all([import(`${base}ort.mjs`), import(`${base}aezip.js`)]);
    /** @type {Record<string, number[]>} */
    const found = {};
    /** @type {any} */
    let model;
    for (const [name, bytes] of Object.entries(files)) {
      const lat = unpack(Uint8Array.from(bytes));
      model ??= await Model.open(
        new Uint8Array(await (await fetch(`models/${lat.header.fingerprint}`)).arrayBuffer()), ort);
      const { tiles, rung } = await model.latents(lat);
      for (const field of ['hyper_inverse', 'hyper_offset', 'mean_gain', 'context_gain', 'shift']) {
        found[`${name}.${field}`] = [...rung[field]];
      }
      tiles.forEach((/** @type {any} */ { latent, phases }, /** @type {number} */ number) => {
        found[`${name}.${number}.latent`] = [...latent];
        phases.forEach((/** @type {any} */ { index, symbol }, /** @type {number} */ phase) => {
          found[`${name}.${number}.table.${phase}`] = [...index];
          found[`${name}.${number}.symbol.${phase}`] = [...symbol];
        });
      });
    }
    return found;
  }, /** @type {const} */ ([files, given.address]));
  assert.ok(names.every((name) => `${name}${TINY}` in found));
  for (const [key, values] of Object.entries(found)) assert.deepEqual(values, [...vectors[key].values], key);
});

test('the shipped model says the same symbols as natively', { skip }, async () => {
  const digest = await page.evaluate(async ([bytes, base]) => {
    const [ort, { Model, unpack }] = await Promise.all([import(`${base}ort.mjs`), import(`${base}aezip.js`)]);
    const lat = unpack(Uint8Array.from(bytes));
    const packed = await (await fetch(`models/${lat.header.fingerprint}`)).arrayBuffer();
    const { tiles } = await (await Model.open(new Uint8Array(packed), ort)).latents(lat);
    const parts = tiles.flatMap((/** @type {any} */ tile) => [
      ...tile.phases.flatMap((/** @type {any} */ { index, symbol }) => [index, symbol]), tile.latent,
    ]);
    const sum = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer());
    return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }, /** @type {const} */ ([[...readFileSync(given.lat)], given.address]));
  assert.equal(digest, given.digest);
});

test('the beginning of a file is shown while the rest arrives', { skip }, async () => {
  const lat = golden('early-tiles.lat');
  const { hostname, port } = new URL(given.address);
  /** @type {(value?: unknown) => void} */
  let go = () => {};
  const slow = createServer((asked, answer) => { // `aezip view`, but of another file, half of which is kept back
    request({ hostname, port, path: asked.url, headers: { ...asked.headers, host: `${hostname}:${port}` } }, async (found) => {
      if (!asked.url?.endsWith('/lat')) {
        answer.writeHead(found.statusCode ?? 500, found.headers);
        found.pipe(answer);
        return;
      }
      found.resume();
      answer.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      answer.write(lat.subarray(0, lat.length / 2));
      await new Promise((resolve) => { go = resolve; });
      answer.end(lat.subarray(lat.length / 2));
    }).end();
  });
  await new Promise((resolve) => slow.listen(0, '127.0.0.1', () => resolve(undefined)));
  const other = await browser.newPage();
  other.setDefaultTimeout(120_000);
  try {
    const { port: own } = /** @type {import('node:net').AddressInfo} */ (slow.address());
    await other.goto(given.address.replace(`:${port}`, `:${own}`));
    await other.waitForFunction(() => document.body.dataset.state === 'looked');
    const spread = () => other.evaluate(() => {
      const shown = /** @type {HTMLCanvasElement} */ (document.querySelector('[data-of=decoded] canvas'));
      const { data } = /** @type {any} */ (shown.getContext('2d')).getImageData(0, 0, shown.width, shown.height);
      return Math.max(...data) - Math.min(...data);
    });
    assert.ok((await spread()) > 32); // a picture
    assert.equal(await other.isDisabled('#save'), true);
    go();
    await other.waitForFunction(() => document.body.dataset.state === 'shown');
    assert.equal(await other.isHidden('#error'), true);
    assert.equal(await other.isDisabled('#save'), false);
  } finally {
    await other.close();
    slow.closeAllConnections();
    slow.close();
  }
});

test('WebGPU makes the same pixels within a level', { skip }, async (t) => {
  const ort = new URL('../node_modules/onnxruntime-web/dist/', import.meta.url);
  await page.route('**/ort/*', (route) => route.fulfill({ path: fileURLToPath(new URL(basename(route.request().url()), ort)) }));
  const worst = await page.evaluate(async ([bytes, base]) => {
    if (!(await /** @type {any} */ (navigator).gpu?.requestAdapter())) return null;
    const [ort, { Model, unpack }] = await Promise.all([import(`${base}ort/ort.bundle.min.mjs`), import(`${base}aezip.js`)]);
    ort.env.wasm.numThreads = 1;
    const lat = Uint8Array.from(bytes);
    const packed = new Uint8Array(await (await fetch(`models/${unpack(lat).header.fingerprint}`)).arrayBuffer());
    const [here, there] = [await Model.open(packed, ort), await Model.open(packed, ort, 'webgpu')];
    const [one, other] = [(await here.decode(lat)).pixels, (await there.decode(lat)).pixels];
    await Promise.all([here.close(), there.close()]);
    return one.reduce((/** @type {number} */ most, /** @type {number} */ value, /** @type {number} */ at) => {
      return Math.max(most, Math.abs(value - other[at]));
    }, 0);
  }, /** @type {const} */ ([[...readFileSync(given.lat)], given.address]));
  await page.unroute('**/ort/*');
  if (worst === null) t.skip('no WebGPU here');
  else assert.ok(worst <= 1, `${worst} levels`);
});

test('high dynamic range is shown tone mapped, in Display P3', { skip }, async () => {
  assert.equal(await open('colours.lat', golden('colours.lat')), null);
  assert.match(await page.innerText('#facts'), /Colours\nBT\.2020, PQ; shown tone mapped/);
  const { pixels, sections } = await decodeExact(golden('colours.lat'));
  const want = forCanvas(pixels, { primaries: 9, transfer: 16, fullRange: true }, sections);
  const space = await page.evaluate(() => {
    const shown = /** @type {HTMLCanvasElement} */ (document.querySelector('[data-of=decoded] canvas'));
    return shown.getContext('2d')?.getContextAttributes().colorSpace;
  });
  assert.equal(space, want.colourSpace);
  assert.deepEqual((await canvas()).data, [...want.pixels]);
});

test('the decoded picture is saved as PNG', { skip }, async () => {
  await open('green.lat', golden('exact-green.lat'));
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  assert.equal(download.suggestedFilename(), 'green.png');
  const saved = readFileSync(await download.path());
  assert.deepEqual([...saved.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const { width, height } = await canvas();
  assert.deepEqual([saved.readUInt32BE(16), saved.readUInt32BE(20)], [width, height]);
});

test('what is seen is compared where there is alpha', { skip }, async () => {
  await open('exact-transparent.lat', golden('exact-alpha.lat'));
  const { width, height, data } = await canvas();
  const png = await page.evaluate(async ([width, height, data]) => {
    const copy = Object.assign(document.createElement('canvas'), { width, height });
    const pixels = Uint8ClampedArray.from(/** @type {number[]} */ (data), (value, i) => (i % 4 === 3 ? value : value ^ 8));
    /** @type {any} */ (copy.getContext('2d')).putImageData(new ImageData(pixels, /** @type {number} */ (width)), 0, 0);
    return [...new Uint8Array(await (await new Promise((/** @type {any} */ done) => copy.toBlob(done))).arrayBuffer())];
  }, [width, height, data]);
  await page.setInputFiles('#original-file', { name: 'o.png', mimeType: 'image/png', buffer: Buffer.from(png) });
  await page.waitForFunction(() => document.getElementById('facts')?.textContent?.includes('weighed by alpha'));
  assert.match(await page.innerText('#facts'), /PSNR\n(28|29|30)\.\d\d dB, weighed by alpha/); // 8 levels: 30.07, less what alpha rounds
});

test('an original is compared, with a border that keys move', { skip }, async () => {
  await open('grey.lat', golden('grey.lat'));
  const { width, height } = await canvas();
  const png = await page.evaluate(async ([width, height]) => {
    const blob = await new Promise((done) => {
      const flat = Object.assign(document.createElement('canvas'), { width, height });
      const context = /** @type {any} */ (flat.getContext('2d'));
      context.fillStyle = '#808080';
      context.fillRect(0, 0, width, height);
      flat.toBlob(done);
    });
    return [...new Uint8Array(await /** @type {any} */ (blob).arrayBuffer())];
  }, [width, height]);
  await page.setInputFiles('#original-file', { name: 'flat.png', mimeType: 'image/png', buffer: Buffer.from(png) });
  await page.waitForFunction(() => document.getElementById('facts')?.textContent?.includes('PSNR'));
  assert.match(await page.innerText('#facts'), /PSNR\n[\d.]+ dB/);
  await page.press('#divider', 'ArrowRight');
  assert.equal(await page.getAttribute('#divider', 'aria-valuenow'), '52');
  await page.check('[name=mode][value=panes]', { force: true });
  assert.equal(await page.getAttribute('#stage', 'data-mode'), 'panes');
  await page.keyboard.press('b');
  assert.equal(await page.getAttribute('#stage', 'data-mode'), 'blink');
  const seen = () => page.evaluate(() => getComputedStyle(/** @type {any} */ (document.querySelector('[data-of=original]'))).visibility);
  const both = new Set();
  for (let i = 0; i < 20 && both.size < 2; i++) {
    both.add(await seen());
    await page.waitForTimeout(100);
  }
  assert.deepEqual([...both].sort(), ['hidden', 'visible']);
  await page.keyboard.press('b');
  assert.equal(await page.getAttribute('#stage', 'data-mode'), 'slider');
  const other = Buffer.from('not a picture');
  await page.setInputFiles('#original-file', { name: 'other.png', mimeType: 'image/png', buffer: other });
  await page.waitForSelector('#error:not([hidden])');
  assert.match(await page.innerText('#error'), /^other\.png: .*; expected PNG/);
});

test('a file and, before it is decoded, its original are dropped; keys zoom whatever was chosen', { skip }, async () => {
  await page.evaluate(async (lat) => {
    const { width, height } = { width: 64, height: 64 };
    const flat = Object.assign(document.createElement('canvas'), { width, height });
    const png = await new Promise((done) => flat.toBlob(done));
    for (const file of [new File([Uint8Array.from(lat)], 'dropped.lat'), new File([png], 'dropped.png')]) {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(file);
      document.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
      await new Promise((done) => setTimeout(done));
    }
  }, [...golden('grey.lat')]);
  await page.waitForFunction(() => document.getElementById('stage')?.dataset.mode === 'slider');
  assert.equal(await page.textContent('#name'), 'dropped.lat');
  assert.equal(await page.isHidden('#error'), true);
  const spaces = await page.$$eval('.pane canvas', (canvases) => canvases.map((canvas) => {
    return /** @type {any} */ (canvas).getContext('2d').getContextAttributes().colorSpace;
  }));
  assert.deepEqual(spaces, ['srgb', 'srgb']); // one that is not sRGB looks otherwise where no GPU composes the page
  await page.check('[name=mode][value=one]', { force: true });
  const before = await page.innerText('#scale');
  await page.press('[name=mode][value=one]', '+');
  assert.notEqual(await page.innerText('#scale'), before);
});

test('what is wrong is said in one line', { skip }, async () => {
  const whole = golden('odd.lat');
  const damaged = Buffer.from(whole);
  damaged[whole.length - 1] ^= 1;
  assert.equal(await open('damaged.lat', damaged), 'damaged.lat: section 1 does not match its checksum; expected its CRC-32');
  assert.equal(await open('text.lat', Buffer.from('text')), 'text.lat: not a .lat file; expected a file written by aezip');
  assert.deepEqual(await page.$$eval('button:enabled', (found) => found.map(({ id }) => id)), ['open', 'choose']);
  assert.equal(await page.isVisible('#empty'), true);
  assert.equal(await open('odd.lat', whole), null);
});

test('nothing was asked of another host, and the browser had nothing to complain about', { skip }, () => {
  assert.ok(asked.length > 5);
  const { origin } = new URL(given.address);
  assert.deepEqual(asked.filter((url) => !url.startsWith(origin)), []);
  assert.deepEqual(complaints, []);
});
