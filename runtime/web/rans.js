/**
 * Frequency tables (FORMAT.md §4) and interleaved range ANS (§3): bytes → symbols.
 *
 * A slot's entry is guessed from the table of every 256th slot, then found by walking on, which is rarely more than a
 * step; the arrays are small enough for a processor's cache. States are whole numbers of 32 bits in JavaScript's
 * signed ones, so that arithmetic on them stays whole.
 *
 * @typedef {object} Tables one entry after the other: symbols −r … r and the escape of table 0, then of table 1, …
 * @property {Uint16Array} start of each entry's slots in its table
 * @property {Uint16Array} last of each entry's slots; 65535 of an escape's
 * @property {Uint16Array} guess [64 · 256] the entry of each table's slot 256 · i
 * @property {Uint16Array} zero [64] the entry of each table's symbol 0
 */
import { AezipError } from './errors.js';
import { damaged } from './package.js';

const TABLES = 64;
const SYMBOL_MAX = 4095;
const RADIUS_MAX = 1023;
const LOW = 2 ** 16; // states are at least this
const MAX_ENTRIES = 2 ** 16; // of all tables

/**
 * @param {import('./package.js').Arrays} arrays
 * @returns {Tables}
 */
export function tablesOf({ radius, frequency }) {
  if (!radius || !frequency || radius.values.length !== TABLES) damaged('its tables', `${TABLES} of them`);
  const entries = frequency.values.length;
  if (entries > MAX_ENTRIES) damaged(`${entries} frequencies`, `at most ${MAX_ENTRIES}`);
  const [start, last] = [new Uint16Array(entries), new Uint16Array(entries)];
  const [guess, zero] = [new Uint16Array(TABLES * 256), new Uint16Array(TABLES)];
  let entry = 0;
  radius.values.forEach((r, table) => {
    if (r < 1 || r > RADIUS_MAX || entry + 2 * r + 2 > entries) damaged(`the radius ${r}`, `1 to ${RADIUS_MAX}`);
    zero[table] = entry + r;
    let sum = 0;
    for (const end = entry + 2 * r + 2; entry < end; entry++) {
      const f = frequency.values[entry];
      if (f < 1 || sum + f > LOW) damaged(`a frequency ${f} in table ${table}`, `1 or more, ${LOW} in all`);
      guess.fill(entry, table * 256 + Math.ceil(sum / 256), table * 256 + Math.ceil((sum + f) / 256));
      start[entry] = sum;
      sum += f;
      last[entry] = sum - 1;
    }
    if (sum !== LOW) damaged(`table ${table} sums to ${sum}`, `${LOW}`);
  });
  if (entry !== entries) damaged(`${entries} frequencies`, `${entry} for these radii`);
  return { start, last, guess, zero };
}

/** A stream, read phase by phase: `take` each, then `finish`. */
export class Stream {
  /** @type {Tables} */
  #tables;
  /** @type {Int32Array} */
  #states;
  /** @type {Uint16Array} */
  #words;
  #used = 0;
  #cut;

  /**
   * @param {Uint8Array} data
   * @param {Tables} tables
   * @param {boolean} cut the stream's end is missing: from the first turn on that lacks words, symbols are 0
   */
  constructor(data, tables, cut = false) {
    const lanes = 2 ** (data[0] ?? 0);
    const head = 1 + 4 * lanes;
    const ended = cut && data.length < head;
    const bytes = cut && !ended ? data.slice(0, data.length - ((data.length - head) % 2)) : data.slice(); // aligned
    this.#cut = cut;
    this.#tables = tables;
    this.#states = new Int32Array(0);
    this.#words = new Uint16Array(0);
    if (ended) return;
    if (!(lanes <= 256)) throw new AezipError('StreamDamaged', 'the number of lanes', '1 to 256');
    if (bytes.length < head || (bytes.length - head) % 2) {
      throw new AezipError('StreamDamaged', `a stream of ${bytes.length} bytes`, 'whole states and whole words');
    }
    this.#states = new Int32Array(bytes.buffer.slice(1, head));
    this.#words = new Uint16Array(bytes.buffer.slice(head));
    if (this.#states.some((x) => x >>> 16 === 0)) {
      throw new AezipError('StreamDamaged', `a state below ${LOW}`, `states from ${LOW} on`);
    }
  }

  /**
   * The next phase's symbols.
   *
   * @param {Uint8Array} index the table of each
   * @returns {Int16Array}
   */
  take(index) {
    const { start, last, guess, zero } = this.#tables;
    let most = 0;
    for (let i = 0; i < index.length; i++) most = Math.max(most, index[i]);
    if (most >= TABLES) damaged(`the model says table ${most}`, `0 to ${TABLES - 1}`);
    const states = this.#states;
    const words = this.#words;
    const symbols = new Int16Array(index.length);
    if (!states.length) return symbols;
    const escaped = new Uint8Array(states.length);
    let used = this.#used;
    for (let at = 0; at < index.length; at += states.length) {
      const lanes = Math.min(states.length, index.length - at);
      let escapes = 0;
      for (let lane = 0; lane < lanes; lane++) {
        const x = states[lane];
        const slot = x & (LOW - 1);
        const table = index[at + lane];
        let entry = guess[(table << 8) | (slot >> 8)];
        while (slot > last[entry]) entry++;
        // steps 1 and 2 of a turn at once: step 1 reads no words, so their order stays
        const next = Math.imul(last[entry] - start[entry] + 1, x >>> 16) + slot - start[entry];
        states[lane] = next >>> 16 ? next : (next << 16) | words[used++];
        symbols[at + lane] = entry - zero[table];
        if (last[entry] === LOW - 1) escaped[escapes++] = lane;
      }
      for (let i = 0; i < escapes; i++) {
        const lane = escaped[i];
        const value = (states[lane] << 16) >> 16;
        if (Math.abs(value) > SYMBOL_MAX) {
          throw new AezipError('StreamDamaged', 'an escaped symbol out of range', `at most ±${SYMBOL_MAX}`);
        }
        symbols[at + lane] = value;
        states[lane] = (states[lane] & ~(LOW - 1)) | words[used++];
      }
      if (used > words.length) {
        if (this.#cut) {
          this.#states = new Int32Array(0);
          return symbols.fill(0, at);
        }
        throw new AezipError('StreamDamaged', 'the stream ends before its symbols do', 'all of its words');
      }
    }
    this.#used = used;
    return symbols;
  }

  /** Check that everything was read and every lane is back at its start. */
  finish() {
    if (this.#cut) return;
    if (this.#used !== this.#words.length || this.#states.some((x) => x !== LOW)) {
      throw new AezipError('StreamDamaged', 'the stream does not end where it began', `every state at ${LOW}`);
    }
  }
}
