// The sessions, grants or tokens of one kind.
// oidc-provider's own memory adapter drops the oldest entries beyond a thousand, which a load
// test would meet as refresh tokens that vanish.

export class Store {
  #onChange;

  #entries;

  /** `entries` is what `dump` returned; `onChange` is called after each change. */
  constructor(onChange, entries) {
    this.#onChange = onChange;
    this.#entries = new Map(entries.map(([id, { payload, expiresAt }]) => (
      [id, { payload, expiresAt: expiresAt ?? Infinity }]
    )));
  }

  /** The entries as JSON can hold them, where null is an end that never comes. */
  dump() {
    return [...this.#entries];
  }

  dropExpired() {
    this.#dropWhere(({ expiresAt }) => expiresAt <= Date.now());
  }

  /** Drops what `matches` of a payload. */
  drop(matches) {
    this.#dropWhere(({ payload }) => matches(payload));
  }

  /** The payloads that hold now. */
  list() {
    return [...this.#entries.values()]
      .filter(({ expiresAt }) => expiresAt > Date.now())
      .map(({ payload }) => payload);
  }

  #dropWhere(matches) {
    for (const [id, entry] of this.#entries) {
      if (matches(entry)) this.#entries.delete(id);
    }
    this.#onChange();
  }

  async upsert(id, payload, expiresIn) {
    const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.#entries.set(id, { payload, expiresAt });
    this.#onChange();
  }

  async find(id) {
    const entry = this.#entries.get(id);
    return entry && entry.expiresAt > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    return this.list().find((payload) => payload.uid === uid);
  }

  async consume(id) {
    const payload = await this.find(id);
    if (!payload) return;
    payload.consumed = Math.floor(Date.now() / 1000);
    this.#onChange();
  }

  async destroy(id) {
    this.#entries.delete(id);
    this.#onChange();
  }

  async revokeByGrantId(grantId) {
    this.drop((payload) => payload.grantId === grantId);
  }
}
