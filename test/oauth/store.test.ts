/** The store: files that are whole or not there, with odd names, a full disk, and what a killed process leaves. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AccountRecord, newKey, seal, unseal } from "../../src/oauth/record";
import { accountName, Store } from "../../src/oauth/store";
import { scratch } from "../real/scratch";
import { atEnd } from "../stage/ending";

const key = newKey("secret");

async function record(account: string): Promise<AccountRecord> {
  const state = { account: accountName(account), provider: "fake", authorized: "2026-01-01T00:00:00.000Z" };
  return seal(state, await key, { refresh: `token of ${account}` });
}

async function put(store: Store, account: string): Promise<void> {
  await (await store.reserve(account)).commit(await record(account));
}

test("accounts with odd names have files of their own, which only their owner can read", async (t) => {
  const store = new Store(scratch(t));
  const names = ["joe@example.org", "../../etc/passwd", "a/b", "x".repeat(500), "\xff\xfe", "", ".", "joe:x\n"];
  for (const name of names) await put(store, name);
  for (const name of names) {
    const found = await store.read(name);
    assert.deepEqual(found && unseal(found, await key), { refresh: `token of ${name}` });
  }
  assert.equal(readdirSync(store.folder).length, names.length);
  for (const file of readdirSync(store.folder)) assert.equal(statSync(join(store.folder, file)).mode & 0o777, 0o600);
  assert.equal((await store.list()).length, names.length);
  assert.equal(await store.read("jim@example.org"), null);
});

test("the case of ASCII letters does not count, that of others does", async (t) => {
  const store = new Store(scratch(t));
  await put(store, "Joe@EXAMPLE.org");
  assert.equal((await store.read("jOE@example.ORG"))?.account, "joe@example.org");
  await put(store, "jos\xe9@example.org");
  assert.equal(await store.read("jos\xc9@example.org"), null);
});

test("B29: a file that has the name of another account is refused, and so is a damaged one", async (t) => {
  const store = new Store(scratch(t));
  await put(store, "joe@example.org");
  const [file = ""] = readdirSync(store.folder);
  const other = join(store.folder, `${Store.fileOf("jim@example.org")}.account`);
  copyFileSync(join(store.folder, file), other);
  await assert.rejects(store.read("jim@example.org"), /the file of another account/);
  // Even with the name changed inside, the tokens do not open (record.test.ts).
  const text = readFileSync(other, "utf8").replace('"account":"joe', '"account":"jim');
  writeFileSync(other, text);
  const read = await store.read("jim@example.org");
  assert.equal(unseal(read as AccountRecord, await key), null);
  for (const damaged of ["", text.slice(0, 100), "not JSON"]) {
    writeFileSync(other, damaged);
    await assert.rejects(store.read("jim@example.org"), /damaged: authorize the account again/);
    const told = (await store.list()).find((one) => "fault" in one);
    assert.match(`${told && "fault" in told && told.fault}`, /damaged/);
  }
});

test("B29: what is no file, or too long for one, is told at once", async (t) => {
  const store = new Store(scratch(t));
  await put(store, "joe@example.org");
  const path = join(store.folder, `${Store.fileOf("joe@example.org")}.account`);
  const rows: readonly [RegExp, () => void][] = [
    [/account: it is not a file$/, () => spawnSync("mkfifo", [path])],
    [/account: it is a directory$/, () => mkdirSync(path)],
    [/account: it has more than \d+ octets$/, () => writeFileSync(path, " ".repeat(300_000))],
    [/account: too many symbolic links$/, () => symlinkSync(path, path)],
  ];
  for (const [why, make] of rows) {
    rmSync(path, { recursive: true });
    make();
    // More readers than the process has threads.
    const read = await Promise.allSettled(Array.from({ length: 70 }, () => store.read("joe@example.org")));
    for (const one of read) assert.match(one.status === "rejected" ? one.reason.message : "", why);
    const [told] = await store.list();
    assert.match(told && "fault" in told ? told.fault : "", why);
  }
});

test("until it is committed, the old file is there, and what a killed process has left goes", async (t) => {
  const store = new Store(scratch(t));
  await put(store, "joe@example.org");
  const before = await store.read("joe@example.org");
  const left = await store.reserve("joe@example.org");
  assert.deepEqual(await store.read("joe@example.org"), before);
  assert.equal((await store.list()).length, 1, "a file that is not complete is no account");
  const next = await store.reserve("joe@example.org");
  assert.equal(readdirSync(store.folder).length, 2, "the account, and the space that is reserved");
  await next.cancel();
  assert.equal(readdirSync(store.folder).length, 1);
  await assert.rejects(left.commit(await record("joe@example.org")), /no such file/);
  assert.deepEqual(await store.read("joe@example.org"), before);
});

test("an account is forgotten once", async (t) => {
  const store = new Store(scratch(t));
  await put(store, "joe@example.org");
  await put(store, "jim@example.org");
  assert.equal(await store.forget("JOE@example.org"), true);
  assert.equal(await store.forget("joe@example.org"), false);
  assert.equal(await store.read("joe@example.org"), null);
  assert.ok(await store.read("jim@example.org"));
});

test("faults name the folder or the file", async (t) => {
  const store = new Store(join(scratch(t), "gone"));
  await assert.rejects(store.reserve("joe"), /gone: .*no such file/);
  await assert.rejects(store.list(), /gone: there is no such file/);
  assert.equal(await store.read("joe"), null);
});

/** A file system of 64 kB; null: it can't be mounted here. */
function smallDisk(t: TestContext): string | null {
  const folder = join(scratch(t), "disk");
  mkdirSync(folder);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
  if (status !== 0) return null;
  atEnd(t, async () => void spawnSync("umount", [folder]));
  chmodSync(folder, 0o700);
  return folder;
}

test("B29: a full disk is found out before the provider is asked, and what was reserved is enough", async (t) => {
  const folder = smallDisk(t);
  if (folder === null) return t.skip("needs the right to mount a tmpfs");
  const store = new Store(folder);
  await put(store, "joe@example.org");
  const before = await store.read("joe@example.org");
  const reserved = await store.reserve("joe@example.org");
  // Somebody else takes all that is left, octet by octet.
  const fill = (name: string) => spawnSync("sh", ["-c", `cat /dev/zero > '${join(folder, name)}'`]);
  fill("fill");
  const next = { ...(await record("joe@example.org")), renewed: "2026-02-02T00:00:00.000Z" };
  await reserved.commit(next);
  assert.deepEqual(await store.read("joe@example.org"), next);
  fill("more");
  await assert.rejects(store.reserve("joe@example.org"), /the disk is full/);
  assert.deepEqual(await store.read("joe@example.org"), next);
  assert.notDeepEqual(before, next);
});

test("B29: a write that the system cuts short, as when the disk gets full, is gone on with", async (t) => {
  const store = new Store(scratch(t));
  const { FileHandle } = { FileHandle: Object.getPrototypeOf(await open(store.folder)) };
  const write = FileHandle.write as (...given: unknown[]) => Promise<unknown>;
  t.mock.method(FileHandle, "write", function (this: unknown, octets: Buffer, at: number, length: number, to: number) {
    return write.call(this, octets, at, Math.min(length, 1000), to);
  });
  const whole = seal({ account: "joe", provider: "fake", authorized: "" }, await key, { refresh: "x".repeat(5000) });
  const reserved = await store.reserve("joe");
  const [reservation = ""] = readdirSync(store.folder);
  assert.equal(statSync(join(store.folder, reservation)).size, 32 * 1024);
  await reserved.commit(whole);
  assert.deepEqual(await store.read("joe"), whole);
});

test("a store that others can see into, or that is no folder, or another user's, is none", async (t) => {
  const store = new Store(join(scratch(t), "store"));
  mkdirSync(store.folder, { mode: 0o700 });
  assert.equal(store.fault, null);
  chmodSync(store.folder, 0o720);
  assert.match(`${store.fault}`, /others can see into it: chmod 700/);
  const file = join(store.folder, "file");
  writeFileSync(file, "");
  assert.match(`${new Store(file).fault}`, /file: it is not a folder/);
  assert.equal(new Store(join(store.folder, "gone")).exists, false);
  if (process.getuid?.() !== 0) return t.diagnostic("another user's: needs root");
  chownSync(store.folder, 65534, 65534);
  assert.match(`${store.fault}`, /belongs to another user: chown/);
});
