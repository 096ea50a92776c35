/**
 * The viewer page: a `.lat` file, from `aezip view FILE`, a drop or a file picker, and perhaps its original.
 * `start` says what was given on the command line: `{ file, original }`, names or null, served as `lat` and `original`.
 */
import { AezipError, arriving, unpack } from '../aezip.js';
import { comparedOf, factsOf, runOf } from './facts.js';
import { Stage } from './stage.js';

/** @typedef {import('../container.js').Lat} Lat */

const MAX_SIDE = 16384; // of a canvas

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 */
const by = (id) => /** @type {T} */ (document.getElementById(id));

/** What is open. @type {{ given: File, lat?: Lat, picture?: { width: number, height: number } } | undefined} */
let file;
/** What it is compared with. @type {File | undefined} */
let original;
/** Sizes of originals that were converted to be shown. @type {WeakMap<File, number>} */
const bytes = new WeakMap();
/** @type {[string, string | string[]][]} */
let facts = [];
/** Which decoding is waited for; answers of earlier ones are late. */
let turn = 0;

const stage = new Stage(by('stage'), (percent) => {
  by('scale').textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
});
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

worker.onmessage = async ({ data }) => {
  if (data.turn !== turn) return;
  if (data.doing) work(data.doing, data.progress);
  if (data.error) fail(data.error);
  if (data.look) look(data.look);
  if (data.picture) await show(data.picture);
  if (data.model) await again();
  if ('psnr' in data && original && file) say(comparedOf(bytes.get(original) ?? original.size, file.given.size, data));
};
worker.onerror = (event) => {
  fail(`the decoder did not start (${event.message ?? 'worker.js'}); expected a browser of 2023 or later`);
};

/**
 * Show a file: its facts at once, its picture when it is decoded.
 *
 * @param {File} given
 * @param {File} [beside] its original
 */
async function open(given, beside) {
  const mine = ++turn;
  file = { given };
  facts = [];
  forget();
  original = beside;
  by('error').hidden = true;
  if (document.body.dataset.state !== 'looked' || by('name').textContent !== given.name) state('opened');
  by('name').textContent = given.name;
  document.title = `${given.name} – aezip`;
  /** @type {ArrayBuffer} */
  let lat;
  try {
    lat = await given.arrayBuffer();
    const read = unpack(lat);
    const found = await factsOf(read, given.size);
    if (mine !== turn) return; // another was opened meanwhile
    file.lat = read;
    say(found);
    const { width, height } = read.header;
    if (Math.max(width, height) > MAX_SIDE) {
      throw new AezipError('LimitExceeded', `${width} × ${height} pixels`, `sides of at most ${MAX_SIDE} to show here`);
    }
  } catch (error) {
    if (mine === turn) fail(error instanceof Error ? error.message : String(error));
    return;
  }
  work('Decoding', 0);
  worker.postMessage({ turn, lat }, [lat]);
}

/** After a model was opened: decode what waited for it. */
async function again() {
  work();
  if (file && !file.picture) await open(file.given, original);
}

/** @param {any} small a first look, of the worker */
function look(small) {
  if (!['opened', 'looked'].includes(String(document.body.dataset.state))) return;
  state('looked');
  stage.look(small, small.size);
}

/** @param {any} picture of the worker */
async function show(picture) {
  if (!file?.lat) return;
  file.picture = { width: picture.width, height: picture.height };
  work();
  state('shown');
  stage.show(picture);
  say(runOf(picture, file.lat.header.fingerprint));
  if (original) await compare(original);
}

/**
 * What can be done follows from it.
 *
 * @param {'empty' | 'opened' | 'looked' | 'shown' | 'failed'} to
 */
function state(to) {
  document.body.dataset.state = to;
  for (const id of ['in', 'out', 'fit', 'actual', 'open-original', 'save']) by(id).toggleAttribute('disabled', to !== 'shown');
}

/**
 * Show a picture beside the decoded one, if it can be its original.
 *
 * @param {File} given
 */
async function compare(given) {
  if (!file?.picture) return;
  const { width, height } = file.picture;
  forget();
  by('error').hidden = true;
  /** @type {ImageBitmap} */
  let image;
  try {
    image = await createImageBitmap(given);
  } catch {
    fail('the browser cannot read it as a picture; expected PNG, JPEG, WebP or AVIF', given.name);
    return;
  }
  if (image.width !== width || image.height !== height) {
    fail(`${image.width} × ${image.height} pixels; expected ${width} × ${height}, as of ${file.given.name}`, given.name);
    return;
  }
  original = given;
  stage.compare(image);
  by('modes').hidden = false;
  mode('slider');
  const plain = await createImageBitmap(given, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  worker.postMessage({ turn, original: plain }, [plain]);
}

/** No original any more. */
function forget() {
  original = undefined;
  facts = facts.filter(([label]) => label !== 'Original' && label !== 'PSNR');
  say([]);
  by('modes').hidden = true;
  mode('one');
}

/** Save the decoded picture, as it is shown, beside what else was downloaded. */
async function save() {
  const picture = await stage.picture();
  if (!picture || !file) return fail('the browser cannot write a PNG of this size; expected a smaller picture');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(picture);
  link.download = `${file.given.name.replace(/\.lat$/i, '')}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Between one after the other and the slider, if there is an original. */
function blink() {
  if (!by('modes').hidden) mode(stage.mode === 'blink' ? 'slider' : 'blink');
}

/** @param {import('./stage.js').Mode} to */
function mode(to) {
  stage.mode = to;
  const choice = /** @type {HTMLInputElement} */ (document.querySelector(`#modes [value=${to}]`));
  choice.checked = true;
}

/**
 * One clear line.
 *
 * @param {string} message
 * @param {string} [name] of the file
 */
function fail(message, name = by('name').textContent ?? '') {
  work();
  if (!file?.picture) state('failed');
  by('error').textContent = name ? `${name}: ${message}` : message;
  by('error').hidden = false;
}

/**
 * Add to the facts, or replace those of the same label.
 *
 * @param {[string, string | string[]][]} more
 */
function say(more) {
  facts = [...facts.map((old) => more.find(([label]) => label === old[0]) ?? old),
    ...more.filter(([label]) => !facts.some((old) => old[0] === label))];
  by('facts').replaceChildren(...facts.map(([label, value]) => {
    const row = document.createElement('div');
    const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
    dt.textContent = label;
    if (typeof value === 'string') dd.textContent = value;
    else dd.append(listOf(value));
    row.append(dt, dd);
    return row;
  }));
}

/** @param {string[]} lines */
function listOf(lines) {
  const list = document.createElement('ul');
  for (const line of lines) list.append(Object.assign(document.createElement('li'), { textContent: line }));
  return list;
}

/**
 * What is being done, or nothing.
 *
 * @param {string} [doing]
 * @param {number | null} [progress] 0 … 1; null if nobody knows
 */
function work(doing = '', progress = null) {
  by('working').hidden = !doing;
  by('doing').textContent = doing;
  const bar = by('progress');
  if (progress === null) bar.removeAttribute('value');
  else bar.setAttribute('value', String(progress));
}

/** @param {Iterable<File>} files dropped or chosen: a .lat file, its original, a model package */
async function take(files) {
  const given = [...files];
  const model = given.find(({ name }) => /\.aezm$/i.test(name));
  const wanted = ['opened', 'looked', 'shown'].includes(String(document.body.dataset.state)); // an original
  const lat = given.find(({ name }) => /\.lat$/i.test(name)) ?? (wanted || model ? undefined : given[0]);
  const picture = given.find((one) => one !== lat && one !== model);
  if (model) {
    work('Opening the model', null);
    worker.postMessage({ turn: lat ? 0 : turn, model: await model.arrayBuffer() });
  }
  if (lat) await open(lat, picture);
  else if (picture && file?.picture) await compare(picture);
  else if (picture) original = picture; // until the file is decoded
}

/** What the command line named. */
async function start() {
  const { file: name, original: beside } = await (await fetch('start')).json();
  /** @param {string} at @param {string} called */
  const fetched = async (at, called) => new File([await (await fetch(at)).blob()], called);
  if (!name) return;
  const given = beside && (await fetched('original', beside.name));
  if (given) bytes.set(given, beside.bytes);
  await open(new File([await begun(await fetch('lat'), name)], name), given);
}

/**
 * The bytes of a file, which is shown as they arrive.
 *
 * @param {Response} response
 * @param {string} name
 */
async function begun({ body }, name) {
  let first = true;
  for await (const { data, whole } of arriving(/** @type {ReadableStream<Uint8Array>} */ (body))) {
    if (whole) return data;
    if (first) {
      turn++;
      by('name').textContent = name;
      state('opened');
      first = false;
    }
    worker.postMessage({ turn, begun: data.buffer });
  }
  throw new Error('nothing arrived');
}

for (const [button, input] of [['open', 'file'], ['choose', 'file'], ['open-original', 'original-file']]) {
  by(button).addEventListener('click', () => by(input).click());
}
for (const id of ['file', 'original-file']) {
  by(id).addEventListener('change', async ({ target }) => {
    const input = /** @type {HTMLInputElement} */ (target);
    await take(input.files ?? []);
    input.value = '';
  });
}
by('modes').addEventListener('change', ({ target }) => mode(/** @type {any} */ (target).value));
by('in').addEventListener('click', () => stage.larger());
by('out').addEventListener('click', () => stage.smaller());
by('fit').addEventListener('click', () => stage.fit());
by('actual').addEventListener('click', () => stage.actual());
by('save').addEventListener('click', save);

const KEYS = /** @type {Record<string, () => void>} */ ({
  '+': () => stage.larger(),
  '=': () => stage.larger(),
  '-': () => stage.smaller(),
  '0': () => stage.fit(),
  '1': () => stage.actual(),
  'o': () => by('file').click(),
  's': save,
  'b': blink,
  'ArrowLeft': () => stage.pan(60, 0),
  'ArrowRight': () => stage.pan(-60, 0),
  'ArrowUp': () => stage.pan(0, 60),
  'ArrowDown': () => stage.pan(0, -60),
});
document.addEventListener('keydown', (event) => {
  const choosing = event.target instanceof HTMLInputElement && event.key.startsWith('Arrow');
  const elsewhere = event.ctrlKey || event.metaKey || event.altKey || choosing;
  if (elsewhere || !KEYS[event.key] || (event.key !== 'o' && document.body.dataset.state !== 'shown')) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) document.body.classList.remove('dropping');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  take(event.dataTransfer?.files ?? []);
});

start().catch((error) => fail(`cannot be fetched (${error})`));
