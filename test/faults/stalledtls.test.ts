import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { logIn } from "../stage/dialogue";
import { LONG } from "../stage/draws";
import { CERT_FILE, cert, KEY_FILE } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import { until } from "../stage/waiting";

/** Clients that stall, and the memory that each may cost, in KiB: a few bear more of what is used once. */
const [CLIENTS, BOUND] = LONG ? [150, 300] : [30, 500];

/** A server whose every mail has no end. @returns its port */
async function endlessServer(t: TestContext): Promise<number> {
  const chunk = Buffer.alloc(64 * 1024, `${"x".repeat(76)}\r\n`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on("error", () => {})
      .on("data", (line) => (`${line}`.startsWith("RETR") ? pour() : socket.write("+OK\r\n")));
    socket.write("+OK\r\n");
    function pour(): void {
      socket.write("+OK\r\n");
      socket.on("drain", fill);
      fill();
    }
    function fill(): void {
      while (socket.write(chunk));
    }
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

test(`B27: clients under TLS that never read a large mail cost at most ${BOUND} KiB each`, async (t) => {
  const options = ["--tls-cert", CERT_FILE, "--tls-key", KEY_FILE, "--max-per-client", "1000", "-m"];
  const server = `127.0.0.1:${await endlessServer(t)}`;
  const gateway = await startProcess([...options, server], { t, listeners: ["/tls"], mode: "--foreground" });
  const stall = async () => {
    const client = await Peer.connectTls(gateway.port, { ca: cert }, t);
    await client.line();
    await logIn(client, "joe", "p");
    await client.say("RETR 1");
    assert.equal(await client.line(), "+OK");
    client.pause();
  };
  for (let count = 0; count < 10; count++) await stall();
  const before = gateway.peak();
  for (let count = 0; count < CLIENTS; count++) await stall();
  // What is still on its way fills the buffers.
  let last = 0;
  await until(
    () => {
      const peak = gateway.peak();
      const still = peak === last;
      last = peak;
      return still;
    },
    "memory that does not grow any more",
    { every: 500 },
  );
  const each = (last - before) / CLIENTS;
  assert.ok(each <= BOUND, `${each} KiB each`);
  t.diagnostic(`${each.toFixed(0)} KiB each`);
});
