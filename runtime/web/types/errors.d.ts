/** All that can be wrong with a file, a package or a parameter: what was found, what was expected. */
export declare class AezipError extends Error {
    name: "HeaderDamaged" | "LimitExceeded" | "NotALat" | "PackageDamaged" | "SectionDamaged" | "SectionOrder" | "SectionUnknown" | "StreamDamaged" | "Truncated" | "UnknownFingerprint" | "UnsupportedVersion" | "UsageError";
    /**
     * @param {'NotALat' | 'Truncated' | 'HeaderDamaged' | 'UnsupportedVersion' | 'LimitExceeded' | 'SectionDamaged' |
     *   'SectionUnknown' | 'SectionOrder' | 'StreamDamaged' | 'PackageDamaged' | 'UnknownFingerprint' | 'UsageError'} name
     * @param {string} finding
     * @param {string} expectation
     */
    constructor(name: 'NotALat' | 'Truncated' | 'HeaderDamaged' | 'UnsupportedVersion' | 'LimitExceeded' | 'SectionDamaged' | 'SectionUnknown' | 'SectionOrder' | 'StreamDamaged' | 'PackageDamaged' | 'UnknownFingerprint' | 'UsageError', finding: string, expectation: string);
}
