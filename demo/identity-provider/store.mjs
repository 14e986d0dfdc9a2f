// Sessions, grants and tokens in memory: a restart signs everybody out.
// oidc-provider's own memory adapter drops the oldest entries beyond a thousand, which a load
// test would meet as refresh tokens that vanish.

const SWEEP_INTERVAL_SECONDS = 60;

export class Store {
  static #stores = new Set();

  #entries = new Map();

  constructor() {
    Store.#stores.add(this);
  }

  static startSweeping() {
    const sweep = () => Store.#stores.forEach((store) => store.#dropExpired());
    setInterval(sweep, SWEEP_INTERVAL_SECONDS * 1000).unref();
  }

  #dropExpired() {
    for (const [id, { expiresAt }] of this.#entries) {
      if (expiresAt <= Date.now()) this.#entries.delete(id);
    }
  }

  async upsert(id, payload, expiresIn) {
    const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.#entries.set(id, { payload, expiresAt });
  }

  async find(id) {
    const entry = this.#entries.get(id);
    return entry && entry.expiresAt > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    for (const { payload, expiresAt } of this.#entries.values()) {
      if (payload.uid === uid && expiresAt > Date.now()) return payload;
    }
    return undefined;
  }

  async consume(id) {
    const payload = await this.find(id);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    this.#entries.delete(id);
  }

  async revokeByGrantId(grantId) {
    for (const [id, { payload }] of this.#entries) {
      if (payload.grantId === grantId) this.#entries.delete(id);
    }
  }
}
