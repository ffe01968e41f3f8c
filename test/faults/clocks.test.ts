/**
 * Every deadline, and what its end looks like to the peers.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Accepting } from "../stage/accepting";
import { connectGreeted, logInBetween } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import type { Peer } from "../stage/peer";
import { standStill } from "../stage/standstill";
import { until } from "../stage/waiting";

interface Scene {
  readonly gateway: TestGateway;
  readonly accepting: Accepting;
  /** A client that has heard the greeting. */
  connect(): Promise<Peer>;
  /** A client that has logged in, and the server's end of its session. */
  loggedIn(): Promise<{ client: Peer; server: Peer }>;
}

async function scene(settings: Wishes, play: (scene: Scene) => Promise<void>): Promise<void> {
  const accepting = new Accepting();
  const gateway = await startGateway(await accepting.open(), settings);
  const clients: Peer[] = [];
  const connect = async () => {
    const client = await connectGreeted(gateway.port);
    clients.push(client);
    return client;
  };
  const loggedIn = async () => {
    const client = await connect();
    return { client, server: await logInBetween(client, accepting) };
  };
  try {
    await play({ gateway, accepting, connect, loggedIn });
  } finally {
    for (const client of clients) client.destroy();
    await gateway.close();
    await accepting.close();
  }
}

test("R1: one octet now and then before login runs into the deadline for all of it", () =>
  scene({ loginTimeout: 1000 }, async ({ gateway, connect }) => {
    // The session begins somewhat before its greeting has come.
    const began = performance.now();
    const client = await connect();
    let count = 0;
    for (const octet of "USER joe\r\nUSER joe\r\nUSER joe\r\n") {
      if (client.ended) break;
      await client.write(octet);
      count++;
      await pause(100);
    }
    const took = performance.now() - began;
    assert.ok(client.ended && took >= 900 && count <= 20, `${count} octets in ${took} ms`);
    assert.match((await gateway.logged("close")).fields.reason as string, /client is silent/);
    assert.doesNotMatch(client.heard, /-ERR/);
  }));

test("R7: an idle session is closed without a word, and the server gets no QUIT", () =>
  scene({ timeout: 2000 }, async ({ gateway, loggedIn }) => {
    const { client, server } = await loggedIn();
    await pause(1000);
    // Before the gateway's clock begins anew: this process may have to wait for a processor behind that.
    const began = performance.now();
    await client.say("NOOP");
    assert.equal(await server.line(), "NOOP");
    await server.say("+OK");
    await client.line();
    await client.expectEnd();
    assert.ok(performance.now() - began >= 1950, "the command in between counts as activity");
    await server.expectEnd();
    assert.equal((await gateway.logged("close")).fields.reason, "client is silent");
  }));

test("R7: a session whose client spoke in time goes on, even if the gateway stood still until it was late", () =>
  scene({ timeout: 1000 }, async ({ loggedIn }) => {
    const { client, server } = await loggedIn();
    void client.say("NOOP");
    standStill(1500);
    assert.equal(await server.line(), "NOOP");
    void server.say("+OK");
    standStill(1500);
    assert.equal(await client.line(), "+OK");
  }));

test("R3: a server that does not greet: the client is told", () =>
  scene({ serverTimeout: 1000 }, async ({ connect, accepting }) => {
    const client = await connect();
    await client.ask("USER joe");
    await client.say("PASS p");
    await accepting.next();
    assert.equal(await client.line(), "-ERR [SYS/TEMP] server does not answer");
    await client.expectEnd();
  }));

test("R3: a server that does not answer: the client is told", () =>
  scene({ timeout: 1000 }, async ({ loggedIn }) => {
    const { client, server } = await loggedIn();
    await client.say("STAT");
    await server.line();
    await server.write("+OK 1");
    assert.equal(await client.line(), "-ERR [SYS/TEMP] server does not answer");
    await client.expectEnd();
    await server.expectEnd();
  }));

test("R3: a server that drips inside a body is slow, not dead; one that stands still ends the session without a word", () =>
  scene({ timeout: 1000 }, async ({ loggedIn }) => {
    const { client, server } = await loggedIn();
    await client.say("RETR 1");
    await server.line();
    await server.say("+OK");
    for (const octet of "dripping") {
      await pause(250);
      await server.write(octet);
    }
    await client.expect("+OK\r\ndripping");
    await client.expectEnd();
    await server.expectEnd();
  }));

test("R2: a client that reads nothing stops the server, and is closed", () =>
  scene({ timeout: 1000 }, async ({ gateway, loggedIn }) => {
    const { client, server } = await loggedIn();
    client.pause();
    await client.say("RETR 1");
    await server.line();
    await server.say("+OK");
    const piece = Buffer.alloc(1 << 20, "0123456789abcdef");
    let taken = 0;
    for (; taken < 1024 && !server.closed; taken++) {
      if (server.socket.write(piece)) continue;
      await Promise.race([new Promise((resolve) => server.socket.once("drain", resolve)), server.expectClose()]);
    }
    assert.ok(taken < 64, `${taken} MiB went into a connection that nobody reads`);
    assert.equal((await gateway.logged("close")).fields.reason, "client does not read");
    client.resume();
    client.end();
    await client.expectClose();
    assert.doesNotMatch(client.heard.slice(-200), /-ERR|^\.\r\n/m);
  }));

test("R6: a client that pipelines for ever and reads no answer is closed", () =>
  scene({ timeout: 1000, loginTimeout: 600_000 }, async ({ gateway, connect }) => {
    const client = await connect();
    client.pause();
    const { socket } = client;
    const pump = () => {
      while (!client.closed && socket.write("TOP\r\n".repeat(3000)));
    };
    socket.on("drain", pump);
    pump();
    // On a busy machine it takes a while to fill the buffers of the system with answers.
    const progress = () => socket.bytesWritten;
    const closed = await until(() => gateway.log.find(({ event }) => event === "close"), "the close", { progress });
    assert.equal(closed.fields.reason, "client does not read");
    client.destroy();
  }));

test("L2, L10: a refused login is answered late, and later each time; the session and its server are gone then", () =>
  scene({ limits: { refusal: 200, refusalMost: 500 } }, async ({ connect, accepting }) => {
    const delays: number[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await connect();
      await client.ask("USER joe");
      await client.say("PASS wrong");
      const server = await accepting.next();
      await server.say("+OK\r\n".trim());
      await server.line();
      await server.say("+OK");
      await server.line();
      const began = performance.now();
      await server.say("-ERR no");
      await server.expectEnd();
      assert.doesNotMatch(client.heard, /-ERR/, "the server need not wait for it");
      assert.equal(await client.line(), "-ERR no");
      await client.expectEnd();
      delays.push(performance.now() - began);
    }
    for (const [i, least] of [190, 390, 490].entries()) assert.ok((delays[i] as number) >= least, `${delays}`);
  }));
