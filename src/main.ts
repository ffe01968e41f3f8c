#!/usr/bin/env node
/**
 * argv -> Config -> Gateway -> a door. The only file that ends the process.
 * Exit status: 0, 64 (usage), 69 (it can't serve), 70 (a fault of ours), as in sysexits.h.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCommandLine, UsageFault } from "./cli";
import type { Config } from "./config";
import { inBackground, launch, report } from "./door/background";
import { Daemon } from "./door/daemon";
import { House } from "./gateway";
import { stderrLog } from "./log";

// Lookups run in libuv's threads: with the four of its default, four names of a dead zone would stop every login.
process.env.UV_THREADPOOL_SIZE ??= "64";

const USAGE = 64;
const UNAVAILABLE = 69;

main(process.argv.slice(2)).catch((thrown: Error) => {
  const usage = thrown instanceof UsageFault;
  process.stderr.write(`pop3.proxy: ${usage ? thrown.message : thrown.stack}\n`);
  process.exit(usage ? USAGE : 70);
});

async function main(argv: readonly string[]): Promise<void> {
  const request = parseCommandLine(argv, version);
  if ("print" in request) {
    process.stdout.write(request.print);
    return;
  }
  const { config } = request;
  if (config.debug || config.foreground) return serve(config, async (fault) => fault === null || giveUp(fault));
  if (inBackground()) return serve(config, report);
  const fault = await launch(argv);
  if (fault !== null) giveUp(fault);
  process.exit(0);
}

/** Serves until it is told to end. @param told learns when it does, or why it can't */
async function serve(config: Config, told: (fault: string | null) => Promise<unknown>): Promise<void> {
  const log = stderrLog(config.debug);
  const demo = config.demo ? await (require("./demo/demo") as typeof import("./demo/demo.js")).startDemo() : null;
  const house = new House(demo ? { ...config, server: demo.server } : config, log);
  const daemon = new Daemon(house);
  try {
    await daemon.open();
  } catch (thrown) {
    await told((thrown as Error).message);
    process.exit(UNAVAILABLE);
  }
  await told(null);
  if (demo) process.stdout.write(demo.howTo(daemon.ports[0] ?? 0));
  const end = async (signal: string) => {
    log("notice", "end", { signal });
    await daemon.close();
    house.close();
    await demo?.close();
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void end(signal));
}

function giveUp(fault: string): never {
  process.stderr.write(`pop3.proxy: ${fault}\n`);
  process.exit(UNAVAILABLE);
}

function version(): string {
  const [folder = ""] = [join(__dirname, ".."), join(__dirname, "..", "..")].filter((one) =>
    existsSync(join(one, "package.json")),
  );
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}
