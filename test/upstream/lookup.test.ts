import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Failure } from "../../src/protocol/failure";
import { Lookups, systemResolve } from "../../src/upstream/lookup";

const never = new AbortController().signal;

test("a client has two lookups at a time, another client is not held up", async () => {
  const open: (() => void)[] = [];
  const lookups = new Lookups((host) => new Promise((resolve) => open.push(() => resolve([host]))));
  const found = ["a", "b", "c"].map((host) => lookups.addresses(host, "client", 10_000, never));
  const other = lookups.addresses("d", "other", 10_000, never);
  await pause(5);
  assert.equal(open.length, 3, "two of the one, one of the other");
  open.pop()?.();
  assert.deepEqual(await other, ["d"]);
  open.shift()?.();
  assert.deepEqual(await found[0], ["a"]);
  await pause(5);
  for (const finish of open) finish();
  assert.deepEqual(await Promise.all(found), [["a"], ["b"], ["c"]]);
});

test("a lookup is given up in time, while it holds its place; those that wait behind it give up, too", async () => {
  let calls = 0;
  const lookups = new Lookups(() => new Promise(() => calls++));
  const all = ["a", "b", "c"].map((host) => lookups.addresses(host, "client", 50, never));
  for (const one of await Promise.allSettled(all)) {
    assert.ok(one.status === "rejected" && one.reason instanceof Failure);
    assert.match(one.reason.reply ?? "", /^-ERR \[SYS\/TEMP\]/);
  }
  assert.equal(calls, 2);
});

test("a client that is gone waits for no lookup", async () => {
  const gone = new AbortController();
  const lookups = new Lookups(() => new Promise(() => {}));
  const found = lookups.addresses("a", "client", 10_000, gone.signal);
  const reason = new Failure("client", "closed", "gone");
  gone.abort(reason);
  await assert.rejects(found, reason);
});

test("the system's lookup knows /etc/hosts, and tells of a name that is not there", async () => {
  assert.ok((await systemResolve("localhost")).some((address) => address === "127.0.0.1" || address === "::1"));
  const lookups = new Lookups(systemResolve);
  await assert.rejects(lookups.addresses("nothing.invalid", "client", 10_000, never), /nothing\.invalid not found/);
});
