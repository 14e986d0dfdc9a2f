// How often the provider was asked for what, for tests that count.

// One row for all sign-ins, whose addresses differ.
const ONE_TIME_PATH = /^(\/(?:auth|interaction))\/.+$/;

export class RequestCounts {
  #counts = new Map();

  clear() {
    this.#counts.clear();
  }

  /** One row for each kind of request, with its `count`. */
  list() {
    return [...this.#counts].map(([kind, count]) => ({ ...JSON.parse(kind), count }));
  }

  #add(ctx, accounts) {
    const { params, account } = ctx.oidc ?? {};
    const kind = JSON.stringify({
      method: ctx.method,
      path: ctx.path.replace(ONE_TIME_PATH, '$1/…'),
      grant_type: params?.grant_type ?? null,
      username: accounts.getUsername(account?.accountId) ?? null,
      status: ctx.status,
    });
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** A Koa middleware that counts all but the test controls. */
  makeMiddleware(accounts) {
    return async (ctx, next) => {
      try {
        await next();
      } finally {
        if (!ctx.path.startsWith('/test/')) this.#add(ctx, accounts);
      }
    };
  }
}
