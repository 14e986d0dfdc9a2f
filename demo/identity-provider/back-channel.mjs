// The provider ends sessions by itself, and tells the clients (OpenID Connect Back-Channel Logout).

import { TOKEN_EXCHANGE } from './token-exchange.mjs';

/** oidc-provider calls no private address. Those that the configuration names are the operator's. */
export function makeFetch(clients) {
  const named = clients.map((client) => client.backchannel_logout_uri).filter(Boolean);
  const origins = new Set(named.map((uri) => new URL(uri).origin));
  return (url, { dispatcher, ...options }) => (
    fetch(url, origins.has(new URL(url).origin) ? options : { dispatcher, ...options })
  );
}

async function tell(provider, { accountId }, clientId, { sid }) {
  const client = await provider.Client.find(clientId);
  if (!client?.backchannelLogoutUri) return [];
  try {
    await client.backchannelLogout(accountId, sid);
    return [{ client_id: clientId, sid, error: null }];
  } catch (error) {
    return [{ client_id: clientId, sid, error: error.cause?.message ?? error.message }];
  }
}

async function endSession(provider, session) {
  const told = [];
  for (const [clientId, authorization] of Object.entries(session.authorizations ?? {})) {
    told.push(...await tell(provider, session, clientId, authorization));
  }
  // Its tokens go with it, but for those that `offline_access` was asked for.
  await provider.Session.adapter.destroy(session.jti);
  return told;
}

/**
 * Ends an account's sessions, and the tokens that end with them, and tells the clients.
 * Returns `sessions`, how many, and `logout_tokens`: each one sent, with its `error` or null.
 */
export async function endSessions(provider, state, subject) {
  const isTheirs = (session) => session.accountId === subject;
  const sessions = state.getStore('Session').list().filter(isTheirs);
  const told = [];
  for (const session of sessions) told.push(...await endSession(provider, session));
  state.getStore('AccessToken').drop((token) => isTheirs(token) && token.gty === TOKEN_EXCHANGE);
  return { sessions: sessions.length, logout_tokens: told };
}
