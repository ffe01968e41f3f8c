/** An auth_http service as people write them for nginx: it keeps each request as it came, and answers by the user's name. */

import type { TestContext } from "node:test";
import { startHttpService } from "../stage/httpservice";

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
  const counts = new Map<string, number>();
  const { port } = await startHttpService(t, (socket, _count, request) => {
    const lines = request.trimEnd().split("\r\n");
    asked.push(lines);
    const user = lines.find((line) => line.startsWith("Auth-User: "))?.slice("Auth-User: ".length) ?? "";
    const by = `${user} ${lines[0]}`;
    counts.set(by, (counts.get(by) ?? 0) + 1);
    const answer = answers(user, counts.get(by) as number);
    const close = lines[0]?.endsWith("HTTP/1.0") ?? false;
    socket.write(["HTTP/1.1 200 OK", "Content-Length: 0", ...answer, "", ""].join("\r\n"), "latin1");
    if (close) socket.end();
  });
  return { port, asked };
}
