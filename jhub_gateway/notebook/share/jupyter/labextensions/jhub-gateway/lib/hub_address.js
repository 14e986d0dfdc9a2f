// An address at the hub, or "" for what would lead anywhere else. `origin` is the page's, `hubHost`
// is empty unless the hub has an origin of its own.
export function getHubAddress(path, hubHost, hubPrefix, origin) {
  const hub = new URL(hubPrefix || "/hub/", hubHost || origin);
  const address = new URL(path || hub, hub);
  return address.origin === hub.origin ? address.href : "";
}
