/** Reads and checks PEM files of certificates and keys. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** The content of a file. @throws Error in one line, with the file */
export function readPem(file: string): Buffer {
  return naming(file, () => readFileSync(file));
}

/**
 * The first certificate of a chain, if it has this key. OpenSSL itself accepts a certificate and a key of different
 * kinds, and then fails at each handshake.
 *
 * @throws Error if the key is not the certificate's, or if one of them can't be used
 */
export function matching(chain: Buffer, key: Buffer): X509Certificate {
  const leaf = new X509Certificate(chain);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error("key mismatch: it is not the certificate's");
  return leaf;
}

/** Calls `act`. @param what the files that it reads or uses @throws its Error, with the files before the message */
export function naming<Result>(what: string, act: () => Result): Result {
  try {
    return act();
  } catch (thrown) {
    throw new Error(`${what}: ${(thrown as Error).message}`);
  }
}
