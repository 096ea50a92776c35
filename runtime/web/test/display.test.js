/** Alpha, windows, orientation and colour spaces. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import * as ort from 'onnxruntime-web';
import { AezipError, Model, codePointsOf, colourSpaceOf, decodeExact, orientationOf, profileName, unpack, upright } from '../aezip.js';
import { decodeAlpha } from '../alpha.js';
import { forCanvas } from '../colours.js';

/** @param {string} name */
const golden = (name) => readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url));
ort.env.wasm.numThreads = 1;
const model = await Model.open(golden('tiny.aezm'), ort);
const facts = JSON.parse(String(golden('facts.json')));

for (const name of ['alpha', 'grey-alpha', 'opaque']) {
  test(`${name}: opacities are the golden ones`, async () => {
    const { pixels } = await model.decode(golden(`${name}.lat`));
    const plane = pixels.filter((_, at) => at % 4 === 3);
    assert.equal(createHash('sha256').update(plane).digest('hex'), facts[name].alpha);
  });
}

test('windows make the pixels of the whole, within a level', async () => {
  const whole = await model.decode(golden('tiles.lat'));
  /** @type {number[]} */
  const progress = [];
  const parts = await model.decode(golden('tiles.lat'), { side: 3, progress: (done) => progress.push(done) });
  assert.ok(progress.length > 4 && progress.at(-1) === 1, String(progress));
  assert.equal(whole.pixels.findIndex((value, at) => Math.abs(value - parts.pixels[at]) > 1), -1);
});

test('damaged bands of alpha are refused', async () => {
  const [width, height] = [5, 300]; // two bands
  const bands = [256, 44].map((rows) => Buffer.concat([Buffer.of(3), deflateSync(Buffer.alloc(rows * width))]));
  /** @param {Buffer[]} two @param {number} shift */
  const section = (two, shift = 0) => {
    const lengths = Buffer.alloc(8);
    two.forEach((band, i) => lengths.writeUInt32LE(band.length + shift * i, 4 * i));
    return new Uint8Array(Buffer.concat([Buffer.of(1), lengths, ...two]));
  };
  assert.ok((await decodeAlpha(section(bands), width, height)).every((value) => value === 0));
  const [first, second] = bands;
  const bad = {
    'another kind': Uint8Array.of(2, 0),
    'no lengths': Uint8Array.of(1, 0, 0),
    'a prediction': section([Buffer.concat([Buffer.of(4), first.subarray(1)]), second]),
    'a short band': section([first, Buffer.concat([Buffer.of(0), deflateSync(Buffer.alloc(width))])]),
    'a long band': section([first, Buffer.concat([Buffer.of(0), deflateSync(Buffer.alloc(45 * width))])]),
    'no zlib': section([first, Buffer.from('nothing like it')]),
    'a cut band': section([first, second.subarray(0, -2)]),
    'bytes behind a band': section([first, Buffer.concat([second, Buffer.of(0)])]),
    'lengths that do not fill it': section(bands, -1),
    'lengths beyond it': section(bands, 1),
  };
  for (const [name, data] of Object.entries(bad)) await assert.rejects(decodeAlpha(data, width, height), AezipError, name);
});

test('orientations', () => {
  const pixels = Uint8ClampedArray.from([1, 2, 3, 4, 5, 6].flatMap((n) => [n, n, n, 255])); // 1 2 3 / 4 5 6
  const seen = {
    1: '123456', 2: '321654', 3: '654321', 4: '456123', // 3 × 2
    5: '142536', 6: '415263', 7: '635241', 8: '362514', // 2 × 3
  };
  for (const [orientation, want] of Object.entries(seen)) {
    const turned = upright({ width: 3, height: 2, pixels: pixels.slice() }, Number(orientation));
    assert.equal(turned.pixels.filter((_, at) => at % 4 === 0).join(''), want, orientation);
    assert.equal(turned.width, Number(orientation) > 4 ? 2 : 3);
  }
});

test('where an orientation stands', () => {
  const little = Buffer.from('49492a0008000000010012010300010000000600000000000000', 'hex');
  const big = Buffer.from('4d4d002a00000008000101120003000000010008000000000000', 'hex');
  /** @param {string} type @param {Uint8Array} data */
  const of = (type, data) => orientationOf([{ type, data }]);
  assert.equal(of('eXIF', little), 6);
  assert.equal(of('eXIF', Buffer.concat([Buffer.from('Exif\0\0'), big])), 8);
  assert.equal(of('eXIF', little.subarray(0, 15)), 1);
  assert.equal(of('xMPx', Buffer.from('<a tiff:Orientation="3"/>')), 3);
  assert.equal(of('xMPx', Buffer.from('<tiff:Orientation> 5 </tiff:Orientation>')), 5);
  assert.equal(of('xMPx', Buffer.from('<tiff:Orientation>9</tiff:Orientation>')), 1);
  assert.equal(orientationOf([]), 1);
  assert.equal(orientationOf(unpack(golden('metadata.lat')).sections), 1);
});

/** @param {number[]} colorants @param {number[]} curve parameters of a parametric curve of kind 3 @param {string} name */
function profile(colorants, curve, name) {
  /** @param {number[]} values */
  const fixed = (values) => values.map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(Math.round(value * 65536));
    return bytes;
  });
  const trc = Buffer.concat([Buffer.from('para\0\0\0\0\0\x03\0\0', 'latin1'), ...fixed(curve)]);
  const text = Buffer.concat([Buffer.from('desc\0\0\0\0\0\0\0', 'latin1'), Buffer.of(name.length + 1), Buffer.from(`${name}\0`)]);
  /** @type {[string, Buffer][]} */
  const tags = ['r', 'g', 'b'].flatMap((colour, i) => [
    [`${colour}XYZ`, Buffer.concat([Buffer.from('XYZ \0\0\0\0'), ...fixed(colorants.slice(3 * i, 3 * i + 3))])],
    [`${colour}TRC`, trc],
  ]);
  tags.push(['desc', text]);
  const head = Buffer.alloc(132 + 12 * tags.length);
  head.writeUInt32BE(tags.length, 128);
  let start = head.length;
  tags.forEach(([tag, data], i) => {
    head.write(tag, 132 + 12 * i);
    head.writeUInt32BE(start, 136 + 12 * i);
    head.writeUInt32BE(data.length, 140 + 12 * i);
    start += data.length;
  });
  return Buffer.concat([head, ...tags.map(([, data]) => data)]);
}

test('colour spaces', () => {
  const curve = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045];
  const srgb = [0.43607, 0.22249, 0.01392, 0.38515, 0.71687, 0.09708, 0.14307, 0.06061, 0.7141];
  const p3 = [0.5151, 0.2412, -0.0011, 0.292, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841];
  const adobe = [0.60974, 0.31111, 0.01947, 0.20528, 0.62567, 0.06087, 0.14919, 0.06322, 0.74457];
  assert.equal(colourSpaceOf(undefined), 'srgb');
  assert.equal(colourSpaceOf(profile(srgb, curve, 'sRGB')), 'srgb');
  assert.equal(colourSpaceOf(profile(p3, curve, 'Display P3')), 'display-p3');
  assert.equal(colourSpaceOf(profile(adobe, [2.2, 1, 0, 0, 0], 'Adobe RGB (1998)')), undefined);
  assert.equal(colourSpaceOf(profile(srgb, [1.8, 1, 0, 0, 0], 'linear')), undefined);
  assert.equal(profileName(profile(adobe, curve, 'Adobe RGB (1998)')), 'Adobe RGB (1998)');
  const whole = profile(srgb, curve, 'sRGB');
  for (let at = 0; at < whole.length; at++) {
    colourSpaceOf(whole.subarray(0, at)); // never an error
    profileName(whole.subarray(0, at));
  }
});

const named = JSON.parse(String(golden('colours.json')));
for (const [name, points] of Object.entries({
  'colours': { primaries: 9, transfer: 16, fullRange: true },
  'colours-grey': { primaries: 1, transfer: 1, fullRange: false },
})) {
  test(`${name}: code points and sections are the golden ones`, async () => {
    const { sections } = await decodeExact(golden(`${name}.lat`));
    assert.deepEqual(codePointsOf(sections), points);
    const found = sections.filter(({ type }) => type !== 'PIXL').map(({ type, data }) => [type, Buffer.from(data).toString('hex')]);
    assert.deepEqual(Object.fromEntries(found), named[name].sections);
  });
}

test('code points that are damaged', () => {
  assert.equal(codePointsOf([]), undefined);
  for (const data of [[], [1, 13, 0], [1, 13, 1, 1], [1, 13, 0, 2], [1, 13, 0, 1, 0]]) {
    assert.throws(() => codePointsOf([{ type: 'cICP', data: Uint8Array.from(data) }]), { name: 'SectionDamaged' });
  }
});

/** @param {number[][]} colours @param {number[]} points @param {number} peak in cd/m² */
function onCanvas(colours, [primaries, transfer, range], peak = 0) {
  const light = new Uint8Array(8);
  new DataView(light.buffer).setUint32(0, 10000 * peak);
  const pixels = Uint8ClampedArray.from(colours.flatMap((colour) => [...colour, 7]));
  const shown = forCanvas(pixels, { primaries, transfer, fullRange: range === 1 }, peak ? [{ type: 'cLLI', data: light }] : []);
  assert.ok(shown.pixels.every((value, at) => at % 4 < 3 || value === 7)); // alpha
  return { ...shown, colours: colours.map((_, i) => [...shown.pixels.subarray(4 * i, 4 * i + 3)]) };
}

test('pixels for a canvas', () => {
  const grey = (/** @type {number} */ v) => [v, v, v];
  const colour = [200, 60, 90];
  assert.deepEqual(onCanvas([colour], [12, 13, 1]), { pixels: Uint8ClampedArray.of(...colour, 7), colourSpace: 'display-p3', mapped: false, colours: [colour] });
  assert.equal(onCanvas([colour], [99, 13, 1]).colourSpace, 'srgb');
  assert.deepEqual(onCanvas([colour], [99, 13, 1]).colours, [colour]);
  assert.deepEqual(onCanvas([grey(16), grey(126), grey(235)], [1, 13, 0]).colours, [grey(0), grey(128), grey(255)]);
  // by Python's tone.py
  const levels = [0, 16, 64, 112, 128, 160, 192, 255];
  const pq = onCanvas(levels.map(grey), [9, 16, 1], 1000);
  assert.deepEqual([pq.colourSpace, pq.mapped], ['display-p3', true]);
  near(pq.colours.map(([red]) => red), [0, 2, 45, 135, 181, 245, 255, 255]);
  near(onCanvas(levels.map(grey), [9, 18, 1]).colours.map(([red]) => red), [0, 6, 62, 119, 137, 185, 230, 255]);
  // CSS Color 4: linear BT.2020 to linear Display P3, of what is inside of both
  const [x, y, z] = [120, 100, 90].map((v) => v / 255);
  const linear = [1.34357825 * x - 0.28217967 * y - 0.06139858 * z, -0.0652974 * x + 1.0757879 * y - 0.0104905 * z, 0.00282179 * x - 0.01959849 * y + 1.01677671 * z];
  near(onCanvas([[120, 100, 90]], [9, 8, 1]).colours[0], linear.map((v) => 255 * (1.055 * v ** (1 / 2.4) - 0.055)));
  // a saturated colour has a place inside, and is no white
  const [red, green, blue] = onCanvas([[200, 0, 0], grey(255)], [9, 16, 1], 1000).colours[0];
  assert.ok(red > 200 && green < 160 && blue < 160, `${[red, green, blue]}`);
});

/** @param {number[]} found @param {number[]} want */
const near = (found, want) => found.forEach((v, i) => assert.ok(Math.abs(v - want[i]) <= 1, `${found} is not ${want}`));
