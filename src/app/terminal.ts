/** The person who has started the program: on a terminal, or by lines of standard input. */

import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";

/** The key that erases what is typed of a line. */
const ERASE = { ctrl: true, name: "u" };

export class Terminal {
  /** Whether a person sees prompts, and types. */
  readonly isTerminal = process.stdin.isTTY === true;
  readonly #reader: Interface;
  /** Lines that nobody has asked for yet. */
  readonly #lines: string[] = [];
  #waiting: ((line: string | null) => void) | null = null;
  #hidden = false;
  #over = false;

  constructor() {
    const { stdin, stderr } = process;
    const output = new Writable({
      write: (chunk, _encoding, done) => {
        if (!this.#hidden) stderr.write(chunk);
        done();
      },
    });
    // A history would give a password back to who presses a key.
    this.#reader = createInterface({ input: stdin, output, terminal: this.isTerminal, historySize: 0 });
    this.#reader.on("line", (line) => this.#give(line));
    this.#reader.once("close", () => {
      this.#over = true;
      this.#give(null);
    });
    // ^C is no signal while keys are read one by one. It ends the program, whatever that is waiting for.
    this.#reader.on("SIGINT", () => {
      this.close();
      process.kill(process.pid, "SIGINT");
    });
  }

  /** Shows a text. */
  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /**
   * Asks for a line. What a person has typed before the question is no answer to it.
   *
   * @param prompt shown on a terminal alone
   * @param hidden whether a terminal shows nothing of the answer
   * @returns latin1; null: there is none
   */
  async ask(prompt: string, hidden = false): Promise<string | null> {
    if (this.isTerminal) {
      this.#lines.length = 0;
      this.#reader.write(null, ERASE);
      process.stderr.write(prompt);
    }
    this.#hidden = hidden;
    const line = this.#lines.shift() ?? (this.#over ? null : await this.#next());
    this.#hidden = false;
    if (hidden && this.isTerminal) process.stderr.write("\n");
    return line === null ? null : Buffer.from(line).toString("latin1");
  }

  /** Takes a line of a program back, as the answer to the next question. @param line latin1 */
  takeBack(line: string): void {
    this.#lines.unshift(Buffer.from(line, "latin1").toString());
  }

  /** Asks no more; an answer that is waited for is null. */
  skip(): void {
    this.#give(null);
  }

  close(): void {
    this.#reader.close();
    process.stdin.destroy();
  }

  #next(): Promise<string | null> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #give(line: string | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) waiting(line);
    else if (line !== null) this.#lines.push(line);
  }
}

/** Asks for a password: on a terminal without an echo, else it is the first line of standard input. @returns latin1 */
export async function askPassword(): Promise<string> {
  const terminal = new Terminal();
  try {
    return (await terminal.ask("password: ", true)) ?? "";
  } finally {
    terminal.close();
  }
}
