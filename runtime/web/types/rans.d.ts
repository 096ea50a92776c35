export type Tables = {
    /**
     * [64 · 2¹⁶] the entry that owns a slot of a table
     */
    lookup: Uint16Array;
    /**
     * of each entry
     */
    frequency: Uint32Array;
    /**
     * of each entry, in its table
     */
    start: Uint32Array;
    /**
     * of each entry; ESCAPE for escapes
     */
    symbol: Int16Array;
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
     */
    constructor(data: Uint8Array, tables: Tables);
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
