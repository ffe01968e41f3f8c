/**
 * Client lines that become commands or are refused: what is not permitted is counted, and named in the log without
 * giving a secret away.
 */

import {
  type Command,
  masked,
  nameOf,
  type Optional,
  parseCommand,
  type Rejection,
  type State,
} from "../protocol/command";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** An AUTH of any kind. */
const AUTH = /^auth(?: |\r?\n|$)/i;

/** Commands that are not permitted: so many in a session are answered, one more ends it. */
const LIMIT = 5;

export class Unsupported {
  #count = 0;
  /** A refused AUTH, and since then nothing that is a command: the next line may be the secret that goes with it. */
  #afterAuth = false;

  /** @param found told of each command that is not permitted, by a name that gives no secret away */
  constructor(private readonly found: (name: string) => void) {}

  /** A line of the client as a command in this state, or why it is not carried out. The parameters are parseCommand's. */
  parse(line: string, state: State, opened: readonly Optional[], octets: number): Command | Rejection {
    const parsed = parseCommand(line, state, opened, octets);
    if (parsed.kind === "overlong") return this.overlong(line);
    const secret = this.#afterAuth;
    const unsupported = parsed.kind === "unsupported";
    // AUTH LOGIN, sent blindly, is followed by two lines: the user and the password.
    this.#afterAuth = unsupported && (secret || AUTH.test(line));
    if (!unsupported) return parsed;
    this.found(nameOf(line, secret));
    this.#count++;
    return this.tooMany ? { kind: "unsupported", reply: replies.tooManyUnsupported } : parsed;
  }

  /** A line that is too long to be a command. @param beginning what is there of it */
  overlong(beginning: string): Rejection {
    this.#afterAuth ||= AUTH.test(beginning);
    return { kind: "overlong", reply: replies.lineTooLong };
  }

  /** A line as a trace may show it. */
  masked(line: string): string {
    return masked(line, this.#afterAuth);
  }

  /** Whether the last command that is not permitted was one too many. */
  get tooMany(): boolean {
    return this.#count > LIMIT;
  }

  /** How the session ends when `tooMany` says so. */
  failure(): Failure {
    return new Failure("client", "unsupported", "too many unsupported commands", replies.tooManyUnsupported);
  }
}
