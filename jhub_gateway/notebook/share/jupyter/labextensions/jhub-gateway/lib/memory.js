// What became of the server for want of memory: a notice, with a way to a larger server.
import { makeFollow } from "./follow.js";
import { getHubAddress } from "./hub_address.js";
import { getButton, getNotice } from "./memory_text.js";
import { makeNotice } from "./notice.js";

const REFRESH = 10 * 1000; // milliseconds

export async function makeMemoryPlugin(load) {
  const { Notification } = await load("@jupyterlab/apputils");
  const { PageConfig } = await load("@jupyterlab/coreutils");
  const follow = await makeFollow(load);

  // In a tab of its own: what is not saved here can be saved before the click there.
  function restart({ url }) {
    const [host, prefix] = ["hubHost", "hubPrefix"].map((name) => PageConfig.getOption(name));
    const address = getHubAddress(url, host, prefix, window.location.origin);
    if (address) window.open(address, "_blank", "noopener");
  }

  return {
    id: "jhub-gateway:memory",
    description: "Says when the server ran out of memory.",
    autoStart: true,
    activate(app) {
      const showNotice = makeNotice(Notification);
      follow(app, "jhub-gateway/memory", REFRESH, (memory) => {
        const label = getButton(memory);
        const callback = () => restart(memory.larger);
        const actions = label ? [{ label, callback, displayType: "accent" }] : [];
        showNotice(getNotice(memory), "error", actions);
      });
    },
  };
}
