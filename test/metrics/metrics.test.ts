/** --metrics in a process of its own, as it is started in real life: what is told, to whom, and until when. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { activate, fdOf, listener, pair } from "../listen/handing";
import { scratch } from "../stage/acp";
import { checkInside } from "../stage/checking";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { ask, samplesOf, startWatched } from "../stage/metrics";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { launch, MAIN, startProcess } from "../stage/process";
import { until } from "../stage/waiting";

const TOKEN = "t0ken-of-the-administrator";

/** A file with a token, which nobody else can read. */
function tokenFile(t: TestContext, token = TOKEN, mode = 0o600): string {
  const file = join(scratch(t), "token");
  writeFileSync(file, `${token}\n`);
  chmodSync(file, mode);
  return file;
}

const end = (port: number, id: string, token = TOKEN) =>
  ask(port, `/sessions/${id}/end`, { method: "POST", headers: { authorization: `Bearer ${token}` } });

test("clients that come while the thread of the metrics starts are drained at SIGTERM, as all are", async (t) => {
  const port = await freePort();
  const pidfile = join(scratch(t), "pid");
  const listen = ["--listen", `127.0.0.1:${port}`, "127.0.0.1:1"];
  const argv = ["-d", "-u", "root", "--pidfile", pidfile, "--metrics", "0", ...listen];
  const gateway = launch(t, process.execPath, [MAIN, ...argv], { stdio: ["ignore", "ignore", "pipe"] });
  const client = await until(() => Peer.connect(port, t).catch(() => null), gateway.said);
  assert.match(await client.line(), /^\+OK/);
  gateway.child.kill("SIGTERM");
  await until(() => / end signal=SIGTERM/.test(gateway.said()), gateway.said);
  assert.match(await client.ask("QUIT"), /^\+OK/);
  await client.untilEnd();
  client.end();
  assert.equal(await gateway.ended(), 0, gateway.said());
  assert.equal(existsSync(pidfile), false);
});

test("no page has a password or the token, and metrics have no user and no client", async (t) => {
  const demo = await startDemo(t, { passwords: ["demo"] });
  const server = `127.0.0.1:${demo.port}`;
  const argv = ["-u", "root", "--metrics-token", tokenFile(t), "--exempt", "127.0.0.3", server];
  const { gateway, metrics } = await startWatched(t, argv);
  const place = { host: "127.0.0.1", port: gateway.port, localAddress: "127.0.0.3" };
  const refused = await connectGreeted(place, t);
  await refused.ask("USER canary-user");
  await refused.ask("PASS canary-password");
  const client = await connectGreeted(place, t);
  await client.ask("USER <i>canary</i>");
  assert.match(await client.ask("PASS demo"), /^\+OK/);
  await client.ask("XCANARY canary-argument");
  // A page may be a second old.
  const texts = new Map<string, string>();
  for (const [path, part] of [
    ["/", "&lt;i&gt;canary&lt;/i&gt;"],
    ["/metrics", 'pop3proxy_logins_total{mechanism="USER",result="success"} 1\n'],
    ["/status.json", '"user":"<i>canary</i>"'],
  ] as const) {
    await until(async () => {
      texts.set(path, (await ask(metrics, path)).body);
      return texts.get(path)?.includes(part);
    });
  }
  for (const [path, text] of texts) {
    assert.doesNotMatch(text, /canary-password|canary-argument|t0ken/, path);
  }
  assert.doesNotMatch(texts.get("/") ?? "", /<i>/);
  const samples = texts.get("/metrics") ?? "";
  assert.doesNotMatch(samples, /canary|127\.0\.0\.3/);
  assert.equal(samplesOf(samples).get('pop3proxy_login_denials_total{code="server-denied"}'), 1);
  const status = JSON.parse(texts.get("/status.json") ?? "");
  assert.equal(status.refusals[0].user, "canary-user");
  assert.equal(status.sessions.shown[0].user, "<i>canary</i>");
});

test("who has the token ends a session; SIGHUP reads the token again", async (t) => {
  const demo = await startDemo(t);
  const file = tokenFile(t);
  const argv = ["-u", "root", "--metrics-token", file, `127.0.0.1:${demo.port}`];
  const { gateway, metrics } = await startWatched(t, argv);
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  const { session } = (await gateway.logged("login")).fields;
  assert.equal((await end(metrics, String(session), "another")).status, 401);
  assert.equal(await client.ask("NOOP"), "+OK");
  writeFileSync(file, "new-token");
  gateway.child.kill("SIGHUP");
  await gateway.logged("reload");
  assert.equal((await end(metrics, String(session))).status, 401);
  assert.equal((await end(metrics, String(session), "new-token")).status, 200);
  assert.equal(await client.rest(), "");
  assert.equal((await gateway.logged("close")).fields.code, "ended");
  assert.equal((await end(metrics, String(session), "new-token")).status, 404);
  chmodSync(file, 0o604);
  gateway.child.kill("SIGHUP");
  const { reason } = (await gateway.logged("reload", 2)).fields;
  assert.equal(reason, `${file}: every user can read it: chmod o-r it`);
  assert.equal((await end(metrics, String(session), "new-token")).status, 404);
});

test("health is 200 while clients are accepted, and 503 while sessions are drained", async (t) => {
  const demo = await startDemo(t);
  const { gateway, metrics } = await startWatched(t, [`127.0.0.1:${demo.port}`]);
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  assert.equal((await ask(metrics, "/health")).status, 200);
  gateway.child.kill("SIGTERM");
  await gateway.logged("end");
  await until(async () => (await ask(metrics, "/health")).status === 503);
  assert.match((await ask(metrics, "/")).body, /accepts no clients/);
  assert.equal(await client.ask("NOOP"), "+OK");
  await client.ask("QUIT");
  client.end();
  await until(() => gateway.child.exitCode === 0);
});

test("many clients of HTTP that say nothing, or that hammer, leave the sessions alone", async (t) => {
  const demo = await startDemo(t);
  const { gateway, metrics } = await startWatched(t, [`127.0.0.1:${demo.port}`]);
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  const sockets = Array.from({ length: 100 }, () =>
    connect(metrics, "127.0.0.1")
      .on("error", () => {})
      .resume(),
  );
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
  });
  for (const [index, socket] of sockets.entries()) {
    if (index % 2 === 0) socket.write("GET / HTTP/1.1\r\nHost:");
    else socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20));
  }
  for (let count = 0; count < 50; count++) assert.equal(await client.ask("NOOP"), "+OK");
  // Each of them has its end, or its page, in time, and others have theirs.
  assert.equal((await ask(metrics, "/health")).status, 200);
  await until(() => sockets.filter(({ closed }) => closed).length >= 50);
});

test("a port in use, a token that others can read, and a superserver are faults that say so", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  atEnd(t, async () => void taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  await assert.rejects(startProcess(["--metrics", `${port}`, "mail.example.org"], { t }), {
    message: /can't listen on 127\.0\.0\.1:\d+: another process listens there already/,
  });
  const file = tokenFile(t, TOKEN, 0o644);
  await assert.rejects(startProcess(["--metrics", "0", "--metrics-token", file, "mail.example.org"], { t }), {
    message: /every user can read it: chmod o-r it/,
  });
});

test("under a superserver there are metrics if the process stays, and the client of another one is told", async (t) => {
  const { client, socket } = await pair(t);
  const alone = launch(t, process.execPath, [MAIN, "--metrics", "0", "mail.example.org"], {
    stdio: [socket, socket, socket],
  });
  socket.destroy();
  assert.equal(await client.rest(), "-ERR [SYS/PERM] gateway is not set up for this\r\n");
  assert.equal(await alone.ended(), 69);
  const server = await listener(t, { host: "127.0.0.1", port: 0 });
  const stays = activate(t, [fdOf(server)], MAIN, "-d", "--metrics", "0", "mail.example.org");
  server.close();
  const [, port] = await until(() => / metrics interface=127\.0\.0\.1 port=(\d+)/.exec(stays.said()), stays.said);
  await until(async () => (await ask(Number(port), "/health")).status === 200);
});

test("--check says where metrics are, and reads the token", async (t) => {
  const file = tokenFile(t);
  const argv = ["--listen", "127.0.0.1:0", "--metrics", "9110", "--metrics-token", file, "--demo"];
  const { sound, said } = await checkInside(...argv);
  assert.ok(sound, said);
  assert.ok(said.includes(`metrics and status page on http://127.0.0.1:9110/; who has the token of ${file} may`), said);
  chmodSync(file, 0o644);
  const faulty = await checkInside(...argv);
  assert.ok(!faulty.sound);
  assert.match(faulty.said, /FAULT: metrics: .*: every user can read it: chmod o-r it/);
});
