/** sha256 of the labels.txt that was validated; null where classes have no names. */
export const LABELS_SHA256 = [[ labels_sha256 ]];

/** Where the golden samples of each variant stand in assets/golden/vectors.bin, for the self-test. */
export const GOLDEN = [[ golden ]];
