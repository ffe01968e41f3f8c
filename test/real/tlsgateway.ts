/**
 * The gateway with listeners of any kind, as a process with a command line, in debug mode: the dialogue is in its log,
 * which must hold no password, and no fault but what a test has announced.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect } from "node:tls";
import { Dialogue } from "./dialogue";
import { atEnd } from "./ending";
import { start, stop } from "./programs";
import { password, user } from "./server";

export interface TlsGateway {
  /** Its ports of 127.0.0.1, in the order of the listeners. */
  readonly ports: readonly number[];
  /** All that it has logged. */
  said(): string;
  /** Waits until it has logged such a line, behind so many characters. @throws after 5 s */
  saying(line: RegExp, from?: number): Promise<void>;
}

/** What follows the port in --listen; nothing for a listener without TLS. */
export type Listener = "" | "/tls" | "/starttls";

/**
 * Starts it with these listeners; options and the server come behind.
 * @param faults what may be logged as a fault
 */
export async function startTlsGateway(
  t: TestContext,
  listeners: readonly Listener[],
  options: readonly string[],
  faults: RegExp = /$^/,
): Promise<TlsGateway> {
  const listen = listeners.flatMap((listener) => ["--listen", `127.0.0.1:0${listener}`]);
  const argv = [join(__dirname, "../../src/main.js"), "-d", ...listen, ...options];
  const child = start(process.execPath, argv, { asRoot: true, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  atEnd(t, async () => {
    await stop(child);
    assert.equal(child.exitCode, 0, log);
    const grave = log.split("\n").filter((line) => /^\S+ (err|crit|alert|emerg) /.test(line) && !faults.test(line));
    assert.deepEqual(grave, []);
    assert.ok(!log.includes(password), "the password is in the log");
  });
  const ports = await new Promise<number[]>((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`the gateway does not listen: ${log}`)), 10_000);
    child.stderr?.on("data", (octets: Buffer) => {
      log += octets.toString("latin1");
      const found = [...log.matchAll(/listen interface=127\.0\.0\.1 port=(\d+)/g)];
      if (found.length < listeners.length) return;
      clearTimeout(limit);
      resolve(found.map(([, port]) => Number(port)));
    });
    child.once("close", () => reject(new Error(`the gateway has ended: ${log}`)));
  });
  const saying = async (line: RegExp, from = 0) => {
    for (let wait = 0; !line.test(log.slice(from)); wait++) {
      assert.ok(wait < 200, `no ${line} in the log: ${log}`);
      await sleep(25);
    }
  };
  return { ports, said: () => log, saying };
}

/** A session in TRANSACTION, under TLS from its first octet. */
export async function loginTls(port: number, options: ConnectionOptions): Promise<Dialogue> {
  const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ...options });
  const dialogue = new Dialogue(socket);
  await once(socket, "secureConnect");
  assert.match(await dialogue.line(), /^\+OK/);
  return identified(dialogue);
}

/** A session in TRANSACTION, under TLS after STLS. */
export async function loginStls(port: number, options: ConnectionOptions): Promise<Dialogue> {
  const clear = await Dialogue.open(port);
  assert.match(await clear.ask("STLS"), /^\+OK/);
  clear.socket.removeAllListeners("data");
  const socket = connect({ socket: clear.socket, servername: "localhost", ...options });
  const dialogue = new Dialogue(socket);
  await once(socket, "secureConnect");
  return identified(dialogue);
}

async function identified(dialogue: Dialogue): Promise<Dialogue> {
  assert.match(await dialogue.ask(`USER ${user}`), /^\+OK/);
  assert.match(await dialogue.ask(`PASS ${password}`), /^\+OK/);
  return dialogue;
}
