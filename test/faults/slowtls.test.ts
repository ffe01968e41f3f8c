/**
 * Large bodies through every combination of legs, to clients that read slowly: octet for octet.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startGateway } from "../stage/gateway";
import { CERT_FILE, cert, KEY_FILE, key } from "../stage/localhost";
import { Accepting, Peer } from "../stage/peer";

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
    test(`R2: a slow reader gets every octet once: ${name}`, { timeout: 60_000 }, async () => {
      const accepting = new Accepting(server ? { cert, key } : undefined);
      const gateway = await startGateway(await accepting.open(), {
        ...(server && { serverTls: "tls", serverCa: CERT_FILE }),
        ...(client && {
          listen: [{ host: "127.0.0.1", port: 0, tls: "tls" }],
          tlsCerts: [CERT_FILE],
          tlsKeys: [KEY_FILE],
        }),
      });
      const peer = client ? await Peer.connectTls(gateway.port, cert) : await Peer.connect(gateway.port);
      await peer.line();
      await peer.ask("USER joe");
      await peer.say("PASS p");
      const back = await accepting.next();
      await back.say("+OK");
      for (let i = 0; i < 2; i++) {
        await back.line();
        await back.say("+OK");
      }
      await peer.line();
      await peer.say("RETR 1");
      await back.line();
      const octets = body();
      peer.socket.removeAllListeners("data");
      const hash = createHash("sha256");
      let taken = 0;
      peer.socket.on("data", (chunk: Buffer) => {
        hash.update(chunk);
        taken += chunk.length;
      });
      const whole = Buffer.concat([Buffer.from("+OK\r\n"), octets, Buffer.from(".\r\n")]);
      back.socket.write(whole);
      while (taken < whole.length) {
        peer.socket.pause();
        await pause(3);
        peer.socket.resume();
        await pause(1);
      }
      assert.equal(taken, whole.length);
      assert.equal(hash.digest("hex"), createHash("sha256").update(whole).digest("hex"));
      peer.socket.write("NOOP\r\n");
      assert.equal(await back.line(), "NOOP", "the way is free again");
      peer.socket.destroy();
      await gateway.close();
      await accepting.close();
    });
  }
}
