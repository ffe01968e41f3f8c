/** --check inside the test's process, which keeps its rights. */

import assert from "node:assert/strict";
import { check } from "../../src/app/check";
import { parseCommandLine } from "../../src/config/commandline";

/** Checks a command line. @returns whether no fault was found, and what is told, line by line */
export async function checkInside(...argv: string[]): Promise<{ sound: boolean; said: string }> {
  const request = parseCommandLine(["--check", "-u", "root", ...argv], () => "");
  if (request.kind !== "check") assert.fail(argv.join(" "));
  const { lines, status } = await check(request);
  return { sound: status === 0, said: lines.map((line) => `${line}\n`).join("") };
}
