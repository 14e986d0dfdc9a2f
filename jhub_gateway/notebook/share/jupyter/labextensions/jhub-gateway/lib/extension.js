// The plugins of this extension. Each has a file of its own.
import { makeCredentialsPlugin } from "./credentials.js";
import { makeMemoryPlugin } from "./memory.js";
import { makeSpacePlugin } from "./space.js";

// load: gives the package of a name that JupyterLab shares.
export async function makePlugins(load) {
  return Promise.all([makeSpacePlugin, makeCredentialsPlugin, makeMemoryPlugin].map((make) => make(load)));
}
