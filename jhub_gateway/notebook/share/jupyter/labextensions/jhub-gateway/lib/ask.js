// Requests to the user's server, as the one who is signed in.

// Returns ask(app, path, init): path is below the server's base URL, e.g. "jhub-gateway/space";
// init is fetch's. Answers of any status come back; it throws when there is none.
export async function makeAsk(load) {
  const { ServerConnection } = await load("@jupyterlab/services");
  const { URLExt } = await load("@jupyterlab/coreutils");
  return function ask(app, path, init = {}) {
    const settings = app.serviceManager.serverSettings;
    return ServerConnection.makeRequest(URLExt.join(settings.baseUrl, path), init, settings);
  };
}
