/**
 * Frequency tables (FORMAT.md §4) and interleaved range ANS (§3): bytes → symbols.
 *
 * @typedef {object} Tables one entry after the other: symbols −r … r and the escape of table 0, then of table 1, …
 * @property {Uint16Array} lookup [64 · 2¹⁶] the entry that owns a slot of a table
 * @property {Uint32Array} frequency of each entry
 * @property {Uint32Array} start of each entry, in its table
 * @property {Int16Array} symbol of each entry; ESCAPE for escapes
 */
import { AezipError } from './errors.js';
import { damaged } from './package.js';

const TABLES = 64;
const SYMBOL_MAX = 1023;
const ESCAPE = SYMBOL_MAX + 1;
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
  const lookup = new Uint16Array(TABLES * LOW);
  const start = new Uint32Array(entries);
  const symbol = new Int16Array(entries);
  let entry = 0;
  radius.values.forEach((r, table) => {
    if (r < 1 || r > SYMBOL_MAX || entry + 2 * r + 2 > entries) damaged(`the radius ${r}`, `1 to ${SYMBOL_MAX}`);
    let sum = 0;
    for (let s = -r; s <= r + 1; s++, entry++) {
      const f = frequency.values[entry];
      if (f < 1 || sum + f > LOW) damaged(`a frequency ${f} in table ${table}`, `1 or more, ${LOW} in all`);
      lookup.fill(entry, table * LOW + sum, table * LOW + sum + f);
      start[entry] = sum;
      symbol[entry] = s > r ? ESCAPE : s;
      sum += f;
    }
    if (sum !== LOW) damaged(`table ${table} sums to ${sum}`, `${LOW}`);
  });
  if (entry !== entries) damaged(`${entries} frequencies`, `${entry} for these radii`);
  return { lookup, frequency: Uint32Array.from(frequency.values), start, symbol };
}

/** A stream, read phase by phase: `take` each, then `finish`. */
export class Stream {
  /** @type {Tables} */
  #tables;
  /** @type {Uint32Array} */
  #states;
  /** @type {Uint16Array} */
  #words;
  #used = 0;

  /**
   * @param {Uint8Array} data
   * @param {Tables} tables
   */
  constructor(data, tables) {
    const bytes = data.slice(); // aligned for what follows
    const lanes = 2 ** bytes[0];
    const head = 1 + 4 * lanes;
    if (!(lanes <= 256)) throw new AezipError('StreamDamaged', 'the number of lanes', '1 to 256');
    if (bytes.length < head || (bytes.length - head) % 2) {
      throw new AezipError('StreamDamaged', `a stream of ${bytes.length} bytes`, 'whole states and whole words');
    }
    this.#tables = tables;
    this.#states = new Uint32Array(bytes.buffer.slice(1, head));
    this.#words = new Uint16Array(bytes.buffer.slice(head));
    if (this.#states.some((x) => x < LOW)) {
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
    const { lookup, frequency, start, symbol } = this.#tables;
    const unknown = index.find((table) => table >= TABLES);
    if (unknown !== undefined) damaged(`the prior says table ${unknown}`, `0 to ${TABLES - 1}`);
    const states = this.#states;
    const words = this.#words;
    const symbols = new Int16Array(index.length);
    let used = this.#used;
    for (let at = 0; at < index.length; at += states.length) {
      const lanes = Math.min(states.length, index.length - at);
      let escapes = 0;
      for (let lane = 0; lane < lanes; lane++) {
        const x = states[lane];
        const slot = x & (LOW - 1);
        const entry = lookup[index[at + lane] * LOW + slot];
        // steps 1 and 2 of a turn at once: step 1 reads no words, so their order stays
        const next = frequency[entry] * (x >>> 16) + slot - start[entry];
        states[lane] = next < LOW ? next * LOW + words[used++] : next;
        symbols[at + lane] = symbol[entry];
        if (symbol[entry] === ESCAPE) escapes++;
      }
      for (let lane = 0; escapes > 0; lane++) {
        if (symbols[at + lane] !== ESCAPE) continue;
        const value = (states[lane] << 16) >> 16;
        if (Math.abs(value) > SYMBOL_MAX) {
          throw new AezipError('StreamDamaged', 'an escaped symbol out of range', `at most ±${SYMBOL_MAX}`);
        }
        symbols[at + lane] = value;
        states[lane] = (states[lane] & ~(LOW - 1)) | words[used++];
        escapes--;
      }
      if (used > words.length) {
        throw new AezipError('StreamDamaged', 'the stream ends before its symbols do', 'all of its words');
      }
    }
    this.#used = used;
    return symbols;
  }

  /** Check that everything was read and every lane is back at its start. */
  finish() {
    if (this.#used !== this.#words.length || this.#states.some((x) => x !== LOW)) {
      throw new AezipError('StreamDamaged', 'the stream does not end where it began', `every state at ${LOW}`);
    }
  }
}
