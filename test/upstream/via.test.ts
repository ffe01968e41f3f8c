/** Servers through commands: what the command says and how it ends is what the log has, and nothing is left of it. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startAccepting } from "../stage/accepting";
import { alive, scratch } from "../stage/acp";
import { authority, certified, lacking } from "../stage/certificates";
import { startDemo } from "../stage/demo";
import { connectGreeted, fetchMail, logIn, quit } from "../stage/dialogue";
import { startGateway, type Wishes } from "../stage/gateway";
import { until } from "../stage/waiting";

/** A script of sh as a command. @returns its words */
function command(t: TestContext, ...lines: string[]): string[] {
  const file = join(scratch(t), "command");
  writeFileSync(file, `#!/bin/sh\n${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  return [file, "%h", "%p", "%%"];
}

/** A line of a script that connects as socat would. */
const CONNECT = `exec ${process.execPath} -e '
  const s = require("net").connect(+process.argv[2], process.argv[1]);
  process.stdin.pipe(s).pipe(process.stdout); s.on("error", (e) => { console.error(e.message); process.exit(1) })' "$1" "$2"`;

const SCRIPTED = { server: { host: "mail.example.org", port: 110 } };

function start(t: TestContext, via: readonly string[], wishes: Wishes = {}) {
  return startGateway(0, { ...SCRIPTED, via, ...wishes }, { t });
}

/** The answer to a login, and how the session ended. */
async function login(port: number, t: TestContext): Promise<string> {
  const client = await connectGreeted(port, t);
  await client.say("USER joe", "PASS demo");
  await client.line();
  const answer = await client.line();
  client.destroy();
  return answer;
}

test("a session through a command, whose words have the server and its port", async (t) => {
  const demo = await startDemo(t);
  const args = join(scratch(t), "args");
  const via = command(
    t,
    `echo "$@" > ${args}`,
    "echo hello there >&2",
    CONNECT.replace('"$1"', "127.0.0.1").replace('"$2"', `${demo.port}`),
  );
  const gateway = await start(t, via);
  const client = await connectGreeted(gateway.port, t);
  await logIn(client, "joe", "demo");
  for (const message of [1, 4, 5]) assert.ok((await fetchMail(client, message)).length > 0);
  await quit(client);
  assert.equal(readFileSync(args, "utf8"), "mail.example.org 110 %\n");
  assert.equal((await gateway.logged("via")).fields.said, "hello there");
  const { fields } = await gateway.logged("login");
  assert.deepEqual([fields.server, fields.address], ["mail.example.org", undefined]);
  assert.deepEqual(await gateway.ended(), ["quit"]);
});

test("G2: a command that tells the dialogue does not tell the password to the log", async (t) => {
  const demo = await startDemo(t);
  const telling = CONNECT.replace("process.stdin.pipe", 'process.stdin.on("data", (d) => process.stderr.write(d)); $&');
  const via = command(t, telling.replace('"$1"', "127.0.0.1").replace('"$2"', `${demo.port}`));
  const gateway = await start(t, via);
  const client = await connectGreeted(gateway.port, t);
  await logIn(client, "joe", "demo");
  await quit(client);
  await until(() => gateway.log.filter(({ event }) => event === "via").length >= 2, gateway.said);
  assert.match(gateway.said(), /via .*said="USER joe/);
  assert.doesNotMatch(gateway.said(), /PASS/);
});

test("what goes wrong with a command is one answer and one reason", async (t) => {
  for (const [lines, reason] of [
    [
      ["echo Host key verification failed. >&2", "exit 255"],
      /command: exit status 255: Host key verification failed\.$/,
    ],
    [["exit 3"], /command: exit status 3$/],
    [["kill -9 $$"], /command: SIGKILL$/],
    [["exec >&-", "sleep 60"], /closed the connection/],
    [["sleep 60"], /command: no server answers through it$/],
    [["echo 'not POP3'", "sleep 60"], /^server does not speak POP3: not POP3$/],
  ] as const) {
    const gateway = await start(t, command(t, ...lines), { serverTimeout: lines[0] === "sleep 60" ? 300 : 30_000 });
    assert.match(await login(gateway.port, t), /^-ERR \[SYS\/TEMP\] /, lines[0]);
    const { fields } = await gateway.logged("failure");
    assert.match(String(fields.reason), reason);
  }
  const missing = await start(t, ["/nonexistent/command"]);
  assert.match(await login(missing.port, t), /^-ERR \[SYS\/TEMP\] /);
  assert.match(
    String((await missing.logged("failure")).fields.reason),
    /^\/nonexistent\/command: there is no such file$/,
  );
});

test("a command that ends inside a mail leaves it without an end, and the next session works", async (t) => {
  const accepting = await startAccepting(t);
  const { port } = accepting;
  const pids = join(scratch(t), "pids");
  const via = command(t, `echo $$ >> ${pids}`, CONNECT.replace('"$1"', "127.0.0.1").replace('"$2"', `${port}`));
  const gateway = await start(t, via);
  for (const dies of [true, false]) {
    const client = await connectGreeted(gateway.port, t);
    const logged = logIn(client, "joe", "p");
    const server = await accepting.next();
    await server.write("+OK\r\n");
    await server.answer("USER joe", "+OK\r\n");
    await server.answer("PASS p", "+OK\r\n");
    await logged;
    await client.say("RETR 1");
    await server.answer("RETR 1", "+OK\r\nFrom: x\r\n");
    await client.expect("+OK\r\nFrom: x\r\n");
    const pid = Number(readFileSync(pids, "utf8").trim().split("\n").at(-1));
    if (dies) process.kill(pid, "SIGKILL");
    else server.end();
    assert.equal(await client.rest(), "");
    await gateway.logged("close", dies ? 1 : 2);
    await until(() => !alive(pid), "the command still runs");
  }
  assert.equal(gateway.log.filter(({ event }) => event === "via").length, 1);
  assert.equal((await gateway.logged("via")).fields.status, "SIGKILL");
});

test("the group of a command ends with its session, whoever leaves first", async (t) => {
  const demo = await startDemo(t);
  const pids = join(scratch(t), "pids");
  const child = "sh -c 'trap \"\" TERM; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &";
  const via = command(
    t,
    child,
    `echo $! >> ${pids}`,
    CONNECT.replace('"$1"', "127.0.0.1").replace('"$2"', `${demo.port}`),
  );
  const gateway = await start(t, via);
  for (const leave of ["QUIT", "reset"]) {
    const client = await connectGreeted(gateway.port, t);
    await logIn(client, `joe${leave}`, "demo");
    if (leave === "QUIT") await quit(client);
    else client.reset();
  }
  await gateway.logged("close", 2);
  const all = readFileSync(pids, "utf8").trim().split("\n").map(Number);
  assert.equal(all.length, 2);
  await until(() => !all.some(alive), "a child of a command still runs");
});

test("a client that leaves while its command starts", async (t) => {
  const pids = join(scratch(t), "pids");
  const gateway = await start(t, command(t, `echo $$ >> ${pids}`, "sleep 60"));
  const client = await connectGreeted(gateway.port, t);
  await client.say("USER joe", "PASS p");
  await until(() => existsSync(pids) && readFileSync(pids, "utf8").endsWith("\n"), "the command does not start");
  client.reset();
  await gateway.logged("close");
  const pid = Number(readFileSync(pids, "utf8"));
  await until(() => !alive(pid), "the command still runs");
});

for (const tls of ["tls", "starttls"] as const) {
  test(`TLS through a command, ${tls}: the name is that of the server`, { skip: lacking }, async (t) => {
    const { cert, key } = certified("mail.example.org");
    const accepting = await startAccepting(t, tls === "tls" ? { cert, key } : undefined);
    const { port } = accepting;
    const via = command(t, CONNECT.replace('"$1"', "127.0.0.1").replace('"$2"', `${port}`));
    for (const [host, trusted] of [
      ["mail.example.org", true],
      ["other.example.org", false],
    ] as const) {
      const wishes = { serverTls: tls, serverCa: authority(), server: { host, port: null } };
      const gateway = await start(t, via, wishes);
      const client = await connectGreeted(gateway.port, t);
      await client.say("USER joe", "PASS p");
      await client.line();
      if (trusted || tls === "starttls") {
        const server = await accepting.next();
        await server.write("+OK\r\n");
        if (tls === "starttls") {
          await server.answer("CAPA", "+OK\r\nSTLS\r\n.\r\n");
          await server.answer("STLS", "+OK\r\n");
          await server.acceptTls({ cert, key }).catch(() => {});
        }
        if (trusted) {
          await server.answer("USER joe", "+OK\r\n");
          await server.answer("PASS p", "+OK welcome\r\n");
        }
      }
      assert.match(await client.line(), trusted ? /^\+OK welcome$/ : /^-ERR \[SYS\/TEMP\] no secure connection/);
      if (!trusted) assert.match(String((await gateway.logged("failure")).fields.reason), /other\.example\.org/);
      client.destroy();
    }
  });
}

test("a command that says more than the log takes serves its session to the end", async (t) => {
  const demo = await startDemo(t);
  const flood = "yes 'much ado about nothing, again and again' | head -c 3000000 >&2";
  const via = command(t, flood, CONNECT.replace('"$1"', "127.0.0.1").replace('"$2"', `${demo.port}`));
  const gateway = await start(t, via);
  const client = await connectGreeted(gateway.port, t);
  await logIn(client, "joe", "demo");
  assert.ok((await fetchMail(client, 1)).length > 0);
  await quit(client);
  assert.deepEqual(await gateway.ended(), ["quit"]);
  assert.equal(gateway.log.filter(({ event }) => event === "via").length, 100);
});

test("R2: a reader that stalls holds the command up, and the gateway does not grow", async (t) => {
  const demo = await startDemo(t);
  const via = command(t, CONNECT.replace('"$1"', "127.0.0.1").replace('"$2"', `${demo.port}`));
  const gateway = await start(t, via);
  const client = await connectGreeted(gateway.port, t);
  await logIn(client, "joe", "demo");
  client.pause();
  await client.say(...Array.from({ length: 25 }, () => "RETR 5"));
  const before = process.memoryUsage().rss;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(process.memoryUsage().rss - before < 64e6);
  client.resume();
  client.destroy();
});
