// What an app written in TypeScript does with the packages; only its types are checked.
import {Classifier, type Scored, selfTest} from 'mobilenet';
import {type Output, pick, Predictor} from 'plain';

export async function show(file: File, element: HTMLImageElement): Promise<string> {
  const variant = Classifier.pick(1_000_000).name;
  const classifier = await Classifier.create({wasm: '/litert-wasm/', variant, threads: false});
  const found: Scored[] = await classifier.classify(file, 3);
  await classifier.classify(element);
  await classifier.classify(new ImageData(32, 32));
  await classifier.close();
  return found.map(({label, score}) => `${label}: ${score.toFixed(3)}`).join('\n');
}

export async function value(): Promise<number> {
  const predictor = await Predictor.create({wasm: '/litert-wasm/', variant: pick(5000).name});
  const [output]: Output<Float32Array>[] = await predictor.predict([1, 2, 3, 4, 5, 6]);
  await predictor.predict([new Float32Array(6)]);
  return output?.data[0] ?? NaN;
}

export async function check(): Promise<boolean> {
  const result = await selfTest({wasm: '/litert-wasm/', onProgress: (share) => share.toFixed(1)});
  return result.passed && result.findings.every(({stage}) => stage !== 'decode');
}

// @ts-expect-error The folder of the runtime is not optional.
export const wrong = Classifier.create({});
