/** What signals do (the manual's section "Signals"). */

/** What a signal may ask for. */
export interface Orders {
  /** SIGTERM, SIGINT. @param signal its name */
  end(signal: string): void;
  /** SIGHUP; absent: the signal does what it does to any process. */
  readonly reload?: (() => void) | undefined;
}

/** From now on the process obeys signals. */
export function obeySignals({ end, reload }: Orders): void {
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => end(signal));
  if (reload) process.on("SIGHUP", reload);
}
