/**
 * What the tests know of a real POP3 server, whichever it is.
 */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A running server with one maildrop, user and password below; it ends with its test. */
export interface RealServer {
  readonly port: number;
  /** The mails that are in the maildrop now, as the server stores them, in no special order. */
  stored(): Buffer[];
}

/** The one user of every server here. */
export const user = "joe";
export const password = "some secret";

/** A port of 127.0.0.1 that is free, and from a range where the system itself gives none away to somebody else. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(randomInt(20_000, 32_000), "127.0.0.1");
    const listening = once(server, "listening").catch(() => null);
    if ((await listening) === null) continue;
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    return port;
  }
}
