/**
 * Does this browser compute what was validated? Golden samples tell, stage by stage.
 *
 * decode: PNG file → pixels. preprocess: golden pixels or numbers → the model's inputs. inference:
 * golden inputs → outputs, by the very file that was validated. result: golden outputs → real
 * numbers, and the class with its label. Each stage starts from the golden result of the one before,
 * so that the stage at fault is the one that is named. The functions are those that the API uses.
 */
import {decode} from './decode.js';
import {fetchBytes, fetchLabels} from './fetch.js';
import {ALIKE, GOLDEN, LABELS_SHA256} from './golden.js';
import {Model, checked, ranked, realOutputs, variantOf} from './model.js';
import {ARRAYS, preprocessImage, preprocessTensor} from './preprocess.js';
import {openSession} from './runtime.js';
import {TAKES_IMAGE, VARIANTS} from './spec.js';

const TESTS = {
  decode: testDecode,
  preprocess: testPreprocess,
  inference: testInference,
  result: testResult,
};
const STAGES = Object.keys(TESTS);

/** Tests every variant, or the one that is named. See index.d.ts for options and result. */
export async function selfTest({variant, onProgress = () => {}, ...options} = {}) {
  const known = checked(options);
  const vectors = await fetchVectors(known.assets);
  const chosen = variant === undefined ? VARIANTS : [variantOf(variant)];
  const findings = [];
  const lines = [];
  let done = 0;
  for (const each of chosen) {
    lines.push(`variant ${each.name}: ${each.file}, ${each.sizeBytes} bytes`);
    for (const stage of STAGES) {
      const report = reportOf(each.name, stage);
      await guarded(report, () => TESTS[stage](report, each, vectors, known));
      findings.push(...report.findings);
      lines.push(...report.lines());
      done += 1;
      onProgress(done / (chosen.length * STAGES.length));
    }
    if (ALIKE.includes(each.name)) {
      lines.push('note: the golden outputs are all alike, another model could pass too');
    }
  }
  const failed = STAGES.filter((stage) => findings.some((finding) => finding.stage === stage));
  lines.push(failed.length === 0 ? 'passed' : `FAILED in ${failed.join(', ')}`);
  return {passed: failed.length === 0, findings, text: lines.join('\n')};
}

/** Collects what one stage finds. */
function reportOf(variant, stage) {
  const findings = [];
  const notes = [];
  let compared = 0;
  let largest = 0;
  const fail = (message, sample = null, difference = null, allowed = null) => {
    findings.push({variant, stage, sample, difference, allowed, message: `${stage}: ${message}`});
  };
  return {
    findings,
    fail,
    note: (text) => notes.push(`${stage}: ${text}`),
    /** Holds `got` to a golden array. */
    compare(sample, got, golden, expected) {
      compared += 1;
      const difference = differenceOf(got, expected);
      if (difference <= golden.tolerance) {
        largest = Math.max(largest, difference);
        return;
      }
      const how = Number.isNaN(difference)
        ? `gives ${got.length} elements or no numbers, expected ${expected.length} numbers`
        : `differs by ${short(difference)}`;
      fail(
        `sample ${sample} ${how}, allowed ${short(golden.tolerance)}`,
        sample,
        Number.isNaN(difference) ? null : difference,
        golden.tolerance,
      );
    },
    lines() {
      if (findings.length > 0) return [...notes, ...findings.map(({message}) => message)];
      if (compared === 0) return notes;
      const all = `${stage}: ${compared} compared, largest difference ${short(largest)}`;
      return [...notes, all];
    },
  };
}

/** Turns what a stage throws into a finding: a self-test that stops has not passed. */
async function guarded(report, test) {
  try {
    await test();
  } catch (error) {
    report.fail(error.message ?? String(error));
  }
}

/** The vectors, or what made them unreadable, which every stage then reports. */
async function fetchVectors(assets) {
  try {
    const bytes = await fetchBytes('golden/vectors.bin', assets);
    return (golden) => viewOf(bytes.buffer, golden);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function viewOf(buffer, {dtype, offset, shape}) {
  const count = shape.reduce((product, size) => product * size, 1);
  return new ARRAYS[dtype](buffer, offset, count);
}

async function testDecode(report, variant, vectors, {assets}) {
  for (const [number, sample] of GOLDEN[variant.name].entries()) {
    if (sample.image === null) continue;
    const bytes = await fetchBytes(sample.image, assets);
    const pixels = await decode(new Blob([bytes], {type: 'image/png'}));
    const [golden] = sample.samples;
    const [height, width] = golden.shape;
    if (pixels.width !== width || pixels.height !== height) {
      const size = `${pixels.width}x${pixels.height} pixels, expected ${width}x${height}`;
      report.fail(`sample ${number} has ${size}`, number, null, golden.tolerance);
      continue;
    }
    report.compare(number, withoutAlpha(pixels.data), golden, asRgb(vectors(golden), golden));
  }
}

function withoutAlpha(rgba) {
  return rgba.filter((_, i) => i % 4 !== 3);
}

/** A grey golden picture is held to all three channels. */
function asRgb(pixels, {shape}) {
  if (shape.length === 3) return pixels;
  return Uint8Array.from({length: pixels.length * 3}, (_, i) => pixels[Math.floor(i / 3)]);
}

function testPreprocess(report, variant, vectors) {
  const {preprocesses, inputs} = variant;
  for (const [number, sample] of GOLDEN[variant.name].entries()) {
    sample.samples.forEach((golden, i) => {
      const given = vectors(golden);
      const got = TAKES_IMAGE
        ? preprocessImage(imageOf(given, golden, sample), preprocesses[i], inputs[i])
        : preprocessTensor(given, preprocesses[i], inputs[i]);
      report.compare(number, got, sample.inputs[i], vectors(sample.inputs[i]));
    });
  }
}

function imageOf(data, {shape}, {orientation}) {
  const [height, width, channels = 1] = shape;
  return {data, width, height, channels, orientation};
}

async function testInference(report, variant, vectors, known) {
  const bytes = await fetchBytes(variant.file, known.assets);
  const digest = await sha256(bytes);
  if (digest !== variant.sha256) {
    report.fail(`${variant.file} has sha256 ${digest}, expected ${variant.sha256}`);
    return;
  }
  const model = new Model(variant, await openSession(bytes, variant, known), null);
  try {
    for (const [number, sample] of GOLDEN[variant.name].entries()) {
      if (!sample.isProbe) await inferOne(report, model, number, sample, vectors);
    }
  } finally {
    await model.close();
  }
  if (GOLDEN[variant.name].every((sample) => sample.outputs.length === 0)) {
    report.note('not compared, this file was not run where it was made');
  }
}

async function inferOne(report, model, number, sample, vectors) {
  const results = await model.run(sample.inputs.map(vectors));
  if (results.length !== model.variant.outputs.length) {
    report.fail(`sample ${number} gives ${results.length} outputs`, number);
    return;
  }
  results.forEach(({shape, data}, i) => {
    const golden = sample.outputs[i];
    const expected = (golden ?? model.variant.outputs[i]).shape;
    if (!fits(shape, expected)) {
      const shapes = `${shape.join('x')}, expected ${expected.join('x')}`;
      report.fail(`sample ${number} gives the shape ${shapes}`, number);
    } else if (golden) {
      report.compare(number, data, golden, vectors(golden));
    } else if (!data.every((value) => Number.isFinite(Number(value)))) {
      report.fail(`sample ${number} gives values that are not finite`, number);
    }
  });
}

async function testResult(report, variant, vectors, {assets}) {
  const labels = LABELS_SHA256 === null ? null : await fetchLabels(assets);
  if (labels) {
    const text = labels.map((label) => `${label}\n`).join('');
    if ((await sha256(new TextEncoder().encode(text))) !== LABELS_SHA256) {
      report.fail('labels.txt is not the one that was validated');
    }
  }
  for (const [number, sample] of GOLDEN[variant.name].entries()) {
    const given = sample.outputs.map((golden) => ({shape: golden.shape, data: vectors(golden)}));
    const outputs = realOutputs(given, variant);
    outputs.forEach(({data}, i) => {
      const golden = sample.values[i] ?? sample.outputs[i];
      report.compare(number, data, golden, vectors(golden));
    });
    if (sample.top === null) continue;
    const [{index, label}] = ranked(outputs[0].data, labels);
    const expected = labels ? labels[sample.top] : String(sample.top);
    if (index !== sample.top) {
      report.fail(`sample ${number} is class ${index}, expected ${sample.top}`, number);
    } else if (label !== expected) {
      report.fail(`sample ${number} is labelled '${label}', expected '${expected}'`, number);
    }
  }
}

/** Whether a shape is the expected one, where -1 stands for any size. */
function fits(shape, expected) {
  const isSame = (size, i) => expected[i] < 0 || expected[i] === size;
  return shape.length === expected.length && shape.every(isSame);
}

/** Returns the largest absolute difference; NaN where there is none to tell. */
function differenceOf(got, expected) {
  if (got.length !== expected.length) return NaN;
  let largest = 0;
  for (let i = 0; i < got.length; i += 1) {
    const difference = Math.abs(Number(got[i]) - Number(expected[i]));
    if (Number.isNaN(difference)) return NaN;
    largest = Math.max(largest, difference);
  }
  return largest;
}

async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) {
    throw new Error(
      'cannot compute sha256: the page is no secure context; serve it by https or from localhost',
    );
  }
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function short(value) {
  return String(Number(value.toPrecision(3)));
}
