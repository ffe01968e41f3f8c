/**
 * --check: shows what would run, and tries whether it can. The checks have the rights that sessions will have:
 * certificates can be used, the client log can be written, the acp can be run, and the default server is looked up,
 * connected to, with TLS as in sessions, and sends a greeting. There is no login. The command line has checked the
 * options before.
 */

import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { placeOf } from "../access/routing";
import { isAddress, showHostPort } from "../base/address";
import { now } from "../base/clock";
import { inWords } from "../base/faults";
import type { Service, Settings, TlsMode } from "../config/settings";
import { isProgram, servers as serverList } from "../config/values";
import type { Connection } from "../connection/connection";
import { plain } from "../log/destination";
import { accountOf, dropPrivileges, groupWarning, isRoot } from "../process/privileges";
import { greeted } from "../session/serverlogin";
import { StatusLines } from "../session/statuslines";
import { ClientTls } from "../tls/clients";
import { ServerTls } from "../tls/servers";
import { systemResolve } from "../upstream/lookup";
import { dialTcp } from "../upstream/tcp";

/** The longest text of a server or of the system that is shown, in characters. */
const LINE_BOUND = 512;

/** The results of the checks. */
interface Findings {
  readonly lines: readonly string[];
  /** Whether no check has failed. */
  readonly sound: boolean;
}

/** Checks what can be checked without a client. The process loses root in it. Never rejects. */
export async function check(settings: Settings): Promise<Findings> {
  const { service } = settings;
  const lines = summary(settings);
  let sound = true;
  const opened: { tls: ServerTls | null } = { tls: null };
  for (const [what, find] of [
    ["listeners", () => listeners(service)],
    ["pidfile", () => pidfile(settings)],
    ["certificates", () => certificates(service)],
    ["certificates for servers", () => serverCertificates(service, opened)],
    ["user", () => becomeUser(settings)],
    ["client log", () => clientLog(service)],
    ["access control", () => accessControl(service)],
    ["server", () => defaultServer(service, opened.tls)],
  ] as const) {
    try {
      lines.push(...(await find()));
    } catch (thrown) {
      sound = false;
      lines.push(`FAULT: ${what}: ${plain(inWords(thrown as Error), LINE_BOUND)}`);
    }
  }
  return { lines, sound };
}

/** The settings that decide where clients connect, and to which servers they get. */
function summary({ process: own, service }: Settings): string[] {
  const { listen, clients, servers, access } = service;
  const places = listen.map(({ host, port, tls }) => `${showHostPort(host ?? "*", port)}${shownTls(tls ?? "none")}`);
  const to = servers.server && placeOf(servers.server, servers.tls);
  const selectable = access.selection?.servers ? serverList.show(access.selection.servers) : "any that is public";
  return [
    places.length > 0 ? `listens on ${places.join(", ")}` : `is started by a superserver${shownTls(clients.tls)}`,
    `runs as ${isRoot() ? own.user : "the user that starts it"}`,
    `default server: ${servers.demo ? "the sample maildrop" : to ? `${showHostPort(to.host, to.port)}${shownTls(to.tls)}` : "none"}`,
    `servers that clients may select: ${access.selection ? selectable : "none"}`,
  ];
}

function shownTls(tls: TlsMode): string {
  return tls === "none" ? "" : tls === "tls" ? " with TLS" : " with STLS";
}

/** Tries to listen on each interface, on any port: the port itself may be in use by the daemon with these settings. */
async function listeners({ listen }: Service): Promise<string[]> {
  for (const { host } of listen) {
    if (host === null) continue;
    const server = createServer();
    const address = isAddress(host) ? host : ((await systemResolve(host))[0] as string);
    await once(server.listen(0, address), "listening");
    server.close();
  }
  return [];
}

/** Tries the directory of the pidfile: the file itself may belong to the running daemon. */
function pidfile({ process: { pidfile: file } }: Settings): string[] {
  if (file !== undefined) accessSync(dirname(file), constants.W_OK);
  return [];
}

/** Reads the files before root is dropped, as the gateway does. */
function serverCertificates({ servers }: Service, opened: { tls: ServerTls | null }): string[] {
  const { server, tls, ca, certificate } = servers;
  const spoken = server !== undefined && placeOf(server, tls).tls !== "none";
  if (spoken || ca !== undefined || certificate) opened.tls = new ServerTls(servers);
  return [];
}

function certificates({ clients }: Service): string[] {
  if (clients.certificates.length === 0) return [];
  const { names, warnings } = new ClientTls(clients);
  return [...names.map((name) => `certificate ${name}`), ...warnings.map(({ reason }) => `warning: ${reason}`)];
}

/** Drops root, so that the next checks have the rights of sessions. */
function becomeUser({ process: { user } }: Settings): string[] {
  if (!isRoot()) return [];
  if (accountOf(user).uid === 0) return ["warning: -u root: the gateway stays root"];
  dropPrivileges(user);
  const warning = groupWarning(user);
  return warning ? [`warning: ${warning.reason}`] : [];
}

function clientLog({ access: { clientLog: folder } }: Service): string[] {
  if (folder === undefined) return [];
  accessSync(folder, constants.W_OK | constants.X_OK);
  return [`client log in ${folder}`];
}

function accessControl({ access: { acp } }: Service): string[] {
  if (!acp) return [];
  const [program = ""] = acp.argv;
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => isProgram(join(folder, program)))) throw new Error(`${program} can't be run`);
  return [`access control by ${acp.argv.join(" ")}`];
}

/**
 * Connects to the default server, as sessions do, and reads its greeting.
 *
 * @param by null: no server needs TLS, or its files have failed the check before
 */
async function defaultServer({ servers, limits }: Service, by: ServerTls | null): Promise<string[]> {
  if (!servers.server) return [];
  const { host, port, tls } = placeOf(servers.server, servers.tls);
  if (tls !== "none" && !by) return [];
  const { source4, source6 } = servers;
  const target = {
    addresses: isAddress(host) ? [host] : await systemResolve(host),
    port,
    timeout: limits.server,
    source4,
    source6,
    tls: tls === "tls" && by ? { by, server: { host, port } } : null,
  };
  let server: Connection | null = null;
  try {
    server = await dialTcp(target, new AbortController().signal);
    const connection = server;
    connection.deadline = now() + limits.server;
    const secure = async () => connection.startTls((raw) => (by as ServerTls).over(raw, { host, port }));
    const statuses = new StatusLines(connection, () => {});
    const greeting = await greeted(connection, tls, statuses, secure);
    const how = connection.tls ? `${connection.tls}, verified` : "in clear";
    void connection.say("QUIT");
    return [`server is reached at ${connection.peer.address}, ${how}`, `server says: ${plain(greeting, LINE_BOUND)}`];
  } finally {
    server?.close(0);
  }
}
