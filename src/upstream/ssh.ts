/**
 * --ssh: connections to servers through one login of ssh, which all sessions share. If it has ended meanwhile, or hangs,
 * a session logs in again.
 */

import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { now } from "../base/clock";
import { type Until, unlessAborted } from "../base/until";
import { ReadBuffers } from "../connection/buffers";
import { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { hasClosed, type Speaking, untilSpoken } from "./speaking";
import { SshMaster } from "./sshmaster";

/** How long a server may be silent before ssh is asked whether it is there at all, in milliseconds. */
const SILENCE = 5000;

/** How long what ssh has said last is the reason of further failures, in milliseconds: sessions fail together. */
const RECENT = 2000;

/** How long a process that has closed a connection may take to end, in milliseconds. */
const DYING = 100;

/** A connection that is wanted. */
interface SshCall extends Speaking {
  /** Called with each line that ssh says (latin1). */
  said(line: string): void;
  /** Called when ssh has ended, or does not answer, while sessions were using it. @param how in words */
  ended(how: string): void;
}

/** The login at one host, and the connections through it. */
export class Ssh {
  #master: SshMaster | null = null;
  readonly #lostOnes = new WeakSet<SshMaster>();
  readonly #closing = new Set<Promise<void>>();
  #last = { line: "", at: Number.NEGATIVE_INFINITY };

  /** @param host `[user@]host`, or a name of ssh's configuration */
  constructor(readonly host: string) {}

  /**
   * Connects to a server, and waits until it speaks, or for the handshake where TLS comes first.
   *
   * @param until gives up, with its reason
   * @throws the reason of `until`; Failure with what ssh has said
   */
  async dial(call: SshCall, until: Until): Promise<Connection> {
    for (let again = true; ; again = false) {
      const master = await this.#loggedIn(call, until);
      try {
        return await this.#through(master, call, until);
      } catch (thrown) {
        if (until.aborted) throw until.reason;
        const failure = Failure.of(thrown);
        const ended = this.#master !== master || !(await master.runs());
        if (ended) {
          this.#tell(master, call);
          this.#drop(master);
        }
        // A login that has ended since it was used last is no reason to fail.
        if (!ended || !again) throw failure;
      }
    }
  }

  /** Ends the login. Resolves when nothing of it is left. */
  async close(): Promise<void> {
    if (this.#master) this.#drop(this.#master);
    await Promise.all(this.#closing);
  }

  /** The master, logged in: sessions that want it at the same time share the login, and its failure. */
  async #loggedIn(call: SshCall, until: Until): Promise<SshMaster> {
    until.throwIfAborted();
    this.#master ??= new SshMaster(this.host, call.timeout, call.said);
    const master = this.#master;
    try {
      await unlessAborted(master.loggedIn(), until);
      return master;
    } catch (thrown) {
      if (!until.aborted) this.#drop(master);
      throw thrown;
    }
  }

  async #through(master: SshMaster, call: SshCall, until: Until): Promise<Connection> {
    const path = await this.#socket(master, call, until);
    const buffers = new ReadBuffers();
    const socket = connect({ path, allowHalfOpen: true, onread: buffers });
    const { port } = call.place;
    const connection = new Connection(socket, "server", { address: "", port }, { address: "", port: 0 }, buffers);
    // ssh has said why before it closes a connection.
    socket.once("close", () => this.#tell(master, call));
    let established = false;
    const ended = () => {
      if (established && !socket.writableEnded) void this.#lookAfter(master, call);
    };
    let full = false;
    const failed = ({ code }: NodeJS.ErrnoException) => {
      full = code === "EAGAIN";
      ended();
    };
    socket.once("end", ended).once("error", failed);
    const silence = setTimeout(async () => {
      if (await master.answers()) return;
      this.#lost(master, "no answer", call);
      connection.fail(commandFailure("it does not answer any more"));
    }, SILENCE);
    try {
      await untilSpoken(connection, call, until);
      established = true;
      return connection;
    } catch (thrown) {
      connection.destroy();
      // ssh has so many connections to accept that the system takes no more: it is busy, or hangs.
      if (full && !(await master.answers())) this.#lost(master, "no answer", call);
      this.#tell(master, call);
      throw until.aborted ? thrown : this.#reason(Failure.of(thrown));
    } finally {
      clearTimeout(silence);
    }
  }

  /** As `SshMaster.socket`; a master that fails here is asked whether it hangs. */
  async #socket(master: SshMaster, call: SshCall, until: Until): Promise<string> {
    try {
      return await unlessAborted(master.socket(call.place, call.timeout, until), until);
    } catch (thrown) {
      if (!until.aborted && !(await master.answers())) this.#lost(master, "no answer", call);
      throw thrown;
    }
  }

  /** Looks whether the master has ended: to a session that looks as if the server had closed. */
  async #lookAfter(master: SshMaster, call: SshCall): Promise<void> {
    await pause(DYING, undefined, { ref: false });
    if (!(await master.runs())) this.#lost(master, "ended", call);
  }

  /** Tells once that the master is of no use any more, and what it has said. */
  #lost(master: SshMaster, how: string, call: SshCall): void {
    if (this.#lostOnes.has(master)) return;
    this.#lostOnes.add(master);
    this.#tell(master, call);
    this.#drop(master);
    call.ended(how);
  }

  /** Tells what ssh has said meanwhile. */
  #tell(master: SshMaster, { said }: SshCall): void {
    for (const line of master.news()) {
      this.#last = { line, at: now() };
      said(line);
    }
  }

  /** The failure of a session, with what ssh has said of it. */
  #reason(failure: Failure): Failure {
    if (failure.code === "server-silent") return commandFailure("no server answers through it");
    if (!hasClosed(failure)) return failure;
    const { line, at } = this.#last;
    return commandFailure(now() - at < RECENT ? line : "the connection was closed before a server spoke");
  }

  /** The next session logs in again. */
  #drop(master: SshMaster): void {
    if (this.#master === master) this.#master = null;
    const closed = master.close().then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

function commandFailure(reason: string): Failure {
  return new Failure("server", "command", `ssh: ${reason}`, replies.serverUnreachable);
}
