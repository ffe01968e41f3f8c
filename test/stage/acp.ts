/**
 * Access control programs for tests: shell scripts in a folder that goes with the test.
 */

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A folder of the test's own. */
export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "pop3.proxy-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A program made of these shell lines, as an acp's argv; anybody may run it. */
export function script(t: TestContext, ...lines: string[]): [string] {
  const folder = scratch(t);
  chmodSync(folder, 0o755);
  const path = join(folder, "acp");
  writeFileSync(path, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  return [path];
}

/** Whether a process lives: a zombie, which waits for somebody to ask how it ended, does not. */
export function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}
