/**
 * What only a process of its own can show: its memory, its end, its exit status.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startAccepting } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { connectGreeted, connectLoggedIn, welcome } from "../stage/dialogue";
import { CERT_FILE, KEY_FILE } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { type Launched, launch, MAIN, startProcess } from "../stage/process";
import { until } from "../stage/waiting";

test("R2: a client that does not read a 1-GB RETR leaves the process under 150 MB", { timeout: 300_000 }, async (t) => {
  const accepting = await startAccepting(t);
  const gateway = await startProcess([`127.0.0.1:${accepting.port}`], { t });
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  client.pause();
  await client.say("RETR 1");
  await server.line();
  await server.say("+OK");
  const piece = Buffer.alloc(1 << 20, "x");
  let taken = 0;
  // It is offered for two seconds, or until a gigabyte has gone.
  for (const end = Date.now() + 2000; taken < 1024 && Date.now() < end; ) {
    if (server.socket.writableLength === 0) {
      server.socket.write(piece);
      taken++;
    } else {
      await pause(5);
    }
  }
  assert.ok(taken < 100, `${taken} MiB were taken`);
  assert.ok(gateway.peak() < 150 * 1024, `${gateway.peak()} KiB`);
  client.destroy();
  assert.equal(await gateway.stop(), 0);
});

test("SIGTERM: sessions go on, new clients are not accepted; a second one ends all at once", {
  timeout: 300_000,
}, async (t) => {
  const accepting = await startAccepting(t);
  const gateway = await startProcess([`127.0.0.1:${accepting.port}`], { t });
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  gateway.child.kill("SIGTERM");
  const refused = () =>
    Peer.connect(gateway.port).then(
      (peer) => void peer.destroy(),
      (fault: Error) => /ECONNREFUSED/.test(fault.message),
    );
  await until(refused, "the end of the listener");
  await client.say("NOOP");
  assert.equal(await server.line(), "NOOP");
  await server.say("+OK still here");
  assert.equal(await client.line(), "+OK still here");
  const ended = gateway.stop("SIGTERM");
  await client.untilEnd();
  client.end();
  assert.equal(await ended, 0);
  assert.match(gateway.said(), / close .*reason="gateway is shutting down"/);
});

test("B26: of three daemons that start at once with one pidfile, one serves", async (t) => {
  const file = join(scratch(t), "pid");
  const argv = ["-d", "--listen", "127.0.0.1:0", "--pidfile", file, "127.0.0.1:1"];
  const all = Array.from({ length: 3 }, () =>
    launch(t, process.execPath, [MAIN, ...argv], { stdio: ["ignore", "ignore", "pipe"] }),
  );
  const ended = () => all.filter(({ child }) => child.exitCode !== null);
  const listening = () => all.filter(({ said }) => / info listen /.test(said()));
  await until(
    () => ended().length === 2 && listening().length === 1,
    () => all.map(({ said }) => said()).join(),
  );
  const [owner] = listening() as [Launched];
  for (const { child, said } of ended()) {
    assert.equal(child.exitCode, 69);
    assert.match(
      said(),
      new RegExp(`^pop3\\.proxy: pidfile \\S+: process ${owner.child.pid} is running and has it open\n$`),
    );
  }
  assert.equal(readFileSync(file, "latin1"), `${owner.child.pid}\n`);
  owner.child.kill("SIGTERM");
  assert.equal(await owner.ended(), 0);
});

test("B26: a debugger that SIGUSR1 has opened before the first line is closed before the port is open", async (t) => {
  const preload = join(scratch(t), "preload.js");
  writeFileSync(
    preload,
    `process.kill(process.pid, "SIGUSR1");
     const { url } = require("node:inspector");
     const pause = new Int32Array(new SharedArrayBuffer(4));
     for (const end = Date.now() + 20_000; url() === undefined && Date.now() < end; ) Atomics.wait(pause, 0, 0, 5);`,
  );
  // A port that the system gives to no other test once the debugger is closed.
  const before = `export NODE_OPTIONS="--inspect-port=${await freePort()} --require=${preload}"`;
  const gateway = await startProcess(["127.0.0.1:1"], { t, before });
  const ports = [...gateway.said().matchAll(/Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/g)].map(
    ([, port]) => port,
  );
  assert.ok(ports.length > 0, gateway.said());
  for (const port of ports) await assert.rejects(Peer.connect(Number(port)), /ECONNREFUSED/);
  gateway.child.kill("SIGUSR1");
  const later = pause(1500);
  const client = await connectGreeted(gateway.port, t);
  assert.equal(await client.ask("QUIT"), "+OK bye");
  await later;
  for (const port of ports) await assert.rejects(Peer.connect(Number(port)), /ECONNREFUSED/);
  assert.equal(await gateway.stop(), 0);
});

test("B26: SIGUSR1 opens no debugger, SIGUSR2 is ignored, SIGQUIT ends as SIGTERM does", async (t) => {
  const accepting = await startAccepting(t);
  const gateway = await startProcess([`127.0.0.1:${accepting.port}`], { t });
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  gateway.child.kill("SIGUSR1");
  gateway.child.kill("SIGUSR2");
  await pause(300);
  gateway.child.kill("SIGQUIT");
  await gateway.saying(/ notice end signal=SIGQUIT/);
  await client.say("QUIT");
  await server.answer("QUIT", "+OK bye\r\n");
  server.end();
  assert.equal(await client.line(), "+OK bye");
  client.end();
  await until(() => gateway.child.exitCode !== null || gateway.child.signalCode !== null, gateway.said);
  assert.equal(gateway.child.exitCode, 0);
  assert.doesNotMatch(gateway.said(), /Debugger/);
});

test("B26: 1,000 SIGHUP a second: few reloads, sessions are served, and the last signal is obeyed", async (t) => {
  const files = { certFile: join(scratch(t), "moving.pem"), keyFile: KEY_FILE };
  copyFileSync(CERT_FILE, files.certFile);
  const accepting = await startAccepting(t);
  const tls = ["--tls-cert", files.certFile, "--tls-key", files.keyFile, "--server-tls", "none"];
  const gateway = await startProcess([...tls, `127.0.0.1:${accepting.port}`], { t, listeners: ["/starttls"] });
  const reloads = () => gateway.log.filter(({ event }) => event === "reload").length;
  const began = performance.now();
  let sessions = 0;
  for (let sent = 0; sent < 1000; ) {
    // In bursts, since timers are coarse.
    for (let i = 0; i < 10; i++, sent++) gateway.child.kill("SIGHUP");
    if (sent % 200 === 0) {
      const client = await connectGreeted(gateway.port, t);
      assert.equal(await client.ask("QUIT"), "+OK bye");
      sessions++;
    }
    await pause(10);
  }
  const seconds = (performance.now() - began) / 1000;
  assert.equal(sessions, 5);
  assert.ok(reloads() >= 1 && reloads() <= 1 + seconds * 10, `${reloads()} reloads in ${seconds} s`);
  writeFileSync(files.certFile, "garbage");
  gateway.child.kill("SIGHUP");
  await gateway.saying(/ err reload .*moving\.pem/);
  assert.equal(await gateway.stop(), 0);
});

test("B26: SIGHUP to the process in the pidfile never ends a daemon that starts", async (t) => {
  for (let i = 0; i < 4; i++) {
    const pidfile = join(scratch(t), "pid");
    const argv = [MAIN, "-d", "--listen", "127.0.0.1:0", "--pidfile", pidfile, "mail"];
    const gateway = launch(t, process.execPath, argv, { stdio: ["ignore", "ignore", "pipe"] });
    const listed = () => existsSync(pidfile) && readFileSync(pidfile, "latin1").includes(`${gateway.child.pid}\n`);
    await until(listed, gateway.said, { every: 0 });
    gateway.child.kill("SIGHUP");
    for (const line of [/ notice reload\n/, / info listen /])
      await until(() => line.test(gateway.said()), gateway.said);
    gateway.child.kill("SIGTERM");
    assert.equal(await gateway.ended(), 0, gateway.said());
  }
});

test("what can't be served is told in one line, with an exit status of sysexits.h", async (t) => {
  const accepting = await startAccepting(t);
  const { port } = accepting;
  const run = (...argv: string[]) =>
    spawnSync(process.execPath, [MAIN, ...argv], { encoding: "latin1", timeout: 60_000 });
  const taken = run("-d", "-DD", `127.0.0.1:${port}`, "mail");
  assert.equal(taken.status, 69);
  assert.match(
    taken.stderr,
    /^pop3\.proxy: can't listen on 127\.0\.0\.1:\d+: another process listens there already; ss -ltnp shows which\n$/,
  );
  const behind = run("-DD", `127.0.0.1:${port}`, "mail");
  assert.equal(behind.status, 69, "the launcher waits for the daemon's word");
  assert.match(behind.stderr, /another process listens there already/);
  const usage = run("-D");
  assert.equal(usage.status, 64);
  assert.match(usage.stderr, /^pop3\.proxy: [^\n]+\n$/);
  const version = run("--version");
  assert.equal(version.status, 0);
  assert.match(version.stdout, /^pop3\.proxy \d+\.\d+\.\d+, Node \d+\.\d+\.\d+, OpenSSL \d\S+\n$/);
});

test("G2: the trace of a whole session shows no secret", async (t) => {
  const accepting = await startAccepting(t);
  const gateway = await startProcess([`127.0.0.1:${accepting.port}`], { t });
  const client = await connectGreeted(gateway.port);
  await client.ask("AUTH PLAIN AGpvZQBnZWhlaW0=");
  await client.ask("AGpvZQBnZWhlaW0=");
  await client.ask("USER joe");
  await client.ask("PASSgeheim");
  await client.say("PASS geheim");
  const server = await accepting.next();
  await welcome(server);
  await client.line();
  assert.match(server.heard, /PASS geheim/);
  client.end();
  await client.untilEnd();
  assert.equal(await gateway.stop(), 0);
  assert.match(gateway.said(), /PASS \*\*\*/);
  assert.doesNotMatch(gateway.said(), /geheim|AGpvZQ/);
});
