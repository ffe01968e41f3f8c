/** A gateway inside the test's process that is set up by a command line: as quick as the one that is set up by hand. */

import type { TestContext } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import { BRISK, startWith, type TestGateway } from "./gateway";
import type { Listener } from "./process";

/**
 * Starts it in debug mode on free ports of 127.0.0.1, gone with its test.
 *
 * @param argv options, and the server
 * @throws Error as the process would tell it, in one line
 */
export async function startInside(
  t: TestContext,
  argv: readonly string[],
  listeners: readonly Listener[] = [""],
): Promise<TestGateway> {
  const listen = listeners.flatMap((listener) => ["--listen", `127.0.0.1:0${listener}`]);
  const request = parseCommandLine(["-d", ...listen, ...argv], () => "");
  if (request.kind !== "run") throw new Error(`nothing that could be started: ${argv.join(" ")}`);
  const { service, process: own, log } = request.settings;
  const limits = { ...service.limits, ...BRISK };
  return startWith({ service: { ...service, limits }, process: { ...own, drain: 0 }, log }, { t });
}
