// Every page that a person sees. No script, nothing from elsewhere, a strict content policy.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const STYLE = readFileSync(new URL('style.css', import.meta.url), 'utf8');

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

const MARK = `<svg class="mark" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
  <path d="M6 42V24a18 18 0 0 1 36 0v18" fill="none" stroke="currentColor" stroke-width="4" stroke-linecap="round"/>
  <path d="M16 42V25a8 8 0 0 1 16 0v17" fill="none" stroke="currentColor" stroke-width="4" stroke-linecap="round"/>
  <circle cx="24" cy="26" r="3" fill="currentColor"/>
</svg>`;

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escape(text) {
  return String(text ?? '').replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

/** Browsers hold a form's redirects to `form-action` too, so it names where the client is. */
function makeContentPolicy(formTarget) {
  const origin = URL.canParse(formTarget) ? new URL(formTarget).origin : '';
  return [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action 'self' ${origin}`.trim(),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function send(ctx, { title, heading, body, formTarget }) {
  ctx.type = 'html';
  ctx.set({
    'Content-Security-Policy': makeContentPolicy(formTarget),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  });
  ctx.body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(heading)} · ${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>${MARK}<p>${escape(title)}</p></header>
<h1>${escape(heading)}</h1>
${body}
</main>
</body>
</html>
`;
}

const FAILURE = `<p class="error" id="failure" role="alert">That user name and password do not match. Try again.</p>`;

/** The cursor starts where the user types next. */
function makeFields(username, failed) {
  const failure = failed ? ' aria-invalid="true" aria-describedby="failure"' : '';
  const [first, second] = username ? ['', ' autofocus'] : [' autofocus', ''];
  return `<label for="username">User name</label>
<input id="username" name="username" value="${escape(username)}" required autocomplete="username"
  autocapitalize="none" autocorrect="off" spellcheck="false"${failure}${first}>
<label for="password">Password</label>
<input id="password" name="password" type="password" required
  autocomplete="current-password"${failure}${second}>`;
}

export function sendSignInPage(ctx, { title, hint, client, username, returnTo, failed = false }) {
  ctx.status = failed ? 422 : 200;
  const destination = client?.clientName ?? 'the application that sent you here';
  send(ctx, {
    title,
    heading: 'Sign in',
    formTarget: returnTo,
    body: `<p>Use your gateway account to continue to ${escape(destination)}.</p>
${failed ? FAILURE : ''}
<form method="post" action="${escape(ctx.path)}">
${makeFields(username, failed)}
<button id="sign-in" type="submit">Sign in</button>
</form>
${hint ? `<p class="hint">${escape(hint)}</p>` : ''}`,
  });
}

/** `form` is oidc-provider's own hidden form; the buttons belong to it by its id. */
export function sendSignOutPage(ctx, title, form) {
  send(ctx, {
    title,
    heading: 'Sign out?',
    formTarget: ctx.oidc.params.post_logout_redirect_uri,
    body: `<p>This ends your session at the gateway, for all its applications.</p>
${form}
<button id="sign-out" type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button id="stay" class="quiet" type="submit" form="op.logoutForm">Stay signed in</button>`,
  });
}

export function sendSignedOutPage(ctx, title) {
  send(ctx, { title, heading: 'Signed out', body: '<p>You can close this page.</p>' });
}

/** `out` is an OAuth error: `error` and `error_description`. The status is the caller's. */
export function sendErrorPage(ctx, title, { error, error_description: description }) {
  if (ctx.status === 404) ctx.status = 400;
  send(ctx, {
    title,
    heading: 'Sign-in stopped',
    body: `<p class="error" role="alert">${escape(description || 'Something went wrong.')}</p>
<p>Go back to the application and try again. If this comes again, tell the gateway's support: <code>${escape(error)}</code></p>`,
  });
}
