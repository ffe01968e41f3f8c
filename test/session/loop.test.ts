import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Connection } from "../../src/connection/connection";
import { Loop, type LoopStep } from "../../src/session/loop";

const END = { address: "", port: 0 };

/** A loop whose steps are those of a list. */
class Listed extends Loop {
  readonly failures: unknown[] = [];

  constructor(
    to: Connection,
    readonly steps: (() => LoopStep)[],
  ) {
    super(to);
  }

  protected override step(): LoopStep {
    return this.steps.shift()?.() ?? false;
  }

  protected override failed(thrown: unknown): void {
    this.failures.push(thrown);
  }
}

function stage(...steps: (() => LoopStep)[]): { loop: Listed; to: Connection; chunks: string[] } {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.write = ((octets: string) => chunks.push(octets) > 0) as typeof stream.write;
  const to = new Connection(stream, "client", END, END);
  return { loop: new Listed(to, steps), to, chunks };
}

const turn = () => new Promise(setImmediate);

test("what the steps of one run write leaves in one piece", () => {
  const { loop, to, chunks } = stage(
    () => to.say("+OK 1") ?? true,
    () => to.say("+OK 2") ?? true,
    () => false,
    () => assert.fail("nothing is to be done"),
  );
  loop.run();
  assert.deepEqual(chunks, ["+OK 1\r\n+OK 2\r\n"]);
});

test("a run from within a step goes on behind it; a promise is waited for, and what comes meanwhile is not lost", async () => {
  const done: string[] = [];
  let resolve = () => {};
  const slow = new Promise<void>((ready) => {
    resolve = ready;
  });
  const { loop } = stage(
    () => {
      loop.run();
      done.push("outer");
      return false;
    },
    () => done.push("again") > 0 && slow,
    () => done.push("behind") < 0,
  );
  loop.run();
  loop.run();
  assert.deepEqual(done, ["outer", "again"]);
  resolve();
  await turn();
  assert.deepEqual(done, ["outer", "again", "behind"]);
});

test("what a step throws, or its promise rejects with, is a failure of the loop", async () => {
  const { loop } = stage(
    () => {
      throw new Error("thrown");
    },
    () => Promise.reject(new Error("rejected")),
  );
  loop.run();
  loop.run();
  await turn();
  assert.deepEqual(loop.failures.map(String), ["Error: thrown", "Error: rejected"]);
});
