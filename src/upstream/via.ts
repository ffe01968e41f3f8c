/**
 * A connection to a server through a command: its standard input and output, as OpenSSH's ProxyCommand has it (the
 * manual's section "Through a Command"). The command's process group ends with the connection.
 */

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { reasonOf } from "../base/faults";
import type { Until } from "../base/until";
import { Connection } from "../connection/connection";
import { PipePair } from "../connection/pair";
import { accountEnvironment, passLines, type Starts, signalGroup } from "../process/children";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import type { Place } from "../session/needs";
import { hasClosed, type Speaking, untilSpoken } from "./speaking";

/** How long a process group has to end after SIGTERM, in milliseconds. */
const GRACE = 1000;

/** A command that is to be a connection. */
interface ViaCall extends Speaking {
  /** The program and its arguments, with `%h`, `%p` and `%%` in them. */
  readonly argv: readonly string[];
  /** Called with each line of the command's stderr (latin1). */
  said(line: string): void;
  /** Called when the command has ended. @param how its exit status or signal, in words */
  ended(how: string): void;
}

/** How long after a fault of the connection the end of its command is waited for, which tells why; in milliseconds. */
const LAST_WORDS = 200;

/** The commands that run. */
export class Commands {
  readonly #groups = new Set<number>();

  constructor(private readonly starts: Starts) {}

  /**
   * Starts a command, and waits until a server speaks through it, or for the handshake where TLS comes first.
   *
   * @param until gives up, with its reason
   * @throws the reason of `until`; Failure with what the command said last
   */
  async dial(call: ViaCall, until: Until): Promise<Connection> {
    while (this.starts.wait > 0 && !until.aborted) await pause(this.starts.wait);
    until.throwIfAborted();
    const running = this.#start(call);
    const { connection } = running;
    try {
      await untilSpoken(connection, call, until);
      running.established = true;
      return connection;
    } catch (thrown) {
      const failure = until.aborted ? until.reason : await running.failure(Failure.of(thrown));
      connection.destroy();
      throw failure;
    }
  }

  /** Ends all commands. */
  close(): void {
    for (const group of this.#groups) signalGroup(group, "SIGKILL");
  }

  /** @throws Failure if the system can't start it */
  #start(call: ViaCall): RunningCommand {
    const [program = "", ...words] = expanded(call.argv, call.place);
    const env = accountEnvironment();
    try {
      const child = this.starts.now(() => spawn(program, words, { env, detached: true, stdio: "pipe" }));
      // Without a free descriptor the child has no pipes, and Node reports the same fault once more, later.
      if (!child.stdout) {
        child.once("error", () => {});
        throw Object.assign(new Error("no descriptor for its pipes"), { code: "EMFILE" });
      }
      if (child.pid !== undefined) this.#groups.add(child.pid);
      return new RunningCommand(child, program, call, (ends) => this.#finish(child.pid, ends));
    } catch (thrown) {
      const reason = `${program}: ${reasonOf(thrown as Error)}`;
      throw new Failure("gateway", "command", reason, replies.serverUnreachable);
    }
  }

  /** Ends the process group of a command whose connection has closed. @param ends whether it is about to end by itself */
  async #finish(group: number | undefined, ends: boolean): Promise<void> {
    if (group === undefined) return;
    if (ends) await pause(GRACE, undefined, { ref: false });
    signalGroup(group, "SIGTERM");
    await pause(GRACE, undefined, { ref: false });
    if (this.#groups.delete(group)) signalGroup(group, "SIGKILL");
  }
}

/** A command that runs. */
class RunningCommand {
  readonly connection: Connection;
  /** Whether the connection is in use: what becomes of the command is then told as it happens. */
  established = false;
  /** Resolves when it has ended and has said all. */
  readonly #over: Promise<void>;
  /** How it ended, in words; null: it has not. */
  #how: string | null = null;
  #last = "";

  /** @param closed called when the connection has closed; with whether the command has closed it */
  constructor(
    child: ChildProcess,
    private readonly program: string,
    { place, said, ended }: ViaCall,
    closed: (ends: boolean) => void,
  ) {
    const stream = new PipePair(child.stdout as Socket, child.stdin as Socket);
    let ends = false;
    stream.once("end", () => {
      ends = true;
    });
    stream.once("close", () => closed(ends));
    // What a command says that is ended here is of no interest: ssh tells by which signal.
    const left = () => stream.destroyed && !ends;
    const pass = (line: string) => {
      this.#last = line;
      if (!left()) said(line);
    };
    // However much it says, it is the way of a session.
    const flush = passLines(child.stderr as Socket, pass, Number.POSITIVE_INFINITY);
    this.connection = new Connection(stream, "server", { address: "", port: place.port }, { address: "", port: 0 });
    this.#over = new Promise((resolve) => {
      child.once("error", (fault) => {
        this.#how = reasonOf(fault);
        stream.destroy();
        resolve();
      });
      child.once("exit", (status, signal) => {
        this.#how = signal ?? `exit status ${status}`;
        if (this.established && !left() && status !== 0) ended(this.#how);
      });
      child.once("close", () => {
        flush();
        resolve();
      });
    });
  }

  /** Why there is no connection: how the command has ended, if it has. */
  async failure(fault: Failure): Promise<Failure> {
    await Promise.race([this.#over, pause(LAST_WORDS)]);
    const { blame, code, reply } = fault;
    if (this.#how === null) {
      if (code !== "server-silent") return fault;
      return new Failure(blame, "command", `${this.program}: no server answers through it`, replies.serverUnreachable);
    }
    // A refused certificate is a fault of the server, however the command ends then.
    if (code === "server-tls" && !hasClosed(fault)) return fault;
    const words = [this.program, this.#how, ...(this.#last ? [this.#last.trim()] : [])].join(": ");
    return new Failure("server", "command", words, reply ?? replies.serverUnreachable);
  }
}

/** The words of a command for one server. */
function expanded(argv: readonly string[], { host, port }: Place): string[] {
  const values: Record<string, string> = { "%h": host, "%p": String(port), "%%": "%" };
  return argv.map((word) => word.replace(/%[hp%]/g, (sign) => values[sign] as string));
}
