/** An auth_http service as people write them for nginx: it keeps each request as it came, and answers by the user's name. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** A request as it came: its first line, and its headers. */
export type Asked = readonly string[];

export interface AuthService {
  readonly port: number;
  /** All requests, in their order. */
  readonly asked: readonly Asked[];
}

/**
 * Starts it.
 *
 * @param answers header lines, by the user's name as it was asked for, one after the other; the last one stays
 */
export async function startAuthService(
  t: TestContext,
  answers: (user: string, count: number) => readonly string[],
): Promise<AuthService> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const counts = new Map<string, number>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let octets = "";
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.on("data", (chunk) => {
      octets += chunk.toString("latin1");
      const at = octets.indexOf("\r\n\r\n");
      if (at < 0) return;
      const lines = octets.slice(0, at).split("\r\n");
      octets = "";
      asked.push(lines);
      const user = lines.find((line) => line.startsWith("Auth-User: "))?.slice("Auth-User: ".length) ?? "";
      const by = `${user} ${lines[0]}`;
      counts.set(by, (counts.get(by) ?? 0) + 1);
      const answer = answers(user, counts.get(by) as number);
      const close = lines[0]?.endsWith("HTTP/1.0") ?? false;
      socket.write(["HTTP/1.1 200 OK", "Content-Length: 0", ...answer, "", ""].join("\r\n"), "latin1");
      if (close) socket.end();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}
