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

/** Octets that tell their place, so that none can stand for another. */
function body(): Buffer {
  const octets = Buffer.alloc(SIZE);
  for (let at = 0; at + 16 <= SIZE; at += 16) octets.write(`${at.toString(36).padStart(14, "x")}\r\n`, at, "latin1");
  return octets;
}

for (const client of [false, true]) {
  for (const server of [false, true]) {
    const name = `${client ? "TLS" : "clear"} to the client, ${server ? "TLS" : "clear"} to the server`;
    test(`R2: a slow reader gets every octet once: ${name}`, { timeout: 120_000 }, async (t) => {
      const accepting = new Accepting(server ? { cert, key } : undefined);
      atEnd(t, () => accepting.close());
      const gateway = await startGateway(await accepting.open(), underTls({ client, server }), { t });
      const peer = client ? await Peer.connectTls(gateway.port, { ca: cert }, t) : await Peer.connect(gateway.port, t);
      await peer.line();
      const back = await logInBetween(peer, accepting);
      await peer.say("RETR 1");
      await back.line();
      const octets = body();
      const hash = createHash("sha256");
      let taken = 0;
      peer.divert((chunk) => {
        hash.update(chunk);
        taken += chunk.length;
      });
      const whole = Buffer.concat([Buffer.from("+OK\r\n"), octets, Buffer.from(".\r\n")]);
      void back.write(whole);
      while (taken < whole.length) {
        peer.pause();
        await pause(3);
        peer.resume();
        await pause(1);
      }
      assert.equal(taken, whole.length);
      assert.equal(hash.digest("hex"), createHash("sha256").update(whole).digest("hex"));
      await peer.say("NOOP");
      assert.equal(await back.line(), "NOOP", "the way is free again");
    });
  }
}
