/**
 * Transcripts through every door. Those that teach a gateway nothing of its server share a process, where it serves more
 * than one client, and are all played. The others need a process each: the long form starts all of these, the short form
 * those of a draw for each door. The superservers themselves are in test/real.
 */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { activate, fdOf, listener, pair, portOf, start } from "../listen/handing";
import { Accepting } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { drawn, tellDraw } from "../stage/draws";
import { Peer } from "../stage/peer";
import { MAIN, startProcess } from "../stage/process";
import { playThrough } from "./play";
import { said, type Transcript, transcripts } from "./transcript";

/** Plays at once. */
const AT_ONCE = 4;

/** Processes for one transcript each, of one door in the short form. */
const PROCESSES = 3;

/** Makes a client that comes in there. */
type Enter = () => Promise<Peer>;

interface Door {
  readonly name: string;
  /** Whether a process has one client. */
  readonly single: boolean;
  /** Starts a gateway behind it. */
  open(t: TestContext, options: readonly string[]): Promise<Enter>;
}

const doors: readonly Door[] = [
  {
    name: "inetd's nowait",
    single: true,
    async open(t, options) {
      const { client, socket } = await pair(t);
      start(t, [socket, socket, socket], MAIN, ...options);
      socket.destroy();
      return async () => client;
    },
  },
  {
    name: "inetd's wait",
    single: false,
    async open(t, options) {
      const server = await listener(t, { host: "127.0.0.1", port: 0 });
      const port = portOf(server);
      start(t, [fdOf(server), fdOf(server), fdOf(server)], MAIN, ...options);
      server.close();
      return () => Peer.connect(port);
    },
  },
  {
    name: "systemd's sockets",
    single: false,
    async open(t, options) {
      const server = await listener(t, { host: "127.0.0.1", port: 0 });
      const port = portOf(server);
      activate(t, [fdOf(server)], MAIN, ...options);
      server.close();
      return () => Peer.connect(port);
    },
  },
  {
    name: "a socket without a network",
    single: true,
    async open(t, options) {
      const { client, socket } = await pair(t, join(scratch(t), "socket"));
      start(t, [socket, socket, "ignore"], MAIN, ...options);
      socket.destroy();
      return async () => client;
    },
  },
  {
    name: "the daemon",
    single: false,
    async open(t, options) {
      const { port } = await startProcess(options, { t });
      return () => Peer.connect(port);
    },
  },
];

tellDraw("transcripts that need a process of their own");

for (const door of doors) {
  test(`transcripts through ${door.name}`, { timeout: 300_000, concurrency: AT_ONCE }, async (t) => {
    const log = createSocket("udp4").bind(0, "127.0.0.1");
    await once(log, "listening");
    log.unref();
    const options = ["--syslog", `udp://127.0.0.1:${log.address().port}`];
    const all = transcripts();
    const isApart = (transcript: Transcript) => door.single || apart(transcript);
    const alone = drawn(all.filter(isApart), PROCESSES, door.name).map((transcript) =>
      t.test(transcript.name, async (t) =>
        play(await stage(t, door, [...optionsOf(transcript), ...options]), transcript),
      ),
    );
    const together = all.filter((transcript) => !isApart(transcript));
    if (together.length > 0) {
      const shared = await stage(t, door, options);
      // One after the other: they have one server.
      for (const transcript of together) await t.test(transcript.name, () => play(shared, transcript));
    }
    await Promise.all(alone);
    log.close();
  });
}

/** A gateway behind a door, and where its server waits. */
interface Staged {
  readonly enter: Enter;
  readonly accepting: Accepting;
}

async function stage(t: TestContext, door: Door, options: readonly string[]): Promise<Staged> {
  const accepting = new Accepting();
  t.after(() => accepting.close());
  const server = `127.0.0.1:${await accepting.open()}`;
  return { enter: await door.open(t, [...options, server]), accepting };
}

async function play({ enter, accepting }: Staged, transcript: Transcript): Promise<void> {
  await playThrough(await enter(), accepting, transcript, "line by line");
}

/** The options that a transcript's settings stand for. */
function optionsOf({ name, settings }: Transcript): string[] {
  const known: Record<string, (value: unknown) => string[]> = {
    capa: () => ["--capa"],
    pipelining: () => ["--no-pipelining"],
    utf8: () => ["--utf8"],
    mechanisms: (value) => ["--auth", String(value)],
    timeout: (value) => ["--timeout", String(Math.ceil(Number(value) / 1000))],
  };
  return Object.entries(settings).flatMap(
    ([key, value]) => known[key]?.(value) ?? assert.fail(`${name}: no option is known for ${key}`),
  );
}

/**
 * Whether a transcript needs a gateway of its own: it has settings, or the gateway learns something from it, the server's
 * capabilities or that a login was refused, which delays others.
 */
function apart({ server, settings }: Transcript): boolean {
  if (Object.keys(settings).length > 0) return true;
  return /^CAPA\r$/m.test(said(server, "gateway")) || /^-ERR/m.test(said(server, "peer"));
}
