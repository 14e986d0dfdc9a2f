// The gateway's accounts: who they are, and whether a password is theirs.

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** An opaque subject in the shape of a UUID: the same at each start, and not the user name. */
function makeSubject(username) {
  const digest = createHash('sha256').update(`gateway-account:${username}`).digest('hex');
  return digest.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-8$3-8$4-$5');
}

export class Accounts {
  // Digests of equal length let passwords be compared in constant time.
  #digestKey = randomBytes(32);

  #byUsername = new Map();

  #bySubject = new Map();

  constructor(accounts) {
    for (const { password, ...account } of accounts) {
      this.#add({ subject: makeSubject(account.username), groups: [], ...account }, password);
    }
  }

  #add(account, password) {
    const entry = { ...account, disabled: false, digest: this.#makeDigest(password) };
    this.#byUsername.set(entry.username, entry);
    this.#bySubject.set(entry.subject, entry);
  }

  #makeDigest(password) {
    return createHmac('sha256', this.#digestKey).update(password).digest();
  }

  /** The account with this user name, or undefined. */
  get(username) {
    return this.#byUsername.get(username);
  }

  /** The user name of a subject, or undefined. */
  getUsername(subject) {
    return this.#bySubject.get(subject)?.username;
  }

  /** Changes the `groups`, the `claims` or `disabled` of an account; of nobody's it is harmless. */
  change(username, change) {
    Object.assign(this.get(username) ?? {}, change);
  }

  /** The account that this user name and password open, or undefined. */
  authenticate(username, password) {
    const account = this.#byUsername.get(username);
    const given = this.#makeDigest(password);
    // An unknown name costs the same comparison as a known one.
    const matches = timingSafeEqual(given, account?.digest ?? this.#digestKey);
    return matches && account && !account.disabled ? account : undefined;
  }

  /** What oidc-provider asks for: the enabled account of a subject, and its claims. */
  findAccount = async (_ctx, subject) => {
    const account = this.#bySubject.get(subject);
    if (!account || account.disabled) return undefined;
    return { accountId: subject, claims: async () => makeClaims(account) };
  };
}

/** `claims` replaces what the account would say; null leaves a claim out. */
function makeClaims({ subject, username, name = username, email, groups, claims = {} }) {
  const all = {
    sub: subject,
    preferred_username: username,
    name,
    ...(email && { email, email_verified: true }),
    groups,
    ...claims,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}
