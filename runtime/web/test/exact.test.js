/** Exact pixels, patches, and files whose latents are all coded. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import * as ort from 'onnxruntime-web';
import { AezipError, Model, countPatches, decodeExact, isExact, unpack } from '../aezip.js';
import { eachRow, openExact } from '../exact.js';
import { decodeTile } from '../latents.js';
import { openPackage, readArrays } from '../package.js';
import { tablesOf } from '../rans.js';
import { factsOf, runOf } from '../viewer/facts.js';

/** @param {string} name */
const golden = (name) => readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url));
const facts = JSON.parse(String(golden('exact.json')));
const arrays = readArrays(golden('exact.npz'));
ort.env.wasm.numThreads = 1;
const model = await Model.open(golden('tiny.aezm'), ort);

/** @param {Uint8Array} data */
const digest = (data) => createHash('sha256').update(data).digest('hex');

/** @param {{ pixels: Uint8ClampedArray }} picture @param {number} channels */
function coloursOf({ pixels }, channels) {
  const colours = new Uint8Array((pixels.length / 4) * channels);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    for (let c = 0; c < channels; c++) colours[to++] = pixels[from + c];
    if (channels === 1) assert.ok(pixels[from] === pixels[from + 1] && pixels[from] === pixels[from + 2]);
  }
  return colours;
}

for (const name of Object.keys(facts)) {
  test(`${name}: pixels are the golden ones`, async () => {
    const data = golden(`${name}.lat`);
    assert.equal(digest(data), facts[name].file);
    const picture = await decodeExact(data);
    assert.equal(digest(coloursOf(picture, picture.header.channels)), facts[name].pixels);
    const alpha = picture.pixels.filter((_, at) => at % 4 === 3);
    const want = arrays[`${name}.alpha`]?.values ?? new Float64Array(alpha.length).fill(255);
    assert.deepEqual([...alpha], [...want]);
    const buffer = new Uint8Array(data).buffer;
    for (const other of [await decodeExact(buffer), await model.decode(data), await model.decode(buffer)]) {
      assert.ok(Buffer.from(picture.pixels.buffer).equals(Buffer.from(other.pixels.buffer)));
    }
  });
}

test('progress of bands', async () => {
  /** @type {number[]} */
  const progress = [];
  await decodeExact(golden('exact-bands.lat'), { progress: (done) => progress.push(done) });
  assert.deepEqual(progress, [0.5, 1]);
});

/**
 * A file of a header and sections, with their checksums.
 *
 * @param {{ width: number, height: number, channels?: number, quality?: number, tile?: number, flags?: number, model?: number }} header
 * @param {[type: string, data: Uint8Array][]} sections
 */
function packed({ width, height, channels = 3, quality = 1000, tile = 0, flags = 0, model = 0 }, sections) {
  const head = Buffer.alloc(32);
  head.write('\xaeLAT\r\n\x01', 'latin1');
  head[7] = channels;
  head.writeUInt32LE(width, 8);
  head.writeUInt32LE(height, 12);
  head.writeUInt16LE(quality, 16);
  head[18] = tile;
  head[19] = flags;
  head.fill(model, 20, 28);
  head.writeUInt32LE(crc32(head.subarray(0, 28)), 28);
  const parts = sections.map(([type, data]) => {
    const start = Buffer.alloc(12);
    start.write(type);
    start.writeUInt32LE(data.length, 4);
    start.writeUInt32LE(crc32(Buffer.concat([Buffer.from(type), data])), 8);
    return Buffer.concat([start, data]);
  });
  return Buffer.concat([head, ...parts]);
}

/** @param {number[]} head @param {Buffer[]} bands deflated */
function body(head, ...bands) {
  const lengths = Buffer.alloc(4 * bands.length);
  bands.forEach((band, i) => lengths.writeUInt32LE(band.length, 4 * i));
  return Buffer.concat([Buffer.from(head), lengths, ...bands]);
}

const GREY = body([8, 0], deflateSync(Buffer.of(0, 7))); // of one pixel

test('the container judges what stands together', () => {
  const one = { width: 1, height: 1, channels: 1 };
  /** @type {[string, Parameters<typeof packed>][]} */
  const bad = [
    ['HeaderDamaged', [{ ...one, model: 1 }, [['PIXL', GREY]]]],
    ['HeaderDamaged', [{ ...one, tile: 1 }, [['PIXL', GREY]]]],
    ['HeaderDamaged', [{ ...one, flags: 1 }, [['PIXL', GREY]]]],
    ['HeaderDamaged', [{ ...one, flags: 2 }, [['PIXL', GREY]]]],
    ['HeaderDamaged', [{ ...one, flags: 4 }, [['LATN', GREY]]]],
    ['HeaderDamaged', [{ ...one, quality: 999 }, [['PIXL', GREY]]]],
    ['HeaderDamaged', [{ width: 2100, height: 2100 }, [['LATN', GREY]]]],
    ['HeaderDamaged', [{ width: 2100, height: 2100, model: 1 }, [['LATN', GREY]]]],
    ['SectionOrder', [one, [['PTCH', GREY], ['PIXL', GREY]]]],
    ['SectionOrder', [one, [['LATN', GREY], ['PIXL', GREY]]]],
    ['SectionOrder', [one, [['PIXL', GREY], ['LATN', GREY]]]],
    ['SectionOrder', [one, [['PIXL', GREY], ['PIXL', GREY]]]],
    ['SectionOrder', [one, [['PIXL', GREY], ['PTCH', GREY]]]],
    ['SectionOrder', [{ ...one, model: 1 }, [['LATN', GREY], ['PTCH', GREY]]]],
    ['SectionOrder', [{ ...one, model: 1 }, [['PTCH', GREY], ['PTCH', GREY], ['LATN', GREY]]]],
    ['Truncated', [{ ...one, model: 1 }, [['PTCH', GREY]]]],
    ['Truncated', [one, []]],
  ];
  for (const [name, file] of bad) assert.throws(() => unpack(packed(...file)), { name }, JSON.stringify(file));
  assert.equal(unpack(packed({ ...one, model: 1, flags: 1 }, [['PTCH', GREY], ['LATN', GREY]])).header.noSkip, true);
  assert.equal(unpack(packed({ width: 2100, height: 2100 }, [['PIXL', GREY]])).header.noSkip, false);
  assert.ok(isExact(unpack(packed(one, [['aaaa', GREY], ['PIXL', GREY]]))));
});

test('a file that needs a model is refused without one, a picture beyond the limit with or without', async () => {
  await assert.rejects(decodeExact(golden('odd.lat')), { name: 'UnknownFingerprint' });
  await assert.rejects(decodeExact(golden('exact-green.lat'), { maxPixels: 1000 }), { name: 'LimitExceeded' });
  await assert.rejects(model.latents(unpack(golden('exact-green.lat'))), { name: 'UnknownFingerprint' });
});

/** @param {Uint8Array} data @param {number} width @param {number} height @param {number} channels */
async function rowsOf(data, width, height, channels) {
  /** @type {number[][]} */
  const rows = [];
  await eachRow(openExact(data, width, height, channels), (y, row) => (rows[y] = [...row]));
  return rows;
}

test('rows by hand', async () => {
  /** @param {number[]} head @param {number[]} bytes */
  const of = (head, ...bytes) => body(head, deflateSync(Buffer.from(bytes)));
  assert.deepEqual(await rowsOf(of([8, 0], 1, 250, 10, 1), 3, 1, 1), [[250, 4, 5]]);
  assert.deepEqual(await rowsOf(of([8, 0], 2, 9, 8, 2, 250, 1), 2, 2, 1), [[9, 8], [3, 9]]);
  assert.deepEqual(await rowsOf(of([8, 0], 0, 9, 8, 3, 1, 1), 2, 2, 1), [[9, 8], [10, 10]]);
  assert.deepEqual(await rowsOf(of([8, 0], 3, 1, 2, 3, 4, 5, 255), 2, 1, 3), [[1, 2, 3, 5, 7, 2]]);
  assert.deepEqual(await rowsOf(of([8, 2], 0, 250, 10, 3), 1, 1, 3), [[4, 10, 13]]);
  assert.deepEqual(await rowsOf(of([1, 0], 0, 0b10110111), 5, 1, 1), [[255, 0, 255, 255, 0]]);
  assert.deepEqual(await rowsOf(of([2, 0], 1, 0b00011011, 0b01000000), 5, 1, 1), [[0, 85, 170, 255, 85]]);
  assert.deepEqual(await rowsOf(of([4, 0], 0, 0x1f, 0xa7), 3, 1, 1), [[17, 255, 170]]);
  assert.deepEqual(await rowsOf(of([1, 1, 1, 7, 9], 0, 0b01000000), 3, 1, 1), [[7, 9, 7]]);
  assert.deepEqual(await rowsOf(of([8, 1, 1, 1, 2, 3, 4, 5, 6], 1, 0, 1, 0), 3, 1, 3), [[1, 2, 3, 4, 5, 6, 4, 5, 6]]);
  assert.deepEqual(await rowsOf(of([4, 1, 0, 1, 2, 3], 0, 0x0f), 1, 1, 3), [[1, 2, 3]]); // bits beyond it
});

test('damaged pixels are refused', async () => {
  const rows = deflateSync(Buffer.of(0, 1, 2, 3, 0, 1, 2, 3));
  assert.ok(await rowsOf(body([8, 0], rows), 1, 2, 3));
  const bad = {
    'nothing': Buffer.alloc(0),
    'half a head': Buffer.of(8),
    'no lengths': Buffer.of(8, 0, 1, 2),
    '3 bits': body([3, 0], rows),
    '16 bits': body([16, 0], rows),
    'a flag': body([8, 4], rows),
    '4 bits of colours': body([4, 0], rows),
    'green of a palette': body([8, 3, 0, 1, 2, 3], rows),
    'a palette that is cut': Buffer.of(8, 1, 0, 1, 2),
    'no palette': Buffer.of(8, 1),
    'more colours than bits': body([1, 1, 2, 1, 2, 3, 1, 2, 3, 1, 2, 3], deflateSync(Buffer.of(0, 0, 0, 0))),
    'a place beyond the palette': body([2, 1, 2, 1, 2, 3, 1, 2, 3, 1, 2, 3], deflateSync(Buffer.of(0, 0, 0, 0xc0))),
    'a prediction': body([8, 0], deflateSync(Buffer.of(0, 1, 2, 3, 4, 1, 2, 3))),
    'a short band': body([8, 0], deflateSync(Buffer.of(0, 1, 2, 3))),
    'a long band': body([8, 0], deflateSync(Buffer.of(0, 1, 2, 3, 0, 1, 2, 3, 0))),
    'no zlib': body([8, 0], Buffer.from('nothing like it')),
    'a cut band': body([8, 0], rows.subarray(0, -1)),
    'bytes behind a band': body([8, 0], Buffer.concat([rows, Buffer.of(0)])),
    'bytes behind the bands': Buffer.concat([body([8, 0], rows), Buffer.of(0)]),
    'lengths beyond it': body([8, 0], rows).subarray(0, -1),
    'a checksum': body([8, 0], Buffer.concat([rows.subarray(0, -1), Buffer.of(rows[rows.length - 1] ^ 1)])),
  };
  for (const [name, data] of Object.entries(bad)) {
    await assert.rejects(rowsOf(data, 1, 2, 3), { constructor: AezipError, name: 'SectionDamaged' }, name);
  }
  await assert.rejects(rowsOf(body([8, 2], deflateSync(Buffer.of(0, 1))), 1, 1, 1), { name: 'SectionDamaged' });
});

test('damaged files are refused by name', async () => {
  for (const name of ['exact-palette-4', 'exact-grey-4', 'exact-alpha']) {
    const whole = new Uint8Array(golden(`${name}.lat`));
    for (let at = 0; at < Math.min(whole.length, 400); at++) {
      const damaged = whole.slice();
      damaged[at] ^= 1;
      await assert.rejects(decodeExact(damaged), AezipError, `byte ${at}`);
      await assert.rejects(decodeExact(whole.slice(0, at)), AezipError, `${at} bytes`);
    }
  }
});

/**
 * The section of patches whose pixels are grey: `grey` of each cell in turn.
 *
 * @param {Uint8Array} bitmap
 * @param {number[]} greys
 * @param {number} channels
 */
function patches(bitmap, greys, channels = 3) {
  const rows = greys.map((grey) => Buffer.alloc(16 * (1 + 16 * channels), grey));
  for (const cell of rows) for (let y = 0; y < 16; y++) cell[y * (1 + 16 * channels)] = 0;
  const which = deflateSync(bitmap);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(which.length);
  return Buffer.concat([length, which, body([8, 0], deflateSync(Buffer.concat(rows)))]);
}

/** @param {string} name of a golden file @param {Uint8Array} section */
function patched(name, section) {
  const data = golden(name);
  const head = Buffer.alloc(12);
  head.write('PTCH');
  head.writeUInt32LE(section.length, 4);
  head.writeUInt32LE(crc32(Buffer.concat([Buffer.from('PTCH'), section])), 8);
  return Buffer.concat([data.subarray(0, 32), head, section, data.subarray(32)]);
}

for (const [name, channels] of /** @type {const} */ ([['odd.lat', 3], ['alpha.lat', 3], ['grey.lat', 1]])) {
  test(`patches lie over ${name}`, async () => {
    const without = await model.decode(golden(name));
    const { width, height } = without;
    const columns = Math.ceil(width / 16);
    const count = columns * Math.ceil(height / 16);
    const cells = [0, columns - 1, count - 1];
    const bitmap = new Uint8Array(Math.ceil(count / 8));
    for (const cell of cells) bitmap[cell >> 3] |= 128 >> (cell & 7);
    const file = patched(name, patches(bitmap, [1, 2, 3], channels));
    assert.equal(await countPatches(unpack(file)), 3);
    const { pixels } = await model.decode(file);
    for (let at = 0; at < pixels.length; at++) {
      const [x, y] = [(at >> 2) % width, Math.floor((at >> 2) / width)];
      const cell = cells.indexOf((y >> 4) * columns + (x >> 4));
      assert.equal(pixels[at], cell < 0 || at % 4 === 3 ? without.pixels[at] : cell + 1, `${x}, ${y}`);
    }
  });
}

test('damaged patches are refused', async () => {
  assert.deepEqual([unpack(golden('odd.lat')).header.width, unpack(golden('odd.lat')).header.height], [17, 33]); // 2 × 3 cells
  const good = patches(Uint8Array.of(0b10000100), [1, 2]);
  assert.ok(await model.decode(patched('odd.lat', good)));
  const bad = {
    'nothing': Buffer.alloc(0),
    'no bitmap': Buffer.concat([Buffer.alloc(4), good.subarray(4)]),
    'a bitmap beyond it': good.subarray(0, 8),
    'no cell': patches(Uint8Array.of(0), []),
    'a cell outside': patches(Uint8Array.of(0b10000110), [1, 2, 3]),
    'a short bitmap': patches(new Uint8Array(), [1]),
    'a long bitmap': patches(Uint8Array.of(0b10000000, 0), [1]),
    'too few pixels': patches(Uint8Array.of(0b10000100), [1]),
    'too many': patches(Uint8Array.of(0b10000100), [1, 2, 3]),
    'grey ones': patches(Uint8Array.of(0b10000100), [1, 2], 1),
  };
  for (const [name, section] of Object.entries(bad)) {
    const refusal = { constructor: AezipError, name: 'SectionDamaged' };
    await assert.rejects(model.decode(patched('odd.lat', section)), refusal, name);
  }
});

/**
 * One lane of symbols under tables, as a stream (FORMAT.md §3). None of them escapes.
 *
 * @param {{ radius: number[], frequency: number[] }} tables
 * @param {{ index: ArrayLike<number>, symbol: ArrayLike<number> }[]} phases
 */
function encode({ radius, frequency }, phases) {
  const starts = radius.map((_, i) => radius.slice(0, i).reduce((sum, r) => sum + 2 * r + 2, 0));
  let state = 2 ** 16;
  /** @type {number[]} */
  const words = [];
  for (const { index, symbol } of [...phases].reverse()) {
    for (let i = index.length - 1; i >= 0; i--) {
      const entry = starts[index[i]] + radius[index[i]] + symbol[i];
      const start = frequency.slice(starts[index[i]], entry).reduce((sum, f) => sum + f, 0);
      const f = frequency[entry];
      if (state >= f * 2 ** 16) {
        words.unshift(state % 2 ** 16);
        state = Math.floor(state / 2 ** 16);
      }
      state = Math.floor(state / f) * 2 ** 16 + (state % f) + start;
    }
  }
  const stream = Buffer.alloc(5 + 2 * words.length);
  stream.writeUInt32LE(state, 1);
  words.forEach((word, i) => stream.writeUInt16LE(word, 5 + 2 * i));
  return stream;
}

test('no latent is skipped where the header says so', async () => {
  const { arrays } = await openPackage(golden('tiny.aezm'));
  const [radius, frequency] = [[...arrays.radius.values], [...arrays.frequency.values]];
  const [height, width, channels] = [3, 5, 2];
  const [rows, columns] = [2, 4]; // of a half of 4 × 8 positions
  const size = 2 * rows * columns * channels;
  const mean = Int16Array.from({ length: size }, (_, i) => 5 * i - 60);
  const index = Uint8Array.from({ length: size }, (_, i) => i % 20);
  const stub = /** @type {any} */ ({
    tables: tablesOf(arrays), skip: 9, prior: async () => ({ mean, index, carried: {} }), context: async () => ({ mean, index }),
  });
  const rung = /** @type {any} */ ({ shift: new Float32Array(channels), hyperIndex: Uint8Array.of(63) });
  for (const noSkip of [false, true]) {
    const want = new Int16Array(height * width * channels);
    const phases = [{ index: [63, 63], symbol: [0, 0] }];
    for (const parity of [0, 1]) {
      /** @type {{ index: number[], symbol: number[] }} */
      const phase = { index: [], symbol: [] };
      for (let y = 0; y < height; y++) {
        for (let x = (y + parity) % 2; x < width; x += 2) {
          for (let c = 0; c < channels; c++) {
            const from = (((y % 2) * rows + (y >> 1)) * columns + (x >> 1)) * channels + c;
            const coded = noSkip || index[from] > stub.skip;
            const symbol = coded ? [-1, 0, 1][(x + y + c) % 3] * Math.min(1, radius[index[from]]) : 0;
            want[(y * width + x) * channels + c] = mean[from] + 16 * symbol;
            if (coded) {
              phase.index.push(index[from]);
              phase.symbol.push(symbol);
            }
          }
        }
      }
      phases.push(phase);
    }
    const stream = new Uint8Array(encode({ radius, frequency }, phases));
    const tile = { top: 0, left: 0, height, width, stream, noSkip, progressive: false, cut: false };
    const { latent } = await decodeTile(stub, tile, rung);
    assert.deepEqual(latent, want);
    await assert.rejects(decodeTile(stub, { ...tile, noSkip: !noSkip }, rung), { name: 'StreamDamaged' });
  }
});

test('what the page says', async () => {
  const lossless = golden('exact-grey-2.lat');
  const said = new Map(await factsOf(unpack(lossless), lossless.length));
  assert.equal(said.get('Quality'), 'lossless');
  assert.equal(said.get('Model'), 'none');
  assert.deepEqual(said.get('Sections'), ['PIXL 45 B (pixels)']);
  const file = patched('odd.lat', patches(Uint8Array.of(0b10000100), [1, 2]));
  assert.equal(new Map(await factsOf(unpack(file), 1)).get('Lossless'), '2 cells of 16 × 16 pixels');
  assert.equal(new Map(await factsOf(unpack(golden('odd.lat')), 1)).has('Lossless'), false);
  const parts = { latents: 0, decoder: 3 };
  assert.deepEqual(runOf({ milliseconds: 3.2, parts, threads: 1 }, ''), [['Decoded in', '3 ms']]);
});
