/**
 * From settings to a gateway that has served: first what only root can open, then root is dropped, then come clients.
 */

import { accessSync, constants } from "node:fs";
import { UsageFault } from "../config/rules";
import type { Service, Settings } from "../config/settings";
import { startDemo } from "../demo/demo";
import { Gateway } from "../gateway/gateway";
import { Memory } from "../gateway/memory";
import { Daemon } from "../listen/daemon";
import { Listener } from "../listen/listener";
import { passedDescriptors, Superserver } from "../listen/superserver";
import type { Emit } from "../log/events";
import { type OpenLog, openLog } from "../log/open";
import { closeDebugger, closeDebuggerLater } from "../process/debugger";
import { Pidfile } from "../process/pidfile";
import { accountOf, dropPrivileges, groupWarning, isRoot } from "../process/privileges";
import { obeySignals } from "./signals";

/** The daemon or a superserver's sockets, as `run` needs them. */
interface Acceptor {
  /** Opens what root may have to open. @throws Error if it can't */
  open?(): Promise<void>;
  /** Serves until it is over. */
  serve(): Promise<void>;
  /** Ends it in an orderly way; called again, at once. */
  close(): Promise<void>;
  readonly ports?: readonly number[];
}

/** Who has started the gateway, and how to reach it. */
export interface Starter {
  /** Whether descriptor 2 is a client's connection. */
  readonly stderrIsClient: boolean;
  /** Learns why the gateway can't serve, or null when it does. */
  told(fault: string | null): Promise<void>;
  /** Ends the process for a fault of its own. */
  die(): void;
}

/** Undoes what was opened. */
type Undo = () => unknown;

/**
 * @returns whether it has served; then all is closed
 * @throws UsageFault
 */
export async function run(settings: Settings, { stderrIsClient, told, die }: Starter): Promise<boolean> {
  const { process: own, log } = settings;
  const opened = openLog(log, { foreground: own.foreground || log.debug, stderrIsClient });
  const { emit } = opened;
  dieOfFaults(opened, die);
  const undo: Undo[] = [() => opened.close()];
  try {
    const serving = await prepare(settings, emit, undo);
    await told(null);
    serving.announce();
    await serving.acceptor.serve();
    return true;
  } catch (thrown) {
    const reason = (thrown as Error).message;
    // Under a superserver nobody else learns of it.
    if (stderrIsClient) emit("start", { code: "start", reason });
    else if (thrown instanceof UsageFault) throw thrown;
    else await told(reason);
    return false;
  } finally {
    for (const one of undo.reverse()) await one();
  }
}

interface Serving {
  readonly acceptor: Acceptor;
  /** Tells what a person, or the log, should know at the start, and obeys signals from now on. */
  announce(): void;
}

/** Opens all that is needed to serve. @param undo gets what undoes it, step by step @throws Error, UsageFault */
async function prepare(settings: Settings, emit: Emit, undo: Undo[]): Promise<Serving> {
  const { process: own, log } = settings;
  const demo = settings.service.servers.demo ? await startDemo() : null;
  if (demo) undo.push(() => demo.close());
  const service = demo ? withServer(settings.service, demo.server) : settings.service;
  const memory = new Memory();
  undo.push(() => memory.close());
  const gateway = () => new Gateway(service, memory, emit, log.debug);
  const listener = new Listener(gateway(), own.drain);
  const daemon = service.listen.length > 0;
  const acceptor: Acceptor = daemon ? new Daemon(listener) : superserverOf(listener);
  const dropRoot = rootDropper(own.user, emit);
  const pidfile = daemon && own.pidfile !== undefined ? new Pidfile(own.pidfile) : null;
  if (pidfile) undo.push(() => pidfile.remove());
  if (daemon) await closeDebugger();
  await acceptor.open?.();
  dropRoot();
  pidfile?.write();
  return {
    acceptor,
    announce() {
      warn(listener.gateway, emit, daemon);
      closeDebuggerLater();
      // Under a superserver standard output may be the client.
      if (demo && daemon) process.stdout.write(demo.howTo(acceptor.ports?.[0] ?? 0));
      obeySignals({
        end(signal) {
          emit("end", { signal });
          void acceptor.close();
        },
        // A daemon has no terminal that could hang up: the signal makes it read its files again.
        reload: daemon || listener.gateway.files.length > 0 ? () => reload(listener, gateway, emit) : undefined,
      });
    },
  };
}

function withServer(service: Service, server: Service["servers"]["server"]): Service {
  return { ...service, servers: { ...service.servers, server } };
}

/** @throws UsageFault if no descriptor was passed that could be served, or not with the TLS that is set */
function superserverOf(listener: Listener): Superserver {
  try {
    return new Superserver(listener, passedDescriptors());
  } catch (thrown) {
    throw new UsageFault((thrown as Error).message);
  }
}

/** Finds the account to become while that can be told in time. @returns becomes it @throws Error if there is none */
function rootDropper(user: string, emit: Emit): () => void {
  if (!isRoot()) return () => {};
  if (accountOf(user).uid !== 0) {
    return () => {
      dropPrivileges(user);
      const warning = groupWarning(user);
      if (warning) emit("root", warning);
    };
  }
  return () => emit("root", { code: "root", reason: "-u root: the gateway stays root" });
}

/** New clients get a gateway that has read its files again; if it can't, they get the old one. */
function reload(listener: Listener, gateway: () => Gateway, emit: Emit): void {
  try {
    listener.gateway = gateway();
    emit("reload", {});
  } catch (thrown) {
    emit("reloadFailed", { code: "reload", reason: (thrown as Error).message });
  }
}

/** What prevents nothing now, but may surprise later. */
function warn({ warnings, files, service }: Gateway, emit: Emit, daemon: boolean): void {
  for (const warning of warnings) emit("warning", warning);
  const { clientLog } = service.access;
  if (clientLog !== undefined && !isPermitted(clientLog, constants.W_OK | constants.X_OK)) {
    emit("clientLogUnusable", { code: "client-log", reason: `${clientLog} can't be written` });
  }
  for (const file of daemon ? files : []) {
    if (isPermitted(file, constants.R_OK)) continue;
    emit("warning", { code: "unreadable", reason: `${file}: SIGHUP can't read it again, since only root can` });
  }
}

function isPermitted(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

/** What nothing has caught is a fault of the gateway: the log learns of it, the client does not. */
function dieOfFaults({ emit, close }: OpenLog, die: () => void): void {
  process.on("uncaughtException", (fault) => {
    emit("crash", { code: "internal", reason: fault?.message ?? String(fault), stack: fault?.stack });
    void close().finally(die);
  });
}
