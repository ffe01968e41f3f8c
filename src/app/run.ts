/**
 * Runs the gateway with its settings: opens what only root can open, drops root, serves clients, and closes all.
 */

import { inWords } from "../base/faults";
import { isDaemon, UsageFault } from "../config/rules";
import type { Settings } from "../config/settings";
import { makeGateways } from "../gateway/make";
import { Memory } from "../gateway/memory";
import { Daemon } from "../listen/daemon";
import { Listener } from "../listen/listener";
import { passedDescriptors, Superserver } from "../listen/superserver";
import type { Emit } from "../log/events";
import { logWay, type OpenLog, openLog, type Start } from "../log/open";
import { closeDebugger, closeDebuggerLater } from "../process/debugger";
import { kindOf } from "../process/descriptor";
import { boundYoungGeneration } from "../process/heap";
import { Notify } from "../process/notify";
import { Pidfile } from "../process/pidfile";
import { accountOf, dropPrivileges, isRoot, requireHome } from "../process/privileges";
import { requireSockets } from "../upstream/sshmaster";
import { Demos } from "./demos";
import { Reload, servingWords, warnOf } from "./reload";
import { endOnSignal, reloadOnSignal } from "./signals";
import { type Undo, undoAll } from "./undo";
import { everyDay, logWarning, type StartWarning, startWarnings } from "./warnings";
import { tokenFiles, Watching } from "./watching";

/** Where settings come from. */
interface SettingsSource {
  readonly settings: Settings;
  /** The configuration file; absent: the command line has all settings. */
  readonly file?: string | undefined;
  /** The settings anew. @throws ConfigFault */
  reread(): Settings;
}

/** The gateways of all services. */
type Gateways = Listener["gateways"];

/** The daemon or a superserver's sockets, as `run` needs them. */
interface Acceptor {
  /** Opens what only root may be permitted to open. @throws Error */
  open?(): Promise<void>;
  /** Serves new clients with these gateways. @throws Error with nothing changed */
  replace(gateways: Gateways): Promise<void>;
  /** Serves until the end. */
  serve(): Promise<void>;
  /** Closes in an orderly way; a second call closes at once. */
  close(): Promise<void>;
  /** The ports that it listens on. */
  readonly ports?: readonly number[];
  /** Whether a superserver has passed a listening socket. */
  readonly listens?: boolean;
  /** Whether the process of a superserver stays when there is no client. */
  readonly stays?: boolean;
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

/**
 * Runs the gateway until its end. All is closed when this resolves.
 *
 * @returns whether the gateway has served
 * @throws UsageFault
 */
export async function run(source: SettingsSource, { stderrIsClient, started, exit }: Starter): Promise<boolean> {
  const { process: own, log } = source.settings;
  const plugin = !isDaemon(source.settings) && kindOf(0) === "pipe";
  const start: Start = { foreground: own.foreground || log.debug, stderrIsClient, plugin };
  const opened = openLog(log, start);
  const { emit } = opened;
  endOnFaults(opened, exit);
  const undo: Undo[] = [() => opened.close()];
  try {
    const serving = await prepare(source, emit, undo);
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
    await undoAll(undo);
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
async function prepare(source: SettingsSource, log: Emit, undo: Undo[]): Promise<Serving> {
  const { settings, file } = source;
  const { process: own } = settings;
  const memory = new Memory();
  undo.push(() => memory.close());
  const watching = own.metrics ? new Watching(own.metrics, memory, log) : null;
  undo.push(() => watching?.close());
  const emit = watching?.emit ?? log;
  const demos = new Demos(undo);
  const byRoot = isRoot();
  const make = async ({ services }: Settings) =>
    makeGateways(await demos.withServers(services), memory, emit, settings.log.debug, byRoot);
  const listener = new Listener(await make(settings), own.drain);
  const daemon = isDaemon(settings);
  const acceptor: Acceptor = daemon ? new Daemon(listener) : superserverOf(listener);
  if (watching && !daemon && !acceptor.stays) {
    throw new UsageFault("--metrics needs a process that stays: -D, --listen, or sockets of systemd");
  }
  const dropRoot = byRoot ? rootDropper(own.user) : () => {};
  if (byRoot && usesSsh(settings)) requireHome(own.user);
  const notify = new Notify(process.env, (reason) => emit("notifyFailed", { code: "notify", reason }));
  // SIGHUP makes a daemon read its files again. A session of inetd without files ends at it. The pidfile comes after this:
  // whoever finds the process id in it may send the signal.
  const files =
    watching !== null || file !== undefined || listener.gateways.some((gateway) => gateway.files.length > 0);
  const reload = new Reload(source, { make, acceptor, listener, notify, emit, watching });
  const reloads = daemon || files;
  reloadOnSignal(reloads ? () => reload.run() : undefined);
  const pidfile = daemon && own.pidfile !== undefined ? new Pidfile(own.pidfile) : null;
  if (pidfile) undo.push(() => pidfile.remove());
  if (daemon) await closeDebugger();
  await acceptor.open?.();
  dropRoot();
  // Clients are served from now on, while the thread of the metrics starts: a signal ends their sessions in order.
  endOnSignal((signal) => {
    emit("end", { signal });
    notify.stopping(`ends, with ${listener.clients} clients`);
    void acceptor.close();
    watching?.draining();
  }, !reloads);
  pidfile?.write();
  await watching?.open(listener);
  if (usesSsh(settings)) requireSockets();
  undo.push(() => notify.sent());
  return {
    acceptor,
    async warnings(start) {
      const listens = daemon || acceptor.listens === true;
      // A session of inetd has no time to try, and the same line for each session would help nobody.
      const doubts = listens ? await logWarning(settings.log, start) : null;
      return startWarnings(listener.gateways, {
        byRoot,
        user: own.user,
        daemon: listens,
        log: doubts,
        file,
        reread: tokenFiles(settings),
      });
    },
    announce(warnings) {
      for (const { event, gateway, code, reason } of warnings) (gateway?.emit ?? emit)(event, { code, reason });
      if (daemon || acceptor.listens) boundYoungGeneration();
      if (daemon || acceptor.listens) undo.push(everyDay(() => listener.gateways.forEach(warnOf)));
      closeDebuggerLater();
      notify.ready(servingWords(listener));
      reload.begin();
      // Under a superserver standard output may be the client's connection. Whoever reads it may have left.
      const howTo = demos.howTo(acceptor.ports?.[0] ?? 0);
      if (howTo !== null && daemon) process.stdout.on("error", () => {}).write(howTo);
    },
  };
}

function usesSsh({ services }: Settings): boolean {
  return services.some(({ servers }) => servers.ssh !== undefined);
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

/** Logs an uncaught exception, which is a fault in the gateway, and ends the process. The client gets no text of it. */
function endOnFaults({ emit, close }: OpenLog, exit: () => void): void {
  process.on("uncaughtException", (fault) => {
    emit("crash", { code: "internal", reason: fault?.message ?? String(fault), stack: fault?.stack });
    void close().finally(exit);
  });
}
