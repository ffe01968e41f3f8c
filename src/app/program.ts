/**
 * From the command line to the end of the process. Only this file ends the process. The exit status is that of
 * sysexits.h: 0, 64 (usage), 69 (the gateway can't serve), 70 (a fault in the gateway), 74 (a text could not be written),
 * 78 (--check found a fault).
 */

import { version } from "../base/version";
import { parseCommandLine } from "../config/commandline";
import { defaults } from "../config/options";
import { UsageFault } from "../config/rules";
import type { Settings } from "../config/settings";
import { refuseClient } from "../listen/refuse";
import { openLog } from "../log/open";
import { closeInherited, inBackground, launch, report } from "../process/background";
import { check } from "./check";
import { run } from "./run";

const USAGE = 64;
const UNAVAILABLE = 69;
const SOFTWARE = 70;
const OUTPUT = 74;
const CONFIG = 78;

/**
 * Does what the command line says, and ends the process.
 *
 * @param argv the arguments after the command's name
 * @param stderrIsClient whether descriptor 2 is a client's connection
 */
export function main(argv: readonly string[], stderrIsClient: boolean): void {
  obey(argv, stderrIsClient).catch(async (thrown: Error) => {
    const usage = thrown instanceof UsageFault;
    await complain(usage ? thrown.message : (thrown.stack ?? thrown.message), stderrIsClient);
    if (stderrIsClient) await refuseClient();
    process.exit(usage ? USAGE : SOFTWARE);
  });
}

async function obey(argv: readonly string[], stderrIsClient: boolean): Promise<void> {
  const request = parseCommandLine(argv, version);
  if (request.kind === "print") {
    await print(request.text);
    process.exit(0);
  }
  const { kind, settings } = request;
  if (kind === "check") return checked(settings);
  const daemon = settings.service.listen.length > 0;
  const exit = () => process.exit(SOFTWARE);
  const started = async (fault: string | null, warnings: readonly string[] = []) => {
    if (!stderrIsClient) for (const warning of warnings) await complain(`warning: ${warning}`, stderrIsClient);
    await complain(fault, stderrIsClient);
  };
  if (!daemon || settings.log.debug || settings.process.foreground) {
    const served = await run(settings, { stderrIsClient, started, exit });
    // A client that expects TLS can't read the answer.
    if (!served && stderrIsClient && settings.service.clients.tls !== "tls") await refuseClient();
    return end(served);
  }
  if (inBackground()) {
    closeInherited();
    return end(await run(settings, { stderrIsClient, started: report, exit }));
  }
  const { fault, warnings } = await launch(argv);
  await started(fault, warnings);
  if (fault === null) process.exit(0);
  process.exit(UNAVAILABLE);
}

/** Ends the process. @param served whether the gateway has served until an orderly end */
function end(served: boolean): never {
  process.exit(served ? 0 : UNAVAILABLE);
}

async function checked(settings: Settings): Promise<void> {
  const { lines, sound } = await check(settings);
  await print(lines.map((line) => `${line}\n`).join(""));
  process.exit(sound ? 0 : CONFIG);
}

/** Writes to stdout. A reader that has left has read enough; any other fault ends the process. */
async function print(text: string): Promise<void> {
  // The stream reports a fault to the callback, and as an event, too, which would end the process with a stack.
  process.stdout.on("error", () => {});
  const fault = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    process.stdout.write(text, resolve);
  });
  if (!fault || fault.code === "EPIPE") return;
  await complain(`standard output: ${fault.message}`, false);
  process.exit(OUTPUT);
}

/** Writes a fault to stderr, in one write; under a superserver, where stderr is the client, to the log. */
async function complain(fault: string | null, stderrIsClient: boolean): Promise<void> {
  if (fault === null) return;
  if (!stderrIsClient) {
    process.stderr.on("error", () => {}); // there is nobody left to tell
    await new Promise<void>((resolve) => process.stderr.write(`pop3.proxy: ${fault}\n`, () => resolve()));
    return;
  }
  const { debug, brief, facility } = defaults;
  const { emit, close } = openLog({ debug, brief, facility }, { foreground: false, stderrIsClient });
  emit("start", { code: "start", reason: fault });
  await close();
}
