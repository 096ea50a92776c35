export type Tables = {
    /**
     * of each entry's slots in its table
     */
    start: Uint16Array;
    /**
     * of each entry's slots; 65535 of an escape's
     */
    last: Uint16Array;
    /**
     * [64 · 256] the entry of each table's slot 256 · i
     */
    guess: Uint16Array;
    /**
     * [64] the entry of each table's symbol 0
     */
    zero: Uint16Array;
};
/**
 * @param {import('./package.js').Arrays} arrays
 * @returns {Tables}
 */
export declare function tablesOf({ radius, frequency }: import('./package.js').Arrays): Tables;
/** A stream, read phase by phase: `take` each, then `finish`. */
export declare class Stream {
    #private;
    /**
     * @param {Uint8Array} data
     * @param {Tables} tables
     * @param {boolean} cut the stream's end is missing: from the first turn on that lacks words, symbols are 0
     */
    constructor(data: Uint8Array, tables: Tables, cut?: boolean);
    /**
     * The next phase's symbols.
     *
     * @param {Uint8Array} index the table of each
     * @returns {Int16Array}
     */
    take(index: Uint8Array): Int16Array;
    /** Check that everything was read and every lane is back at its start. */
    finish(): void;
}
