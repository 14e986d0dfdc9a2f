// A small gateway identity provider for the demo and the tests:
//   node server.mjs --config FILE|- [--port 9000] [--host 127.0.0.1]
// Prints "ready <issuer> <address>" once it listens. README.md describes the configuration.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { Accounts } from './accounts.mjs';
import { Application } from './application.mjs';
import { ConfigurationError, readConfiguration } from './configuration.mjs';
import { loadState } from './state.mjs';

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

function makeAddress(host, port) {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function start(server, { config, host, port }) {
  const configuration = readConfiguration(config, host);
  const accounts = new Accounts(configuration.accounts);
  const state = await loadState(configuration.state_file);
  const address = makeAddress(host, await listen(server, host, port));
  const issuer = configuration.issuer ?? address;
  const application = new Application(issuer, configuration, accounts, state);
  await application.build();
  state.startSweeping();
  console.log(`ready ${issuer} ${address}`);
  return application;
}

async function main() {
  const server = createServer();
  const application = start(server, readArguments());
  // After a restart, clients that knew the address are there before the provider is.
  server.on('request', async (request, response) => (await application).handle(request, response));
  await application;
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
