/** R8: many reloads, with good files and broken ones, while sessions relay mails: none is lost, no octet is wrong. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startDemo } from "../stage/demo";
import { LONG } from "../stage/draws";
import { configFile, hangUp, startFrom } from "../stage/fromfile";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";

/** Each of the five states of the files comes twice at least. */
const RELOADS = LONG ? 20 : 10;
const SESSIONS = LONG ? 200 : 20;

/** Between two mails of a session, in milliseconds. */
const PAUSE = LONG ? 0 : 20;

const LINE = `${"0123456789abcdef".repeat(4)}\r\n`;
const MAIL = Buffer.from(`Subject: long\r\n\r\n${LINE.repeat(1000)}`);

/** The octets of the answer to RETR, behind its status line. */
const BODY = Buffer.concat([MAIL, Buffer.from(".\r\n")]);

/** A client that compares what it gets. A scripted peer keeps all that it hears, which takes the test too long here. */
class Reader {
  readonly #socket: Socket;
  #got: Buffer[] = [];
  #octets = 0;
  #wake = () => {};

  constructor(port: number, t: TestContext) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    t.after(() => this.#socket.destroy());
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => this.#wake());
    this.#socket.on("data", (chunk: Buffer) => {
      this.#got.push(chunk);
      this.#octets += chunk.length;
      this.#wake();
    });
  }

  /** Says a line, unless it is null. @returns the answer: a line, or more than so many octets */
  async ask(line: string | null, least = 0): Promise<Buffer> {
    if (line !== null) this.#socket.write(`${line}\r\n`);
    while (this.#octets <= least || this.#got.at(-1)?.at(-1) !== 10) {
      assert.ok(!this.#socket.closed, `the connection was closed at ${line}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const answer = Buffer.concat(this.#got);
    [this.#got, this.#octets] = [[], 0];
    assert.equal(answer.toString("latin1", 0, 3), "+OK", answer.toString("latin1", 0, 100));
    return answer;
  }

  async mail(): Promise<void> {
    const answer = await this.ask("RETR 1", BODY.length);
    assert.ok(answer.subarray(answer.indexOf("\n") + 1).equals(BODY), "octets are wrong");
  }
}

test(`R8: SIGHUP comes ${RELOADS} times, with good and broken files, while sessions relay mails`, {
  timeout: 300_000,
}, async (t) => {
  const { port } = await startDemo(t, { messages: [MAIL] });
  const [kept, moving] = [await freePort(), await freePort()];
  const head = "exempt = '127.0.0.1'\nserver-tls = 'none'\n";
  const service = (name: string, listen: number, more = "") =>
    `[service.${name}]\nlisten = ["127.0.0.1:${listen}"]\nmap = "map"\n${more}\n`;
  const config = configFile(t, head + service("first", kept));
  const map = (text: string) => writeFileSync(join(config.folder, "map"), text);
  map(`* 127.0.0.1:${port}\n`);
  const gateway = await startFrom(t, config.file, 1, "--foreground");

  let reloaded = false;
  let mails = 0;
  const session = async (index: number) => {
    const client = new Reader(kept, t);
    await client.ask(null);
    await client.ask(`USER user${index}`);
    await client.ask("PASS demo");
    for (let own = 0; own < 2 || !reloaded; own++, mails++) {
      await client.mail();
      // At full speed they would leave the reloads little of the processor.
      await pause(PAUSE);
    }
    await client.ask("QUIT");
  };
  const all = Promise.all(Array.from({ length: SESSIONS }, (_, index) => session(index)));
  all.catch(() => {}); // awaited below
  await until(
    () => mails > 0,
    () => gateway.said(),
    { progress: () => gateway.log.length },
  );

  const states = [
    () => config.write(head + service("renamed", kept, "timeout = 77")),
    () => config.write(`${head}[service.first\nlisten = [`),
    () => config.write(head + service("first", kept) + service("second", moving)),
    () => map("nonsense\n"),
    () => {
      map(`* 127.0.0.1:${port}\nother 127.0.0.1:1\n`);
      config.write(head + service("first", kept));
    },
  ];
  const outcomes: string[] = [];
  for (let count = 0; count < RELOADS; count++) {
    (states[count % states.length] as () => void)();
    outcomes.push(/ notice reload/.test(await hangUp(gateway)) ? "good" : "broken");
  }
  reloaded = true;
  await all;
  assert.deepEqual(
    outcomes,
    Array.from({ length: RELOADS }, (_, count) => (count % 5 === 1 || count % 5 === 3 ? "broken" : "good")),
  );
  t.diagnostic(`${mails} mails of ${MAIL.length} octets in ${SESSIONS} sessions`);
  assert.ok(mails >= 2 * SESSIONS);
  await gateway.logged("close", SESSIONS);
  const ends = gateway.log.filter(({ event }) => event === "close").map(({ fields }) => fields.code);
  assert.deepEqual(ends, Array(SESSIONS).fill("quit"));
  assert.doesNotMatch(gateway.said(), / err (?!reload)/);
  assert.equal(await gateway.stop(), 0);
});
