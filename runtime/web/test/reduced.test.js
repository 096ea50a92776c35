/** Smaller pictures: those of Python within a level, by the decoders of small pictures and without; and as bytes arrive. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { AezipError, Model, decodeExact, unpack } from '../aezip.js';
import { readArrays } from '../package.js';
import { shrunk } from '../reduced.js';

/** @param {string} name */
const golden = (name) => new Uint8Array(readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url)));
ort.env.wasm.numThreads = 1;
const small = await Model.open(golden('reduced/tiny.aezm'), ort);
const plain = await Model.open(golden('tiny.aezm'), ort);
const wanted = readArrays(golden('reduced/pixels.npz'));

for (const [key, { shape, values }] of Object.entries(wanted)) {
  test(`${key}: pixels are the golden ones within a level`, async () => {
    const [name, scale] = key.split('.');
    const { width, height, pixels } = await small.decode(golden(`${name}.lat`), { scale: Number(scale) });
    assert.deepEqual([height, width], shape.slice(0, 2));
    const wrong = values.findIndex((value, i) => {
      return Math.abs(value - pixels[4 * Math.floor(i / shape[2]) + (i % shape[2])]) > 1;
    });
    assert.equal(wrong, -1);
  });
}

test('in windows, and without decoders of small pictures', async () => {
  const file = golden('tiles.lat');
  for (const scale of [2, 4, 8, 16]) {
    const whole = await small.decode(file, { scale });
    const parts = await small.decode(file, { scale, side: 3 });
    assert.ok(whole.pixels.every((value, i) => Math.abs(value - parts.pixels[i]) <= 1));
    const other = shrunk(await plain.decode(file), scale);
    const found = await plain.decode(file, { scale });
    assert.deepEqual([found.width, found.height], [other.width, other.height]);
    const inside = (/** @type {number} */ i) => (i >> 2) % other.width < other.width - 1 && (i >> 2) / other.width < other.height - 1;
    assert.ok(found.pixels.every((value, i) => !inside(i) || Math.abs(value - other.pixels[i]) <= 1));
  }
  await assert.rejects(small.decode(file, { scale: 3 }), { name: 'UsageError' });
  await assert.rejects(decodeExact(file, { scale: 3 }), { name: 'UsageError' });
});

test('pictures are shown while their bytes arrive', async () => {
  for (const model of [small, plain]) {
    const file = golden('early-tiles.lat');
    const want = await model.decode(file);
    /** @type {import('../aezip.js').Picture[]} */
    const looks = [];
    const chunks = Array.from({ length: Math.ceil(file.length / 50) }, (_, i) => file.slice(50 * i, 50 * (i + 1)));
    const picture = await model.decodeStream(new Response(new Blob(chunks)).body ?? [], { look: (one) => looks.push(one) });
    assert.deepEqual(picture.pixels, want.pixels);
    looks.length = 0;
    await model.decodeStream(chunks, { look: (one) => looks.push(one) });
    const missing = looks.map((one) => one.missing);
    assert.deepEqual(missing, [...missing].sort((a, b) => b - a));
    assert.equal(looks.length, model === small ? 4 : 3); // one of all latents, before the decoder
    assert.ok(looks.every((one) => one.width === (model === small ? Math.ceil(picture.width / 8) : picture.width)));
    await assert.rejects(model.decodeStream(chunks.slice(0, 5)), { name: 'Truncated' });
    await assert.rejects(model.decodeStream([]), { name: 'NotALat' });
  }
  const exact = golden('exact-rgb.lat');
  const { pixels } = await small.decodeStream([exact.slice(0, 99), exact.slice(99)]);
  assert.deepEqual(pixels, (await decodeExact(exact)).pixels);
  const damaged = golden('early.lat');
  damaged[20] ^= 1;
  await assert.rejects(small.decodeStream([damaged]), AezipError);
  assert.ok(unpack(golden('early.lat')).header.progressive);
});
