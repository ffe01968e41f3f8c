/** A gateway inside the test's process that is set up by a command line: as quick as the one that is set up by hand. */

import type { TestContext } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import type { Service, Settings } from "../../src/config/settings";
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
  return startWith(brisk(request.settings), { t });
}

/** Settings with limits that are quick enough for tests. */
export function brisk({ services: [first, ...others], process: own, log }: Settings): Settings {
  const quick = (service: Service) => ({ ...service, limits: { ...service.limits, ...BRISK } });
  return { services: [quick(first), ...others.map(quick)], process: { ...own, drain: 0 }, log };
}
