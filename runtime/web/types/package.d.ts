export type Arrays = Record<string, {
    shape: number[];
    values: Float64Array;
}>;
export type Package = {
    /**
     * 16 hexadecimal digits
     */
    fingerprint: string;
    /**
     * model.json
     */
    description: any;
    /**
     * what decoding needs
     */
    members: Map<string, Uint8Array<ArrayBuffer>>;
    /**
     * of tables.npz
     */
    arrays: Arrays;
};
/**
 * Read a package and check all that decoding needs.
 *
 * @param {Uint8Array | ArrayBuffer} data
 * @returns {Promise<Package>}
 */
export declare function openPackage(data: Uint8Array | ArrayBuffer): Promise<Package>;
/**
 * Arrays, as numpy's `savez` stores them.
 *
 * @param {Uint8Array | ArrayBuffer} data
 * @returns {Arrays}
 */
export declare function readArrays(data: Uint8Array | ArrayBuffer): Arrays;
/**
 * @param {string} finding
 * @param {string} expectation
 * @returns {never}
 */
export declare function damaged(finding: string, expectation: string): never;
