// What a person reads about the memory of their server. Pure: `memory` is the server's answer.
import { formatSize } from "./sizes.js";

const RECENT = 60 * 60 * 1000; // milliseconds; what happened before is known by now

// What the user has to be told at once, or "". JupyterLab shows 140 characters of a notification.
export function getNotice({ event, limit }, now = Date.now()) {
  if (!event || now - new Date(event.at) > RECENT) return "";
  const at = new Date(event.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const memory = limit ? `its ${formatSize(limit)} of memory` : "memory";
  if (event.kind === "killed") {
    return `At ${at} your server ran out of ${memory}. A program in it was stopped, most likely a notebook's kernel.`;
  }
  if (event.out_of_memory) {
    return `Your server was restarted at ${at}: it ended unexpectedly, most likely because it ran out of ${memory}.`;
  }
  return `Your server was restarted at ${at}: it ended unexpectedly. What your notebooks held in memory is gone.`;
}

// "Restart with 8 GB", or "" where that would not help
export function getButton({ event, larger }) {
  return event?.out_of_memory && larger ? `Restart with ${larger.memory}` : "";
}
