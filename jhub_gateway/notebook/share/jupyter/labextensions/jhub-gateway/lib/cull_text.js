// What a person reads about the stop of a server that nobody needs. Pure: `stop` is the server's
// answer, {} where none is announced; times are milliseconds.

const MOST = 140; // characters that JupyterLab shows of a notification
const NEAR = 5 * 60 * 1000;
const SAME = 60 * 1000;
const UNITS = [
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

// When the server stops, or null. The same stop has the same time, whatever its answers took.
export function getStopTime(stop, previous, now = Date.now()) {
  if (stop.seconds === undefined) return null;
  const at = now + 1000 * stop.seconds;
  return previous !== null && Math.abs(at - previous) < SAME ? previous : at;
}

// "17:40", or "17:40 on Tuesday" if that is another day
function formatTime(at, now) {
  const time = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (new Date(at).toDateString() === new Date(now).toDateString()) return time;
  return `${time} on ${new Date(at).toLocaleDateString("en", { weekday: "long" })}`;
}

// What the user has to be told at once, or "". Near the stop it is another text, so that it comes
// back after it was closed.
export function getNotice(stop, at, now = Date.now()) {
  if (at === null) return "";
  const when = at - now <= NEAR ? `soon, at ${formatTime(at, now)}` : `at ${formatTime(at, now)}`;
  const whole = `This server stops ${when}, because ${stop.why}.`;
  return whole.length <= MOST ? whole : `This server stops ${when}. Your files stay.`;
}

// "4 more hours": the largest unit that is at most 5 % off
function formatMore(seconds) {
  for (const [length, unit] of UNITS) {
    const count = Math.round(seconds / length);
    if (count && Math.abs(count * length - seconds) <= 0.05 * seconds) {
      return count === 1 ? `1 more ${unit}` : `${count} more ${unit}s`;
    }
  }
  return "1 more second";
}

// "Keep it 4 more hours", or "" where it can't be kept
export function getButton({ keep_seconds }) {
  return keep_seconds > 0 ? `Keep it ${formatMore(keep_seconds)}` : "";
}

// What became of a click, from the server's answer
export function getKept({ seconds }, now = Date.now()) {
  return `Your server runs until ${formatTime(now + 1000 * seconds, now)}.`;
}
