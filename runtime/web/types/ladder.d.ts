export type Rung = {
    /**
     * [Z] exact
     */
    hyper_inverse: Float32Array;
    /**
     * [Z] whole
     */
    hyper_offset: Float32Array;
    /**
     * [C] exact
     */
    mean_gain: Float32Array;
    /**
     * [C] exact
     */
    context_gain: Float32Array;
    /**
     * [C] whole
     */
    shift: Float32Array;
    /**
     * [C] for latents in 1/16
     */
    inverse_gain: Float32Array;
    /**
     * [Z] table of each hyper-latent channel
     */
    hyperIndex: Uint8Array;
    /**
     * [C] table of each channel; of models without a hyperprior, whose Z is 0
     */
    table?: Uint8Array;
};
/**
 * Everything that a quality sets.
 *
 * @param {import('./package.js').Arrays} arrays
 * @param {number} quality 0 … 1000
 * @returns {Rung}
 */
export declare function rungOf(arrays: import('./package.js').Arrays, quality: number): Rung;
