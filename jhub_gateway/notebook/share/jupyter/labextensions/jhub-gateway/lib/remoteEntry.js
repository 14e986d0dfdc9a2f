// What webpack's module federation would generate, written by hand: JupyterLab loads this file,
// calls init() with the packages that it shares, then get() for what package.json names.
//
// The folder isn't "static": what is below a folder of that name is cached for a year, as if each
// name held a hash. These files are asked for again, so that an upgrade reaches every browser.
(() => {
  const address = document.currentScript.src;
  let shared = {};

  // The package that JupyterLab itself uses, e.g. "@jupyterlab/statusbar": a copy would have
  // other tokens. Of several versions the one in use, else the newest, as webpack decides.
  async function load(name) {
    const versions = Object.entries(shared[name] ?? {});
    if (versions.length === 0) {
      throw new Error(`jhub-gateway: this JupyterLab does not share ${name}`);
    }
    versions.sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }));
    const [, found] = versions.find(([, version]) => version.loaded) ?? versions.at(-1);
    return (await found.get())();
  }

  async function getExtension() {
    const { makePlugins } = await import(new URL("extension.js", address));
    return { __esModule: true, default: await makePlugins(load) };
  }

  async function getStyle() {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("style.css", address);
    document.head.append(link);
    return {};
  }

  const modules = { "./extension": getExtension, "./style": getStyle };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["jhub-gateway"] = {
    init(scope) {
      shared = scope;
    },
    async get(name) {
      const module = await modules[name]();
      return () => module;
    },
  };
})();
