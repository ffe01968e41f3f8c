/**
 * What the server says to one client: a command line in, the octets of the answer out, through the states
 * AUTHORIZATION, TRANSACTION and UPDATE of RFC 1939. It knows no socket. Lines are latin1 strings, so that each octet
 * of a name or a password survives. Sources: RFC 1939; LAST: RFC 1460; CAPA: RFC 2449; [AUTH]: RFC 3206.
 */

import type { Mail } from "./mail";
import type { Users } from "./users";

/** What all sessions of a server share. */
export interface Rules {
  readonly users: Users;
  /** The passwords that let in, whoever asks; latin1. */
  readonly passwords: ReadonlySet<string>;
  /** The lines that answer CAPA; null: there is no such command here. */
  readonly capabilities: readonly string[] | null;
}

type Answer = string | Buffer;

interface DemoCommand {
  readonly state: "AUTHORIZATION" | "TRANSACTION" | "both";
  readonly takes: Arguments;
  readonly answer: (dialogue: Dialogue, first: string, second: string) => Answer;
}

interface Arguments {
  readonly pattern: RegExp;
  readonly words: string;
}

const NOTHING: Arguments = { pattern: /^ *$/, words: "takes no argument" };
const NAME: Arguments = { pattern: /^(.*[^ ]) *$/, words: "takes a name" };
const PASSWORD: Arguments = { pattern: /^(.+)$/, words: "takes a password" };
const MESSAGE: Arguments = { pattern: /^ *([0-9]{1,10}) *$/, words: "takes a message number" };
const ANY_MESSAGE: Arguments = { pattern: /^ *([0-9]{1,10})? *$/, words: "takes at most one message number" };
const COUNT: Arguments = {
  pattern: /^ *([0-9]{1,10}) +([0-9]{1,10}) *$/,
  words: "takes a message number and a number of lines",
};

export class Dialogue {
  /** Whether the client said QUIT: nothing is to be answered any more. */
  over = false;

  readonly #rules: Rules;
  /** As USER gave it; "": not yet. */
  #user = "";
  /** The mails as they were at login, whose numbers hold all session long; null: not logged in. */
  #mails: readonly Mail[] | null = null;
  /** The numbers of those marked as deleted. */
  readonly #deleted = new Set<number>();
  #last = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** What is said first. */
  get greeting(): string {
    return "+OK POP3 sample server ready\r\n";
  }

  /** Answers a command line. @param line without its line end; null: one that was too long */
  answer(line: string | null): Answer {
    if (line === null) return "-ERR command line too long\r\n";
    if (/[\x00-\x1f\x7f]/.test(line)) return "-ERR control character in command\r\n";
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

  /** The client is gone: without QUIT nothing is deleted (RFC 1939, 6). Does nothing the second time. */
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
    // A copy: what is cut from a line would keep the whole chunk in memory as long as the maildrop is remembered.
    this.#user = Buffer.from(name, "latin1").toString("latin1");
    return "+OK password required\r\n";
  }

  #logIn(password: string): Answer {
    const user = this.#user;
    if (!user) return "-ERR give USER first\r\n";
    // Whatever comes of it, the next try begins with USER (RFC 1939, 7).
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

  /** RFC 1460 sets LAST back as well, to where it was at login; here that is 0, as nothing is kept of it. */
  #reset(): Answer {
    this.#deleted.clear();
    this.#last = 0;
    return `+OK maildrop has ${this.#total()}\r\n`;
  }

  #capabilities(): readonly string[] {
    return this.#rules.capabilities ?? [];
  }

  /** UPDATE, if there was a login: done before the answer is out, so that a new login finds it done. */
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
