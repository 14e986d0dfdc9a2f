// What test controls have changed since the configuration was read.

import { setClockOffset } from './clock.mjs';

/** Puts `changes` into what is running; applied once more, they change nothing. */
export function applyChanges(changes, configuration, accounts) {
  for (const [username, change] of Object.entries(changes.accounts)) {
    accounts.change(username, change);
  }
  for (const client of configuration.clients) Object.assign(client, changes.clients[client.client_id]);
  Object.assign(configuration.lifetimes, changes.lifetimes);
  setClockOffset(changes.clock_offset ?? configuration.clock_offset);
}
