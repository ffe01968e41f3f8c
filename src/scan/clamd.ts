/**
 * A client of clamd (clamd(8)): PING, VERSION and INSTREAM, each over a connection of its own. Only the exact answers
 * count; everything else, silence included, is a fault, so that nothing passes that was not found clean.
 */

import { connect, type Socket } from "node:net";
import { showHostPort } from "../base/address";
import { timeLimit } from "../base/timelimit";
import type { Until } from "../base/until";
import type { ClamdAddress, Limits } from "../config/settings";
import { survivesFailedWrites } from "../connection/connection";

/** What clamd says of a body: clean, infected with this, or larger than its StreamMaxLength. */
export type ClamdAnswer =
  | { readonly kind: "clean" | "oversize" }
  | { readonly kind: "infected"; readonly name: string };

/** The longest answer, in octets. */
const ANSWER_BOUND = 1024;

/** One clamd. */
export class Clamd {
  #ping: Promise<void> | null = null;

  constructor(
    private readonly address: ClamdAddress,
    private readonly limits: Pick<Limits, "ping" | "scan">,
  ) {}

  /** Where it listens, in words. */
  get place(): string {
    return "path" in this.address ? this.address.path : showHostPort(this.address.host, this.address.port);
  }

  /** Whether it answers. Sessions that ask at the same time share one PING. @throws Error in words if it does not */
  ping(): Promise<void> {
    this.#ping ??= this.#exchange("PING", this.limits.ping)
      .then((answer) => {
        if (answer !== "PONG") throw strange(answer);
      })
      .finally(() => {
        this.#ping = null;
      });
    return this.#ping;
  }

  /** The version of it and of its signatures. @throws Error in words */
  version(): Promise<string> {
    return this.#exchange("VERSION", this.limits.ping);
  }

  /**
   * Has a body scanned.
   *
   * @param body its chunks; the memory of a chunk may be used again when the next one is asked for
   * @param until gives up, with its reason
   * @throws Error in words if clamd gives no verdict; the reason of `until`
   */
  async scan(body: AsyncIterable<Buffer>, until: Until): Promise<ClamdAnswer> {
    let whole = false;
    async function* counted() {
      yield* body;
      whole = true;
    }
    const answer = await this.#exchange("INSTREAM", this.limits.scan, counted(), until);
    if (answer === "stream: OK" && whole) return { kind: "clean" };
    if (answer === "INSTREAM size limit exceeded. ERROR") return { kind: "oversize" };
    const [, name] = /^stream: (.+) FOUND$/.exec(answer) ?? [];
    if (name === undefined) throw strange(answer);
    return { kind: "infected", name };
  }

  /** Says a command, and the body behind it. @param limit for all of it, in milliseconds @returns the answer */
  async #exchange(command: string, limit: number, body?: AsyncIterable<Buffer>, until?: Until): Promise<string> {
    until?.throwIfAborted();
    const socket = connect({ ...this.address, noDelay: true });
    const giveUp = () => socket.destroy(until?.reason as Error);
    until?.addEventListener("abort", giveUp);
    const endLimit = timeLimit(limit, () => socket.destroy(new Error("no answer in time")));
    try {
      const answer = answerOf(socket);
      const sent = send(socket, command, body);
      // A fault of the body, such as that of a file; one of the socket is the answer's, too.
      return await Promise.race([answer, sent.then(() => answer)]);
    } finally {
      endLimit();
      until?.removeEventListener("abort", giveUp);
      socket.destroy();
    }
  }
}

/**
 * Sends a command, and its body as INSTREAM wants it: chunks, each behind its length, and an empty one. clamd may answer
 * and close before it has read all: then the rest is not sent, and the write that fails must not destroy the answer.
 */
async function send(socket: Socket, command: string, body?: AsyncIterable<Buffer>): Promise<void> {
  let failed = false;
  const writeFailed = () => {
    failed = true;
  };
  survivesFailedWrites(socket, { writeFailed, writeOver() {} });
  socket.write(`z${command}\0`);
  if (!body) return;
  const length = Buffer.alloc(4);
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    if (failed || !socket.writable) return;
    length.writeUInt32BE(chunk.length);
    socket.cork();
    socket.write(Buffer.from(length));
    const written = new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
    socket.uncork();
    await written;
  }
  if (!failed && socket.writable) socket.write(Buffer.alloc(4));
}

/** The answer, up to its NUL. */
function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    socket.on("data", (octets: Buffer) => {
      heard += octets.toString("latin1");
      const end = heard.indexOf("\0");
      if (end >= 0) resolve(heard.slice(0, end));
      else if (heard.length > ANSWER_BOUND) reject(strange(heard));
    });
    socket.on("error", reject);
    socket.on("end", () => reject(new Error("it has closed the connection without an answer")));
    socket.on("close", () => reject(new Error("it has closed the connection without an answer")));
  });
}

function strange(answer: string): Error {
  return new Error(`it answers: ${answer.slice(0, ANSWER_BOUND)}`);
}
