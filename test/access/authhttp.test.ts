/** Requests to auth_http services: limits of time, octets and number, kept connections, and what ends a request. */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { AuthHttp } from "../../src/access/authhttp";
import { Requests } from "../../src/access/requests";
import type { AuthHttpSettings } from "../../src/config/settings";
import type { Play } from "../stage/httpservice";
import { ownTime } from "../stage/stopwatch";
import { until as untilHolds } from "../stage/waiting";
import { about, ask, GRANTED, ok, patient, route, shown, startService, TEMP } from "./authlogin";

test("100 MB of body cost neither memory nor time", async (t) => {
  let written = 0;
  const service = await startService(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    const more = () => {
      while (written < 100e6 && !socket.destroyed) {
        written += chunk.length;
        if (!socket.write(chunk)) break;
      }
      if (written < 100e6) socket.once("drain", more);
    };
    more();
  });
  const { outcome } = await ask(t, service);
  assert.equal(shown(outcome), TEMP);
  assert.ok(written < 50e6, `${written} octets were taken`);
});

test("a service without an answer, or whose answer drips, ends at the time limit", async (t) => {
  const dripping: NodeJS.Timeout[] = [];
  t.after(() => dripping.forEach(clearInterval));
  for (const play of [
    () => {},
    (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 9\r\n\r\nab"),
    (socket: Socket) => {
      socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\n");
      dripping.push(setInterval(() => socket.write("X: y\r\n"), 20));
    },
    (socket: Socket) => dripping.push(setInterval(() => socket.write("HTTP/1.1 100 Continue\r\n\r\n"), 20)),
  ]) {
    const service = await startService(t, play as Play, { timeout: 200 });
    const began = performance.now();
    const { outcome, log } = await ask(t, service);
    assert.equal(shown(outcome), TEMP);
    assert.equal(log[0]?.status, "no answer in time");
    assert.ok(performance.now() - began >= 190);
  }
});

test("the time limit holds for who waits behind others, too, when the service hangs", async (t) => {
  const service = await startService(t, () => {}, { timeout: 2000 });
  const requests = new Requests();
  t.after(() => requests.close());
  const control = new AuthHttp(service.settings, "none", { requests }, () => {});
  const began = ownTime();
  const crowd = Array.from({ length: 640 }, () => control.admit(route, about, patient));
  for (const outcome of await Promise.all(crowd)) assert.equal(shown(outcome), TEMP);
  assert.ok(ownTime() - began < 19_000, "one after the other");
  // Who had no turn has not asked.
  assert.ok(service.requests.length < 640, `${service.requests.length} requests`);
});

test("nobody listens, or the name is not known", async (t) => {
  const service = await startService(t, () => {});
  const wrong = (more: Partial<AuthHttpSettings>) => ask(t, { settings: { ...service.settings, ...more } });
  const refused = await wrong({ host: "127.0.0.1", port: 1 });
  assert.deepEqual(
    [shown(refused.outcome), refused.log[0]?.status],
    [TEMP, "connection refused, nothing listens there"],
  );
  const missing = await wrong({ socket: "/nowhere/socket", host: "localhost" });
  assert.deepEqual([shown(missing.outcome), missing.log[0]?.status], [TEMP, "there is no such file"]);
  // It speaks no TLS.
  const clear = await startService(t, (socket) => socket.end("no"), { secure: true, timeout: 2000 });
  assert.equal(shown((await ask(t, clear)).outcome), TEMP);
});

test("WAIT: the service is asked again, five times at most", async (t) => {
  const wait = ok("Auth-Status: WAIT", "Auth-Wait: 1");
  const twice = await startService(t, (socket, count) => socket.write(count < 3 ? wait : ok("Auth-Status: OK")));
  const began = performance.now();
  const always = await startService(t, (socket) => socket.write(wait));
  const [granted, given] = await Promise.all([ask(t, twice), ask(t, always)]);
  assert.equal(shown(granted.outcome), GRANTED);
  assert.equal(twice.requests.length, 3);
  assert.equal(new Set(twice.requests).size, 1, "each request is the same");
  assert.equal(shown(given.outcome), TEMP);
  assert.equal(always.requests.length, 6);
  assert.ok(performance.now() - began >= 4900);
});

test("a client that leaves ends the request, and the wait for the next one", async (t) => {
  for (const answer of ["", ok("Auth-Status: WAIT", "Auth-Wait: 60")]) {
    let closed = false;
    const service = await startService(t, (socket) => {
      socket.on("close", () => (closed = true));
      if (answer) socket.write(answer);
    });
    const until = new AbortController();
    const asked = assert.rejects(ask(t, service, route, until.signal), /gone/);
    await untilHolds(() => service.requests.length === 1);
    until.abort(new Error("gone"));
    await asked;
    if (!answer) await untilHolds(() => closed);
  }
});

test("connections are kept and shared; one that the service has closed meanwhile is no fault", async (t) => {
  const service = await startService(t, (socket, count) => {
    // The 20th request comes over a kept connection, and is lost with it.
    if (count === 20) socket.resetAndDestroy();
    else socket.write(ok("Auth-Status: OK"));
  });
  const requests = new Requests();
  t.after(() => requests.close());
  const control = new AuthHttp(service.settings, "none", { requests }, () => {});
  for (let count = 0; count < 30; count++) {
    assert.equal(shown(await control.admit(route, about, patient)), GRANTED);
  }
  assert.equal(service.requests.length, 31);
  assert.ok(service.connections <= 3, `${service.connections} connections`);
  // Of many at once, 64 are under way: none is answered before so many have come.
  let waiting: Socket[] = [];
  let most = 0;
  const slow = await startService(t, (socket, count) => {
    waiting.push(socket);
    most = Math.max(most, waiting.length);
    if (waiting.length < 64 && count < 200) return;
    for (const one of waiting) one.write(ok("Auth-Status: OK"));
    waiting = [];
  });
  const crowd = new AuthHttp(slow.settings, "none", { requests }, () => {});
  const all = await Promise.all(Array.from({ length: 200 }, () => crowd.admit(route, about, patient)));
  assert.ok(all.every((outcome) => shown(outcome) === GRANTED));
  assert.equal(most, 64);
  assert.ok(slow.connections <= 64, `${slow.connections} connections`);
});
