// The provider's clock, which tests can put wrong. Whatever asks Date.now() for the time gets it,
// and oidc-provider asks nothing else.

const now = Date.now.bind(Date);

/** From now on the provider believes that it is `seconds` later than it is. */
export function setClockOffset(seconds) {
  Date.now = () => now() + seconds * 1000;
}
