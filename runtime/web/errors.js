/** All that can be wrong with a file, a package or a parameter: what was found, what was expected. */
export class AezipError extends Error {
  /**
   * @param {'NotALat' | 'Truncated' | 'HeaderDamaged' | 'UnsupportedVersion' | 'LimitExceeded' | 'SectionDamaged' |
   *   'SectionUnknown' | 'SectionOrder' | 'StreamDamaged' | 'PackageDamaged' | 'UnknownFingerprint' | 'ModelUnfit' | 'UsageError'} name
   * @param {string} finding
   * @param {string} expectation
   */
  constructor(name, finding, expectation) {
    super(`${finding}; expected ${expectation}`);
    this.name = name;
  }
}
