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
/** @type {ReturnType<typeof readArrays>} */
const vectors = Object.assign({}, ...['vectors', 'steps', 'products', 'halves'].map((name) => readArrays(golden(`${name}.npz`))));
const tiny = await Model.open(golden('tiny.aezm'), ort);
/** @type {Record<string, Model>} */
const others = {};
for (const name of ['steps', 'products', 'halves']) others[name] = await Model.open(golden(`tiny-${name}.aezm`), ort);
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
  const model = others[name.split('-')[0]] ?? tiny;
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

const small = readArrays(golden('small/pixels.npz'));
for (const name of Object.keys(small)) {
  test(`${name}: so does the small one`, async () => {
    const other = await Model.open(golden('small/tiny-integer.aezm'), ort);
    const { shape, values } = small[name];
    for (const side of [64, 3]) {
      const { width, height, pixels } = await other.decode(golden(`${name}.lat`), { decoder: 'small', side });
      assert.deepEqual([height, width], shape.slice(0, 2));
      const wrong = values.findIndex((value, i) => value !== pixels[4 * Math.floor(i / shape[2]) + (i % shape[2])]);
      assert.equal(wrong, -1);
    }
  });
}

test('a small decoder makes finer samples, and is missed by name', async () => {
  const other = await Model.open(golden('small/tiny-integer.aezm'), ort);
  const file = golden('depth-16-integer.lat');
  const [deep, plain] = [await other.decode(file, { decoder: 'small', deep: true }), await other.decode(file, { decoder: 'small' })];
  assert.ok(deep.samples?.every((sample, i) => Math.abs(sample / 257 - plain.pixels[i]) < 0.51));
  assert.notDeepEqual(plain.pixels, (await other.decode(file)).pixels);
  const without = await Model.open(golden('tiny-integer.aezm'), ort);
  await assert.rejects(without.decode(file, { decoder: 'small' }), { name: 'ModelUnfit' });
  const wrong = /** @type {any} */ ({ decoder: 'half' });
  await assert.rejects(without.decode(file, wrong), { name: 'ModelUnfit' });
  const reduced = await Model.open(golden('reduced/tiny.aezm'), ort); // it has a `decoder.8`
  await assert.rejects(reduced.decode(golden('odd.lat'), { ...wrong, decoder: '8' }), { name: 'ModelUnfit' });
});

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
