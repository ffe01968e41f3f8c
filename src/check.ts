/**
 * --check: what would run, and whether its server answers. Options and files have been checked by the command line;
 * here the default server is looked up and connected to, and its greeting is read. Nobody logs in.
 */

import { isAddress, POP3_PORT, POP3S_PORT, showHostPort } from "./address";
import type { Config } from "./config";
import type { Connection } from "./connection";
import { now } from "./deadline";
import { cleaned, isPositive, SERVER_STATUS_LIMIT } from "./protocol/response";
import { systemResolve } from "./transport/lookup";
import { dialTcp } from "./transport/tcp";
import { ServerTls } from "./transport/tls";

/** What was found, a line each, and whether it can run like that. */
export interface Findings {
  readonly lines: readonly string[];
  readonly sound: boolean;
}

/** Tries what can be tried without serving anybody. Never rejects. */
export async function check(config: Config): Promise<Findings> {
  const lines = [...told(config)];
  if (!config.server) return { lines, sound: true };
  const { host, port } = config.server;
  try {
    const greeting = await greet(config, host, port ?? POP3_PORT);
    lines.push(`server says: ${greeting}`);
    return { lines, sound: isPositive(greeting) };
  } catch (thrown) {
    lines.push(`server: ${(thrown as Error).message}`);
    return { lines, sound: false };
  }
}

/** The settings that decide who gets where. */
function told({ listen, server, select, servers, acp, clientLog, user, demo }: Config): string[] {
  const places = listen.map(({ host, port }) => showHostPort(host ?? "*", port));
  return [
    places.length > 0 ? `listens on ${places.join(", ")}` : "is started by a superserver",
    `runs as ${process.getuid?.() === 0 ? user : "the user that starts it"}`,
    `default server: ${demo ? "the sample maildrop" : server ? showHostPort(server.host, server.port ?? POP3_PORT) : "none"}`,
    `servers that clients may select: ${select ? (servers ?? "any that is public") : "none"}`,
    ...(acp ? [`access control by ${acp.join(" ")}`] : []),
    ...(clientLog ? [`client log in ${clientLog}`] : []),
  ];
}

async function greet(config: Config, host: string, port: number): Promise<string> {
  const addresses = isAddress(host) ? [host] : await systemResolve(host);
  const { connectTimeout: timeout, source4, source6, greetingTimeout } = config;
  const until = new AbortController().signal;
  let server: Connection | null = null;
  try {
    const mode = port === POP3S_PORT ? "tls" : (config.serverTls ?? "none");
    const tls = mode === "tls" ? { by: new ServerTls(config), server: { host, port } } : null;
    server = await dialTcp({ addresses, port, timeout, source4, source6, tls }, until);
    server.deadline = now() + greetingTimeout * 1000;
    const line = await server.line(SERVER_STATUS_LIMIT);
    if (typeof line !== "string") throw new Error("no greeting");
    void server.say("QUIT");
    return cleaned(line);
  } finally {
    server?.close(0);
  }
}
