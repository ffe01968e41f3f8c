/** --ssh with a real ssh, a real sshd, and Dovecot behind it: one login for all sessions. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { certified } from "../stage/certificates";
import { drawn, LONG, tellDraw, testOfDraw } from "../stage/draws";
import { MAIN } from "../stage/process";
import { until } from "../stage/waiting";
import { startDovecot, startOwnDovecot, startTlsDovecot, UNDELAYED } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { mails, plain, stored } from "./mails";
import { mpop } from "./mpop";
import { lacking, start } from "./programs";
import { same, sorted } from "./same";
import { put, scratch } from "./scratch";
import { password, user } from "./server";
import { sshdParts } from "./sshd";
import {
  check,
  environment,
  HOST,
  letIn,
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

tellDraw("modes of --server-tls");

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
  const modes = [
    ["starttls", port],
    ["tls", tlsPort],
  ] as const;
  for (const [tls, at] of drawn(modes, 1, "mpop")) {
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

test("many sessions that begin together log in once, and so do more of them", { skip }, async (t) => {
  const users = Array.from({ length: LONG ? 50 : 20 }, (_, index) => `joe${index}`);
  const { port } = await startOwnDovecot(t, [], UNDELAYED.join("\n"), users);
  const sshd = await letIn(t);
  const argv = ["--ssh", HOST, "--max-per-client", "100", `127.0.0.1:${port}`];
  const gateway = await startSshGateway(t, sshd, argv);
  for (let round = 0; round < (LONG ? 4 : 2); round++) {
    const answers = await Promise.all(users.map((name) => session(gateway, t, name)));
    for (const answer of answers) assert.match(answer, /^\+OK/, gateway.said());
  }
  assert.equal(logins(sshd), 1);
  assert.equal(masters(sshd).length, 1);
  assert.equal(await gateway.stop(), 0);
  await untilNothingIsLeft(sshd);
});

test("a way to the host through another program outlives the session that has logged in", { skip }, async (t) => {
  const { sshd, accepting, port } = await scripted(t);
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

test("a client that selects more servers than are forwarded at a time", { skip }, async (t) => {
  const { sshd, port } = await oneMail(t);
  const argv = ["--ssh", HOST, "-e", "-s", "127.0.0.1:*"];
  const gateway = await startSshGateway(t, sshd, argv, { faults: /connect failed: Connection refused/ });
  const served = () => session(gateway, t, `${user}@127.0.0.1:${port}`);
  assert.match(await served(), /^\+OK/);
  for (let other = 1; other <= 101; other++) {
    assert.match(await session(gateway, t, `joe${other}@127.0.0.1:${other}`), /^-ERR \[SYS\/TEMP\] /);
  }
  const [folder = ""] = readdirSync(temporary(sshd));
  const sockets = () => readdirSync(join(temporary(sshd), folder)).filter((name) => /^\d+$/.test(name));
  await until(
    () => sockets().length <= 100,
    () => `${sockets()}`,
  );
  assert.match(await served(), /^\+OK/);
  assert.equal(logins(sshd), 1);
});

test("one session on standard input and output, as for inetd, has a login of its own", { skip }, async (t) => {
  const { sshd, port } = await oneMail(t);
  const env = environment(sshd, temporary(sshd));
  const child = start(process.execPath, [MAIN, "--ssh", HOST, `127.0.0.1:${port}`], { env, cwd: "/" });
  let heard = "";
  child.stdout?.on("data", (octets) => (heard += octets));
  child.stdin?.write(`USER ${user}\r\nPASS ${password}\r\nQUIT\r\n`);
  await until(
    () => child.exitCode !== null,
    () => heard,
  );
  assert.match(heard, /^(\+OK.*\r\n){4}$/);
  assert.equal(logins(sshd), 1);
  await untilNothingIsLeft(sshd);
});

test("--check says by which way the server is reached, and leaves nothing", { skip }, async (t) => {
  const { sshd, port } = await oneMail(t);
  const { code, stdout } = await check(sshd, ["--ssh", `tester@${HOST}`, `localhost:${port}`]);
  assert.equal(code, 0, `${stdout}`);
  assert.match(
    `${stdout}`,
    new RegExp(`^server localhost:${port} is reached through ssh to tester@${HOST}, in clear$`, "m"),
  );
  await untilNothingIsLeft(sshd);
});
