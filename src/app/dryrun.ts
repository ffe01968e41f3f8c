/**
 * --check --as: where a login of a user would go, and why. Each step is taken by the code that sessions run, up to the
 * addresses of the server; nobody is connected to.
 */

import { showHostPort } from "../base/address";
import { isWithin } from "../base/cidr";
import { inWords } from "../base/faults";
import { quote } from "../base/quote";
import type { DryLogin } from "../config/commandline";
import { listenAddress } from "../config/places";
import { UsageFault } from "../config/rules";
import type { ServerEntry } from "../config/servers";
import type { ListenAddress } from "../config/settings";
import { networks } from "../config/values";
import type { Gateway } from "../gateway/gateway";
import type { Credentials } from "../protocol/credentials";
import { responseCode } from "../protocol/response";
import { type Arrival, type Denial, NO_SERVER, type Place, type Route } from "../session/needs";
import { admission, asksSomebody, callerOf, openAccount } from "./dryaccess";
import { sayRoute, tlsWords } from "./routewords";
import { shownLine } from "./shownline";
import { askPassword } from "./terminal";

/** Exit statuses: permitted; EX_TEMPFAIL and EX_NOPERM of sysexits.h. */
const PERMITTED = 0;
const UNKNOWN = 75;
const REFUSED = 77;

/** The password that is shown to nobody, where none is asked for. */
const NO_PASSWORD = "";

/** What came of a dry run. */
interface DryFindings {
  readonly lines: readonly string[];
  /** The exit status. */
  readonly status: number;
}

/** What the dry run needs of others. */
interface DryTerms {
  /** Gets what an access control program says. */
  readonly said?: readonly string[];
  /** The line of the configuration file that has an entry of a list; null: none has. */
  lineOf?(entry: ServerEntry): string | null;
  /** Asks for the password. */
  ask?(): Promise<string>;
}

/** What the dry run is of: a service, and a way in. */
interface Entrance {
  readonly gateway: Gateway;
  /** null: a superserver passes the clients. */
  readonly listen: ListenAddress | null;
  readonly arrival: Arrival;
}

/**
 * Takes the steps of a login.
 *
 * @param gateways of all services
 * @throws UsageFault if it is not clear which service is meant
 */
export async function dryRun(
  gateways: readonly Gateway[],
  dry: DryLogin,
  { said = [], lineOf = () => null, ask = askPassword }: DryTerms = {},
): Promise<DryFindings> {
  const entrance = entranceOf(gateways, dry.listener);
  for (const { memory } of gateways) memory.listeners = ownPlaces(gateways);
  const lines: string[] = [];
  const say = (line: string) => void lines.push(shownLine(line));
  const status = await steps(entrance, dry, { ask, lineOf }, say);
  return {
    lines: [
      ...lines.slice(0, -1),
      ...said.map((line) => shownLine(`access control says: ${line}`)),
      ...lines.slice(-1),
    ],
    status,
  };
}

async function steps(
  { gateway, listen, arrival }: Entrance,
  dry: DryLogin,
  { ask, lineOf }: Required<Omit<DryTerms, "said">>,
  say: (line: string) => void,
): Promise<number> {
  const { service } = gateway;
  const place = listen ? `listening on ${listenAddress.show(listen)}` : "started by a superserver";
  say(`service: ${service.name === undefined ? "" : `${service.name}, `}${place}`);
  if (listen ? listen.proxy : service.clients.proxy) {
    say(`before all else: a PROXY header from ${networks.show(service.clients.proxyFrom)}`);
  }
  if (arrival.tls === "starttls" && !service.clients.cleartextLogin) say("before the login: the client must say STLS");
  if (dry.client !== "") {
    const exempt = isWithin(dry.client, service.limits.exempt);
    say(`client: ${dry.client}${exempt ? ", exempt from delays and --max-per-client" : ""}`);
  }
  const password = dry.ask && (asksSomebody(gateway) || gateway.tokens) ? await ask() : NO_PASSWORD;
  const credentials: Credentials = { user: dry.user, secret: { kind: "password", password } };
  sayName(gateway, credentials, say);
  const asked = gateway.route(credentials, arrival);
  if (asked.kind === "denial") return deniedBy(asked, say);
  const line = asked.entry ? lineOf(asked.entry) : null;
  sayRoute(line === null ? asked : { ...asked, because: `${asked.because}, ${line}` }, say);
  const admitted = await admission(gateway, callerOf(dry, listen, arrival), asked, dry.ask, say);
  if (admitted.kind === "denial") return deniedBy(admitted, say);
  const opened = await openAccount(gateway, callerOf(dry, listen, arrival), admitted, dry.ask, say);
  if (opened.kind === "denial") return deniedBy(opened, say);
  if (admitted.host === NO_SERVER) {
    say("result: permitted, as far as the gateway's own rules go; the service has to name a server");
    return PERMITTED;
  }
  return reachable(gateway, admitted, dry.client, say);
}

/** How the name is split. */
function sayName(gateway: Gateway, credentials: Credentials, say: (line: string) => void): void {
  const { selection, delimiters } = gateway.service.access;
  const { server, user, proxyUser } = gateway.split(credentials);
  const parts = [
    `user ${quote(user)}`,
    ...(proxyUser === "" ? [] : [`proxy user ${quote(proxyUser)}`]),
    server === null ? "no server selected" : `selected server ${quote(server)}`,
  ];
  const how = selection ? `split at the last of ${quote(delimiters)}` : "no server is split off, since there is no -e";
  say(`name: ${quote(credentials.user)}, ${how}: ${parts.join(", ")}`);
}

/** Judges the addresses of all servers of a route, as `dial` does: one that may be reached is enough. */
async function reachable(gateway: Gateway, route: Route, client: string, say: (line: string) => void): Promise<number> {
  const { servers } = gateway.service;
  const denials: Denial[] = [];
  let unknown = 0;
  const places = [route, ...route.others];
  for (const place of places) {
    const name = showHostPort(place.host, place.port);
    try {
      const judged = await gateway.judge(place, route, client);
      if (servers.via || servers.ssh !== undefined) say(`address: the far side looks ${place.host} up`);
      for (const { address, refusal } of judged)
        say(`address: ${address} ${refusal ? `refused: ${refusal.reason}` : "permitted"}`);
      const denial = judged.find((one) => one.refusal)?.refusal;
      if (denial) denials.push(denial);
      else say(`connection: ${name} ${tlsWords(place.tls)}${verification(gateway, place)}${introduction(gateway)}`);
    } catch (thrown) {
      unknown++;
      say(`address: ${inWords(thrown as Error)}`);
    }
  }
  if (denials.length + unknown < places.length) {
    const last = asksSomebody(gateway) ? ", as far as the gateway's own rules go" : "";
    say(`result: permitted${last}`);
    return PERMITTED;
  }
  if (unknown > 0) {
    say("result: unknown: no address of the server is known");
    return UNKNOWN;
  }
  return deniedBy(denials[0] as Denial, say);
}

/** How a server's certificate is verified. */
function verification({ service: { servers } }: Gateway, { host, tls }: Place): string {
  if (tls === "none") return "";
  if (servers.pins.length > 0) return `, its key must be one of ${servers.pins.length} pinned ones`;
  return `, its certificate must have the name ${host}${servers.ca === undefined ? "" : `, by ${servers.ca}`}`;
}

/** What the server gets before all else. */
function introduction({ service: { servers } }: Gateway): string {
  return servers.sendProxy === undefined ? "" : `, behind a PROXY header of version ${servers.sendProxy}`;
}

/** A denial that says nothing of the login leaves its result unknown: access control, or a provider, gives no answer. */
function deniedBy({ code, reason, reply, temporary = false }: Denial, say: (line: string) => void): number {
  const unknown = temporary || responseCode(reply) === "SYS/TEMP";
  say(`result: ${unknown ? "unknown" : "refused"}: code=${code}: ${reason}; the client gets ${quote(reply)}`);
  return unknown ? UNKNOWN : REFUSED;
}

/** The service and the listener that are meant. @throws UsageFault if that is not clear */
function entranceOf(gateways: readonly Gateway[], wanted: string | undefined): Entrance {
  const all = gateways.flatMap((gateway): Entrance[] => {
    const { listen, clients } = gateway.service;
    if (listen.length === 0) return [{ gateway, listen: null, arrival: { tls: clients.tls } }];
    return listen.map((one) => ({
      gateway,
      listen: one,
      arrival: { tls: one.tls ?? "none", defaultServers: one.servers },
    }));
  });
  const matching = wanted === undefined ? all : all.filter((one) => isMeant(one, wanted));
  const [first] = matching;
  const names = all.map(({ gateway, listen }) => {
    const place = listen ? listenAddress.show({ host: listen.host, port: listen.port }) : "";
    return [gateway.service.name, place].filter(Boolean).join(" or ");
  });
  if (!first) throw new UsageFault(`--listener ${quote(wanted ?? "")}: give one of ${names.join(", ")}`);
  const same = (one: Entrance) =>
    one.gateway === first.gateway &&
    JSON.stringify(one.arrival.defaultServers) === JSON.stringify(first.arrival.defaultServers);
  if (!matching.every(same)) throw new UsageFault(`say with --listener which is meant: ${names.join(", ")}`);
  return first;
}

function isMeant({ gateway, listen }: Entrance, wanted: string): boolean {
  if (gateway.service.name === wanted) return true;
  if (!listen) return false;
  return wanted === String(listen.port) || wanted === listenAddress.show({ host: listen.host, port: listen.port });
}

/** Where the gateway would listen. */
function ownPlaces(gateways: readonly Gateway[]): Gateway["memory"]["listeners"] {
  const listen = gateways.flatMap(({ service }) => service.listen);
  return listen.filter(({ port }) => port > 0).map(({ host, port }) => ({ host: host ?? "::", port }));
}
