/** Files that are written as a whole. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeWhole } from "../../src/process/wholefile";
import { scratch } from "../real/scratch";

test("a file has its name when it is complete, and on the disk if it is to last", async (t) => {
  const folder = scratch(t);
  const some = await open(folder, "r");
  const { sync } = Object.getPrototypeOf(some) as FileHandle;
  await some.close();
  const seen: string[][] = [];
  t.mock.method(Object.getPrototypeOf(some), "sync", function (this: FileHandle) {
    seen.push(readdirSync(folder));
    return sync.call(this);
  });
  await writeWhole(join(folder, "short"), [Buffer.from("a"), Buffer.from("b")], 0o600);
  assert.equal(seen.length, 0);
  await writeWhole(join(folder, "long"), [Buffer.from("c")], 0o600, true);
  assert.equal(seen.length, 2, "the file, and its name in the folder");
  assert.ok(!seen[0]?.includes("long") && seen[1]?.includes("long"), JSON.stringify(seen));
  assert.deepEqual(readdirSync(folder).sort(), ["long", "short"]);
  assert.equal(readFileSync(join(folder, "short"), "latin1"), "ab");
});

test("content that fails leaves the old file, and nothing besides", async (t) => {
  const folder = scratch(t);
  const path = join(folder, "file");
  await writeWhole(path, [Buffer.from("old")], 0o600);
  async function* failing() {
    yield Buffer.from("new");
    throw new Error("no more");
  }
  await assert.rejects(writeWhole(path, failing(), 0o600), /^Error: no more$/);
  assert.deepEqual(readdirSync(folder), ["file"]);
  assert.equal(readFileSync(path, "latin1"), "old");
});
