import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { test } from "node:test";
import { Failure } from "../../src/protocol/failure";
import { Lookups, systemResolve } from "../../src/upstream/lookup";

const never = new AbortController().signal;

// A test has many lookups with one signal; a session has one.
setMaxListeners(0, never);

/** Lookups that a test answers, and those that were begun. */
class Stage {
  readonly begun: string[] = [];
  readonly #open = new Map<string, (found: string[]) => void>();
  readonly lookups = new Lookups((host) => {
    this.begun.push(host);
    return new Promise((resolve) => this.#open.set(host, resolve));
  });

  chosen(host: string, client: string, { timeout = 30_000, until = never } = {}): Promise<readonly string[]> {
    return this.lookups.addresses({ host, client, chosen: true }, timeout, until);
  }

  fixed(host: string, client: string, until = never): Promise<readonly string[]> {
    return this.lookups.addresses({ host, client, chosen: false }, 30_000, until);
  }

  /** Answers a lookup; what waits may begin then. */
  async answer(host: string): Promise<void> {
    this.#open.get(host)?.([host]);
    await new Promise(setImmediate);
  }
}

test("a client has two lookups at a time, another client is not held up", async () => {
  const stage = new Stage();
  const found = ["a", "b", "c"].map((host) => stage.chosen(host, "192.0.2.1"));
  const other = stage.chosen("d", "192.0.2.2");
  assert.deepEqual(stage.begun, ["a", "b", "d"]);
  await stage.answer("d");
  assert.deepEqual(await other, ["d"]);
  assert.deepEqual(stage.begun, ["a", "b", "d"]);
  await stage.answer("a");
  assert.deepEqual(await found[0], ["a"]);
  assert.deepEqual(stage.begun, ["a", "b", "d", "c"]);
  for (const host of ["b", "c"]) await stage.answer(host);
  assert.deepEqual(await Promise.all(found), [["a"], ["b"], ["c"]]);
});

test("B23: chosen names have 24 lookups in all; a name of the administrator waits for none of them", async () => {
  const stage = new Stage();
  const all = Array.from({ length: 40 }, (_, index) => stage.chosen(`dead${index}`, `192.0.2.${index}`));
  assert.equal(stage.begun.length, 24);
  assert.equal(stage.lookups.waiting, 16);
  const fixed = [
    stage.fixed("mail", "192.0.2.1"),
    stage.fixed("mail", "192.0.2.99"),
    stage.fixed("other", "192.0.2.1"),
  ];
  assert.deepEqual(stage.begun.slice(24), ["mail", "other"], "sessions that want one name share its lookup");
  await stage.answer("mail");
  await stage.answer("other");
  assert.deepEqual(await Promise.all(fixed), [["mail"], ["mail"], ["other"]]);
  const again = stage.fixed("mail", "192.0.2.1");
  assert.equal(stage.begun.length, 27, "an answer is not kept");
  await stage.answer("mail");
  assert.deepEqual(await again, ["mail"]);
  for (let index = 0; index < 40; index++) await stage.answer(`dead${index}`);
  assert.equal((await Promise.all(all)).length, 40);
  assert.equal(stage.lookups.waiting, 0);
});

test("B23: who hangs up leaves the queue, but a lookup that runs holds its place until it ends", async () => {
  const stage = new Stage();
  const gone = new AbortController();
  setMaxListeners(0, gone.signal);
  const reason = new Failure("client", "closed", "gone");
  const crowd = Array.from({ length: 800 }, (_, index) => {
    return stage.chosen(`dead${index}`, `2001:db8::${index.toString(16)}`, { until: gone.signal });
  });
  assert.deepEqual([stage.begun.length, stage.lookups.waiting], [2, 798]);
  gone.abort(reason);
  for (const one of await Promise.allSettled(crowd)) assert.equal(one.status === "rejected" && one.reason, reason);
  assert.equal(stage.lookups.waiting, 0);
  const next = stage.chosen("mail", "2001:db8::ffff");
  assert.equal(stage.lookups.waiting, 1);
  await stage.answer("dead0");
  assert.deepEqual(stage.begun, ["dead0", "dead1", "mail"]);
  await stage.answer("mail");
  assert.deepEqual(await next, ["mail"]);
  await assert.rejects(stage.chosen("late", "192.0.2.1", { until: AbortSignal.abort(reason) }), reason);
  assert.ok(!stage.begun.includes("late"));
});

test("who gives a lookup up gets the reason, whatever it is", async () => {
  const stage = new Stage();
  const reason = new Error("not needed any more");
  await assert.rejects(stage.fixed("early.example", "192.0.2.1", AbortSignal.abort(reason)), reason);
  const later = new AbortController();
  const wanted = stage.fixed("slow.example", "192.0.2.1", later.signal);
  later.abort(reason);
  await assert.rejects(wanted, reason);
});

test("a lookup is given up in time, and so is the wait for one", async () => {
  const stage = new Stage();
  const all = ["a", "b", "c"].map((host) => stage.chosen(host, "192.0.2.1", { timeout: 50 }));
  const reasons = (await Promise.allSettled(all)).map((one) => {
    assert.ok(one.status === "rejected" && one.reason instanceof Failure);
    assert.match(one.reason.reply ?? "", /^-ERR \[SYS\/TEMP\]/);
    return one.reason.message;
  });
  const late = "no answer in time";
  assert.deepEqual(reasons, [`a not found: ${late}`, `b not found: ${late}`, "c not found: too many lookups at once"]);
  assert.deepEqual([stage.begun, stage.lookups.waiting], [["a", "b"], 0]);
});

test("the system's lookup knows /etc/hosts, and tells of a name that is not there", async () => {
  assert.ok((await systemResolve("localhost")).some((address) => address === "127.0.0.1" || address === "::1"));
  const lookups = new Lookups(systemResolve);
  for (const chosen of [true, false]) {
    const wanted = { host: "nothing.invalid", client: "192.0.2.1", chosen };
    await assert.rejects(lookups.addresses(wanted, 30_000, never), /nothing\.invalid not found/);
  }
});
