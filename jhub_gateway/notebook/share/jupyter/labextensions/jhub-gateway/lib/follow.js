// Asks the user's server for a state again and again, while somebody may be looking.
import { makeAsk } from "./ask.js";

// path: of the server's answer, e.g. "jhub-gateway/space"; period: milliseconds; onAnswer: gets the
// decoded JSON. Returns a function that asks at once.
export async function makeFollow(load) {
  const ask = await makeAsk(load);

  return function follow(app, path, period, onAnswer) {
    async function refresh() {
      if (document.hidden) return;
      try {
        const response = await ask(app, path);
        if (!response.ok) throw new Error(`${path}: ${response.status}`);
        onAnswer(await response.json());
      } catch (error) {
        console.warn("jhub-gateway:", error.message);
      }
    }
    setInterval(refresh, period);
    document.addEventListener("visibilitychange", refresh);
    void app.restored.then(refresh);
    return refresh;
  };
}
