/**
 * argv -> Config -> Gateway -> a acceptor. The only file that ends the process.
 * Exit status as in sysexits.h: 0, 64 (usage), 69 (it can't serve), 70 (a fault of ours), 78 (--check found one).
 *
 * What a acceptor needs is loaded with it: under inetd every millisecond counts, for each session.
 */

import { parseCommandLine } from "../config/commandline";
import type { Config } from "../config/settings";
import { UsageFault } from "../config/values";

const USAGE = 64;
const UNAVAILABLE = 69;
const SOFTWARE = 70;
const CONFIG = 78;

/**
 * Does what the command line asks for, and ends the process.
 *
 * @param argv what stands behind the command's name
 * @param stderrIsClient whether descriptor 2 is a client's connection
 */
export function main(argv: readonly string[], stderrIsClient: boolean): void {
  obey(argv, stderrIsClient).catch(async (thrown: Error) => {
    const usage = thrown instanceof UsageFault;
    await complain(usage ? thrown.message : (thrown.stack ?? thrown.message), stderrIsClient);
    process.exit(usage ? USAGE : SOFTWARE);
  });
}

async function obey(argv: readonly string[], stderrIsClient: boolean): Promise<void> {
  const request = parseCommandLine(argv, () =>
    (require("../base/version") as typeof import("../base/version.js")).version(),
  );
  if ("print" in request) {
    process.stdout.write(request.print);
    return;
  }
  const { config } = request;
  if (config.check) return checked(config);
  const { run } = require("./run") as typeof import("./run.js");
  const daemon = config.listen.length > 0;
  const die = () => process.exit(SOFTWARE);
  const told = (fault: string | null) => complain(fault, stderrIsClient);
  if (!daemon || config.debug || config.foreground) {
    return end(await run(config, { stderrIsClient, told, die }));
  }
  const { inBackground, launch, report } =
    require("../process/background") as typeof import("../process/background.js");
  if (inBackground()) return end(await run(config, { stderrIsClient, told: report, die }));
  const fault = await launch(argv);
  if (fault === null) process.exit(0);
  await told(fault);
  process.exit(UNAVAILABLE);
}

/** @param served whether it has served to an orderly end */
function end(served: boolean): never {
  process.exit(served ? 0 : UNAVAILABLE);
}

async function checked(config: Config): Promise<void> {
  const { check } = require("./check") as typeof import("./check.js");
  const { lines, sound } = await check(config);
  process.stdout.write(lines.map((line) => `${line}\n`).join(""), () => process.exit(sound ? 0 : CONFIG));
}

/** Tells who has started us, in one piece; under a superserver that is the log. */
async function complain(fault: string | null, stderrIsClient: boolean): Promise<void> {
  if (fault === null) return;
  if (!stderrIsClient) {
    await new Promise<void>((resolve) => process.stderr.write(`pop3.proxy: ${fault}\n`, () => resolve()));
    return;
  }
  const { openLog } = require("../log/open") as typeof import("../log/open.js");
  const { defaults } = require("../config/settings") as typeof import("../config/settings.js");
  const { log, close } = openLog({ ...defaults, stderrIsClient });
  log("err", "start", { reason: fault });
  await close();
}
