/**
 * A throw-away folder per server or client, which the ordinary user owns, gone when its test has ended,
 * or the test file, if that is sooner.
 */

import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { ordinary } from "./programs";

const folders = new Set<string>();
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A new, empty folder. */
export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "pop3.proxy-real-"));
  own(folder);
  folders.add(folder);
  atEnd(t, async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    folders.delete(folder);
  });
  return folder;
}

/** Writes a file of the ordinary user's, in a folder that is made when it is missing. */
export function put(file: string, content: string | Buffer): void {
  folder(dirname(file));
  writeFileSync(file, content, { mode: 0o600 });
  own(file);
}

/** Makes a folder of the ordinary user's, and those above it. */
export function folder(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made)) own(made);
}

function own(path: string): void {
  if (ordinary.uid !== undefined) chownSync(path, ordinary.uid, ordinary.gid);
}
