/**
 * --check: what would run, and whether it can: certificates and the acp are there, and the default server is looked up,
 * connected to, spoken to under TLS as sessions would, and greets. Options and other files have been checked by the
 * command line. Nobody logs in.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { isAddress, POP3_PORT, POP3S_PORT, showHostPort } from "./address";
import type { Config, TlsMode } from "./config";
import type { Connection } from "./connection";
import { now } from "./deadline";
import { cleaned } from "./protocol/response";
import { greeted } from "./session/upstream";
import { Certificates } from "./transport/certificates";
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
  let sound = true;
  for (const [what, find] of [
    ["certificates", () => certificates(config)],
    ["access control", () => accessControl(config)],
    ["server", () => server(config)],
  ] as const) {
    try {
      lines.push(...(await find()));
    } catch (thrown) {
      sound = false;
      lines.push(`FAULT: ${what}: ${(thrown as Error).message}`);
    }
  }
  return { lines, sound };
}

/** The settings that decide who gets where. */
function told({ listen, clientTls, server, select, servers, clientLog, user, demo }: Config): string[] {
  const places = listen.map(({ host, port, tls }) => `${showHostPort(host ?? "*", port)}${mode(tls ?? clientTls)}`);
  return [
    places.length > 0 ? `listens on ${places.join(", ")}` : `is started by a superserver${mode(clientTls)}`,
    `runs as ${process.getuid?.() === 0 ? user : "the user that starts it"}`,
    `default server: ${demo ? "the sample maildrop" : server ? showHostPort(server.host, server.port ?? POP3_PORT) : "none"}`,
    `servers that clients may select: ${select ? (servers ?? "any that is public") : "none"}`,
    ...(clientLog ? [`client log in ${clientLog}`] : []),
  ];
}

function mode(tls: TlsMode): string {
  return tls === "none" ? "" : tls === "tls" ? " with TLS" : " with STLS";
}

function certificates(config: Config): string[] {
  if (config.certificates.length === 0) return [];
  const { names, warnings } = new Certificates(config);
  return [...names.map((name) => `certificate ${name}`), ...warnings.map((reason) => `warning: ${reason}`)];
}

function accessControl({ acp }: Config): string[] {
  if (!acp) return [];
  const [program = ""] = acp;
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => canRun(join(folder, program)))) throw new Error(`${program} can't be run`);
  return [`access control by ${acp.join(" ")}`];
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function server(config: Config): Promise<string[]> {
  if (!config.server) return [];
  const { host } = config.server;
  const port = config.server.port ?? POP3_PORT;
  const addresses = isAddress(host) ? [host] : await systemResolve(host);
  const { connectTimeout: timeout, source4, source6, greetingTimeout } = config;
  const tls = port === POP3S_PORT ? "tls" : (config.serverTls ?? "none");
  const by = tls === "none" ? null : new ServerTls(config);
  const dial = {
    addresses,
    port,
    timeout,
    source4,
    source6,
    tls: tls === "tls" && by ? { by, server: { host, port } } : null,
  };
  let server: Connection | null = null;
  try {
    server = await dialTcp(dial, new AbortController().signal);
    const connection = server;
    connection.deadline = now() + greetingTimeout * 1000;
    const secure = async () => connection.startTls((raw) => (by as ServerTls).over(raw, { host, port }));
    const greeting = await greeted(connection, tls, secure);
    const how = connection.tls ? `${connection.tls}, verified` : "in clear";
    void connection.say("QUIT");
    return [`server is reached at ${connection.peer.address}, ${how}`, `server says: ${cleaned(greeting)}`];
  } finally {
    server?.close(0);
  }
}
