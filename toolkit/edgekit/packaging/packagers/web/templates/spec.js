/**
 * The facts of the model that the code goes by, as they were validated.
 *
 * `preprocesses` and `inputs` have one entry for each input of a model file.
 */
export const TAKES_IMAGE = [[ takes_image ]];
export const HAS_LABELS = [[ has_labels ]];

/** Variants that lost least against the float model first. */
export const BY_QUALITY = [[ by_quality ]];

/** The first is the default. */
export const VARIANTS = [[ variants ]];
