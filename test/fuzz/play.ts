/** One play: a gateway between a client and a server that do as a seed has it, and what was wrong with it. */

import { Accepting } from "../stage/accepting";
import { FakeClamd } from "../stage/clamd";
import { startGateway, type TestGateway } from "../stage/gateway";
import { CERT_FILE, cert, KEY_FILE, key } from "../stage/localhost";
import { Gone } from "../stage/peer";
import { Client } from "./client";
import type { Leg } from "./commands";
import { Journal, told } from "./journal";
import { Judge, type Play } from "./judge";
import { type Bodies, planOf } from "./plan";
import { Random } from "./random";
import { Server, type Style } from "./server";
import { secret } from "./words";

const LEGS: readonly Leg[] = ["none", "starttls", "tls"];

/** How long nothing may happen before a play is helped to its end: for peers in order never, for others soon. */
const PATIENCE = 30_000;
const STALL = 150;

/** So much of a password is never in the log. */
const SHOWN = 8;

/** More octets than the peers of any play exchange. */
const FLOOD = 32 * 1024 * 1024;

export interface Outcome {
  readonly faults: readonly string[];
  /** What was said, for a failure's message. */
  readonly told: () => string;
}

interface Cast {
  readonly play: Omit<Play, "entries">;
  readonly client: Client;
  readonly server: Server;
  readonly journal: Journal;
  readonly gateway: TestGateway;
  readonly core: string;
  /** Whether both peers keep to the protocol. */
  readonly orderly: boolean;
}

export async function play(seed: number): Promise<Outcome> {
  const random = new Random(seed).fork("play");
  const journal = new Journal();
  const [client, server] = [random.pick(LEGS), random.pick(LEGS)];
  const bodies: Bodies = random.pick(["plain", "plain", "plain", "fakes", "stored"]);
  const dirty = random.chance(0.5) ? 0 : random.pick([0.05, 0.2]);
  const waits = bodies !== "plain" || random.chance(0.4);
  const strict = bodies === "fakes";
  const capa = client === "starttls" || random.chance(0.4);
  const pipelining = random.chance(0.8);
  const words = secret(random);
  const manners = { leg: client, waits, orderly: bodies === "stored", strict, capa };
  const plan = planOf(random.fork("client"), words, manners);
  const style: Style = {
    leg: server,
    dirty,
    ends: bodies === "plain" ? random.pick(["\r\n", "\r\n", "\n", "both"] as const) : "\r\n",
    bodies,
    loose: random.chance(0.4),
    identity: { cert, key },
  };
  const actor = new Server(journal, style, random.fork("server"));
  // Behind a scanner such a mail ends by silence.
  const scans = bodies === "plain" && style.ends !== "both" && random.fork("scan").chance(0.3);
  const clamd = scans ? await FakeClamd.start(null) : null;
  const thrown: unknown[] = [];
  const accepting = new Accepting(server === "tls" ? style.identity : undefined, (peer) => {
    actor.play(peer).catch((fault) => thrown.push(fault));
  });
  const gateway = await startGateway(await accepting.open(), {
    listen: [{ host: "127.0.0.1", port: 0, tls: client }],
    ...(client !== "none" && { tlsCerts: [CERT_FILE], tlsKeys: [KEY_FILE] }),
    serverTls: server,
    ...(server !== "none" && { serverCa: CERT_FILE }),
    ...(clamd && { scan: true, clamd: clamd.address }),
    capa,
    pipelining,
    debug: random.chance(0.3),
  });
  const orderly = dirty === 0 && plan.stays && plan.handshake;
  const human = new Client(journal, plan, random.fork("segments"), dirty === 0 ? PATIENCE : 60);
  const cast: Cast = {
    play: { client, server, capa, pipelining },
    client: human,
    server: actor,
    journal,
    gateway,
    core: words.core,
    orderly,
  };
  try {
    const playing = human.play(gateway.port, client === "tls").catch((fault) => thrown.push(fault));
    const stalled = await toTheEnd(cast);
    await lastOctets(cast);
    human.destroy();
    actor.destroy();
    journal.add("server", "stalls");
    await playing;
    const judge = new Judge({ ...cast.play, entries: journal.entries });
    const faults = [...stalled, ...judge.faults(), ...faultsOf(cast, judge.said.login?.password ?? "")];
    // A handshake fails where the client had said something in clear before it.
    const failed = thrown.filter((fault) => !(fault instanceof Gone) && judge.said.end !== "client-tls");
    faults.push(...failed.map((fault) => `a peer failed: ${fault}`));
    const entries = [...journal.entries];
    return {
      faults,
      told: () =>
        `${client} to ${server}, ${JSON.stringify({ bodies, dirty, capa, pipelining, scans })}\n${told(entries)}\n${gateway.said()}`,
    };
  } finally {
    human.destroy();
    actor.destroy();
    await gateway.close();
    await accepting.close();
    await clamd?.stop();
  }
}

/** Waits until the session has ended. Peers that are stuck are helped; a gateway that is stuck is a fault. */
async function toTheEnd({ client, server, journal, gateway, orderly }: Cast): Promise<string[]> {
  const flood = () => journal.size > FLOOD;
  const ended = () =>
    gateway.log.some(({ event, level }) => event === "close" || (event === "refused" && level === "info"));
  const over = () => ended() || flood();
  const patience = orderly ? PATIENCE : STALL;
  if (await journal.until(over, patience)) return flood() ? ["the gateway speaks without end"] : [];
  const faults = orderly ? ["the session did not end, though both peers keep to the protocol"] : [];
  server.leave();
  if (await journal.until(over, STALL)) return faults;
  client.leave();
  if (await journal.until(over, STALL)) return faults;
  server.do("resets");
  return (await journal.until(over, PATIENCE)) ? faults : ["the session did not end, though both peers had left"];
}

/** Lets both peers hear what is still on its way to them. */
async function lastOctets({ client, journal }: Cast): Promise<void> {
  client.listen();
  const heard = () => journal.has("client", "ended", "closes", "resets");
  await journal.until(heard, STALL);
  await journal.rest("client", 1);
}

/** What is wrong with the log. @param password the one of the login */
function faultsOf({ gateway, core }: Cast, password: string): string[] {
  const faults: string[] = [];
  const secrets = [core, password.slice(0, SHOWN)].filter(({ length }) => length >= SHOWN);
  const closed = gateway.log.filter(({ event }) => event === "close");
  const early = gateway.log.some(({ event }) => event === "refused");
  if (closed.length !== (early ? 0 : 1)) faults.push(`${closed.length} lines say "close"`);
  for (const { event, fields } of gateway.log) {
    const fault = event === "crash" || fields.blame === "gateway" || fields.code === "internal";
    if (fault) faults.push(`log: ${event} ${fields.reason}`);
    const shows = (value: unknown) => secrets.some((secret) => `${value}`.includes(secret));
    if (Object.values(fields).some(shows)) faults.push(`log: the password, in ${event}`);
  }
  return faults;
}
