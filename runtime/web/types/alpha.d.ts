/**
 * @param {Uint8Array} data of the section
 * @param {number} width in pixels
 * @param {number} height
 * @returns {Promise<Uint8Array>} [height · width], 0 transparent, 255 opaque
 */
export declare function decodeAlpha(data: Uint8Array, width: number, height: number): Promise<Uint8Array>;
