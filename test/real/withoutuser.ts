/** A server that lists no USER, made of one that does: dovecot lists USER wherever it lists PLAIN. */

import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { claimedPort } from "../stage/ports";

/** Relays to a server, but for the line USER of its first list of capabilities. @returns the port */
export async function withoutUser(t: TestContext, to: number): Promise<number> {
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(to, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    }
    client.pipe(server);
    let said = "";
    server.on("data", function list(octets) {
      said += octets.toString("latin1");
      const lines = said.slice(0, said.lastIndexOf("\n") + 1);
      said = said.slice(lines.length);
      client.write(lines.replace("\r\nUSER\r\n", "\r\n"), "latin1");
      if (!/^\.\r$/m.test(lines)) return;
      server.off("data", list);
      server.pipe(client);
    });
    server.on("end", () => client.end());
  });
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const port = await claimedPort();
  await new Promise<void>((resolve) => relay.listen(port, "127.0.0.1", resolve));
  return port;
}
