/** Ports for those that must know theirs before they listen. */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type ListenOptions, type Server } from "node:net";

/** A port of 127.0.0.1 that is free, and that no other test is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await claimedPort();
    const server = await listening({ port, host: "127.0.0.1" });
    if (!server) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/**
 * A port from a range where the system itself gives none away. Test files that run at the same time may not choose the
 * same: as long as this process lives, an abstract socket tells the others that it is taken.
 */
export async function claimedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const claim = await listening({ path: `\0pop3.proxy-test.port.${port}` });
    if (!claim) continue;
    claim.unref();
    return port;
  }
}

/** A server that listens there; null if another one does. */
async function listening(where: ListenOptions): Promise<Server | null> {
  const server = createServer().listen(where);
  return once(server, "listening").then(
    () => server,
    () => null,
  );
}
