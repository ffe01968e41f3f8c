/**
 * The status lines of a server, read with tolerance where nothing can be misread: empty lines before or behind a
 * response, a "." behind a response that is one line, and a last line without a line end. Each kind is logged once.
 */

import type { Connection, InputLine } from "../connection/connection";
import { isStatus, SERVER_STATUS_LIMIT } from "../protocol/response";

/** What servers get wrong and the gateway tolerates: `code=` of the log. Each has its line in the manual. */
export const TOLERATED_CODES = [
  "auth-answer",
  "empty-line",
  "end-by-silence",
  "greeting-line",
  "lone-dot",
  "no-line-end",
  "no-utf8",
  "no-xclient",
] as const;

type ToleratedCode = (typeof TOLERATED_CODES)[number];

/** Told what was tolerated. */
type Tolerated = (code: ToleratedCode, reason: string) => void;

/** Whether a last line without a line end is a response. */
type Counts = (line: string) => boolean;

/** The most empty lines of one server in a session. */
const EMPTY_LINES = 8;

export class StatusLines {
  /** Called when octets were skipped: what arrived was not a response. */
  onSkipped = () => {};
  #empty = 0;
  #dotMayFollow = false;
  #told: Set<ToleratedCode> | null = null;

  constructor(
    readonly server: Connection,
    private readonly tolerated: Tolerated,
  ) {}

  /** The response that was read last is one line: a "." behind it is skipped. */
  dotMayFollow(): void {
    this.#dotMayFollow = true;
  }

  /**
   * The next line that is not skipped; null at the end of input. Gives a promise only if there is no line yet.
   *
   * @param counts whether a line that ends with the input, without a line end, is a response
   * @param limit the most octets of a line, with its line end
   * @throws Failure
   */
  next(counts: Counts, limit = SERVER_STATUS_LIMIT): InputLine | Promise<InputLine> {
    const line = this.nextLine(counts, limit);
    return line === undefined ? this.server.input.when(() => this.nextLine(counts, limit)) : line;
  }

  /** As `next`, without a wait; undefined: there is no line yet, and `onArrival` of the server's input is called. */
  nextLine(counts: Counts, limit = SERVER_STATUS_LIMIT): InputLine | undefined {
    for (;;) {
      const line = this.server.input.nextLine(limit);
      if (line === undefined) return undefined;
      if (line === null) return this.#lastLine(counts);
      if (!this.#isSkipped(line)) return line;
    }
  }

  /** Whether a line is none of a response, and is tolerated. */
  #isSkipped(line: InputLine): boolean {
    if (line === "" && this.#empty < EMPTY_LINES) {
      this.#empty++;
      this.tell("empty-line", "server sent an empty line");
    } else if (line === "." && this.#dotMayFollow) {
      this.#dotMayFollow = false;
      this.tell("lone-dot", 'server sent a "." behind a response that is one line');
    } else {
      this.#dotMayFollow = false;
      return false;
    }
    this.onSkipped();
    return true;
  }

  /** Logs once what was tolerated. */
  tell(code: ToleratedCode, reason: string): void {
    this.#told ??= new Set();
    if (this.#told.has(code)) return;
    this.#told.add(code);
    this.tolerated(code, reason);
  }

  /** What stands at the end of input without a line end, if it is a status line; null if not. */
  #lastLine(counts: Counts): string | null {
    const { input } = this.server;
    const { ahead } = input;
    if (!isStatus(ahead) || ahead.length > SERVER_STATUS_LIMIT || !counts(ahead)) return null;
    const line = input.lastLine();
    this.tell("no-line-end", "server sent its last line without a line end");
    return line.replace(/\r$/, "");
  }
}
