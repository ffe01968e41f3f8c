/** What is worth a warning to the administrator, though it prevents nothing. */
export interface Warning {
  /** In one stable word; each has its line in the manual's section "Codes". */
  readonly code: string;
  /** What is so, and of which file or option, in one line. */
  readonly reason: string;
}
