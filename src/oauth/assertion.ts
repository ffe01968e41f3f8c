/** The assertion of a service account (RFC 7523): a JWT that its key signs, and that names the mailbox. */

import { createPrivateKey, sign } from "node:crypto";
import { ProviderFault } from "./providerfault";

/** How long an assertion holds, in seconds: the most that Google takes. */
const LIFE = 3600;

/** What an assertion is made of. */
interface Asserted {
  readonly clientId: string;
  readonly scope: string;
  readonly keyText?: string;
}

/**
 * Makes an assertion.
 *
 * @param account the mailbox
 * @param audience the token endpoint
 * @throws ProviderFault if the key is none
 */
export function assertionOf({ clientId, scope, keyText = "" }: Asserted, account: string, audience: string): string {
  const issued = Math.floor(Date.now() / 1000);
  const claims = { iss: clientId, sub: account, scope, aud: audience, iat: issued, exp: issued + LIFE };
  const content = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
  try {
    const key = createPrivateKey(pemOf(keyText));
    return `${content}.${sign("sha256", Buffer.from(content), key).toString("base64url")}`;
  } catch {
    throw new ProviderFault("refused", "the key can't be used: give a private key of RSA, in PEM or in Google's JSON");
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** The key in PEM: Google's file has it in JSON. */
function pemOf(text: string): string {
  return text.trimStart().startsWith("{") ? JSON.parse(text).private_key : text;
}
