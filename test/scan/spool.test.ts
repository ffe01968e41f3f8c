import assert from "node:assert/strict";
import { fstatSync, readdirSync, readlinkSync } from "node:fs";
import promises from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Spool } from "../../src/scan/spool";
import { scratch } from "../stage/acp";

/** The descriptors of this process that are files of a folder. */
function openIn(folder: string): number[] {
  const target = (fd: string) => {
    try {
      return readlinkSync(join("/proc/self/fd", fd));
    } catch {
      return "";
    }
  };
  return readdirSync("/proc/self/fd").flatMap((fd) => (target(fd).startsWith(folder) ? [Number(fd)] : []));
}

test("G4: the file has no name, and nobody else can read it", async (t) => {
  const folder = scratch(t);
  const spool = new Spool(folder);
  await spool.open();
  assert.deepEqual(readdirSync(folder), []);
  const [fd = -1] = openIn(folder);
  const { mode, nlink } = fstatSync(fd);
  assert.deepEqual([mode & 0o777, nlink], [0o600, 0]);
  await spool.close();
  assert.deepEqual(openIn(folder), []);
});

test("what was sent is what is read, whole and in parts", async (t) => {
  const spool = new Spool(scratch(t));
  await spool.open();
  const pieces = ["+OK\r\n", "\xff\0", "x".repeat(200_000), "end"];
  for (const piece of pieces) spool.send(piece === "end" ? Buffer.from(piece) : piece);
  assert.equal(spool.empty, false);
  await spool.emptied();
  assert.equal(spool.empty, true);
  const all = Buffer.from(pieces.join(""), "latin1");
  assert.equal(spool.size, all.length);
  assert.ok((await spool.part(0, spool.size)).equals(all));
  assert.ok((await spool.part(5, 7)).equals(all.subarray(5, 7)));
  assert.ok((await spool.part(100_000, 1e9)).equals(all.subarray(100_000)));
  await spool.close();
});

test("G4: a disk that fills up gets the space back at once", async (t) => {
  const folder = scratch(t);
  const spool = new Spool(folder);
  await spool.open();
  spool.send("x".repeat(9_000_000));
  await spool.emptied();
  const [fd = -1] = openIn(folder);
  assert.equal(fstatSync(fd).size, 9_000_000);
  t.mock.method(promises, "statfs", async () => ({ bavail: 0, bsize: 4096 }));
  spool.send("x");
  await spool.emptied();
  assert.equal((spool.fault as NodeJS.ErrnoException | null)?.code, "ENOSPC");
  assert.equal(fstatSync(fd).size, 0);
  await spool.close();
});

test("G4: a mail has no more of the disk than what is left for others", async (t) => {
  const MIB = 1024 * 1024;
  const folder = scratch(t);
  const spools = [new Spool(folder), new Spool(folder), new Spool(folder)];
  let taken = 0;
  t.mock.method(promises, "statfs", async () => ({ bavail: (100 * MIB - taken) / 4096, bsize: 4096 }));
  const [hostile, second, small] = spools as [Spool, Spool, Spool];
  for (const spool of spools) await spool.open();
  for (const spool of [hostile, second]) {
    while (!spool.fault) {
      spool.send(Buffer.alloc(8 * MIB, "x"));
      await spool.emptied();
      taken += 8 * MIB;
    }
    // As if it were given back later than it is.
    taken -= 8 * MIB;
  }
  assert.deepEqual([hostile.size, second.size], [64 * MIB, 32 * MIB]);
  small.send("x".repeat(1000));
  await small.emptied();
  assert.equal(small.fault, null);
  for (const spool of spools) await spool.close();
});

test("G4: a disk without space, or without the folder, keeps nothing and takes all", async (t) => {
  const folder = scratch(t);
  for (const spool of [new Spool(folder, Number.MAX_SAFE_INTEGER), new Spool(join(folder, "none"))]) {
    await spool.open();
    spool.send("x".repeat(100));
    await spool.emptied();
    assert.match(String((spool.fault as NodeJS.ErrnoException).code), /^(?:ENOSPC|ENOENT)$/);
    spool.send("y".repeat(100));
    assert.equal(spool.empty, true);
    assert.equal(spool.size, 200);
    await spool.close();
  }
  assert.deepEqual(openIn(folder), []);
});
