// Changes for tests while the server runs; README.md lists them. Off unless configured, and on
// loopback alone.

import { endSessions } from './back-channel.mjs';
import { readBody } from './body.mjs';
import { applyChanges } from './changes.mjs';
import {
  checkClaims, checkClockOffset, checkGroups, checkKeys, checkLifetimes, ConfigurationError,
} from './configuration.mjs';

// Enough for an account in more groups than any client should take.
const MAXIMUM_BYTES = 4 * 1024 * 1024;

function record(application, kind, name, change) {
  const { changes } = application.state;
  changes[kind] = { ...changes[kind], [name]: { ...changes[kind][name], ...change } };
}

function changeAccount(application, username, { groups, claims, disabled, ...unknown }) {
  checkKeys(unknown, {}, 'A change of an account');
  if (groups !== undefined) checkGroups(groups, username);
  if (claims !== undefined) checkClaims(claims);
  const given = { groups, claims, ...(disabled !== undefined && { disabled: disabled === true }) };
  const change = Object.entries(given).filter(([, value]) => value !== undefined);
  record(application, 'accounts', username, Object.fromEntries(change));
}

async function changeClient(application, ctx, clientId, change) {
  const { configuration, state } = application;
  const client = configuration.clients.find((one) => one.client_id === clientId);
  if (!client) ctx.throw(404, `There is no client "${clientId}".`);
  const [before, changesBefore] = [{ ...client }, state.changes];
  state.changes = structuredClone(state.changes);
  record(application, 'clients', clientId, change);
  try {
    await application.build();
  } catch (error) {
    // What the provider refuses must not stay, or no later change would work.
    state.changes = changesBefore;
    Object.keys(client).forEach((key) => delete client[key]);
    Object.assign(client, before);
    throw error;
  }
}

function getAccount({ accounts }, ctx, username) {
  const account = accounts.get(username);
  if (!account) ctx.throw(404, `There is no account "${username}".`);
  return account;
}

const CONTROLS = [
  ['POST', /^\/test\/accounts\/([^/]+)$/, async (application, ctx, change, username) => {
    getAccount(application, ctx, username);
    changeAccount(application, username, change);
  }],
  ['POST', /^\/test\/accounts\/([^/]+)\/logout$/, async (application, ctx, _change, username) => {
    const { subject } = getAccount(application, ctx, username);
    ctx.body = await endSessions(application.provider, application.state, subject);
  }],
  ['POST', /^\/test\/clients\/([^/]+)$/, async (application, ctx, change, clientId) => {
    await changeClient(application, ctx, clientId, change);
  }],
  ['POST', /^\/test\/lifetimes$/, async ({ state: { changes } }, _ctx, change) => {
    checkLifetimes(change);
    Object.assign(changes.lifetimes, change);
  }],
  ['POST', /^\/test\/clock$/, async ({ state: { changes } }, _ctx, { offset, ...unknown }) => {
    checkKeys(unknown, {}, 'A change of the clock');
    checkClockOffset(offset);
    changes.clock_offset = offset;
  }],
  ['POST', /^\/test\/rotate-keys$/, async (application, _ctx, { drop_old: dropOld, ...unknown }) => {
    checkKeys(unknown, {}, 'A rotation of keys');
    await application.state.rotateSigningKeys(dropOld === true);
    await application.build();
  }],
  ['GET', /^\/test\/requests$/, async ({ counts }, ctx) => { ctx.body = counts.list(); }],
  ['DELETE', /^\/test\/requests$/, async ({ counts }) => counts.clear()],
];

function findControl({ method, path }) {
  for (const [verb, pattern, run] of CONTROLS) {
    const found = verb === method && pattern.exec(path);
    if (found) return { run, name: found[1] && decodeURIComponent(found[1]) };
  }
  return {};
}

async function readChange(ctx) {
  if (ctx.method !== 'POST') return undefined;
  // A page of another origin cannot send this type without asking first.
  if (!ctx.is('application/json')) ctx.throw(415, 'Send application/json.');
  const change = JSON.parse(await readBody(ctx.req, MAXIMUM_BYTES));
  if (change === null || typeof change !== 'object') ctx.throw(400, 'Send a JSON object.');
  return change;
}

async function control(application, ctx) {
  const { run, name } = findControl(ctx);
  if (!run) ctx.throw(404);
  const change = await readChange(ctx);
  await run(application, ctx, change, name);
  if (ctx.body === undefined) ctx.status = 204;
  if (ctx.method !== 'POST') return;
  applyChanges(application.state.changes, application.configuration, application.accounts);
  application.state.save();
}

/** A Koa middleware that serves `/test/`. */
export function makeTestControls(application) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/test/')) return next();
    try {
      return await control(application, ctx);
    } catch (error) {
      if (!(error instanceof ConfigurationError || error instanceof SyntaxError)) throw error;
      return ctx.throw(400, error.message);
    }
  };
}
