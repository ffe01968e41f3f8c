/** Files with certificates and keys. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** What is in a file. @throws Error in one line, with the file */
export function readPem(file: string): Buffer {
  return naming(file, () => readFileSync(file));
}

/**
 * The first certificate of a chain, if the key is its own. OpenSSL itself accepts a pair of different kinds, and fails at
 * the handshakes.
 *
 * @throws Error if it is not, or if one of them can't be used
 */
export function matching(chain: Buffer, key: Buffer): X509Certificate {
  const leaf = new X509Certificate(chain);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error("key mismatch: it is not the certificate's");
  return leaf;
}

/** Does it. @param what the files that it is about @throws Error that names them before what is wrong */
export function naming<Result>(what: string, act: () => Result): Result {
  try {
    return act();
  } catch (thrown) {
    throw new Error(`${what}: ${(thrown as Error).message}`);
  }
}
