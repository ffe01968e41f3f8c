/**
 * What a descriptor is, told by looking; and standard streams that are the client, made harmless.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, constants, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isSameDescriptor, isSocket, kindOf } from "../../src/process/descriptor";
import { fdOf, listener, pair } from "../listen/handing";
import { scratch } from "../stage/acp";
import { type Launched, launch } from "../stage/process";

const DESCRIPTOR = join(__dirname, "..", "..", "src", "process", "descriptor.js");

function opened(t: TestContext, path: string, flags: number): number {
  const fd = openSync(path, flags);
  t.after(() => closeSync(fd));
  return fd;
}

/** The descriptors of this process that are sockets. */
function sockets(): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter(isSocket);
}

test("a connection is one while it lasts, half closed, and when its client is gone", async (t) => {
  const [whole, half, reset] = [await pair(t), await pair(t), await pair(t)];
  half.client.end();
  reset.client.reset();
  await pause(50);
  for (const { socket, client } of [whole, half, reset]) assert.equal(kindOf(fdOf(socket)), "connection", client.heard);
  assert.equal(kindOf(fdOf(whole.client.socket)), "connection");
});

test("a listening socket of IPv4, of IPv6, and of the file system is a listener", async (t) => {
  const places = [{ host: "127.0.0.1", port: 0 }, { host: "::1", port: 0 }, join(scratch(t), "socket")];
  for (const where of places) assert.equal(kindOf(fdOf(await listener(t, where))), "listener", JSON.stringify(where));
});

test("a pipe is one, and so is a stream socket without a network", async (t) => {
  const path = scratch(t);
  execFileSync("mkfifo", [join(path, "fifo")]);
  assert.equal(kindOf(opened(t, join(path, "fifo"), constants.O_RDWR)), "pipe");
  const { client, socket } = await pair(t, join(path, "a name of \n 2 lines"));
  assert.equal(kindOf(fdOf(socket)), "pipe");
  assert.equal(kindOf(fdOf(client.socket)), "pipe");
});

test("a terminal is one; a file, a device, datagrams and nothing at all are something else", async (t) => {
  assert.equal(kindOf(opened(t, "/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY)), "terminal");
  assert.equal(kindOf(opened(t, "/dev/null", constants.O_RDWR)), "other");
  assert.equal(kindOf(opened(t, __filename, constants.O_RDONLY)), "other");
  assert.equal(kindOf(opened(t, "/", constants.O_RDONLY)), "other");
  assert.equal(kindOf(9999), "other");
  for (const [type, host] of [["udp4", "127.0.0.1"] as const, ["udp6", "::1"] as const]) {
    const before = sockets();
    const datagrams = createSocket(type).bind(0, host);
    await once(datagrams, "listening");
    assert.deepEqual(
      sockets()
        .filter((fd) => !before.includes(fd))
        .map(kindOf),
      ["other"],
      type,
    );
    datagrams.close();
  }
});

test("two descriptors are the same only if they are", async (t) => {
  const { socket, client } = await pair(t);
  assert.ok(isSameDescriptor(fdOf(socket), fdOf(socket)));
  assert.ok(!isSameDescriptor(fdOf(socket), fdOf(client.socket)));
  assert.ok(!isSameDescriptor(9999, 9999));
});

test("what is written to 1 and 2 is not heard by the client on 0", async (t) => {
  const { client, socket } = await pair(t);
  const child = talkative(t, [socket, socket, socket]);
  socket.destroy();
  assert.equal(await child.ended(), 0);
  await client.untilEnd();
  assert.equal(client.heard, "true");
});

test("a stderr of its own stays, whatever 0 and 1 are", async (t) => {
  const { client, socket } = await pair(t);
  const child = talkative(t, [socket, socket, "pipe"]);
  socket.destroy();
  assert.equal(await child.ended(), 0);
  await client.untilEnd();
  assert.equal(client.heard, "false");
  assert.equal(child.said(), "on 2");
});

test("a person who runs a command through sshd reads its stdout", async (t) => {
  const { client, socket } = await pair(t, join(scratch(t), "socket"));
  const child = talkative(t, [socket, socket, "pipe"]);
  socket.destroy();
  assert.equal(await child.ended(), 0);
  await client.untilEnd();
  assert.equal(client.heard, "falseon 1");
  assert.equal(child.said(), "on 2");
});

/** A process that says on 0 what `safeStandardStreams` gave, and then something on 1 and 2. */
function talkative(t: TestContext, stdio: Parameters<typeof launch>[3]["stdio"]): Launched {
  const script = `
    const { safeStandardStreams } = require(${JSON.stringify(DESCRIPTOR)});
    require("node:fs").writeSync(0, String(safeStandardStreams()));
    process.stdout.write("on 1");
    process.stderr.write("on 2");`;
  return launch(t, process.execPath, ["-e", script], { stdio });
}
