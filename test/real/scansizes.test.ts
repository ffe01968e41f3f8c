/** Mails of all sizes through a real clamd: those that are larger than its StreamMaxLength, and those that are not. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit } from "../stage/dialogue";
import { LONG, randomFor, tellDraw, testOfDraw } from "../stage/draws";
import { startGateway } from "../stage/gateway";
import { until } from "../stage/waiting";
import { clamdParts, RealClamd } from "./clamd";
import { mail } from "./mails";
import { lacking } from "./programs";
import { same } from "./same";
import { asIfAtOnce } from "./waiting";

const test = testOfDraw();

tellDraw("sizes of mails");

const skip = lacking(...clamdParts);

/** StreamMaxLength in the test of mails that are too large. */
const MOST = 100_000;

/** Sizes from `from` to `to`, so that each power of ten has as many as another. */
function sizes(count: number, from: number, to: number): number[] {
  const next = randomFor("sizes");
  return Array.from({ length: count }, () => Math.floor(from * (to / from) ** next()));
}

test("V2: a mail that is too large is always told from one that could not be scanned", { skip }, async (t) => {
  const clamd = await RealClamd.start(t, `StreamMaxLength ${MOST}`);
  const messages = [1, 1, 2, 5, 10, 20, 50].map((times) =>
    mail("large", `${"x".repeat(70)}\r\n`.repeat((times * MOST) / 72)),
  );
  const server = await startDemo(t, { messages });
  const places = [{ path: clamd.path }, { host: "127.0.0.1", port: clamd.port }];
  for (const place of places) {
    const gateway = await startGateway(server.port, { scan: true, clamd: place }, { t });
    const client = await connectGreeted(gateway.port, t);
    await logInAnew(client);
    for (let i = 0; i < (LONG ? 100 : 21); i++) {
      assert.match(await client.ask(`RETR ${(i % messages.length) + 1}`), /^-ERR \[SYS\/PERM\]/, `${i}`);
    }
    await quit(client);
    for (const { event, fields } of gateway.log) if (event === "scan") assert.equal(fields.code, "scan-size");
  }
});

test("I6: mails of all sizes and kinds pass without a change", { skip }, async (t) => {
  const clamd = await RealClamd.start(t);
  const lengths = LONG ? sizes(100, 4000, 8_000_000) : sizes(12, 4000, 1_500_000);
  for (let at = 0; at < lengths.length; at += 10) await pass(t, clamd, lengths.slice(at, at + 10), at);
});

/** Mails of these lengths pass. */
async function pass(t: TestContext, clamd: RealClamd, lengths: readonly number[], from: number): Promise<void> {
  const messages = lengths.map((length, index) => mailOf(length, from + index));
  const server = await startDemo(t, { messages });
  const gateway = await startGateway(server.port, { scan: true, clamd: { path: clamd.path } }, { t });
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  let heard: Buffer[] = [];
  let octets = 0;
  let end = "";
  client.divert((chunk) => {
    heard.push(chunk);
    octets += chunk.length;
    end = (end + chunk.toString("latin1", Math.max(0, chunk.length - 5))).slice(-5);
  });
  for (const [index, message] of messages.entries()) {
    heard = [];
    end = "";
    await client.say(`RETR ${index + 1}`);
    const stuffed = Buffer.from(`${message.toString("latin1").replace(/(^|\r\n)\./g, "$1..")}.\r\n`, "latin1");
    const head = `+OK ${message.length} octets\r\n`;
    await until(() => end === "\r\n.\r\n", "a mail", { progress: () => octets });
    const response = asIfAtOnce(Buffer.concat(heard).toString("latin1"));
    same(Buffer.from(response, "latin1"), Buffer.concat([Buffer.from(head), stuffed]));
  }
  client.end();
  await gateway.close();
  await server.server.close();
}

/** A mail of about this length: lines of base64, of text, of any octets, of dots, or without an end for long. */
function mailOf(length: number, number: number): Buffer {
  const next = randomFor(`mail ${number}`);
  const octet = () => {
    const code = Math.floor(next() * 256);
    return code === 10 || code === 13 || code === 0 ? 46 : code;
  };
  const kinds = [
    () => Buffer.from(Array.from({ length: 57 }, octet)).toString("base64"),
    () => `a line of text, ${next()}.`,
    () => Buffer.from(Array.from({ length: Math.floor(next() * 200) }, octet)).toString("latin1"),
    () => ".".repeat(Math.floor(next() * 5)),
    () => `.${"long ".repeat(Math.floor(next() * 20_000))}`,
  ];
  const kind = kinds[number % kinds.length] as () => string;
  const block = Array.from({ length: 50 }, kind).join("\r\n");
  const times = Math.ceil(length / (block.length + 1));
  return mail(`mail ${number}`, `${`${block}\r\n`.repeat(times).slice(0, length)}\r\n`);
}
