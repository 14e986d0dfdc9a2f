// A small gateway identity provider for the demo and the tests:
//   node server.mjs --config FILE|- [--port 9000] [--host 127.0.0.1]
// Prints "ready <issuer>" once it listens. README.md describes the configuration.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { Accounts } from './accounts.mjs';
import { ConfigurationError, readConfiguration } from './configuration.mjs';
import { makeInteractions } from './interactions.mjs';
import { makeProvider } from './provider.mjs';
import { Store } from './store.mjs';
import { makeTestControls } from './test-controls.mjs';

const { env } = process;

const OPTIONS = {
  config: { type: 'string', default: env.IDENTITY_PROVIDER_CONFIG },
  host: { type: 'string', default: env.IDENTITY_PROVIDER_HOST ?? '127.0.0.1' },
  port: { type: 'string', default: env.IDENTITY_PROVIDER_PORT ?? '9000' },
};

const REASONS = {
  EADDRINUSE: 'is in use. Choose another with --port.',
  EACCES: 'needs rights that this account does not have. Choose one above 1023 with --port.',
};

function readArguments() {
  const { config, host, port } = parseArgs({ options: OPTIONS }).values;
  if (!config) throw new ConfigurationError('Name a configuration file with --config.');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new ConfigurationError('--port must be a number from 0 (any free port) to 65535.');
  }
  return { config, host, port: Number(port) };
}

/** Listens first: with port 0 the issuer's address is known only then. */
function listen(server, host, port) {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code }) => {
      reject(new ConfigurationError(`Port ${port} of ${host} ${REASONS[code] ?? `cannot be used (${code}).`}`));
    });
    server.listen(port, host, () => resolve(server.address().port));
  });
}

function makeIssuer(host, port) {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function main() {
  const { config, host, port } = readArguments();
  const configuration = readConfiguration(config, host);
  const accounts = new Accounts(configuration.accounts);
  const server = createServer();
  const boundPort = await listen(server, host, port);
  const issuer = configuration.issuer ?? makeIssuer(host, boundPort);
  const provider = await makeProvider(issuer, configuration, accounts);
  provider.use(makeInteractions(provider, accounts, configuration));
  if (configuration.test_controls) provider.use(makeTestControls(accounts, configuration));
  server.on('request', provider.callback());
  Store.startSweeping();
  console.log(`ready ${issuer}`);
}

function stop() {
  process.exit(0);
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);

main().catch((error) => {
  const known = error instanceof ConfigurationError || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(known ? error.message : error);
  process.exit(1);
});
