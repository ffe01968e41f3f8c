/** PROXY headers of several services in one process, and what a reload changes of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit } from "../stage/dialogue";
import { configFile, hangUp, startFrom } from "../stage/fromfile";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { headerOf } from "./behind";

const LIMITS = { timeout: 300_000 };

test(
  "R8: each service has its own senders, and a reload changes them and /proxy where a listener stays open",
  LIMITS,
  async (t) => {
    const { port } = await startDemo(t);
    const [one, two] = [await freePort(), await freePort()];
    const service = (name: string, listen: string, more: string) =>
      `[service.${name}]\nlisten = ["127.0.0.1:${listen}"]\nserver = "127.0.0.1:${port}"\ngreeting = "${name}"\n${more}\n`;
    const from = (...senders: string[]) => `proxy-from = ${JSON.stringify(senders)}`;
    const here = from("127.0.0.0/8");
    const config = configFile(t, service("a", `${one}/proxy`, here) + service("b", `${two}/proxy`, from("192.0.2.1")));
    const gateway = await startFrom(t, config.file, 2);
    const behind = async (of: number, greeting: string) => {
      const client = await Peer.connect(of, t);
      await client.write(headerOf("192.0.2.77"));
      await client.expect(`+OK ${greeting}\r\n`);
      return client;
    };
    const closed = async (of: number) => {
      const client = await Peer.connect(of, t);
      await client.expectEnd();
      assert.equal(client.clear, "");
    };

    const running = await behind(one, "a");
    await logInAnew(running);
    await gateway.saying(/ info connect service=a session=\S+ client=192\.0\.2\.77 port=4321 interface=192\.0\.2\.8$/m);
    await closed(two);
    await gateway.saying(/ notice refused service=b client=127\.0\.0\.1 code=proxy-from /);

    // A client whose header is on its way when the reload comes is new after it.
    const slow = await Peer.connect(one, t);
    const header = headerOf("192.0.2.78");
    await slow.write(header.subarray(0, 10));
    // One listener ceases to expect headers, the other one gets another sender.
    config.write(service("c", `${one}`, "") + service("b", `${two}/proxy`, here));
    assert.match(await hangUp(gateway), / notice reload$/m);
    await slow.write(header.subarray(10));
    await slow.expect("+OK c\r\n");
    slow.destroy();
    await quit(await connectGreeted(one, t));
    await quit(await behind(two, "b"));
    assert.match(await running.ask("STAT"), /^\+OK/);
    await quit(running);

    config.write(service("c", `${one}/proxy`, from("192.0.2.1")) + service("b", `${two}`, ""));
    assert.match(await hangUp(gateway), / notice reload$/m);
    await closed(one);
    await gateway.saying(/ notice refused service=c client=127\.0\.0\.1 code=proxy-from /);
    await quit(await connectGreeted(two, t));

    // A fault leaves all as it was.
    config.write(service("c", `${one}/proxy`, "") + service("b", `${two}`, ""));
    assert.match(await hangUp(gateway), / err reload code=reload reason=".*PROXY headers need proxy-from/);
    await closed(one);
  },
);
