/** What the two loops of a transaction know of each other: the list between them, and its two sides. */

import type { Connection } from "../connection/connection";
import type { Command } from "../protocol/command";
import type { Bodies } from "./bodies";
import type { Session, SessionEnd } from "./session";
import type { StatusLines } from "./statuslines";

export interface Exchange {
  readonly session: Session;
  readonly client: Connection;
  readonly server: Connection;
  readonly statuses: StatusLines;
  readonly bodies: Bodies;
  /** What the client is owed, in order: unanswered commands, and the gateway's own answers behind them. */
  readonly due: (Command | string)[];
  /** Whether the session has ended: then no step is taken any more. */
  readonly over: boolean;
  /** Whether the server has said something that nobody asked for: then it gets no further command. */
  readonly stray: boolean;
  /** The mails that were handed on. */
  readonly responses: {
    /** Whether one of them may not have left for the client. */
    readonly mailUnsent: boolean;
    /**
     * Sends those that wait with other answers.
     *
     * @returns a promise if that takes time; they are sent behind it, or not
     * @throws Failure if the client does not read any more
     */
    sendMails(): Promise<void> | undefined;
  };
  /** Sets the clock of the side whose turn it is. */
  setDeadlines(): void;
  /** What is due has changed: the server may have room for a command. */
  nextTurn(): void;
  /** Ends both loops. */
  end(how: SessionEnd): void;
  /** Ends both loops. @param why what was thrown */
  fail(why: unknown): void;
}
