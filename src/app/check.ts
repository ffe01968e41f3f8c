/**
 * --check: shows what would run, and tries whether it can. The checks have the rights that sessions will have:
 * certificates can be used, the client log can be written, the acp can be run, and the default server is looked up,
 * connected to, with TLS as in sessions, and sends a greeting. There is no login. The command line has checked the
 * options before.
 */

import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { placeOf } from "../access/routing";
import { type HostPort, isAddress, showHostPort } from "../base/address";
import { inWords, reasonOf } from "../base/faults";
import { clamd, command } from "../config/places";
import { namedServers } from "../config/rules";
import type { Service, Settings, TlsMode } from "../config/settings";
import { servers as allowed, networks } from "../config/values";
import { Gateway } from "../gateway/gateway";
import { Memory } from "../gateway/memory";
import { plain } from "../log/destination";
import type { Emit } from "../log/events";
import { logWay, type Start } from "../log/open";
import { accountOf, dropPrivileges, isRoot, requireHome } from "../process/privileges";
import { spoolFolder } from "../scan/spool";
import { systemResolve } from "../upstream/lookup";
import { requireSockets } from "../upstream/sshmaster";
import { checkAccess } from "./authcheck";
import { checkServer } from "./servercheck";
import { logWarning, startWarnings } from "./warnings";

/** The longest text of a server or of the system that is shown, in characters. */
const LINE_BOUND = 512;

/** What the checks make. */
interface Made {
  gateway: Gateway | null;
  /** What the command of --via, or ssh, has said. */
  readonly said: string[];
}

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
  const byRoot = isRoot();
  let sound = true;
  const made: Made = { gateway: null, said: [] };
  for (const [what, find] of [
    ["listeners", () => listeners(service)],
    ["pidfile", () => pidfile(settings)],
    ["files", () => filesOf(service, made)],
    ["user", () => becomeUser(settings, made)],
    ["warnings", () => warnings(settings, made.gateway, byRoot)],
    ["client log", () => clientLog(service)],
    ["access control", () => checkAccess(service, made.gateway)],
    ["virus scanner", () => scanner(made.gateway)],
    ["list", () => listedNames(service)],
    // A server that fails leaves the others to be checked. Without a gateway its files have failed the check before.
    ...namedServers(service).map(
      (server) => ["server", async () => (made.gateway ? checkServer(made.gateway, server) : [])] as const,
    ),
  ] as const) {
    try {
      lines.push(...(await find()));
    } catch (thrown) {
      sound = false;
      lines.push(...made.said.splice(0).map((line) => `command says: ${plain(line, LINE_BOUND)}`));
      lines.push(`FAULT: ${what}: ${plain(inWords(thrown as Error), LINE_BOUND)}`);
    }
  }
  await made.gateway?.memory.close();
  return { lines, sound };
}

/** How the gateway would be started: by a person or a service manager, or by a superserver. */
function startOf({ process: own, service, log }: Settings): Start {
  return { foreground: own.foreground || log.debug, stderrIsClient: service.listen.length === 0 };
}

/** The settings that decide where clients connect, and to which servers they get. */
function summary(settings: Settings): string[] {
  const { process: own, service } = settings;
  const { listen, clients, servers, access } = service;
  const shown = (list: readonly HostPort[]) =>
    list
      .map((one) => placeOf(one, servers.tls))
      .map(({ host, port, tls }) => `${showHostPort(host, port)}${shownTls(tls)}`)
      .join(", else ");
  const headers = (proxy: boolean | undefined) =>
    proxy ? ` behind PROXY headers from ${networks.show(clients.proxyFrom)}` : "";
  const places = listen.map(({ host, port, tls, proxy, servers: own }) => {
    const after = own ? `, to ${shown(own)}` : "";
    return `${showHostPort(host ?? "*", port)}${shownTls(tls ?? "none")}${headers(proxy)}${after}`;
  });
  const selectable = access.selection?.servers ? allowed.show(access.selection.servers) : "any that is public";
  return [
    places.length > 0
      ? `listens on ${places.join("; ")}`
      : `is started by a superserver${shownTls(clients.tls)}${headers(clients.proxy)}`,
    `runs as ${isRoot() ? own.user : "the user that starts it"}`,
    `default server: ${servers.demo ? "the sample maildrop" : shown(servers.defaultServers) || "none"}`,
    `servers that clients may select: ${access.selection ? selectable : "none"}`,
    ...(servers.sendProxy ? [`servers get a PROXY header, version ${servers.sendProxy}`] : []),
    ...(servers.via ? [`servers are reached through ${command.show(servers.via)}`] : []),
    ...(servers.ssh === undefined ? [] : [`servers are reached through ssh to ${servers.ssh}`]),
    `log: ${logWay(settings.log, startOf(settings)).words}`,
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

/** Makes a gateway, which reads all files before root is dropped. A fault of one file leaves the rest to be checked. */
function filesOf(service: Service, made: Made): string[] {
  const hear: Emit = (name, fields) => {
    if (name === "viaSaid" && "said" in fields) made.said.push(String(fields.said));
  };
  const make = (one: Service) => new Gateway(one, new Memory(), hear);
  try {
    made.gateway = make(service);
  } catch (thrown) {
    if (service.clients.certificates.length > 0) {
      made.gateway = make({ ...service, clients: { ...service.clients, certificates: [] } });
    }
    throw thrown;
  }
  return made.gateway.certificates.map((name) => `certificate ${name}`);
}

/** Drops root, so that the next checks have the rights of sessions. If that fails, nothing is started as root. */
function becomeUser({ process: { user }, service }: Settings, made: Made): string[] {
  const { gateway } = made;
  made.gateway = null;
  const ssh = service.servers.ssh !== undefined;
  try {
    if (isRoot() && ssh) requireHome(user);
  } finally {
    if (isRoot() && accountOf(user).uid !== 0) dropPrivileges(user);
  }
  if (ssh) requireSockets();
  made.gateway = gateway;
  return [];
}

/** The warnings that a start would log. @param gateway null: its files have failed the check before */
async function warnings(settings: Settings, gateway: Gateway | null, byRoot: boolean): Promise<string[]> {
  if (!gateway) return [];
  const { service, process: own } = settings;
  const daemon = service.listen.length > 0;
  const log = await logWarning(settings.log, startOf(settings));
  const started = { byRoot, user: own.user, daemon, log };
  // That a folder can't be written is a fault here.
  const told = startWarnings(gateway, started).filter(
    ({ event }) => event !== "clientLogUnusable" && event !== "scanDoubtful",
  );
  return told.map(({ reason }) => `warning: ${reason}`);
}

/** Looks up the names of the list that have no wildcards. */
async function listedNames({ access }: Service): Promise<string[]> {
  const names = (access.selection?.servers ?? []).filter(({ wild, pattern }) => !wild && !pattern.startsWith("["));
  const unknown = names.map(async ({ pattern }) => {
    if (isAddress(pattern)) return [];
    return systemResolve(pattern).then(
      () => [],
      (thrown: Error) => [`warning: -s ${pattern}: ${reasonOf(thrown)}`],
    );
  });
  return (await Promise.all(unknown)).flat();
}

function clientLog({ access: { clientLog: folder } }: Service): string[] {
  if (folder === undefined) return [];
  accessSync(folder, constants.W_OK | constants.X_OK);
  return [`client log in ${folder}`];
}

/** Asks clamd, and tries the folders for mails. @param gateway null: its files have failed the check before */
async function scanner(gateway: Gateway | null): Promise<string[]> {
  const { scan } = gateway?.service ?? {};
  if (!gateway?.scanner || !scan) return [];
  for (const folder of [spoolFolder(), ...(scan.quarantine === undefined ? [] : [scan.quarantine])]) {
    accessSync(folder, constants.W_OK | constants.X_OK);
  }
  await gateway.scanner.ready();
  return [`virus scanner at ${clamd.show(scan.clamd)}: ${plain(await gateway.scanner.version(), LINE_BOUND)}`];
}
