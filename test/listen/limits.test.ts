import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Connection } from "../../src/connection/connection";
import { Limits } from "../../src/listen/limits";
import { startProcess } from "../stage/process";

function client(address: string): Connection {
  const end = { address, port: 1 };
  const one = new Connection(new PassThrough(), "client", end, end);
  one.onLost = () => one.destroy();
  return one;
}

test("R4, R5: counts come back to nothing, also of those that gave way to others of the same address", () => {
  const limits = new Limits(2, 10);
  const all = Array.from({ length: 30 }, () => client("192.0.2.1"));
  for (const one of all) assert.equal(limits.admit(one), null);
  for (const one of all) limits.leave(one);
  for (const one of all) limits.leave(one);
  const again = Array.from({ length: 10 }, () => client("192.0.2.1"));
  const roomy = new Limits(100, 10);
  for (const one of again) assert.equal(roomy.admit(one), null);
  const more = client("192.0.2.1");
  assert.match(roomy.admit(more) ?? "", /from your address/);
  const other = client("192.0.2.2");
  assert.equal(roomy.admit(other), null);
  for (const one of [...all, ...again, more, other]) one.destroy();
});

test("who has logged in keeps its place, the oldest of the others gives way", () => {
  const limits = new Limits(2, 10);
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
  const warned = async (sessions: string) => {
    const gateway = await startProcess(["--max-sessions", sessions, "127.0.0.1:1"], { t, before: "ulimit -n 400" });
    await pause(50);
    return / warning listen reason="400 open files are too few for /.test(gateway.said());
  };
  assert.equal(await warned("75"), false);
  assert.equal(await warned("76"), true);
});
