// How the gateway's credentials are: a notice when one has ended, and all of them in a dialog.
import { makePanel } from "./credentials_panel.js";
import {
  getLabel,
  getLoginAddress,
  getNotice,
  getState,
  isThere,
  needsLogin,
} from "./credentials_text.js";
import { makeFollow } from "./follow.js";
import { makeNotice } from "./notice.js";
import { makeStatusItem } from "./status_item.js";

const REFRESH = 60 * 1000; // milliseconds
const COMMAND = "jhub-gateway:credentials";
const NOTHING = { state: null, sentence: "", login_url: "", credentials: [] };

export async function makeCredentialsPlugin(load) {
  const { IStatusBar } = await load("@jupyterlab/statusbar");
  const { IMainMenu } = await load("@jupyterlab/mainmenu");
  const { Dialog, ICommandPalette, Notification, showDialog } = await load("@jupyterlab/apputils");
  const { PageConfig } = await load("@jupyterlab/coreutils");
  const { Widget } = await load("@lumino/widgets");
  const follow = await makeFollow(load);

  // In a tab of its own: what is not saved here stays as it is.
  function logIn(health) {
    const [host, prefix] = ["hubHost", "hubPrefix"].map((name) => PageConfig.getOption(name));
    const address = getLoginAddress(health, host, prefix, window.location.origin);
    if (address) window.open(address, "_blank", "noopener");
  }

  async function showPanel(health) {
    const buttons = [Dialog.cancelButton({ label: "Close" })];
    if (needsLogin(health)) buttons.push(Dialog.okButton({ label: "Log in again" }));
    const body = new Widget({ node: makePanel(health) });
    const { button } = await showDialog({ title: "Gateway credentials", body, buttons });
    if (button.accept) logIn(health);
  }

  return {
    id: "jhub-gateway:credentials",
    description: "Shows how the gateway's credentials are.",
    autoStart: true,
    optional: [IStatusBar, ICommandPalette, IMainMenu],
    activate(app, statusBar, palette, menu) {
      let health = NOTHING;
      const onDetails = () => void app.commands.execute(COMMAND);
      const item = makeStatusItem(Widget, "jp-jhubGateway-credentials", onDetails);
      const showNotice = makeNotice(Notification);
      statusBar?.registerStatusItem(COMMAND, {
        item: item.widget,
        isActive: item.isActive,
        align: "left",
        rank: 101,
      });

      const refresh = follow(app, "jhub-gateway/credentials", REFRESH, (answer) => {
        health = answer;
        app.commands.notifyCommandChanged(COMMAND);
        item.show(getState(health), getLabel(health), "Click to see the gateway's credentials");
        const actions = [{ label: "Details", callback: onDetails }];
        if (needsLogin(health)) {
          const callback = () => logIn(health);
          actions.unshift({ label: "Log in again", callback, displayType: "accent" });
        }
        showNotice(getNotice(health), "warning", actions);
      });

      app.commands.addCommand(COMMAND, {
        label: "Gateway Credentials",
        caption: "Show the gateway's credentials and until when they are valid",
        isVisible: () => isThere(health),
        isEnabled: () => isThere(health),
        execute: async () => {
          await refresh();
          await showPanel(health);
        },
      });
      palette?.addItem({ command: COMMAND, category: "Gateway" });
      menu?.fileMenu.addGroup([{ command: COMMAND }], 1000);
    },
  };
}
