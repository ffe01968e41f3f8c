/**
 * --check: shows what would run, and tries whether it can. The checks have the rights that sessions will have:
 * certificates can be used, the client log can be written, the acp can be run, and the default server is looked up,
 * connected to, with TLS as in sessions, and sends a greeting. There is no login. The command line has checked the
 * options before. With --as there is the dry run of one login instead (dryrun.ts).
 */

import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { placeOf } from "../access/routing";
import { showHostPort } from "../base/address";
import { inWords } from "../base/faults";
import type { Request } from "../config/commandline";
import { configText } from "../config/configtext";
import { isDaemon } from "../config/rules";
import type { ServerEntry } from "../config/servers";
import type { Service, Settings } from "../config/settings";
import { namedServers } from "../config/tlsrules";
import { FAULTY } from "../config/trustedtext";
import type { Gateway } from "../gateway/gateway";
import { makeGateways } from "../gateway/make";
import { Memory } from "../gateway/memory";
import type { Emit } from "../log/events";
import { accountOf, dropPrivileges, isRoot, requireHome } from "../process/privileges";
import { requireSockets } from "../upstream/sshmaster";
import { checkAccess } from "./authcheck";
import { startOf, summary } from "./checksummary";
import { dryRun } from "./dryrun";
import { checkMetrics } from "./metricscheck";
import { checkOauth } from "./oauthcheck";
import { checkServer } from "./servercheck";
import { clientLog, listedNames, listeners, mappedNames, scanner } from "./servicecheck";
import { shownLine } from "./shownline";
import { logWarning, startWarnings } from "./warnings";
import { tokenFiles } from "./watching";

/** What the checks make. */
interface Made {
  /** By their services; a service whose files have a fault has none. */
  readonly gateways: Map<Service, Gateway>;
  readonly memory: Memory;
  /** What the command of --via, ssh, or an access control program has said. */
  readonly said: string[];
}

/** The results of the checks. */
interface Findings {
  readonly lines: readonly string[];
  /** The exit status. */
  readonly status: number;
}

type CheckRequest = Request & { readonly kind: "check" };
type Step = readonly [what: string, find: () => Promise<readonly string[]> | readonly string[], service?: Service];

/** Checks what can be checked without a client. The process loses root in it. @throws UsageFault */
export async function check(request: CheckRequest): Promise<Findings> {
  const { file, dry } = request;
  const made: Made = { gateways: new Map(), memory: new Memory(), said: [] };
  try {
    if (dry) return await dryFindings(request, made);
    const { lines, sound } = await takeSteps(request, made);
    const status = sound ? 0 : FAULTY;
    if (file === undefined && !request.changed) return { lines, status };
    const text = configText(request.own, request.services, request.changed);
    return { lines: [...lines.map((line) => `# ${line}`), "", ...text], status };
  } finally {
    await made.memory.close();
  }
}

/** Takes the steps in turn; one that fails leaves the others to be taken. */
async function takeSteps({ settings, file }: CheckRequest, made: Made): Promise<{ lines: string[]; sound: boolean }> {
  const { services } = settings;
  const byRoot = isRoot();
  const gatewayOf = (service: Service) => made.gateways.get(service) ?? null;
  const steps: Step[] = [
    ...services.map((one): Step => ["listeners", () => listeners(one), one]),
    ["pidfile", () => pidfile(settings)],
    ["metrics", () => checkMetrics(settings)],
    ...services.map((one): Step => ["files", () => filesOf(one, made), one]),
    ["user", () => becomeUser(settings, made)],
    ["warnings", () => warnings(settings, made, byRoot, file)],
    ...services.flatMap((one): Step[] => [
      ["client log", () => clientLog(one), one],
      ["access control", () => checkAccess(one, gatewayOf(one)), one],
      ["oauth", () => checkOauth(gatewayOf(one)), one],
      ["virus scanner", () => scanner(gatewayOf(one)), one],
      ["list", () => listedNames(one), one],
      ["user map", () => mappedNames(gatewayOf(one)), one],
      ...serverSteps(one, () => gatewayOf(one)),
    ]),
  ];
  const lines = summary(settings, file);
  let sound = true;
  for (const [what, find, service] of steps) {
    const about = service?.name === undefined ? "" : `${service.name}: `;
    try {
      lines.push(...(await find()).map((line) => `${about}${line}`));
    } catch (thrown) {
      sound = false;
      lines.push(...made.said.splice(0).map((line) => `${about}command says: ${shownLine(line)}`));
      const reasons = inWords(thrown as Error).split("\n");
      lines.push(...reasons.map((reason) => `FAULT: ${about}${what}: ${shownLine(reason)}`));
    }
  }
  return { lines, sound };
}

/** Of several servers, each fault names its server. @param gateway null: its files have failed the check before */
function serverSteps(service: Service, gateway: () => Gateway | null): Step[] {
  const servers = namedServers(service);
  return servers.map((server): Step => {
    const { host, port } = placeOf(server, service.servers.tls);
    const what = servers.length === 1 ? "server" : `server ${showHostPort(host, port)}`;
    const find = async () => {
      const made = gateway();
      return made ? checkServer(made, server) : [];
    };
    return [what, find, service];
  });
}

/** The way of one login. A fault of the files, or of the user, is one of the settings. */
async function dryFindings({ settings, file, entryLines, dry }: CheckRequest, made: Made): Promise<Findings> {
  try {
    for (const service of settings.services) await filesOf(service, made);
    becomeUser(settings, made);
  } catch (thrown) {
    return { lines: [`FAULT: ${shownLine(inWords(thrown as Error))}`], status: FAULTY };
  }
  const gateways = settings.services.flatMap((service) => made.gateways.get(service) ?? []);
  const lineOf = (entry: ServerEntry) => {
    const line = entryLines?.get(entry);
    return line === undefined ? null : `${file}:${line}`;
  };
  return dryRun(gateways, dry as NonNullable<typeof dry>, { said: made.said, lineOf });
}

/** Tries the directory of the pidfile: the file itself may belong to the running daemon. */
function pidfile({ process: { pidfile: file } }: Settings): string[] {
  if (file !== undefined) accessSync(dirname(file), constants.W_OK);
  return [];
}

/** Makes a gateway, which reads all files before root is dropped. A fault of one file leaves the rest to be checked. */
async function filesOf(service: Service, made: Made): Promise<string[]> {
  const hear: Emit = (name, fields) => {
    if ((name === "viaSaid" || name === "acpSaid") && "said" in fields) made.said.push(String(fields.said));
  };
  const make = async (one: Service) => (await makeGateways([one], made.memory, hear, false, isRoot()))[0];
  let gateway: Gateway;
  try {
    gateway = await make(service);
  } catch (thrown) {
    const { clients } = service;
    const without = { ...service, clients: { ...clients, certificates: [] } };
    const keep = (one: Gateway) => made.gateways.set(service, one);
    if (clients.certificates.length > 0) await make(without).then(keep, () => {}); // the first fault is told
    throw thrown;
  }
  made.gateways.set(service, gateway);
  const { map } = service.access;
  return [
    ...gateway.certificates.map((name) => `certificate ${name}`),
    ...(map === undefined ? [] : [`user map ${map}`]),
  ];
}

/** Drops root, so that the next checks have the rights of sessions. If that fails, nothing is started as root. */
function becomeUser({ process: { user }, services }: Settings, made: Made): string[] {
  const ssh = services.some(({ servers }) => servers.ssh !== undefined);
  const gateways = [...made.gateways];
  made.gateways.clear();
  try {
    if (isRoot() && ssh) requireHome(user);
  } finally {
    if (isRoot() && accountOf(user).uid !== 0) dropPrivileges(user);
  }
  if (ssh) requireSockets();
  for (const [service, gateway] of gateways) made.gateways.set(service, gateway);
  return [];
}

/** The warnings that a start would log. Without a gateway, its files have failed the check before. */
async function warnings(settings: Settings, made: Made, byRoot: boolean, file?: string): Promise<string[]> {
  const [first, ...others] = made.gateways.values();
  if (!first) return [];
  const { process: own } = settings;
  const log = await logWarning(settings.log, startOf(settings));
  const started = { byRoot, user: own.user, daemon: isDaemon(settings), log, file, reread: tokenFiles(settings) };
  // That a folder can't be written is a fault here.
  const told = startWarnings([first, ...others], started).filter(
    ({ event }) => event !== "clientLogUnusable" && event !== "scanDoubtful",
  );
  return told.map(({ gateway, reason }) => {
    const name = gateway?.service.name;
    return `warning: ${name === undefined ? "" : `${name}: `}${reason}`;
  });
}
