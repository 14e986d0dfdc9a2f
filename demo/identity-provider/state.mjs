// What a restart would lose: sessions, grants and tokens, the keys, and what test controls changed.
// With a path it's in that file, as of the last answer; without one it's in memory alone.

import {
  readFileSync, renameSync, rmSync, writeFileSync,
} from 'node:fs';

import { ConfigurationError } from './configuration.mjs';
import { makeCookieKey, makeSigningKey } from './keys.mjs';
import { Store } from './store.mjs';

const SWEEP_INTERVAL_SECONDS = 60;

const UNCHANGED = { accounts: {}, clients: {}, lifetimes: {} };

export class State {
  #path;

  #stores = new Map();

  constructor(path, { signingKeys, cookieKeys, changes, stores }) {
    this.#path = path;
    this.signingKeys = signingKeys;
    this.cookieKeys = cookieKeys;
    this.changes = changes;
    for (const [model, entries] of Object.entries(stores)) this.#addStore(model, entries);
  }

  #addStore(model, entries) {
    const store = new Store(() => this.save(), entries);
    this.#stores.set(model, store);
    return store;
  }

  /** oidc-provider's adapter: the store of a model, such as "Session", for as long as this runs. */
  getStore = (model) => this.#stores.get(model) ?? this.#addStore(model, []);

  /** A new first key signs from now on; the old ones still verify, unless they are dropped. */
  async rotateSigningKeys(dropOld) {
    this.signingKeys = [await makeSigningKey(), ...(dropOld ? [] : this.signingKeys)];
    this.save();
  }

  /** Writes the file before the answer goes out, so that a client never holds more than it does. */
  save() {
    if (!this.#path) return;
    const { signingKeys, cookieKeys, changes } = this;
    const stores = Object.fromEntries([...this.#stores].map(([model, store]) => [model, store.dump()]));
    const next = `${this.#path}.next`;
    // A left-over file could be somebody else's, or open to others.
    rmSync(next, { force: true });
    const text = JSON.stringify({ signingKeys, cookieKeys, changes, stores });
    writeFileSync(next, text, { flag: 'wx', mode: 0o600 });
    renameSync(next, this.#path);
  }

  startSweeping() {
    const sweep = () => this.#stores.forEach((store) => store.dropExpired());
    setInterval(sweep, SWEEP_INTERVAL_SECONDS * 1000).unref();
  }
}

async function makeState() {
  return {
    signingKeys: [await makeSigningKey()],
    cookieKeys: [makeCookieKey()],
    changes: structuredClone(UNCHANGED),
    stores: {},
  };
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw new ConfigurationError(`The state_file ${path} cannot be read (${error.code}).`);
  }
}

function parse(text, path) {
  try {
    const state = JSON.parse(text);
    return { ...state, changes: { ...UNCHANGED, ...state.changes } };
  } catch {
    throw new ConfigurationError(`The state_file ${path} is not valid JSON. Remove it to start anew.`);
  }
}

/** Returns the state in `path`, or a new one if there is no such file or no path. */
export async function loadState(path) {
  const text = path ? read(path) : undefined;
  const state = new State(path, text === undefined ? await makeState() : parse(text, path));
  try {
    state.save();
  } catch (error) {
    throw new ConfigurationError(`The state_file ${path} cannot be written (${error.code}).`);
  }
  return state;
}
