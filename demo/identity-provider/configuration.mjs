// Reads the JSON configuration and refuses what it does not understand, with a sentence.

import { readFileSync } from 'node:fs';

const STANDARD_INPUT = 0;

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

// Seconds. Short access tokens, so that a client that never refreshes is found out soon.
const DEFAULT_LIFETIMES = {
  access_token: 300,
  id_token: 300,
  refresh_token: 86400,
  session: 36000,
  // As long as an access token, unless it's given.
  exchanged_token: undefined,
};

const DEFAULTS = {
  title: 'Demo Science Gateway',
  hint: '',
  issuer: undefined,
  clients: [],
  accounts: [],
  lifetimes: {},
  rotate_refresh_tokens: true,
  refresh_tokens: 'always',
  state_file: null,
  exchange_audiences: [],
  introspection_clients: [],
  clock_offset: 0,
  test_controls: false,
};

const CHANGEABLE_CLAIMS = {
  preferred_username: '', name: '', email: '', email_verified: true, groups: [],
};

export class ConfigurationError extends Error {}

function check(condition, sentence) {
  if (!condition) throw new ConfigurationError(sentence);
}

export function checkKeys(given, known, where) {
  for (const key of Object.keys(given)) {
    check(Object.hasOwn(known, key), `${where} has an unknown key "${key}".`);
  }
}

export function checkLifetimes(lifetimes) {
  checkKeys(lifetimes, DEFAULT_LIFETIMES, 'lifetimes');
  for (const [name, seconds] of Object.entries(lifetimes)) {
    check(
      Number.isSafeInteger(seconds) && seconds > 0,
      `lifetimes.${name} must be a whole number of seconds above 0.`,
    );
  }
}

export function checkGroups(groups, username) {
  check(
    Array.isArray(groups) && groups.every((group) => typeof group === 'string'),
    `The groups of account "${username}" must be a list of strings.`,
  );
}

export function checkClaims(claims) {
  check(claims !== null && typeof claims === 'object', 'claims must be an object.');
  checkKeys(claims, CHANGEABLE_CLAIMS, 'claims');
}

export function checkClockOffset(seconds) {
  check(Number.isFinite(seconds), 'The offset of the clock must be a number of seconds.');
}

function isListOfNames(value) {
  return Array.isArray(value) && value.every((name) => name && typeof name === 'string');
}

function checkClients({ clients, introspection_clients: introspecting }) {
  check(Array.isArray(clients), 'clients must be a list.');
  check(clients.every((client) => client?.client_id), 'Each client needs a client_id.');
  check(isListOfNames(introspecting), 'introspection_clients must be a list of client_ids.');
  const known = new Set(clients.map((client) => client.client_id));
  for (const clientId of introspecting) {
    check(known.has(clientId), `introspection_clients names "${clientId}", which clients does not have.`);
  }
}

/** What makes a provider wrong, or lets others change it, is for this machine's own tests. */
function checkTestControls({ test_controls: allowed, clock_offset: offset }, host) {
  check(
    !allowed || LOOPBACK.has(host),
    'test_controls lets anybody change accounts, so it works on a loopback --host only.',
  );
  checkClockOffset(offset);
  check(offset === 0 || allowed, 'clock_offset puts the clock wrong, so it works with test_controls only.');
}

function checkAccounts(accounts) {
  check(Array.isArray(accounts) && accounts.length, 'accounts must be a list with one entry at least.');
  const names = new Set();
  for (const { username, password, groups = [] } of accounts) {
    check(username && typeof username === 'string', 'Each account needs a username.');
    check(!names.has(username), `Two accounts are named "${username}".`);
    check(password && typeof password === 'string', `Account "${username}" needs a password.`);
    checkGroups(groups, username);
    names.add(username);
  }
}

function checkConfiguration(configuration, host) {
  checkKeys(configuration, DEFAULTS, 'The configuration');
  check(
    ['always', 'offline_access'].includes(configuration.refresh_tokens),
    'refresh_tokens must be "always" or "offline_access".',
  );
  check(
    isListOfNames(configuration.exchange_audiences),
    'exchange_audiences must be a list of names or addresses.',
  );
  check(
    configuration.state_file === null || typeof configuration.state_file === 'string',
    'state_file must be the path of a file.',
  );
  checkClients(configuration);
  checkAccounts(configuration.accounts);
  checkLifetimes(configuration.lifetimes);
  checkTestControls(configuration, host);
}

function parse(text, path) {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and the text holds passwords.
    throw new ConfigurationError(`The configuration in ${path} is not valid JSON.`);
  }
}

function read(path) {
  try {
    return readFileSync(path === '-' ? STANDARD_INPUT : path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`The configuration ${path} cannot be read (${error.code}).`);
  }
}

/** Returns the whole configuration in `path` ("-" is standard input) with its defaults. */
export function readConfiguration(path, host) {
  const given = parse(read(path), path);
  check(given !== null && typeof given === 'object' && !Array.isArray(given),
    `The configuration in ${path} must be a JSON object.`);
  const configuration = { ...DEFAULTS, ...given };
  checkConfiguration(configuration, host);
  return {
    ...configuration,
    lifetimes: { ...DEFAULT_LIFETIMES, ...configuration.lifetimes },
  };
}
