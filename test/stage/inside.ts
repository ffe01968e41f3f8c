/** A gateway inside the test's process that is set up by a command line: as quick as the one that is set up by hand. */

import type { TestContext } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import { defaults } from "../../src/config/settings";
import { startGateway, type TestGateway } from "./gateway";

/** Starts it in debug mode, gone with its test. @param argv options, and the server */
export async function startInside(t: TestContext, argv: readonly string[]): Promise<TestGateway> {
  const request = parseCommandLine(["-d", "-D", ...argv], () => "");
  if (!("config" in request)) throw new Error(`nothing that could be started: ${argv.join(" ")}`);
  const { listen: _, ...config } = request.config;
  // What was not asked for is as the tests want it.
  const asked = Object.entries(config).filter(([key, value]) => value !== defaults[key as keyof typeof defaults]);
  return startGateway(0, Object.fromEntries(asked), { t });
}
