/** A gateway as a process of its own that a configuration file sets up, and SIGHUP. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { scratch } from "./acp";
import { type GatewayProcess, launch, listening, MAIN } from "./process";

/** A configuration file, and the folder that it is in. */
export interface ConfigFile {
  readonly folder: string;
  readonly file: string;
  /** Replaces its content. */
  write(text: string): void;
}

/** A configuration file that goes with the test. The gateway stays root, where root runs the test. */
export function configFile(t: TestContext, text: string): ConfigFile {
  const folder = scratch(t);
  const file = join(folder, "gateway.toml");
  const write = (content: string) => writeFileSync(file, `user = "root"\n${content}`);
  write(text);
  return { folder, file, write };
}

/** Starts a gateway that logs to stderr. @param count how many listeners it has */
export function startFrom(
  t: TestContext,
  file: string,
  count: number,
  mode: "-d" | "--foreground" = "-d",
): Promise<GatewayProcess> {
  const launched = launch(t, process.execPath, [MAIN, mode, "-f", file], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return listening(launched, count, { t });
}

/** Sends a SIGHUP. @returns what is logged up to the line that says what came of it, and that line */
export async function hangUp(gateway: GatewayProcess): Promise<string> {
  const before = gateway.said().length;
  process.kill(gateway.pid, "SIGHUP");
  await gateway.saying(/ (?:notice|err) reload.*\n/, before);
  return gateway.said().slice(before);
}
