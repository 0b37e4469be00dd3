/** The demo page: [[ 'a picture' if takes_image else 'numbers' ]] in, results out, and the self-test. */
import {[[ class_name ]], listVariants, selfTest} from '../index.js';
[% if not takes_image %]
import {exampleInputs} from './example.js';
[% endif %]

const find = (id) => document.getElementById(id);
const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;
const options = {wasm: setting('wasm'), assets: setting('assets') || undefined};
let model = null;

/** Shows what goes wrong instead of leaving it in the console. */
async function shown(work) {
  find('error').hidden = true;
  try {
    await work();
  } catch (error) {
    console.error(error);
    find('status').textContent = '';
    find('error').textContent = error.message;
    find('error').hidden = false;
  }
}

function element(tag, text) {
  return Object.assign(document.createElement(tag), {textContent: text});
}

function table(heads, rows) {
  const made = document.createElement('table');
  const line = (tag, cells) => {
    const row = document.createElement('tr');
    row.append(...cells.map((cell) => element(tag, cell)));
    return row;
  };
  made.createTHead().append(line('th', heads));
  made.createTBody().append(...rows.map((cells) => line('td', cells)));
  return made;
}

const control = find('[[ 'picture' if takes_image else 'predict' ]]');

async function load() {
  control.disabled = true;
  find('status').textContent = 'Loading the model …';
  await model?.close();
  model = await [[ class_name ]].create({...options, variant: find('variant').value});
  control.disabled = false;
  find('status').textContent = 'Ready.';
}

[% if takes_image %]
async function answer() {
  const [file] = control.files;
  if (!file) return;
  find('result').replaceChildren();
  find('preview').hidden = true;
  const started = performance.now();
[% else %]
async function answer() {
  const lines = find('values').value.trim().split('\n');
  const given = lines.map((line) => line.split(',').map(Number));
  const started = performance.now();
[% endif %]
[% if classifies %]
  const found = await model.classify(file);
  const rows = found.map(({label, score}) => [label, score.toPrecision(4)]);
  find('result').replaceChildren(table(['Label', 'Score'], rows));
[% else %]
  const outputs = await model.predict([[ 'file' if takes_image else 'given' ]]);
  const rows = outputs.map(({name, shape, data}) => {
    const values = Array.from(data.slice(0, 8), (value) => value.toPrecision(6));
    return [`${name} (${shape.join(' × ')})`, values.join(', ') + (data.length > 8 ? ', …' : '')];
  });
  find('result').replaceChildren(table(['Output', 'Values'], rows));
[% endif %]
[% if takes_image %]
  preview(file);
[% endif %]
  find('status').textContent = `Took ${(performance.now() - started).toFixed(1)} ms.`;
}

[% if takes_image %]
/** Shows what was understood as a picture, not whatever was chosen. */
function preview(file) {
  URL.revokeObjectURL(find('preview').src);
  find('preview').src = URL.createObjectURL(file);
  find('preview').hidden = false;
}

[% endif %]
async function test() {
  const [button, progress, report] = ['self-test', 'progress', 'report'].map(find);
  button.disabled = true;
  progress.hidden = false;
  report.hidden = true;
  try {
    const onProgress = (share) => {
      progress.value = share;
    };
    const {passed, text} = await selfTest({...options, onProgress});
    report.textContent = text;
    report.className = passed ? 'passed' : 'failed';
    report.hidden = false;
  } finally {
    button.disabled = false;
    progress.hidden = true;
  }
}

for (const {name, sizeBytes} of listVariants()) {
  const kilobytes = Math.ceil(sizeBytes / 1000);
  find('variant').append(new Option(`${name} (${kilobytes} kB)`, name));
}
find('variant').addEventListener('change', () => shown(async () => {
  await load();
  await answer();
}));
find('self-test').addEventListener('click', () => shown(test));
[% if takes_image %]
control.addEventListener('change', () => shown(answer));
[% else %]
find('numbers').addEventListener('submit', (event) => {
  event.preventDefault();
  shown(answer);
});
shown(async () => {
  const arrays = await exampleInputs(options.assets);
  find('values').value = arrays.map((array) => Array.from(array).join(', ')).join('\n');
});
[% endif %]
shown(load);
