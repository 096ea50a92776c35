/** Golden files in Node: every whole number identical to the golden vectors', every pixel within a level. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { AezipError, Model, unpack } from '../aezip.js';
import { openPackage, readArrays } from '../package.js';

/** @param {string} name */
const golden = (name) => readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url));
ort.env.wasm.numThreads = 1;
const vectors = { ...readArrays(golden('vectors.npz')), ...readArrays(golden('steps.npz')), ...readArrays(golden('products.npz')) };
const tiny = await Model.open(golden('tiny.aezm'), ort);
const withSteps = await Model.open(golden('tiny-steps.aezm'), ort);
const withProducts = await Model.open(golden('tiny-products.aezm'), ort);
const files = Object.keys(vectors).filter((key) => key.endsWith('.pixels')).map((key) => key.slice(0, -7));

/**
 * @param {ArrayLike<number>} found
 * @param {string} key
 */
function same(found, key) {
  const { values } = vectors[key];
  assert.equal(found.length, values.length, key);
  assert.equal(values.findIndex((value, i) => value !== found[i]), -1, key);
}

for (const name of files) {
  const model = name.startsWith('steps') ? withSteps : name.startsWith('products') ? withProducts : tiny;
  test(`${name}: ladder, tables, symbols and latents are the golden ones`, async () => {
    const { rung, tiles } = await model.latents(unpack(golden(`${name}.lat`)));
    for (const field of /** @type {const} */ (['hyper_inverse', 'hyper_offset', 'mean_gain', 'context_gain', 'shift'])) {
      same(rung[field], `${name}.${field}`);
    }
    for (const [number, { latent, phases }] of tiles.entries()) {
      phases.forEach(({ index, symbol }, phase) => {
        same(index, `${name}.${number}.table.${phase}`);
        same(symbol, `${name}.${number}.symbol.${phase}`);
      });
      same(latent, `${name}.${number}.latent`);
    }
  });

  test(`${name}: pixels are the golden ones within a level`, async () => {
    const { shape, values } = vectors[`${name}.pixels`];
    const { width, height, pixels } = await model.decode(golden(`${name}.lat`));
    const channels = shape[2];
    assert.deepEqual([height, width], shape.slice(0, 2));
    const wrong = values.findIndex((value, i) => {
      return Math.abs(value - pixels[4 * Math.floor(i / channels) + (i % channels)]) > 1;
    });
    assert.equal(wrong, -1);
  });
}

const families = readArrays(golden('families.npz'));
for (const name of Object.keys(families)) {
  test(`${name}: a model without a hyperprior decodes`, async () => {
    const other = await Model.open(golden(`tiny-${name}.aezm`), ort);
    const { shape, values } = families[name];
    const { width, height, pixels } = await other.decode(golden(`${name}.lat`));
    assert.deepEqual([height, width], shape.slice(0, 2));
    const wrong = values.findIndex((value, i) => {
      return Math.abs(value - pixels[4 * Math.floor(i / shape[2]) + (i % shape[2])]) > 1;
    });
    assert.equal(wrong, -1);
  });
}

const integers = readArrays(golden('integer.npz'));
for (const name of Object.keys(integers)) {
  test(`${name}: a decoder in integers makes the golden pixels, byte for byte`, async () => {
    const other = await Model.open(golden('tiny-integer.aezm'), ort);
    const { shape, values } = integers[name];
    const { width, height, pixels } = await other.decode(golden(`${name}.lat`));
    assert.deepEqual([height, width], shape.slice(0, 2));
    const wrong = values.findIndex((value, i) => value !== pixels[4 * Math.floor(i / shape[2]) + (i % shape[2])]);
    assert.equal(wrong, -1);
  });
}

test('damaged files are refused by name', async () => {
  const whole = new Uint8Array(golden('odd.lat'));
  for (let at = 0; at < whole.length; at++) {
    const damaged = whole.slice();
    damaged[at] ^= 1;
    await assert.rejects(async () => tiny.decode(damaged), AezipError, `byte ${at}`);
    await assert.rejects(async () => tiny.decode(whole.slice(0, at)), AezipError, `${at} bytes`);
  }
});

test('packages that say one thing twice, or nothing, are refused by name', async () => {
  const whole = golden('tiny.aezm');
  /** @param {[from: string, to: string]} change */
  const refused = ([from, to]) => {
    const data = Buffer.from(whole.toString('latin1').replaceAll(from, to), 'latin1');
    return assert.rejects(openPackage(data), { name: 'PackageDamaged' }, to);
  };
  await refused(['encoder.onnx', 'decoder.onnx']);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const head = whole.indexOf('model.json');
  const start = head + 'model.json'.length + view.getUint16(head - 2, true);
  const text = whole.subarray(start, start + view.getUint32(head - 12, true)).toString('latin1');
  await refused([text, 'null'.padEnd(text.length)]);
});
