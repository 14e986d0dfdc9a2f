// Whether somebody is there: what only a person does, never what a page does by itself.

const EVENTS = ["keydown", "pointerdown", "wheel", "drop"];
// A click on a notification is about that, and says nothing of the server.
const NOTIFICATIONS = ".Toastify, .jp-Notification-Center";

function isPresence(event) {
  const isNotification = event.target instanceof Element && event.target.closest(NOTIFICATIONS);
  return event.isTrusted && !document.hidden && !isNotification;
}

// onPresence: called at an event of a person's, unless it was less than getPeriod() milliseconds ago.
export function watchPresence(getPeriod, onPresence) {
  let last = -Infinity;
  function note(event) {
    const now = performance.now();
    if (now - last < getPeriod() || !isPresence(event)) return;
    last = now;
    onPresence();
  }
  for (const name of EVENTS) {
    document.addEventListener(name, note, { capture: true, passive: true });
  }
}
