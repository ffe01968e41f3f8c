/**
 * What virus scanning costs: the time to the last octet of a 10-MB mail, text or an attachment, beside the time that
 * clamd itself takes for the same octets and the time of a bare pipe() relay, in turn within one run; and the gateway's
 * CPU for 100 MB.
 *
 *   npm run bench:scan
 */

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { createDemoServer } from "../../src/demo/server";
import { clamdParts, RealClamd } from "../real/clamd";
import { lacking } from "../real/programs";
import { Client, median } from "./client";
import { type Started, startGateway, startPipe } from "./processes";

const SIZE = 10_000_000;
const ROUNDS = 9;
const RETRS = 5;

const WORDS = "some words of a text, as people write them: with dots. And more of them, but not always the same.".split(
  " ",
);

/** Lines of text. */
function text(): Buffer {
  const line = (_: unknown, at: number) =>
    WORDS.map((_word, index) => WORDS[(at * 7 + index * at) % WORDS.length]).join(" ");
  const block = Array.from({ length: 1000 }, line).join("\r\n");
  return Buffer.from(
    `Subject: text\r\n\r\n${`${block}\r\n`.repeat(Math.ceil(SIZE / block.length)).slice(0, SIZE)}\r\n`,
  );
}

/** One attachment. */
function attachment(): Buffer {
  const lines =
    randomBytes((SIZE * 57) / 78)
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  const header = [
    "Subject: attachment",
    "MIME-Version: 1.0",
    "Content-Type: application/octet-stream",
    "Content-Transfer-Encoding: base64",
  ];
  return Buffer.from(`${header.join("\r\n")}\r\n\r\n${lines.join("\r\n")}\r\n`);
}

/** The time that clamd takes for these octets, in milliseconds. */
function scanTime(path: string, octets: Buffer): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const length = Buffer.alloc(4);
    length.writeUInt32BE(octets.length);
    socket.write("zINSTREAM\0");
    socket.write(length);
    socket.write(octets);
    socket.write(Buffer.alloc(4));
    socket.once("data", (answer) => {
      if (answer.toString("latin1") === "stream: OK\0") resolve(performance.now() - began);
      else reject(new Error(answer.toString("latin1")));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

/** The time that a RETR takes, and the CPU of what is between, in milliseconds. */
async function retrTime(target: Started, number: number, user: string): Promise<[wall: number, cpu: number]> {
  const client = new Client(target.port);
  await client.logIn(user);
  const [began, before] = [performance.now(), target.cpu()];
  for (let i = 0; i < RETRS; i++) await client.ask(`RETR ${number}`, "\r\n.\r\n");
  const spent: [number, number] = [(performance.now() - began) / RETRS, (target.cpu() - before) / RETRS];
  await client.ask("QUIT");
  client.close();
  return spent;
}

async function main(): Promise<void> {
  const missing = lacking(...clamdParts);
  if (missing) throw new Error(missing);
  const ends: (() => Promise<void>)[] = [];
  const t = { after: (end: () => Promise<void>) => ends.push(end) } as unknown as TestContext;
  // Without its cache, which knows what it has found clean before.
  const clamd = await RealClamd.start(t, "DisableCache yes");
  const mails = { text: text(), attachment: attachment() };
  const server = createDemoServer({ messages: Object.values(mails) });
  const port = await server.listen();
  const pipe = await startPipe(port);
  const gateway = await startGateway(port, [""], "-z", "--clamd", clamd.path);
  console.log(`medians of ${ROUNDS} rounds, ms      clamd    pipe  gateway             CPU for 100 MB`);
  for (const [index, [name, octets]] of Object.entries(mails).entries()) {
    const [own, bare, all, cpu]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let round = 0; round <= ROUNDS; round++) {
      let scans = 0;
      for (let i = 0; i < RETRS; i++) scans += await scanTime(clamd.path, octets);
      const [relayed] = await retrTime(pipe, index + 1, "pipe");
      const [scanned, spent] = await retrTime(gateway, index + 1, "gateway");
      if (round === 0) continue; // warm-up
      own.push(scans / RETRS);
      bare.push(relayed);
      all.push(scanned);
      cpu.push((spent * 100e6) / octets.length);
    }
    const figures = [own, bare, all].map((values) => median(values).toFixed(1).padStart(8)).join("");
    const ratio = (median(all) / (median(own) + median(bare))).toFixed(2);
    console.log(`${name.padEnd(26)} ${figures}  x ${ratio} ${median(cpu).toFixed(0).padStart(10)} ms`);
  }
  await gateway.stop();
  await pipe.stop();
  await server.close();
  for (const end of ends.reverse()) await end();
}

void main();
