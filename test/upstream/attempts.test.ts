import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Reports, race } from "../../src/upstream/attempts";
import { portOf } from "../listen/handing";
import { standStill } from "../stage/standstill";
import { until as waitUntil } from "../stage/waiting";

const patient = new AbortController().signal;

/** Attempts that a test decides, one by one. */
class Stage {
  readonly started: string[] = [];
  readonly stopped: string[] = [];
  readonly reports = new Map<string, Reports<string>>();

  /** @param refused these addresses refuse at once, and the others are silent */
  constructor(private readonly refused: readonly string[] = []) {}

  readonly start = (address: string, reports: Reports<string>): (() => void) => {
    this.started.push(address);
    this.reports.set(address, reports);
    if (this.refused.includes(address)) setImmediate(() => reports.failed(new Error("refused")));
    return () => this.stopped.push(address);
  };

  async begun(address: string): Promise<Reports<string>> {
    return waitUntil(() => this.reports.get(address), `an attempt at ${address}`);
  }
}

test("B2: a silent address is overtaken by the next one, which starts though the first one has not failed", async () => {
  const stage = new Stage();
  const raced = race(["a", "b", "c"], stage.start, 60_000, patient);
  assert.deepEqual(stage.started, ["a"]);
  (await stage.begun("b")).won("B");
  assert.deepEqual(await raced, { won: "B", winner: "b", failed: [], overtaken: ["a"] });
  assert.deepEqual([stage.started, stage.stopped], [["a", "b"], ["a"]], "the third one never started");
});

test("B2: after a refusal the next attempt starts at once, and who refused is told", async () => {
  const stage = new Stage(["a", "b"]);
  const raced = race(["a", "b", "c"], stage.start, 60_000, patient);
  // Before the first silent address of this race is overdue, only refusals can have started the third one.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.deepEqual(stage.started, ["a", "b", "c"]);
  (await stage.begun("c")).won("C");
  const { won, failed, overtaken } = await raced;
  assert.deepEqual([won, failed.map(({ address }) => address), overtaken], ["C", ["a", "b"], []]);
});

test("a first address that answers late still wins, and the second one has only been slower", async () => {
  const stage = new Stage();
  const raced = race(["a", "b"], stage.start, 60_000, patient);
  await stage.begun("b");
  stage.reports.get("a")?.won("A");
  assert.deepEqual(await raced, { won: "A", winner: "a", failed: [], overtaken: [] });
  assert.deepEqual(stage.stopped, ["b"]);
});

test("a peer that has answered gets the time once more before the next address is tried", async () => {
  const stage = new Stage();
  const raced = race(["a", "b"], stage.start, 60_000, patient);
  for (let step = 0; step < 5; step++) {
    await pause(100);
    // On a machine that slept for longer than the delay, the second attempt has its right to start.
    if (stage.started.length === 1) stage.reports.get("a")?.answered();
  }
  stage.reports.get("a")?.failed(new Error("bad certificate"));
  (await stage.begun("b")).won("B");
  const { failed } = await raced;
  assert.deepEqual(
    failed.map(({ address, reached }) => [address, reached]),
    [["a", true]],
  );
});

test("at the time limit all that is silent has failed", async () => {
  const stage = new Stage(["b"]);
  const { won, failed, overtaken } = await race(["a", "b", "c"], stage.start, 2000, patient);
  const said = failed.map(({ address, fault }) => `${address}: ${fault.message}`).sort();
  assert.deepEqual([won, said], [null, ["a: connection timed out", "b: refused", "c: connection timed out"]]);
  assert.deepEqual(overtaken, []);
  assert.deepEqual(stage.stopped.sort(), ["a", "b", "c"]);
});

test("who is not wanted any more starts nothing, and stops what runs", async () => {
  const reason = new Error("gone");
  const stage = new Stage();
  await assert.rejects(race(["a"], stage.start, 60_000, AbortSignal.abort(reason)), reason);
  assert.deepEqual(stage.started, []);
  const later = new AbortController();
  const raced = race(["a", "b", "c"], stage.start, 60_000, later.signal);
  await stage.begun("b");
  later.abort(reason);
  await assert.rejects(raced, reason);
  assert.deepEqual(stage.stopped, ["a", "b"]);
  stage.reports.get("a")?.won("too late");
  await pause(300);
  assert.deepEqual(stage.started, ["a", "b"]);
});

test("what an attempt reports that was stopped has no effect", async () => {
  const stage = new Stage();
  const raced = race(["a", "b", "c"], stage.start, 60_000, patient);
  (await stage.begun("b")).won("B");
  await raced;
  stage.reports.get("a")?.answered();
  stage.reports.get("a")?.failed(new Error("too late"));
  await pause(300);
  assert.deepEqual(stage.started, ["a", "b"]);
});

test("what is wrong with every attempt rejects the race, also when it shows at a later one", async () => {
  const fault = new Error("no TLS");
  const stage = new Stage();
  const start = (address: string, reports: Reports<string>) => {
    if (address === "b") throw fault;
    return stage.start(address, reports);
  };
  await assert.rejects(race(["b"], start, 60_000, patient), fault);
  await assert.rejects(race(["a", "b"], start, 60_000, patient), fault);
  assert.deepEqual(stage.stopped, ["a"]);
});

test("an address that answered while the process stood still wins, and no other one is tried", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const started: string[] = [];
  const start = (address: string, { won, failed }: Reports<string>) => {
    started.push(address);
    const socket = connect({ port: portOf(server), host: "127.0.0.1" });
    socket.once("connect", () => won(address)).on("error", failed);
    return () => {};
  };
  // Behind the immediates come the timers, before the sockets.
  await new Promise(setImmediate);
  const raced = race(["a", "b"], start, 400, patient);
  // The attempt begins at the end of this turn.
  process.nextTick(standStill, 600);
  assert.deepEqual(await raced, { won: "a", winner: "a", failed: [], overtaken: [] });
  assert.deepEqual(started, ["a"]);
});
