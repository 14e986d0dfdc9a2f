// The sign-in: a page with a form, then straight back to the client.

import { readBody } from './body.mjs';
import { sendErrorPage, sendSignInPage } from './pages.mjs';

const PATH = /^\/interaction\/[\w-]+$/;

/** Clients of the gateway are its own, so nobody is asked to consent: the grant is made here. */
async function grantConsent(provider, { params, prompt, session, grantId }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  return { consent: { grantId: await grant.save() } };
}

async function finish(provider, ctx, result) {
  ctx.status = 303;
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
}

async function signIn(provider, ctx, accounts, page) {
  const form = new URLSearchParams(await readBody(ctx.req));
  const username = form.get('username') ?? '';
  const account = accounts.authenticate(username, form.get('password') ?? '');
  if (account) {
    await finish(provider, ctx, { login: { accountId: account.subject } });
    return;
  }
  sendSignInPage(ctx, { ...page, username, failed: true });
}

async function interact(provider, ctx, accounts, { title, hint }) {
  const interaction = await provider.interactionDetails(ctx.req, ctx.res);
  if (interaction.prompt.name === 'consent') {
    await finish(provider, ctx, await grantConsent(provider, interaction));
    return;
  }
  const { params } = interaction;
  const client = await provider.Client.find(params.client_id);
  const page = { title, hint, client, username: params.login_hint ?? '', returnTo: params.redirect_uri };
  if (ctx.method === 'POST') await signIn(provider, ctx, accounts, page);
  else sendSignInPage(ctx, page);
}

/** A Koa middleware that serves `/interaction/<uid>`. */
export function makeInteractions(provider, accounts, configuration) {
  return async (ctx, next) => {
    if (!PATH.test(ctx.path)) return next();
    try {
      return await interact(provider, ctx, accounts, configuration);
    } catch (error) {
      if (error.name !== 'SessionNotFound') throw error;
      return sendErrorPage(ctx, configuration.title, {
        error: 'sign_in_expired',
        error_description: 'This sign-in page has expired. Go back to the page that you came from and sign in again.',
      });
    }
  };
}
