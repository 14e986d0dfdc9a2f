// Token exchange (RFC 8693): a login's access token becomes one for another service.

import { errors } from 'oidc-provider';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const PARAMETERS = [
  'subject_token', 'subject_token_type', 'requested_token_type', 'actor_token', 'audience', 'resource', 'scope',
];

const { InvalidGrant, InvalidRequest, InvalidScope, InvalidTarget } = errors;

function checkTypes({ subject_token: token, subject_token_type: type, requested_token_type: wanted, actor_token: actor }) {
  if (!token || !type) throw new InvalidRequest('subject_token and subject_token_type are needed');
  if (type !== ACCESS_TOKEN) throw new InvalidRequest('subject_token_type must be that of an access token');
  if ((wanted ?? ACCESS_TOKEN) !== ACCESS_TOKEN) {
    throw new InvalidRequest('requested_token_type must be that of an access token');
  }
  if (actor) throw new InvalidRequest('actor_token is not supported');
}

function getTarget({ audience, resource }, audiences) {
  const targets = new Set([audience ?? [], resource ?? []].flat());
  if (targets.size !== 1) throw new InvalidTarget('one audience or resource is needed');
  const [target] = targets;
  if (!audiences.includes(target)) throw new InvalidTarget('this audience is not known here');
  return target;
}

/** RFC 8693, section 2.2.2, has `invalid_request` for a subject token that does not hold. */
async function findSubject({ provider, client, params }) {
  const token = await provider.AccessToken.find(params.subject_token);
  if (!token?.isValid) throw new InvalidRequest('subject_token is unknown or has expired');
  if (token.clientId !== client.clientId) throw new InvalidRequest('subject_token is of another client');
  return token;
}

function getScope({ scope }, subject) {
  const missing = (scope?.split(' ') ?? []).filter((one) => !subject.scopes.has(one));
  if (missing.length) throw new InvalidScope('the subject_token lacks this scope', missing.join(' '));
  return scope ?? subject.scope;
}

async function exchange(ctx, accounts, audiences) {
  const { provider, client, params } = ctx.oidc;
  checkTypes(params);
  const audience = getTarget(params, audiences);
  const subject = await findSubject(ctx.oidc);
  const account = await accounts.findAccount(ctx, subject.accountId);
  if (!account) throw new InvalidGrant('the account of subject_token is not there');
  ctx.oidc.entity('Account', account);
  // Of no grant: revoking a token ends all that its grant has issued, and so the login.
  const token = new provider.AccessToken({
    accountId: subject.accountId, client, gty: TOKEN_EXCHANGE, scope: getScope(params, subject),
  });
  token.setAudience(audience);
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS_TOKEN,
    token_type: 'Bearer',
    expires_in: token.expiration,
    scope: token.scope,
  };
}

/** Lets clients with this grant type have tokens for `audiences`. */
export function registerTokenExchange(provider, accounts, audiences) {
  const handle = (ctx) => exchange(ctx, accounts, audiences);
  provider.registerGrantType(TOKEN_EXCHANGE, handle, PARAMETERS, ['audience', 'resource']);
}
