// What a person reads about the gateway's credentials. Pure: `health` is the server's answer.
import { getHubAddress } from "./hub_address.js";

const WORDS = {
  valid: "valid",
  late: "renewal is late",
  expired: "expired, being renewed",
  ended: "ended",
};

export function getWord({ state }) {
  return WORDS[state] ?? state;
}

function getNames(health, state) {
  return health.credentials.filter((one) => one.state === state).map(({ name }) => name);
}

// Whether there is anything to show at all
export function isThere({ state }) {
  return state !== null;
}

export function needsLogin(health) {
  return health.state === "ended" && Boolean(health.login_url);
}

// "ended", "expired", or null where nothing needs attention
export function getState(health) {
  if (health.state === "ended" || health.state === "unreadable") return "ended";
  if (getNames(health, "ended").length > 0) return "ended";
  return getNames(health, "expired").length > 0 ? "expired" : null;
}

// "ftp", "ftp, archive" or "5 of them"
function getShort(names) {
  return names.length <= 2 && names.join().length <= 40 ? names.join(", ") : `${names.length} of them`;
}

export function getLabel(health) {
  if (health.state === "ended") return "Gateway login ended";
  if (health.state === "unreadable") return "Gateway credentials unreadable";
  const state = getState(health);
  return state ? `Gateway credentials ${state}: ${getShort(getNames(health, state))}` : "";
}

// What the user has to be told at once, or "". JupyterLab shows 140 characters of a notification;
// the rest is in the dialog.
export function getNotice(health) {
  if (health.state === "ended") {
    return "Your login at the gateway has ended. Your notebooks run on; to reach its services, log in again.";
  }
  const names = getNames(health, "ended");
  if (names.length === 0) return "";
  return `Some of the gateway's credentials have ended: ${getShort(names)}.`;
}

// "14:32 (in 4 min)" in the browser's time zone, "" where there is no end or it is past all
export function getEnd({ state, expires_at }, now = Date.now()) {
  if (!expires_at || state === "ended") return "";
  const end = new Date(expires_at);
  const isToday = end.toDateString() === new Date(now).toDateString();
  const clock = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  const day = isToday ? {} : { day: "numeric", month: "short", year: "numeric" };
  return `${end.toLocaleString([], { ...day, ...clock })} (${getLeft(end - now)})`;
}

function getLeft(milliseconds) {
  const amount = getAmount(Math.floor(Math.abs(milliseconds) / 1000));
  return milliseconds > 0 ? `in ${amount}` : `${amount} ago`;
}

function getAmount(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

// [{ names: "login, ftp", sentence }, ...]: each sentence once
export function getSentences({ state, sentence, credentials }) {
  if (state === "unreadable") return [{ names: "", sentence }];
  const names = new Map();
  for (const one of credentials.filter((one) => one.state !== "valid" && one.sentence)) {
    names.set(one.sentence, [...(names.get(one.sentence) ?? []), one.name]);
  }
  return [...names].map(([sentence, who]) => ({ names: who.join(", "), sentence }));
}

// Where a new login starts, or "" for what would lead anywhere but to the hub
export function getLoginAddress({ login_url }, hubHost, hubPrefix, origin) {
  return getHubAddress(login_url, hubHost, hubPrefix, origin);
}
