/** The token with which sessions can be ended. */

import { createHash } from "node:crypto";

/** The hash of a token, as it is kept: to compare hashes takes the same time whatever the token is. */
export function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
