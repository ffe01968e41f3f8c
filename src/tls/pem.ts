/** Files with certificates and keys. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** What is in a file. @throws Error in one line, with the file */
export function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new Error(`${file}: ${(thrown as Error).message}`);
  }
}

/**
 * The first certificate of a chain, if the key is its own: OpenSSL itself takes a pair of different kinds without a
 * word, and fails at the handshakes.
 *
 * @throws Error if it is not, or if one of them can't be used
 */
export function matching(chain: Buffer, key: Buffer): X509Certificate {
  const leaf = new X509Certificate(chain);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error("key mismatch: it is not the certificate's");
  return leaf;
}
