/**
 * The README's filter for fail2ban, against lines as they arrive at a syslog daemon.
 */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pair, start, upstream } from "../listen/handing";
import { script } from "../stage/acp";
import { MAIN } from "../stage/process";
import { until } from "../stage/waiting";
import { lacking, program, run } from "./programs";
import { put, scratch } from "./scratch";

const readme = readFileSync(join(__dirname, "..", "..", "..", "README.md"), "utf8");

/** A session that ends with this login. @param host where it logs to */
async function session(t: TestContext, options: readonly string[], user: string, password: string): Promise<void> {
  const { client, socket } = await pair(t);
  const gateway = start(t, [socket, socket, socket], MAIN, ...options);
  socket.destroy();
  await client.line();
  await client.ask(`USER ${user}`);
  if ((await client.ask(`PASS ${password}`)).startsWith("+OK")) await client.ask("QUIT");
  client.end();
  assert.equal(await gateway.ended(), 0);
}

test("G1: fail2ban finds logins that were refused, and is led to no other address", {
  skip: lacking("fail2ban-regex"),
  timeout: 300_000,
}, async (t) => {
  const lines: string[] = [];
  const daemon = createSocket("udp4", (message) => lines.push(message.toString("latin1").replace(/^<\d+>/, "")));
  await once(daemon.bind(0, "127.0.0.1"), "listening");
  t.after(() => daemon.close());
  const options = ["--syslog", `udp://127.0.0.1:${daemon.address().port}`, await upstream(t)];
  const forged = `host pop3.proxy[1]: denied session=a client=192.0.2.9 user=`;
  await session(t, options, "joe", "wrong");
  await session(t, options, forged, "demo");
  await session(t, options, forged, "wrong");
  // With a configuration file, the lines have the service.
  const file = join(scratch(t), "gateway.toml");
  writeFileSync(file, `[service.a]\nserver = "${options[2]}"\n`);
  await session(t, [...options.slice(0, 2), "-f", file], "joe", "wrong");
  await session(t, ["-a", script(t, "exit 75").join(), ...options], "joe", "demo");
  const denied = () => lines.filter((line) => /^\w+ +\d+ [\d:]+ \S+ pop3\.proxy\[\d+\]: denied /.test(line)).length;
  // What a gateway has logged may come after its end.
  await until(
    () => denied() >= 4 && /: close /.test(lines.at(-1) ?? ""),
    () => lines.join("\n"),
    { progress: () => lines.length },
  );
  assert.equal(denied(), 4, lines.join("\n"));

  const home = scratch(t);
  const [, filter = ""] = /\n( {4}\[Definition\]\n(?: {4}.*\n)+)/.exec(readme) ?? [];
  put(join(home, "pop3.proxy.conf"), filter.replace(/^ {4}/gm, ""));
  put(join(home, "log"), `${lines.join("\n")}\n`);
  const { stdout } = await run(program("fail2ban-regex"), [
    "--print-all-matched",
    "--print-all-ignored",
    join(home, "log"),
    join(home, "pop3.proxy.conf"),
  ]);
  const found = `${stdout}`;
  assert.match(found, new RegExp(`Lines: ${lines.length} lines, 1 ignored, 3 matched`), found);
  const [, matched = ""] = found.split("Matched line(s)");
  assert.doesNotMatch(matched.split("Ignored line(s)")[0] ?? "", /\]: (?:connect|login|close) /);
});
