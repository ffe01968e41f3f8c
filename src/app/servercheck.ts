/**
 * The part of --check that connects to a server as sessions do: it shows the greeting and what the server offers, and
 * says what is likely wrong and what mends it. There is no login.
 */

import { connect as connectTcp } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { bracketed, isAddress, showHostPort } from "../base/address";
import { now } from "../base/clock";
import { timeLimit } from "../base/timelimit";
import { Abort } from "../base/until";
import type { ServerAddress } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import { type Capabilities, parseCapabilities } from "../protocol/capability";
import { Failure } from "../protocol/failure";
import { isPositive } from "../protocol/response";
import { list } from "../session/asking";
import type { Place } from "../session/needs";
import { greeted } from "../session/serverlogin";
import { StatusLines } from "../session/statuslines";
import { serverWarnings } from "./serverwarnings";
import { shownLine } from "./shownline";

/** How long a server may take to answer CAPA, or a handshake that only shows that it speaks TLS, in milliseconds. */
const PATIENCE = 5000;

/** How long a server may take to answer a PROXY header that it does not expect, in milliseconds. */
const ANSWERING = 1000;

/** Checks one server. @returns what was found, in lines @throws Error in one line, with what may mend it */
export async function checkServer(gateway: Gateway, server: ServerAddress): Promise<string[]> {
  const route = gateway.route(
    { user: "check", secret: { kind: "password", password: "" } },
    { tls: "none", defaultServers: [server] },
  );
  if (route.kind === "denial") throw new Error(route.reason);
  const never = new Abort();
  const dialled = await gateway.dial({ id: "check", clientAddress: "" }, route, never);
  if (dialled.kind === "denial") throw new Error(dialled.reason);
  const { server: connection, place } = dialled;
  const name = showHostPort(place.host, place.port);
  try {
    connection.deadline = now() + gateway.service.limits.server;
    const statuses = new StatusLines(connection, () => {});
    const secure = () => connection.startTls((raw) => gateway.serverTls(raw, route));
    if (gateway.service.servers.sendProxy !== undefined) await greetingAlone(connection);
    const greeting = await greeted(connection, place.tls, statuses, secure).catch(async (thrown: Error) => {
      throw new Error(`${thrown.message}${await hint(thrown, connection, place)}${proxyHint(thrown, gateway)}`);
    });
    const how = connection.tls ? `${connection.tls}, verified` : "in clear";
    const lines = [
      `server ${name} is reached ${ways(gateway, connection)}, ${how}`,
      `server says: ${shownLine(greeting)}`,
    ];
    const { line, capabilities } = await offers(connection, statuses);
    lines.push(line);
    if (capabilities === undefined) return lines;
    const { tls, local } = connection;
    const seen = { name, greeting, capabilities, tls: tls !== "", ownTls: place.ownTls, own: local.address };
    return [...lines, ...serverWarnings(gateway.service, seen).map((warning) => `warning: ${warning}`)];
  } finally {
    connection.close(0);
  }
}

/** A server that expects no PROXY header takes it for commands, and answers them behind its greeting. @throws Error */
async function greetingAlone({ input }: Connection): Promise<void> {
  await input.filled().catch(() => {});
  await pause(ANSWERING);
  if (input.ahead.split("\n").length <= 2) return;
  throw new Error("it answers the PROXY header as if it were commands: leave out --send-proxy, or let it expect one");
}

/** By which way a server is reached. */
function ways({ service: { servers } }: Gateway, { peer }: Connection): string {
  if (servers.ssh !== undefined) return `through ssh to ${servers.ssh}`;
  return servers.via ? `through ${servers.via[0]}` : `at ${bracketed(peer.address)}`;
}

/** What a server answers to CAPA. */
interface Offer {
  /** The answer, for the reader. */
  readonly line: string;
  /** null: it has no CAPA, which is in order; absent: it does not answer. */
  readonly capabilities?: Capabilities | null;
}

async function offers(server: Connection, statuses: StatusLines): Promise<Offer> {
  server.deadline = now() + PATIENCE;
  try {
    await server.say("CAPA");
    const answer = await statuses.next(() => false);
    if (typeof answer !== "string" || !isPositive(answer)) return { line: "server has no CAPA", capabilities: null };
    const lines = await list(server);
    void server.say("QUIT");
    const line = `server offers: ${shownLine(lines.map((line) => line.trim()).join(", "))}`;
    return { line, capabilities: parseCapabilities(lines) };
  } catch (thrown) {
    return { line: `server does not answer CAPA: ${shownLine((thrown as Error).message)}` };
  }
}

/** What may mend a fault before the greeting. */
async function hint(fault: Error, { peer }: Connection, { host, tls, ownTls }: Place): Promise<string> {
  if (!(fault instanceof Failure)) return "";
  const silent = fault.code === "server-silent" || fault.code === "server-closed" || fault.code === "server-protocol";
  if (silent && tls !== "tls" && (await speaksTls(peer, host))) {
    return `: it answers TLS on this port, so ${ownTls ? "write /tls behind the server" : "say --server-tls tls"}`;
  }
  if (fault.code === "server-tls" && tls === "starttls" && /STLS|CAPA/.test(fault.message)) {
    return `: try port 995, or ${ownTls ? "/none behind the server" : "--server-tls none"}`;
  }
  return "";
}

/** A server that expects a PROXY header waits for it in vain, and closes without a greeting. */
function proxyHint(fault: Error, { service: { servers } }: Gateway): string {
  if (!(fault instanceof Failure) || servers.sendProxy !== undefined) return "";
  const waits = fault.code === "server-closed" || fault.code === "server-silent";
  return waits ? "; a server that expects PROXY headers needs --send-proxy" : "";
}

/** Whether a server answers a handshake; its certificate is of no interest here. One behind a command is not tried. */
async function speaksTls({ address, port }: Connection["peer"], host: string): Promise<boolean> {
  if (address === "") return false;
  return new Promise((resolve) => {
    const socket = connectTcp({ host: address, port });
    const tls = connectTls({ socket, servername: isAddress(host) ? "" : host, rejectUnauthorized: false });
    const over = (answer: boolean) => {
      endLimit();
      socket.destroy();
      resolve(answer);
    };
    const endLimit = timeLimit(PATIENCE, () => over(false));
    tls.once("secureConnect", () => over(true));
    tls.on("error", () => over(false));
    socket.on("error", () => over(false));
  });
}
