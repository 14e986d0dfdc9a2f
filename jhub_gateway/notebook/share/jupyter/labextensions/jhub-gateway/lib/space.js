// How full the home is: an item in the status bar, and a notice when there is no room left.
import { makeHelp } from "./space_help.js";
import { getLabel, getNotice, getState, getTitle, getTooltip, needsRoom } from "./space_text.js";

const REFRESH = 3 * 60 * 1000; // milliseconds

export async function makeSpacePlugin(load) {
  const { IStatusBar } = await load("@jupyterlab/statusbar");
  const { Dialog, Notification, showDialog } = await load("@jupyterlab/apputils");
  const { ServerConnection } = await load("@jupyterlab/services");
  const { URLExt } = await load("@jupyterlab/coreutils");
  const { Widget } = await load("@lumino/widgets");

  async function fetchSpace(settings) {
    const url = URLExt.join(settings.baseUrl, "jhub-gateway/space");
    const response = await ServerConnection.makeRequest(url, {}, settings);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response.json();
  }

  async function showHelp(app, space) {
    const hub = "hub:control-panel";
    const buttons = [Dialog.cancelButton({ label: "Close" })];
    if (app.commands.hasCommand(hub)) {
      buttons.push(Dialog.okButton({ label: "Open Hub Control Panel" }));
    }
    const body = new Widget({ node: makeHelp(space) });
    const { button } = await showDialog({ title: getTitle(space), body, buttons });
    if (button.accept) await app.commands.execute(hub);
  }

  function makeStatusItem(onClick) {
    const widget = new Widget();
    widget.addClass("jp-jhubGateway-space");
    const button = document.createElement("button");
    button.addEventListener("click", onClick);
    widget.node.append(button);
    widget.hide();
    return {
      widget,
      show(space) {
        const state = getState(space);
        widget.node.dataset.state = state ?? "";
        button.textContent = getLabel(space);
        button.title = getTooltip(space);
        widget.setHidden(state === null);
      },
    };
  }

  // One notice that follows what is true; closed by its reader it comes back for another reason.
  function makeNotice(onHelp) {
    let id = "";
    let shown = "";
    return function show(space) {
      const message = getNotice(space);
      if (message === shown) return;
      shown = message;
      if (id) Notification.dismiss(id);
      if (!message) return;
      const type = needsRoom(space) ? "error" : "success";
      const actions = [{ label: "What to do", callback: onHelp }];
      id = Notification.emit(message, type, { autoClose: false, actions });
    };
  }

  return {
    id: "jhub-gateway:space",
    description: "Shows how full the home is.",
    autoStart: true,
    optional: [IStatusBar],
    activate(app, statusBar) {
      let space = null;
      const onHelp = () => void showHelp(app, space);
      const item = makeStatusItem(onHelp);
      const showNotice = makeNotice(onHelp);
      statusBar?.registerStatusItem("jhub-gateway:space", {
        item: item.widget,
        align: "left",
        rank: 100,
      });

      async function refresh() {
        if (document.hidden) return;
        try {
          space = await fetchSpace(app.serviceManager.serverSettings);
        } catch (error) {
          console.warn("jhub-gateway:", error.message);
          return;
        }
        item.show(space);
        showNotice(space);
      }

      setInterval(refresh, REFRESH);
      document.addEventListener("visibilitychange", refresh);
      void app.restored.then(refresh);
    },
  };
}
