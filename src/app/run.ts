/**
 * Runs the gateway with its settings: opens what only root can open, drops root, serves clients, and closes all.
 */

import type { HostPort } from "../base/address";
import { inWords } from "../base/faults";
import { UsageFault } from "../config/rules";
import type { Service, Settings } from "../config/settings";
import { startDemo } from "../demo/demo";
import { Gateway } from "../gateway/gateway";
import { Memory } from "../gateway/memory";
import { Daemon } from "../listen/daemon";
import { Listener } from "../listen/listener";
import { passedDescriptors, Superserver } from "../listen/superserver";
import type { Emit } from "../log/events";
import { logWay, type OpenLog, openLog, type Start } from "../log/open";
import { closeDebugger, closeDebuggerLater } from "../process/debugger";
import { kindOf } from "../process/descriptor";
import { boundYoungGeneration } from "../process/heap";
import { Pidfile } from "../process/pidfile";
import { accountOf, dropPrivileges, isRoot, requireHome } from "../process/privileges";
import { requireSockets } from "../upstream/sshmaster";
import { endOnSignal, reloadOnSignal } from "./signals";
import { everyDay, logWarning, type StartWarning, startWarnings } from "./warnings";

/** The daemon or a superserver's sockets, as `run` needs them. */
interface Acceptor {
  /** Opens what only root may be permitted to open. @throws Error */
  open?(): Promise<void>;
  /** Serves until the end. */
  serve(): Promise<void>;
  /** Closes in an orderly way; a second call closes at once. */
  close(): Promise<void>;
  /** The ports that it listens on. */
  readonly ports?: readonly number[];
  /** Whether a superserver has passed a listening socket. */
  readonly listens?: boolean;
}

/** What `run` needs of the process that has started the gateway. */
interface Starter {
  /** Whether descriptor 2 is a client's connection. */
  readonly stderrIsClient: boolean;
  /** Reports the start. @param fault null: the gateway serves; else why it can't @param warnings for stderr */
  started(fault: string | null, warnings?: readonly string[]): Promise<void>;
  /** Ends the process after a fault in the gateway. */
  exit(): void;
}

/** Closes something that was opened. */
type Undo = () => unknown;

/**
 * Runs the gateway until its end. All is closed when this resolves.
 *
 * @returns whether the gateway has served
 * @throws UsageFault
 */
export async function run(settings: Settings, { stderrIsClient, started, exit }: Starter): Promise<boolean> {
  const { process: own, log } = settings;
  const plugin = settings.service.listen.length === 0 && kindOf(0) === "pipe";
  const start: Start = { foreground: own.foreground || log.debug, stderrIsClient, plugin };
  const opened = openLog(log, start);
  const { emit } = opened;
  endOnFaults(opened, exit);
  const undo: Undo[] = [() => opened.close()];
  try {
    const serving = await prepare(settings, emit, undo);
    const warnings = await serving.warnings(start);
    await started(null, logWay(log, start).onStderr ? [] : warnings.map(({ reason }) => reason));
    serving.announce(warnings);
    await serving.acceptor.serve();
    return true;
  } catch (thrown) {
    const reason = inWords(thrown as Error);
    // Under a superserver the log is the only place for the fault.
    if (stderrIsClient) emit("start", { code: "start", reason });
    else if (thrown instanceof UsageFault) throw thrown;
    else await started(reason);
    return false;
  } finally {
    for (const one of undo.reverse()) await one();
  }
}

/** A gateway that is ready to serve. */
interface Serving {
  readonly acceptor: Acceptor;
  /** The warnings of the start. */
  warnings(start: Start): Promise<readonly StartWarning[]>;
  /** Logs the warnings of the start, and prints the text of --demo. */
  announce(warnings: readonly StartWarning[]): void;
}

/**
 * Opens all that is needed to serve, and drops root.
 *
 * @param undo gets the steps that close all, in the order of opening
 * @throws Error or UsageFault; the steps in `undo` are to be run then, too
 */
async function prepare(settings: Settings, emit: Emit, undo: Undo[]): Promise<Serving> {
  const { process: own, log } = settings;
  const demo = settings.service.servers.demo ? await startDemo() : null;
  if (demo) undo.push(() => demo.close());
  const service = demo ? withDefault(settings.service, demo.server) : settings.service;
  const memory = new Memory();
  undo.push(() => memory.close());
  const gateway = () => new Gateway(service, memory, emit, log.debug);
  const listener = new Listener(gateway(), own.drain);
  const daemon = service.listen.length > 0;
  const acceptor: Acceptor = daemon ? new Daemon(listener) : superserverOf(listener);
  const byRoot = isRoot();
  const dropRoot = byRoot ? rootDropper(own.user) : () => {};
  if (byRoot && service.servers.ssh !== undefined) requireHome(own.user);
  // SIGHUP makes a daemon read its files again. A session of inetd without files ends at it, as any process. The pidfile
  // comes after this: whoever finds the process id in it may send the signal.
  const files = listener.gateway.files.length > 0;
  reloadOnSignal(daemon || files ? () => reload(listener, gateway, emit) : undefined);
  const pidfile = daemon && own.pidfile !== undefined ? new Pidfile(own.pidfile) : null;
  if (pidfile) undo.push(() => pidfile.remove());
  if (daemon) await closeDebugger();
  await acceptor.open?.();
  dropRoot();
  if (service.servers.ssh !== undefined) requireSockets();
  pidfile?.write();
  endOnSignal((signal) => {
    emit("end", { signal });
    void acceptor.close();
  });
  return {
    acceptor,
    async warnings(start) {
      const listens = daemon || acceptor.listens === true;
      // A session of inetd has no time to try, and the same line for each session would help nobody.
      const doubts = listens ? await logWarning(log, start) : null;
      return startWarnings(listener.gateway, { byRoot, user: own.user, daemon: listens, log: doubts });
    },
    announce(warnings) {
      for (const { event, ...warning } of warnings) emit(event, warning);
      if (daemon || acceptor.listens) boundYoungGeneration();
      if (daemon || acceptor.listens) undo.push(everyDay(() => warnOf(listener.gateway, emit)));
      closeDebuggerLater();
      // Under a superserver standard output may be the client's connection. Whoever reads it may have left.
      if (demo && daemon) process.stdout.on("error", () => {}).write(demo.howTo(acceptor.ports?.[0] ?? 0));
    },
  };
}

function withDefault(service: Service, server: HostPort): Service {
  return { ...service, servers: { ...service.servers, defaultServers: [server] } };
}

/** @throws UsageFault if a passed descriptor can't be served, or the settings of TLS do not fit it */
function superserverOf(listener: Listener): Superserver {
  try {
    return new Superserver(listener, passedDescriptors());
  } catch (thrown) {
    throw new UsageFault(inWords(thrown as Error));
  }
}

/**
 * Looks up the account of -u, before listeners are opened.
 *
 * @returns drops root
 * @throws Error if there is no such account
 */
function rootDropper(user: string): () => void {
  return accountOf(user).uid === 0 ? () => {} : () => dropPrivileges(user);
}

/** Makes a new gateway for new clients, which reads its files again. After a fault the old gateway stays. */
function reload(listener: Listener, gateway: () => Gateway, emit: Emit): void {
  try {
    listener.gateway = gateway();
    emit("reload", {});
    warnOf(listener.gateway, emit);
  } catch (thrown) {
    emit("reloadFailed", { code: "reload", reason: inWords(thrown as Error) });
  }
}

function warnOf({ warnings }: Gateway, emit: Emit): void {
  for (const warning of warnings) emit("warning", warning);
}

/** Logs an uncaught exception, which is a fault in the gateway, and ends the process. The client gets no text of it. */
function endOnFaults({ emit, close }: OpenLog, exit: () => void): void {
  process.on("uncaughtException", (fault) => {
    emit("crash", { code: "internal", reason: fault?.message ?? String(fault), stack: fault?.stack });
    void close().finally(exit);
  });
}
