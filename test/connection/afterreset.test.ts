import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { survivesFailedWrites } from "../../src/connection/afterreset";
import { until } from "../stage/waiting";

/** A stream that has input to be read, and whose writes fail as those to a connection that was reset. */
function resetStream(): Duplex {
  const stream = new Duplex({ read() {}, write: (_octets, _encoding, done) => done(new Error("EPIPE")) });
  stream.on("error", () => {});
  stream.push("QUIT\r\n");
  return stream;
}

/** What a stream emits when it is made to flow. */
async function flowing(stream: Duplex): Promise<string> {
  let heard = "";
  stream.on("data", (chunk) => {
    heard += chunk;
  });
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  return heard;
}

/** Both ends of a connection: the one that is tried, and its peer. */
async function connection(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const peer = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  const [socket] = (await once(server, "connection")) as [Socket];
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return [socket, peer];
}

test("canary: without the patch, Node still loses the input of a stream whose write has failed", async () => {
  const stream = resetStream();
  stream.write("+OK\r\n");
  await new Promise((resolve) => stream.once("close", resolve));
  const why = "the patch of afterreset.ts is no longer needed on this version of Node";
  assert.ok(stream.destroyed, why);
  assert.equal(await flowing(stream), "", why);
});

test("I18: a write that fails is told, and the input can still be read", async () => {
  const stream = resetStream();
  let failures = 0;
  survivesFailedWrites(stream, { writeFailed: () => failures++, writeOver() {} });
  stream.write("+OK 1\r\n");
  stream.cork();
  stream.write("+OK 2\r\n");
  stream.write("+OK 3\r\n");
  stream.uncork();
  await until(() => stream.writableLength === 0);
  assert.ok(failures >= 2);
  assert.ok(!stream.destroyed);
  assert.equal(await flowing(stream), "QUIT\r\n");
});

test("I18: the same on a socket whose peer has reset the connection", async (t) => {
  const [socket, peer] = await connection(t);
  let failures = 0;
  survivesFailedWrites(socket, { writeFailed: () => failures++, writeOver() {} });
  peer.end("QUIT\r\n");
  socket.resume();
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  await until(() => heard === "QUIT\r\n");
  peer.resetAndDestroy();
  await until(() => {
    socket.write("+OK\r\n");
    return failures > 0 || socket.destroyed;
  });
  assert.equal(heard, "QUIT\r\n");
});
