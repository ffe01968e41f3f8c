/**
 * The sample server's dialogue with one client, without the socket: it takes a command line and gives the octets of the
 * answer, through the states AUTHORIZATION, TRANSACTION and UPDATE of RFC 1939. Lines are latin1 strings, so that no
 * octet of a name or a password changes. Sources: RFC 1939; LAST: RFC 1460; CAPA: RFC 2449; [AUTH]: RFC 3206.
 */

import { hasControl } from "../protocol/octets";
import type { Mail } from "./mail";
import type { Users } from "./users";

/** What all sessions of a server have in common. */
export interface Rules {
  readonly users: Users;
  /** The passwords that are accepted, for any user name; latin1. */
  readonly passwords: ReadonlySet<string>;
  /** The lines of the answer to CAPA; null: the server does not know CAPA. */
  readonly capabilities: readonly string[] | null;
}

type Answer = string | Buffer;

interface DemoCommand {
  readonly state: "AUTHORIZATION" | "TRANSACTION" | "both";
  readonly takes: DemoArguments;
  readonly answer: (dialogue: Dialogue, first: string, second: string) => Answer;
}

interface DemoArguments {
  readonly pattern: RegExp;
  readonly words: string;
}

const NOTHING: DemoArguments = { pattern: /^ *$/, words: "takes no argument" };
const NAME: DemoArguments = { pattern: /^(.*[^ ]) *$/, words: "takes a name" };
const PASSWORD: DemoArguments = { pattern: /^(.+)$/, words: "takes a password" };
const MESSAGE: DemoArguments = { pattern: /^ *([0-9]{1,10}) *$/, words: "takes a message number" };
const ANY_MESSAGE: DemoArguments = { pattern: /^ *([0-9]{1,10})? *$/, words: "takes at most one message number" };
const COUNT: DemoArguments = {
  pattern: /^ *([0-9]{1,10}) +([0-9]{1,10}) *$/,
  words: "takes a message number and a number of lines",
};

/** One session. */
export class Dialogue {
  /** Whether the client has sent QUIT: later commands get no answer. */
  over = false;

  readonly #rules: Rules;
  /** The argument of USER; "": none was given yet. */
  #user = "";
  /** The mails at login; their numbers stay the same until the end of the session. null: not logged in. */
  #mails: readonly Mail[] | null = null;
  /** The numbers of the mails that are marked as deleted. */
  readonly #deleted = new Set<number>();
  /** The answer to LAST: the highest number of a mail that was retrieved (RFC 1460). */
  #last = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** The greeting, with its CRLF. */
  get greeting(): string {
    return "+OK POP3 sample server ready\r\n";
  }

  /** The answer to a command line. @param line latin1, without its line end; null: the line was too long */
  answer(line: string | null): Answer {
    if (line === null) return "-ERR command line too long\r\n";
    if (hasControl(line)) return "-ERR control character in command\r\n";
    const [, word = "", rest = ""] = /^([^ ]*) ?(.*)$/.exec(line) ?? [];
    const verb = word.toUpperCase();
    const row = Dialogue.#commands.get(verb);
    if (!row || (verb === "CAPA" && !this.#rules.capabilities)) return "-ERR unknown command\r\n";
    const parts = row.takes.pattern.exec(rest);
    if (!parts) return `-ERR ${verb} ${row.takes.words}\r\n`;
    if (row.state === "AUTHORIZATION" && this.#mails) return "-ERR already logged in\r\n";
    if (row.state === "TRANSACTION" && !this.#mails) return "-ERR login first\r\n";
    return row.answer(this, parts[1] ?? "", parts[2] ?? "");
  }

  /** Ends the session; without a QUIT before, no mail is deleted (RFC 1939, 6). A second call does nothing. */
  end(): void {
    if (this.#mails) this.#rules.users.unlock(this.#user, this.#mails);
    this.#mails = null;
  }

  /** The one list of commands. */
  static readonly #commands: ReadonlyMap<string, DemoCommand> = new Map<string, DemoCommand>([
    ["USER", { state: "AUTHORIZATION", takes: NAME, answer: (it, name) => it.#name(name) }],
    ["PASS", { state: "AUTHORIZATION", takes: PASSWORD, answer: (it, password) => it.#logIn(password) }],
    ["STAT", { state: "TRANSACTION", takes: NOTHING, answer: (it) => it.#stat() }],
    ["LIST", { state: "TRANSACTION", takes: ANY_MESSAGE, answer: (it, n) => it.#list(n, (mail) => `${mail.size}`) }],
    ["UIDL", { state: "TRANSACTION", takes: ANY_MESSAGE, answer: (it, n) => it.#list(n, (mail) => mail.uid) }],
    ["RETR", { state: "TRANSACTION", takes: MESSAGE, answer: (it, n) => it.#retrieve(Number(n)) }],
    ["TOP", { state: "TRANSACTION", takes: COUNT, answer: (it, n, count) => it.#top(Number(n), Number(count)) }],
    ["DELE", { state: "TRANSACTION", takes: MESSAGE, answer: (it, n) => it.#delete(Number(n)) }],
    ["LAST", { state: "TRANSACTION", takes: NOTHING, answer: (it) => `+OK ${it.#last}\r\n` }],
    ["RSET", { state: "TRANSACTION", takes: NOTHING, answer: (it) => it.#reset() }],
    ["NOOP", { state: "TRANSACTION", takes: NOTHING, answer: () => "+OK\r\n" }],
    ["CAPA", { state: "both", takes: NOTHING, answer: (it) => multiline("capabilities follow", it.#capabilities()) }],
    ["QUIT", { state: "both", takes: NOTHING, answer: (it) => it.#quit() }],
  ]);

  #name(name: string): Answer {
    // A copy, since a slice of the line would keep the whole chunk in memory as long as `Users` has the name.
    this.#user = Buffer.from(name, "latin1").toString("latin1");
    return "+OK password required\r\n";
  }

  #logIn(password: string): Answer {
    const user = this.#user;
    if (!user) return "-ERR give USER first\r\n";
    // After a failed PASS the client begins again with USER (RFC 1939, 7).
    this.#user = "";
    if (!this.#rules.passwords.has(password)) return "-ERR [AUTH] wrong password\r\n";
    this.#mails = this.#rules.users.lock(user);
    if (!this.#mails) return "-ERR [IN-USE] another session has this maildrop\r\n";
    this.#user = user;
    return `+OK maildrop has ${this.#total()}\r\n`;
  }

  /** The mails that are not deleted, with their numbers. */
  #present(): [number, Mail][] {
    return (this.#mails ?? [])
      .map((mail, index): [number, Mail] => [index + 1, mail])
      .filter(([number]) => !this.#deleted.has(number));
  }

  #mail(number: number): Mail | undefined {
    return this.#deleted.has(number) ? undefined : this.#mails?.[number - 1];
  }

  #octets(): number {
    return this.#present().reduce((sum, [, mail]) => sum + mail.size, 0);
  }

  #total(): string {
    return `${this.#present().length} messages (${this.#octets()} octets)`;
  }

  #stat(): Answer {
    return `+OK ${this.#present().length} ${this.#octets()}\r\n`;
  }

  /** LIST and UIDL. @param number "": all of them */
  #list(number: string, fact: (mail: Mail) => string): Answer {
    if (number === "") {
      const lines = this.#present().map(([n, mail]) => `${n} ${fact(mail)}`);
      return multiline(this.#total(), lines);
    }
    const mail = this.#mail(Number(number));
    return mail ? `+OK ${Number(number)} ${fact(mail)}\r\n` : NO_SUCH_MESSAGE;
  }

  #retrieve(number: number): Answer {
    const mail = this.#mail(number);
    if (!mail) return NO_SUCH_MESSAGE;
    this.#last = Math.max(this.#last, number);
    return mail.whole;
  }

  #top(number: number, lines: number): Answer {
    return this.#mail(number)?.top(lines) ?? NO_SUCH_MESSAGE;
  }

  #delete(number: number): Answer {
    if (!this.#mail(number)) return NO_SUCH_MESSAGE;
    this.#deleted.add(number);
    return `+OK message ${number} deleted\r\n`;
  }

  /** RSET also sets LAST back to its value at login (RFC 1460): to 0, since no value is kept between sessions. */
  #reset(): Answer {
    this.#deleted.clear();
    this.#last = 0;
    return `+OK maildrop has ${this.#total()}\r\n`;
  }

  #capabilities(): readonly string[] {
    return this.#rules.capabilities ?? [];
  }

  /** The UPDATE state, after a login. It is done before the answer is sent, so that the next login sees the result. */
  #quit(): Answer {
    if (this.#mails) this.#mails = this.#present().map(([, mail]) => mail);
    this.end();
    this.over = true;
    return "+OK bye\r\n";
  }
}

const NO_SUCH_MESSAGE = "-ERR no such message\r\n";

function multiline(status: string, lines: readonly string[]): string {
  return `+OK ${status}\r\n${lines.map((line) => `${line}\r\n`).join("")}.\r\n`;
}
