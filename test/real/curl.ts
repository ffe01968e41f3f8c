/** curl, which retrieves a whole maildrop in one session. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Outcome, program, run } from "./programs";
import { folder, scratch } from "./scratch";

/** Runs it with these options, and no others that matter. */
export function curl(...options: string[]): Promise<Outcome> {
  return run(program("curl"), ["--silent", "--show-error", "--max-time", "300", ...options]);
}

/** Retrieves so many mails. @param maildrop its URL, with a slash at its end */
export async function curlAll(
  t: TestContext,
  count: number,
  maildrop: string,
  ...options: string[]
): Promise<Buffer[]> {
  const inbox = join(scratch(t), "inbox");
  folder(inbox);
  const outcome = await curl(...options, "--output", join(inbox, "#1"), `${maildrop}[1-${count}]`);
  assert.equal(outcome.stderr, "");
  assert.equal(outcome.code, 0);
  return Array.from({ length: count }, (_, index) => readFileSync(join(inbox, String(index + 1))));
}
