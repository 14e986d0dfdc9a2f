// The provider with its pages. It can be made anew while it runs: oidc-provider reads keys and
// clients once, and all else is in the state.

import { applyChanges } from './changes.mjs';
import { makeInteractions } from './interactions.mjs';
import { makeProvider } from './provider.mjs';
import { RequestCounts } from './request-counts.mjs';
import { makeTestControls } from './test-controls.mjs';

export class Application {
  #callback;

  #counts = new RequestCounts();

  constructor(issuer, configuration, accounts, state) {
    Object.assign(this, { issuer, configuration, accounts, state });
  }

  get counts() {
    return this.#counts;
  }

  /** Makes the provider from the configuration, the changes and the keys as they are now. */
  async build() {
    const { issuer, configuration, accounts, state } = this;
    applyChanges(state.changes, configuration, accounts);
    const provider = await makeProvider(issuer, configuration, accounts, state);
    if (configuration.test_controls) {
      provider.use(this.#counts.makeMiddleware(accounts));
      provider.use(makeTestControls(this));
    }
    provider.use(makeInteractions(provider, accounts, configuration));
    this.provider = provider;
    this.#callback = provider.callback();
  }

  handle = (request, response) => this.#callback(request, response);
}
