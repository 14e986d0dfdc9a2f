// One notice that follows what is true; closed by its reader it comes back for another reason.

// Returns show(message, type, actions, autoClose): "" takes it away; autoClose is milliseconds.
export function makeNotice(Notification) {
  let id = "";
  let shown = "";
  return function show(message, type, actions, autoClose = false) {
    if (message === shown) return;
    shown = message;
    if (id) Notification.dismiss(id);
    if (!message) return;
    id = Notification.emit(message, type, { autoClose, actions });
  };
}
