/**
 * A session on standard input and output: what mutt's `tunnel` and fetchmail's `plugin` start.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pair, start, upstream } from "../listen/handing";
import { scratch } from "../stage/acp";
import { stuffed } from "../stage/demo";
import { launch, MAIN, peakOf } from "../stage/process";

test("two pipes are one session; the end of the input does not cut off the answers", async (t) => {
  const script = `cat | "$0" "$@" | cat`;
  const argv = ["-c", script, process.execPath, MAIN, "-d", await upstream(t)];
  const gateway = launch(t, "/bin/sh", argv, { stdio: ["pipe", "pipe", "pipe"] });
  const heard = collected(gateway.child.stdout as NodeJS.ReadableStream);
  gateway.child.stdin?.end("USER joe\r\nPASS demo\r\nRETR 4\r\nRETR 5\r\nDELE 1\r\nQUIT\r\n");
  assert.equal(await gateway.ended(), 0);
  assertSession(await heard, [4, 5]);
  assert.match(gateway.said(), / connect session=\S+ client="" port=0 interface=""\n/);
  assert.match(gateway.said(), / close .*reason=quit .*retrieved=2 deleted=1/);
});

test("two sockets are as good as two pipes, and so is one", async (t) => {
  const server = await upstream(t);
  const two = start(t, ["pipe", "pipe", "pipe"], MAIN, "-d", server);
  const heard = collected(two.child.stdout as NodeJS.ReadableStream);
  two.child.stdin?.end("USER joe\r\nPASS demo\r\nRETR 5\r\nQUIT\r\n");
  assert.equal(await two.ended(), 0);
  assertSession(await heard, [5]);

  const { client, socket } = await pair(t, join(scratch(t), "socket"));
  const one = start(t, [socket, socket, "pipe"], MAIN, "-d", server);
  socket.destroy();
  await client.write("USER joe\r\nPASS demo\r\nRETR 5\r\nQUIT\r\n");
  client.end();
  await client.untilEnd();
  assertSession(client.heard, [5]);
  assert.equal(await one.ended(), 0);
});

test("--demo tells nobody how to use it where standard output is the client", async (t) => {
  const gateway = launch(t, process.execPath, [MAIN, "-d", "--demo"], { stdio: ["pipe", "pipe", "pipe"] });
  const heard = collected(gateway.child.stdout as NodeJS.ReadableStream);
  gateway.child.stdin?.end("USER me\r\nPASS demo\r\nQUIT\r\n");
  assert.equal(await gateway.ended(), 0);
  for (const line of (await heard).trimEnd().split("\r\n")) assert.match(line, /^\+OK/);
});

test("R2: a pipe whose reader is slow makes the gateway wait, not grow", { timeout: 300_000 }, async (t) => {
  const gateway = start(t, ["pipe", "pipe", "pipe"], MAIN, "-d", await upstream(t));
  const { stdin, stdout, pid } = gateway.child;
  stdin?.end(`USER joe\r\nPASS demo\r\n${"RETR 5\r\n".repeat(25)}QUIT\r\n`);
  await once(stdout as NodeJS.ReadableStream, "readable");
  await pause(1000);
  const peak = peakOf(pid as number);
  let octets = 0;
  stdout?.on("data", (chunk: Buffer) => (octets += chunk.length));
  assert.equal(await gateway.ended(), 0);
  assert.ok(octets > 25 * stuffed(5).length, `${octets} octets`);
  assert.ok(peak < 100 * 1024, `${peak} KiB`);
});

test("a reader that leaves ends the session", async (t) => {
  const gateway = start(t, ["pipe", "pipe", "pipe"], MAIN, "-d", await upstream(t));
  gateway.child.stdin?.write("USER joe\r\nPASS demo\r\nRETR 5\r\n");
  await once(gateway.child.stdout as NodeJS.ReadableStream, "readable");
  gateway.child.stdout?.destroy();
  gateway.child.stdin?.end();
  assert.equal(await gateway.ended(), 0);
});

async function collected(stream: NodeJS.ReadableStream): Promise<string> {
  let heard = "";
  stream.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
  await once(stream, "end");
  return heard;
}

/** That this is a whole session in which these mails were retrieved, octet for octet. */
function assertSession(heard: string, mails: readonly number[]): void {
  let rest = heard;
  const line = () => {
    const at = rest.indexOf("\r\n") + 2;
    const taken = rest.slice(0, at);
    rest = rest.slice(at);
    return taken;
  };
  for (let count = 0; count < 3; count++) assert.match(line(), /^\+OK/);
  for (const number of mails) {
    assert.match(line(), /^\+OK/);
    const mail = stuffed(number);
    assert.ok(rest.startsWith(mail), `mail ${number} differs`);
    rest = rest.slice(mail.length);
  }
  while (rest !== "") assert.match(line(), /^\+OK/);
}
