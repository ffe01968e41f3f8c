/** A warning to the administrator: a fault that does not prevent the start. */
export interface Warning {
  /** A code that does not change. The manual's section "Codes" has a line for each. */
  readonly code: string;
  /** What is wrong, with the file or the option, in one line. */
  readonly reason: string;
}
