/** --ssh with a real ssh and sshd: what goes wrong, what is told of it, and what is left. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connectGreeted, logInBetween, welcome } from "../stage/dialogue";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { until } from "../stage/waiting";
import { lacking, program, run } from "./programs";
import { put } from "./scratch";
import { user } from "./server";
import { sshdParts } from "./sshd";
import {
  check,
  HOST,
  insideMail,
  logins,
  masters,
  oneMail,
  scripted,
  session,
  startSshGateway,
  temporary,
  untilNothingIsLeft,
  works,
} from "./sshgateway";

const test = testOfDraw();

const skip = lacking("dovecot", "fetchmail", "mpop", "openssl", "socat", ...sshdParts);

tellDraw("faults of ssh");

test("a server that sshd does not permit", { skip }, async (t) => {
  const { sshd, port } = await oneMail(t, (to) => `PermitOpen 127.0.0.1:${to}\n`);
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
  const { sshd, port } = await oneMail(t);
  const files = ["known_hosts", "authorized_keys", "config"].map((name) => join(sshd.home, ".ssh", name));
  const [hosts, keys, config] = files as [string, string, string];
  const [kind, key] = readFileSync(join(sshd.home, ".ssh/id_ed25519.pub"), "latin1").split(" ");
  const wrong = `${HOST} ${kind} ${key}\n`;
  const faults = [
    [hosts, wrong, /: Host key verification failed\.$/, /REMOTE HOST IDENTIFICATION HAS CHANGED/],
    [hosts, "", /: Host key verification failed\.$/, /Host key verification failed/],
    [keys, "", /: Permission denied \(publickey\)\.$/, /Permission denied/],
    [config, `Host ${HOST}\n  Port 1\n`, /: Connection refused$/, /port 1: Connection refused/],
  ] as const;
  for (const [file, content, reason, said] of drawn(faults, 2, "no login")) {
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

test("a login that ends inside a mail: no end of the mail, one reason, and the next session works", {
  skip,
}, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
  const argv = ["--ssh", HOST, `127.0.0.1:${port}`];
  const faults = /code=server-|err via /;
  const gateway = await startSshGateway(t, sshd, argv, { faults });
  const signal = (name: NodeJS.Signals) => () => {
    for (const pid of masters(sshd)) process.kill(pid, name);
  };
  const ends = drawn([sshd.cut, signal("SIGKILL"), signal("SIGTERM")], 2, "ends");
  let failures = 0;
  for (const end of ends) {
    const client = await insideMail(t, gateway, accepting);
    end();
    assert.equal(await client.rest(), "");
    const { fields } = await gateway.logged("failure", ++failures);
    assert.equal(fields.code, "server-closed", gateway.said());
    await works(t, gateway, accepting);
    await gateway.saying(new RegExp(`^(?:.* err via .* status=ended$[^]*){${failures}}`, "m"));
  }
  assert.equal(logins(sshd), 1 + ends.length);
  // One that has ended while nobody used it.
  signal("SIGKILL")();
  await works(t, gateway, accepting);
  assert.equal(gateway.log.filter(({ event }) => event === "failure").length, failures);
  assert.equal(gateway.log.filter(({ event, level }) => event === "via" && level === "err").length, failures);
  assert.equal(await gateway.stop(), 0);
  await untilNothingIsLeft(sshd);
});

test("a login that hangs is given up, and the next session works", { skip }, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
  const argv = ["--ssh", HOST, "-t", "10", `127.0.0.1:${port}`];
  const gateway = await startSshGateway(t, sshd, argv, { faults: /code=server-silent|err via / });
  const client = await insideMail(t, gateway, accepting);
  const [hanging = 0] = masters(sshd);
  process.kill(hanging, "SIGSTOP");
  assert.equal(await client.rest(), "");
  assert.equal((await gateway.logged("failure")).fields.code, "server-silent");
  await works(t, gateway, accepting);
  assert.equal((await gateway.logged("via")).fields.status, "no answer");
  assert.equal(logins(sshd), 2);
  await until(() => !masters(sshd).includes(hanging), "the login that hangs is still there");
});

test("a login that hangs before more connections than the system takes is given up, too", { skip }, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
  const gateway = await startSshGateway(t, sshd, ["--ssh", HOST, `127.0.0.1:${port}`], { faults: /err via / });
  await works(t, gateway, accepting);
  const [hanging = 0] = masters(sshd);
  process.kill(hanging, "SIGSTOP");
  const [folder = ""] = readdirSync(temporary(sshd));
  for (const name of ["master", "1"]) await untilFull(t, join(temporary(sshd), folder, name));
  await works(t, gateway, accepting);
  assert.equal((await gateway.logged("via")).fields.status, "no answer");
  await until(() => !masters(sshd).includes(hanging), "the login that hangs is still there");
});

test("a login that hangs is given up, too, where each client wants another server", { skip }, async (t) => {
  const { sshd, port } = await oneMail(t);
  const argv = ["--ssh", HOST, "-e", "-s", `127.0.0.1:${port},localhost:${port}`];
  const gateway = await startSshGateway(t, sshd, argv, { faults: /err via / });
  assert.match(await session(gateway, t, `${user}@127.0.0.1:${port}`), /^\+OK/);
  const [hanging = 0] = masters(sshd);
  process.kill(hanging, "SIGSTOP");
  assert.match(await session(gateway, t, `${user}@localhost:${port}`), /^\+OK/);
  assert.equal((await gateway.logged("via")).fields.status, "no answer");
  await until(() => !masters(sshd).includes(hanging), "the login that hangs is still there");
});

test("a login that can't be asked whether it is there goes on", { skip }, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
  const programs = join(sshd.home, "programs");
  put(join(programs, "ssh"), `#!/bin/sh\nexec ${program("ssh")} "$@"\n`);
  chmodSync(join(programs, "ssh"), 0o755);
  const argv = ["--ssh", HOST, "--server-timeout", "60", `127.0.0.1:${port}`];
  const gateway = await startSshGateway(t, { ...sshd, env: { ...sshd.env, PATH: programs } }, argv);
  const client = await insideMail(t, gateway, accepting);
  rmSync(join(programs, "ssh"));
  // Silent for longer than ssh may be before it is asked.
  const other = await connectGreeted(gateway.port, t);
  await other.ask("USER joe");
  await other.say("PASS p");
  const server = await accepting.next();
  await new Promise((resolve) => setTimeout(resolve, 6000));
  await welcome(server);
  assert.equal(await other.line(), "+OK");
  await other.say("QUIT");
  await server.answer("QUIT", "+OK bye\r\n");
  await other.expect("+OK bye\r\n");
  client.reset();
  assert.equal(logins(sshd), 1);
});

test("a login is not taken for ended for want of a descriptor", { skip: skip || lacking("prlimit") }, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
  const gateway = await startSshGateway(t, sshd, ["--ssh", HOST, `127.0.0.1:${port}`], {
    faults: /code=server-closed/,
  });
  const client = await connectGreeted(gateway.port, t);
  const server = await logInBetween(client, accepting);
  const bound = async (most: number) => {
    const argv = ["--pid", `${gateway.pid}`, `--nofile=${most}:`];
    assert.equal((await run(program("prlimit"), argv)).code, 0);
  };
  await bound(3);
  server.destroy();
  await client.rest();
  await gateway.logged("close");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await bound(1024);
  await works(t, gateway, accepting);
  assert.equal(logins(sshd), 1, gateway.said());
});

/** Connects to a socket whose owner accepts nobody, until the system takes no more. */
async function untilFull(t: TestContext, path: string): Promise<void> {
  for (let count = 0; count < 1000; count++) {
    const socket = connect(path);
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    const [fault] = await once(socket, "connect").then(
      () => [],
      (thrown: NodeJS.ErrnoException) => [thrown.code],
    );
    if (fault === "EAGAIN") return;
    assert.equal(fault, undefined);
  }
  assert.fail("the system takes any number of connections");
}

test("what the gateway leaves: nothing at SIGTERM, the login at SIGHUP, a login that ends by itself at SIGKILL", {
  skip,
}, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
  const argv = ["--ssh", HOST, `127.0.0.1:${port}`];
  const next = () => startSshGateway(t, sshd, argv, { faults: /shutdown|server-closed/ });
  const gateway = await next();
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

  const stopped = await next();
  await works(t, stopped, accepting);
  for (const pid of masters(sshd)) process.kill(pid, "SIGSTOP");
  assert.equal(await stopped.stop(), 0);
  await untilNothingIsLeft(sshd);

  const killed = await startSshGateway(t, sshd, argv, { faults: null });
  await works(t, killed, accepting);
  await killed.stop("SIGKILL");
  const [left] = masters(sshd);
  assert.ok(left !== undefined);
  await works(t, await next(), accepting);
  assert.equal(masters(sshd).length, 2);
  process.kill(left, "SIGTERM");
});
