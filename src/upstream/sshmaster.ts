/**
 * One login of ssh(1) that stays: a master (ssh_config(5), ControlMaster) in the background, and a socket for each
 * server that it forwards. A session is then only a connection to such a socket: no process is started for it.
 *
 * All files are in a folder that nobody else may enter. ssh runs in that folder and gets short names: the name of a
 * socket has a bound, and ssh expands signs in it.
 */

import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inWords, reasonOf } from "../base/faults";
import { Slots } from "../base/slots";
import { Abort, type Until } from "../base/until";
import { runProgram, STDERR_LINE, STDERR_LINES } from "../process/children";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import type { Place } from "../session/needs";

/** How long a master stays without sessions, in seconds. */
const PERSIST = 300;

/** How many servers are forwarded at the same time. Clients may select any of a list with wildcards. */
const FORWARDS = 100;

/** How many are asked for at the same time: each is a process, and goes on when the client that wanted it has left. */
const ASKED = 8;

/** How long a master may take to answer ssh on this machine, and to end, in milliseconds. */
const ANSWER = 10_000;
const EXIT = 5000;

const PREFIX = "pop3.proxy-ssh-";
const CONTROL = "./master";
const LOG = "log";

/** The longest name of a socket that every system takes, in octets. */
const SOCKET_NAME = 103;

/**
 * Tries the folder for sockets, with the rights that sessions will have.
 *
 * @throws Error in one line
 */
export function requireSockets(): void {
  const folder = tmpdir();
  const longest = join(folder, `${PREFIX}XXXXXX`, "99999999");
  if (Buffer.byteLength(longest) > SOCKET_NAME) {
    const most = SOCKET_NAME - (Buffer.byteLength(longest) - Buffer.byteLength(folder));
    throw new Error(`--ssh: the name of ${folder} is too long for sockets in it: set TMPDIR to one of ${most} octets`);
  }
  try {
    rmSync(mkdtempSync(join(folder, PREFIX)), { recursive: true });
  } catch (thrown) {
    throw new Error(`--ssh: no folder can be made in ${folder}: ${reasonOf(thrown as Error)}; see TMPDIR and -u`);
  }
}

interface Forward {
  readonly name: string;
  readonly listens: Promise<void>;
}

/** The login of one account at one host. */
export class SshMaster {
  readonly #folder: string;
  readonly #login: Promise<void>;
  /** The name of each server's socket, and when ssh listens there; the server that was wanted last is at the end. */
  readonly #forwards = new Map<string, Forward>();
  readonly #asked = new Slots(ASKED);
  readonly #unwanted = new Abort();
  #sockets = 0;
  #pid = 0;
  #answer: Promise<boolean> | null = null;
  #closed: Promise<void> | null = null;

  /**
   * Begins to log in.
   *
   * @param host as ssh takes it
   * @param limit for the login, in milliseconds
   * @param said called with each line that ssh says
   * @throws Failure if there is no folder for the sockets
   */
  constructor(
    private readonly host: string,
    limit: number,
    said: (line: string) => void,
  ) {
    try {
      // The folder's rights are 0700.
      this.#folder = mkdtempSync(join(tmpdir(), PREFIX));
    } catch (thrown) {
      throw new Failure("gateway", "command", `ssh: ${inWords(thrown as Error)}`, replies.serverUnreachable);
    }
    const fixed = ["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "Compression=yes"];
    const master = [
      "ClearAllForwardings=yes",
      "ControlMaster=yes",
      `ControlPersist=${PERSIST}`,
      `ControlPath=${CONTROL}`,
      "LogLevel=INFO",
    ];
    const options = [...fixed, ...master].flatMap((option) => ["-o", option]);
    // ssh goes to the background when it has logged in, so its exit tells that. What it says later is in its log.
    this.#login = this.#run([...options, "-E", LOG, "-f", "-N"], limit, said).then(() => this.#learnPid());
    this.#login.catch(() => {});
  }

  /** Whether the login has succeeded. @throws Failure with what ssh has said */
  async loggedIn(): Promise<void> {
    await this.#login;
  }

  /**
   * The path of a socket that leads to a server.
   *
   * @param within how long to wait for other servers' sockets, in milliseconds
   * @param until gives that wait up, with its reason
   * @throws Failure; the reason of `until`
   */
  async socket({ host, port }: Place, within: number, until: Until): Promise<string> {
    const server = `[${host}]:${port}`;
    const forward = this.#forwards.get(server) ?? (await this.#inTurn(server, within, until));
    this.#forwards.delete(server);
    this.#forwards.set(server, forward);
    this.#bound();
    try {
      await forward.listens;
    } catch (thrown) {
      this.#forwards.delete(server);
      throw thrown;
    }
    return join(this.#folder, forward.name);
  }

  /** What ssh has said since this was asked last, as lines (latin1), so many and so long as the log takes. */
  news(): string[] {
    const file = join(this.#folder, LOG);
    try {
      if (statSync(file).size === 0) return [];
      const lines = readFileSync(file, "latin1").split(/\r?\n/).filter(Boolean);
      // ssh appends to it.
      truncateSync(file);
      return lines.slice(-STDERR_LINES).map((line) => line.slice(0, STDERR_LINE));
    } catch {
      return [];
    }
  }

  /** Whether the master is there; a fault that does not tell, such as no free descriptor, is none of its. */
  async runs(): Promise<boolean> {
    return new Promise<boolean>((resolve) => {
      const socket = connect(join(this.#folder, CONTROL));
      // With EAGAIN a master that hangs has more connections to accept than the system takes.
      socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
    });
  }

  /** Whether the master answers: one that hangs is there, and does not. One that can't be asked is taken to answer. */
  answers(): Promise<boolean> {
    this.#answer ??= this.#control(["-O", "check"])
      .then(
        () => true,
        (thrown) => Failure.of(thrown).blame === "gateway",
      )
      .finally(() => {
        this.#answer = null;
      });
    return this.#answer;
  }

  /** Ends it, and removes its files. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#unwanted.abort(new Error("not needed any more"));
    if (await this.runs()) await this.#control(["-O", "exit"], EXIT).catch(() => this.#kill());
    await rm(this.#folder, { recursive: true, force: true }).catch(() => {});
  }

  /** Kills a master that is there and does not answer. */
  #kill(): void {
    try {
      if (this.#pid > 0) process.kill(this.#pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }

  async #learnPid(): Promise<void> {
    await this.#control(["-O", "check"], ANSWER, (line) => {
      this.#pid = Number(/\(pid=(\d+)\)/.exec(line)?.[1] ?? 0);
    });
  }

  /** A server's forwarding, when it may be asked for: another session may have done so meanwhile. */
  async #inTurn(server: string, within: number, until: Until): Promise<Forward> {
    const give = await this.#asked.takeWithin(within, until);
    if (!give) throw new Failure("server", "command", "ssh: too many servers at once", replies.serverUnreachable);
    const forward = this.#forwards.get(server) ?? this.#forward(server);
    this.#forwards.set(server, forward);
    forward.listens.then(give, give);
    return forward;
  }

  #forward(server: string): Forward {
    const name = `${++this.#sockets}`;
    return { name, listens: this.#control(["-O", "forward", "-L", `./${name}:${server}`]) };
  }

  /** Forgets the server that was not wanted for the longest time. Its sessions go on. */
  #bound(): void {
    const [oldest] = this.#forwards;
    if (this.#forwards.size <= FORWARDS || !oldest) return;
    const [server, { name, listens }] = oldest;
    this.#forwards.delete(server);
    const cancelled = listens.then(() => this.#control(["-O", "cancel", "-L", `./${name}:${server}`]));
    cancelled.then(() => rm(join(this.#folder, name), { force: true })).catch(() => {});
  }

  /** Says something to the master; it needs no file of ssh's configuration for that. @throws Failure */
  #control(words: readonly string[], limit = ANSWER, said = (_line: string) => {}): Promise<void> {
    return this.#run(["-F", "none", "-S", CONTROL, ...words], limit, said);
  }

  /** Runs ssh until its exit. @throws Failure with how it has ended, and what it has said last */
  async #run(words: readonly string[], limit: number, said: (line: string) => void): Promise<void> {
    const isLogin = words.includes(LOG);
    let last = "";
    const tell = (line: string) => {
      last = line.trim();
      said(line);
    };
    const run = { cwd: this.#folder, limit, said: tell };
    const fault = await runProgram("ssh", [...words, "--", this.host], run, isLogin ? this.#unwanted : null);
    if (fault === null) return;
    if (isLogin) for (const line of this.news()) tell(line);
    const reason = ["ssh", fault.how, ...(last ? [last] : [])].join(": ");
    throw new Failure(fault.ran ? "server" : "gateway", "command", reason, replies.serverUnreachable);
  }
}
