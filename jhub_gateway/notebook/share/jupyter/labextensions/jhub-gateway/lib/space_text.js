// What a person reads about the space of their home. Pure: `space` is the server's answer.
import { formatShare, formatSize } from "./sizes.js";

const NEARLY_FULL = 0.9; // of the quota
const FULL = 0.99; // where the kernel enforces the quota, nobody gets over it

// "disk-full" (everybody's), "full", "over" (the quota), "nearly-full", "fine", or null where
// nothing is known
export function getState({ used, quota, full, rescue }) {
  const share = used !== null && quota ? used / quota : null;
  if (full) return share !== null && share >= NEARLY_FULL ? "full" : "disk-full";
  if (used === null) return rescue ? "over" : null;
  if (share > 1) return "over";
  if (rescue && share >= FULL) return "full";
  return share >= NEARLY_FULL ? "nearly-full" : "fine";
}

function getAmount({ used, quota }) {
  if (used === null) return "";
  return quota ? formatShare(used, quota) : formatSize(used);
}

// "Home: 4.1 of 20 GB"
export function getLabel(space) {
  const remarks = { "disk-full": "disk full", full: "full", over: "over quota" };
  return `Home: ${[getAmount(space), remarks[getState(space)]].filter(Boolean).join(", ")}`;
}

export function getTooltip({ used, quota, measured_at }) {
  const lines = [];
  if (used !== null && quota) lines.push(`${Math.round((100 * used) / quota)} % of your space`);
  if (measured_at) lines.push(`Measured ${new Date(measured_at).toLocaleString()}`);
  return [...lines, "Click to read how to make room"].join("\n");
}

// What the user has to be told at once, or "". JupyterLab shows 140 characters of a notification;
// the rest is in the dialog.
export function getNotice(space) {
  const amount = getAmount(space) && ` (${getAmount(space)})`;
  switch (getState(space)) {
    case "disk-full":
      return "The gateway's storage is full: nothing can be saved. Delete files that you don't need.";
    case "full":
      return "Your home is full: nothing can be saved. Delete or move files that you don't need.";
    case "over":
      if (space.rescue) {
        return `Your home is over its quota${amount}. Delete or move files, then start your server again.`;
      }
      return "";
    default:
      if (!space.rescue) return "";
      return "Your home has room again. Stop your server and start it again to leave the rescue mode.";
  }
}

export function getTitle(space) {
  const titles = {
    "disk-full": "The gateway's storage is full",
    full: "Your home is full",
    over: "Your home is over its quota",
  };
  const calm = space.rescue ? "Your home has room again" : "Space in your home";
  return titles[getState(space)] ?? calm;
}

// What happened, in paragraphs
export function getExplanation(space) {
  const paragraphs = {
    "disk-full": [
      "The disk that all users of this gateway share has no space left, so nothing can be saved.",
      "Tell the gateway's support. What you delete yourself helps at once.",
    ],
    full: ["There is no space left, so nothing can be saved, not even a notebook."],
  };
  const amount = getAmount(space);
  const rescue =
    "This server runs in rescue mode: your files are all there and you can delete them, but " +
    "nothing of your own settings and extensions is started.";
  return [
    ...(amount ? [`Your files take ${amount}.`] : []),
    ...(paragraphs[getState(space)] ?? []),
    ...(space.rescue ? [rescue] : []),
  ];
}

// Whether something must go before anything else is of use
export function needsRoom(space) {
  return !space.rescue || ["disk-full", "full", "over"].includes(getState(space));
}
