/** The process's signals (the manual's section "Signals"). */

/** The actions of signals. */
interface Orders {
  /** Called at SIGTERM and SIGINT. @param signal its name */
  end(signal: string): void;
  /** Called at SIGHUP; absent: SIGHUP has its default action. */
  readonly reload?: (() => void) | undefined;
}

/** Installs the handlers of signals. */
export function obeySignals({ end, reload }: Orders): void {
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => end(signal));
  // By default Node opens its debugger to all users of this machine; programs that rotate logs send this signal.
  process.on("SIGUSR1", () => {});
  if (reload) process.on("SIGHUP", reload);
}
