/**
 * Parses the client's lines for one session. Commands that are not permitted are counted, and logged without secrets.
 */

import { type Command, masked, type Optional, parseCommand, type Rejection, type State } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { nameOf } from "../protocol/foreign";
import { replies } from "../protocol/replies";

/** An AUTH command of any mechanism, also behind octets that are none of a command, such as those of telnet. */
const AUTH = /^[^a-z0-9]*auth(?![a-z0-9])/i;

/** How many commands that are not permitted a session may have; one more ends it. */
const LIMIT = 5;

/** The commands of a session that are not permitted. */
export class Unsupported {
  #count = 0;
  /** Whether AUTH was refused and no permitted command has followed: the next line may be AUTH's response. */
  #afterAuth = false;

  /** @param found called for each command that is not permitted, with a name for the log */
  constructor(private readonly found: (name: string) => void) {}

  /** A line of the client as a command in this state, or why it is not carried out. The parameters are parseCommand's. */
  parse(line: string, state: State, opened: readonly Optional[], octets: number): Command | Rejection {
    const parsed = parseCommand(line, state, opened, octets);
    if (parsed.kind === "overlong") return this.overlong(line);
    const secret = this.#afterAuth;
    const unsupported = parsed.kind === "unsupported";
    // A client that does not wait for the answer to AUTH LOGIN sends two more lines: the user and the password.
    this.#afterAuth = parsed.kind !== "command" && (secret || AUTH.test(line));
    if (!unsupported) return parsed;
    this.found(nameOf(line, secret));
    this.#count++;
    return this.tooMany ? { kind: "unsupported", reply: replies.tooManyUnsupported } : parsed;
  }

  /** To be called when a permitted AUTH was refused. */
  refusedAuth(): void {
    this.#afterAuth = true;
  }

  /** The refusal of a line that is too long. @param beginning the octets of the line that have arrived */
  overlong(beginning: string): Rejection {
    this.#afterAuth ||= AUTH.test(beginning);
    return { kind: "overlong", reply: replies.lineTooLong };
  }

  /** A line for the trace, with secrets masked. */
  masked(line: string): string {
    return masked(line, this.#afterAuth);
  }

  /** Whether the limit is exceeded. */
  get tooMany(): boolean {
    return this.#count > LIMIT;
  }

  /** The Failure of a session in which the limit is exceeded. */
  failure(): Failure {
    return new Failure("client", "unsupported", "too many unsupported commands", replies.tooManyUnsupported);
  }
}
