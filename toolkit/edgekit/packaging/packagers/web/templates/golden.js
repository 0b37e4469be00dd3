/** sha256 of the labels.txt that was validated; null where classes have no names. */
export const LABELS_SHA256 = [[ labels_sha256 ]];

/** Variants of which one answer, whatever the input, would pass for all samples. */
export const ALIKE = [[ alike ]];

/** Where the golden samples of each variant stand in assets/golden/vectors.bin, for the self-test. */
export const GOLDEN = [[ golden ]];
