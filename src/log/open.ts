/**
 * Where log lines go (the manual's section "Logging"), decided once from the settings and the process's environment, in
 * this order: with -d, to stderr; with --syslog, to its address; if stderr is the journal, to stderr; if /dev/log
 * exists, to its daemon, through logger; in the foreground, to stderr; for a mail program's plugin warnings and faults
 * alone go to stderr; else all goes to syslog on this host by UDP. Under a superserver stderr is the client's connection
 * and is never written, not even with -d.
 */

import { fstatSync, statSync } from "node:fs";
import { showHostPort } from "../base/address";
import type { Warning } from "../base/warning";
import type { LogSettings } from "../config/settings";
import { SYSLOG_PORT, type SyslogTarget } from "../config/syslog";
import { type Destination, plain, severities } from "./destination";
import { type Emit, EVENTS, type EventName, given, type Level } from "./events";
import { jsonLine } from "./json";
import { line, type Render } from "./line";
import { loggerLine, loggerWire } from "./logger";
import { type OpenWire, Outlet } from "./outlet";
import { descriptorWire } from "./stderr";
import { openSyslog } from "./syslog";

/** How the process was started, as far as it concerns the log. */
export interface Start {
  /** Whether a person or a service manager reads stderr. */
  readonly foreground: boolean;
  /** Whether descriptor 2 is the client's connection. */
  readonly stderrIsClient: boolean;
  /** Whether a mail program has started the gateway, with pipes: its user may see stderr. */
  readonly plugin?: boolean;
}

/** The process's environment, as far as it concerns the log; a test passes another one. */
export interface Surroundings {
  /** The descriptor of stderr. */
  readonly stderr: number;
  readonly environment: NodeJS.ProcessEnv;
  /** The local syslog daemon's socket. */
  readonly socket: string;
  /** logger's file, or its name in /usr/bin or /bin. */
  readonly logger: string;
}

/** An open log. */
export interface OpenLog {
  readonly emit: Emit;
  /** Resolves when all lines have been sent, or after a second. Call it last. */
  close(): Promise<void>;
}

/** The events that -m leaves out. */
const BRIEF: ReadonlySet<EventName> = new Set(["connect", "login", "closeUnused"]);

/** The longest line on stderr, in octets. */
const LINE_BOUND = 8192;

/** Opens the log; see `openDestination`. */
export function openLog(settings: LogSettings, start: Start, found?: Partial<Surroundings>): OpenLog {
  const destination = openDestination(settings, start, found);
  const render = renderOf(settings);
  return {
    emit(name, fields, origin) {
      const { level } = EVENTS[name];
      if ((level === "debug" && !settings.debug) || (settings.brief && BRIEF.has(name))) return;
      destination.write(level, render(name, given(fields), origin));
    },
    close: () => destination.close(),
  };
}

/**
 * The destination of log lines. Call this before root is dropped, since only root may be permitted to open stderr anew.
 * The first line opens the destination: write it after root is dropped, so that logger does not run as root.
 */
export function openDestination(settings: LogSettings, start: Start, found?: Partial<Surroundings>): Destination {
  const make = choose(settings, start, surroundings(found)).prepare();
  let made: Destination | null = null;
  let closed = false;
  return {
    write(level, text) {
      if (closed) return;
      made ??= make();
      made.write(level, text);
    },
    async close() {
      closed = true;
      await made?.close();
    },
  };
}

function surroundings(found?: Partial<Surroundings>): Surroundings {
  return { stderr: 2, environment: process.env, socket: "/dev/log", logger: "logger", ...found };
}

function renderOf({ format }: Pick<LogSettings, "format">): Render {
  return format === "json" ? jsonLine : line;
}

/** A place for log lines, and what to say of it. */
interface LogWay {
  /** In words, for --check. */
  readonly words: string;
  /** Whether nothing shows that anybody reads the lines. */
  readonly unsure?: boolean;
  /** Whether the lines are on standard error. */
  readonly onStderr?: boolean;
  /** Opens what only root may be permitted to open. @returns opens the rest */
  readonly prepare: () => () => Destination;
}

function choose(
  settings: LogSettings,
  { foreground, stderrIsClient, plugin = false }: Start,
  { stderr, environment, socket, logger }: Surroundings,
): LogWay {
  const { debug, syslog: target, facility, format } = settings;
  const render = renderOf(settings);
  const syslog = (to: SyslogTarget) => () => () => openSyslog(to, facility, render);
  const onDescriptor = (shape: Shape) => () => {
    // The descriptor is opened anew at once, while the process has the rights for that.
    const wire = descriptorWire(stderr);
    // Whoever follows a dialogue wants to see each line at once.
    return () => through(wire, shape, render, debug ? 0 : undefined);
  };
  const own = { words: "standard error", onStderr: true };
  const plainly = format === "json" ? bare : timed;
  if (debug && !stderrIsClient) return { ...own, prepare: onDescriptor(plainly) };
  if (target)
    return { words: `${target.transport}://${showHostPort(target.host, target.port)}`, prepare: syslog(target) };
  if (!stderrIsClient && isJournal(stderr, environment.JOURNAL_STREAM)) {
    return { ...own, words: "the journal", prepare: onDescriptor(prefixed) };
  }
  if (statSync(socket, { throwIfNoEntry: false })?.isSocket()) {
    const shape: Shape = (level, text) => loggerLine(facility, level, text);
    return { words: socket, prepare: () => () => through(loggerWire(logger, socket), shape, render) };
  }
  if (foreground && !stderrIsClient) return { ...own, prepare: onDescriptor(plainly) };
  if (plugin && !stderrIsClient) {
    const prepare = onDescriptor(plainly);
    return { ...own, words: `${own.words}, warnings and faults only`, prepare: () => graveOnly(prepare()) };
  }
  const here: SyslogTarget = { transport: "udp", host: "127.0.0.1", port: SYSLOG_PORT };
  return { words: `UDP port ${SYSLOG_PORT} of this host`, unsure: true, prepare: syslog(here) };
}

/** The lines that the user of a mail program is to see on its terminal. */
function graveOnly(make: () => Destination): () => Destination {
  return () => {
    const { write, close } = make();
    const grave = (level: Level) => level === "err" || level === "warning";
    return { write: (level, text) => grave(level) && write(level, text), close };
  };
}

/** Where log lines go, in words, whether that is standard error, and what is to be warned of. */
export function logWay(
  settings: LogSettings,
  start: Start,
  found?: Partial<Surroundings>,
): { readonly words: string; readonly onStderr: boolean; readonly warning: Warning | null } {
  const { words, unsure, onStderr = false } = choose(settings, start, surroundings(found));
  const reason = `there is no /dev/log, and no --syslog: the log goes to ${words}, where perhaps nobody listens`;
  return { words, onStderr, warning: unsure ? { code: "log-unsure", reason } : null };
}

type Shape = (level: Level, text: string) => Buffer;

function through(wire: OpenWire, shape: Shape, render: Render, gathered?: number): Destination {
  const outlet = new Outlet(wire, (messages) => shape("warning", render("lost", { messages })), gathered);
  return {
    write: (level, text) => outlet.push(shape(level, text)),
    close: () => outlet.close(),
  };
}

function timed(level: Level, text: string): Buffer {
  return Buffer.from(`${new Date().toISOString()} ${level} ${plain(text, LINE_BOUND)}\n`, "latin1");
}

/** A line that has its time and level in it. */
function bare(_level: Level, text: string): Buffer {
  return Buffer.from(`${plain(text, LINE_BOUND)}\n`, "latin1");
}

/** The priority prefix of sd-daemon(3); the journal sets the facility itself. */
function prefixed(level: Level, text: string): Buffer {
  return Buffer.from(`<${severities[level]}>${plain(text, LINE_BOUND)}\n`, "latin1");
}

/** systemd names the device and inode of the stream that it has passed (systemd.exec(5)). */
function isJournal(descriptor: number, stream: string | undefined): boolean {
  if (!stream) return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return stream === `${dev}:${ino}`;
}
