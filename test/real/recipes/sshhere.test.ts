/** "Through ssh, with the gateway at this end": fetchmail, the gateway's own ssh, a real sshd, and Dovecot behind it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { startDovecot } from "../dovecot";
import { fetchmail } from "../fetchmail";
import { plain, stored } from "../mails";
import { lacking, ordinary, program, run } from "../programs";
import { same } from "../same";
import { put } from "../scratch";
import { password, user } from "../server";
import { sshdParts, startSshd } from "../sshd";
import { environment, temporary } from "../sshgateway";
import { install, replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const HOST = "gateway.example.org";

test("fetchmail, and the gateway with --ssh", { skip: lacking("dovecot", "fetchmail", ...sshdParts) }, async (t) => {
  const [newKey, option, config, commands, rc] = recipe("Through ssh, with the gateway at this end");
  const { port } = await startDovecot(t, plain);
  const sshd = await startSshd(t, HOST);
  const server = `127.0.0.1:${port}`;
  const env = environment(sshd, temporary(sshd));
  const shell = (command = "") => run(program("sh"), ["-c", command], { cwd: sshd.home, env });
  assert.equal((await shell(newKey)).code, 0);
  const before = replaced(option, { "mail.example.org:110": server }).trimEnd();
  put(join(sshd.home, ".ssh/authorized_keys"), `${before} ${readFileSync(join(sshd.home, ".ssh/pop3.pub"), "latin1")}`);
  const place = `HostName ${HOST}\n    HostKeyAlias ${HOST}\n    Port ${sshd.port}`;
  put(join(sshd.home, ".ssh/config"), replaced(config, { [`HostName ${HOST}`]: place, "User joe": "User tester" }));

  const [check, start] = replaced(commands, { "mail.example.org": server }).trimEnd().split("\n");
  const checked = await shell(replaced(check, { "pop3.proxy ": `${install(sshd.home)} ` }));
  assert.equal(checked.code, 0, `${checked.stdout}`);
  assert.match(`${checked.stdout}`, /reached through ssh to popserver/);
  const command = replaced(start, { "127.0.0.1:1110": "127.0.0.1:0" });
  const gateway = await startRecipe(t, command, 1, { env, ...ordinary });
  const words = { 1110: `${gateway.port}`, '"joe"': `"${user}"`, '"secret"': `"${password}"` };
  const fetched = await fetchmail(t, `${replaced(rc, words).trimEnd()} fetchall keep`, { HOME: sshd.home });
  assert.equal(fetched.code, 0, fetched.stderr + gateway.said());
  same(fetched.mails, plain.map(stored));

  assert.equal((await shell("ssh -oBatchMode=yes popserver echo another")).stdout.toString(), "", "a command was run");
  const elsewhere = await shell("ssh -oBatchMode=yes -W 127.0.0.1:1 popserver");
  assert.match(elsewhere.stderr, /administratively prohibited/);
});
