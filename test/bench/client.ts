/**
 * The load of a bench: clients that only count.
 */

import { connect, type Socket } from "node:net";

/** A client that looks at the end of each answer and at nothing else. */
export class Client {
  #socket: Socket;
  #tail = "";
  #done: (() => void) | null = null;
  #failed: ((reason: Error) => void) | null = null;
  #end = "\r\n";

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => {
      this.#tail = (this.#tail + chunk.toString("latin1", Math.max(0, chunk.length - 5))).slice(-5);
      if (this.#tail.endsWith(this.#end)) this.#done?.();
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => this.#failed?.(new Error("the connection was closed before the answer")));
  }

  /** Says a line, and waits for what ends its answer. Rejects if the connection is closed first. */
  async ask(line: string | null, end = "\r\n"): Promise<void> {
    this.#tail = "";
    this.#end = end;
    const answered = new Promise<void>((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
    });
    if (line !== null) this.#socket.write(`${line}\r\n`);
    await answered;
  }

  /** Says lines at once, and waits for as many answers. @param end what ends each, and stands nowhere else in them */
  async askAll(lines: readonly string[], end = "\r\n"): Promise<void> {
    let missing = lines.length;
    let rest = "";
    const answered = new Promise<void>((resolve, reject) => {
      this.#failed = reject;
      const count = (chunk: Buffer) => {
        const parts = (rest + chunk.toString("latin1")).split(end);
        rest = (parts.pop() as string).slice(1 - end.length);
        missing -= parts.length;
        if (missing > 0) return;
        this.#socket.off("data", count);
        resolve();
      };
      this.#socket.on("data", count);
    });
    this.#socket.write(lines.map((line) => `${line}\r\n`).join(""));
    await answered;
  }

  async logIn(user: string): Promise<void> {
    await this.ask(null);
    await this.ask(`USER ${user}`);
    await this.ask("PASS demo");
  }

  close(): void {
    this.#socket.destroy();
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
