/** What an administrator is warned of, at a start, at SIGHUP and by --check: faults that do not prevent the start. */

import { accessSync, constants } from "node:fs";
import type { Warning } from "../base/warning";
import type { LogSettings } from "../config/settings";
import type { Gateway } from "../gateway/gateway";
import { descriptorWarning } from "../listen/openfiles";
import { logWay, type Start } from "../log/open";
import { reachWarning } from "../log/reach";
import { rootWarning } from "../process/privileges";
import { spoolFolder } from "../scan/spool";

/** What must be permitted in a folder that files are made in. */
const FOLDER = constants.W_OK | constants.X_OK;

/** A warning, and the event that logs it. */
export interface StartWarning extends Warning {
  readonly event: "warning" | "root" | "fewDescriptors" | "clientLogUnusable" | "logDoubtful" | "scanDoubtful";
  /** Whose warning it is; absent: that of the process. */
  readonly gateway?: Gateway;
}

/** How the process was started, as far as a warning depends on it. */
interface Started {
  /** Whether root has started it. */
  readonly byRoot: boolean;
  /** The user of -u. */
  readonly user: string;
  /** Whether it has listeners of its own. */
  readonly daemon: boolean;
  /** What is to be warned of the log. */
  readonly log: Warning | null;
  /** The configuration file. */
  readonly file?: string | undefined;
  /** Files of the process that a reload reads again. */
  readonly reread?: readonly string[] | undefined;
}

/** All warnings of a start. Call it with the rights that sessions will have. */
export function startWarnings(
  gateways: readonly [Gateway, ...Gateway[]],
  { byRoot, user, daemon, log, file, reread = [] }: Started,
): readonly StartWarning[] {
  const root = byRoot ? rootWarning(user) : null;
  const [first, ...others] = gateways;
  const few = daemon ? descriptorWarning([first.service, ...others.map(({ service }) => service)]) : null;
  return [
    ...(log ? [{ event: "logDoubtful", ...log } as const] : []),
    ...(root ? [{ event: "root", ...root } as const] : []),
    ...(few ? [{ event: "fewDescriptors", ...few } as const] : []),
    ...unreadableOf([...(file === undefined ? [] : [file]), ...reread]),
    ...gateways.flatMap((gateway) => serviceWarnings(gateway, daemon).map((warning) => ({ ...warning, gateway }))),
  ];
}

function serviceWarnings(gateway: Gateway, daemon: boolean): StartWarning[] {
  return [
    ...gateway.warnings.map((warning) => ({ event: "warning", ...warning }) as const),
    ...clientLogWarning(gateway),
    ...scanWarnings(gateway),
    ...(daemon ? unreadableOf(gateway.files) : []),
  ];
}

function unreadableOf(files: readonly string[]): StartWarning[] {
  return files.filter((file) => !isPermitted(file, constants.R_OK)).map(unreadable);
}

/** What is to be warned of the log; null: nothing. */
export async function logWarning(settings: LogSettings, start: Start): Promise<Warning | null> {
  const { warning } = logWay(settings, start);
  if (warning || !settings.syslog || settings.debug) return warning;
  return reachWarning(settings.syslog);
}

function clientLogWarning({ service }: Gateway): StartWarning[] {
  const { clientLog } = service.access;
  if (clientLog === undefined || isPermitted(clientLog, FOLDER)) return [];
  const reason = `${clientLog} can't be written: see -l and -u`;
  return [{ event: "clientLogUnusable", code: "client-log", reason }];
}

function scanWarnings({ service: { scan } }: Gateway): StartWarning[] {
  if (!scan) return [];
  const { quarantine } = scan;
  const folders = [
    { code: "spool", folder: spoolFolder(), see: "TMPDIR" },
    ...(quarantine === undefined ? [] : [{ code: "quarantine", folder: quarantine, see: "--quarantine" }]),
  ];
  return folders
    .filter(({ folder }) => !isPermitted(folder, FOLDER))
    .map(({ code, folder, see }) => {
      return { event: "scanDoubtful", code, reason: `${folder} can't be written: see ${see} and -u` } as const;
    });
}

function unreadable(file: string): StartWarning {
  return { event: "warning", code: "unreadable", reason: `${file}: SIGHUP can't read it again, since only root can` };
}

function isPermitted(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

const DAY = 24 * 60 * 60 * 1000;

/** Calls `act` every day. @returns ends that */
export function everyDay(act: () => void): () => void {
  const timer = setInterval(act, DAY).unref();
  return () => clearInterval(timer);
}
