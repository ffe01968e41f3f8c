/**
 * argv -> Settings -> Gateway -> clients. The only file that ends the process.
 * Exit status as in sysexits.h: 0, 64 (usage), 69 (it can't serve), 70 (a fault of its own), 78 (--check found one).
 */

import { version } from "../base/version";
import { parseCommandLine } from "../config/commandline";
import { defaults } from "../config/options";
import { UsageFault } from "../config/rules";
import type { Settings } from "../config/settings";
import { openLog } from "../log/open";
import { inBackground, launch, report } from "../process/background";
import { check } from "./check";
import { run } from "./run";

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
  const request = parseCommandLine(argv, version);
  if (request.kind === "print") {
    process.stdout.write(request.text);
    return;
  }
  const { kind, settings } = request;
  if (kind === "check") return checked(settings);
  const daemon = settings.service.listen.length > 0;
  const die = () => process.exit(SOFTWARE);
  const told = (fault: string | null) => complain(fault, stderrIsClient);
  if (!daemon || settings.log.debug || settings.process.foreground) {
    return end(await run(settings, { stderrIsClient, told, die }));
  }
  if (inBackground()) return end(await run(settings, { stderrIsClient, told: report, die }));
  const fault = await launch(argv);
  if (fault === null) process.exit(0);
  await told(fault);
  process.exit(UNAVAILABLE);
}

/** @param served whether it has served to an orderly end */
function end(served: boolean): never {
  process.exit(served ? 0 : UNAVAILABLE);
}

async function checked(settings: Settings): Promise<void> {
  const { lines, sound } = await check(settings);
  process.stdout.write(lines.map((line) => `${line}\n`).join(""), () => process.exit(sound ? 0 : CONFIG));
}

/** Tells who has started the gateway, in one piece; under a superserver that is the log. */
async function complain(fault: string | null, stderrIsClient: boolean): Promise<void> {
  if (fault === null) return;
  if (!stderrIsClient) {
    await new Promise<void>((resolve) => process.stderr.write(`pop3.proxy: ${fault}\n`, () => resolve()));
    return;
  }
  const { debug, brief, facility } = defaults;
  const { emit, close } = openLog({ debug, brief, facility }, { foreground: false, stderrIsClient });
  emit("start", { code: "start", reason: fault });
  await close();
}
