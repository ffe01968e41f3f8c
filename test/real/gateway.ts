/**
 * The gateway as it is installed: a process with a command line, which says on stderr where it listens.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "./ending";
import { start, stop } from "./programs";
import { password } from "./server";

/**
 * Starts the gateway in debug mode; `server` is the port of the server behind it. When the test ends, it must end on
 * SIGTERM, and have logged no fault, its own or the server's, and no password.
 * @returns its port of 127.0.0.1
 */
export async function startGateway(t: TestContext, server: number, ...options: string[]): Promise<number> {
  const main = join(__dirname, "../../src/main.js");
  const argv = [main, "-d", ...options, "-DD", "127.0.0.1:0", `127.0.0.1:${server}`];
  const child = start(process.execPath, argv, { asRoot: true, stdio: ["ignore", "ignore", "pipe"] });
  atEnd(t, async () => {
    await stop(child);
    assert.equal(child.exitCode, 0, log);
    assert.doesNotMatch(log, /^\S+ (err|crit|alert|emerg) /m);
    assert.ok(!log.includes(password), "the password is in the log");
  });
  let log = "";
  const port = await new Promise<number>((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`the gateway does not listen: ${log}`)), 10_000);
    child.stderr?.on("data", (octets: Buffer) => {
      log += octets.toString("latin1");
      const listening = /listen interface=127\.0\.0\.1 port=(\d+)/.exec(log);
      if (listening) resolve(Number(listening[1]));
      if (listening) clearTimeout(limit);
    });
    child.once("close", () => reject(new Error(`the gateway has ended: ${log}`)));
  });
  assert.notEqual(port, 0);
  return port;
}
