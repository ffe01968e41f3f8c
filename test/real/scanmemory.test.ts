/** Many large mails at once through the scanner: they are on the disk, not in the gateway's memory. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connectGreeted, logIn } from "../stage/dialogue";
import { LONG } from "../stage/draws";
import { launch, startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { clamdParts, RealClamd } from "./clamd";
import { lacking } from "./programs";

const SESSIONS = 20;
const BLOCK = Buffer.from(`${"A line of a mail that is made while it is sent, again and again.\r\n".repeat(1000)}`);
const BLOCKS = Math.ceil(40_000_000 / BLOCK.length);

/** The most memory that the gateway may have resident, in KiB: a third of what the mails have. */
const BOUND = 250_000;

/** A server that makes its mails while it sends them, so that it has no more memory than this. */
async function serve(): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("+OK\r\n");
    socket.on("data", (chunk) => void answer(socket, chunk.toString("latin1").startsWith("RETR")));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  process.stderr.write(`port=${(server.address() as AddressInfo).port}\n`);
}

async function answer(socket: Socket, mail: boolean): Promise<void> {
  socket.write("+OK\r\n");
  for (let i = 0; mail && i < BLOCKS && !socket.destroyed; i++) {
    if (!socket.write(BLOCK)) await once(socket, "drain");
  }
  if (mail) socket.write(".\r\n");
}

async function startServer(t: TestContext): Promise<number> {
  const { said } = launch(t, process.execPath, [__filename, "serve"], { stdio: ["ignore", "ignore", "pipe"] });
  return until(() => Number(/port=(\d+)\n/.exec(said())?.[1]) || null, said);
}

/** Fetches one mail. */
async function fetch(port: number, user: string, progress: { octets: number }): Promise<void> {
  const client = await connectGreeted(port);
  await logIn(client, user, "p");
  let [octets, end] = [0, ""];
  client.divert((chunk) => {
    octets += chunk.length;
    progress.octets += chunk.length;
    end = (end + chunk.toString("latin1", Math.max(0, chunk.length - 5))).slice(-5);
  });
  await client.say("RETR 1");
  const whole = "+OK\r\n".length + BLOCKS * BLOCK.length + ".\r\n".length;
  await until(
    () => octets >= whole && end === "\r\n.\r\n",
    () => `${octets} octets of ${whole}`,
    { progress: () => progress.octets },
  );
  // Lines that told the client to wait.
  assert.equal((octets - whole) % "X-Virus-Scan: pending\r\n".length, 0);
  client.destroy();
}

function define(): void {
  test("many large mails at once need little memory", { skip: lacking(...clamdParts) }, async (t) => {
    const clamd = await RealClamd.start(t, "StreamMaxLength 1000M");
    const server = await startServer(t);
    const gateway = await startProcess(["-z", "--clamd", clamd.path, `127.0.0.1:${server}`], { t });
    const progress = { octets: 0 };
    await Promise.all(Array.from({ length: SESSIONS }, (_, index) => fetch(gateway.port, `joe${index}`, progress)));
    const peak = gateway.peak();
    t.diagnostic(`${SESSIONS} mails of ${BLOCKS * BLOCK.length} octets: at most ${peak} KiB`);
    assert.ok(peak < BOUND, `${peak} KiB`);
  });
}

if (process.argv[2] === "serve") void serve();
// The mails take much of the disk, and both processors for a quarter of a minute.
else if (LONG) define();
