/** Bytes as people have them: ArrayBuffers, and views that begin somewhere in one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { Model, arriving, decodeExact, unpack } from '../aezip.js';
import { unpackHeader } from '../container.js';
import { readArrays } from '../package.js';

/** @param {string} name */
const golden = (name) => readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url));
ort.env.wasm.numThreads = 1;

const FORMS = /** @type {Record<string, (data: Uint8Array) => Uint8Array | ArrayBuffer>} */ ({
  'a Uint8Array': (data) => Uint8Array.from(data),
  'an ArrayBuffer': (data) => Uint8Array.from(data).buffer,
  'a view of an ArrayBuffer': (data) => Uint8Array.from([7, 7, 7, ...data, 7]).subarray(3, 3 + data.length),
  'a Buffer': (data) => Buffer.from(data),
});

for (const [what, as] of Object.entries(FORMS)) {
  test(`${what} serves wherever bytes are taken`, async () => {
    const data = as(golden('odd.lat'));
    assert.deepEqual(unpack(data), unpack(golden('odd.lat')));
    assert.deepEqual(unpackHeader(data), unpack(golden('odd.lat')).header);
    const model = await Model.open(as(golden('tiny.aezm')), ort);
    const { shape, values } = readArrays(as(golden('vectors.npz')))['odd.pixels'];
    const half = Math.floor(golden('odd.lat').length / 2);
    const chunks = [as(golden('odd.lat').subarray(0, half)), as(golden('odd.lat').subarray(half))];
    for (const { height, width, pixels } of [await model.decode(data), await model.decodeStream(chunks)]) {
      assert.deepEqual([height, width], shape.slice(0, 2));
      assert.equal(values.findIndex((value, i) => Math.abs(value - pixels[4 * Math.floor(i / 3) + (i % 3)]) > 1), -1);
    }
    for await (const { data: whole } of arriving(chunks.slice(0, 1))) assert.equal(whole.length, half);
    const exact = await decodeExact(as(golden('exact-green.lat')));
    assert.deepEqual([...exact.pixels.subarray(0, 3)], [...readArrays(golden('exact.npz'))['exact-green'].values.slice(0, 3)]);
    await model.close();
  });
}

test('a stream may be bytes, and what is none is refused', async () => {
  const model = await Model.open(golden('tiny.aezm'), ort);
  const { pixels } = await model.decode(golden('odd.lat'));
  for (const as of Object.values(FORMS)) {
    assert.deepEqual((await model.decodeStream(as(golden('odd.lat')))).pixels, pixels);
  }
  for (const other of [null, undefined, 'odd.lat', 7, {}]) {
    // @ts-expect-error: as without types
    await assert.rejects(model.decodeStream(other), { name: 'UsageError', message: /^not a stream; / });
  }
  await model.close();
});

test('a stream that is given up is cancelled', async () => {
  let cancelled = false;
  const beginning = golden('early.lat').subarray(0, 300);
  const stream = new ReadableStream({ start: (into) => into.enqueue(beginning), cancel: () => void (cancelled = true) });
  for await (const { whole } of arriving(stream)) {
    assert.equal(whole, false);
    break;
  }
  assert.ok(cancelled);
});
