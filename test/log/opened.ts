/** The way of log lines to where they go, for tests that write lines of any level and form. */

import { quote } from "../../src/base/quote";
import type { LogSettings } from "../../src/config/settings";
import { parseFacility, parseSyslogAddress } from "../../src/config/syslog";
import type { Level, Value } from "../../src/log/events";
import { openDestination, type Start, type Surroundings } from "../../src/log/open";

/** How a log is opened, as the command line says it. */
export interface LogOptions extends Start {
  readonly debug: boolean;
  readonly brief: boolean;
  readonly syslog: string | null;
  readonly facility: string;
}

/** A daemon of which nothing was asked. */
export const plainly: LogOptions = {
  debug: false,
  brief: false,
  foreground: false,
  syslog: null,
  facility: "mail",
  stderrIsClient: false,
};

/** The same as settings. */
export function logSettings({ debug, brief, syslog, facility }: LogOptions): LogSettings {
  return {
    debug,
    brief,
    syslog: syslog === null ? undefined : parseSyslogAddress(syslog),
    facility: parseFacility(facility),
  };
}

export interface Opened {
  /** Writes `event key=value ...`, whatever these are. */
  log(level: Level, event: string, fields: Readonly<Record<string, Value | undefined>>): void;
  close(): Promise<void>;
}

export function opened(options: LogOptions, found?: Partial<Surroundings>): Opened {
  const destination = openDestination(logSettings(options), options, found);
  return {
    log(level, event, fields) {
      const pairs = Object.entries(fields).filter(([, value]) => value !== undefined);
      const words = pairs.map(([key, value]) => `${key}=${typeof value === "string" ? quote(value) : value}`);
      destination.write(level, [event, ...words].join(" "));
    },
    close: () => destination.close(),
  };
}
