/**
 * Root is given up by every thread and for good, or not at all. A process of its own each time; most of it as root only.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pair, rootOnly, start, threads, upstream } from "../listen/handing";
import { MAIN, startProcess } from "../stage/process";

const PRIVILEGES = join(__dirname, "..", "..", "src", "process", "privileges.js");

/** Runs a script that has all of privileges.ts and `threads` at hand; what it has printed as JSON. */
function scripted(script: string, env: NodeJS.ProcessEnv = {}): unknown {
  const head = `
    const { accountOf, dropPrivileges, rootWarning, isRoot } = require(${JSON.stringify(PRIVILEGES)});
    const { threads } = require(${JSON.stringify(join(__dirname, "..", "listen", "handing.js"))});
    const fault = (act) => { try { act(); return null; } catch (thrown) { return thrown.message; } };
    const print = (value) => process.stdout.write(JSON.stringify(value));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", `${head}\n${script}`], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  assert.equal(stderr, "");
  return JSON.parse(stdout);
}

/** The numbers of an account, as /etc/passwd has them. */
function account(name: string): { uid: string; gid: string } {
  const lines = readFileSync("/etc/passwd", "latin1").split("\n");
  const [, , uid = "", gid = ""] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
  return { uid, gid };
}

const NONE = "0000000000000000";

test(
  "a name, a uid, a uid with a group: all threads are that user in its groups, without a capability, and for good",
  rootOnly,
  () => {
    const { uid, gid } = account("nobody");
    const cases = [
      ["nobody", uid, gid],
      [uid, uid, gid],
      [`${uid}:4242`, uid, "4242"],
      ["4243:4242", "4243", "4242"],
    ] as const;
    const ways = ["setuid", "seteuid", "setgid", "setegid"].map((call) => `fault(() => process.${call}(0))`);
    for (const [user, itsUid, itsGid] of cases) {
      const said = scripted(`
        process.setgroups([0, 4, 42]);
        dropPrivileges("${user}");
        const faults = [${ways}, fault(() => process.setgroups([0]))];
        print([isRoot(), rootWarning("${user}"), faults, threads(process.pid)]);`);
      const four = (id: string) => Array(4).fill(id).join(" ");
      const one = { Uid: four(itsUid), Gid: four(itsGid), Groups: itsGid, CapPrm: NONE, CapEff: NONE };
      const [root, warning, faults, all] = said as [boolean, unknown, (string | null)[], unknown[]];
      assert.equal(root, false);
      assert.equal(warning, null, "it is no member of root's group");
      for (const fault of faults) assert.match(String(fault), /EPERM/, "root can't be had again");
      assert.ok(all.length > 4, `${all.length} threads`);
      for (const thread of all) assert.deepEqual(thread, one, user);
    }
  },
);

test("who can't be found is told in one line, and root is root still", rootOnly, () => {
  const cases: readonly [string, RegExp][] = [
    ["no-such-user", /^there is no user no-such-user$/],
    ["4243", /^uid 4243 has no account: give its group too, as 4243:gid$/],
    ["nobody:4242", /^not a user, nor uid\[:gid\]: nobody:4242$/],
    ["", /^not a user, nor uid\[:gid\]: $/],
    ["4294967295:1", /^not the number of a user or group: 4294967295$/],
    ["1:99999999999", /^not the number of a user or group: 99999999999$/],
    ["root", /^root is root: name another user with -u$/],
    ["0:4242", /^0:4242 is root: name another user with -u$/],
  ];
  const users = JSON.stringify(cases.map(([user]) => user));
  const said = scripted(`print(${users}.map((user) => [fault(() => dropPrivileges(user)), isRoot()]));`);
  for (const [index, [fault, root]] of (said as [string, boolean][]).entries()) {
    assert.match(fault, cases[index]?.[1] as RegExp);
    assert.ok(root);
  }
});

test("B26: root's group is warned of", rootOnly, async (t) => {
  const gateway = await startProcess(["-u", "65534:0", "127.0.0.1:1"], { t });
  assert.equal(await gateway.stop(), 0);
  assert.match(gateway.said(), / warning root code=root-group reason="-u 65534:0: the gateway stays in group 0, /);
});

test("where Node does not permit it, root is not served with", rootOnly, () => {
  const [fault] = scripted('print([fault(() => dropPrivileges("nobody"))]);', { UV_USE_IO_URING: "1" }) as [unknown];
  // Node of any line has the check with a libuv older than this.
  const [, minor] = process.versions.uv.split(".");
  if (Number(minor) < 51) assert.match(`${fault}`, /^can't .*io_uring[^\n]*$/);
  else assert.equal(fault, null, "it permits it");
});

test("a session under inetd has no thread that is root", rootOnly, async (t) => {
  const { client, socket } = await pair(t);
  const gateway = start(t, [socket, socket, socket], MAIN, await upstream(t));
  socket.destroy();
  await client.expect("+OK POP3 server ready\r\n");
  const { uid } = account("nobody");
  for (const thread of threads(gateway.child.pid as number)) {
    assert.equal(thread.Uid, Array(4).fill(uid).join(" "));
    assert.equal(thread.CapEff, NONE);
  }
  assert.equal(await client.ask("QUIT"), "+OK bye");
  client.end();
  assert.equal(await gateway.ended(), 0);
});
