import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Throttle } from "../../src/access/throttle";
import type { Attempt } from "../../src/session/needs";

const LIMITS = { refusal: 2000, refusalMost: 15_000, turn: 75_000 };
const HERE = "192.0.2.1";

/** A throttle whose clock and timers stand still until `pass`. */
function stopped(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let at = 0;
  const throttle = new Throttle(() => at);
  const never = new AbortController().signal;

  /** An attempt, and what has come of it so far. */
  const attempt = async (user: string, address = HERE, until = never) => {
    const one = { state: "waits" as "waits" | "goes" | "refused" | "gone", attempt: null as Attempt | null };
    throttle.attempt({ address, user }, LIMITS, until).then(
      (got) => Object.assign(one, { state: got ? "goes" : "refused", attempt: got }),
      () => Object.assign(one, { state: "gone" }),
    );
    await settled();
    return one;
  };
  /** The delay of an attempt that goes on at once and is refused. */
  const refused = async (user: string, address = HERE) => {
    const one = await attempt(user, address);
    assert.equal(one.state, "goes", `${user} from ${address}`);
    return (one.attempt as Attempt).refused();
  };
  const pass = async (milliseconds: number) => {
    at += milliseconds;
    t.mock.timers.tick(milliseconds);
    await settled();
  };
  return { attempt, refused, pass };
}

/** Lets all promises settle. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("L10: delays double up to the limit, are forgotten after success and after ten minutes", async (t) => {
  const { attempt, refused, pass } = stopped(t);
  const delays: number[] = [];
  for (let i = 0; i < 6; i++) {
    delays.push(await refused("joe"));
    await pass(delays.at(-1) as number);
  }
  assert.deepEqual(delays, [2000, 4000, 8000, 15_000, 15_000, 15_000]);
  (await attempt("joe")).attempt?.succeeded();
  assert.equal(await refused("joe"), 2000);
  await pass(9 * 60_000);
  assert.equal(await refused("joe"), 4000);
  await pass(10 * 60_000);
  assert.equal(await refused("joe"), 2000);
});

test("L10: an IPv6 client is its /64", async (t) => {
  const { refused, attempt } = stopped(t);
  await refused("joe", "2001:db8:1:2::5");
  assert.equal((await attempt("joe", "2001:db8:1:2:aaaa:bbbb:cccc:dddd")).state, "waits");
  assert.equal(await refused("joe", "2001:db8:1:3::5"), 2000);
});

test("L10: a flood of addresses does not grow the memory without bound", async (t) => {
  const { refused } = stopped(t);
  await refused("joe", "203.0.113.1");
  for (let i = 0; i < 10_000; i++) await refused("joe", `10.0.${i >> 8}.${i & 255}`);
  assert.equal(await refused("joe", "203.0.113.1"), 2000, "the oldest was forgotten");
});

test("L10: a refusal that is kept does not keep the line with the name", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const throttle = new Throttle(() => 0);
  const never = new AbortController().signal;
  const before = heap();
  const count = 10_000;
  for (let i = 0; i < count; i++) {
    const line = Buffer.from(`USER ${i}${"x".repeat(2000)}`).toString("latin1");
    const attempt = await throttle.attempt(
      { address: `192.0.${i >> 8}.${i & 255}`, user: line.slice(5) },
      LIMITS,
      never,
    );
    attempt?.refused();
  }
  const each = (heap() - before) / count;
  assert.ok(each < 1500, `${each} octets each`);
});

test("B24: an attempt before the delay is over waits for it, and one behind it does not wait again", async (t) => {
  const { refused, attempt, pass } = stopped(t);
  await refused("joe");
  const early = await attempt("joe");
  await pass(1999);
  assert.equal(early.state, "waits");
  await pass(1);
  assert.equal(early.state, "goes");
  assert.equal(early.attempt?.refused(), 4000);
  await pass(4000);
  assert.equal(await refused("joe"), 8000, "no wait for a client that has waited");
});

test("B24: other names of the client and other clients wait for nothing", async (t) => {
  const { refused, attempt } = stopped(t);
  await refused("joe");
  assert.equal((await attempt("joe")).state, "waits");
  assert.equal((await attempt("jane")).state, "goes");
  assert.equal((await attempt("joe", "192.0.2.2")).state, "goes");
});

test("B24: two attempts of a pair at once, four that wait, and no more", async (t) => {
  const { attempt, pass } = stopped(t);
  const all: Awaited<ReturnType<typeof attempt>>[] = [];
  for (let i = 0; i < 20; i++) all.push(await attempt("joe"));
  const states = () => all.map(({ state }) => state).join(" ");
  assert.equal(states(), ["goes goes waits waits waits waits", ...Array(14).fill("refused")].join(" "));
  all[0]?.attempt?.over(false);
  await settled();
  assert.equal(all[2]?.state, "goes", "no refusal, no delay");
  assert.equal(all[1]?.attempt?.refused(), 2000);
  assert.equal(all[2]?.attempt?.refused(), 4000);
  for (const [index, delay] of [4000, 8000, 15_000].entries()) {
    await pass(delay - 1);
    assert.equal(all[index + 3]?.state, "waits");
    await pass(1);
    assert.equal(all[index + 3]?.state, "goes");
    assert.equal(all[index + 4]?.state ?? "waits", index === 2 ? "refused" : "waits", "one at a time");
    all[index + 3]?.attempt?.refused();
  }
});

test("B24: a right password lets those go on that wait for the same pair", async (t) => {
  const { attempt, refused, pass } = stopped(t);
  await refused("joe");
  const all = [await attempt("joe"), await attempt("joe"), await attempt("joe"), await attempt("joe")];
  await pass(2000);
  all[0]?.attempt?.succeeded();
  await settled();
  assert.deepEqual(
    all.map(({ state }) => state),
    ["goes", "goes", "goes", "waits"],
  );
});

test("B24: a client with refusals for more than five names is delayed as a whole", async (t) => {
  const { attempt, refused, pass } = stopped(t);
  for (const user of ["a", "b", "c", "d", "e"]) await refused(user);
  const other = await attempt("owned");
  assert.equal(other.state, "goes", "five names are not too many");
  await refused("f");
  const early = await attempt("g");
  assert.equal(early.state, "waits");
  assert.equal((await attempt("a", "192.0.2.2")).state, "goes", "another client");
  other.attempt?.succeeded();
  await pass(1999);
  assert.equal(early.state, "waits", "a success under another name does not end it");
  const late = await attempt("h");
  await pass(1);
  assert.deepEqual([early.state, late.state], ["goes", "waits"], "one at a time");
  early.attempt?.refused();
  await pass(2000);
  assert.equal(late.state, "goes");
  late.attempt?.succeeded();
  await settled();
  await refused("a");
  const all = [];
  for (let i = 0; i < 5; i++) all.push(await attempt(`user${i}`));
  assert.equal(all.map(({ state }) => state).join(), "waits,waits,waits,waits,refused");
  await pass(4000);
  assert.equal(all[0]?.state, "goes", "as long as that of the last refusal");
  all[0]?.attempt?.over(false);
  await settled();
  assert.equal(all[1]?.state, "goes");
  all[1]?.attempt?.over(false);
  all[2]?.attempt?.over(false);
  await pass(10 * 60_000);
  assert.equal((await attempt("x")).state, "goes");
  assert.equal((await attempt("y")).state, "goes", "ten minutes later it is forgotten");
});

test("B24: clients without a network are never delayed as a whole", async (t) => {
  const { attempt, refused } = stopped(t);
  for (const user of ["a", "b", "c", "d", "e", "f"]) await refused(user, "");
  assert.equal((await attempt("g", "")).state, "goes");
});

test("B24: a client that leaves while a decision is due is refused; before it, nothing counts", async (t) => {
  const { attempt, pass } = stopped(t);
  const early = (await attempt("joe")).attempt as Attempt;
  early.over(true);
  early.over(true);
  const patient = (await attempt("joe")).attempt as Attempt;
  patient.judging = true;
  patient.over(false);
  const guess = (await attempt("joe")).attempt as Attempt;
  guess.judging = true;
  guess.over(true);
  const next = await attempt("joe");
  assert.equal(next.state, "waits");
  await pass(2000);
  assert.equal(next.state, "goes");
});

test("B24: a wait ends with its session, and when it takes too long", async (t) => {
  const { attempt, pass } = stopped(t);
  const [hanging] = [await attempt("joe"), await attempt("joe")];
  const session = new AbortController();
  const leaving = await attempt("joe", HERE, session.signal);
  const late = await attempt("joe");
  session.abort(new Error("left"));
  await settled();
  assert.equal(leaving.state, "gone");
  assert.equal((await attempt("joe", HERE, session.signal)).state, "gone");
  await pass(LIMITS.turn - 1);
  assert.equal(late.state, "waits");
  await pass(1);
  assert.equal(late.state, "refused");
  hanging?.attempt?.over(false);
  assert.equal((await attempt("joe")).state, "goes");
});
