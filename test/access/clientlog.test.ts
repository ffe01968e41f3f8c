import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { recordClient } from "../../src/access/clientlog";

async function inFolder(play: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "pop3.proxy-"));
  try {
    await play(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("G3: one line, mode 0644 whatever the umask, nothing else left in the folder", () =>
  inFolder(async (folder) => {
    const before = process.umask(0o077);
    try {
      await recordClient(folder, "192.0.2.1", "joe", "mail.example.org");
    } finally {
      process.umask(before);
    }
    const text = await readFile(join(folder, "192.0.2.1"), "latin1");
    assert.match(text, /^[0-9]{10} 192\.0\.2\.1 joe mail\.example\.org\n$/);
    assert.ok(Math.abs(Number(text.split(" ")[0]) - Date.now() / 1000) < 30);
    assert.equal((await stat(join(folder, "192.0.2.1"))).mode & 0o777, 0o644);
    assert.deepEqual(await readdir(folder), ["192.0.2.1"]);
  }));

test("I14: blanks and control octets of a name are encoded, so that the line stays one line of four words", () =>
  inFolder(async (folder) => {
    await recordClient(folder, "2001:db8::1", "a b\r\nc\x7f\xc3\xa4/../x", "mail:1110");
    const text = await readFile(join(folder, "2001:db8::1"), "latin1");
    assert.match(text, /^\d+ 2001:db8::1 a%20b%0d%0ac%7f\xc3\xa4\/\.\.\/x mail:1110\n$/);
  }));

test("G3: a symbolic link is replaced, not followed", () =>
  inFolder(async (folder) => {
    const victim = join(folder, "victim");
    await writeFile(victim, "precious");
    await symlink(victim, join(folder, "192.0.2.1"));
    await recordClient(folder, "192.0.2.1", "joe", "mail");
    assert.equal(await readFile(victim, "latin1"), "precious");
    assert.match(await readFile(join(folder, "192.0.2.1"), "latin1"), / joe mail\n$/);
  }));

test("G3: concurrent logins leave one whole line; a failure leaves what was there", () =>
  inFolder(async (folder) => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => recordClient(folder, "192.0.2.1", `user${i}`, "mail")));
    assert.match(await readFile(join(folder, "192.0.2.1"), "latin1"), /^\d+ 192\.0\.2\.1 user\d+ mail\n$/);
    assert.deepEqual(await readdir(folder), ["192.0.2.1"]);
    await assert.rejects(recordClient(join(folder, "none"), "192.0.2.1", "joe", "mail"), /ENOENT/);
  }));

test("G3: what a process that was killed has left does not hinder one with its process id", () =>
  inFolder(async (folder) => {
    const left = Array.from({ length: 100 }, (_, count) => `.192.0.2.1.${process.pid}.${count}`);
    for (const name of left) await writeFile(join(folder, name), "");
    await recordClient(folder, "192.0.2.1", "joe", "mail");
    assert.deepEqual((await readdir(folder)).sort(), [...left, "192.0.2.1"].sort());
  }));
