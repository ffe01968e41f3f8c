/** What an administrator is warned of, at a start, at SIGHUP and by --check: faults that do not prevent the start. */

import { accessSync, constants } from "node:fs";
import type { Warning } from "../base/warning";
import type { Gateway } from "../gateway/gateway";
import { descriptorWarning } from "../listen/listener";
import { rootWarning } from "../process/privileges";

/** A warning, and the event that logs it. */
export interface StartWarning extends Warning {
  readonly event: "warning" | "root" | "fewDescriptors" | "clientLogUnusable";
}

/** How the process was started, as far as a warning depends on it. */
interface Started {
  /** Whether root has started it. */
  readonly byRoot: boolean;
  /** The user of -u. */
  readonly user: string;
  /** Whether it has listeners of its own. */
  readonly daemon: boolean;
}

/** All warnings of a start. Call it with the rights that sessions will have. */
export function startWarnings(gateway: Gateway, { byRoot, user, daemon }: Started): readonly StartWarning[] {
  const root = byRoot ? rootWarning(user) : null;
  const few = daemon ? descriptorWarning(gateway.service) : null;
  return [
    ...(root ? [{ event: "root", ...root } as const] : []),
    ...(few ? [{ event: "fewDescriptors", ...few } as const] : []),
    ...gateway.warnings.map((warning) => ({ event: "warning", ...warning }) as const),
    ...clientLogWarning(gateway),
    ...(daemon ? gateway.files : []).filter((file) => !isPermitted(file, constants.R_OK)).map(unreadable),
  ];
}

function clientLogWarning({ service }: Gateway): StartWarning[] {
  const { clientLog } = service.access;
  if (clientLog === undefined || isPermitted(clientLog, constants.W_OK | constants.X_OK)) return [];
  const reason = `${clientLog} can't be written: see -l and -u`;
  return [{ event: "clientLogUnusable", code: "client-log", reason }];
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
