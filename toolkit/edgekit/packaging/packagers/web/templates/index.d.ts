/** Element types of a model's inputs and outputs. */
export type TensorData =
  | Float32Array
  | Int32Array
  | BigInt64Array
  | Int8Array
  | Uint8Array;

export interface Output<T = TensorData> {
  name: string;
  shape: number[];
  data: T;
}

export interface Variant {
  name: string;
  file: string;
  sizeBytes: number;
}

export interface Options {
  /** Address of the folder with the runtime's WebAssembly files. */
  wasm: string;
  /** Name of one of the variants; the first is the default. */
  variant?: string;
  /** Several threads: the page must be cross-origin isolated. Off unless asked for. */
  threads?: boolean;
  /** Address of the folder with the package's assets; beside the package's code by default. */
  assets?: string;
[% if takes_image %]
  /** What happens to a picture with transparent pixels; 'warn' by default. */
  transparency?: 'warn' | 'refuse' | 'accept';
[% endif %]
}

[% if takes_image %]
/** Pixels as ImageData has them: RGBA, 8 bits a channel; or with `channels` 1 or 3. */
export interface Pixels {
  data: Uint8ClampedArray | Uint8Array;
  width: number;
  height: number;
  channels?: 1 | 3 | 4;
  orientation?: number;
}

export type Given = ImageBitmapSource | Pixels;
[% else %]
export type Numbers = ArrayLike<number> | ArrayLike<bigint>;

/** One array of numbers per input, row-major; a model of one input takes the array itself. */
export type Given = Numbers | readonly Numbers[];
[% endif %]

declare abstract class Model {
  static readonly variants: Variant[];
  static pick(maxSizeBytes: number): Variant;
  protected constructor();
  readonly variant: Readonly<Variant>;
  readonly labels: readonly string[] | null;
  preprocess(given: Given): Promise<TensorData[]>;
  run(tensors: readonly TensorData[]): Promise<Output[]>;
  close(): Promise<void>;
}

[% if classifies %]
export interface Scored {
  label: string;
  index: number;
  score: number;
}

/** Says which class a picture shows. */
export class Classifier extends Model {
  static create(options: Options): Promise<Classifier>;
  /** The `topK` best classes (5; 1 or more), best first; the score is the model's own output. */
  classify(image: Given, topK?: number): Promise<Scored[]>;
}
[% else %]
/** Computes the model's outputs. */
export class Predictor extends Model {
  static create(options: Options): Promise<Predictor>;
  /** The outputs as real numbers. */
  predict(given: Given): Promise<Output<Float32Array>[]>;
}
[% endif %]

export function listVariants(): Variant[];

/** The best variant of at most `maxSizeBytes`, or the smallest where none fits. */
export function pick(maxSizeBytes: number): Variant;

export type Stage = 'decode' | 'preprocess' | 'inference' | 'result';

export interface Finding {
  variant: string;
  stage: Stage;
  /** Number of the golden sample, from 0; null where the model file or labels.txt is at fault. */
  sample: number | null;
  /** Largest difference; null where there is none to tell, such as a missing file. */
  difference: number | null;
  allowed: number | null;
  message: string;
}

export interface SelfTestResult {
  passed: boolean;
  findings: Finding[];
  /** The report; its last line is `passed` or names the stages that failed. */
  text: string;
}

export interface SelfTestOptions extends Options {
  /** Called with what is done so far, 0 to 1. */
  onProgress?: (share: number) => void;
}

/** Holds this browser to the golden vectors: decode, preprocess, inference, result; all variants. */
export function selfTest(options: SelfTestOptions): Promise<SelfTestResult>;
