/**
 * @param {Uint8Array} data of the section
 * @param {number} width in pixels
 * @param {number} height
 * @param {number} depth of the picture
 * @param {number} to bits that are wanted, the depth or 8
 * @returns {Promise<Uint8Array | import('./depth.js').Samples>} [height · width], 0 transparent, 2^to − 1 opaque
 */
export declare function decodeAlpha(data: Uint8Array, width: number, height: number, depth?: number, to?: number): Promise<Uint8Array | import('./depth.js').Samples>;
