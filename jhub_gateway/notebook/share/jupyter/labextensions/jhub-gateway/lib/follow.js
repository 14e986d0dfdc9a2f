// Asks the user's server for a state again and again, while somebody may be looking.

// path: of the server's answer, e.g. "jhub-gateway/space"; period: milliseconds; onAnswer: gets the
// decoded JSON. Returns a function that asks at once.
export async function makeFollow(load) {
  const { ServerConnection } = await load("@jupyterlab/services");
  const { URLExt } = await load("@jupyterlab/coreutils");

  async function ask(settings, path) {
    const url = URLExt.join(settings.baseUrl, path);
    const response = await ServerConnection.makeRequest(url, {}, settings);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response.json();
  }

  return function follow(app, path, period, onAnswer) {
    async function refresh() {
      if (document.hidden) return;
      try {
        onAnswer(await ask(app.serviceManager.serverSettings, path));
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
