/**
 * --check: what would run, and whether it can, tried with the rights that sessions will have: certificates can be used, the
 * client log can be written, the acp can be run, and the default server is looked up, connected to, spoken to under TLS
 * as sessions do it, and greets. Options have been checked by the command line. Nobody logs in.
 */

import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { placeOf } from "../access/routing";
import { isAddress, showHostPort } from "../base/address";
import { now } from "../base/clock";
import type { Config, TlsMode } from "../config/settings";
import { isProgram } from "../config/values";
import type { Connection } from "../connection/connection";
import { plain } from "../log/destination";
import { accountOf, dropPrivileges, isRoot } from "../process/privileges";
import { greeted } from "../session/serverlogin";
import { Certificates } from "../tls/clients";
import { ServerTls } from "../tls/servers";
import { systemResolve } from "../upstream/lookup";
import { dialTcp } from "../upstream/tcp";

/** What is shown of somebody else's words, in octets. */
const LINE_BOUND = 512;

/** What was found, a line each, and whether it can run like that. */
export interface Findings {
  readonly lines: readonly string[];
  readonly sound: boolean;
}

/** Tries what can be tried without serving anybody. Never rejects. */
export async function check(config: Config): Promise<Findings> {
  const lines = [...told(config)];
  let sound = true;
  const opened: { tls: ServerTls | null } = { tls: null };
  for (const [what, find] of [
    ["listeners", () => listeners(config)],
    ["pidfile", () => pidfile(config)],
    ["certificates", () => certificates(config)],
    ["certificates for servers", () => serverCertificates(config, opened)],
    ["user", () => user(config)],
    ["client log", () => clientLog(config)],
    ["access control", () => accessControl(config)],
    ["server", () => server(config, opened.tls)],
  ] as const) {
    try {
      lines.push(...(await find()));
    } catch (thrown) {
      sound = false;
      lines.push(`FAULT: ${what}: ${plain((thrown as Error).message, LINE_BOUND)}`);
    }
  }
  return { lines, sound };
}

/** The settings that decide who gets where. */
function told({ listen, clientTls, server, serverTls, select, servers, user, demo }: Config): string[] {
  const places = listen.map(({ host, port, tls }) => `${showHostPort(host ?? "*", port)}${mode(tls ?? "none")}`);
  const to = server && placeOf(server, serverTls);
  return [
    places.length > 0 ? `listens on ${places.join(", ")}` : `is started by a superserver${mode(clientTls)}`,
    `runs as ${process.getuid?.() === 0 ? user : "the user that starts it"}`,
    `default server: ${demo ? "the sample maildrop" : to ? `${showHostPort(to.host, to.port)}${mode(to.tls)}` : "none"}`,
    `servers that clients may select: ${select ? (servers ?? "any that is public") : "none"}`,
  ];
}

function mode(tls: TlsMode): string {
  return tls === "none" ? "" : tls === "tls" ? " with TLS" : " with STLS";
}

/** Whether the interfaces are ours; the ports may be taken, by the very daemon whose settings these are. */
async function listeners({ listen }: Config): Promise<string[]> {
  for (const { host } of listen) {
    if (host === null) continue;
    const server = createServer();
    const address = isAddress(host) ? host : ((await systemResolve(host))[0] as string);
    await once(server.listen(0, address), "listening");
    server.close();
  }
  return [];
}

function pidfile({ pidfile: file }: Config): string[] {
  if (file !== null) accessSync(dirname(file), constants.W_OK);
  return [];
}

/** Reads the files while root may still have to, as the gateway does. */
function serverCertificates(config: Config, opened: { tls: ServerTls | null }): string[] {
  const { server, serverTls, serverCa, serverCert } = config;
  const spoken = server !== null && placeOf(server, serverTls).tls !== "none";
  if (spoken || serverCa !== null || serverCert !== null) opened.tls = new ServerTls(config);
  return [];
}

function certificates(config: Config): string[] {
  if (config.certificates.length === 0) return [];
  const { names, warnings } = new Certificates(config);
  return [...names.map((name) => `certificate ${name}`), ...warnings.map((reason) => `warning: ${reason}`)];
}

/** From here on things are tried with the rights that sessions will have. */
function user({ user }: Config): string[] {
  if (isRoot() && accountOf(user).uid !== 0) dropPrivileges(user);
  return [];
}

function clientLog({ clientLog: folder }: Config): string[] {
  if (folder === null) return [];
  accessSync(folder, constants.W_OK | constants.X_OK);
  return [`client log in ${folder}`];
}

function accessControl({ acp }: Config): string[] {
  if (!acp) return [];
  const [program = ""] = acp;
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => isProgram(join(folder, program)))) throw new Error(`${program} can't be run`);
  return [`access control by ${acp.join(" ")}`];
}

/** @param by null: there is none, for no server wants it, or because of a fault that was told */
async function server(config: Config, by: ServerTls | null): Promise<string[]> {
  if (!config.server) return [];
  const { host, port, tls } = placeOf(config.server, config.serverTls);
  if (tls !== "none" && !by) return [];
  const addresses = isAddress(host) ? [host] : await systemResolve(host);
  const { connectTimeout: timeout, source4, source6, greetingTimeout } = config;
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
    return [`server is reached at ${connection.peer.address}, ${how}`, `server says: ${plain(greeting, LINE_BOUND)}`];
  } finally {
    server?.close(0);
  }
}
