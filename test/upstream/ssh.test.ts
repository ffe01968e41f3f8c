/** --ssh with something else in place of ssh: what it is given, and what goes wrong with it. test/real/ssh.test.ts has the rest. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { alive, scratch } from "../stage/acp";
import { connectGreeted } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import type { Peer } from "../stage/peer";
import { launch, MAIN } from "../stage/process";
import { until } from "../stage/waiting";

const PATH = process.env.PATH;

interface Fake {
  /** Its folder. */
  readonly folder: string;
  /** The TMPDIR of the gateway. */
  readonly tmp: string;
  /** The words of each time that it was started. */
  calls(): string[];
}

/** Puts a script of sh in the place of ssh. */
function fake(t: TestContext, ...lines: string[]): Fake {
  const folder = scratch(t);
  const calls = join(folder, "calls");
  const file = join(folder, "ssh");
  writeFileSync(file, `#!/bin/sh\necho "$$ $*" >> ${calls}\n${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  process.env.PATH = `${folder}:${PATH}`;
  // The names of sockets are short.
  const tmp = mkdtempSync("/tmp/p3p-");
  process.env.TMPDIR = tmp;
  t.after(() => {
    process.env.PATH = PATH;
    delete process.env.TMPDIR;
    execFileSync("rm", ["-rf", tmp]);
  });
  return {
    folder,
    tmp,
    calls: () => (existsSync(calls) ? readFileSync(calls, "latin1").trim().split("\n") : []),
  };
}

function start(t: TestContext, wishes: Wishes = {}): Promise<TestGateway> {
  return startGateway(0, { server: { host: "mail.example.org", port: 110 }, ssh: "joe@gateway", ...wishes }, { t });
}

/** A client that has said its name. */
async function named(t: TestContext, { port }: TestGateway, name: string): Promise<Peer> {
  const client = await connectGreeted(port, t);
  await client.ask(`USER ${name}`);
  return client;
}

async function login(t: TestContext, gateway: TestGateway, name: string): Promise<string> {
  const client = await named(t, gateway, name);
  const answer = await client.ask("PASS demo");
  client.destroy();
  return answer;
}

test("what goes wrong with ssh is one answer and one reason, for all sessions that wait for the login", async (t) => {
  for (const [lines, reason, starts] of [
    [["echo Permission denied. >&2", "exit 255"], /^ssh: exit status 255: Permission denied\.$/, 1],
    [["yes 'much ado' | head -c 3000000 >&2", "exit 255"], /^ssh: .*much ado$/, 1],
    [["sleep 60"], /^ssh: no end within 2 seconds$/, 1],
    [["kill -9 $$"], /^ssh: SIGKILL$/, 1],
    // It says that all is well, and there is no socket: tried twice.
    [["exit 0"], /^ssh: the connection was closed before a server spoke$/, 6],
  ] as const) {
    const ssh = fake(t, ...lines);
    const gateway = await start(t, { serverTimeout: lines[0] === "sleep 60" ? 2000 : 30_000 });
    const clients = await Promise.all(["joe", "ann"].map((name) => named(t, gateway, name)));
    // Their passwords leave at once, so that no login is over before the other one wants it.
    const answers = await Promise.all(clients.map((client) => client.ask("PASS demo")));
    for (const client of clients) client.destroy();
    for (const answer of answers) assert.match(answer, /^-ERR \[SYS\/TEMP\] server not reachable$/);
    const { fields } = await gateway.logged("failure", 2);
    assert.match(`${fields.reason}`, reason);
    assert.equal(fields.code, "command");
    assert.equal(ssh.calls().length, starts, `${ssh.calls()}`);
    await gateway.close();
    for (const call of ssh.calls()) await until(() => !alive(Number.parseInt(call, 10)), call);
    assert.deepEqual(readdirSync(ssh.tmp), []);
  }
});

test("without ssh, and with a TMPDIR that is gone", async (t) => {
  const ssh = fake(t);
  process.env.PATH = "/nonexistent";
  const missing = await start(t);
  assert.match(await login(t, missing, "joe"), /^-ERR \[SYS\/TEMP\] /);
  assert.equal((await missing.logged("failure")).fields.reason, "ssh: there is no such file");
  process.env.TMPDIR = `${ssh.tmp}/gone`;
  const gone = await start(t);
  assert.match(await login(t, gone, "joe"), /^-ERR \[SYS\/TEMP\] /);
  assert.match(`${(await gone.logged("failure")).fields.reason}`, /^ssh: .*gone.*: there is no such file$/);
});

test("what ssh is given, for a name and for an IPv6 address", async (t) => {
  const ssh = fake(t, "exit 0");
  for (const host of ["mail.example.org", "::1"]) {
    const gateway = await start(t, { server: { host, port: 995 } });
    await login(t, gateway, "joe");
  }
  const words = ssh.calls().map((call) => call.replace(/^\d+ /, ""));
  assert.match(`${words[0]}`, /^-o BatchMode=yes .* -E log -f -N -- joe@gateway$/);
  const forwards = words.filter((call) => call.includes("-O forward"));
  const wanted = (server: string) => `-F none -S ./master -O forward -L ./1:${server}:995 -- joe@gateway`;
  for (const server of ["[mail.example.org]", "[::1]"]) assert.ok(forwards.includes(wanted(server)), `${forwards}`);
});

test("a client that leaves while ssh logs in; the login ends with the gateway", async (t) => {
  const ssh = fake(t, "sleep 60 & wait");
  const gateway = await start(t);
  const client = await connectGreeted(gateway.port, t);
  await client.say("USER joe", "PASS p");
  await until(() => ssh.calls().length > 0, "ssh is not started");
  client.reset();
  await gateway.logged("close");
  await gateway.close();
  const pid = Number.parseInt(`${ssh.calls()[0]}`, 10);
  await until(() => !alive(pid), "ssh still runs");
  assert.deepEqual(readdirSync(ssh.tmp), []);
});

test("R9: clients that select servers and leave start no crowd of ssh; who waits has his turn", async (t) => {
  const ssh = fake(t, 'case "$*" in *"-O forward"*) until [ -e "$(dirname "$0")/go" ]; do sleep 0.1; done;; esac');
  const gateway = await start(t, { server: null, select: true, servers: "*.example.org", debug: true });
  const forwards = () => ssh.calls().filter((call) => call.includes("-O forward"));
  const passwords = (count: number) =>
    until(() => gateway.said().split("PASS ***").length > count, `not ${count} passwords have come`);
  for (let round = 1; round <= 2; round++) {
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, at) => named(t, gateway, `joe${round}.${at}@mail${round}-${at}.example.org`)),
    );
    for (const client of clients) await client.say("PASS p");
    await passwords(12 * round);
    await until(() => forwards().length >= 8, `${ssh.calls()}`);
    for (const client of clients) client.reset();
    await gateway.logged("close", 12 * round);
  }
  const client = await named(t, gateway, "ann@last.example.org");
  await client.say("PASS p");
  await passwords(25);
  assert.equal(forwards().length, 8, `${forwards()}`);
  writeFileSync(join(ssh.folder, "go"), "");
  await until(() => forwards().some((call) => call.includes("[last.example.org]")), `${forwards()}`);
  client.reset();
  await gateway.logged("close", 25);
  await gateway.close();
  for (const call of ssh.calls()) await until(() => !alive(Number.parseInt(call, 10)), call);
});

test("a TMPDIR without room for a socket is a fault of the start", async (t) => {
  const { folder } = fake(t, "exit 0");
  for (const [tmp, said] of [
    [join(folder, "x".repeat(90)), /^pop3\.proxy: --ssh: the name of .* is too long for sockets in it: set TMPDIR to /],
    [
      join("/tmp", "nonexistent"),
      /^pop3\.proxy: --ssh: no folder can be made in .*: there is no such file; see TMPDIR/,
    ],
  ] as const) {
    const argv = [MAIN, "--foreground", "-u", "root", "--listen", "127.0.0.1:0", "--ssh", "gateway", "mail"];
    const env = { ...process.env, TMPDIR: tmp };
    const started = launch(t, process.execPath, argv, { env, stdio: ["ignore", "ignore", "pipe"] });
    assert.notEqual(await started.ended(), 0);
    assert.match(
      started
        .said()
        .split("\n")
        .filter((line) => line.startsWith("pop3.proxy: --ssh"))
        .join(),
      said,
    );
  }
});
