// Says that the server stops because nobody needs it, keeps it, and tells it that somebody is there.
import { makeAsk } from "./ask.js";
import { getButton, getKept, getNotice, getStopTime } from "./cull_text.js";
import { makeFollow } from "./follow.js";
import { makeNotice } from "./notice.js";
import { watchPresence } from "./presence.js";

// milliseconds
const REFRESH = 10 * 1000;
const PRESENCE = 60 * 1000;
const PRESENCE_AT_NOTICE = 3 * 1000;
const SHOW_KEPT = 10 * 1000;

const TROUBLE = "Your server can't be asked just now. Keep it on the hub's home page.";

export async function makeCullPlugin(load) {
  const { Notification } = await load("@jupyterlab/apputils");
  const ask = await makeAsk(load);
  const follow = await makeFollow(load);

  // What became of a click: whether the server is kept, and a sentence
  async function keep(app) {
    try {
      const response = await ask(app, "jhub-gateway/keep", { method: "POST" });
      const answer = await response.json();
      return [response.ok, response.ok ? getKept(answer) : answer.message];
    } catch (error) {
      console.warn("jhub-gateway:", error.message);
      return [false, TROUBLE];
    }
  }

  return {
    id: "jhub-gateway:cull",
    description: "Says when the server stops because nobody needs it.",
    autoStart: true,
    activate(app) {
      let at = null;
      const showNotice = makeNotice(Notification);
      const showOutcome = makeNotice(Notification);
      const refresh = follow(app, "jhub-gateway/stop", REFRESH, (stop) => {
        at = getStopTime(stop, at);
        const label = getButton(stop);
        const actions = label ? [{ label, callback: onKeep, displayType: "accent" }] : [];
        showNotice(getNotice(stop, at), "warning", actions);
      });

      async function onKeep() {
        // The click has closed it. If the stop stays, it comes again.
        showNotice("");
        showOutcome("");
        const [isKept, sentence] = await keep(app);
        showOutcome(sentence, isKept ? "success" : "error", [], isKept && SHOW_KEPT);
        await refresh();
      }

      async function tellPresence() {
        try {
          await ask(app, "jhub-gateway/presence", { method: "POST" });
          // It takes back a stop for want of use.
          if (at !== null) await refresh();
        } catch (error) {
          console.warn("jhub-gateway:", error.message);
        }
      }

      watchPresence(() => (at === null ? PRESENCE : PRESENCE_AT_NOTICE), tellPresence);
    },
  };
}
