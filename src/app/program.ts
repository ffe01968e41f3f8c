/**
 * From the command line to the end of the process. Only this file ends the process. The exit status is that of
 * sysexits.h: 0, 64 (usage), 66 (no configuration file), 69 (the gateway can't serve), 70 (a fault in the gateway), 74 (a
 * text could not be written), 75 (a dry run has no answer), 77 (a file that others can write, or a dry run is refused), 78
 * (the configuration file, or --check, has a fault).
 */

import { inWords } from "../base/faults";
import { version } from "../base/version";
import { parseCommandLine, type Request } from "../config/commandline";
import { defaults } from "../config/options";
import { isDaemon, UsageFault } from "../config/rules";
import { ConfigFault } from "../config/trustedtext";
import { refuseClient } from "../listen/refuse";
import { openLog } from "../log/open";
import { isRenewal, renewFromInput } from "../oauth/renewal";
import { closeInherited, inBackground, launch, report } from "../process/background";
import { isRoot } from "../process/privileges";
import { changeStore } from "./authorize";
import { check } from "./check";
import { run } from "./run";

const USAGE = 64;
const UNAVAILABLE = 69;
const SOFTWARE = 70;
const OUTPUT = 74;

/**
 * Does what the command line says, and ends the process.
 *
 * @param argv the arguments after the command's name
 * @param stderrIsClient whether descriptor 2 is a client's connection
 */
export function main(argv: readonly string[], stderrIsClient: boolean): void {
  obey(argv, stderrIsClient).catch(async (thrown: Error) => {
    const told = thrown instanceof UsageFault || thrown instanceof ConfigFault;
    const lines = told ? thrown.message.split("\n") : [thrown.stack ?? thrown.message];
    for (const line of lines) await complain(line, stderrIsClient);
    if (stderrIsClient) await refuseClient();
    process.exit(thrown instanceof ConfigFault ? thrown.status : told ? USAGE : SOFTWARE);
  });
}

async function obey(argv: readonly string[], stderrIsClient: boolean): Promise<void> {
  if (isRenewal()) {
    await renewFromInput();
    process.exit(0);
  }
  const request = parseCommandLine(argv, version, isRoot());
  if (request.kind === "print") {
    await print(request.text);
    process.exit(0);
  }
  if (request.kind === "check") return checked(request);
  if (request.kind !== "run") return changed(request);
  const { settings } = request;
  const daemon = isDaemon(settings);
  const exit = () => process.exit(SOFTWARE);
  const started = async (fault: string | null, warnings: readonly string[] = []) => {
    if (!stderrIsClient) for (const warning of warnings) await complain(`warning: ${warning}`, stderrIsClient);
    await complain(fault, stderrIsClient);
  };
  if (!daemon || settings.log.debug || settings.process.foreground) {
    const served = await run(request, { stderrIsClient, started, exit });
    // A client that expects TLS can't read the answer.
    if (!served && stderrIsClient && settings.services[0].clients.tls !== "tls") await refuseClient();
    return end(served);
  }
  if (inBackground()) {
    closeInherited();
    return end(await run(request, { stderrIsClient, started: report, exit }));
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

async function checked(request: Request & { kind: "check" }): Promise<void> {
  const { lines, status } = await check(request);
  await print(lines.map((line) => `${line}\n`).join(""));
  process.exit(status);
}

/** --authorize and --forget. A fault of the provider or the store is no fault of the command line. */
async function changed(request: Request & { kind: "authorize" | "forget" }): Promise<void> {
  try {
    await changeStore(request);
  } catch (thrown) {
    if (thrown instanceof ConfigFault || thrown instanceof UsageFault) throw thrown;
    await complain(inWords(thrown as Error), false);
    process.exit(UNAVAILABLE);
  }
  process.exit(0);
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

/** Hears that stderr can't be written: there is nobody left to tell. */
const nobodyLeft = () => {};

/** Writes a fault, a line or several, to stderr, in one write; under a superserver, where stderr is the client, to the log. */
async function complain(fault: string | null, stderrIsClient: boolean): Promise<void> {
  if (fault === null) return;
  if (!stderrIsClient) {
    if (process.stderr.listenerCount("error", nobodyLeft) === 0) process.stderr.on("error", nobodyLeft);
    const text = fault.split("\n").map((line) => `pop3.proxy: ${line}\n`);
    await new Promise<void>((resolve) => process.stderr.write(text.join(""), () => resolve()));
    return;
  }
  const { debug, brief, facility } = defaults;
  const { emit, close } = openLog({ debug, brief, facility }, { foreground: false, stderrIsClient });
  emit("start", { code: "start", reason: fault });
  await close();
}
