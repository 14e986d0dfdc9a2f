// The OpenID provider itself: what oidc-provider is told to issue, to whom and for how long.

import Provider, { interactionPolicy } from 'oidc-provider';

import { makeFetch } from './back-channel.mjs';
import { ConfigurationError } from './configuration.mjs';
import { sendErrorPage, sendSignedOutPage, sendSignOutPage } from './pages.mjs';
import { registerTokenExchange, TOKEN_EXCHANGE } from './token-exchange.mjs';

const CLAIMS = {
  openid: ['sub'],
  profile: ['name', 'preferred_username'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
};

/** The usual prompts, and a new sign-in when the session's account has since been disabled. */
function makePolicy() {
  const { Check, base } = interactionPolicy;
  const policy = base();
  const reason = 'The account of this session is no longer there.';
  policy.get('login').checks.add(new Check('account_gone', reason, ({ oidc }) => (
    oidc.session.accountId && !oidc.account ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT
  )));
  return policy;
}

/** Lifetimes are read at each issue, so that test controls can change them. */
function makeLifetimes(lifetimes) {
  return {
    AccessToken: (_ctx, { gty }) => (
      gty === TOKEN_EXCHANGE ? lifetimes.exchanged_token ?? lifetimes.access_token : lifetimes.access_token
    ),
    IdToken: () => lifetimes.id_token,
    RefreshToken: () => lifetimes.refresh_token,
    Session: () => lifetimes.session,
    // A grant that ended before its refresh token would end that token too.
    Grant: () => Math.max(lifetimes.session, lifetimes.refresh_token),
    Interaction: () => 3600,
  };
}

function makeIssueRefreshToken(refreshTokens) {
  return async (_ctx, client, source) => client.grantTypeAllowed('refresh_token')
    && (refreshTokens === 'always' || source.scopes.has('offline_access'));
}

/** Which clients may ask about a token of any client; a disabled account's tokens count as ended. */
function makeIntrospection(clientIds, accounts) {
  return {
    enabled: clientIds.length > 0,
    allowedPolicy: async (ctx, client, token) => clientIds.includes(client.clientId)
      && Boolean(await accounts.findAccount(ctx, token.accountId)),
  };
}

function makeClient(client) {
  return { grant_types: ['authorization_code', 'refresh_token'], ...client };
}

function makeSettings(configuration, accounts, state) {
  const { title, clients } = configuration;
  return {
    adapter: state.getStore,
    clients: clients.map(makeClient),
    fetch: makeFetch(clients),
    findAccount: accounts.findAccount,
    scopes: ['openid', 'offline_access'],
    responseTypes: ['code'],
    claims: CLAIMS,
    // Claims in the ID token as well as in userinfo, as most gateways' providers do.
    conformIdTokenClaims: false,
    ttl: makeLifetimes(configuration.lifetimes),
    issueRefreshToken: makeIssueRefreshToken(configuration.refresh_tokens),
    rotateRefreshToken: () => configuration.rotate_refresh_tokens,
    pkce: { required: () => true },
    jwks: { keys: state.signingKeys },
    cookies: {
      keys: state.cookieKeys,
      // The hub of the demo is on the same host name and sees these cookies: names tell them apart.
      names: { session: 'gateway_session', interaction: 'gateway_sign_in', resume: 'gateway_resume' },
    },
    interactions: { policy: makePolicy(), url: (_ctx, { uid }) => `/interaction/${uid}` },
    renderError: (ctx, out) => sendErrorPage(ctx, title, out),
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      revocation: { enabled: true },
      introspection: makeIntrospection(configuration.introspection_clients, accounts),
      backchannelLogout: { enabled: clients.some((client) => client.backchannel_logout_uri) },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => sendSignOutPage(ctx, title, form),
        postLogoutSuccessSource: (ctx) => sendSignedOutPage(ctx, title),
      },
    },
  };
}

function logFaults(provider) {
  provider.on('server_error', (ctx, error) => console.error(`${ctx.method} ${ctx.path}:`, error));
  for (const event of ['authorization.error', 'grant.error', 'userinfo.error', 'end_session.error']) {
    provider.on(event, (_ctx, error) => {
      console.error(`${event}: ${error.message}: ${error.error_detail ?? error.error_description}`);
    });
  }
  provider.on('backchannel.error', (_ctx, error, client) => {
    console.error(`backchannel.error: ${client.clientId}: ${error.cause?.message ?? error.message}`);
  });
}

/** oidc-provider looks at a client at its first use; a bad one should stop the start instead. */
async function checkClients(provider, clients) {
  for (const { client_id: clientId } of clients) {
    try {
      await provider.Client.find(clientId);
    } catch (error) {
      throw new ConfigurationError(`Client "${clientId}": ${error.error_description}.`);
    }
  }
}

export async function makeProvider(issuer, configuration, accounts, state) {
  const provider = new Provider(issuer, makeSettings(configuration, accounts, state));
  provider.proxy = issuer.startsWith('https:');
  logFaults(provider);
  const { exchange_audiences: audiences } = configuration;
  if (audiences.length) registerTokenExchange(provider, accounts, audiences);
  await checkClients(provider, configuration.clients);
  return provider;
}
