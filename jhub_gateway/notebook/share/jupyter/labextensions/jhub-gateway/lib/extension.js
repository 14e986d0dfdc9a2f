// The plugins of this extension. Each has a file of its own.
import { makeCredentialsPlugin } from "./credentials.js";
import { makeCullPlugin } from "./cull.js";
import { makeMemoryPlugin } from "./memory.js";
import { makeSpacePlugin } from "./space.js";

// load: gives the package of a name that JupyterLab shares.
export async function makePlugins(load) {
  const makers = [makeSpacePlugin, makeCredentialsPlugin, makeMemoryPlugin, makeCullPlugin];
  return Promise.all(makers.map((make) => make(load)));
}
