/** Files in Node: the model is found in the archive, and what lies there is not trusted. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-web';
import { Model } from '../aezip.js';
import { decodeFile } from '../node.js';

/** @param {string} name */
const golden = (name) => fileURLToPath(new URL(`../../../tests/golden/${name}`, import.meta.url));
ort.env.wasm.numThreads = 1;
const archive = mkdtempSync(join(tmpdir(), 'aezip-'));
after(() => rmSync(archive, { recursive: true }));
const other = await Model.open(readFileSync(golden('tiny-static.aezm')), ort);
const tiny = await Model.open(readFileSync(golden('tiny.aezm')), ort);
const kept = join(archive, '.aezip');
const name = join(kept, `${tiny.fingerprint}.aezm`);
mkdirSync(join(archive, 'a/b'), { recursive: true });
mkdirSync(kept);
const file = join(archive, 'a/b/odd.lat');
copyFileSync(golden('odd.lat'), file);
/** An installation that knows only another model. */
const knows = () => new Map([[other.fingerprint, other]]);

test('a file decodes with the model that its archive carries', async () => {
  copyFileSync(golden('tiny.aezm'), name);
  const models = knows();
  const { pixels } = await decodeFile(file, ort, { models });
  assert.deepEqual(pixels, (await tiny.decode(readFileSync(file))).pixels);
  assert.ok(models.has(tiny.fingerprint));
  rmSync(name);
  assert.deepEqual((await decodeFile(file, ort, { models })).pixels, pixels);
});

test('a missing engine is no damaged package', async () => {
  const create = async () => {
    throw new Error('no available backend found. ERR: [wasm] TypeError: fetch failed');
  };
  const without = /** @type {any} */ ({ ...ort, InferenceSession: { create } });
  await assert.rejects(Model.open(readFileSync(golden('tiny.aezm')), without), /no engine here .*wasmPaths/);
});

test('a file without loss needs no model', async () => {
  assert.ok((await decodeFile(golden('exact-rgb.lat'), ort)).width > 0);
});

for (const [what, make, finding] of /** @type {[string, () => void, RegExp][]} */ ([
  ['nothing', () => {}, /which its archive does not carry; expected it in the option models/],
  ['another model', () => copyFileSync(golden('tiny-static.aezm'), name), /is the model/],
  ['a symbolic link', () => symlinkSync(golden('tiny.aezm'), name), /no regular file/],
  ['a huge file', () => (writeFileSync(name, ''), truncateSync(name, 2 ** 28 + 1)), /no regular file/],
  ['half a package', () => writeFileSync(name, readFileSync(golden('tiny.aezm')).subarray(0, 5000)), /zip/],
  ['a folder', () => mkdirSync(name), /no regular file/],
])) {
  test(`${what} in the archive is one error`, async () => {
    rmSync(name, { recursive: true, force: true });
    make();
    await assert.rejects(decodeFile(file, ort, { models: knows() }), { name: 'UnknownFingerprint', message: finding });
  });
}
