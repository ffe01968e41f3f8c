/**
 * Where log lines go (SPEC section 8), decided once from the options and from what the process finds:
 * -d: stderr; --syslog: there; stderr is the journal: there; /dev/log exists: there, through logger; in the foreground:
 * stderr; else syslog on this host. With -d under a superserver stderr is the client, and never written.
 * What a place needs is loaded with its first line, so that a session which logs nothing does not pay for it.
 */

import { fstatSync, statSync } from "node:fs";
import { parseFacility, parseSyslogAddress, SYSLOG_PORT, type SyslogTarget } from "../config/syslog";
import { type Destination, plain, severities } from "./destination";
import { type Level, type Log, line } from "./line";
import type { OpenWire } from "./outlet";

export interface LogOptions {
  /** -d: lines of level debug, and stderr for all. */
  readonly debug: boolean;
  /** -m: no `connect`, no `login`. */
  readonly brief: boolean;
  /** stderr is there for us. */
  readonly foreground: boolean;
  /** --syslog; null: not given. */
  readonly syslog: string | null;
  /** --facility, by name. */
  readonly facility: string;
  /** Descriptor 2 is the client's connection. */
  readonly stderrIsClient: boolean;
}

/** What the process finds; a test finds something else. */
export interface Surroundings {
  /** The descriptor of stderr. */
  readonly stderr: number;
  readonly environment: NodeJS.ProcessEnv;
  /** The local syslog daemon's socket. */
  readonly socket: string;
  /** The file of logger, or its name in /usr/bin or /bin. */
  readonly logger: string;
}

/** The log, and its end: call it last, and wait. It takes a second at most. */
export interface OpenLog {
  readonly log: Log;
  close(): Promise<void>;
}

const BRIEF: ReadonlySet<string> = new Set(["connect", "login"]);

/** What stderr takes of a line, in octets. The formatter's values are bounded; their number is, too. */
const LINE_BOUND = 8192;

/**
 * Call it while the process still has the rights it was started with: later they may not suffice to open stderr anew.
 * The first line, which may start logger, is better written without them.
 * @throws Error with one line for the person who typed it: an unknown facility, or what is not an address of syslog
 */
export function openLog(options: LogOptions, found: Partial<Surroundings> = {}): OpenLog {
  const around = { stderr: 2, environment: process.env, socket: "/dev/log", logger: "logger", ...found };
  const make = choose(options, around);
  let destination: Destination | null = null;
  let closed = false;
  return {
    log(level, event, fields) {
      if (closed || (level === "debug" && !options.debug) || (options.brief && BRIEF.has(event))) return;
      destination ??= make();
      destination.write(level, line(event, fields));
    },
    async close() {
      closed = true;
      await destination?.close();
    },
  };
}

function choose(options: LogOptions, { stderr, environment, socket, logger }: Surroundings): () => Destination {
  const facility = parseFacility(options.facility);
  const target = options.syslog === null ? null : parseSyslogAddress(options.syslog);
  const syslog = (to: SyslogTarget) => () =>
    (require("./syslog") as typeof import("./syslog.js")).openSyslog(to, facility);
  if (options.debug && !options.stderrIsClient) return onDescriptor(stderr, timed);
  if (target) return syslog(target);
  if (!options.stderrIsClient && isJournal(stderr, environment.JOURNAL_STREAM)) return onDescriptor(stderr, prefixed);
  if (statSync(socket, { throwIfNoEntry: false })?.isSocket()) {
    return () => {
      const { loggerWire, loggerLine } = require("./logger") as typeof import("./logger.js");
      return through(loggerWire(logger, socket), (level, text) => loggerLine(facility, level, text));
    };
  }
  if (options.foreground && !options.stderrIsClient) return onDescriptor(stderr, timed);
  return syslog({ transport: "udp", host: "127.0.0.1", port: SYSLOG_PORT });
}

type Shape = (level: Level, text: string) => Buffer;

/** The descriptor is opened anew at once, while that is permitted. */
function onDescriptor(descriptor: number, shape: Shape): () => Destination {
  const { descriptorWire } = require("./stderr") as typeof import("./stderr.js");
  const dial = descriptorWire(descriptor);
  return () => through(dial, shape);
}

function through(dial: OpenWire, shape: Shape): Destination {
  const { Outlet } = require("./outlet") as typeof import("./outlet.js");
  const outlet = new Outlet(dial, (messages) => shape("warning", line("lost", { messages })));
  return {
    write: (level, text) => outlet.push(shape(level, text)),
    close: () => outlet.close(),
  };
}

function timed(level: Level, text: string): Buffer {
  return Buffer.from(`${new Date().toISOString()} ${level} ${plain(text, LINE_BOUND)}\n`, "latin1");
}

/** As sd-daemon(3) wants it; of the facility the journal knows by itself. */
function prefixed(level: Level, text: string): Buffer {
  return Buffer.from(`<${severities[level]}>${plain(text, LINE_BOUND)}\n`, "latin1");
}

/** systemd names the device and inode of the stream that it gave to us (systemd.exec(5)). */
function isJournal(descriptor: number, stream: string | undefined): boolean {
  if (!stream) return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return stream === `${dev}:${ino}`;
}
