/** Files whose end is missing: what is shown of them, and what is refused. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { AezipError, Model, unpack } from '../aezip.js';
import { readArrays } from '../package.js';

/** @param {string} name */
const golden = (name) => new Uint8Array(readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url)));
ort.env.wasm.numThreads = 1;
const model = await Model.open(golden('tiny.aezm'), ort);

/**
 * @param {Uint8ClampedArray} a
 * @param {Uint8ClampedArray} b
 */
const error = (a, b) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;

for (const name of ['early', 'early-tiles', 'odd']) {
  test(`${name}: any beginning is shown or refused, and more is not worse`, async () => {
    const whole = golden(`${name}.lat`);
    const { pixels } = await model.decode(whole);
    const start = whole.length - (unpack(whole).sections.at(-1)?.data.length ?? 0);
    const errors = [];
    for (let length = 0; length < whole.length; length += length < start ? 7 : 31) {
      const part = whole.slice(0, length);
      await assert.rejects(async () => model.decode(part), AezipError);
      if (length <= start || (name === 'early-tiles' && length < start + 4 * 9)) {
        await assert.rejects(async () => model.decode(part, { partial: true }), AezipError, `${length} bytes`);
      } else {
        const shown = await model.decode(part, { partial: true });
        assert.equal(shown.missing, whole.length - length);
        errors.push(error(shown.pixels, pixels));
      }
    }
    assert.ok(errors[errors.length - 1] < errors[0] / 4);
    assert.deepEqual((await model.decode(whole, { partial: true })).pixels, pixels);
  });
}

for (const [key, { shape, values }] of Object.entries(readArrays(golden('looks.npz')))) {
  test(`${key}: the first bytes show the golden pixels within a level`, async () => {
    const [name, length] = key.split('.');
    const own = ['static', 'integer'].includes(name) ? await Model.open(golden(`tiny-${name}.aezm`), ort) : model;
    const shown = await own.decode(golden(`${name}.lat`).slice(0, Number(length)), { partial: true });
    assert.deepEqual([shown.height, shown.width], shape.slice(0, 2));
    const pixel = (/** @type {number} */ i) => shown.pixels[4 * Math.floor(i / shape[2]) + (i % shape[2])];
    assert.equal(values.findIndex((value, i) => Math.abs(value - pixel(i)) > 1), -1);
  });
}
