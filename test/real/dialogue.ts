/**
 * A client of plain sockets: writes octets, reads lines and multi-line responses as they come, changes nothing.
 * Every wait has a limit.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** How long nothing may come, in milliseconds. */
const PATIENCE = 30_000;
const END = Buffer.from("\r\n.\r\n");

export class Dialogue {
  #chunks: Buffer[] = [];
  #ended = false;
  #wake = () => {};

  constructor(readonly socket: Socket) {
    socket.on("data", (octets: Buffer) => {
      this.#chunks.push(octets);
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** A connection whose greeting has been read. */
  static async open(port: number): Promise<Dialogue> {
    const dialogue = new Dialogue(connect(port, "127.0.0.1"));
    await once(dialogue.socket, "connect");
    assert.match(await dialogue.line(), /^\+OK/);
    return dialogue;
  }

  /** A session in TRANSACTION. */
  static async login(port: number, user: string, password: string): Promise<Dialogue> {
    const dialogue = await Dialogue.open(port);
    assert.match(await dialogue.ask(`USER ${user}`), /^\+OK/);
    assert.match(await dialogue.ask(`PASS ${password}`), /^\+OK/);
    return dialogue;
  }

  /** Writes these lines at once. */
  send(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(""), "latin1");
  }

  /** The next line, without its CRLF. */
  async line(): Promise<string> {
    const line = (await this.#upTo(Buffer.from("\r\n"))).toString("latin1");
    return line.slice(0, -2);
  }

  /** Sends one command and reads its status line. */
  async ask(command: string): Promise<string> {
    this.send(command);
    return this.line();
  }

  /** Sends one command and reads its response, one line or many, with all line ends and dots as they came. */
  async response(command: string): Promise<Buffer> {
    const status = await this.ask(command);
    const line = Buffer.from(`${status}\r\n`, "latin1");
    if (!status.startsWith("+OK") || !/^(RETR|TOP|LIST$|UIDL$)/.test(command)) return line;
    const first = await this.#upTo(Buffer.from("\r\n"));
    return Buffer.concat([line, first.toString("latin1") === ".\r\n" ? first : await this.#upTo(END, first)]);
  }

  /** The mail of this number, un-stuffed. */
  async mail(number: number): Promise<Buffer> {
    const response = await this.response(`RETR ${number}`);
    assert.match(response.toString("latin1", 0, 3), /^\+OK/);
    return unstuffed(response.subarray(response.indexOf("\r\n") + 2));
  }

  /** Waits until the other side has closed; what it still said. */
  async end(): Promise<string> {
    await this.#until(() => this.#ended);
    return Buffer.concat(this.#chunks.splice(0)).toString("latin1");
  }

  /** Ends the session with QUIT. */
  async quit(): Promise<void> {
    assert.match(await this.ask("QUIT"), /^\+OK/);
    assert.equal(await this.end(), "");
  }

  async #upTo(end: Buffer, begun: Buffer = Buffer.alloc(0)): Promise<Buffer> {
    this.#chunks.unshift(begun);
    let searched = 0;
    let found = -1;
    await this.#until(() => {
      const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      this.#chunks = [all];
      found = all.indexOf(end, searched);
      searched = Math.max(0, all.length - end.length + 1);
      return found >= 0 || this.#ended;
    });
    assert.ok(found >= 0, `closed after ${this.#chunks[0]?.subarray(-200)}`);
    const all = this.#chunks.pop() as Buffer;
    this.#chunks.push(all.subarray(found + end.length));
    return all.subarray(0, found + end.length);
  }

  async #until(done: () => boolean): Promise<void> {
    let patience = true;
    const limit = setTimeout(() => {
      patience = false;
      this.#wake();
    }, PATIENCE);
    while (!done() && patience) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      if (patience) limit.refresh();
    }
    clearTimeout(limit);
    if (!patience) this.socket.destroy();
    assert.ok(patience, "silent for too long");
  }
}

/** A multi-line response's body without its end and without the dots that were put in front of dots. */
export function unstuffed(response: Buffer): Buffer {
  const body = response.toString("latin1").replace(/\.\r\n$/, "");
  return Buffer.from(body.replace(/(^|\r\n)\./g, "$1"), "latin1");
}
