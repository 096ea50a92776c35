export type Phase = {
    index: Uint8Array;
    symbol: Int16Array;
};
export type Tile = {
    /**
     * in positions, as the others
     */
    top: number;
    left: number;
    height: number;
    width: number;
    stream: Uint8Array;
    /**
     * no latent is skipped
     */
    noSkip: boolean;
    /**
     * symbols stand in the order of their tables
     */
    progressive: boolean;
    /**
     * the stream's end is missing
     */
    cut: boolean;
};
/**
 * The tiles of a picture and the stream of each (§2).
 *
 * @param {import('./container.js').Lat} lat
 * @returns {Tile[]}
 */
export declare function tilesOf({ header, sections, missing }: import('./container.js').Lat): Tile[];
/** @param {Uint8Array[]} parts */
export declare function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer>;
/**
 * Latents of a tile in 1/16 of a step [height, width, C], and the symbols they are from.
 *
 * @param {import('./aezip.js').Model} model
 * @param {Tile} tile
 * @param {import('./ladder.js').Rung} rung
 * @returns {Promise<{ latent: Int16Array, phases: Phase[] }>}
 */
export declare function decodeTile(model: import('./aezip.js').Model, { height, width, stream, noSkip, progressive, cut }: Tile, rung: import('./ladder.js').Rung): Promise<{
    latent: Int16Array;
    phases: Phase[];
}>;
