// Changes for tests while the server runs. Off unless configured, and on loopback alone:
//   POST /test/accounts/<username>  {"groups": [...], "disabled": true}
//   POST /test/lifetimes            {"access_token": 5}   (seconds)

import { readBody } from './body.mjs';
import { checkGroups, checkLifetimes, ConfigurationError } from './configuration.mjs';

const ACCOUNT_PATH = /^\/test\/accounts\/([^/]+)$/;

function changeAccount(ctx, accounts, username, { groups, disabled, ...unknown }) {
  const account = accounts.get(username);
  if (!account) ctx.throw(404, `There is no account "${username}".`);
  if (Object.keys(unknown).length) ctx.throw(400, 'Only groups and disabled can be changed.');
  if (groups !== undefined) {
    checkGroups(groups, username);
    account.groups = groups;
  }
  if (disabled !== undefined) account.disabled = disabled === true;
}

function changeLifetimes(lifetimes, changes) {
  checkLifetimes(changes);
  Object.assign(lifetimes, changes);
}

async function change(ctx, accounts, { lifetimes }) {
  const changes = JSON.parse(await readBody(ctx.req));
  const [, username] = ACCOUNT_PATH.exec(ctx.path) ?? [];
  if (username) changeAccount(ctx, accounts, decodeURIComponent(username), changes);
  else if (ctx.path === '/test/lifetimes') changeLifetimes(lifetimes, changes);
  else ctx.throw(404);
  ctx.status = 204;
}

/** A Koa middleware that serves `/test/`. */
export function makeTestControls(accounts, configuration) {
  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !ctx.path.startsWith('/test/')) return next();
    // A page of another origin cannot send this type without asking first.
    if (!ctx.is('application/json')) ctx.throw(415, 'Send application/json.');
    try {
      return await change(ctx, accounts, configuration);
    } catch (error) {
      if (!(error instanceof ConfigurationError || error instanceof SyntaxError)) throw error;
      return ctx.throw(400, error.message);
    }
  };
}
