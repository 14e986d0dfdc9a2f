// A button in the status bar. `name` is its class: style.css knows it by that and by its state.
export function makeStatusItem(Widget, name, onClick) {
  const widget = new Widget();
  widget.addClass("jp-jhubGateway-status");
  widget.addClass(name);
  const button = document.createElement("button");
  button.addEventListener("click", onClick);
  widget.node.append(button);
  let isActive = false;
  return {
    widget,
    // The status bar asks for this whenever it arranges its items, and shows or hides them by it.
    isActive: () => isActive,
    // state: null hides it
    show(state, label, tooltip) {
      isActive = state !== null;
      widget.node.dataset.state = state ?? "";
      button.textContent = label;
      button.title = tooltip;
      widget.setHidden(!isActive);
    },
  };
}
