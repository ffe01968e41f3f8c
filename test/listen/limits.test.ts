import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { type Cidr, parseCidr } from "../../src/base/cidr";
import { Connection } from "../../src/connection/connection";
import { SessionLimits } from "../../src/listen/limits";
import { startProcess } from "../stage/process";

/** Limits with these bounds. */
function limitsOf(sessions: number, perClient: number, exempt: readonly Cidr[] = []) {
  const limits = new SessionLimits();
  return {
    admit: (client: Connection) => limits.admit(client, { sessions, perClient, exempt })?.reply ?? null,
    leave: (client: Connection) => limits.leave(client),
    loggedIn: (client: Connection) => limits.loggedIn(client),
  };
}

function client(address: string): Connection {
  const end = { address, port: 1 };
  const one = new Connection(new PassThrough(), "client", end, end);
  one.onOver = () => one.destroy();
  return one;
}

test("R4, R5: counts come back to nothing, also of those that gave way to others of the same address", () => {
  const limits = limitsOf(2, 10);
  const all = Array.from({ length: 30 }, () => client("192.0.2.1"));
  for (const one of all) assert.equal(limits.admit(one), null);
  for (const one of all) limits.leave(one);
  for (const one of all) limits.leave(one);
  const again = Array.from({ length: 10 }, () => client("192.0.2.1"));
  const roomy = limitsOf(100, 10);
  for (const one of again) assert.equal(roomy.admit(one), null);
  const more = client("192.0.2.1");
  assert.match(roomy.admit(more) ?? "", /from your address/);
  const other = client("192.0.2.2");
  assert.equal(roomy.admit(other), null);
  for (const one of [...all, ...again, more, other]) one.destroy();
});

test("R4: who has logged in keeps its place, the oldest of the others gives way", () => {
  const limits = limitsOf(2, 10);
  const [user, idle, late, last] = [client("a"), client("b"), client("c"), client("d")] as const;
  limits.admit(user);
  limits.admit(idle);
  limits.loggedIn(user);
  assert.equal(limits.admit(late), null);
  assert.ok(idle.stream.destroyed && !user.stream.destroyed);
  limits.loggedIn(late);
  assert.match(limits.admit(last) ?? "", /too many sessions/);
  for (const one of [user, idle, late, last]) one.destroy();
});

test("too few open files for so many sessions are warned of", async (t) => {
  const warned = async (sessions: string, ...options: string[]) => {
    const argv = ["--max-sessions", sessions, ...options, "127.0.0.1:1"];
    const gateway = await startProcess(argv, { t, before: "ulimit -n 400" });
    // A warning comes after the line that it listens; the end brings all that is still to come.
    assert.equal(await gateway.stop(), 0);
    return / warning listen code=open-files reason="400 open files are too few for /.test(gateway.said());
  };
  assert.equal(await warned("75"), false);
  assert.equal(await warned("76"), true);
  assert.equal(await warned("50", "-z"), false);
  assert.equal(await warned("51", "-z"), true);
});

test("B19: many addresses inside one IPv6 /64 are one client", () => {
  const limits = limitsOf(100, 2);
  const all = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"].map(client);
  assert.deepEqual(all.slice(0, 2).map(limits.admit), [null, null]);
  assert.match(limits.admit(all[2] as Connection) ?? "", /from your address/);
  const other = client("2001:db8:0:1::1");
  assert.equal(limits.admit(other), null);
  for (const one of all) limits.leave(one);
  assert.equal(limits.admit(all[2] as Connection), null, "counts come back to nothing");
  for (const one of [...all, other]) one.destroy();
});

test("an exempt client has no limit of its own, and takes nothing from its neighbours", () => {
  const limits = limitsOf(5, 1, [parseCidr("2001:db8::5") as Cidr]);
  const exempt = ["2001:db8::5", "2001:db8::5", "2001:db8::5"].map(client);
  assert.deepEqual(exempt.map(limits.admit), [null, null, null]);
  const neighbours = ["2001:db8::6", "2001:db8::7"].map(client);
  assert.deepEqual(neighbours.slice(0, 1).map(limits.admit), [null]);
  for (const one of exempt) limits.leave(one);
  assert.match(limits.admit(neighbours[1] as Connection) ?? "", /from your address/);
  for (const one of [...exempt, ...neighbours]) one.destroy();
});
