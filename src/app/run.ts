/**
 * From a Config to a gateway that has served: first what only root can open, then root is dropped, then come clients.
 */

import { accessSync, constants } from "node:fs";
import type { Config } from "../config/settings";
import { UsageFault } from "../config/values";
import { Gateway } from "../gateway/gateway";
import type { Log } from "../log/line";
import { type OpenLog, openLog } from "../log/open";

/** A acceptor, as `run` needs it. */
interface Acceptor {
  /** Opens what root may have to open. @throws Error if it can't */
  open?(): Promise<void>;
  /** Serves until it is over. */
  serve(): Promise<void>;
  /** Ends it in an orderly way; called again, at once. */
  close(): Promise<void>;
  readonly ports?: readonly number[];
}

/** Who has called, and how to reach it. */
export interface Starter {
  /** Whether descriptor 2 is a client's connection. */
  readonly stderrIsClient: boolean;
  /** Learns why it can't serve, or null when it does. */
  told(fault: string | null): Promise<void>;
  /** Ends the process for a fault of ours. */
  die(): void;
}

/**
 * @returns whether it has served; then all is closed
 * @throws UsageFault
 */
export async function run(config: Config, { stderrIsClient, told, die }: Starter): Promise<boolean> {
  const opened = openLog({ ...config, foreground: config.foreground || config.debug, stderrIsClient });
  const { log } = opened;
  dieOfFaults(opened, die);
  const demo = config.demo ? await (require("../demo/demo") as typeof import("../demo/demo.js")).startDemo() : null;
  let gateway: Gateway;
  let acceptor: Acceptor;
  let pidfile: { write(): void; remove(): void } | null = null;
  try {
    gateway = new Gateway(demo ? { ...config, server: demo.server } : config, log);
    acceptor = doorOf(gateway);
    const dropRoot = rootDropper(config, log);
    pidfile = openPidfile(config);
    await acceptor.open?.();
    dropRoot();
    pidfile?.write();
  } catch (thrown) {
    pidfile?.remove();
    // Under a superserver nobody else learns of it.
    if (stderrIsClient) log("err", "start", { reason: (thrown as Error).message });
    await opened.close();
    if (stderrIsClient) return false;
    if (thrown instanceof UsageFault) throw thrown;
    await told((thrown as Error).message);
    return false;
  }
  await told(null);
  for (const reason of gateway.warnings) log("warning", "tls", { reason });
  // Under a superserver standard output may be the client.
  if (demo && config.listen.length > 0) process.stdout.write(demo.howTo(acceptor.ports?.[0] ?? 0));
  if (config.clientLog !== null && !isPermitted(config.clientLog, constants.W_OK | constants.X_OK)) {
    log("warning", "client-log", { reason: `${config.clientLog} can't be written` });
  }
  obeySignals(acceptor, gateway);
  await acceptor.serve();
  gateway.close();
  await demo?.close();
  pidfile?.remove();
  await opened.close();
  return true;
}

/** @throws UsageFault if there is nothing to serve */
function doorOf(gateway: Gateway): Acceptor {
  if (gateway.config.listen.length > 0) {
    const { Daemon } = require("../listen/daemon") as typeof import("../listen/daemon.js");
    return new Daemon(gateway);
  }
  const { passedDescriptors, Superserver } =
    require("../listen/superserver") as typeof import("../listen/superserver.js");
  try {
    return new Superserver(gateway, passedDescriptors());
  } catch (thrown) {
    throw new UsageFault((thrown as Error).message);
  }
}

/** Finds the account to become while that can be told in time. @returns becomes it @throws Error if there is none */
function rootDropper({ user }: Config, log: Log): () => void {
  const { accountOf, dropPrivileges, isRoot } =
    require("../process/privileges") as typeof import("../process/privileges.js");
  if (!isRoot()) return () => {};
  if (accountOf(user).uid === 0) return () => log("warning", "root", { reason: "-u root: serves as root" });
  return () => dropPrivileges(user);
}

function isPermitted(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function openPidfile({ pidfile, listen }: Config): { write(): void; remove(): void } | null {
  if (pidfile === null || listen.length === 0) return null;
  const { Pidfile } = require("../process/pidfile") as typeof import("../process/pidfile.js");
  return new Pidfile(pidfile);
}

function obeySignals(acceptor: Acceptor, gateway: Gateway): void {
  const { log, config } = gateway;
  const { listen, certificates } = config;
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      log("notice", "end", { signal });
      void acceptor.close();
    });
  }
  // Else Node would open its debugger, to anybody on this machine; log rotation likes to send this one.
  process.on("SIGUSR1", () => {});
  // A daemon has no terminal that could hang up: it reads its certificates again.
  if (listen.length === 0 && certificates.length === 0) return;
  if (listen.length > 0) {
    for (const file of gateway.reloaded.filter((file) => !isPermitted(file, constants.R_OK))) {
      log("warning", "tls", { reason: `${file}: SIGHUP can't read it again, since only root can` });
    }
  }
  process.on("SIGHUP", () => {
    try {
      gateway.reload();
      log("notice", "reload", {});
    } catch (thrown) {
      log("err", "reload", { reason: (thrown as Error).message });
    }
  });
}

/** What nobody has caught is a fault of ours: the log learns of it, the client does not. */
function dieOfFaults({ log, close }: OpenLog, die: () => void): void {
  process.on("uncaughtException", (fault) => {
    log("err", "crash", { reason: fault?.message ?? String(fault), stack: fault?.stack });
    void close().finally(die);
  });
}
