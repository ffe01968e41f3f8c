/** --ssh with a real ssh, a real sshd, and Dovecot behind it: one login for all sessions, and what goes wrong with it. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Accepting } from "../stage/accepting";
import { certified } from "../stage/certificates";
import { connectGreeted, logInBetween, quit } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import type { Peer } from "../stage/peer";
import { type GatewayProcess, MAIN } from "../stage/process";
import { inside } from "../stage/processes";
import { until } from "../stage/waiting";
import { startDovecot, startOwnDovecot, startTlsDovecot, UNDELAYED } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { mails, plain, stored } from "./mails";
import { mpop } from "./mpop";
import { lacking, program, run } from "./programs";
import { same, sorted } from "./same";
import { put, scratch } from "./scratch";
import { password, user } from "./server";
import { type Sshd, sshdParts, startSshd } from "./sshd";
import { environment, startSshGateway, temporary } from "./sshgateway";

const HOST = "gateway.example.org";
const skip = lacking("dovecot", "fetchmail", "mpop", "openssl", "socat", ...sshdParts);

/** An sshd into which the user of the tests gets. */
async function letIn(t: TestContext, settings = ""): Promise<Sshd> {
  const sshd = await startSshd(t, HOST, {}, settings);
  await sshd.authorize();
  return sshd;
}

function logins({ said }: Sshd): number {
  return said().match(/Accepted publickey/g)?.length ?? 0;
}

/** A scripted server. */
async function scripted(t: TestContext): Promise<{ accepting: Accepting; port: number }> {
  const accepting = new Accepting();
  atEnd(t, () => accepting.close());
  return { accepting, port: await accepting.open() };
}

/** A whole session. @returns what answers PASS */
async function session({ port }: GatewayProcess, t: TestContext, name = user): Promise<string> {
  const client = await connectGreeted(port, t);
  assert.match(await client.ask(`USER ${name}`), /^\+OK/);
  const answer = await client.ask(`PASS ${password}`);
  if (answer.startsWith("+OK")) await quit(client);
  else client.destroy();
  return answer;
}

/** A client and a server in the middle of a mail. */
async function insideMail(t: TestContext, { port }: GatewayProcess, accepting: Accepting): Promise<Peer> {
  const client = await connectGreeted(port, t);
  const server = await logInBetween(client, accepting);
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nSubject: half\r\n");
  await client.expect("+OK\r\nSubject: half\r\n");
  return client;
}

/** The next session of a scripted server. */
async function works(t: TestContext, { port }: GatewayProcess, accepting: Accepting): Promise<void> {
  const client = await connectGreeted(port, t);
  const server = await logInBetween(client, accepting);
  await client.say("QUIT");
  await server.answer("QUIT", "+OK bye\r\n");
  await client.expect("+OK bye\r\n");
}

/** The masters of a gateway. */
function masters(sshd: Sshd): number[] {
  return inside(temporary(sshd));
}

async function untilNothingIsLeft(sshd: Sshd): Promise<void> {
  const left = () => [...masters(sshd), ...readdirSync(temporary(sshd))];
  await until(
    () => left().length === 0,
    () => `left: ${left()}`,
  );
}

test("mails through ssh, by fetchmail and mpop, in clear, with STLS, with TLS, by -e", { skip }, async (t) => {
  const clear = await startDovecot(t, plain);
  const { port, tlsPort } = await startTlsDovecot(t, certified("good"), mails);
  const sshd = await letIn(t);
  await t.test("fetchmail", async (t) => {
    const gateway = await startSshGateway(t, sshd, ["--ssh", HOST, `localhost:${clear.port}`]);
    const rc = `poll 127.0.0.1 service ${gateway.port} protocol pop3 user "${user}" password "${password}" sslproto ''`;
    for (let round = 0; round < 2; round++) {
      const fetched = await fetchmail(t, `${rc} fetchall keep`, { HOME: sshd.home });
      assert.equal(fetched.code, 0, fetched.stderr + gateway.said());
      same(fetched.mails, plain.map(stored));
    }
    assert.equal(logins(sshd), 1);
    const login = await gateway.logged("login");
    assert.deepEqual([login.fields.server, login.fields.address], [`localhost:${clear.port}`, undefined]);
  });
  for (const [tls, at] of [
    ["starttls", port],
    ["tls", tlsPort],
  ] as const) {
    await t.test(`mpop, ${tls}`, async (t) => {
      const argv = ["--ssh", HOST, "--server-tls", tls, `localhost:${at}`];
      const gateway = await startSshGateway(t, sshd, argv);
      same(sorted(await mpop(scratch(t), gateway.port, "on")), sorted(mails.map(stored)));
    });
  }
  await t.test("a server that the client selects", async (t) => {
    const argv = ["--ssh", HOST, "-e", "-s", `localhost:${clear.port}`];
    const gateway = await startSshGateway(t, sshd, argv, { faults: /^\S+ err refused/ });
    assert.match(await session(gateway, t, `${user}@localhost:${clear.port}`), /^\+OK/);
    assert.match(await session(gateway, t, `${user}@localhost:1`), /^-ERR/);
  });
  await untilNothingIsLeft(sshd);
});

test("sessions that begin together log in once; so do 200 in all", { skip }, async (t) => {
  const users = Array.from({ length: 50 }, (_, index) => `joe${index}`);
  const { port } = await startOwnDovecot(t, [], UNDELAYED.join("\n"), users);
  const sshd = await letIn(t);
  const argv = ["--ssh", HOST, "--max-per-client", "100", `127.0.0.1:${port}`];
  const gateway = await startSshGateway(t, sshd, argv);
  for (let round = 0; round < 4; round++) {
    const answers = await Promise.all(users.map((name) => session(gateway, t, name)));
    for (const answer of answers) assert.match(answer, /^\+OK/, gateway.said());
  }
  assert.equal(logins(sshd), 1);
  assert.equal(masters(sshd).length, 1);
  assert.equal(await gateway.stop(), 0);
  await untilNothingIsLeft(sshd);
});

test("a server that sshd does not permit", { skip }, async (t) => {
  const { port } = await startDovecot(t, plain.slice(0, 1));
  const sshd = await letIn(t, `PermitOpen 127.0.0.1:${port}\n`);
  const argv = ["--ssh", HOST, "-e", "-s", "127.0.0.1:*"];
  const gateway = await startSshGateway(t, sshd, argv, { faults: /administratively prohibited/ });
  const refused = Array.from({ length: 5 }, (_, index) => session(gateway, t, `joe${index}@127.0.0.1:1`));
  for (const answer of await Promise.all(refused)) assert.match(answer, /^-ERR \[SYS\/TEMP\] /);
  const { fields } = await gateway.logged("failure", 5);
  assert.match(`${fields.reason}`, /^ssh: channel \d+: open failed: administratively prohibited/);
  assert.match(await session(gateway, t, `${user}@127.0.0.1:${port}`), /^\+OK/);
  assert.equal(logins(sshd), 1);
});

test("no login: each session has its answer and its reason, and when it is mended the next one works", {
  skip,
}, async (t) => {
  const { port } = await startDovecot(t, plain.slice(0, 1));
  const sshd = await letIn(t);
  const files = ["known_hosts", "authorized_keys", "config"].map((name) => join(sshd.home, ".ssh", name));
  const [hosts, keys, config] = files as [string, string, string];
  const [kind, key] = readFileSync(join(sshd.home, ".ssh/id_ed25519.pub"), "latin1").split(" ");
  const wrong = `${HOST} ${kind} ${key}\n`;
  for (const [file, content, reason, said] of [
    [hosts, wrong, /: Host key verification failed\.$/, /REMOTE HOST IDENTIFICATION HAS CHANGED/],
    [hosts, "", /: Host key verification failed\.$/, /Host key verification failed/],
    [keys, "", /: Permission denied \(publickey\)\.$/, /Permission denied/],
    [config, `Host ${HOST}\n  Port 1\n`, /: Connection refused$/, /port 1: Connection refused/],
  ] as const) {
    const argv = ["--ssh", HOST, `127.0.0.1:${port}`];
    const gateway = await startSshGateway(t, sshd, argv, { faults: /ssh: exit status 255: / });
    const before = await run(program("cat"), [file]);
    put(file, content);
    for (const answer of await Promise.all(["joe1", "joe2"].map((name) => session(gateway, t, name)))) {
      assert.match(answer, /^-ERR \[SYS\/TEMP\] /, `${reason}`);
    }
    const failure = await gateway.logged("failure", 2);
    assert.equal(failure.fields.code, "command");
    assert.match(`${failure.fields.reason}`, reason);
    assert.ok(
      gateway.log.some(({ event, fields }) => event === "via" && said.test(`${fields.said}`)),
      gateway.said(),
    );
    const checked = await check(sshd, argv);
    assert.equal(checked.code, 78);
    assert.match(checked.stdout.toString(), said);
    assert.match(checked.stdout.toString().trimEnd(), reason);
    put(file, before.stdout);
    assert.match(await session(gateway, t), /^\+OK/, gateway.said());
    await gateway.stop();
    await untilNothingIsLeft(sshd);
  }
});

/** What --check tells. */
function check(sshd: Sshd, argv: readonly string[]): ReturnType<typeof run> {
  const env = environment(sshd, temporary(sshd));
  return run(process.execPath, [MAIN, "--check", ...argv], { env, cwd: "/" });
}

test("--check says by which way the server is reached, and leaves nothing", { skip }, async (t) => {
  const { port } = await startDovecot(t, plain.slice(0, 1));
  const sshd = await letIn(t);
  const { code, stdout } = await check(sshd, ["--ssh", `tester@${HOST}`, `localhost:${port}`]);
  assert.equal(code, 0, `${stdout}`);
  assert.match(
    `${stdout}`,
    new RegExp(`^server localhost:${port} is reached through ssh to tester@${HOST}, in clear$`, "m"),
  );
  await untilNothingIsLeft(sshd);
});

test("a login that ends or hangs inside a mail: no end of the mail, one reason, and the next session works", {
  skip,
}, async (t) => {
  const { accepting, port } = await scripted(t);
  const sshd = await letIn(t);
  const argv = ["--ssh", HOST, "-t", "8", `127.0.0.1:${port}`];
  const gateway = await startSshGateway(t, sshd, argv, { faults: /code=server-|err via / });
  const signal = (name: NodeJS.Signals) => () => {
    for (const pid of masters(sshd)) process.kill(pid, name);
  };
  let failures = 0;
  for (const [end, code] of [
    [sshd.cut, "server-closed"],
    [signal("SIGKILL"), "server-closed"],
    [signal("SIGTERM"), "server-closed"],
    [signal("SIGSTOP"), "server-silent"],
  ] as const) {
    const client = await insideMail(t, gateway, accepting);
    end();
    assert.equal(await client.rest(), "");
    const { fields } = await gateway.logged("failure", ++failures);
    assert.equal(fields.code, code, gateway.said());
    await works(t, gateway, accepting);
  }
  assert.equal(logins(sshd), 5);
  // One that has ended while nobody used it.
  signal("SIGKILL")();
  await works(t, gateway, accepting);
  assert.equal(gateway.log.filter(({ event }) => event === "failure").length, failures);
  const told = gateway.log.filter(({ event }) => event === "via").map(({ fields }) => fields.status);
  assert.deepEqual(told.filter(Boolean), ["ended", "ended", "ended", "no answer"]);
  assert.equal(await gateway.stop(), 0);
  await untilNothingIsLeft(sshd);
});

test("what the gateway leaves: nothing at SIGTERM, the login at SIGHUP, a login that ends by itself at SIGKILL", {
  skip,
}, async (t) => {
  const { accepting, port } = await scripted(t);
  const sshd = await letIn(t);
  const argv = ["--ssh", HOST, `127.0.0.1:${port}`];
  const start = () => startSshGateway(t, sshd, argv, { faults: /shutdown|server-closed/ });
  const gateway = await start();
  await works(t, gateway, accepting);
  gateway.child.kill("SIGHUP");
  await gateway.logged("reload");
  await works(t, gateway, accepting);
  assert.equal(logins(sshd), 1);
  const client = await insideMail(t, gateway, accepting);
  gateway.child.kill("SIGTERM");
  await gateway.logged("end");
  assert.equal(masters(sshd).length, 1);
  // The second one waits for no session.
  assert.equal(await gateway.stop(), 0);
  assert.equal(await client.rest(), "");
  await untilNothingIsLeft(sshd);

  const killed = await startSshGateway(t, sshd, argv, { faults: null });
  await works(t, killed, accepting);
  await killed.stop("SIGKILL");
  const [left] = masters(sshd);
  assert.ok(left !== undefined);
  const next = await start();
  await works(t, next, accepting);
  assert.equal(masters(sshd).length, 2);
  process.kill(left, "SIGTERM");
});

test("a way to the host through another program outlives the session that has logged in", { skip }, async (t) => {
  const { accepting, port } = await scripted(t);
  const sshd = await letIn(t);
  const proxy = `ProxyCommand socat - TCP:127.0.0.1:${sshd.port}`;
  put(
    join(sshd.home, ".ssh/config"),
    `Host ${HOST}\n  ${proxy}\n  HostKeyAlias ${HOST}\n  ControlMaster no\n  LocalForward 1 localhost:1\n`,
  );
  const gateway = await startSshGateway(t, sshd, ["--ssh", HOST, `127.0.0.1:${port}`]);
  await works(t, gateway, accepting);
  await gateway.logged("close");
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await works(t, gateway, accepting);
  assert.equal(logins(sshd), 1);
  await gateway.stop();
  await untilNothingIsLeft(sshd);
});
