/** Closing what was opened. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { undoAll } from "../../src/app/undo";

test("all is closed in the opposite order, also behind a step that fails", async () => {
  const done: string[] = [];
  const step = (name: string) => async () => void done.push(name);
  const failing = (name: string) => () => {
    throw new Error(name);
  };
  await assert.rejects(
    undoAll([step("log"), failing("second"), step("memory"), failing("pidfile")]),
    /^Error: pidfile$/,
  );
  assert.deepEqual(done, ["memory", "log"]);
});
