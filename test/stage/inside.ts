/** A gateway inside the test's process that is set up by a command line: as quick as the one that is set up by hand. */

import type { TestContext } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import { BRISK, startWith, type TestGateway } from "./gateway";

/** Starts it in debug mode, gone with its test. @param argv options, and the server */
export async function startInside(t: TestContext, argv: readonly string[]): Promise<TestGateway> {
  const request = parseCommandLine(["-d", "-DD", "127.0.0.1:0", ...argv], () => "");
  if (request.kind !== "run") throw new Error(`nothing that could be started: ${argv.join(" ")}`);
  const { service, process: own, log } = request.settings;
  const limits = { ...service.limits, ...BRISK };
  return startWith({ service: { ...service, limits }, process: { ...own, drain: 0 }, log }, { t });
}
