/**
 * Every transcript through every door, each time with a process of its own: what a gateway has learned of a server would
 * change the next play. The superservers themselves are in test/real.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { activate, fdOf, listener, pair, portOf, start } from "../listen/handing";
import { Accepting } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { Peer } from "../stage/peer";
import { MAIN, startProcess } from "../stage/process";
import { playThrough } from "./play";
import { type Transcript, transcripts } from "./transcript";

/** Plays at once. */
const AT_ONCE = 4;

interface Door {
  readonly name: string;
  /** A client that came in there. */
  enter(t: TestContext, options: readonly string[]): Promise<Peer>;
}

const doors: readonly Door[] = [
  {
    name: "inetd's nowait",
    async enter(t, options) {
      const { client, socket } = await pair(t);
      start(t, [socket, socket, socket], MAIN, ...options);
      socket.destroy();
      return client;
    },
  },
  {
    name: "inetd's wait",
    async enter(t, options) {
      const server = await listener(t, { host: "127.0.0.1", port: 0 });
      const port = portOf(server);
      start(t, [fdOf(server), fdOf(server), fdOf(server)], MAIN, ...options);
      server.close();
      return Peer.connect(port);
    },
  },
  {
    name: "systemd's sockets",
    async enter(t, options) {
      const server = await listener(t, { host: "127.0.0.1", port: 0 });
      const port = portOf(server);
      activate(t, [fdOf(server)], MAIN, ...options);
      server.close();
      return Peer.connect(port);
    },
  },
  {
    name: "a socket without a network",
    async enter(t, options) {
      const { client, socket } = await pair(t, join(scratch(t), "socket"));
      start(t, [socket, socket, "ignore"], MAIN, ...options);
      socket.destroy();
      return client;
    },
  },
  {
    name: "the daemon",
    async enter(t, options) {
      return Peer.connect((await startProcess(options, { t })).port);
    },
  },
];

for (const door of doors) {
  test(`every transcript through ${door.name}`, { timeout: 120_000, concurrency: AT_ONCE }, async (t) => {
    const log = createSocket("udp4").bind(0, "127.0.0.1");
    await once(log, "listening");
    log.unref();
    const options = ["--syslog", `udp://127.0.0.1:${log.address().port}`];
    const plays = transcripts().map((transcript) =>
      t.test(transcript.name, (t) => playAt(t, door, transcript, options)),
    );
    await Promise.all(plays);
    log.close();
  });
}

async function playAt(t: TestContext, door: Door, transcript: Transcript, options: readonly string[]): Promise<void> {
  const accepting = new Accepting();
  t.after(() => accepting.close());
  const server = `127.0.0.1:${await accepting.open()}`;
  await playThrough(await door.enter(t, [...options, server]), accepting, transcript, "line by line");
}
