/** Files of the package's assets folder, fetched from where the app serves them. */
import {ASSETS} from './assets.js';

/** Returns the address of an asset: inside `folder` where one is given, else beside this module. */
export function addressOf(name, folder) {
  if (!folder) return ASSETS[name].href;
  const base = folder.endsWith('/') ? folder : `${folder}/`;
  return new URL(name, absolute(base)).href;
}

/** Returns an address in full: relative ones count from the page, as links do. */
export function absolute(address) {
  return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}

/** Returns the bytes of an asset. Throws an Error that names what is missing where. */
export async function fetchBytes(name, folder) {
  const address = addressOf(name, folder);
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(
      `got status ${response.status} for ${address}, expected the asset ${name}: serve the ` +
        "package's assets folder there, or say where it is by the option `assets`",
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** Returns the class names, one a line in labels.txt. A byte order mark is part of a name. */
export async function fetchLabels(folder) {
  const bytes = await fetchBytes('labels.txt', folder);
  const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  return text.replace(/\n$/, '').split('\n');
}
