/** What must hold of every dialogue. It sees what the peers said and heard, and the log. */

import type { Reading, Reply } from "./model";
import { base64, decode, type Login, MECHANISMS, type Mechanism, read } from "./sasl";
import type { Server } from "./server";
import { HANDSHAKE } from "./wire";

/** What the gateway knows of a login when it connects to a server. */
export interface Expected extends Login {
  readonly mechanism: Mechanism | null;
  readonly utf8: boolean;
  /** Whether servers that offer XCLIENT get it, and whether STLS is required of them. */
  readonly xclient: boolean;
  readonly starttls: boolean;
}

const STATUS = /(?:\+OK|-ERR)[\t -~\x80-\xff]{0,507}\r\n/y;
/** After the login: status lines, and lines of responses, which no status line is; who leaves inside one has a part. */
const DIALOGUE =
  /^(?:(?:\+OK|-ERR)[\t -~\x80-\xff]{0,507}\r\n|(?![+-])[\t -~\x80-\xff]{0,510}\r\n)*(?:(?![+-])[\t -~\x80-\xff]{0,510}\r?)?$/;
const FORWARDED =
  /^(?:STAT|NOOP|RSET|LAST|QUIT|CAPA|(?:LIST|UIDL)(?: [1-9]\d{0,9})?|(?:RETR|DELE) [1-9]\d{0,9}|TOP [1-9]\d{0,9} (?:0|[1-9]\d{0,9}))$/;
const XCLIENT =
  /^XCLIENT ADDR=192\.0\.2\.1 PORT=\d+ DESTADDR=192\.0\.2\.2 DESTPORT=110 SESSION=[\w.]+ CLIENT-TRANSPORT=(?:TLS|insecure)$/;

/**
 * What is wrong with what a client heard; null: nothing.
 *
 * @param whole whether all that it said was read
 * @param sane whether the server makes no mistakes: in a body there may be any octets
 */
export function clientFault(
  heard: string,
  { replies, login }: Reading,
  { whole, sane }: { readonly whole: boolean; readonly sane: boolean },
): string | null {
  let at = 0;
  for (const [index, reply] of replies.entries()) {
    const length = matchAt(heard, at, reply);
    if (length === 0) return at === heard.length && !whole ? null : `answer ${index} is not ${reply}`;
    at += length;
  }
  const rest = heard.slice(at);
  if (rest === "") return login && whole ? "no answer to the credentials" : null;
  const shown = JSON.stringify(rest.slice(0, 1000));
  if (!login) return `more than all answers: ${shown}`;
  if (matchAt(rest, 0, STATUS) === 0) return `no status line to the credentials: ${shown}`;
  return !sane || DIALOGUE.test(rest) ? null : `not POP3: ${shown}`;
}

function matchAt(text: string, at: number, reply: Reply): number {
  if (typeof reply === "string") return text.startsWith(reply, at) ? reply.length : 0;
  reply.lastIndex = at;
  return reply.exec(text)?.[0].length ?? 0;
}

/** What is wrong with what a server heard; null: nothing. @param rest what the client had said behind its login */
export function serverFault(server: Server, expected: Expected | null, rest: string): string | null {
  const leg = new ServerLeg(server, rest);
  if (!expected) return "there are no credentials for a server";
  if (server.fragment !== "") return `half a line: ${JSON.stringify(server.fragment)}`;
  try {
    leg.follow(expected);
    return null;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

class ServerLeg {
  #line = 0;
  /** Where the answer that is next begins. */
  #at = 0;

  constructor(
    private readonly server: Server,
    private readonly rest: string,
  ) {}

  follow(expected: Expected): void {
    const greeting = this.#answer();
    this.#skipBanner();
    let { line } = this;
    if (line === undefined) return;
    if (!greeting.startsWith("+OK")) throw new Error("a command behind a greeting that refuses");
    if (expected.starttls) {
      if (!this.#capabilities("CAPA").has("STLS") && this.line !== undefined) throw new Error("STLS is not offered");
      if (!this.#ask("STLS").startsWith("+OK") && this.line !== undefined) throw new Error("STLS is refused");
      if (this.server.said[this.#at] === HANDSHAKE) this.#at++;
      else if (this.line !== undefined) throw new Error("no handshake");
    }
    line = this.line;
    if (line?.startsWith("XCLIENT")) {
      if (!expected.xclient || !/XCLIENT/.test(greeting) || !XCLIENT.test(line)) throw new Error(`wrong: ${line}`);
      this.#ask(line);
    }
    if (expected.utf8) this.#ask("UTF8");
    this.#login(expected);
    const client = this.rest.split(/\r?\n/).map(canonical);
    for (line = this.line; line !== undefined; line = this.line) {
      const at = client.indexOf(line);
      if (at < 0 || !FORWARDED.test(line)) throw new Error(`not a command of the client: ${JSON.stringify(line)}`);
      client.splice(0, at + 1);
      this.#line++;
    }
  }

  get line(): string | undefined {
    return this.server.heard[this.#line]?.line;
  }

  #login(expected: Expected): void {
    const { user, secret, token, mechanism } = expected;
    const way = mechanism === null ? "USER" : wayOf(token ? mechanism : null, this.#capabilities("CAPA"));
    if (this.line === undefined) return;
    let answer: string;
    if (way === "USER") {
      answer = this.#ask(`USER ${user}`);
      if (this.line !== undefined && !answer.startsWith("+OK")) throw new Error("a password behind a refused USER");
      answer = this.#ask(`PASS ${secret}`);
    } else if (way === null) {
      throw new Error("a command to a server that takes no such login");
    } else {
      answer = this.#exchange(way, expected);
    }
    if (this.line !== undefined && !answer.startsWith("+OK")) throw new Error("a command without a login");
  }

  #exchange(way: Mechanism, { user, secret }: Login): string {
    const prompt = this.#ask(`AUTH ${way}`);
    const { line } = this;
    if (line === undefined) return prompt;
    if (!isChallenge(prompt) && !prompt.startsWith("+OK")) throw new Error("a response without a challenge");
    const decoded = decode(line);
    const login = decoded === null ? null : read(way, decoded);
    if (login?.user !== user || login.secret !== secret) throw new Error(`wrong response: ${JSON.stringify(line)}`);
    let answer = this.#ask(line);
    const ends = [{ PLAIN: "*", OAUTHBEARER: "AQ==", XOAUTH2: "" }[way], "*"];
    for (let count = 0; count < 2 && this.line !== undefined && ends.includes(this.line); count++) {
      let challenged = isChallenge(answer);
      for (; this.#more; challenged ||= isChallenge(answer)) answer = this.#answer();
      if (!challenged) throw new Error(`${JSON.stringify(this.line)} without a challenge`);
      this.#line++;
      if (isChallenge(answer)) answer = this.#answer();
    }
    while (isChallenge(answer) && this.#more) answer = this.#answer();
    return answer;
  }

  /** Whether there is more of what the server had said before the next line. */
  get #more(): boolean {
    const next = this.server.heard[this.#line]?.after ?? this.server.said.length;
    return /[^\r\n]/.test(this.server.said.slice(this.#at, next));
  }

  /** Takes a line, if the server has heard it. @returns its answer */
  #ask(command: string): string {
    const { line } = this;
    if (line === undefined) return "";
    if (line !== command) throw new Error(`${JSON.stringify(line)} instead of ${JSON.stringify(command)}`);
    const { after } = this.server.heard[this.#line] as { after: number };
    if (after < this.#at) throw new Error(`${JSON.stringify(line)} before the answer to what was asked before`);
    this.#checkTurn();
    this.#line++;
    return this.#answer();
  }

  /** The server got a line: it may not have said anything behind its last answer in the same segment. */
  #checkTurn(): void {
    const end = this.server.ends.find((one) => one >= this.#at) ?? this.#at;
    const extra = this.server.said.slice(this.#at, end);
    const whole = this.server.ends.includes(this.#at) || this.#at === 0;
    if (!whole && /[^\r\n]/.test(extra)) throw new Error(`the server spoke out of turn: ${JSON.stringify(extra)}`);
  }

  /** The next line that is not empty; "": there is none. */
  #answer(): string {
    const { said } = this.server;
    while (/^\r?\n/.test(said.slice(this.#at, this.#at + 2))) this.#at = said.indexOf("\n", this.#at) + 1;
    const next = said.indexOf("\n", this.#at);
    const line = said.slice(this.#at, next < 0 ? undefined : next + 1);
    this.#at += line.length;
    return line.replace(/\r?\n$/, "");
  }

  /** Whole lines in the segment of the greeting are no answers. */
  #skipBanner(): void {
    const end = this.server.ends.find((one) => one > this.#at - 1) ?? this.#at;
    const behind = this.server.said.slice(this.#at, end);
    this.#at += behind.lastIndexOf("\n") + 1;
  }

  /** The capabilities in the answer to this command; each name, and "SASL x" for each mechanism. */
  #capabilities(command: string): Set<string> {
    const found = new Set<string>();
    const status = this.#ask(command);
    if (!status.startsWith("+OK")) return found;
    found.add("+OK");
    for (;;) {
      const next = this.server.said.indexOf("\n", this.#at);
      if (next < 0) return found;
      const line = this.server.said.slice(this.#at, next).replace(/\r$/, "");
      this.#at = next + 1;
      if (line === ".") return found;
      const [name = "", ...words] = line
        .replace(/[\0\r]/g, "")
        .toUpperCase()
        .split(/[ \t]+/);
      found.add(name);
      if (name === "SASL") for (const word of words) found.add(`SASL ${word}`);
    }
  }
}

/** How a login is said to a server that lists this. @param token the token's mechanism; null: it is a password */
function wayOf(token: Mechanism | null, listed: ReadonlySet<string>): Mechanism | "USER" | null {
  if (token) return [token, MECHANISMS[1], MECHANISMS[2]].find((one) => listed.has(`SASL ${one}`)) ?? null;
  if (listed.has("USER")) return "USER";
  if (listed.has("SASL PLAIN")) return "PLAIN";
  return listed.has("SASL") || listed.has("STLS") ? null : "USER";
}

function isChallenge(line: string): boolean {
  return line === "+" || line.startsWith("+ ");
}

/** A client's command as a server gets it. */
function canonical(line: string): string {
  return line
    .toUpperCase()
    .replace(/ +/g, " ")
    .replace(/ $/, "")
    .replace(/ 0+(?=\d)/g, " ");
}

/** The texts that show a secret with this core: itself, and base64 with it in it, wherever it begins there. */
export function tracesOf(core: string): string[] {
  const shifted = ["", "x", "xx"].map((before) => {
    const whole = base64(before + core).replace(/=+$/, "");
    return whole.slice(before === "" ? 0 : before.length + 1, -1);
  });
  return [core, ...shifted];
}
