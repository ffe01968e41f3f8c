/**
 * A POP3 server as some are: its lines end in a bare LF, in its mails and everywhere else ("everywhere"); or its mails have LF
 * as they are stored, and it ends them in "." CRLF, while all other lines have CRLF ("in mails").
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { stored } from "./mails";
import { password, type RealServer, user } from "./server";

export const bareLf = ["everywhere", "in mails"] as const;

export type BareLf = (typeof bareLf)[number];

/** Starts one with these mails, in this order, in joe's maildrop. */
export async function startLfServer(t: TestContext, mails: readonly Buffer[], lf: BareLf): Promise<RealServer> {
  let maildrop = mails.map((mail) => stored(mail).toString("latin1"));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    const session = new LfSession(maildrop, lf, (left) => {
      maildrop = left;
    });
    socket.write(session.greeting, "latin1");
    let unread = "";
    socket.on("data", (octets) => {
      const lines = (unread + octets.toString("latin1")).split(/\r?\n/);
      unread = lines.pop() as string;
      for (const line of lines) socket.write(session.answer(line), "latin1");
      if (session.over) socket.end();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return {
    port: (server.address() as AddressInfo).port,
    stored: () => maildrop.map((mail) => Buffer.from(mail, "latin1")),
  };
}

class LfSession {
  over = false;
  readonly #end: string;
  readonly #deleted = new Set<number>();
  #user = "";
  #open = false;

  constructor(
    private readonly mails: readonly string[],
    lf: BareLf,
    private readonly update: (left: string[]) => void,
  ) {
    this.#end = lf === "everywhere" ? "\n" : "\r\n";
  }

  get greeting(): string {
    return `+OK ready${this.#end}`;
  }

  answer(line: string): string {
    const [verb = "", ...rest] = line.split(" ");
    const answer = this.#open ? this.#transaction(verb, rest.map(Number)) : this.#authorization(verb, rest.join(" "));
    return answer ?? this.#say("-ERR no");
  }

  #say(...lines: string[]): string {
    return lines.map((line) => line + this.#end).join("");
  }

  #authorization(verb: string, argument: string): string | null {
    if (verb === "CAPA") return this.#say("+OK", "TOP", "UIDL", "USER", ".");
    if (verb === "QUIT") return this.#quit();
    if (verb === "USER") this.#user = argument;
    if (verb === "PASS") this.#open = this.#user === user && argument === password;
    return verb === "USER" || this.#open ? this.#say("+OK") : null;
  }

  #transaction(verb: string, [number, count = 0]: number[]): string | null {
    const there = [...this.mails.keys()].map((index) => index + 1).filter((one) => !this.#deleted.has(one));
    const mail = number !== undefined && there.includes(number) ? this.mails[number - 1] : undefined;
    const line = (one: number) => `${one} ${verb === "UIDL" ? `id${one}` : this.#size(one)}`;
    if (verb === "QUIT") return this.#quit();
    if (verb === "NOOP") return this.#say("+OK");
    if (verb === "CAPA") return this.#say("+OK", "TOP", "UIDL", ".");
    if (verb === "STAT")
      return this.#say(`+OK ${there.length} ${there.reduce((sum, one) => sum + this.#size(one), 0)}`);
    if ((verb === "LIST" || verb === "UIDL") && number === undefined) return this.#say("+OK", ...there.map(line), ".");
    if (mail === undefined || number === undefined) return null;
    if (verb === "LIST" || verb === "UIDL") return this.#say(`+OK ${line(number)}`);
    if (verb === "RETR") return this.#mail(mail);
    if (verb === "TOP") return this.#mail(top(mail, count));
    if (verb !== "DELE") return null;
    this.#deleted.add(number);
    return this.#say("+OK");
  }

  #quit(): string {
    this.over = true;
    if (this.#open) this.update(this.mails.filter((_, index) => !this.#deleted.has(index + 1)));
    return this.#say("+OK bye");
  }

  /** RFC 1939 counts a line end as two octets (11). */
  #size(number: number): number {
    return (this.mails[number - 1] as string).replaceAll("\n", "\r\n").length;
  }

  #mail(mail: string): string {
    return `${this.#say("+OK")}${mail.replace(/^\./gm, "..")}.${this.#end}`;
  }
}

/** The header, and so many lines of the body. */
function top(mail: string, count: number): string {
  const body = mail.indexOf("\n\n") + 2;
  const lines = mail.slice(body).split(/(?<=\n)/);
  return mail.slice(0, body) + lines.slice(0, count).join("");
}
