// How full the home is: an item in the status bar, and a notice when there is no room left.
import { makeFollow } from "./follow.js";
import { makeNotice } from "./notice.js";
import { makeHelp } from "./space_help.js";
import { getLabel, getNotice, getState, getTitle, getTooltip, needsRoom } from "./space_text.js";
import { makeStatusItem } from "./status_item.js";

const REFRESH = 3 * 60 * 1000; // milliseconds

export async function makeSpacePlugin(load) {
  const { IStatusBar } = await load("@jupyterlab/statusbar");
  const { Dialog, Notification, showDialog } = await load("@jupyterlab/apputils");
  const { Widget } = await load("@lumino/widgets");
  const follow = await makeFollow(load);

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

  return {
    id: "jhub-gateway:space",
    description: "Shows how full the home is.",
    autoStart: true,
    optional: [IStatusBar],
    activate(app, statusBar) {
      let space = null;
      const onHelp = () => void showHelp(app, space);
      const item = makeStatusItem(Widget, "jp-jhubGateway-space", onHelp);
      const showNotice = makeNotice(Notification);
      statusBar?.registerStatusItem("jhub-gateway:space", {
        item: item.widget,
        isActive: item.isActive,
        align: "left",
        rank: 100,
      });

      follow(app, "jhub-gateway/space", REFRESH, (answer) => {
        space = answer;
        item.show(getState(space), getLabel(space), getTooltip(space));
        const type = needsRoom(space) ? "error" : "success";
        showNotice(getNotice(space), type, [{ label: "What to do", callback: onHelp }]);
      });
    },
  };
}
