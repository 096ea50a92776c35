/**
 * Decodes the same files in Node and in Chromium, for tools/measure_engines.py, which starts this and compares.
 * In, as the argument: a JSON of the `package`, which `decoder` of it, the `files` as paths, how often to `repeat`, and for Chromium, unless that is
 * to be left out, its path `chromium` and the viewer's `address`. Out: a line of JSON for each engine and file, with the
 * SHA-256 over table and symbol of each phase, then the latents, of each tile; that of the pixels, RGBA; and the
 * milliseconds of each decoding.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { chromium } from 'playwright-core';
import { Model, unpack } from './aezip.js';

/** @type {{ package: string, decoder: 'full' | 'small', files: string[], repeat: number, chromium?: string, address?: string }} */
const asked = JSON.parse(process.argv[2]);
/** @param {object} said */
const tell = (said) => console.log(JSON.stringify(said));

/** @param {import('./latents.js').Phase[]} phases @param {Int16Array} latent */
const partsOf = (phases, latent) => [...phases.flatMap(({ index, symbol }) => [index, symbol]), latent];

async function inNode() {
  ort.env.wasm.numThreads = 1;
  const model = await Model.open(readFileSync(asked.package), ort);
  for (const file of asked.files) {
    const data = new Uint8Array(readFileSync(file));
    const hash = createHash('sha256');
    const { tiles } = await model.latents(unpack(data));
    for (const { phases, latent } of tiles) for (const part of partsOf(phases, latent)) hash.update(part);
    const pixels = createHash('sha256').update((await model.decode(data, { decoder: asked.decoder })).pixels).digest('hex');
    const milliseconds = [];
    for (let turn = 0; turn < asked.repeat; turn++) {
      const began = performance.now();
      await model.decode(data, { decoder: asked.decoder });
      milliseconds.push(performance.now() - began);
    }
    tell({ engine: 'Node', threads: 1, file, digest: hash.digest('hex'), pixels, milliseconds });
  }
}

/** @param {import('playwright-core').Page} page @param {string} address @param {number} threads */
async function alone(page, address, threads) {
  for (const file of asked.files) {
    const found = await page.evaluate(async ([bytes, repeat, base, threads, decoder]) => {
      const [ort, { Model, unpack }] = await Promise.all([import(`${base}ort.mjs`), import(`${base}aezip.js`)]);
      ort.env.wasm.numThreads = threads;
      const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
      const lat = unpack(data);
      const kept = /** @type {any} */ (globalThis);
      kept.model ??= await Model.open(
        new Uint8Array(await (await fetch(`models/${lat.header.fingerprint}`)).arrayBuffer()), ort);
      const { tiles } = await kept.model.latents(lat);
      const parts = tiles.flatMap((/** @type {any} */ { phases, latent }) => [
        ...phases.flatMap((/** @type {any} */ { index, symbol }) => [index, symbol]), latent,
      ]);
      const sha256 = async (/** @type {BlobPart[]} */ ...of) => {
        const sum = await crypto.subtle.digest('SHA-256', await new Blob(of).arrayBuffer());
        return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, '0')).join('');
      };
      const digest = await sha256(...parts);
      const pixels = await sha256((await kept.model.decode(data, { decoder })).pixels);
      const milliseconds = [];
      for (let turn = 0; turn < repeat; turn++) {
        const began = performance.now();
        await kept.model.decode(data, { decoder });
        milliseconds.push(performance.now() - began);
      }
      return { digest, pixels, milliseconds };
    }, /** @type {const} */ ([readFileSync(file).toString('base64'), asked.repeat, address, threads, asked.decoder]));
    tell({ engine: 'Chromium', threads, file, ...found });
  }
}

/** As a user of the viewer sees it. @param {import('playwright-core').Page} page */
async function viewed(page) {
  for (const file of asked.files) {
    const milliseconds = [];
    let threads = 0;
    for (let turn = 0; turn <= asked.repeat; turn++) {
      await page.evaluate(() => document.getElementById('facts')?.replaceChildren());
      await page.setInputFiles('#file', file);
      await page.waitForFunction(() => document.getElementById('facts')?.textContent?.includes('Decoded in'));
      const said = /Decoded in\s+(\d+) ms[^]*?(\d+) thread/.exec(await page.innerText('#facts'));
      if (!said) throw new Error('the viewer does not say how long it took');
      if (turn) milliseconds.push(Number(said[1])); // the first opens the model
      threads = Number(said[2]);
    }
    tell({ engine: 'viewer', threads, file, milliseconds });
  }
}

await inNode();
if (asked.chromium && asked.address) {
  const browser = await chromium.launch({
    executablePath: asked.chromium, chromiumSandbox: false, args: ['--disable-dev-shm-usage'], timeout: 120_000,
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    for (const threads of [1, 2]) {
      await page.goto(asked.address);
      await alone(page, asked.address, threads);
    }
    await page.goto(asked.address);
    if (asked.repeat) await viewed(page);
  } finally {
    await browser.close();
  }
}
