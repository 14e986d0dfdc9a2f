// The keys that sign tokens and cookies.

import { generateKeyPair, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';

/** A private RSA key, as a JSON Web Key. */
export async function makeSigningKey() {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomUUID() };
}

export function makeCookieKey() {
  return randomBytes(32).toString('base64url');
}
