/** Files of more than 8 bits: all of their samples, and 8 bits of them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { AezipError, Model, decodeExact, isExact, unpack } from '../aezip.js';
import { fineOf, ofFine, scaling } from '../depth.js';
import { fine } from '../fine.js';
import { openPackage, readArrays } from '../package.js';
import { factsOf } from '../viewer/facts.js';

/** @param {string} name */
const golden = (name) => readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url));
const facts = JSON.parse(String(golden('depth.json')));
const arrays = readArrays(golden('depth.npz'));
ort.env.wasm.numThreads = 1;
const model = await Model.open(golden('tiny.aezm'), ort);
const integer = await Model.open(golden('tiny-integer.aezm'), ort);

/** @param {number} value @param {number} depth */
const plain = (value, depth) => Math.floor((value * 255 + Math.floor((2 ** depth - 1) / 2)) / (2 ** depth - 1));

for (const name of Object.keys(facts)) {
  test(`${name}: samples are the golden ones`, async () => {
    const data = golden(`${name}.lat`);
    const { file, depth, model: named } = facts[name];
    const used = named === 'tiny-integer' ? integer : model;
    assert.equal(createHash('sha256').update(data).digest('hex'), file);
    const lat = unpack(data);
    assert.equal(lat.depth, depth);
    const within = named === 'tiny' ? 2 ** (depth - 8) : 0; // a level; of integers nothing
    const { shape, values } = arrays[name];
    const picture = isExact(lat) ? await decodeExact(data, { deep: true }) : await used.decode(data, { deep: true });
    const { width, height, samples, pixels } = picture;
    assert.ok(samples);
    assert.deepEqual([height, width, picture.depth], [...shape.slice(0, 2), depth]);
    const at = (/** @type {number} */ i) => 4 * Math.floor(i / shape[2]) + (i % shape[2]);
    assert.equal(values.findIndex((value, i) => Math.abs(value - samples[at(i)]) > within), -1);
    assert.ok(samples.every((value, i) => plain(value, depth) === pixels[i]));
    const alpha = arrays[`${name}.alpha`]?.values ?? new Float64Array(width * height).fill(2 ** depth - 1);
    assert.deepEqual([...samples.filter((_, i) => i % 4 === 3)], [...alpha]);
    const shown = await used.decode(data);
    assert.equal(shown.samples, undefined);
    assert.ok(shown.pixels.every((value, i) => Math.abs(value - pixels[i]) <= (isExact(lat) ? 0 : 1)));
    for (const scale of [2, 8]) {
      const small = await used.decode(data, { deep: true, scale });
      assert.equal(small.samples?.length, 4 * Math.ceil(width / scale) * Math.ceil(height / scale));
    }
    assert.match(String((await factsOf(lat, data.length))[0][1]), new RegExp(`, ${depth} bits$`));
  });
}

test('patches have all bits, and 8 where those are wanted', async () => {
  const { samples, pixels } = await model.decode(golden('depth-16-patched.lat'), { deep: true });
  const shown = await model.decode(golden('depth-16-patched.lat'));
  const { values } = arrays['depth-16-patched']; // [35, 20, 1]
  for (let y = 0; y < 16; y++) {
    for (let x = 0; x < 16; x++) {
      const at = 4 * (20 * y + x);
      assert.equal(samples?.[at], values[20 * y + x]);
      assert.equal(shown.pixels[at], pixels[at]);
    }
  }
});

test('files of 8 bits have no other samples', async () => {
  const picture = await model.decode(golden('grey.lat'), { deep: true });
  assert.deepEqual([picture.depth, picture.samples], [8, undefined]);
});

test('half of 1/256 goes to the even one', () => {
  const made = Float32Array.of(-3, 0.5 / 256, 1.5 / 256, 2.5 / 256, 0.51 / 256, 255, 300);
  assert.deepEqual([...fineOf(made)], [0, 0, 2, 2, 1, 65280, 65280]);
  assert.deepEqual([...ofFine(10).slice(-2)], [1023, 1023]);
  assert.deepEqual([scaling(8, 8), scaling(16, 8)?.[65535], scaling(8, 12)?.[255]], [undefined, 255, 4095]);
});

test('every decoder of the packages has a finer one', async () => {
  for (const name of ['tiny', 'tiny-static', 'tiny-static-grey', 'tiny-static-vae', 'tiny-integer', 'reduced/tiny']) {
    const { members } = await openPackage(golden(`${name}.aezm`));
    for (const [member, bytes] of members) {
      if (member.startsWith('decoder')) assert.ok(fine('decoder', bytes).length < bytes.length, `${name} ${member}`);
    }
  }
});

test('damage', async () => {
  const { members } = await openPackage(golden('tiny.aezm'));
  const prior = /** @type {Uint8Array} */ (members.get('prior.onnx'));
  for (const bytes of [prior, Uint8Array.of(), Uint8Array.of(0x3a, 2, 10), Uint8Array.of(0x3a, 0)]) {
    assert.throws(() => fine('decoder', bytes), { name: 'PackageDamaged' });
  }
  const whole = new Uint8Array(golden('depth-12-alpha.lat'));
  for (let at = 0; at < whole.length; at++) {
    const damaged = whole.slice();
    damaged[at] ^= 1;
    await assert.rejects(async () => decodeExact(damaged), AezipError, `byte ${at}`);
  }
});
