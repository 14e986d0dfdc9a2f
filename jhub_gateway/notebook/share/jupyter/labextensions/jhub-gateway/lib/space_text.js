// What a person reads about the space of their home. Pure: `space` is the server's answer.
import { formatShare, formatSize } from "./sizes.js";

const NEARLY_FULL = 0.9;

// "full", "over" (the quota), "nearly-full", "fine", or null where nothing is known
export function getState(space) {
  if (space.full) return "full";
  if (space.used === null) return space.rescue ? "over" : null;
  if (!space.quota) return "fine";
  if (space.used > space.quota) return "over";
  return space.used >= NEARLY_FULL * space.quota ? "nearly-full" : "fine";
}

function getAmount({ used, quota }) {
  if (used === null) return "";
  return quota ? formatShare(used, quota) : formatSize(used);
}

// "Home: 4.1 of 20 GB"
export function getLabel(space) {
  const remark = { full: "full", over: "over quota" }[getState(space)];
  return `Home: ${[getAmount(space), remark].filter(Boolean).join(", ")}`;
}

export function getTooltip({ used, quota, measured_at }) {
  const lines = [];
  if (used !== null && quota) lines.push(`${Math.round((100 * used) / quota)} % of your space`);
  if (measured_at) lines.push(`Measured ${new Date(measured_at).toLocaleString()}`);
  return [...lines, "Click to read how to make room"].join("\n");
}

// One's own files fill the disk, or everybody's?
function isSharedDiskFull({ full, used, quota }) {
  return full && !(quota && used !== null && used >= NEARLY_FULL * quota);
}

// Whether a notice is due: "full", "rescue" or null
export function getAlarm(space) {
  if (space.full) return "full";
  return space.rescue ? "rescue" : null;
}

// JupyterLab shows 140 characters of a notification; the rest is in the dialog.
export function getNotice(space) {
  if (isSharedDiskFull(space)) {
    return "The gateway's storage is full: nothing can be saved. Delete files that you don't need.";
  }
  if (space.full) {
    return "Your home is full: nothing can be saved. Delete or move files that you don't need.";
  }
  if (getState(space) === "over") {
    const amount = getAmount(space);
    return `Your home is over its quota${amount && ` (${amount})`}. Delete or move files, then start your server again.`;
  }
  return "Your home has room again. Stop your server and start it again to leave the rescue mode.";
}

export function getTitle(space) {
  if (isSharedDiskFull(space)) return "The gateway's storage is full";
  const titles = { full: "Your home is full", over: "Your home is over its quota" };
  return titles[getState(space)] ?? (space.rescue ? "Your home has room again" : "Space in your home");
}

// What happened, in paragraphs
export function getExplanation(space) {
  const amount = getAmount(space);
  const paragraphs = [];
  if (amount) paragraphs.push(`Your files take ${amount}.`);
  if (isSharedDiskFull(space)) {
    paragraphs.push(
      "The disk that all users of this gateway share has no space left, so nothing can be saved.",
      "Tell the gateway's support. What you delete yourself helps at once.",
    );
  } else if (space.full) {
    paragraphs.push("There is no space left, so nothing can be saved, not even a notebook.");
  }
  if (space.rescue) {
    paragraphs.push(
      "This server runs in rescue mode: your files are all there and you can delete them, but " +
        "nothing of your own settings and extensions is started.",
    );
  }
  return paragraphs;
}
