/**
 * Large bodies through every combination of legs, to clients that read slowly: octet for octet.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Accepting } from "../stage/accepting";
import { logInBetween } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { startGateway, underTls } from "../stage/gateway";
import { cert, key } from "../stage/localhost";
import { Peer } from "../stage/peer";

const SIZE = 12 * 1024 * 1024;

/** A mail whose lines tell their place, so that none can stand for another. */
const whole = mail();
const digest = createHash("sha256").update(whole).digest("hex");

function mail(): Buffer {
  const lines = Array.from({ length: SIZE / 64 }, (_, line) => `${`${line}`.padStart(62, "x")}\r\n`);
  return Buffer.from(`+OK\r\n${lines.join("")}.\r\n`, "latin1");
}

for (const client of [false, true]) {
  for (const server of [false, true]) {
    const name = `${client ? "TLS" : "clear"} to the client, ${server ? "TLS" : "clear"} to the server`;
    test(`R2: a slow reader gets every octet once: ${name}`, { timeout: 300_000 }, async (t) => {
      const accepting = new Accepting(server ? { cert, key } : undefined);
      atEnd(t, () => accepting.close());
      const gateway = await startGateway(await accepting.open(), underTls({ client, server }), { t });
      const peer = client ? await Peer.connectTls(gateway.port, { ca: cert }, t) : await Peer.connect(gateway.port, t);
      await peer.line();
      const back = await logInBetween(peer, accepting);
      await peer.say("RETR 1");
      await back.line();
      const hash = createHash("sha256");
      let taken = 0;
      peer.divert((chunk) => {
        hash.update(chunk);
        taken += chunk.length;
      });
      void back.write(whole);
      while (taken < whole.length) {
        peer.pause();
        await pause(3);
        peer.resume();
        await pause(1);
      }
      assert.equal(taken, whole.length);
      assert.equal(hash.digest("hex"), digest);
      await peer.say("NOOP");
      assert.equal(await back.line(), "NOOP", "the way is free again");
    });
  }
}
